//! `cargo xtask test`, stage `deny`: checks the dependencies against `deny.toml`.
//!
//! The advisory database is a git repository, which not every machine can reach. When it cannot be fetched within a
//! minute, the rest is checked, and the omission is reported.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use xshell::{Shell, cmd};

use crate::cargo_tool::{self, CargoTool};
use crate::terminal::{Stopwatch, say};
use crate::workspace::Workspace;

/// The timeout for fetching the database.
const FETCH_TIMEOUT: Duration = Duration::from_mins(1);

/// Checks licences, bans and sources, and security advisories where the database can be fetched.
///
/// # Errors
/// When something is found, or cargo-deny cannot run.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    let shell = workspace.shell();
    let deny = CargoTool::find(workspace, cargo_tool::DENY)?.program()?;
    // A crate of another system may have to be downloaded, because all systems are checked.
    cmd!(shell, "{deny} --workspace check bans licenses sources").run()?;
    if !fetch_database(shell, &deny)? {
        say("deny: the database of known faults cannot be had here, so those were not checked");
        return Ok(());
    }
    Ok(cmd!(shell, "{deny} --workspace --offline check advisories").run()?)
}

fn fetch_database(shell: &Shell, deny: &Path) -> anyhow::Result<bool> {
    let watch = Stopwatch::start();
    // Its messages on a machine without network are not an error of this check.
    let mut fetching = Command::from(cmd!(shell, "{deny} --log-level off fetch db")).spawn()?;
    while watch.elapsed() < FETCH_TIMEOUT {
        if let Some(status) = fetching.try_wait()? {
            return Ok(status.success());
        }
        thread::sleep(Duration::from_millis(100));
    }
    // It may have ended just now; otherwise it is killed.
    drop(fetching.kill());
    fetching.wait()?;
    Ok(false)
}
