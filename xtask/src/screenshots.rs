//! `cargo xtask screenshots`: every view and state of the window, drawn into `docs/screenshots`. The crate
//! `conch-scenes` drives the window; this builds what it needs and starts it.

use std::ffi::OsString;

use xshell::cmd;

use crate::application;
use crate::terminal::heading;
use crate::workspace::Workspace;

/// Draws the scenes that the arguments name, or all of them.
///
/// # Errors
/// When something could not be built, or a scene could not be set up.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> anyhow::Result<()> {
    let binary = application::build(workspace)?;
    heading("drawing every view and state");
    let draw = cmd!(
        workspace.shell(),
        "cargo run --quiet --package conch-scenes --bin screenshots -- {binary} docs/screenshots {arguments...}"
    );
    Ok(draw.run()?)
}
