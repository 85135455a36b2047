//! Imports inside the core run one way: a module imports only modules below it, and none names sqlx.

use std::fs;
use std::path::Path;

/// What comes from the crates below, by the names that the core gives it. That those crates know neither the core nor
/// each other, cargo and `cargo xtask test --only direction` check.
const GROUND: &[&str] = &[
    "model", "clock", "child", "keys", "network", "web", "events", "folder", "start", "store",
];

/// The top-level modules, from the ground up.
const LAYERS: &[&str] = &[
    "sync",
    "keeper",
    "tokens",
    // What one part of the application owns.
    "attachments",
    "live",
    // The errors of all these, as one type.
    "error",
    "bounds",
    "indexing",
    "lock",
    "provider",
    "recovery",
    "turns",
    "app",
];

/// Entry points for `tests/fuzz`: what an answer's stream makes of a turn is part of what they return.
const EXCEPT: &[(&str, &str)] = &[("provider/fuzzing.rs", "turns")];

#[test]
fn imports_run_one_way() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&source, &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let name = file.strip_prefix(&source).unwrap().to_str().unwrap();
        let name = name.replace('\\', "/");
        let module = name.split('/').next().unwrap().trim_end_matches(".rs");
        let is_test = name.contains("/tests/") || name.ends_with("/tests.rs");
        if module == "lib" || is_test {
            continue;
        }
        let own = layer(module).unwrap_or_else(|| panic!("{name} is in no layer"));
        let code = product_code(&fs::read_to_string(&file).unwrap());
        if code.contains("sqlx") {
            wrong.push(format!("{name} names sqlx"));
        }
        let above = |name: &String| !GROUND.contains(&name.as_str());
        for imported in imports(&code).into_iter().filter(above) {
            let is_excepted = EXCEPT.contains(&(name.as_str(), imported.as_str()));
            match layer(&imported) {
                Some(layer) if layer > own && !is_excepted => {
                    wrong.push(format!("{name} imports {imported}"));
                }
                Some(_) => {}
                None => panic!("{name} imports {imported}, which is in no layer"),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|name| *name == module)
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("a source").path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// Returns a file's code without comments and tests.
fn product_code(text: &str) -> String {
    let product = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or(text);
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    product
        .lines()
        .filter(is_code)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Returns the top-level modules that are named after `crate::`.
fn imports(code: &str) -> Vec<String> {
    assert!(
        !code.contains("crate::{"),
        "name the module after `crate::`, for this test"
    );
    let name = |rest: &str| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        rest[..end.unwrap_or(rest.len())].to_owned()
    };
    code.split("crate::").skip(1).map(name).collect()
}
