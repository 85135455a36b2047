//! The page's tools and its build: Node, the npm packages, `ui/dist`.

use std::path::PathBuf;

use crate::error::Error;
use crate::fingerprint::{self, Stamp};
use crate::terminal::{heading, say};
use crate::tool::{Running, Tool};
use crate::workspace::Workspace;

const MIN_NODE_VERSION: u32 = 20;
const NODE_REMEDY: &str =
    "install Node.js 20 or newer with npm (see nodejs.org/en/download, or `nvm install 20`)";

/// Checks that Node is installed and new enough.
///
/// # Errors
/// When it is missing or too old; the error includes the remedy.
pub(crate) fn check_node() -> Result<(), Error> {
    let answer = Tool::new("node", NODE_REMEDY).arg("--version").capture()?;
    let found = answer.trim();
    match major_version(found) {
        Some(major) if major >= MIN_NODE_VERSION => Ok(()),
        _ => Err(Error::Missing {
            what: format!("Node.js {MIN_NODE_VERSION} or newer is needed, found {found}"),
            remedy: NODE_REMEDY.to_owned(),
        }),
    }
}

/// Parses a version such as `v20.11.1`.
fn major_version(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// The npm packages that `ui/package-lock.json` pins.
#[derive(Debug)]
pub(crate) struct Packages {
    ui: PathBuf,
    lock: String,
    stamp: Stamp,
}

impl Packages {
    /// Reads the lock file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn wanted(workspace: &Workspace) -> Result<Self, Error> {
        let ui = workspace.ui();
        Ok(Self {
            lock: fingerprint::of_file(&ui.join("package-lock.json"))?,
            // Inside node_modules, so that it is removed with the folder.
            stamp: Stamp::at(ui.join("node_modules/.package-lock.sha256")),
            ui,
        })
    }

    /// Returns whether the installed packages come from this lock file.
    pub(crate) fn are_installed(&self) -> bool {
        self.stamp.is(&self.lock)
    }

    /// Installs exactly the lock file's packages.
    ///
    /// # Errors
    /// When npm fails.
    pub(crate) fn install(&self) -> Result<(), Error> {
        heading("installing the page's npm packages");
        Tool::npm(
            &self.ui,
            "check the network and npm's settings, then run this again",
        )
        // Everything that builds and checks the page is a development dependency. No package's install script is
        // run: esbuild's only checks the binary that comes as a package.
        .args(["ci", "--include=dev", "--ignore-scripts"])
        .args(["--no-audit", "--no-fund"])
        .run_quoting_stderr()?;
        self.stamp.write(&self.lock)
    }
}

/// Builds `ui/dist` when a source changed since it was built.
///
/// # Errors
/// When the build fails.
pub(crate) fn build(workspace: &Workspace) -> Result<(), Error> {
    let ui = workspace.ui();
    let sources = fingerprint::of_tree(&ui, &["node_modules", "dist"])?;
    // Not in dist, whose files are embedded into the application.
    let stamp = Stamp::at(ui.join("node_modules/.page-build.sha256"));
    if stamp.is(&sources) && ui.join("dist/index.html").is_file() {
        say("the page is built already");
        return Ok(());
    }
    heading("building the page");
    Tool::npm(&ui, "its messages stand above")
        .args(["run", "build"])
        .run()?;
    stamp.write(&sources)
}

/// Returns the folder of the page that [`watch`] builds. Not `ui/dist`, which is embedded into the application.
pub(crate) fn watched_folder(workspace: &Workspace) -> PathBuf {
    workspace.ui().join("node_modules/.conch-page")
}

/// Starts the bundler, which builds the page after each change until it is stopped.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn watch(workspace: &Workspace) -> Result<Running, Error> {
    // Not through npm, which would not pass a signal on.
    Tool::new("node", NODE_REMEDY)
        .dir(&workspace.ui())
        .args(["build.mjs", "--watch"])
        .pass_through()
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
