//! The ways on when the database cannot be opened: start with a backup, with what can be read, or with an
//! empty one. The page offers them; nothing here needs an open database.
//!
//! Nothing is deleted. What is replaced goes into a folder `aside/`, named by the time. While that goes on the
//! database stays marked as damaged, so a start that comes in the middle offers the same ways again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use crate::clock::Clock;
use crate::error::{ErrorCode, Result};
use crate::folder;
use crate::lock::instance;
use crate::store::{self, Backup, Salvaged, StoreError};

/// Why the database could not be replaced or read. It is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecoveryError {
    /// The backup was there when it was offered.
    #[error("This backup is not there any more: choose another")]
    BackupGone,
    /// The backup is damaged, too.
    #[error("This backup cannot be used: {0}. Choose another")]
    BackupUnusable(#[source] StoreError),
    /// Another process has the database open.
    #[error("Another Conch has this data folder open: close it first, then try again")]
    OpenElsewhere,
    /// Not one conversation can be read.
    #[error("Nothing of the database can be read: start with a backup, or with an empty one")]
    NothingReadable,
    /// The data folder cannot be written.
    #[error("The data folder {} could not be changed ({source}). Nothing is lost: mend that, and try again", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// What can be read could not be saved.
    #[error("What can be read could not be saved: {0}")]
    Salvage(#[source] store::SalvageError),
}

impl RecoveryError {
    /// The error's stable name.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::BackupGone => ErrorCode::NotFound,
            Self::Folder { .. } => ErrorCode::DataFolderUnwritable,
            Self::BackupUnusable(error) => error.code(),
            Self::OpenElsewhere | Self::NothingReadable | Self::Salvage(_) => {
                ErrorCode::RecoveryFailed
            }
        }
    }
}

/// What a page can offer.
#[derive(Debug, Clone, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct WaysOn {
    /// Newest first.
    pub backups: Vec<Backup>,
    /// There is a database whose rows may be readable.
    pub has_database: bool,
    /// Where everything is.
    pub folder: PathBuf,
}

/// What takes the database's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replacement {
    /// A backup, by its name.
    Backup(String),
    /// What was saved last.
    Saved,
    /// A new database, which the next start makes.
    Empty,
}

/// The data folder of a Conch that could not start.
#[derive(Debug, Clone)]
pub struct Recovery {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
}

impl Recovery {
    /// On a data folder.
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

    /// What can be offered.
    pub fn ways_on(&self) -> WaysOn {
        WaysOn {
            backups: store::backups(&self.folder),
            has_database: self.database().is_file(),
            folder: self.folder.clone(),
        }
    }

    /// Puts another database in the place of the one that cannot be opened, which is moved aside with
    /// all that belongs to it. Returns where it is now.
    ///
    /// # Errors
    /// The database is as it was, and in its place.
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

    /// Saves what can be read of the database, which stays as it is, into a folder of its own.
    ///
    /// # Errors
    /// When nothing can be read, or nothing written.
    pub async fn save_readable(&self) -> Result<Salvaged> {
        let now = self.clock.now();
        let folder = store::new_folder(&self.folder, now).map_err(|source| self.refused(source))?;
        let saved = store::salvage(&self.database(), &folder, now).await;
        Ok(saved.map_err(|error| {
            // Half of it is of no use, and would be offered.
            let _ = fs::remove_dir_all(&folder);
            match error {
                store::SalvageError::Nothing => RecoveryError::NothingReadable,
                error => RecoveryError::Salvage(error),
            }
        })?)
    }

    /// Keeps starts away, and makes sure that nobody has the database open.
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
