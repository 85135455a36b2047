//! Branches: resolution, context, heads and forks.

use conch_model::{BranchId, ConversationId, Entity, MessageId, SendPolicy, Timestamp};
use sqlx::SqliteConnection;

use super::{Result, Store};

/// A resolved branch.
pub(super) struct Branch {
    pub(super) id: BranchId,
    pub(super) head: Option<MessageId>,
}

/// The branch of a turn, with what the turn needs from its conversation.
pub(super) struct BranchContext {
    pub(super) conversation_id: ConversationId,
    pub(super) branch_id: BranchId,
    pub(super) head: Option<MessageId>,
    pub(super) model_id: Option<String>,
    pub(super) max_parallel: i64,
    /// `None` for the default of all conversations.
    pub(super) send_policy: Option<SendPolicy>,
}

impl Store {
    /// Returns the conversation of a message; `None` also if it is deleted.
    pub async fn conversation_of(&self, message_id: &MessageId) -> Result<Option<ConversationId>> {
        Ok(sqlx::query_scalar!(
            r#"SELECT c.id AS "id!: ConversationId" FROM messages m JOIN conversations c ON c.id = m.conversation_id
               WHERE m.id = ? AND c.deleted_at IS NULL"#,
            message_id
        )
        .fetch_optional(&self.readers)
        .await?)
    }

    /// Returns which does not exist, the conversation or its branch, after a call found no branch.
    pub async fn missing(&self, conversation_id: &ConversationId) -> Result<Entity> {
        let mut reader = self.readers.acquire().await?;
        missing(&mut reader, conversation_id).await
    }

    /// Resolves a branch: `main` if none is given.
    pub async fn branch(
        &self,
        conversation_id: &ConversationId,
        branch_id: Option<&BranchId>,
    ) -> Result<Option<BranchId>> {
        let mut reader = self.readers.acquire().await?;
        let branch = resolve_branch(&mut reader, conversation_id, branch_id).await?;
        Ok(branch.map(|branch| branch.id))
    }
}

/// Resolves a branch: `main` if none is given. Returns `None` if it is not in the conversation, or the
/// conversation is deleted.
pub(super) async fn resolve_branch(
    connection: &mut SqliteConnection,
    conversation_id: &ConversationId,
    branch_id: Option<&BranchId>,
) -> Result<Option<Branch>> {
    Ok(sqlx::query_as!(
        Branch,
        r#"SELECT b.id AS "id!: _", b.head_message_id AS "head?: _"
           FROM branches b JOIN conversations c ON c.id = b.conversation_id
           WHERE b.conversation_id = ?1 AND (b.id = ?2 OR (?2 IS NULL AND b.name = 'main'))
             AND b.deleted_at IS NULL AND c.deleted_at IS NULL"#,
        conversation_id,
        branch_id
    )
    .fetch_optional(connection)
    .await?)
}

/// Returns which of the two ids does not exist, after no branch was found.
pub(super) async fn missing(
    tx: &mut SqliteConnection,
    conversation_id: &ConversationId,
) -> Result<Entity> {
    let known = sqlx::query_scalar!(
        "SELECT count(*) FROM conversations WHERE id = ? AND deleted_at IS NULL",
        conversation_id
    )
    .fetch_one(tx)
    .await?;
    Ok(if known == 0 {
        Entity::Conversation
    } else {
        Entity::Branch
    })
}

/// Resolves a branch as [`resolve_branch`] does, with its context.
pub(super) async fn context(
    tx: &mut SqliteConnection,
    conversation_id: &ConversationId,
    branch_id: Option<&BranchId>,
) -> Result<Option<BranchContext>> {
    Ok(sqlx::query_as!(
        BranchContext,
        r#"SELECT c.id AS "conversation_id: _", b.id AS "branch_id: _", b.head_message_id AS "head: _",
             c.model_id, c.max_parallel, c.send_policy AS "send_policy: _"
           FROM branches b JOIN conversations c ON c.id = b.conversation_id
           WHERE b.conversation_id = ?1 AND (b.id = ?2 OR (?2 IS NULL AND b.name = 'main'))
             AND b.deleted_at IS NULL AND c.deleted_at IS NULL"#,
        conversation_id,
        branch_id
    )
    .fetch_optional(tx)
    .await?)
}

/// Returns the current head of a branch.
pub(super) async fn head(
    tx: &mut SqliteConnection,
    branch_id: &BranchId,
) -> Result<Option<MessageId>> {
    let head = sqlx::query_scalar!(
        r#"SELECT head_message_id AS "id: MessageId" FROM branches WHERE id = ?"#,
        branch_id
    )
    .fetch_one(tx)
    .await?;
    Ok(head)
}

/// Creates a branch that forks at a message, under this name or under an unused one.
pub(super) async fn fork(
    tx: &mut SqliteConnection,
    conversation_id: &ConversationId,
    at: &MessageId,
    name: Option<&str>,
    now: Timestamp,
) -> Result<BranchId> {
    let id = BranchId::fresh();
    sqlx::query!(
        // Named in a scalar subquery: an INSERT from a SELECT makes SQLite search for rows that might reference
        // the new row.
        "INSERT INTO branches (id, conversation_id, name, head_message_id, forked_from, created_at)
         VALUES (?1, ?2, coalesce(?5, (
           WITH RECURSIVE path(n) AS (
             SELECT 2
             UNION ALL
             SELECT n + 1 FROM path
             WHERE EXISTS (SELECT 1 FROM branches WHERE conversation_id = ?2 AND name = 'Branch ' || n)
           )
           SELECT 'Branch ' || max(n) FROM path)), ?3, ?3, ?4)",
        id,
        conversation_id,
        at,
        now,
        name
    )
    .execute(tx)
    .await?;
    Ok(id)
}
