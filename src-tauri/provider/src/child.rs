//! Child processes of this executable, which load a model or parse an untrusted file: each gets a minimal
//! environment without API keys, addresses and proxies.

use std::ffi::OsStr;
use std::path::Path;

use tokio::process::Command;

/// The environment variables that a child inherits: library paths, home and temporary folders, language, log
/// level.
const VARIABLES: &[&str] = &[
    "CONCH_LOG",
    "CONCH_DUMPABLE",
    "DYLD_LIBRARY_PATH",
    "HOME",
    "LANG",
    "LANGUAGE",
    "LD_LIBRARY_PATH",
    "PATH",
    "RUST_BACKTRACE",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "TMPDIR",
    "TZ",
    "USERPROFILE",
];

/// Prefixes of inherited variables that only select a language or configure the compute backend.
const PREFIXES: &[&str] = &["CUDA_", "GGML_", "LC_", "LLAMA_", "VK_"];

/// Returns a command for the program with that environment. The child is killed on drop.
pub fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| is_for_children(name)))
        .kill_on_drop(true);
    command
}

fn is_for_children(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| {
        let begins = |beginning: &&str| name.starts_with(beginning);
        // Variable names are case-insensitive on Windows.
        let is = |known: &&str| known.eq_ignore_ascii_case(name);
        VARIABLES.iter().any(is) || PREFIXES.iter().any(begins)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment_variables;

    #[test]
    fn a_child_is_given_no_key_no_address_and_no_proxy() {
        let others = [
            "ALL_PROXY",
            "https_proxy",
            "AWS_SECRET_ACCESS_KEY",
            "CONCH_DATA_DIR",
        ];
        for name in environment_variables().chain(others) {
            assert!(!is_for_children(OsStr::new(name)), "{name}");
        }
        for name in ["PATH", "LC_ALL", "GGML_VK_VISIBLE_DEVICES", "SystemRoot"] {
            assert!(is_for_children(OsStr::new(name)), "{name}");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_childs_environment_holds_nothing_else() {
        // cargo sets this one for every test.
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
        let output = command(Path::new("env")).output().await.unwrap();
        let environment = String::from_utf8(output.stdout).unwrap();
        assert!(environment.contains("PATH="), "{environment}");
        for line in environment.lines() {
            let name = line.split('=').next().unwrap_or_default();
            assert!(is_for_children(OsStr::new(name)), "{name}");
        }
    }
}
