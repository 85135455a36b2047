//! Keeps the full-text index up to date in the background. It is derived data: nothing waits for it, and
//! failures are retried later.

use tokio::sync::Notify;

use crate::store::{Store, StoreError};

/// The worker that updates the index whenever it is woken.
#[derive(Debug)]
pub(crate) struct Indexer {
    store: Store,
    due: Notify,
}

impl Indexer {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            due: Notify::new(),
        }
    }

    /// Wakes the worker: there are messages to index or to remove.
    pub(crate) fn wake(&self) {
        self.due.notify_one();
    }

    /// Runs until it is dropped, starting with what earlier runs left.
    ///
    /// # Errors
    /// When the index cannot be updated; the pending work stays recorded, and this may be called again.
    pub(crate) async fn run(&self) -> Result<(), StoreError> {
        loop {
            self.store.index_answers().await?;
            self.due.notified().await;
        }
    }
}
