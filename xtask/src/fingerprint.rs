//! Detects by content whether something has to be done again.
//!
//! Contents and not modification times, because a checkout, a cached folder of a CI machine or an editor's save may
//! set any time.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::Error;

/// Returns the sha256 of a file in lower-case hexadecimal.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn of_file(path: &Path) -> Result<String, Error> {
    let mut file = File::open(path).map_err(Error::file("read", path))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let length = file.read(&mut buffer).map_err(Error::file("read", path))?;
        if length == 0 {
            return Ok(hex(hash));
        }
        hash.update(&buffer[..length]);
    }
}

/// Returns one sha256 over the names and contents of all files under a folder, except those in folders of its first
/// level that are named in `without`.
///
/// # Errors
/// When something in it cannot be read.
pub(crate) fn of_tree(folder: &Path, without: &[&str]) -> Result<String, Error> {
    let mut files = Vec::new();
    collect(folder, without, &mut files)?;
    files.sort();
    let mut hash = Sha256::new();
    for path in files {
        let name = path
            .strip_prefix(folder)
            .unwrap_or(&path)
            .to_string_lossy()
            .replace('\\', "/");
        hash.update(format!("{name}\n{}\n", of_file(&path)?));
    }
    Ok(hex(hash))
}

fn collect(folder: &Path, without: &[&str], files: &mut Vec<PathBuf>) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(Error::file("read", folder))? {
        let entry = entry.map_err(Error::file("read", folder))?;
        let path = entry.path();
        if without.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if path.is_dir() {
            collect(&path, &[], files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn hex(hash: Sha256) -> String {
    hash.finalize()
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            // Writing into a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// A small file that stores the fingerprint of what was done last.
#[derive(Debug, Clone)]
pub(crate) struct Stamp(PathBuf);

impl Stamp {
    /// Creates a stamp in that file, which may not exist yet.
    pub(crate) fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Returns whether the stored fingerprint is this one.
    pub(crate) fn is(&self, fingerprint: &str) -> bool {
        fs::read_to_string(&self.0).is_ok_and(|text| text.trim_end() == fingerprint)
    }

    /// Stores a fingerprint.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, fingerprint: &str) -> Result<(), Error> {
        fs::write(&self.0, format!("{fingerprint}\n")).map_err(Error::file("write", &self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_file_has_its_sha256() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "abc").unwrap();
        assert_eq!(of_file(&path).unwrap(), ABC);
    }

    #[test]
    fn a_tree_changes_with_names_and_contents_but_not_with_left_out_folders() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("src/deep")).unwrap();
        fs::create_dir_all(root.join("dist")).unwrap();
        fs::write(root.join("src/deep/a.ts"), "1").unwrap();
        let first = of_tree(root, &["dist"]).unwrap();

        fs::write(root.join("dist/out.js"), "built").unwrap();
        assert_eq!(of_tree(root, &["dist"]).unwrap(), first);

        fs::rename(root.join("src/deep/a.ts"), root.join("src/deep/b.ts")).unwrap();
        let renamed = of_tree(root, &["dist"]).unwrap();
        assert_ne!(renamed, first);

        fs::write(root.join("src/deep/b.ts"), "2").unwrap();
        assert_ne!(of_tree(root, &["dist"]).unwrap(), renamed);
    }

    #[test]
    fn a_stamp_knows_only_what_was_written_last() {
        let folder = tempfile::tempdir().unwrap();
        let stamp = Stamp::at(folder.path().join("stamp"));
        assert!(!stamp.is(ABC), "a stamp that is not there knows nothing");
        stamp.write(ABC).unwrap();
        assert!(stamp.is(ABC));
        stamp.write("other").unwrap();
        assert!(!stamp.is(ABC));
    }
}
