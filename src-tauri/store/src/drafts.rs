//! Drafts: one for each branch, and one for the conversation that does not exist yet.

use conch_model::{BranchId, Composer, Timestamp};
use sqlx::SqliteConnection;

use super::branches::BranchContext;
use super::profile::Profile;
use super::{Result, Store};

impl Profile {
    /// Saves the draft of a composer. Returns false if its branch does not exist.
    pub async fn save_draft(
        &self,
        composer: &Composer,
        content: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let (conversation_id, branch_id) = match composer {
            Composer::Branch {
                conversation_id,
                branch_id,
            } => (conversation_id, branch_id),
            Composer::NewConversation => {
                self.save_new_draft(content, now).await?;
                return Ok(true);
            }
        };
        let done = sqlx::query!(
            "INSERT INTO drafts (branch_id, conversation_id, content, updated_at)
             SELECT b.id, c.id, ?3, ?4 FROM branches b JOIN conversations c ON c.id = b.conversation_id
             WHERE b.conversation_id = ?1 AND (b.id = ?2 OR (?2 IS NULL AND b.name = 'main'))
               AND b.deleted_at IS NULL AND c.deleted_at IS NULL
             ON CONFLICT (branch_id) DO UPDATE SET content = excluded.content, updated_at = excluded.updated_at",
            conversation_id,
            branch_id,
            content,
            now
        )
        .execute(self.store.writer()?)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    async fn save_new_draft(&self, content: &str, now: Timestamp) -> Result<()> {
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
    /// Deletes the draft that is being sent on a branch, in the transaction that stores the message. Keeps a draft
    /// with other text: a program may send while the user types. The first message of a conversation may be the
    /// draft from before the conversation existed.
    pub(super) async fn take_draft(
        &self,
        tx: &mut SqliteConnection,
        context: &BranchContext,
        sent: &str,
    ) -> Result<()> {
        sqlx::query!(
            "DELETE FROM drafts WHERE branch_id = ? AND content = ?",
            context.branch_id,
            sent
        )
        .execute(&mut *tx)
        .await?;
        let is_first = context.head.is_none();
        if is_first {
            sqlx::query!(
                "DELETE FROM new_conversation_drafts WHERE user_id = ? AND content = ?",
                self.user_id,
                sent
            )
            .execute(&mut *tx)
            .await?;
        }
        Ok(())
    }
}

/// Returns the draft of a branch; empty if there is none.
pub(super) async fn of_branch(reader: &mut SqliteConnection, id: &BranchId) -> Result<String> {
    let draft = sqlx::query_scalar!("SELECT content FROM drafts WHERE branch_id = ?", id)
        .fetch_optional(reader)
        .await?;
    Ok(draft.unwrap_or_default())
}
