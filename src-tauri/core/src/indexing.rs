//! Keeps the full-text index up to date in the background. It is derived data: nothing waits for it, and
//! what fails is tried again later.

use tokio::sync::Notify;

use crate::store::{Store, StoreError};

/// Brings the index up to date whenever it is woken.
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

    /// Something is to be learned or forgotten.
    pub(crate) fn wake(&self) {
        self.due.notify_one();
    }

    /// Works until it is dropped, first on what earlier runs left.
    ///
    /// # Errors
    /// When the index cannot be brought up to date; what is to be done stays noted. It may be called again.
    pub(crate) async fn run(&self) -> Result<(), StoreError> {
        loop {
            self.store.index_answers().await?;
            self.due.notified().await;
        }
    }
}
