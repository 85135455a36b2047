//! Everything that can stop a command, each as one line: what was tried, how it failed, what to do.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a command stopped.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The command line is not a valid xtask command.
    #[error("{0}")]
    Usage(String),
    /// A program that a step needs could not be started at all.
    #[error("cannot start `{command}`: {source}; {remedy}")]
    Start {
        /// The command line as a person would type it.
        command: String,
        /// The operating system's error.
        source: io::Error,
        /// What the user should do.
        remedy: String,
    },
    /// A program ran and failed.
    #[error("`{command}` {how}{said}; {remedy}")]
    Failed {
        /// The command line as a person would type it.
        command: String,
        /// How it ended, for example `ended with exit code 1`.
        how: String,
        /// `: ` and its last line, or nothing when its output is already on the screen.
        said: String,
        /// What the user should do.
        remedy: String,
    },
    /// A file or folder could not be read or written.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// The verb that completes "cannot …".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// Something that the project needs is not on this machine, and xtask does not install it here.
    #[error("{what}; {remedy}")]
    Missing {
        /// What is missing, or which version was found instead.
        what: String,
        /// What the user should do.
        remedy: String,
    },
    /// A program's output could not be parsed.
    #[error("cannot understand what `{command}` answered: {answer}")]
    UnexpectedOutput {
        /// The command line as a person would type it.
        command: String,
        /// The output, or why it could not be parsed.
        answer: String,
    },
    /// A downloaded or stored file is not the one that the project expects.
    #[error("{path} has sha256 {found} instead of {expected}; {remedy}")]
    Checksum {
        /// The file that was hashed.
        path: PathBuf,
        /// Its sha256 in lower-case hexadecimal.
        found: String,
        /// The sha256 that the project pins.
        expected: &'static str,
        /// What the user should do.
        remedy: &'static str,
    },
    /// The committed `.sqlx` does not match the queries in the code.
    #[error(".sqlx is stale ({0}); run `cargo xtask queries` and commit the result")]
    StaleQueries(String),
    /// The check of conch-core wrote no query data although `.sqlx` has some.
    #[error(
        "the check of conch-core wrote no query data although .sqlx holds some; nothing was changed, \
         see whether `cargo check -p conch-core` compiles src-tauri/core/src/lib.rs"
    )]
    NoQueries,
    /// A crate depends on something that the architecture forbids.
    #[error(
        "{package} depends on {found}, which ARCHITECTURE.md rules out; `cargo tree -p {package} -i {found}` shows the way there"
    )]
    Direction {
        /// The crate whose tree was read.
        package: &'static str,
        /// The forbidden crate found in it.
        found: String,
    },
    /// The fuzzer found input that breaks its target.
    #[error(
        "the fuzzer broke {0}: each input is in target/fuzz, and its words stand above; mend the cause, and keep the input in tests/fuzz/corpus unless it breaks a crate of others"
    )]
    Fuzzed(String),
    /// A stage of `cargo xtask test` failed; its own line precedes this one.
    #[error("stage {stage} failed: {source}")]
    Stage {
        /// The stage's name, as `--only` takes it.
        stage: &'static str,
        /// Why it failed.
        source: Box<Error>,
    },
}

impl Error {
    /// Returns a function for `map_err` that names the action and the path.
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }
}
