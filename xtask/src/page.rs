//! The page's tools and its build: Node, the npm packages, `ui/dist`.

use std::path::PathBuf;
use std::process::{Child, Command};

use anyhow::{Context, ensure};
use xshell::{Shell, cmd};

use crate::terminal::heading;
use crate::workspace::Workspace;

const MIN_NODE_VERSION: u32 = 20;
const NODE_REMEDY: &str = "install Node.js 20 or newer with npm (see nodejs.org/en/download)";

pub(crate) const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

const LOCK_FILE: &str = "ui/package-lock.json";

/// A copy of the lock file that was installed last, inside `node_modules`, so that it is removed with the folder.
const INSTALLED_LOCK_FILE: &str = "ui/node_modules/.conch-package-lock.json";

/// Checks that Node is installed and new enough.
///
/// # Errors
/// When it is missing or too old; the error includes the remedy.
pub(crate) fn check_node(shell: &Shell) -> anyhow::Result<()> {
    let version = cmd!(shell, "node --version").quiet().read();
    let version = version.context(NODE_REMEDY)?;
    let is_new_enough = major_version(&version).is_some_and(|major| major >= MIN_NODE_VERSION);
    ensure!(is_new_enough, "Node.js is {version}; {NODE_REMEDY}");
    Ok(())
}

/// Parses a version such as `v20.11.1`.
fn major_version(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Returns whether the installed npm packages are those of the lock file.
///
/// # Errors
/// When the lock file cannot be read.
pub(crate) fn has_packages(shell: &Shell) -> anyhow::Result<bool> {
    let wanted = shell.read_binary_file(LOCK_FILE)?;
    let installed = shell.read_binary_file(INSTALLED_LOCK_FILE);
    Ok(installed.is_ok_and(|installed| installed == wanted))
}

/// Installs exactly the lock file's packages.
///
/// # Errors
/// When npm fails.
pub(crate) fn install_packages(shell: &Shell) -> anyhow::Result<()> {
    heading("installing the page's npm packages");
    // Everything that builds and checks the page is a development dependency. No package's install script is run:
    // esbuild's only checks the binary that comes as a package.
    cmd!(
        shell,
        "{NPM} --prefix ui ci --include=dev --ignore-scripts --no-audit --no-fund"
    )
    .run()
    .context("check the network and npm's settings, then run this again")?;
    Ok(shell.copy_file(LOCK_FILE, INSTALLED_LOCK_FILE)?)
}

/// Builds `ui/dist`, in less than a second. Only files whose content changes are written, because cargo rebuilds
/// the application when one is newer.
///
/// # Errors
/// When the build fails.
pub(crate) fn build(shell: &Shell) -> anyhow::Result<()> {
    heading("building the page");
    let _ui = shell.push_dir("ui");
    Ok(cmd!(shell, "node build.mjs").run()?)
}

/// Returns the folder of the page that [`watch`] builds. Not `ui/dist`, which is embedded into the application.
pub(crate) fn watched_folder(workspace: &Workspace) -> PathBuf {
    let root = workspace.shell().current_dir();
    root.join("ui/node_modules/.conch-page")
}

/// Starts the bundler, which builds the page after each change until it is ended.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn watch(shell: &Shell) -> anyhow::Result<Child> {
    let _ui = shell.push_dir("ui");
    let bundler = cmd!(shell, "node build.mjs --watch");
    Ok(Command::from(bundler).spawn()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_of_node_is_read() {
        assert_eq!(major_version("v20.20.2"), Some(20));
        assert_eq!(major_version("v9.0.0"), Some(9));
        assert_eq!(major_version("v23.0.0-nightly"), Some(23));
        assert_eq!(major_version("20.1.0"), None);
        assert_eq!(major_version(""), None);
    }
}
