//! `cargo xtask prove`: the campaign against the generation lock. The work is done by the crate
//! `conch-proof`; this knows how to build and start it.

use std::ffi::OsString;

use crate::error::Error;
use crate::tool::Tool;
use crate::workspace::Workspace;

/// How much of the campaign is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Amount {
    /// All of it, optimised, reported in `docs/RELIABILITY.md`.
    Full,
    /// The part that belongs to the tests, in the profile that they are built in.
    Quick,
}

/// Runs the kinds of that name, or all of them.
///
/// # Errors
/// When something was violated, or the campaign could not run.
pub(crate) fn run(workspace: &Workspace, amount: Amount, kinds: &[OsString]) -> Result<(), Error> {
    let mut cargo = Tool::cargo(workspace.root()).arg("run");
    if amount == Amount::Full {
        cargo = cargo.arg("--release");
    }
    cargo = cargo.args(["--package", "conch-proof", "--bin", "prove", "--"]);
    cargo = match amount {
        Amount::Full if kinds.is_empty() => cargo.args(["--report", "docs/RELIABILITY.md"]),
        Amount::Full => cargo,
        Amount::Quick => cargo.arg("--quick"),
    };
    cargo.args(kinds).run()
}
