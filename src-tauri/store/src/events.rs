//! The events that the core publishes to its windows. Those about stored data come from the store's commits, see
//! `store/write.rs`.
//!
//! Lock changes are published in fence order (I9): two tasks may report their commits out of order, and two may
//! report the same one, so the bus remembers the latest change of each branch and drops what is not newer. A
//! subscriber that falls behind misses events and must read a snapshot; every window does so when it gets the
//! focus.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

use conch_model::{
    AnswerEnd, BranchId, ConversationChange, ConversationId, LockChange, QueueChange, Settings,
};
use tokio::sync::broadcast;

use crate::sync::{Mutex, MutexGuard};

/// How many events a subscriber may fall behind.
const BACKLOG: usize = 4096;

/// An event of the core.
#[derive(Debug, Clone, PartialEq)]
pub enum CoreEvent {
    /// A lock was acquired, released, expired or recovered.
    Lock(LockChange),
    /// A conversation was created, changed or deleted.
    Conversation(ConversationChange),
    /// What waits on a branch changed, or its pause.
    Queue(QueueChange),
    /// An answer ended, whatever its outcome.
    AnswerEnded(AnswerEnd),
    /// The settings were saved.
    Settings(Settings),
    /// A provider was added, changed or removed, so the models may have changed.
    Models,
    /// Damage was found in the open database. Published once.
    DamageDetected,
}

/// The event bus.
#[derive(Debug)]
pub struct Events {
    sender: broadcast::Sender<CoreEvent>,
    /// The latest change of each branch. A deletion drops those of its conversation.
    latest: Mutex<HashMap<BranchId, Latest>>,
    damage: AtomicBool,
}

#[derive(Debug)]
struct Latest {
    conversation_id: ConversationId,
    /// The fence, and whether the lock was released, which orders after the grant of the same fence.
    place: (i64, bool),
}

impl Default for Events {
    fn default() -> Self {
        Self {
            sender: broadcast::Sender::new(BACKLOG),
            latest: Mutex::default(),
            damage: AtomicBool::new(false),
        }
    }
}

impl Events {
    /// Subscribes to the events from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<CoreEvent> {
        self.sender.subscribe()
    }

    /// Publishes an event. A lock change that is not newer than the last one of its branch is dropped, and damage
    /// is published once.
    pub fn publish(&self, event: CoreEvent) {
        match event {
            CoreEvent::Lock(change) => self.publish_lock(change),
            CoreEvent::DamageDetected if self.damage.swap(true, Ordering::Relaxed) => {}
            CoreEvent::Conversation(change) if change.deleted => {
                self.latest()
                    .retain(|_, latest| latest.conversation_id != change.conversation_id);
                self.send(CoreEvent::Conversation(change));
            }
            event => self.send(event),
        }
    }

    fn publish_lock(&self, change: LockChange) {
        let mut latest = self.latest();
        let place = (change.fence, !change.locked);
        if latest
            .get(&change.branch_id)
            .is_some_and(|known| place <= known.place)
        {
            return;
        }
        let conversation_id = change.conversation_id.clone();
        let now = Latest {
            conversation_id,
            place,
        };
        latest.insert(change.branch_id.clone(), now);
        // Sent while the mutex is held, or two changes could still be reordered here.
        self.send(CoreEvent::Lock(change));
    }

    fn latest(&self) -> MutexGuard<'_, HashMap<BranchId, Latest>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, event: CoreEvent) {
        // A core without a window has no subscribers; that is not an error.
        let _ = self.sender.send(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use conch_model::LockReason;

    fn change(branch: &str, fence: i64, reason: LockReason) -> LockChange {
        LockChange {
            conversation_id: ConversationId::from("c".to_owned()),
            branch_id: BranchId::from(branch.to_owned()),
            locked: reason == LockReason::Acquired,
            generation_id: None,
            message_id: None,
            fence,
            reason,
            conversation: None,
        }
    }

    #[test]
    fn damage_is_published_once() {
        let events = Events::default();
        let mut listener = events.subscribe();
        events.publish(CoreEvent::DamageDetected);
        events.publish(CoreEvent::DamageDetected);
        assert_eq!(listener.try_recv(), Ok(CoreEvent::DamageDetected));
        assert!(listener.try_recv().is_err());
    }

    #[test]
    fn stale_lock_changes_are_not_published() {
        let events = Events::default();
        let mut listener = events.subscribe();

        events.publish(CoreEvent::Lock(change("a", 1, LockReason::Acquired)));
        events.publish(CoreEvent::Lock(change("a", 1, LockReason::Acquired)));
        events.publish(CoreEvent::Lock(change("a", 2, LockReason::Acquired)));
        events.publish(CoreEvent::Lock(change("a", 1, LockReason::Released)));
        events.publish(CoreEvent::Lock(change("b", 1, LockReason::Acquired)));
        events.publish(CoreEvent::Lock(change("a", 2, LockReason::Released)));
        events.publish(CoreEvent::Lock(change("a", 2, LockReason::Acquired)));

        let mut received = Vec::new();
        while let Ok(CoreEvent::Lock(change)) = listener.try_recv() {
            received.push((change.branch_id.to_string(), change.fence, change.locked));
        }
        let expected = [
            ("a", 1, true),
            ("a", 2, true),
            ("b", 1, true),
            ("a", 2, false),
        ];
        assert_eq!(
            received,
            expected.map(|(branch, fence, locked)| (branch.to_owned(), fence, locked))
        );
    }
}
