//! `cargo xtask dev`: a debug window whose page is reloaded, and whose application is rebuilt and restarted, when a
//! source changes.
//!
//! It has a data folder of its own below the target folder, and inherits none of the developer's provider keys.

use std::ffi::OsString;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use crate::error::Error;
use crate::terminal::{failure, heading, say};
use crate::tool::{Running, Tool};
use crate::workspace::Workspace;
use crate::{fingerprint, page, setup};

/// How often the sources are compared.
const INTERVAL: Duration = Duration::from_millis(500);

/// What the application is built from, besides the page.
const SOURCES: [&str; 2] = ["src-tauri", "migrations"];

/// Opens the window and keeps it up to date until it is closed; returns the application's exit code.
///
/// # Errors
/// When the set-up or the first build fails, or a program cannot be started.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<ExitCode, Error> {
    setup::run(workspace)?;
    page::build(workspace)?;
    let mut bundler = page::watch(workspace)?;
    let code = develop(workspace, arguments);
    bundler.stop();
    code
}

fn develop(workspace: &Workspace, arguments: &[OsString]) -> Result<ExitCode, Error> {
    let mut built = sources(workspace)?;
    build(workspace)?;
    let mut application = start(workspace, arguments)?;
    loop {
        thread::sleep(INTERVAL);
        if let Some(status) = application.try_wait()? {
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            return Ok(code.map_or(ExitCode::FAILURE, ExitCode::from));
        }
        let found = sources(workspace)?;
        if found == built {
            continue;
        }
        built = found;
        match build(workspace) {
            Ok(()) => {
                application.stop();
                application = start(workspace, arguments)?;
            }
            Err(error) => {
                failure(error);
                say("the window stays open; it is restarted after the next change that compiles");
            }
        }
    }
}

fn sources(workspace: &Workspace) -> Result<Vec<String>, Error> {
    SOURCES
        .iter()
        .map(|folder| fingerprint::of_tree(&workspace.root().join(folder), &[]))
        .collect()
}

fn build(workspace: &Workspace) -> Result<(), Error> {
    heading("building conch");
    Tool::cargo(workspace.root())
        .args(["build", "--package", "conch", "--bin", "conch"])
        .run()
}

fn start(workspace: &Workspace, arguments: &[OsString]) -> Result<Running, Error> {
    Tool::new(workspace.debug_binary("conch"), "its messages stand above")
        .args(arguments)
        .in_test_environment()
        .env("CONCH_DATA_DIR", workspace.development_data())
        .env("CONCH_PAGE_FOLDER", page::watched_folder(workspace))
        .pass_through()
}
