//! What a start is doing, for whoever waits for it.

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// A part of a start that may take long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The database is opened.
    #[default]
    Opening,
    /// Another process on the same folder is starting.
    Waiting,
    /// Another program holds the database.
    Busy,
    /// The database is checked for damage.
    Checking,
    /// The database is copied before it is brought to this version.
    BackingUp,
    /// The database is brought to this version.
    Migrating,
    /// What a dead process left is tidied up.
    Recovering,
}

/// What the user has to know of a start that went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// The database was brought to this version without a backup, because none could be made.
    UpdatedWithoutBackup,
    /// The data folder is on a network drive, so only one Conch may use it.
    NetworkDrive,
}

/// How far a start is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// What it does now.
    pub stage: Stage,
    /// What the user has to know of it.
    pub notices: Vec<Notice>,
}

/// Where a start says how far it is.
#[derive(Debug, Clone, Default)]
pub struct ProgressReporter(watch::Sender<Progress>);

impl ProgressReporter {
    /// What is told from now on, beginning with what is the case.
    pub fn subscribe(&self) -> watch::Receiver<Progress> {
        self.0.subscribe()
    }

    /// How far the start is.
    pub fn progress(&self) -> Progress {
        self.0.borrow().clone()
    }

    pub(crate) fn enter(&self, stage: Stage) {
        self.0.send_modify(|progress| progress.stage = stage);
    }

    pub(crate) fn note(&self, notice: Notice) {
        self.0.send_modify(|progress| progress.notices.push(notice));
    }
}
