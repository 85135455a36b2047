//! Polls for lock changes and deletions by other processes on the same data folder, and publishes them to the
//! windows.
//!
//! The database is the source of truth for every process; this only shortens the delay until the windows of
//! this process show a change. Polling SQLite's data version several times a second costs less than watching
//! the file, and works the same on every platform.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::events::CoreEvent;
use crate::live::LiveAnswers;
use crate::model::{
    BranchId, ConversationChange, ConversationId, InstanceId, Lease, LockChange, LockReason,
    QueueChange, Timestamp,
};
use crate::store::{ChangeCursor, QueueMark, Store, StoreError};

/// Poll interval.
const POLL_INTERVAL: Duration = Duration::from_millis(300);

/// Polls the changes of other processes.
#[derive(Debug)]
pub(crate) struct Watch {
    store: Store,
    live: Arc<LiveAnswers>,
    instance_id: InstanceId,
    /// The locks that other processes held at the last poll.
    held: HashMap<BranchId, Lease>,
    /// The deleted conversations at the last poll, including those deleted by this process.
    deleted: HashSet<ConversationId>,
    /// The queues in which messages waited at the last poll.
    queues: HashMap<BranchId, QueueMark>,
    /// Notified after a commit of any process.
    committed: Arc<Notify>,
}

impl Watch {
    pub(crate) fn new(
        store: Store,
        live: Arc<LiveAnswers>,
        instance_id: InstanceId,
        committed: Arc<Notify>,
    ) -> Self {
        Self {
            store,
            live,
            instance_id,
            held: HashMap::new(),
            deleted: HashSet::new(),
            queues: HashMap::new(),
            committed,
        }
    }

    /// Polls until dropped.
    ///
    /// # Errors
    /// When the database cannot be read. It can be called again, and then starts with a full read.
    pub(crate) async fn run(&mut self) -> Result<(), StoreError> {
        let mut changes = self.store.changes().await?;
        loop {
            self.poll(&mut changes).await?;
            self.committed.notify_one();
            while !changes.poll_commits().await? {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        }
    }

    async fn poll(&mut self, changes: &mut ChangeCursor) -> Result<(), StoreError> {
        let mut touched: HashSet<ConversationId> = changes
            .poll_foreign_turns(&self.instance_id)
            .await?
            .into_iter()
            .collect();
        let holders = self.store.holders().await?.into_iter();
        let now: HashMap<BranchId, Lease> = holders
            .filter(|holder| holder.instance_id != self.instance_id)
            .map(|holder| (holder.lease.branch_id.clone(), holder.lease))
            .collect();
        for (branch, lease) in &self.held {
            if now.get(branch) != Some(lease) {
                let reason = self.store.release_reason(lease).await?;
                self.publish_lock(lease, reason);
                touched.insert(lease.conversation_id.clone());
            }
        }
        for lease in now.values() {
            self.publish_lock(lease, LockReason::Acquired);
            // Its text grows with each save of the process that writes it.
            touched.insert(lease.conversation_id.clone());
        }
        for conversation_id in &touched {
            self.publish_conversation(conversation_id);
        }
        self.held = now;
        self.poll_deleted().await?;
        self.poll_queues().await
    }

    async fn poll_queues(&mut self) -> Result<(), StoreError> {
        let marks = self.store.queue_marks().await?.into_iter();
        let now: HashMap<_, _> = marks.map(|mark| (mark.branch_id.clone(), mark)).collect();
        let before = std::mem::take(&mut self.queues);
        for (branch, mark) in &now {
            if before.get(branch) != Some(mark) {
                self.publish_queue(mark, mark.count, mark.paused);
            }
        }
        for (branch, mark) in &before {
            if !now.contains_key(branch) {
                // The user's pause stays. The time decides only what is held back.
                let time = Timestamp::from_millis(0);
                let queue = self.store.queue(&mark.conversation_id, Some(branch), time);
                let paused = queue.await?.is_some_and(|queue| queue.paused);
                self.publish_queue(mark, 0, paused);
            }
        }
        self.queues = now;
        Ok(())
    }

    fn publish_queue(&self, mark: &QueueMark, count: u32, paused: bool) {
        self.publish(CoreEvent::Queue(QueueChange {
            conversation_id: mark.conversation_id.clone(),
            branch_id: mark.branch_id.clone(),
            count,
            paused,
            cleared: 0,
        }));
    }

    async fn poll_deleted(&mut self) -> Result<(), StoreError> {
        let deleted = self.store.deleted_conversations().await?.into_iter();
        let deleted: HashSet<_> = deleted.map(|deleted| deleted.id).collect();
        for id in deleted.difference(&self.deleted) {
            let deleted = ConversationChange::deleted(id.clone());
            self.publish(CoreEvent::Conversation(deleted));
            // The process that deletes a conversation can stop only its own answers.
            self.live.begin_stop_all(id);
        }
        for id in self.deleted.difference(&deleted) {
            if self.store.branch(id, None).await?.is_some() {
                self.publish_conversation(id);
            }
        }
        self.deleted = deleted;
        Ok(())
    }

    fn publish_lock(&self, lease: &Lease, reason: LockReason) {
        self.publish(CoreEvent::Lock(LockChange::of(lease, reason)));
    }

    fn publish_conversation(&self, id: &ConversationId) {
        let changed = ConversationChange::unknown(id.clone());
        self.publish(CoreEvent::Conversation(changed));
    }

    fn publish(&self, event: CoreEvent) {
        self.store.events().publish(event);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast;

    use super::*;
    use crate::live::Control;
    use crate::model::{
        Ending, FencedWrite, GenerationId, LEASE, MessageStatus, SendPolicy, TurnRequest,
    };
    use crate::store::{BeginOutcome, BeginTurn, PurgeProgress};

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    /// Two stores that have the same file open, as two processes do.
    struct Fixture {
        _folder: tempfile::TempDir,
        theirs: Store,
        watch: Watch,
        changes: ChangeCursor,
        events: broadcast::Receiver<CoreEvent>,
    }

    impl Fixture {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("conch.db");
            let ours = Store::open(&path, false, NOW).await.unwrap();
            let theirs = Store::open(&path, false, NOW).await.unwrap();
            Self {
                _folder: folder,
                theirs,
                events: ours.events().subscribe(),
                changes: ours.changes().await.unwrap(),
                watch: Watch::new(
                    ours,
                    Arc::default(),
                    InstanceId::from("ours".to_owned()),
                    Arc::default(),
                ),
            }
        }

        async fn begin(&self, instance_id: &str) -> Lease {
            begin(&self.theirs, instance_id).await
        }

        /// Polls, and returns the lock changes and changed conversations that were published.
        async fn poll(&mut self) -> (Vec<LockChange>, Vec<ConversationId>) {
            self.watch.poll(&mut self.changes).await.unwrap();
            let (mut locks, mut conversations) = (Vec::new(), Vec::new());
            while let Ok(event) = self.events.try_recv() {
                match event {
                    CoreEvent::Lock(change) => locks.push(change),
                    CoreEvent::Conversation(change) => conversations.push(change.conversation_id),
                    other => panic!("{other:?}"),
                }
            }
            (locks, conversations)
        }
    }

    /// Begins a turn of this instance in a new conversation.
    async fn begin(store: &Store, instance_id: &str) -> Lease {
        let conversation = store.create_conversation(None, None, NOW);
        let request = TurnRequest::message(&conversation.await.unwrap().id, "hello");
        let turn = BeginTurn::new(request, InstanceId::from(instance_id.to_owned()));
        match store.begin(&turn, NOW).await.unwrap() {
            BeginOutcome::Started(started) => started.lease,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_lock_acquired_and_released_elsewhere_is_published() {
        let mut fixture = Fixture::new().await;
        let lease = fixture.begin("theirs").await;
        let (locks, conversations) = fixture.poll().await;
        assert_eq!(locks, [LockChange::of(&lease, LockReason::Acquired)]);
        assert_eq!(conversations, std::slice::from_ref(&lease.conversation_id));

        let (locks, conversations) = fixture.poll().await;
        assert!(locks.is_empty(), "it is held as before: {locks:?}");
        assert_eq!(conversations, std::slice::from_ref(&lease.conversation_id));

        let end = Ending::new(MessageStatus::Complete, None);
        let ended = fixture
            .theirs
            .finish(&lease, None, &end, NOW)
            .await
            .unwrap();
        assert_eq!(ended, FencedWrite::Written);
        let (locks, conversations) = fixture.poll().await;
        assert_eq!(locks, [LockChange::of(&lease, LockReason::Released)]);
        assert_eq!(conversations, std::slice::from_ref(&lease.conversation_id));
        assert_eq!(fixture.poll().await, (vec![], vec![]));
    }

    #[tokio::test]
    async fn a_lock_lost_elsewhere_is_published_with_its_reason() {
        let mut fixture = Fixture::new().await;
        for reason in [LockReason::Expired, LockReason::Recovered] {
            let lease = fixture.begin("theirs").await;
            fixture.poll().await;
            let holder = fixture.theirs.holders().await.unwrap().remove(0);
            let freed = match reason {
                LockReason::Expired => fixture.theirs.expire(&holder, NOW + LEASE).await,
                _ => fixture.theirs.recover(&holder, NOW).await,
            };
            assert_eq!(freed.unwrap(), FencedWrite::Written);
            let (locks, _) = fixture.poll().await;
            assert_eq!(locks, [LockChange::of(&lease, reason)]);
        }
    }

    #[tokio::test]
    async fn deletes_and_restores_elsewhere_are_published() {
        let mut fixture = Fixture::new().await;
        let lease = fixture.begin("theirs").await;
        let id = &lease.conversation_id;
        let mut registration = fixture
            .watch
            .live
            .register(GenerationId::fresh(), id.clone());
        fixture.poll().await;
        let shown = async |fixture: &mut Fixture| {
            fixture.watch.poll_deleted().await.unwrap();
            match fixture.events.try_recv() {
                Ok(CoreEvent::Conversation(change)) => {
                    Some((change.conversation_id, change.deleted))
                }
                _ => None,
            }
        };
        assert!(fixture.theirs.delete_conversation(id, NOW).await.unwrap());
        assert_eq!(shown(&mut fixture).await, Some((id.clone(), true)));
        assert!(
            matches!(registration.control.try_recv(), Ok(Control::Stop(_))),
            "what is written here is stopped here"
        );
        assert_eq!(shown(&mut fixture).await, None, "once");
        assert!(fixture.theirs.restore_conversation(id).await.unwrap());
        assert_eq!(shown(&mut fixture).await, Some((id.clone(), false)));

        assert!(fixture.theirs.delete_conversation(id, NOW).await.unwrap());
        assert_eq!(shown(&mut fixture).await, Some((id.clone(), true)));
        assert!(fixture.theirs.begin_purge(id).await.unwrap());
        let portion = async || fixture.theirs.portion().await.unwrap();
        while portion().await.purge(id, 100).await.unwrap() == PurgeProgress::Remaining {}
        fixture.theirs.end_purge(id).await.unwrap();
        assert_eq!(shown(&mut fixture).await, None, "it is gone");
    }

    #[tokio::test]
    async fn own_locks_are_not_published_by_the_watch() {
        let mut fixture = Fixture::new().await;
        fixture.begin("ours").await;
        assert_eq!(fixture.poll().await, (vec![], vec![]));
    }

    #[tokio::test]
    async fn it_looks_by_itself() {
        let fixture = Fixture::new().await;
        let (mut watch, mut events) = (fixture.watch, fixture.events);
        let running = tokio::spawn(async move { watch.run().await });
        begin(&fixture.theirs, "theirs").await;
        let taken = async {
            while !matches!(events.recv().await.unwrap(), CoreEvent::Lock(change) if change.locked)
            {
            }
        };
        let events = tokio::time::timeout(Duration::from_secs(10), taken).await;
        assert!(events.is_ok(), "it looks several times a second");
        running.abort();
    }

    #[tokio::test]
    async fn it_says_that_it_cannot_look_and_looks_again() {
        let mut fixture = Fixture::new().await;
        fixture
            .theirs
            .execute("ALTER TABLE generations RENAME TO away")
            .await;
        assert!(fixture.watch.run().await.is_err());

        fixture
            .theirs
            .execute("ALTER TABLE away RENAME TO generations")
            .await;
        let lease = fixture.begin("theirs").await;
        let watch = &mut fixture.watch;
        let events = async {
            loop {
                match fixture.events.recv().await.unwrap() {
                    CoreEvent::Lock(change) if change.fence == lease.fence => break,
                    _ => {}
                }
            }
        };
        tokio::select! {
            ended = watch.run() => panic!("{ended:?}"),
            () = events => {}
        }
    }

    #[tokio::test]
    async fn a_queue_that_another_process_empties_stays_paused_if_the_user_paused_it() {
        let mut fixture = Fixture::new().await;
        let lease = fixture.begin("theirs").await;
        let id = &lease.conversation_id;
        let mut turn = BeginTurn::new(
            TurnRequest::message(id, "next"),
            InstanceId::from("theirs".to_owned()),
        );
        turn.request.policy = Some(SendPolicy::Queue);
        let begun = fixture.theirs.begin(&turn, NOW).await.unwrap();
        assert!(matches!(begun, BeginOutcome::Queued(_)), "{begun:?}");
        let mut last = async || {
            fixture.watch.poll(&mut fixture.changes).await.unwrap();
            let mut last = None;
            while let Ok(event) = fixture.events.try_recv() {
                if let CoreEvent::Queue(change) = event {
                    last = Some((change.count, change.paused));
                }
            }
            last
        };
        for paused in [false, true] {
            let set = fixture.theirs.pause_queue(id, None, paused).await;
            assert!(set.unwrap());
            assert_eq!(last().await, Some((1, paused)));
        }
        assert!(fixture.theirs.clear_queue(id, None, NOW).await.unwrap());
        assert_eq!(last().await, Some((0, true)));
    }
}
