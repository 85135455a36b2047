//! Progress reports of a start.

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// A step of a start that may take long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Opening the database.
    #[default]
    Opening,
    /// Waiting for another process that is starting on the same folder.
    Waiting,
    /// Waiting for another program that holds the database.
    Busy,
    /// Checking the database for damage.
    Checking,
    /// Copying the database before a migration.
    BackingUp,
    /// Migrating the database to this version.
    Migrating,
    /// Recovering what dead processes left.
    Recovering,
}

/// What the user must know about a start that succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// The database was migrated without a backup, because none could be made.
    UpdatedWithoutBackup,
    /// The data folder is on a network drive, so only one Conch may use it.
    NetworkDrive,
}

/// The progress of a start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "field names say it")]
pub struct Progress {
    pub stage: Stage,
    /// What the user must know about it.
    pub notices: Vec<Notice>,
}

/// Publishes the progress of a start.
#[derive(Debug, Clone, Default)]
pub struct ProgressReporter(watch::Sender<Progress>);

impl ProgressReporter {
    /// Subscribes to the progress, starting with the current one.
    pub fn subscribe(&self) -> watch::Receiver<Progress> {
        self.0.subscribe()
    }

    /// Returns the current progress.
    pub fn progress(&self) -> Progress {
        self.0.borrow().clone()
    }

    /// Publishes the step that begins.
    pub fn enter(&self, stage: Stage) {
        self.0.send_modify(|progress| progress.stage = stage);
    }

    /// Adds what the user must know.
    pub fn note(&self, notice: Notice) {
        self.0.send_modify(|progress| progress.notices.push(notice));
    }
}
