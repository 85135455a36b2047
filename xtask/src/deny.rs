//! `cargo xtask test`, stage `deny`: checks the dependencies against `deny.toml`.
//!
//! The advisory database is a git repository, which not every machine can reach. When it cannot be fetched within a
//! minute, the rest is checked, and the omission is reported.

use std::thread;
use std::time::Duration;

use crate::cargo_tool::CargoTool;
use crate::error::Error;
use crate::terminal::{Stopwatch, say};
use crate::tool::Tool;
use crate::workspace::Workspace;

/// The timeout for fetching the database.
const FETCH_TIMEOUT: Duration = Duration::from_mins(1);

/// Checks licences, bans and sources, and security advisories where the database can be fetched.
///
/// # Errors
/// When something is found, or cargo-deny cannot run.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Error> {
    let deny = CargoTool::DENY.place(workspace)?;
    // A crate of another system may have to be downloaded, because all systems are checked.
    deny.tool()?
        .args(["--workspace", "check", "bans", "licenses", "sources"])
        .run()?;
    if !fetch_database(deny.tool()?)? {
        say("deny: the database of known faults cannot be had here, so those were not checked");
        return Ok(());
    }
    deny.tool()?
        .args(["--workspace", "--offline", "check", "advisories"])
        .run()
}

fn fetch_database(deny: Tool) -> Result<bool, Error> {
    let watch = Stopwatch::start();
    // Its messages on a machine without network are not an error of this check.
    let mut fetching = deny
        .args(["--log-level", "off", "fetch", "db"])
        .pass_through()?;
    while watch.elapsed() < FETCH_TIMEOUT {
        if let Some(status) = fetching.try_wait()? {
            return Ok(status.success());
        }
        thread::sleep(Duration::from_millis(100));
    }
    // It may have ended just now; otherwise it is killed.
    drop(fetching.child.kill());
    fetching.wait()?;
    Ok(false)
}
