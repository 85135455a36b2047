//! The direction of dependencies, as ARCHITECTURE.md states it: core depends on neither the window nor the model
//! engine, the engine on neither the window nor the store, and Markdown and attachments on none of them.

use anyhow::bail;
use xshell::{Shell, cmd};

use crate::terminal::say;

/// A crate and the prefixes of the names that must not appear anywhere in its dependency tree.
const RULES: &[(&str, &[&str])] = &[
    (
        "conch-core",
        &[
            "tauri",
            "wry",
            "tao",
            "gtk",
            "webkit2gtk",
            "llama-cpp",
            "conch-engine",
            "conch-markdown",
        ],
    ),
    ("conch-model", &["tauri", "tokio", "reqwest", "sqlx"]),
    (
        "conch-gguf",
        &["tauri", "tokio", "reqwest", "sqlx", "llama-cpp"],
    ),
    (
        "conch-store",
        &["tauri", "reqwest", "conch-provider", "conch-core"],
    ),
    (
        "conch-provider",
        &["tauri", "sqlx", "conch-store", "conch-core"],
    ),
    (
        "conch-engine",
        &[
            "tauri",
            "wry",
            "tao",
            "gtk",
            "webkit2gtk",
            "sqlx",
            "conch-core",
        ],
    ),
    (
        "conch-markdown",
        &["tauri", "tokio", "reqwest", "sqlx", "conch-core"],
    ),
    (
        "conch-attachments",
        &["tauri", "tokio", "reqwest", "sqlx", "conch-core"],
    ),
];

/// Checks every rule against cargo's resolved tree.
///
/// # Errors
/// When a forbidden crate is found, or cargo cannot read the tree.
pub(crate) fn check(shell: &Shell) -> anyhow::Result<()> {
    for &(package, forbidden) in RULES {
        let tree = cmd!(shell, "cargo tree --package {package} --prefix none")
            .quiet()
            .read()?;
        if let Some(found) = find(&tree, forbidden) {
            bail!(
                "{package} depends on {found}, which ARCHITECTURE.md rules out; `cargo tree -p {package} -i {found}` shows the way there"
            );
        }
        say(format!(
            "{package} reaches none of {}",
            forbidden.join(", ")
        ));
    }
    Ok(())
}

fn find<'tree>(tree: &'tree str, forbidden: &[&str]) -> Option<&'tree str> {
    tree.lines()
        .filter_map(|line| line.split_whitespace().next())
        .find(|name| {
            forbidden.iter().any(|&start| {
                name.strip_prefix(start)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbidden_crate_and_its_family_are_found() {
        assert_eq!(
            find(
                "conch-core v0.1.0 (/x)\nserde v1.0.0\ntauri v2.12.0\n",
                &["tauri"]
            ),
            Some("tauri")
        );
        assert_eq!(
            find("llama-cpp-sys-2 v0.1.161\n", &["llama-cpp"]),
            Some("llama-cpp-sys-2")
        );
    }

    #[test]
    fn a_name_that_only_begins_alike_is_not() {
        assert_eq!(find("taos v0.1.0\nserde v1.0.0 (*)\n\n", &["tao"]), None);
    }
}
