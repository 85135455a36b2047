//! The purge of deleted branches, which have no Undo.

use std::time::Duration;

use super::{PurgeTarget, Purger};
use crate::store::{DeletedBranch, StoreError};

impl Purger {
    /// Purges every deleted branch, in batches of about this duration: first its messages, then their words in the
    /// search index, then their copies in the backups, and finally its row. A failed one does not block the others
    /// and is retried with the next pass.
    pub(super) async fn purge_branches(&self, portion: Duration) -> Result<(), StoreError> {
        let deleted = self.store.deleted_branches().await?;
        if deleted.is_empty() {
            return Ok(());
        }
        for branch in &deleted {
            self.in_portions(PurgeTarget::Branch(branch), portion)
                .await?;
        }
        // Once for all branches, because it merges the whole index.
        self.store.purge_deleted_from_index().await?;
        for branch in &deleted {
            if let Err(error) = self.end_branch(branch).await {
                self.store.report_damage(&error);
                tracing::warn!(%error, branch = %branch.id, "a deleted branch cannot be purged yet");
            }
        }
        self.wal_truncation_due().replace(self.clock.monotonic());
        Ok(())
    }

    async fn end_branch(&self, branch: &DeletedBranch) -> Result<(), StoreError> {
        self.store.purge_branch_in_copies(branch).await?;
        self.store.end_branch_purge(branch).await
    }
}
