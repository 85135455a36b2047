//! Write transactions. What one changes is published when it is committed, and only then, so no caller has to
//! remember it.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use conch_model::{
    BranchId, ConversationChange, ConversationId, ConversationSummary, Lease, LockChange,
    LockReason, QueueChange,
};
use sqlx::{Sqlite, SqliteConnection, Transaction};
use tokio::sync::Mutex;

use super::{Result, conversations, queue};
use crate::events::{CoreEvent, Events};

/// A write transaction, rolled back unless it is committed.
#[derive(Debug)]
pub(super) struct WriteTx {
    tx: Transaction<'static, Sqlite>,
    publisher: Publisher,
    changes: Vec<Change>,
}

/// Where commits publish their changes, in the order of the commits.
#[derive(Debug, Clone, Default)]
pub(super) struct Publisher {
    pub(super) events: Arc<Events>,
    /// Held from before a commit until its changes are published: the writer is free in between.
    order: Arc<Mutex<()>>,
}

/// A change for the windows.
#[derive(Debug, PartialEq)]
pub(super) enum Change {
    /// A lock was acquired or released.
    Lock(LockChange),
    /// A conversation's row in the list changed.
    Row(ConversationId),
    /// What a conversation shows changed, other than through an answer of this process: its parameters, or which
    /// messages are on a branch.
    View(ConversationId),
    /// What waits on a branch changed, or its pause.
    Queue {
        conversation_id: ConversationId,
        branch_id: BranchId,
        /// How many messages were removed because an earlier message was edited.
        cleared: u32,
    },
    /// A conversation was deleted.
    Deleted(ConversationId),
    /// Anything without a row in the list.
    Other(CoreEvent),
}

impl Change {
    pub(super) fn lock(lease: &Lease, reason: LockReason) -> Self {
        Self::Lock(LockChange::of(lease, reason))
    }

    pub(super) fn queue(conversation_id: &ConversationId, branch_id: &BranchId) -> Self {
        Self::Queue {
            conversation_id: conversation_id.clone(),
            branch_id: branch_id.clone(),
            cleared: 0,
        }
    }
}

impl WriteTx {
    pub(super) fn new(tx: Transaction<'static, Sqlite>, publisher: Publisher) -> Self {
        Self {
            tx,
            publisher,
            changes: Vec::new(),
        }
    }

    /// Adds a change to publish with the commit. Each is published once.
    pub(super) fn changed(&mut self, change: Change) {
        if !self.changes.contains(&change) {
            self.changes.push(change);
        }
    }

    /// Commits, and publishes the changes in their order.
    pub(super) async fn commit(mut self) -> Result<()> {
        let mut published = Vec::new();
        for change in std::mem::take(&mut self.changes) {
            published.push(match change {
                Change::Lock(mut change) => {
                    change.conversation = self.row(&change.conversation_id).await?;
                    CoreEvent::Lock(change)
                }
                Change::Row(id) => self.conversation_event(id, false).await?,
                Change::View(id) => self.conversation_event(id, true).await?,
                Change::Queue {
                    conversation_id,
                    branch_id,
                    cleared,
                } => {
                    let (count, paused) = queue::state(&mut self.tx, &branch_id).await?;
                    CoreEvent::Queue(QueueChange {
                        conversation_id,
                        branch_id,
                        count,
                        paused,
                        cleared,
                    })
                }
                Change::Deleted(id) => CoreEvent::Conversation(ConversationChange::deleted(id)),
                Change::Other(event) => event,
            });
        }
        let _order = self.publisher.order.lock().await;
        self.tx.commit().await?;
        for event in published {
            self.publisher.events.publish(event);
        }
        Ok(())
    }

    /// Commits the change of a statement. Returns false, and commits nothing, if the statement affected no row.
    pub(super) async fn commit_if_affected(mut self, rows: u64, change: Change) -> Result<bool> {
        if rows == 0 {
            return Ok(false);
        }
        self.changed(change);
        self.commit().await?;
        Ok(true)
    }

    async fn conversation_event(&mut self, id: ConversationId, stale: bool) -> Result<CoreEvent> {
        Ok(CoreEvent::Conversation(ConversationChange {
            deleted: false,
            conversation: self.row(&id).await?,
            conversation_id: id,
            stale,
        }))
    }

    /// Returns the row of the list as this transaction leaves it. Without it, windows read the list again: an error
    /// must not prevent the write, unless it is damage.
    async fn row(&mut self, id: &ConversationId) -> Result<Option<ConversationSummary>> {
        match conversations::summary(&mut self.tx, id).await {
            Err(error) if !error.is_damage() => {
                tracing::warn!(%error, "a changed conversation could not be read");
                Ok(None)
            }
            read => read,
        }
    }
}

impl Deref for WriteTx {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.tx
    }
}

impl DerefMut for WriteTx {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.tx
    }
}
