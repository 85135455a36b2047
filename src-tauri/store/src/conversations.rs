//! Conversations: the list, a conversation with its latest page, and their properties.

use conch_model::{
    BranchId, Conversation, ConversationId, ConversationSummary, ConversationView, PageQuery,
    Parameters, SendPolicy, Timestamp,
};
use sqlx::SqliteConnection;

use super::busy::{AT_ANY_TIME, live_locks};
use super::write::Change;
use super::{
    Result, Store, attachments, branch_list, branches, drafts, locks, pages, queue, settings,
};

impl Store {
    /// Creates an empty conversation with its branch `main`.
    pub async fn create_conversation(
        &self,
        title: Option<&str>,
        model_id: Option<&str>,
        now: Timestamp,
    ) -> Result<Conversation> {
        let (id, main_branch_id) = (ConversationId::fresh(), BranchId::fresh());
        let mut tx = self.write().await?;
        sqlx::query!(
            "INSERT INTO conversations (id, user_id, title, model_id, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)",
            id,
            self.user_id,
            title,
            model_id,
            now,
            now
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "INSERT INTO branches (id, conversation_id, name, created_at) VALUES (?, ?, 'main', ?)",
            main_branch_id,
            id,
            now
        )
        .execute(&mut *tx)
        .await?;
        tx.changed(Change::Row(id.clone()));
        tx.commit().await?;
        Ok(Conversation {
            id,
            title: title.map(str::to_owned),
            model_id: model_id.map(str::to_owned),
            main_branch_id,
            created_at: now,
            updated_at: now,
        })
    }

    /// Returns at most `limit` of the most recently written conversations, newest first, starting after the
    /// cursor `after` if given.
    pub async fn list_conversations(
        &self,
        after: Option<&ConversationId>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<ConversationSummary>> {
        let mut reader = self.readers.begin().await?;
        let mut page = sqlx::query_as!(
            ConversationSummary,
            r#"SELECT c.id AS "id: _", c.title, c.model_id, b.id AS "main_branch_id: _",
                 c.created_at AS "created_at: _", c.updated_at AS "updated_at: _", 0 AS "busy!: bool"
               FROM conversations c CROSS JOIN branches b ON b.conversation_id = c.id AND b.name = 'main'
               WHERE c.deleted_at IS NULL
                 AND (?1 IS NULL OR (c.updated_at, c.id) < (SELECT updated_at, id FROM conversations WHERE id = ?1))
               ORDER BY c.updated_at DESC, c.id DESC LIMIT ?2"#,
            after,
            limit
        )
        .fetch_all(&mut *reader)
        .await?;
        for lock in live_locks(&mut reader, None, now).await? {
            let busy = page.iter_mut().find(|row| row.id == lock.conversation_id);
            if let Some(row) = busy {
                row.busy = true;
            }
        }
        Ok(page)
    }

    /// Returns true if the conversation can be used as a cursor, even if it is deleted.
    pub async fn is_valid_cursor(&self, id: &ConversationId) -> Result<bool> {
        let count = sqlx::query_scalar!("SELECT count(*) FROM conversations WHERE id = ?", id)
            .fetch_one(&self.readers)
            .await?;
        Ok(count > 0)
    }

    /// Returns a conversation and the latest page of a branch. `None` if there is no such branch.
    pub async fn get_conversation(
        &self,
        conversation_id: &ConversationId,
        branch_id: Option<&BranchId>,
        now: Timestamp,
    ) -> Result<Option<ConversationView>> {
        let mut reader = self.readers.begin().await?;
        let Some(branch) =
            branches::resolve_branch(&mut reader, conversation_id, branch_id).await?
        else {
            return Ok(None);
        };
        let row = sqlx::query!(
            r#"SELECT c.title, c.model_id, c.parameters, c.max_parallel AS "max_parallel: u32",
                 c.send_policy AS "send_policy: SendPolicy", main.id AS "main_branch_id: BranchId",
                 c.created_at AS "created_at: Timestamp", c.updated_at AS "updated_at: Timestamp"
               FROM conversations c JOIN branches main ON main.conversation_id = c.id AND main.name = 'main'
               WHERE c.id = ?"#,
            conversation_id
        )
        .fetch_one(&mut *reader)
        .await?;
        let draft = drafts::of_branch(&mut reader, &branch.id).await?;
        let attachments = attachments::of_branch(&mut reader, &branch.id).await?;
        let page = pages::page(&mut reader, &branch, &PageQuery::Latest).await?;
        let lock = locks::lock_status(&mut reader, conversation_id, &branch.id, now).await?;
        let branches = branch_list::listed(&mut reader, conversation_id, None, now).await?;
        let queue = queue::queue_of(&mut reader, &branch.id, now).await?;
        Ok(Some(ConversationView {
            id: conversation_id.clone(),
            title: row.title,
            model_id: row.model_id,
            main_branch_id: row.main_branch_id,
            branch_id: branch.id,
            branches,
            max_parallel: row.max_parallel,
            created_at: row.created_at,
            updated_at: row.updated_at,
            parameters: settings::from_json(&row.parameters),
            send_policy: row.send_policy,
            queue,
            draft,
            attachments,
            messages: page.messages,
            has_earlier: page.has_earlier,
            lock,
        }))
    }

    /// Renames a conversation. Returns false if it does not exist.
    pub async fn rename_conversation(&self, id: &ConversationId, title: &str) -> Result<bool> {
        let mut tx = self.write().await?;
        let done = sqlx::query!(
            "UPDATE conversations SET title = ? WHERE id = ? AND deleted_at IS NULL",
            title,
            id
        )
        .execute(&mut *tx)
        .await?;
        tx.commit_if_affected(done.rows_affected(), Change::Row(id.clone()))
            .await
    }

    /// Sets the model for future answers. Returns false if the conversation does not exist.
    pub async fn set_conversation_model(&self, id: &ConversationId, model: &str) -> Result<bool> {
        let mut tx = self.write().await?;
        let done = sqlx::query!(
            "UPDATE conversations SET model_id = ? WHERE id = ? AND deleted_at IS NULL",
            model,
            id
        )
        .execute(&mut *tx)
        .await?;
        tx.commit_if_affected(done.rows_affected(), Change::Row(id.clone()))
            .await
    }

    /// Returns the model for future answers; `None` for the default, and if the conversation does not exist.
    pub async fn model_of(&self, id: &ConversationId) -> Result<Option<String>> {
        let row = sqlx::query_scalar!("SELECT model_id FROM conversations WHERE id = ?", id)
            .fetch_optional(&self.readers)
            .await?;
        Ok(row.flatten())
    }

    /// Returns the title of a conversation, if it has one; the outer `None` means that it does not exist.
    pub async fn title_of(&self, id: &ConversationId) -> Result<Option<Option<String>>> {
        let row = sqlx::query_scalar!("SELECT title FROM conversations WHERE id = ?", id);
        Ok(row.fetch_optional(&self.readers).await?)
    }

    /// Sets the model parameters of a conversation. Returns false if it does not exist.
    pub async fn set_parameters(
        &self,
        id: &ConversationId,
        parameters: &Parameters,
    ) -> Result<bool> {
        let parameters = settings::to_json(parameters);
        let mut tx = self.write().await?;
        let done = sqlx::query!(
            "UPDATE conversations SET parameters = ? WHERE id = ? AND deleted_at IS NULL",
            parameters,
            id
        )
        .execute(&mut *tx)
        .await?;
        tx.commit_if_affected(done.rows_affected(), Change::View(id.clone()))
            .await
    }

    /// Returns the model parameters of a conversation; the default if it does not exist.
    pub async fn parameters(&self, id: &ConversationId) -> Result<Parameters> {
        let row = sqlx::query_scalar!("SELECT parameters FROM conversations WHERE id = ?", id)
            .fetch_optional(&self.readers)
            .await?;
        Ok(row
            .map(|text| settings::from_json(&text))
            .unwrap_or_default())
    }
}

/// Returns a conversation's row of the list, for a commit, which has no clock; `None` if it does not exist.
pub(super) async fn summary(
    connection: &mut SqliteConnection,
    id: &ConversationId,
) -> Result<Option<ConversationSummary>> {
    let row = sqlx::query_as!(
        ConversationSummary,
        r#"SELECT c.id AS "id: _", c.title, c.model_id, b.id AS "main_branch_id: _",
             c.created_at AS "created_at: _", c.updated_at AS "updated_at: _", 0 AS "busy!: bool"
           FROM conversations c CROSS JOIN branches b ON b.conversation_id = c.id AND b.name = 'main'
           WHERE c.id = ? AND c.deleted_at IS NULL"#,
        id
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let live = live_locks(connection, Some(id), AT_ANY_TIME).await?;
    Ok(Some(ConversationSummary {
        busy: !live.is_empty(),
        ..row
    }))
}
