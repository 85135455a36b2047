//! `cargo xtask prove`: the campaign against the generation lock. The work is done by the crate `conch-proof`; this
//! builds and starts it.

use std::ffi::OsString;

use crate::error::Error;
use crate::tool::Tool;
use crate::workspace::Workspace;
use crate::{application, page};

/// How much of the campaign is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Amount {
    /// All of it, optimised, reported in `docs/RELIABILITY.md`.
    Full,
    /// The part that runs with the tests, in the profile that they are built in.
    Quick,
}

/// Runs the named kinds, or all of them.
///
/// # Errors
/// When an invariant was violated, or the campaign could not run.
pub(crate) fn run(workspace: &Workspace, amount: Amount, kinds: &[OsString]) -> Result<(), Error> {
    let application = match amount {
        Amount::Full => application::build(workspace)?,
        Amount::Quick => {
            page::build(workspace)?;
            // With the tests' features, so that what they have built is reused.
            Tool::cargo(workspace.root())
                .args(["build", "--workspace", "--tests"])
                .args(["--bin", "conch", "--bin", "prove"])
                .run()?;
            workspace.debug_binary("conch")
        }
    };
    let mut prove = match amount {
        Amount::Full => Tool::cargo(workspace.root())
            .args(["run", "--release", "--package", "conch-proof"])
            .args(["--bin", "prove", "--"]),
        Amount::Quick => Tool::new(workspace.debug_binary("prove"), "its messages stand above")
            .dir(workspace.root())
            .arg("--quick"),
    };
    if amount == Amount::Full && kinds.is_empty() {
        prove = prove.args(["--report", "docs/RELIABILITY.md"]);
    }
    prove
        .env("CONCH_PROVE_BINARY", application)
        .args(kinds)
        .run()
}
