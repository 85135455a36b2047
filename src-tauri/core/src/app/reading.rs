//! Queries on conversations: the list, a conversation, its pages, search, and its live events.

use super::App;
use super::bounds;
use crate::error::{Error, Result};
use crate::live::TranscriptEvent;
use crate::model::{
    BranchId, ConversationId, ConversationSummary, ConversationView, Entity, Message, MessageId,
    MessagePage, MessageStatus, PageQuery,
};

/// Maximum number of conversations in one page of the list.
const LIST_LIMIT: u32 = 200;

impl App {
    /// Returns the most recently written conversations, newest first, starting after the cursor `after` if
    /// given.
    ///
    /// # Errors
    /// When `after` is gone, because it no longer marks a position.
    pub async fn list_conversations(
        &self,
        after: Option<&ConversationId>,
        limit: Option<u32>,
    ) -> Result<Vec<ConversationSummary>> {
        let limit = limit.unwrap_or(LIST_LIMIT).clamp(1, LIST_LIMIT);
        let store = &self.ctx.store;
        let page = store.list_conversations(after, limit).await;
        let mut page = page.inspect_err(|error| self.ctx.report_damage(error))?;
        if let (true, Some(after)) = (page.is_empty(), after)
            && !self
                .ctx
                .inspect_damage(store.is_valid_cursor(after).await)?
        {
            return Err(Error::NotFound(Entity::Conversation));
        }
        for summary in &mut page {
            summary.busy &= !self.ctx.aside.has_any_of(&summary.id);
        }
        Ok(page)
    }

    /// Returns a conversation and the latest page of a branch's messages, including the partial text of a
    /// running answer.
    pub async fn get_conversation(
        &self,
        id: &ConversationId,
        branch_id: Option<&BranchId>,
    ) -> Result<ConversationView> {
        let now = self.ctx.clock.now();
        let view = self.ctx.store.get_conversation(id, branch_id, now);
        let view = view
            .await
            .inspect_err(|error| self.ctx.report_damage(error))?;
        let mut view = view.ok_or(Error::NotFound(Entity::Conversation))?;
        view.lock = self.ctx.aside.show_lock(view.lock);
        self.complete(&mut view.messages);
        Ok(view)
    }

    /// Returns the draft of a conversation that does not exist yet; empty if there is none.
    pub async fn new_draft(&self) -> Result<String> {
        Ok(self.ctx.inspect_damage(self.ctx.store.new_draft().await)?)
    }

    /// Returns a page of a branch, at most 50 messages.
    pub async fn messages(
        &self,
        id: &ConversationId,
        branch_id: Option<&BranchId>,
        part: &PageQuery,
    ) -> Result<MessagePage> {
        let page = self.ctx.store.messages(id, branch_id, part).await;
        let page = page.inspect_err(|error| self.ctx.report_damage(error))?;
        let mut page = page.ok_or(Error::NotFound(Entity::Conversation))?;
        self.complete(&mut page.messages);
        Ok(page)
    }

    /// Returns the messages of a branch that contain `text`, ignoring case, oldest first; none for an empty
    /// text.
    pub async fn find_in_conversation(
        &self,
        id: &ConversationId,
        branch_id: Option<&BranchId>,
        text: &str,
    ) -> Result<Vec<MessageId>> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        bounds::SEARCH.check(text)?;
        let found = self.ctx.store.find(id, branch_id, text).await;
        let found = found.inspect_err(|error| self.ctx.report_damage(error))?;
        found.ok_or(Error::NotFound(Entity::Conversation))
    }

    /// Returns the title of a conversation, if it has one.
    ///
    /// # Errors
    /// When the conversation is deleted.
    pub async fn title(&self, id: &ConversationId) -> Result<Option<String>> {
        let title = self.ctx.store.title_of(id).await;
        let title = self.ctx.inspect_damage(title)?;
        title.ok_or(Error::NotFound(Entity::Conversation))
    }

    /// Adds what is not stored: the partial text of answers that this process is writing.
    fn complete(&self, messages: &mut [Message]) {
        for message in messages {
            if message.status == MessageStatus::Generating
                && let Some(parts) = self.live.parts_of(&message.id)
            {
                message.parts = parts;
            }
            self.ctx.aside.show(message);
        }
    }

    /// Resolves a branch: `main` if none is given.
    pub async fn branch(
        &self,
        conversation_id: &ConversationId,
        branch_id: Option<&BranchId>,
    ) -> Result<BranchId> {
        let branch_id = self.ctx.store.branch(conversation_id, branch_id).await;
        let branch_id = self.ctx.inspect_damage(branch_id)?;
        branch_id.ok_or(Error::NotFound(Entity::Branch))
    }

    /// Calls `notify` with the events of the answers on a branch, starting with their partial text, until it returns
    /// false or the application quits. Text is sent at most every 33 ms, the first immediately.
    pub async fn follow(
        &self,
        branch_id: &BranchId,
        notify: impl FnMut(TranscriptEvent) -> bool + Send,
    ) {
        let mut notify = notify;
        self.follow_async(branch_id, |event| std::future::ready(notify(event)))
            .await;
    }

    /// Like [`follow`](Self::follow), for a receiver that takes its time: text that arrives meanwhile is sent
    /// together.
    pub async fn follow_async<Emitted>(
        &self,
        branch_id: &BranchId,
        emit: impl FnMut(TranscriptEvent) -> Emitted + Send,
    ) where
        Emitted: Future<Output = bool> + Send,
    {
        let following = self.live.follow(branch_id, emit);
        self.quitting.run_until_cancelled(following).await;
    }

    /// Loads an image that the user requested, as a `data:` URL with a PNG or a JPEG of at most 1568 pixels a
    /// side.
    ///
    /// # Errors
    /// When it cannot be shown.
    pub async fn load_image(&self, destination: &str) -> Result<String> {
        Ok(self.images.load(destination).await?)
    }
}
