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
        let mut wal = self.store.wal().await?;
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
                wal.close().await?;
                return Ok(());
            }
            // Otherwise a commit would trigger the automatic checkpoint, and all other writes would wait for
            // it.
            wal.checkpoint().await?;
        }
    }

    /// Truncates the WAL; returns true if it contains no deleted data any more.
    async fn truncate_wal(&self) -> Result<bool, StoreError> {
        // What is deleted from here on sets a new deadline.
        let due = self.wal_truncation_due().take();
        let emptied = self.try_to_truncate_wal().await;
        if let (Some(due), Ok(false) | Err(_)) = (due, &emptied) {
            self.wal_truncation_due().get_or_insert(due);
        }
        emptied
    }

    async fn try_to_truncate_wal(&self) -> Result<bool, StoreError> {
        let mut wal = self.store.wal().await?;
        let emptied = wal.truncate().await?;
        wal.close().await?;
        Ok(emptied)
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
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::model::{AttemptSource, Composer, Timestamp};
    use crate::store::AttemptOutcome;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    struct Fixture {
        folder: tempfile::TempDir,
        clock: Arc<ManualClock>,
        purger: Purger,
        seen: HashMap<ConversationId, Duration>,
    }

    impl Fixture {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("conch.db");
            let store = Store::open(&path, false, NOW);
            let clock = Arc::new(ManualClock::at(NOW));
            let timed = Arc::clone(&clock) as Arc<dyn Clock>;
            let purger = Purger::new(store.await.unwrap(), timed);
            Self {
                folder,
                clock,
                purger,
                seen: HashMap::new(),
            }
        }

        /// Creates a conversation that another process deleted.
        async fn deleted(&self) -> ConversationId {
            let store = &self.purger.store;
            let id = store.create_conversation(None, None, NOW).await.unwrap().id;
            let now = self.clock.now();
            assert!(store.delete_conversation(&id, now).await.unwrap());
            id
        }

        async fn pass(&mut self) -> Duration {
            self.purger.pass(&mut self.seen).await.unwrap()
        }

        async fn left(&self) -> usize {
            self.purger
                .store
                .deleted_conversations()
                .await
                .unwrap()
                .len()
        }
    }

    /// A quit, a kill or a full disk may come between; then the next pass of any process continues.
    #[tokio::test]
    async fn a_conversation_is_not_gone_before_its_words_are() {
        let mut fixture = Fixture::new().await;
        let id = fixture.deleted().await;
        let store = fixture.purger.store.clone();
        store
            .execute(&format!(
                "INSERT INTO messages (id, conversation_id, branch_id, role, status, content, created_at, finished_at)
                 SELECT 'm' || value, '{id}', (SELECT id FROM branches), 'user', 'complete',
                   'canarybird ' || value, 0, 0 FROM json_each('[1,2,3,4,5,6,7,8,9]')"
            ))
            .await;
        store.index_answers().await.unwrap();
        fixture.clock.advance(UNDO);
        store
            .execute("ALTER TABLE search_index RENAME TO moved")
            .await;
        for _ in 0..2 {
            assert!(fixture.purger.pass(&mut fixture.seen).await.is_err());
            assert_eq!(fixture.left().await, 1);
        }
        store
            .execute("ALTER TABLE moved RENAME TO search_index")
            .await;
        assert_eq!(
            (fixture.pass().await, fixture.left().await),
            (POLL_INTERVAL, 0)
        );
        fixture.purger.finish().await.unwrap();
        store.close().await;
        let bytes = std::fs::read(fixture.folder.path().join("conch.db")).unwrap();
        assert!(!bytes.windows(8).any(|word| word == b"narybird"));
    }

    #[tokio::test]
    async fn what_was_deleted_is_purged_when_the_time_for_undo_is_over() {
        let mut fixture = Fixture::new().await;
        assert_eq!(fixture.pass().await, POLL_INTERVAL);
        fixture.deleted().await;
        assert_eq!(fixture.pass().await, UNDO, "that is when it is due");
        fixture.clock.advance(Duration::from_secs(6));
        fixture.deleted().await;
        assert_eq!(fixture.pass().await, Duration::from_secs(4));
        fixture.clock.advance(Duration::from_secs(4));
        assert_eq!(
            (fixture.pass().await, fixture.left().await),
            (Duration::from_secs(6), 1)
        );
        fixture.clock.advance(Duration::from_secs(6));
        assert_eq!(
            (fixture.pass().await, fixture.left().await),
            (POLL_INTERVAL, 0)
        );
    }

    #[tokio::test]
    async fn what_a_killed_process_left_is_purged_by_the_next() {
        let mut fixture = Fixture::new().await;
        let id = fixture.deleted().await;
        // As if killed after the first batch.
        assert!(fixture.purger.store.begin_purge(&id).await.unwrap());
        fixture.deleted().await;
        fixture.pass().await;
        assert_eq!(
            fixture.left().await,
            1,
            "there is no way back from the first"
        );
        // A new process has seen no deletions yet.
        fixture.clock.advance(UNDO);
        fixture.seen.clear();
        fixture.pass().await;
        assert_eq!(fixture.left().await, 0);
    }

    #[tokio::test]
    async fn what_was_deleted_is_purged_from_the_backups_too() {
        let mut fixture = Fixture::new().await;
        let kept = fixture
            .purger
            .store
            .create_conversation(Some("kept"), None, NOW);
        let kept = kept.await.unwrap().id;
        let id = fixture.deleted().await;
        let store = &fixture.purger.store;
        let made = store.back_up_daily(NOW, CancellationToken::new()).await;
        let made = made.unwrap().expect("the first one is due");
        assert_eq!(ids_in(&made.path).await.len(), 2);
        assert!(ids_in(&made.path).await.contains(&id));
        fixture.clock.advance(UNDO);
        fixture.pass().await;
        assert_eq!(fixture.left().await, 0);
        assert_eq!(ids_in(&made.path).await, [kept]);
    }

    #[tokio::test]
    async fn a_damaged_backup_keeps_nothing_from_being_purged() {
        let mut fixture = Fixture::new().await;
        fixture.deleted().await;
        let folder = fixture.folder.path().join("backups");
        std::fs::create_dir(&folder).unwrap();
        let name = format!("conch-{}.db", NOW.to_name());
        std::fs::write(folder.join(name), "no database").unwrap();
        assert_eq!(crate::store::backups(fixture.folder.path()).len(), 1);
        fixture.clock.advance(UNDO);
        fixture.pass().await;
        assert_eq!(fixture.left().await, 0);
    }

    const CANARY: &str = "zanzibarfish";

    fn holds_it(path: &std::path::Path) -> bool {
        let bytes = std::fs::read(path).unwrap_or_default();
        let mut words = bytes.windows(CANARY.len());
        words.any(|word| word == CANARY.as_bytes())
    }

    #[tokio::test]
    async fn a_backup_that_cannot_be_written_keeps_nothing_in_the_database() {
        let mut fixture = Fixture::new().await;
        let store = fixture.purger.store.clone();
        let made = store.create_conversation(Some(CANARY), None, NOW);
        let id = made.await.unwrap().id;
        let backup = store.back_up_daily(NOW, CancellationToken::new()).await;
        let backup = backup.unwrap().expect("the first one is due");
        assert!(holds_it(&backup.path));
        assert!(store.delete_conversation(&id, NOW).await.unwrap());
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&backup.path);
        let mut other = sqlx::ConnectOptions::connect(&options).await.unwrap();
        let hold = sqlx::query("BEGIN EXCLUSIVE").execute(&mut other);
        hold.await.unwrap();
        fixture.clock.advance(UNDO);
        fixture.pass().await;
        let files = ["conch.db", "conch.db-wal"].map(|name| fixture.folder.path().join(name));
        assert!(files.iter().all(|file| !holds_it(file)));
        assert_eq!(fixture.left().await, 1, "the backup is tried again");
        sqlx::Connection::close(other).await.unwrap();
        fixture.pass().await;
        assert_eq!((fixture.left().await, holds_it(&backup.path)), (0, false));
    }

    #[tokio::test]
    async fn what_was_typed_and_is_gone_leaves_the_backups() {
        let mut fixture = Fixture::new().await;
        let store = fixture.purger.store.clone();
        store
            .profile()
            .save_draft(&Composer::NewConversation, CANARY, NOW)
            .await
            .unwrap();
        let backup = store.back_up_daily(NOW, CancellationToken::new()).await;
        let backup = backup.unwrap().expect("the first one is due").path;
        let mut forget = async |draft: &str| {
            store
                .profile()
                .save_draft(&Composer::NewConversation, draft, NOW)
                .await
                .unwrap();
            fixture.purger.schedule_wal_truncation();
            fixture.clock.advance(UNDO);
            fixture.pass().await;
        };
        forget(&format!("{CANARY} and more")).await;
        assert!(holds_it(&backup), "it is still being typed");
        forget("").await;
        assert!(!holds_it(&backup));
    }

    #[tokio::test]
    async fn damage_found_by_a_purge_is_published() {
        let mut fixture = Fixture::new().await;
        fixture.deleted().await;
        fixture
            .purger
            .store
            .mark_damaged("a page that is none")
            .await;
        let mut events = fixture.purger.store.events().subscribe();
        fixture.clock.advance(UNDO);
        fixture.pass().await;
        assert_eq!(
            events.try_recv(),
            Ok(crate::events::CoreEvent::DamageDetected)
        );
    }

    async fn ids_in(database: &std::path::Path) -> Vec<ConversationId> {
        let copy = tempfile::tempdir().unwrap();
        let path = copy.path().join("conch.db");
        std::fs::copy(database, &path).unwrap();
        let store = Store::open(&path, false, NOW).await.unwrap();
        let deleted = store.deleted_conversations().await.unwrap();
        let listed = store.list_conversations(None, 9, NOW).await.unwrap();
        let deleted = deleted.into_iter().map(|deleted| deleted.id);
        deleted
            .chain(listed.into_iter().map(|listed| listed.id))
            .collect()
    }

    #[tokio::test]
    async fn a_clock_that_was_set_back_keeps_nothing_for_ever() {
        let mut fixture = Fixture::new().await;
        fixture.deleted().await;
        fixture.clock.step_to(Timestamp::from_millis(0));
        assert_eq!(fixture.pass().await, UNDO);
        fixture.clock.advance(UNDO);
        assert_eq!(
            (fixture.pass().await, fixture.left().await),
            (POLL_INTERVAL, 0)
        );
    }

    #[tokio::test]
    async fn a_quit_purges_what_this_process_deleted_and_nothing_of_others() {
        let fixture = Fixture::new().await;
        let own = fixture.deleted().await;
        let undone = fixture.deleted().await;
        let theirs = fixture.deleted().await;
        fixture.purger.deleted(&own);
        fixture.purger.deleted(&undone);
        assert!(
            fixture
                .purger
                .store
                .restore_conversation(&undone)
                .await
                .unwrap()
        );
        fixture.purger.finish().await.unwrap();
        let left = fixture.purger.store.deleted_conversations().await.unwrap();
        assert_eq!((left.len(), &left[0].id), (1, &theirs));
        assert!(
            fixture
                .purger
                .store
                .branch(&undone, None)
                .await
                .unwrap()
                .is_some()
        );
    }

    #[tokio::test]
    async fn the_log_is_emptied_of_what_had_no_undo() {
        let mut fixture = Fixture::new().await;
        fixture.deleted().await;
        fixture.purger.schedule_wal_truncation();
        fixture.clock.advance(Duration::from_secs(4));
        fixture.purger.schedule_wal_truncation();
        assert_eq!(fixture.pass().await, Duration::from_secs(6), "by the first");
        fixture.clock.advance(Duration::from_secs(6));
        fixture.pass().await;
        let wal = fixture.folder.path().join("conch.db-wal");
        assert_eq!(wal.metadata().unwrap().len(), 0);
        assert!(fixture.purger.wal_truncation_due().is_none());
    }

    #[tokio::test]
    async fn attempts_are_remembered_up_to_a_number_the_newest_ones() {
        let fixture = Fixture::new().await;
        let store = &fixture.purger.store;
        let id = store.create_conversation(None, None, NOW).await.unwrap().id;
        for n in 0..40 {
            let source = AttemptSource::Program;
            let at = NOW + Duration::from_secs(n);
            let counted = store.record_refused_by_page(&id, None, source, at).await;
            assert!(counted.unwrap());
        }
        let left = async || store.count_attempts(AttemptOutcome::RefusedByPage).await;
        fixture.purger.cut_attempts(40).await.unwrap();
        assert_eq!(left().await.unwrap(), 40);
        fixture.purger.cut_attempts(7).await.unwrap();
        assert_eq!(left().await.unwrap(), 7);
    }

    #[test]
    fn portions_grow_while_they_are_quick_and_shrink_when_they_are_slow() {
        let ms = Duration::from_millis;
        assert_eq!(next_portion(16, ms(1), ms(10)), 32);
        assert_eq!(next_portion(16, ms(7), ms(10)), 16);
        assert_eq!(next_portion(16, ms(11), ms(10)), 8);
        assert_eq!(next_portion(1, ms(500), ms(10)), 1);
        assert_eq!(next_portion(LARGEST, ms(0), ms(10)), LARGEST);
    }
}
