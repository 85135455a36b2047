//! Answers that have ended, but whose end the database rejects: they are set aside. This process shows them
//! as ended, with the reason; their lock is no longer renewed and expires; nothing else waits for them. The
//! next operation on such a conversation retries storing the end first.

use std::collections::HashMap;
use std::sync::PoisonError;

use crate::events::{CoreEvent, Events};
use crate::model::{
    BranchId, ConversationChange, ConversationId, Ending, GenerationId, Lease, LockChange,
    LockReason, LockStatus, Message, MessageId, MessageStatus, Part, Tree,
};
use crate::sync::{Mutex, MutexGuard};

/// An answer whose end could not be stored.
#[derive(Debug, Clone)]
pub(crate) struct Aside {
    pub(crate) lease: Lease,
    pub(crate) ending: Ending,
    /// Its parts, where this process has them.
    parts: Option<Vec<Part>>,
}

impl Aside {
    pub(crate) fn new(lease: Lease, ending: Ending, parts: Option<Vec<Part>>) -> Self {
        Self {
            lease,
            ending,
            parts,
        }
    }
}

/// Publishes the end of an answer that is set aside, which no commit does.
pub(crate) fn publish_aside(events: &Events, lease: &Lease, reason: LockReason) {
    events.publish(CoreEvent::Lock(LockChange::of(lease, reason)));
    let changed = ConversationChange::unknown(lease.conversation_id.clone());
    events.publish(CoreEvent::Conversation(changed));
}

/// All answers set aside in this process.
#[derive(Debug, Default)]
pub(crate) struct SetAside {
    rows: Mutex<HashMap<MessageId, Aside>>,
}

impl SetAside {
    fn rows(&self) -> MutexGuard<'_, HashMap<MessageId, Aside>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets an answer aside. Returns false when it already was.
    pub(crate) fn set(&self, aside: Aside) -> bool {
        let mut rows = self.rows();
        let message_id = aside.lease.message_id.clone();
        let is_new = !rows.contains_key(&message_id);
        rows.entry(message_id).or_insert(aside);
        is_new
    }

    /// Removes an answer whose end is stored, by this process or another.
    pub(crate) fn take_back(&self, message_id: &MessageId) -> bool {
        self.rows().remove(message_id).is_some()
    }

    /// Returns the answers set aside in a conversation.
    pub(crate) fn of(&self, conversation_id: &ConversationId) -> Vec<Aside> {
        let rows = self.rows();
        let own = rows
            .values()
            .filter(|aside| aside.lease.conversation_id == *conversation_id);
        own.cloned().collect()
    }

    pub(crate) fn has_any_of(&self, conversation_id: &ConversationId) -> bool {
        self.rows()
            .values()
            .any(|aside| aside.lease.conversation_id == *conversation_id)
    }

    pub(crate) fn has_branch(&self, branch_id: &BranchId) -> bool {
        self.rows()
            .values()
            .any(|aside| aside.lease.branch_id == *branch_id)
    }

    fn holds(&self, generation_id: &GenerationId) -> bool {
        self.rows()
            .values()
            .any(|aside| aside.lease.generation_id == *generation_id)
    }

    /// Shows a message as ended if it is set aside.
    pub(crate) fn show(&self, message: &mut Message) {
        if message.status != MessageStatus::Generating {
            return;
        }
        if let Some(aside) = self.rows().get(&message.id) {
            message.status = aside.ending.status;
            message.error.clone_from(&aside.ending.error);
            if let Some(parts) = &aside.parts {
                message.parts.clone_from(parts);
            }
        }
    }

    /// Shows answers and branches of a tree as ended where an answer is set aside.
    pub(crate) fn show_in_tree(&self, tree: &mut Tree) {
        for aside in self.of(&tree.conversation_id) {
            let Aside { lease, ending, .. } = aside;
            for node in &mut tree.nodes {
                if node.id == lease.message_id && node.status == MessageStatus::Generating {
                    node.status = ending.status;
                }
            }
            for branch in &mut tree.branches {
                if branch.id == lease.branch_id {
                    branch.locked = false;
                    if branch.status == Some(MessageStatus::Generating) {
                        branch.status = Some(ending.status);
                    }
                }
            }
        }
    }

    /// Shows a lock as free if its holder is set aside.
    pub(crate) fn show_lock(&self, lock: LockStatus) -> LockStatus {
        match &lock.generation_id {
            Some(holder) if self.holds(holder) => LockStatus {
                locked: false,
                can_send: true,
                generation_id: None,
                message_id: None,
                user_id: None,
                locked_at: None,
                expires_at: None,
                fence: lock.fence,
            },
            _ => lock,
        }
    }
}
