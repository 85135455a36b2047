//! Replays every input that is kept, without a fuzzer.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use conch_fuzz::TARGETS;

/// The most bytes that the inputs of a target have together: they are read with each clone.
const MAX_BYTES: usize = 128 * 1024;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("it is in the repository");
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    paths
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    let paths = files_in(folder);
    let stems = paths.iter().filter_map(|path| path.file_stem());
    stems
        .map(|stem| stem.to_string_lossy().into_owned())
        .collect()
}

#[test]
fn every_target_has_its_inputs_and_its_program() {
    let targets: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names_in(&folder("corpus")), targets);
    assert_eq!(names_in(&folder("targets")), targets);
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "shown with a failure: whose input it was"
)]
fn every_kept_input_holds() {
    for (name, target) in TARGETS {
        let mut bytes = 0;
        let inputs = files_in(&folder("corpus").join(name));
        assert!(inputs.len() > 5, "{name} has too few inputs");
        for path in inputs {
            let input = fs::read(&path).unwrap();
            bytes += input.len();
            println!("{}", path.display());
            target(&input);
        }
        assert!(
            bytes <= MAX_BYTES,
            "{name} has {bytes} bytes: minimise them"
        );
    }
}
