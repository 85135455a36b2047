//! `cargo xtask build` and `cargo xtask run`: the release binary, and a window or, without a display, a scripted
//! first conversation.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::error::Error;
use crate::terminal::{Stopwatch, heading, human_size, human_time, say, success};
use crate::tool::Tool;
use crate::workspace::Workspace;
use crate::{page, setup};

/// Sets up, builds the page and the release binary, and returns the binary's path.
///
/// # Errors
/// When any of them fails.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf, Error> {
    let watch = Stopwatch::start();
    setup::run(workspace)?;
    page::build(workspace)?;
    heading("building conch");
    Tool::cargo(workspace.root())
        .args(["build", "--release", "--package", "conch", "--bin", "conch"])
        .run()?;
    let binary = workspace.release_binary();
    let metadata = fs::metadata(&binary).map_err(Error::file("find", &binary))?;
    success(format!(
        "{}, {}, after {}",
        binary.display(),
        human_size(metadata.len()),
        human_time(watch.elapsed())
    ));
    Ok(binary)
}

/// Builds and opens the window; returns the application's exit code.
///
/// # Errors
/// When the build fails, or the application cannot be started.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<ExitCode, Error> {
    let binary = build(workspace)?;
    if has_display() {
        say("opening the window");
        let status = Tool::new(&binary, "build it again with `cargo xtask build`")
            .args(arguments)
            .status()?;
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        return Ok(code.map_or(ExitCode::FAILURE, ExitCode::from));
    }
    heading("there is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set)");
    say(
        "so the same application opens its window under Xvfb, and the first conversation holds itself",
    );
    let driver = ["--package", "conch-window", "--bin", "first-conversation"];
    // Separate from the run, so that only its compilation shows cargo's progress.
    Tool::cargo(workspace.root())
        .arg("build")
        .args(driver)
        .run()?;
    Tool::cargo(workspace.root())
        .args(["run", "--quiet"])
        .args(driver)
        .arg("--")
        .arg(binary)
        .args(arguments)
        .run()?;
    Ok(ExitCode::SUCCESS)
}

fn has_display() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}
