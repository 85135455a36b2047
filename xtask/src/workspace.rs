//! The paths of the repository, cargo's target folder, and the application's data folder.

use std::env::{self, consts::EXE_SUFFIX};
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context;
use xshell::Shell;

use crate::terminal::say;

/// The folders that the commands work in.
pub(crate) struct Workspace {
    shell: Shell,
    target: PathBuf,
}

impl Workspace {
    /// Finds the repository of this xtask, and the target folder that it was built in.
    ///
    /// # Errors
    /// When the operating system does not name them.
    pub(crate) fn find() -> anyhow::Result<Self> {
        // Cargo sets the folder at run time; the compiled-in one would name another clone when two clones share a
        // target folder.
        let xtask = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let shell = Shell::new()?;
        shell.change_dir(xtask.parent().unwrap_or(&xtask));
        let program = env::current_exe()?;
        let target = program.ancestors().nth(2);
        let target = target.context("xtask is in no target folder")?.to_owned();
        Ok(Self { shell, target })
    }

    /// The shell that runs programs, in the repository's root.
    pub(crate) fn shell(&self) -> &Shell {
        &self.shell
    }

    /// Returns the path of something in cargo's target folder, which may not exist.
    pub(crate) fn target(&self, path: impl AsRef<Path>) -> PathBuf {
        self.target.join(path)
    }

    /// Returns the path of a program in the folder of a profile, which may not be built yet.
    pub(crate) fn program(&self, profile: &str, name: &str) -> PathBuf {
        self.target(profile).join(format!("{name}{EXE_SUFFIX}"))
    }

    /// Returns xtask's folder inside cargo's target folder, created when it does not exist.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(crate) fn scratch(&self) -> anyhow::Result<PathBuf> {
        Ok(self.shell.create_dir(self.target("xtask"))?)
    }
}

/// Returns the folder that the application writes to: `CONCH_DATA_DIR`, else the platform's data folder.
///
/// # Errors
/// When the platform names no data folder, for example because `HOME` is not set.
pub(crate) fn data_folder() -> anyhow::Result<PathBuf> {
    let folder = env::var_os("CONCH_DATA_DIR")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
        .or_else(|| dirs::data_dir().map(|base| base.join("conch")))
        .context(
            "this account has no home folder; set CONCH_DATA_DIR to a folder of your choice",
        )?;
    Ok(std::path::absolute(folder)?)
}

/// Acquires a lock file against other runs of xtask, and prints a line when it has to wait.
///
/// The lock is released with the returned file, so also when the process is killed.
///
/// # Errors
/// When the lock file cannot be created or locked.
pub(crate) fn acquire_lock(path: &Path) -> anyhow::Result<File> {
    let file = File::options().create(true).append(true).open(path);
    let file = file.with_context(|| format!("cannot create {}", path.display()))?;
    if file.try_lock().is_err() {
        say("another `cargo xtask` is at work here; waiting for it");
        file.lock()
            .with_context(|| format!("cannot lock {}", path.display()))?;
    }
    Ok(file)
}
