//! `cargo test` in an environment of its own.

use std::path::Path;

use xshell::{Cmd, cmd};

use crate::workspace::Workspace;
use crate::{environment, model};

/// The virtual screen of the tests. A server that resets when its last window closes refuses the next client for a
/// moment.
const SCREEN: &str = "-screen 0 1280x800x24 -noreset";

/// Runs these tests with only the environment variables that [`environment`] lets through, on Linux under a separate X
/// server and D-Bus session. `peers` is the folder of the servers that others wrote, where they are installed.
///
/// # Errors
/// When a test fails.
pub(crate) fn run(
    workspace: &Workspace,
    arguments: &[&str],
    peers: Option<&Path>,
) -> anyhow::Result<()> {
    let shell = workspace.shell();
    // Built with the whole environment: a crate may have to be fetched through a proxy.
    cmd!(shell, "cargo test --no-run {arguments...}").run()?;
    let cargo = [&["cargo", "test"], arguments].concat();
    if !cfg!(target_os = "linux") {
        let (cargo, arguments) = (cargo[0], &cargo[1..]);
        let tests = cmd!(shell, "{cargo} {arguments...}");
        return Ok(in_test_environment(tests, peers)?.run()?);
    }
    // A window on the developer's own display would take the focus, and a window manager changes what is tested.
    let tests = cmd!(
        shell,
        "xvfb-run --auto-servernum --server-args {SCREEN} dbus-run-session -- {cargo...}"
    );
    let tests = in_test_environment(tests, peers)?
        .env("GDK_BACKEND", "x11")
        .env_remove("WAYLAND_DISPLAY");
    Ok(tests.run()?)
}

fn in_test_environment<'a>(tests: Cmd<'a>, peers: Option<&Path>) -> anyhow::Result<Cmd<'a>> {
    Ok(tests
        .env_clear()
        .envs(environment::inherited())
        .envs(peers.map(|folder| ("CONCH_PEERS", folder)))
        .env("CONCH_MODEL_FILE", model::path()?)
        .env("LIBGL_ALWAYS_SOFTWARE", "1")
        // The accessibility bus is started on demand and delays every window by seconds where that fails.
        .env("NO_AT_BRIDGE", "1"))
}
