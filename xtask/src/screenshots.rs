//! `cargo xtask screenshots`: every view and state of the window, drawn into `docs/screenshots`. The crate
//! `conch-scenes` drives the window; this builds what it needs and starts it.

use std::ffi::OsString;

use crate::application;
use crate::error::Error;
use crate::terminal::heading;
use crate::tool::Tool;
use crate::workspace::Workspace;

const FOLDER: &str = "docs/screenshots";

/// Draws the scenes that the arguments name, or all of them.
///
/// # Errors
/// When something could not be built, or a scene could not be set up.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<(), Error> {
    let binary = application::build(workspace)?;
    heading("drawing every view and state");
    Tool::cargo(workspace.root())
        .args(["run", "--quiet", "--package", "conch-scenes"])
        .args(["--bin", "screenshots", "--"])
        .arg(binary)
        .arg(FOLDER)
        .args(arguments)
        .run()
}
