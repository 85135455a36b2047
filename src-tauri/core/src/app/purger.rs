//! Deletion: a conversation disappears immediately, can be restored for [`UNDO`], and is then purged from every
//! file of the data folder, including the backups.
//!
//! The deadline is stored in the database, so any process purges what is due, including what a killed process
//! left. A purge holds the write transaction only briefly each time; the batch size adapts to how long the last
//! batch took. A quit purges what this process deleted without waiting for the deadline.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::model::ConversationId;
use crate::store::{DeletedBranch, DeletedConversation, PurgeProgress, Store, StoreError};
use crate::sync::Mutex;

/// How long a deleted conversation can be restored.
const UNDO: Duration = Duration::from_secs(10);

/// How often the purger polls for deletions by other processes.
const POLL_INTERVAL: Duration = Duration::from_secs(15);

/// Delay before the WAL is truncated again after a reader prevented it.
const WAL_RETRY_DELAY: Duration = Duration::from_secs(1);

/// The shortest pause before the next pass, however soon something is due.
const MIN_PAUSE: Duration = Duration::from_millis(100);

/// Target duration of a batch: short enough that a waiting write is not noticeably delayed.
const PORTION: Duration = Duration::from_millis(10);

/// Target duration of a batch during a quit, when no write waits.
const QUIT_PORTION: Duration = Duration::from_millis(250);

/// Rows in the first batch of a purge.
const FIRST: u32 = 16;

/// Maximum rows in a batch.
const LARGEST: u32 = 2048;

/// How many attempt records are kept: several years' worth.
const ATTEMPTS: u32 = 200_000;

/// Purges deleted data when its time for Undo is over.
#[derive(Debug)]
pub(crate) struct Purger {
    store: Store,
    clock: Arc<dyn Clock>,
    wake: Notify,
    /// Conversations deleted by this process, which a quit purges.
    own: Mutex<HashSet<ConversationId>>,
    /// When the WAL must be truncated to remove deleted data, in monotonic time.
    wal_truncation_due: Mutex<Option<Duration>>,
    /// Whether a backup may still contain a draft or a queued message that was sent or discarded.
    unsent_left: AtomicBool,
}

impl Purger {
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            wake: Notify::new(),
            own: Mutex::default(),
            wal_truncation_due: Mutex::default(),
            unsent_left: AtomicBool::default(),
        }
    }

    /// Purges due conversations until cancelled.
    pub(crate) async fn run(&self, cancelled: CancellationToken) {
        let purging = async {
            let mut seen = HashMap::new();
            let mut is_first = true;
            loop {
                let next_in = match self.pass(&mut seen).await {
                    Ok(next_in) => next_in,
                    Err(error) => {
                        self.store.report_damage(&error);
                        tracing::warn!(%error, "deleted conversations cannot be purged yet; retrying");
                        POLL_INTERVAL
                    }
                };
                let _ = tokio::time::timeout(next_in, self.wake.notified()).await;
                // Not on the first pass: startup has more urgent work.
                if std::mem::take(&mut is_first)
                    && let Err(error) = self.cut_attempts(ATTEMPTS).await
                {
                    tracing::warn!(%error, "old attempts were not deleted; retrying at the next start");
                }
            }
        };
        cancelled.run_until_cancelled(purging).await;
    }

    /// Purges what is due and returns the time until the next pass. `seen` records when each deletion was first
    /// seen, in monotonic time, so that a wall clock set back cannot keep one forever.
    async fn pass(
        &self,
        seen: &mut HashMap<ConversationId, Duration>,
    ) -> Result<Duration, StoreError> {
        let (mut next_in, mut due) = (POLL_INTERVAL, Vec::new());
        let deleted = self.store.deleted_conversations().await?;
        seen.retain(|id, _| deleted.iter().any(|deleted| deleted.id == *id));
        for DeletedConversation { id, at, purging } in deleted {
            let now = self.clock.monotonic();
            let known = now.saturating_sub(*seen.entry(id.clone()).or_insert(now));
            let left = UNDO.saturating_sub(known.max(self.clock.now().since(at)));
            if purging || left.is_zero() {
                due.push(id);
            } else {
                next_in = next_in.min(left);
            }
        }
        let purged = self.purge(&due, PORTION).await;
        let branches = self.purge_branches(PORTION).await;
        next_in = next_in.min(self.purge_removed(UNDO).await?);
        let wal_truncation_due = *self.wal_truncation_due();
        if let Some(due) = wal_truncation_due {
            let left = due.saturating_sub(self.clock.monotonic());
            if left.is_zero() {
                self.purge_unsent().await?;
            }
            if left.is_zero() && !self.truncate_wal().await? {
                next_in = next_in.min(WAL_RETRY_DELAY);
            } else if !left.is_zero() {
                next_in = next_in.min(left);
            }
        }
        purged.and(branches).map(|()| next_in)
    }

    /// Purges conversations regardless of the deadline, in batches of about this duration: first their rows,
    /// then their words in the search index, then their copies in the backups, and finally the deletion record.
    /// A failed one does not block the others and is retried with the next pass.
    async fn purge(&self, due: &[ConversationId], portion: Duration) -> Result<(), StoreError> {
        let mut emptied = Vec::new();
        for id in due {
            match self.empty(id, portion).await {
                Ok(true) => emptied.push(id),
                Ok(false) => {}
                Err(error) => self.is_not_purged(id, &error),
            }
        }
        if emptied.is_empty() {
            return Ok(());
        }
        // Once for all conversations, because it merges the whole index.
        self.store.purge_deleted_from_index().await?;
        for id in emptied {
            if let Err(error) = self.end(id).await {
                self.is_not_purged(id, &error);
            }
        }
        Ok(())
    }

    fn is_not_purged(&self, id: &ConversationId, error: &StoreError) {
        self.store.report_damage(error);
        tracing::warn!(%error, conversation = %id, "a deleted conversation cannot be purged yet");
    }

    /// Deletes all rows that belong to a conversation. Returns false if it no longer exists.
    async fn empty(&self, id: &ConversationId, portion: Duration) -> Result<bool, StoreError> {
        if !self.store.begin_purge(id).await? {
            return Ok(false);
        }
        self.in_portions(PurgeTarget::Conversation(id), portion)
            .await?;
        self.wal_truncation_due().replace(self.clock.monotonic());
        Ok(true)
    }

    async fn end(&self, id: &ConversationId) -> Result<(), StoreError> {
        self.store.purge_in_copies(id).await?;
        self.store.end_purge(id).await?;
        self.own().remove(id);
        self.wal_truncation_due().replace(self.clock.monotonic());
        Ok(())
    }

    /// Deletes for good what was removed from the queues `undo` or longer ago. Returns the time until the next is due.
    async fn purge_removed(&self, undo: Duration) -> Result<Duration, StoreError> {
        let now = self.clock.now();
        let purge = self.store.purge_removed(now, undo).await?;
        if purge.purged > 0 {
            self.unsent_left.store(true, Ordering::Relaxed);
            self.wal_truncation_due().replace(self.clock.monotonic());
        }
        let next = purge.next.map(|next| next.since(now));
        Ok(next.unwrap_or(POLL_INTERVAL).max(MIN_PAUSE))
    }

    /// Removes what was sent or discarded without Undo from the backups: drafts, queued messages and files.
    async fn purge_unsent(&self) -> Result<(), StoreError> {
        if self.unsent_left.load(Ordering::Relaxed) {
            self.store.purge_unsent_in_copies().await?;
            self.unsent_left.store(false, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Deletes the oldest attempt records beyond `kept`. Only totals and recent ones are queried.
    async fn cut_attempts(&self, kept: u32) -> Result<(), StoreError> {
        self.in_portions(PurgeTarget::AttemptsOver(kept), PORTION)
            .await
    }

    /// Deletes in batches, each as large as `length` allows.
    async fn in_portions(&self, what: PurgeTarget<'_>, length: Duration) -> Result<(), StoreError> {
        let mut limit = FIRST;
        loop {
            let portion = self.store.portion().await?;
            let began = self.clock.monotonic();
            let taken = match what {
                PurgeTarget::Conversation(id) => portion.purge(id, limit).await?,
                PurgeTarget::Branch(branch) => portion.purge_branch(branch, limit).await?,
                PurgeTarget::AttemptsOver(kept) => portion.cut_attempts(kept, limit).await?,
            };
            limit = next_portion(limit, self.clock.monotonic().saturating_sub(began), length);
            if taken == PurgeProgress::Done {
                return Ok(());
            }
            // Otherwise a commit would trigger the automatic checkpoint, and all other writes would wait for
            // it.
            self.store.checkpoint_wal().await?;
        }
    }

    /// Truncates the WAL; returns true if it contains no deleted data any more.
    async fn truncate_wal(&self) -> Result<bool, StoreError> {
        // What is deleted from here on sets a new deadline.
        let due = self.wal_truncation_due().take();
        let emptied = self.store.truncate_wal().await;
        if let (Some(due), Ok(false) | Err(_)) = (due, &emptied) {
            self.wal_truncation_due().get_or_insert(due);
        }
        emptied
    }

    /// Wakes the purger: a branch was deleted.
    pub(super) fn branch_deleted(&self) {
        self.wake.notify_one();
    }

    /// Records a conversation that this process deleted.
    pub(super) fn deleted(&self, id: &ConversationId) {
        self.own().insert(id.clone());
        self.wake.notify_one();
    }

    pub(super) fn restored(&self, id: &ConversationId) {
        self.own().remove(id);
    }

    /// Schedules the removal of data deleted without Undo, which the WAL still contains.
    pub(crate) fn schedule_wal_truncation(&self) {
        self.unsent_left.store(true, Ordering::Relaxed);
        let due = self.clock.monotonic() + UNDO;
        self.wal_truncation_due().get_or_insert(due);
        self.wake.notify_one();
    }

    /// Purges what this process deleted without waiting for the deadline.
    ///
    /// # Errors
    /// When the database cannot be written. The next start purges the rest.
    pub(crate) async fn finish(&self) -> Result<(), StoreError> {
        let own: Vec<_> = self.own().iter().cloned().collect();
        let purged = self.purge(&own, QUIT_PORTION).await;
        let branches = self.purge_branches(QUIT_PORTION).await;
        self.purge_removed(Duration::ZERO).await?;
        self.purge_unsent().await?;
        if self.wal_truncation_due().is_some() {
            self.truncate_wal().await?;
        }
        purged.and(branches)
    }

    fn own(&self) -> crate::sync::MutexGuard<'_, HashSet<ConversationId>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wal_truncation_due(&self) -> crate::sync::MutexGuard<'_, Option<Duration>> {
        self.wal_truncation_due
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is deleted in batches.
#[derive(Debug, Clone, Copy)]
enum PurgeTarget<'a> {
    Conversation(&'a ConversationId),
    Branch(&'a DeletedBranch),
    AttemptsOver(u32),
}

/// Returns the size of the next batch, given the size and duration of the last and the target duration.
fn next_portion(limit: u32, took: Duration, length: Duration) -> u32 {
    let next = if took > length {
        limit / 2
    } else if took < length / 2 {
        limit * 2
    } else {
        limit
    };
    next.clamp(1, LARGEST)
}

mod branches;

#[cfg(test)]
mod tests;
