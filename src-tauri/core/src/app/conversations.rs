//! Conversations: the list, a conversation and its pages, its properties, deletion and its Undo.

use std::sync::Arc;

use super::purger::Purger;
use crate::bounds;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::live::LiveAnswers;
use crate::live::aside::SetAside;
use crate::model::{
    Branch, BranchId, Conversation, ConversationId, ConversationSummary, ConversationView, Entity,
    Message, MessageId, MessagePage, MessageStatus, PageQuery, Parameters, SelectedVersion,
};
use crate::store::{SelectOutcome, Store};

/// Maximum number of conversations in one page of the list.
const LIST_LIMIT: u32 = 200;

/// The conversations of the data folder.
#[derive(Debug)]
pub struct Conversations {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) live: Arc<LiveAnswers>,
    pub(super) aside: Arc<SetAside>,
    pub(super) purger: Arc<Purger>,
}

impl Conversations {
    /// Creates an empty conversation.
    pub async fn create(
        &self,
        title: Option<&str>,
        model_id: Option<&str>,
    ) -> Result<Conversation> {
        let title = title.map(str::trim).filter(|title| !title.is_empty());
        bounds::TITLE.check_any(title)?;
        bounds::MODEL.check_any(model_id)?;
        let now = self.clock.now();
        let created = self.store.create_conversation(title, model_id, now).await;
        Ok(self.store.inspect_damage(created)?)
    }

    /// Returns the most recently written conversations, newest first, starting after the cursor `after` if
    /// given.
    ///
    /// # Errors
    /// When `after` is gone, because it no longer marks a position.
    pub async fn list(
        &self,
        after: Option<&ConversationId>,
        limit: Option<u32>,
    ) -> Result<Vec<ConversationSummary>> {
        let limit = limit.unwrap_or(LIST_LIMIT).clamp(1, LIST_LIMIT);
        let (store, now) = (&self.store, self.clock.now());
        let listed = store.list_conversations(after, limit, now).await;
        let mut page = store.inspect_damage(listed)?;
        if let (true, Some(after)) = (page.is_empty(), after)
            && !store.inspect_damage(store.is_valid_cursor(after).await)?
        {
            return Err(Error::NotFound(Entity::Conversation));
        }
        for summary in &mut page {
            summary.busy &= !self.aside.has_any_of(&summary.id);
        }
        Ok(page)
    }

    /// Returns a conversation and the latest page of a branch's messages, including the partial text of a
    /// running answer.
    pub async fn get(
        &self,
        id: &ConversationId,
        branch_id: Option<&BranchId>,
    ) -> Result<ConversationView> {
        let now = self.clock.now();
        let view = self.store.get_conversation(id, branch_id, now).await;
        let view = self.store.inspect_damage(view)?;
        let Some(mut view) = view else {
            return Err(self.missing(id).await);
        };
        view.lock = self.aside.show_lock(view.lock);
        self.show_free(&mut view.branches);
        self.complete(&mut view.messages);
        Ok(view)
    }

    /// Returns a page of a branch, at most 50 messages; with a version, of what the branch would show if that were
    /// selected. Neither needs the lock.
    pub async fn messages(
        &self,
        id: &ConversationId,
        branch_id: Option<&BranchId>,
        part: &PageQuery,
        version: Option<&MessageId>,
    ) -> Result<MessagePage> {
        let store = &self.store;
        let mut page = if let Some(version) = version {
            let page = store
                .messages_of_version(id, branch_id, version, part)
                .await;
            store.inspect_damage(page)?.map_err(Error::NotFound)?
        } else {
            let page = store.messages(id, branch_id, part).await;
            match store.inspect_damage(page)? {
                Some(page) => page,
                None => return Err(self.missing(id).await),
            }
        };
        self.complete(&mut page.messages);
        Ok(page)
    }

    /// Returns the messages of a branch up to `last`, oldest first, at most `count`. Empty if `last` is not among its
    /// latest: a failed version is replaced by the one before it.
    pub async fn messages_up_to(
        &self,
        branch_id: &BranchId,
        last: &MessageId,
        count: u32,
    ) -> Result<Vec<Message>> {
        let messages = self.store.messages_up_to(branch_id, last, count).await;
        let mut messages = self.store.inspect_damage(messages)?;
        self.complete(&mut messages);
        Ok(messages)
    }

    /// Returns the messages of a branch that contain `text`, ignoring case, oldest first; none for an empty
    /// text.
    pub async fn find(
        &self,
        id: &ConversationId,
        branch_id: Option<&BranchId>,
        text: &str,
    ) -> Result<Vec<MessageId>> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        bounds::SEARCH.check(text)?;
        let found = self.store.find(id, branch_id, text).await;
        match self.store.inspect_damage(found)? {
            Some(found) => Ok(found),
            None => Err(self.missing(id).await),
        }
    }

    /// Returns the title of a conversation, if it has one.
    ///
    /// # Errors
    /// When the conversation is deleted.
    pub async fn title(&self, id: &ConversationId) -> Result<Option<String>> {
        let title = self.store.inspect_damage(self.store.title_of(id).await)?;
        title.ok_or(Error::NotFound(Entity::Conversation))
    }

    /// Resolves a branch: `main` if none is given.
    pub async fn branch(
        &self,
        id: &ConversationId,
        branch_id: Option<&BranchId>,
    ) -> Result<BranchId> {
        let branch_id = self.store.branch(id, branch_id).await;
        match self.store.inspect_damage(branch_id)? {
            Some(branch_id) => Ok(branch_id),
            None => Err(self.missing(id).await),
        }
    }

    /// Renames a conversation.
    pub async fn rename(&self, id: &ConversationId, title: &str) -> Result<()> {
        let title = title.trim();
        if title.is_empty() {
            return Err(Error::InvalidArgument(
                "The conversation needs a name. Enter one",
            ));
        }
        bounds::TITLE.check(title)?;
        let renamed = self.store.rename_conversation(id, title).await;
        found(self.store.inspect_damage(renamed)?)
    }

    /// Sets the model for a conversation's future answers.
    pub async fn set_model(&self, id: &ConversationId, model_id: &str) -> Result<()> {
        bounds::MODEL.check(model_id)?;
        let set = self.store.set_conversation_model(id, model_id).await;
        found(self.store.inspect_damage(set)?)
    }

    /// Sets a conversation's request parameters.
    pub async fn set_parameters(&self, id: &ConversationId, parameters: Parameters) -> Result<()> {
        let parameters = parameters.validate().map_err(Error::InvalidArgument)?;
        let set = self.store.set_parameters(id, &parameters).await;
        found(self.store.inspect_damage(set)?)
    }

    /// Moves the head of a message's branch to the newest leaf below that version.
    ///
    /// # Errors
    /// While an answer is being generated on the branch, and when there is no such message. Nothing changes
    /// then.
    pub async fn select_version(&self, id: &MessageId) -> Result<SelectedVersion> {
        let selected = self.store.select_version(id).await;
        match self.store.inspect_damage(selected)? {
            SelectOutcome::Shown { branch_id, head } => Ok(SelectedVersion {
                branch_id,
                head_message_id: head,
            }),
            SelectOutcome::Busy(branch_id) => Err(Error::GenerateWhileGenerating { branch_id }),
            SelectOutcome::NotFound => Err(Error::NotFound(Entity::Message)),
        }
    }

    /// Deletes a conversation: it disappears immediately, and its running answers are stopped. It can be
    /// restored for ten seconds.
    pub async fn delete(&self, id: &ConversationId) -> Result<()> {
        let deleted = self.store.delete_conversation(id, self.clock.now()).await;
        found(self.store.inspect_damage(deleted)?)?;
        self.purger.deleted(id);
        self.live.stop_all(id).await;
        Ok(())
    }

    /// Restores a deleted conversation.
    ///
    /// # Errors
    /// When its time for Undo is over, or it never existed.
    pub async fn restore(&self, id: &ConversationId) -> Result<()> {
        let restored = self.store.restore_conversation(id).await;
        if !self.store.inspect_damage(restored)? {
            return Err(Error::Purged);
        }
        self.purger.restored(id);
        Ok(())
    }

    /// Returns the error of a call that found no branch.
    async fn missing(&self, id: &ConversationId) -> Error {
        match self.store.missing(id).await {
            Ok(entity) => Error::NotFound(entity),
            Err(error) => error.into(),
        }
    }

    /// Shows branches as free whose answers are set aside.
    pub(super) fn show_free(&self, branches: &mut [Branch]) {
        for branch in branches {
            branch.locked &= !self.aside.has_branch(&branch.id);
        }
    }

    /// Adds what is not stored: the partial text of answers that this process is writing.
    fn complete(&self, messages: &mut [Message]) {
        for message in messages {
            if message.status == MessageStatus::Generating
                && let Some(parts) = self.live.parts_of(&message.id)
            {
                message.parts = parts;
            }
            self.aside.show(message);
        }
    }
}

fn found(found: bool) -> Result<()> {
    if found {
        Ok(())
    } else {
        Err(Error::NotFound(Entity::Conversation))
    }
}
