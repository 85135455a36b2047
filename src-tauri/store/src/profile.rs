//! The seam between what is a person's own on this machine and what could be shared.
//!
//! A [`Profile`] has the settings, the providers with the place of each key, and the drafts; which processes are alive
//! is in files beside the database. All else, from conversations to their locks and attempts, is the workspace, which
//! is what [`Store`] itself reads and writes: the part that a database server could hold.
//!
//! One SQLite file has both, because four statements cross the seam, and are right because they are in one
//! transaction: a Send deletes the draft that it stores, a branch is read together with its draft, a draft is saved
//! only where its branch exists, and a purge deletes it.

use super::Store;
use super::events::Events;

/// What is a person's own on this machine.
#[derive(Debug, Clone)]
pub struct Profile {
    pub(super) store: Store,
}

impl Profile {
    /// Returns the bus of the events that the core publishes.
    pub fn events(&self) -> &Events {
        self.store.events()
    }
}

impl Store {
    /// Returns the profile, which is in the same file.
    pub fn profile(&self) -> Profile {
        Profile {
            store: self.clone(),
        }
    }
}
