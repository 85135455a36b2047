//! The paths of the repository, cargo's target folder, and the application's data folder.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::terminal::say;
use crate::tool::Tool;

/// The folders that the commands work in.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// Finds the repository of this xtask, and gets its target folder from cargo.
    ///
    /// # Errors
    /// When cargo cannot read the workspace.
    pub(crate) fn find() -> Result<Self, Error> {
        // Cargo sets the folder at run time; the compiled-in one would name another clone when two clones share a
        // target folder.
        let xtask = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = xtask.parent().unwrap_or(&xtask).to_owned();
        let metadata = Tool::cargo(&root).args(["metadata", "--no-deps", "--format-version", "1"]);
        let line = metadata.line();
        let answer = metadata.capture()?;
        let target = serde_json::from_str::<serde_json::Value>(&answer)
            .ok()
            .and_then(|all| all.get("target_directory")?.as_str().map(PathBuf::from))
            .ok_or_else(|| Error::UnexpectedOutput {
                command: line,
                answer: "no target_directory in it".to_owned(),
            })?;
        Ok(Self { root, target })
    }

    /// The repository's root.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The page's sources.
    pub(crate) fn ui(&self) -> PathBuf {
        self.root.join("ui")
    }

    /// Returns the path of the release binary, which may not be built yet.
    pub(crate) fn release_binary(&self) -> PathBuf {
        self.target
            .join("release")
            .join(format!("conch{}", env::consts::EXE_SUFFIX))
    }

    /// Returns where cargo builds for an explicit target triple, even the host's.
    pub(crate) fn target_of(&self, triple: &str) -> PathBuf {
        self.target.join(triple)
    }

    /// Returns the folder where a fuzz target keeps what it found, created when it does not exist.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(crate) fn fuzz_folder(&self, target: &str) -> Result<PathBuf, Error> {
        let folder = self.target.join("fuzz").join(target);
        fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
        Ok(folder)
    }

    /// Returns the path of a binary that tests build, which may not be built yet.
    pub(crate) fn debug_binary(&self, name: &str) -> PathBuf {
        self.target
            .join("debug")
            .join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }

    /// Returns the data folder of a development window.
    pub(crate) fn development_data(&self) -> PathBuf {
        self.target.join("development-data")
    }

    /// Returns xtask's folder inside cargo's target folder, created when it does not exist.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(crate) fn scratch(&self) -> Result<PathBuf, Error> {
        let folder = self.target.join("xtask");
        fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
        Ok(folder)
    }
}

/// Returns the folder that the application writes to: `CONCH_DATA_DIR`, else the platform's data folder.
///
/// # Errors
/// When the platform names no data folder, for example because `HOME` is not set.
pub(crate) fn data_folder() -> Result<PathBuf, Error> {
    let folder = env::var_os("CONCH_DATA_DIR")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
        .or_else(|| dirs::data_dir().map(|base| base.join("conch")))
        .ok_or_else(|| Error::Missing {
            what: "this account has no home folder".to_owned(),
            remedy: "set CONCH_DATA_DIR to a folder of your choice".to_owned(),
        })?;
    std::path::absolute(&folder).map_err(Error::file("find", folder))
}

/// Acquires a lock file against other runs of xtask, and prints a line when it has to wait.
///
/// The lock is released with the returned file, so also when the process is killed.
///
/// # Errors
/// When the lock file cannot be created or locked.
pub(crate) fn acquire_lock(lock_file: &Path) -> Result<File, Error> {
    let file = File::options()
        .create(true)
        .append(true)
        .open(lock_file)
        .map_err(Error::file("create", lock_file))?;
    if file.try_lock().is_err() {
        say("another `cargo xtask` is at work here; waiting for it");
        file.lock().map_err(Error::file("lock", lock_file))?;
    }
    Ok(file)
}
