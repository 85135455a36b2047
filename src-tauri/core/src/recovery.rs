//! Recovery when the database cannot be opened: start with a backup, with what can be salvaged, or with an
//! empty database. The page offers these choices; nothing here needs an open database.
//!
//! Nothing is deleted. What is replaced is moved into the folder `aside/`, under a name with the time.
//! Meanwhile the database stays marked as damaged, so a start in between offers the same choices again.

#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use crate::clock::Clock;
use crate::error::{RecoveryError, Result};
use crate::folder;
use crate::lock::instance;
use crate::store::{self, Backup, Salvaged};

/// The recovery choices that a page offers.
#[derive(Debug, Clone, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryOptions {
    /// The backups, newest first.
    pub backups: Vec<Backup>,
    /// Whether there is a database, whose rows may be readable.
    pub has_database: bool,
    /// The data folder.
    pub folder: PathBuf,
}

/// What replaces the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replacement {
    /// A backup, by its name.
    Backup(String),
    /// The latest salvaged copy.
    Saved,
    /// A new database, which the next start creates.
    Empty,
}

/// Recovery on the data folder of a Conch that could not start.
#[derive(Debug, Clone)]
pub struct Recovery {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
}

impl Recovery {
    /// Creates a recovery for a data folder.
    pub fn new(folder: PathBuf, clock: Arc<dyn Clock>) -> Self {
        Self { folder, clock }
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn database(&self) -> PathBuf {
        self.folder.join(store::DATABASE)
    }

    /// Returns the available choices.
    pub fn ways_on(&self) -> RecoveryOptions {
        RecoveryOptions {
            backups: store::backups(&self.folder),
            has_database: self.database().is_file(),
            folder: self.folder.clone(),
        }
    }

    /// Replaces a database that cannot be opened, and moves it aside with all its files. Returns their new
    /// location.
    ///
    /// # Errors
    /// The database is unchanged and in its place.
    pub async fn replace(&self, replacement: &Replacement) -> Result<PathBuf> {
        let new = match replacement {
            Replacement::Backup(name) => {
                let mut backups = store::backups(&self.folder).into_iter();
                let backup = backups.find(|backup| backup.name == *name);
                Some(backup.ok_or(RecoveryError::BackupGone)?.path)
            }
            Replacement::Saved => {
                let saved = store::saved(&self.folder).into_iter().next();
                Some(saved.ok_or(RecoveryError::BackupGone)?)
            }
            Replacement::Empty => None,
        };
        let _gate = self.start_lock()?;
        let database = self.database();
        let copy = match new {
            Some(new) => Some(
                store::prepare(&database, &new)
                    .await
                    .map_err(RecoveryError::BackupUnusable)?,
            ),
            None => None,
        };
        let replaced = store::replace(&database, copy.as_deref(), self.clock.now());
        Ok(replaced.map_err(|source| self.refused(source))?)
    }

    /// Salvages what can be read of the database, which is not changed, into a separate folder.
    ///
    /// # Errors
    /// When nothing can be read, or it cannot be written.
    pub async fn save_readable(&self) -> Result<Salvaged> {
        let now = self.clock.now();
        let folder = store::new_folder(&self.folder, now).map_err(|source| self.refused(source))?;
        let saved = store::salvage(&self.database(), &folder, now).await;
        Ok(saved.map_err(|error| {
            // A partial copy is useless, and would be offered.
            let _ = fs::remove_dir_all(&folder);
            match error {
                store::SalvageError::Nothing => RecoveryError::NothingReadable,
                error => RecoveryError::Salvage(error),
            }
        })?)
    }

    /// Prevents starts, and fails if another process has the database open.
    fn start_lock(&self) -> Result<fs::File, RecoveryError> {
        let refused = |source| self.refused(source);
        let mut options = folder::private();
        let start_lock = options.create(true).append(true);
        let start_lock = start_lock
            .open(self.folder.join("start.lock"))
            .map_err(refused)?;
        let is_alone = start_lock.try_lock().is_ok();
        if !is_alone || instance::is_another_alive(&self.folder.join("instances"), None) {
            return Err(RecoveryError::OpenElsewhere);
        }
        Ok(start_lock)
    }

    fn refused(&self, source: io::Error) -> RecoveryError {
        RecoveryError::Folder {
            path: self.folder.clone(),
            source,
        }
    }
}
