//! `cargo xtask dev`: a debug window whose page is reloaded, and whose application is rebuilt and restarted, when a
//! source changes.
//!
//! It has a data folder of its own below the target folder, and inherits none of the developer's provider keys.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitCode};
use std::thread;
use std::time::{Duration, SystemTime};

use xshell::cmd;

use crate::application::exit_code;
use crate::terminal::{failure, heading, say};
use crate::workspace::Workspace;
use crate::{environment, page, setup};

/// How often the sources are looked at.
const INTERVAL: Duration = Duration::from_millis(500);

/// What the application is built from, besides the page.
const SOURCES: [&str; 2] = ["src-tauri", "migrations"];

/// Opens the window and keeps it up to date until it is closed; returns the application's exit code.
///
/// # Errors
/// When the set-up or the first build fails, or a program cannot be started.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    setup::run(workspace)?;
    page::build(workspace.shell())?;
    let mut bundler = page::watch(workspace.shell())?;
    let code = develop(workspace, arguments);
    stop(workspace, &mut bundler);
    code
}

fn develop(workspace: &Workspace, arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    let mut built = modified(workspace)?;
    build(workspace)?;
    let mut application = start(workspace, arguments)?;
    loop {
        thread::sleep(INTERVAL);
        if let Some(status) = application.try_wait()? {
            return Ok(exit_code(status));
        }
        let found = modified(workspace)?;
        if found == built {
            continue;
        }
        built = found;
        match build(workspace) {
            Ok(()) => {
                stop(workspace, &mut application);
                application = start(workspace, arguments)?;
            }
            Err(error) => {
                failure(error);
                say("the window stays open; it is restarted after the next change that compiles");
            }
        }
    }
}

/// Returns when a source was last modified; a folder is, when a file in it comes or goes.
fn modified(workspace: &Workspace) -> anyhow::Result<Option<SystemTime>> {
    let root = workspace.shell().current_dir();
    let folders = SOURCES.map(|folder| newest(&root.join(folder)));
    let times = folders.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(times.into_iter().max())
}

fn newest(path: &Path) -> anyhow::Result<SystemTime> {
    let metadata = fs::metadata(path)?;
    let mut newest_time = metadata.modified()?;
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            // An editor's temporary file may be gone already.
            if let Ok(time) = newest(&entry?.path()) {
                newest_time = newest_time.max(time);
            }
        }
    }
    Ok(newest_time)
}

fn build(workspace: &Workspace) -> anyhow::Result<()> {
    heading("building conch");
    Ok(cmd!(workspace.shell(), "cargo build --package conch --bin conch").run()?)
}

fn start(workspace: &Workspace, arguments: &[OsString]) -> anyhow::Result<Child> {
    let conch = workspace.program("debug", "conch");
    let application = cmd!(workspace.shell(), "{conch} {arguments...}")
        .env_clear()
        .envs(environment::inherited())
        .env("CONCH_DATA_DIR", workspace.target("development-data"))
        .env("CONCH_PAGE_FOLDER", page::watched_folder(workspace));
    Ok(Command::from(application).spawn()?)
}

/// Ends a process and waits for it: by SIGTERM where there are signals, so that it can store its state.
fn stop(workspace: &Workspace, process: &mut Child) {
    let id = process.id().to_string();
    let terminate = cmd!(workspace.shell(), "kill -TERM {id}").quiet();
    if !cfg!(unix) || terminate.run().is_err() {
        drop(process.kill());
    }
    drop(process.wait());
}
