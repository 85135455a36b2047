//! Cargo subcommands that the project pins to one version, whatever else is installed: prebuilt from a Python
//! package where there is one for this machine, since compiling them takes minutes.

use std::env::consts::EXE_SUFFIX;
use std::path::PathBuf;

use anyhow::Context;
use xshell::{Shell, cmd};

use crate::python;
use crate::terminal::{heading, say};
use crate::workspace::{Workspace, acquire_lock};

/// Checks licences, bans, sources and security advisories.
pub(crate) const DENY: &str = "cargo-deny";

/// Builds fuzz targets.
pub(crate) const FUZZ: &str = "cargo-fuzz";

/// A tool's place in this clone.
pub(crate) struct CargoTool<'a> {
    shell: &'a Shell,
    name: &'static str,
    folder: PathBuf,
    /// The content of its requirements file. A copy in the tool's folder shows that this version is installed.
    requirements: String,
}

impl<'a> CargoTool<'a> {
    /// Returns the tool, which may not be installed yet.
    ///
    /// # Errors
    /// When cargo's target folder cannot be written.
    pub(crate) fn find(workspace: &'a Workspace, name: &'static str) -> anyhow::Result<Self> {
        let shell = workspace.shell();
        Ok(Self {
            shell,
            name,
            folder: workspace.scratch()?.join(name),
            requirements: shell.read_file(python::requirements(name))?,
        })
    }

    /// Returns whether the tool is installed.
    pub(crate) fn is_installed(&self) -> bool {
        let installed = self.shell.read_file(self.folder.join("requirements.txt"));
        installed.is_ok_and(|installed| installed == self.requirements)
    }

    /// Returns one line about what [`CargoTool::install`] does.
    pub(crate) fn offer(&self) -> String {
        format!(
            "{} from a Python package, into {}",
            self.name,
            self.folder.display()
        )
    }

    /// Returns the path of the program; installs it first when it is missing.
    ///
    /// # Errors
    /// When it cannot be installed.
    pub(crate) fn program(&self) -> anyhow::Result<PathBuf> {
        if !self.is_installed() {
            self.install()?;
        }
        let name = format!("{}{EXE_SUFFIX}", self.name);
        Ok(self.folder.join("bin").join(name))
    }

    /// Installs the tool, from source where there is no package for this machine.
    ///
    /// # Errors
    /// When it can neither be downloaded nor compiled.
    pub(crate) fn install(&self) -> anyhow::Result<()> {
        let Self {
            shell,
            name,
            folder,
            requirements,
        } = self;
        let _lock = acquire_lock(&folder.with_extension("lock"))?;
        if self.is_installed() {
            return Ok(());
        }
        heading(format!("installing {name}"));
        if let Err(error) = python::install(shell, name, folder) {
            say(format!(
                "{error:#}; compiling it instead, which takes minutes"
            ));
            let version = version(requirements).context("the requirements name no version")?;
            cmd!(
                shell,
                "cargo install --locked --root {folder} --version {version} {name}"
            )
            .run()?;
        }
        Ok(shell.write_file(folder.join("requirements.txt"), requirements)?)
    }
}

fn version(requirements: &str) -> Option<&str> {
    let (_, rest) = requirements.split_once("==")?;
    rest.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_package() {
        let requirements = include_str!("../python/cargo-deny.txt");
        assert_eq!(version(requirements), Some("0.20.2"));
    }
}
