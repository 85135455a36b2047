//! `cargo xtask prove`: the campaign against the generation lock. The work is done by the crate `conch-proof`; this
//! builds and starts it.

use std::ffi::OsString;

use xshell::cmd;

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
pub(crate) fn run(workspace: &Workspace, amount: Amount, kinds: &[OsString]) -> anyhow::Result<()> {
    let shell = workspace.shell();
    let (application, prove) = match amount {
        Amount::Full => {
            let application = application::build(workspace)?;
            cmd!(
                shell,
                "cargo build --release --package conch-proof --bin prove"
            )
            .run()?;
            let prove = workspace.program("release", "prove");
            let report = ["--report", "docs/RELIABILITY.md"];
            let report = report.iter().filter(|_| kinds.is_empty());
            (application, cmd!(shell, "{prove} {report...}"))
        }
        Amount::Quick => {
            page::build(shell)?;
            // With the tests' features, so that what they have built is reused.
            cmd!(
                shell,
                "cargo build --workspace --tests --bin conch --bin prove"
            )
            .run()?;
            let prove = workspace.program("debug", "prove");
            (
                workspace.program("debug", "conch"),
                cmd!(shell, "{prove} --quick"),
            )
        }
    };
    let prove = prove.args(kinds).env("CONCH_PROVE_BINARY", application);
    Ok(prove.run()?)
}
