//! Drafts: one for each conversation, and one for the conversation that does not exist yet.

use conch_model::{ConversationId, Timestamp};
use sqlx::SqliteConnection;

use super::profile::Profile;
use super::{Result, Store};

impl Profile {
    /// Saves the draft of a conversation. Returns false if it does not exist.
    pub async fn save_draft(
        &self,
        id: &ConversationId,
        content: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let done = sqlx::query!(
            "INSERT INTO drafts (conversation_id, content, updated_at)
             SELECT id, ?2, ?3 FROM conversations WHERE id = ?1 AND deleted_at IS NULL
             ON CONFLICT (conversation_id) DO UPDATE SET content = excluded.content, updated_at = excluded.updated_at",
            id,
            content,
            now
        )
        .execute(self.store.writer()?)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Saves the draft of the conversation that does not exist yet.
    pub async fn save_new_draft(&self, content: &str, now: Timestamp) -> Result<()> {
        sqlx::query!(
            "INSERT INTO new_conversation_drafts (user_id, content, updated_at) VALUES (?, ?, ?)
             ON CONFLICT (user_id) DO UPDATE SET content = excluded.content, updated_at = excluded.updated_at",
            self.store.user_id,
            content,
            now
        )
        .execute(self.store.writer()?)
        .await?;
        Ok(())
    }

    /// Returns the draft of the conversation that does not exist yet; empty if there is none.
    pub async fn new_draft(&self) -> Result<String> {
        let draft = sqlx::query_scalar!(
            "SELECT content FROM new_conversation_drafts WHERE user_id = ?",
            self.store.user_id
        )
        .fetch_optional(&self.store.readers)
        .await?;
        Ok(draft.unwrap_or_default())
    }
}

impl Store {
    /// Deletes the draft that is being sent, in the transaction that stores the message. Keeps a draft with
    /// other text: a program may send while the user types. The first message of a conversation may be the
    /// draft from before the conversation existed.
    pub(super) async fn take_draft(
        &self,
        tx: &mut SqliteConnection,
        id: &ConversationId,
        content: &str,
        is_first: bool,
    ) -> Result<()> {
        sqlx::query!(
            "DELETE FROM drafts WHERE conversation_id = ? AND content = ?",
            id,
            content
        )
        .execute(&mut *tx)
        .await?;
        if is_first {
            sqlx::query!(
                "DELETE FROM new_conversation_drafts WHERE user_id = ? AND content = ?",
                self.user_id,
                content
            )
            .execute(&mut *tx)
            .await?;
        }
        Ok(())
    }
}
