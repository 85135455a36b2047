//! The queues of the branches, as the user manages them, and what a send does while an answer is running.

use std::path::PathBuf;
use std::sync::Arc;

use super::purger::Purger;
use crate::bounds;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::lock::instance;
use crate::model::{
    BranchId, ConversationId, Entity, InstanceId, PauseReason, Queue, QueuedMessageId, SendPolicy,
};
use crate::store::{RestoreOutcome, Store};

/// The queues of all branches.
#[derive(Debug)]
pub struct Queues {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) purger: Arc<Purger>,
    /// The folder of the instances' files.
    pub(super) instances: PathBuf,
    pub(super) instance_id: InstanceId,
}

impl Queues {
    /// Returns the queue of a branch: `main` if none is given.
    pub async fn list(&self, id: &ConversationId, branch_id: Option<&BranchId>) -> Result<Queue> {
        let queue = self.store.queue(id, branch_id, self.clock.now()).await;
        match self.store.inspect_damage(queue)? {
            Some(queue) => Ok(queue),
            None => Err(self.missing(id).await),
        }
    }

    /// Changes the text of a message that waits, and its model if one is given, and ends its hold.
    ///
    /// # Errors
    /// When nothing is left of it, and when it does not wait any more.
    pub async fn edit(
        &self,
        id: &QueuedMessageId,
        content: &str,
        model_id: Option<&str>,
    ) -> Result<()> {
        bounds::check_message(content)?;
        bounds::MODEL.check_any(model_id)?;
        let store = &self.store;
        if content.trim().is_empty() {
            let queued = store.inspect_damage(store.queued_message(id).await)?;
            let queued = queued.ok_or(Error::NotFound(Entity::QueuedMessage))?;
            if queued.attachments.is_empty() {
                return Err(Error::EmptyMessage);
            }
        }
        found(store.inspect_damage(store.edit_queued(id, content, model_id).await)?)?;
        self.purger.schedule_wal_truncation();
        Ok(())
    }

    /// Holds a message back for a minute, while its editor is open, or no longer.
    pub async fn hold(&self, id: &QueuedMessageId, held: bool) -> Result<()> {
        let done = self.store.hold_queued(id, held, self.clock.now()).await;
        found(self.store.inspect_damage(done)?)
    }

    /// Moves a message to this place of its queue, from 1; beyond the end is the last.
    pub async fn move_to(&self, id: &QueuedMessageId, position: u32) -> Result<()> {
        if position == 0 {
            return Err(Error::InvalidArgument("The first place of a queue is 1"));
        }
        let moved = self.store.move_queued(id, position).await;
        found(self.store.inspect_damage(moved)?)
    }

    /// Removes a message. It can be restored for ten seconds.
    pub async fn remove(&self, id: &QueuedMessageId) -> Result<()> {
        let removed = self.store.remove_queued(id, self.clock.now()).await;
        found(self.store.inspect_damage(removed)?)?;
        self.purger.schedule_wal_truncation();
        Ok(())
    }

    /// Restores a removed message.
    ///
    /// # Errors
    /// When its time for Undo is over, and when others have taken its place.
    pub async fn restore(&self, id: &QueuedMessageId) -> Result<()> {
        let restored = self.store.restore_queued(id).await;
        match self.store.inspect_damage(restored)? {
            RestoreOutcome::Restored => Ok(()),
            RestoreOutcome::NotFound => Err(Error::NotFound(Entity::QueuedMessage)),
            RestoreOutcome::Full => Err(Error::QueueFull),
        }
    }

    /// Removes all messages of a queue. They can be restored for ten seconds.
    pub async fn clear(&self, id: &ConversationId, branch_id: Option<&BranchId>) -> Result<()> {
        let now = self.clock.now();
        let cleared = self.store.clear_queue(id, branch_id, now).await;
        self.found_branch(id, self.store.inspect_damage(cleared)?)
            .await?;
        self.purger.schedule_wal_truncation();
        Ok(())
    }

    /// Pauses the queue of a branch.
    pub async fn pause(&self, id: &ConversationId, branch_id: Option<&BranchId>) -> Result<()> {
        let paused = self.store.pause_queue(id, branch_id, true).await;
        self.found_branch(id, self.store.inspect_damage(paused)?)
            .await
    }

    /// Resumes the queue of a branch, whatever paused it.
    pub async fn resume(&self, id: &ConversationId, branch_id: Option<&BranchId>) -> Result<()> {
        let resumed = self.store.pause_queue(id, branch_id, false).await;
        self.found_branch(id, self.store.inspect_damage(resumed)?)
            .await
    }

    /// Pauses every queue before the application ends with the running answers: what waits is left to the next start.
    /// Another process keeps serving the queues.
    pub async fn pause_to_end(&self) -> Result<()> {
        if instance::is_another_alive(&self.instances, Some(&self.instance_id)) {
            return Ok(());
        }
        let paused = self.store.pause_queues(PauseReason::Restarted).await;
        Ok(self.store.inspect_damage(paused)?)
    }

    /// Sets what a send does while an answer is running: in a conversation, `None` for the default; or without one, by
    /// default.
    ///
    /// # Errors
    /// When there is no such conversation, and when the default itself is to be `None`.
    pub async fn set_policy(
        &self,
        id: Option<&ConversationId>,
        policy: Option<SendPolicy>,
    ) -> Result<()> {
        let store = &self.store;
        let Some(id) = id else {
            let policy = policy.ok_or(Error::InvalidArgument(
                "Choose what a send does by default: reject, queue, interrupt or rollback",
            ))?;
            let set = store.profile().set_send_policy(policy).await;
            return Ok(store.inspect_damage(set)?);
        };
        if store.inspect_damage(store.set_send_policy(id, policy).await)? {
            Ok(())
        } else {
            Err(Error::NotFound(Entity::Conversation))
        }
    }

    async fn found_branch(&self, id: &ConversationId, found: bool) -> Result<()> {
        if found {
            Ok(())
        } else {
            Err(self.missing(id).await)
        }
    }

    /// Returns the error of a call that found no branch.
    async fn missing(&self, id: &ConversationId) -> Error {
        match self.store.missing(id).await {
            Ok(entity) => Error::NotFound(entity),
            Err(error) => error.into(),
        }
    }
}

fn found(found: bool) -> Result<()> {
    if found {
        Ok(())
    } else {
        Err(Error::NotFound(Entity::QueuedMessage))
    }
}
