//! Notices what other processes on the same data folder do to the locks and what they delete, and shows
//! it to the windows.
//!
//! The database is the truth for every process; this only shortens the time until the windows of
//! this one show it. Asking SQLite for its data version several times a second costs less than
//! watching the file would, and works the same everywhere.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Lease, LockChange, LockReason};
use crate::chat::live::LiveAnswers;
use crate::events::Events;
use crate::ids::{BranchId, ConversationId, InstanceId};
use crate::store::{Changes, Store, StoreError};

/// How often it looks.
const EVERY: Duration = Duration::from_millis(300);

/// Watches the locks of other processes.
#[derive(Debug)]
pub(crate) struct Watch {
    store: Store,
    events: Arc<Events>,
    live: Arc<LiveAnswers>,
    instance_id: InstanceId,
    /// What the others held when it last looked.
    held: HashMap<BranchId, Lease>,
    /// What was deleted, here too, when it last looked.
    deleted: HashSet<ConversationId>,
}

impl Watch {
    pub(crate) fn new(
        store: Store,
        events: Arc<Events>,
        live: Arc<LiveAnswers>,
        instance_id: InstanceId,
    ) -> Self {
        Self {
            store,
            events,
            live,
            instance_id,
            held: HashMap::new(),
            deleted: HashSet::new(),
        }
    }

    /// Watches until it is cancelled.
    pub(crate) async fn run(mut self, cancelled: CancellationToken) {
        let watching = async {
            let mut changes = self.store.changes().await?;
            self.look(&mut changes).await?;
            loop {
                tokio::time::sleep(EVERY).await;
                if changes.came().await? {
                    self.look(&mut changes).await?;
                }
            }
        };
        let ended: Option<Result<(), StoreError>> = cancelled.run_until_cancelled(watching).await;
        if let Some(Err(error)) = ended {
            tracing::warn!(%error, "locks of other processes are no longer shown at once");
        }
    }

    async fn look(&mut self, changes: &mut Changes) -> Result<(), StoreError> {
        let mut touched: HashSet<ConversationId> = changes
            .turns_of_others(&self.instance_id)
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
                let reason = self.store.freed_how(lease).await?;
                self.events.lock_changed(LockChange::of(lease, reason));
                touched.insert(lease.conversation_id.clone());
            }
        }
        for lease in now.values() {
            self.events
                .lock_changed(LockChange::of(lease, LockReason::Acquired));
            // Its text grows with what its process saves.
            touched.insert(lease.conversation_id.clone());
        }
        for conversation_id in &touched {
            self.events.conversation_changed(conversation_id, false);
        }
        self.held = now;
        self.look_for_deleted().await
    }

    async fn look_for_deleted(&mut self) -> Result<(), StoreError> {
        let deleted = self.store.deleted_conversations().await?.into_iter();
        let deleted: HashSet<_> = deleted.map(|deleted| deleted.id).collect();
        for id in deleted.difference(&self.deleted) {
            self.events.conversation_changed(id, true);
            // The process that deletes can stop only what it writes itself.
            self.live.begin_stop_all(id);
        }
        for id in self.deleted.difference(&deleted) {
            if self.store.branch(id, None).await?.is_some() {
                self.events.conversation_changed(id, false);
            }
        }
        self.deleted = deleted;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast;

    use super::*;
    use crate::chat::live::Control;
    use crate::chat::{AttemptSource, MessageStatus};
    use crate::clock::Timestamp;
    use crate::events::CoreEvent;
    use crate::ids::{GenerationId, RequestId};
    use crate::lock::{Fenced, LEASE};
    use crate::store::{Begin, Ending, NewTurn, Purge};

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    /// A file that two processes have open.
    struct Scene {
        _folder: tempfile::TempDir,
        theirs: Store,
        watch: Watch,
        changes: Changes,
        told: broadcast::Receiver<CoreEvent>,
    }

    impl Scene {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("conch.db");
            let ours = Store::open(&path, false, NOW).await.unwrap();
            let theirs = Store::open(&path, false, NOW).await.unwrap();
            let events = Arc::new(Events::default());
            Self {
                _folder: folder,
                theirs,
                told: events.subscribe(),
                changes: ours.changes().await.unwrap(),
                watch: Watch::new(
                    ours,
                    events,
                    Arc::default(),
                    InstanceId::from("ours".to_owned()),
                ),
            }
        }

        async fn begin(&self, instance_id: &str) -> Lease {
            begin(&self.theirs, instance_id).await
        }

        /// Looks, and returns what is told of locks and of conversations.
        async fn look(&mut self) -> (Vec<LockChange>, Vec<ConversationId>) {
            self.watch.look(&mut self.changes).await.unwrap();
            let (mut locks, mut conversations) = (Vec::new(), Vec::new());
            while let Ok(event) = self.told.try_recv() {
                match event {
                    CoreEvent::Lock(change) => locks.push(change),
                    CoreEvent::Conversation(change) => conversations.push(change.conversation_id),
                    other => panic!("{other:?}"),
                }
            }
            (locks, conversations)
        }
    }

    /// Has this instance begin a turn in a conversation of its own.
    async fn begin(store: &Store, instance_id: &str) -> Lease {
        let conversation = store.create_conversation(None, None, NOW);
        let turn = NewTurn {
            conversation_id: conversation.await.unwrap().id,
            branch_id: None,
            content: "hello".to_owned(),
            attachments: Vec::new(),
            title: "hello".to_owned(),
            request_id: RequestId::fresh(),
            source: AttemptSource::Program,
            generation_id: GenerationId::fresh(),
            instance_id: InstanceId::from(instance_id.to_owned()),
        };
        match store.begin_turn(&turn, NOW).await.unwrap() {
            Begin::Started(started) => started.lease,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_lock_that_another_process_takes_and_gives_back_is_told() {
        let mut scene = Scene::new().await;
        let lease = scene.begin("theirs").await;
        let (locks, conversations) = scene.look().await;
        assert_eq!(locks, [LockChange::of(&lease, LockReason::Acquired)]);
        assert_eq!(conversations, std::slice::from_ref(&lease.conversation_id));

        let (locks, conversations) = scene.look().await;
        assert!(locks.is_empty(), "it is held as before: {locks:?}");
        assert_eq!(conversations, std::slice::from_ref(&lease.conversation_id));

        let end = Ending::new(MessageStatus::Complete, None);
        let ended = scene.theirs.finish(&lease, None, &end, NOW).await.unwrap();
        assert_eq!(ended, Fenced::Written);
        let (locks, conversations) = scene.look().await;
        assert_eq!(locks, [LockChange::of(&lease, LockReason::Released)]);
        assert_eq!(conversations, std::slice::from_ref(&lease.conversation_id));
        assert_eq!(scene.look().await, (vec![], vec![]));
    }

    #[tokio::test]
    async fn a_lock_that_another_process_lost_is_told_with_the_reason() {
        let mut scene = Scene::new().await;
        for reason in [LockReason::Expired, LockReason::Recovered] {
            let lease = scene.begin("theirs").await;
            scene.look().await;
            let holder = scene.theirs.holders().await.unwrap().remove(0);
            let freed = match reason {
                LockReason::Expired => scene.theirs.expire(&holder, NOW + LEASE).await,
                _ => scene.theirs.recover(&holder, NOW).await,
            };
            assert_eq!(freed.unwrap(), Fenced::Written);
            let (locks, _) = scene.look().await;
            assert_eq!(locks, [LockChange::of(&lease, reason)]);
        }
    }

    #[tokio::test]
    async fn what_another_process_deletes_and_gives_back_is_told() {
        let mut scene = Scene::new().await;
        let lease = scene.begin("theirs").await;
        let id = &lease.conversation_id;
        let mut registration = scene.watch.live.register(GenerationId::fresh(), id.clone());
        scene.look().await;
        let shown = async |scene: &mut Scene| {
            scene.watch.look_for_deleted().await.unwrap();
            match scene.told.try_recv() {
                Ok(CoreEvent::Conversation(change)) => {
                    Some((change.conversation_id, change.deleted))
                }
                _ => None,
            }
        };
        assert!(scene.theirs.delete_conversation(id, NOW).await.unwrap());
        assert_eq!(shown(&mut scene).await, Some((id.clone(), true)));
        assert!(
            matches!(registration.control.try_recv(), Ok(Control::Stop(_))),
            "what is written here is stopped here"
        );
        assert_eq!(shown(&mut scene).await, None, "once");
        assert!(scene.theirs.restore_conversation(id).await.unwrap());
        assert_eq!(shown(&mut scene).await, Some((id.clone(), false)));

        assert!(scene.theirs.delete_conversation(id, NOW).await.unwrap());
        assert_eq!(shown(&mut scene).await, Some((id.clone(), true)));
        assert!(scene.theirs.begin_purge(id).await.unwrap());
        let portion = async || scene.theirs.portion().await.unwrap();
        while portion().await.purge(id, 100).await.unwrap() == Purge::GoesOn {}
        scene.theirs.end_purge(id).await.unwrap();
        assert_eq!(shown(&mut scene).await, None, "it is gone");
    }

    #[tokio::test]
    async fn our_own_locks_are_told_by_those_who_take_them() {
        let mut scene = Scene::new().await;
        scene.begin("ours").await;
        assert_eq!(scene.look().await, (vec![], vec![]));
    }

    #[tokio::test]
    async fn it_looks_by_itself_until_it_is_cancelled() {
        let scene = Scene::new().await;
        let (watch, mut told) = (scene.watch, scene.told);
        let cancelled = CancellationToken::new();
        let running = tokio::spawn(watch.run(cancelled.clone()));
        begin(&scene.theirs, "theirs").await;
        let taken = async {
            while !matches!(told.recv().await.unwrap(), CoreEvent::Lock(change) if change.locked) {}
        };
        let told = tokio::time::timeout(Duration::from_secs(10), taken).await;
        assert!(told.is_ok(), "it looks several times a second");
        cancelled.cancel();
        running.await.unwrap();
    }

    #[tokio::test]
    async fn it_ends_where_the_database_is_gone() {
        let scene = Scene::new().await;
        scene.watch.store.close().await;
        scene.watch.run(CancellationToken::new()).await;
    }
}
