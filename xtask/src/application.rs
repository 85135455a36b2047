//! `cargo xtask build` and `cargo xtask run`: the release binary, and a window or, without a display, a scripted
//! first conversation.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode, ExitStatus};

use xshell::cmd;

use crate::terminal::{Stopwatch, heading, human_size, human_time, say, success};
use crate::workspace::Workspace;
use crate::{page, setup};

/// Sets up, builds the page and the release binary, and returns the binary's path.
///
/// # Errors
/// When any of them fails.
pub(crate) fn build(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let watch = Stopwatch::start();
    let shell = workspace.shell();
    setup::run(workspace)?;
    page::build(shell)?;
    heading("building conch");
    cmd!(shell, "cargo build --release --package conch --bin conch").run()?;
    let binary = workspace.program("release", "conch");
    success(format!(
        "{}, {}, after {}",
        binary.display(),
        human_size(fs::metadata(&binary)?.len()),
        human_time(watch.elapsed())
    ));
    Ok(binary)
}

/// Builds and opens the window; returns the application's exit code.
///
/// # Errors
/// When the build fails, or the application cannot be started.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    let binary = build(workspace)?;
    let shell = workspace.shell();
    if has_display() {
        say("opening the window");
        let window = cmd!(shell, "{binary} {arguments...}");
        return Ok(exit_code(Command::from(window).status()?));
    }
    heading("there is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set)");
    say(
        "so the same application opens its window under Xvfb, and the first conversation holds itself",
    );
    cmd!(
        shell,
        "cargo build --package conch-window --bin first-conversation"
    )
    .run()?;
    let conversation = workspace.program("debug", "first-conversation");
    cmd!(shell, "{conversation} {binary} {arguments...}").run()?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the exit code of a program as xtask's own; failure when a signal ended it.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

fn has_display() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}
