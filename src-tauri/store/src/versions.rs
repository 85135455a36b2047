//! Versions: messages with the same parent. Determines which of them a branch shows, the outcome of the newest
//! one when an older one is shown, and where another answer to the same message is stored.

use std::collections::HashMap;

use conch_model::{
    BranchId, ConversationId, FailedVersion, MessageError, MessageId, MessageStatus,
};
use serde_json::Value;
use sqlx::SqliteConnection;

use super::branches::BranchContext;
use super::write::Change;
use super::{Result, Store};

/// Where another answer is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerPlacement {
    /// On the same branch, as the first answer.
    First,
    /// On the same branch, as another version of the answer at its head.
    Beside,
    /// On a new branch: it retries an answer that ended badly, and a moved head would hide what follows.
    Fork,
}

/// Outcome of selecting a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelectOutcome {
    /// The branch now continues from the version.
    Shown {
        /// The version's branch.
        branch_id: BranchId,
        /// The new head of the branch.
        head: MessageId,
    },
    /// An answer is being written on this branch.
    Busy(BranchId),
    /// The message does not exist.
    NotFound,
}

impl Store {
    /// Moves the head of a message's branch to the newest leaf below that message. A failed version that was
    /// replaced by the previous one is chosen only if it is the selected message.
    pub async fn select_version(&self, id: &MessageId) -> Result<SelectOutcome> {
        loop {
            // Read before the transaction: walking a long conversation would block every write.
            let end = newest_end(&mut *self.readers.acquire().await?, id).await?;
            let Some(end) = end else {
                return Ok(SelectOutcome::NotFound);
            };
            let mut tx = self.write().await?;
            let moved = sqlx::query!(
                "UPDATE branches SET head_message_id = ?1
                 WHERE id = ?2 AND head_message_id IS ?3 AND NOT EXISTS (SELECT 1 FROM generation_locks l
                   WHERE l.branch_id = branches.id AND l.generation_id IS NOT NULL)",
                end.head,
                end.branch_id,
                end.known_head
            )
            .execute(&mut *tx)
            .await?;
            if moved.rows_affected() > 0 {
                tx.changed(Change::View(end.conversation_id));
                tx.commit().await?;
                return Ok(SelectOutcome::Shown {
                    branch_id: end.branch_id,
                    head: end.head,
                });
            }
            let held = sqlx::query_scalar!(
                "SELECT count(*) FROM generation_locks WHERE branch_id = ? AND generation_id IS NOT NULL",
                end.branch_id
            )
            .fetch_one(&mut *tx)
            .await?;
            if held > 0 {
                return Ok(SelectOutcome::Busy(end.branch_id));
            }
        }
    }
}

/// Returns the end of what selecting a version would show; `None` if the message does not exist.
pub(super) async fn newest_end(
    reader: &mut SqliteConnection,
    id: &MessageId,
) -> Result<Option<End>> {
    // A child's key is greater than its parent's, so the greatest has no child.
    Ok(sqlx::query_as!(
            End,
            r#"WITH RECURSIVE tree(id, search_key, branch_id, is_elsewhere, is_vain) AS (
                 SELECT id, search_key, branch_id, 0, 0 FROM messages WHERE id = ?1
                 UNION ALL
                 SELECT m.id, m.search_key, tree.branch_id, m.branch_id <> tree.branch_id,
                   (m.status IN ('failed', 'interrupted') OR (m.status = 'stopped' AND m.content = ''))
                     AND EXISTS (SELECT 1 FROM generations g
                       WHERE g.message_id = m.id AND g.previous_message_id IS NOT NULL)
                 FROM tree CROSS JOIN messages m ON m.parent_id = tree.id AND m.search_key > tree.search_key
               ),
               path(id) AS (SELECT id FROM tree ORDER BY is_elsewhere, is_vain, search_key DESC LIMIT 1)
               SELECT path.id AS "head!: MessageId", m.conversation_id AS "conversation_id!: ConversationId",
                 m.branch_id AS "branch_id!: BranchId", b.head_message_id AS "known_head?: MessageId"
               FROM path CROSS JOIN messages m ON m.id = ?1
                 JOIN branches b ON b.id = m.branch_id AND b.deleted_at IS NULL
                 JOIN conversations c ON c.id = m.conversation_id AND c.deleted_at IS NULL"#,
            id
        )
        .fetch_optional(reader)
        .await?)
}

/// The end of what selecting a version would show.
pub(super) struct End {
    pub(super) head: MessageId,
    pub(super) conversation_id: ConversationId,
    /// The version's branch.
    pub(super) branch_id: BranchId,
    /// The branch's head when it was read.
    known_head: Option<MessageId>,
}

/// Returns where another answer to `user_message_id` is stored. `is_retry` is set for one in place of an answer that
/// ended badly.
pub(super) async fn placement(
    tx: &mut SqliteConnection,
    context: &BranchContext,
    user_message_id: &MessageId,
    is_retry: bool,
) -> Result<AnswerPlacement> {
    if context.head.as_ref() == Some(user_message_id) {
        return Ok(AnswerPlacement::First);
    }
    let follows = sqlx::query_scalar!(
        "SELECT count(*) FROM messages WHERE id = ? AND parent_id = ?",
        context.head,
        user_message_id
    )
    .fetch_one(tx)
    .await?;
    Ok(if follows == 0 && is_retry {
        AnswerPlacement::Fork
    } else {
        AnswerPlacement::Beside
    })
}

/// Restores the branch head from before this answer, if the answer ended badly and the previous version is
/// better.
pub(super) async fn restore_previous_version(
    tx: &mut SqliteConnection,
    tried: &MessageId,
) -> Result<()> {
    sqlx::query!(
        "UPDATE branches SET head_message_id = before.id
         FROM generations g
           JOIN messages tried ON tried.id = g.message_id
           JOIN messages before ON before.id = g.previous_message_id
         WHERE g.message_id = ?1 AND branches.id = g.branch_id AND branches.head_message_id = ?1
           AND (tried.status IN ('failed', 'interrupted') OR (tried.status = 'stopped' AND tried.content = ''))
           AND (before.content <> '' OR tried.content = '')
           AND (before.status = 'complete' OR (before.content <> '' AND tried.content = ''))",
        tried
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Returns the failed newest versions of those messages that were restored after the failure, by message.
pub(super) async fn failed(
    reader: &mut SqliteConnection,
    ids: &str,
) -> Result<HashMap<MessageId, FailedVersion>> {
    Ok(sqlx::query!(
        r#"SELECT shown.id AS "shown!: MessageId", tried.id AS "tried!: MessageId",
             tried.status AS "status!: MessageStatus", tried.error_code, tried.error_message,
             tried.content <> '' AS "has_text!: bool"
           FROM json_each(?) AS listed CROSS JOIN messages shown ON shown.id = listed.value
             CROSS JOIN messages tried ON tried.parent_id = shown.parent_id
             CROSS JOIN generations g ON g.message_id = tried.id AND g.previous_message_id IS NOT NULL
           WHERE tried.id <> shown.id AND (tried.status IN ('failed', 'interrupted') OR (tried.status = 'stopped' AND tried.content = ''))
             AND tried.search_key = (SELECT max(search_key) FROM messages WHERE parent_id = shown.parent_id)"#,
        ids
    )
    .map(|row| {
        let failed = FailedVersion {
            message_id: row.tried,
            status: row.status,
            error: row
                .error_code
                .zip(row.error_message)
                .map(|(code, message)| MessageError { code, message }),
            has_text: row.has_text,
        };
        (row.shown, failed)
    })
    .fetch_all(reader)
    .await?
    .into_iter()
    .collect())
}

/// Returns the ids as a JSON array for a statement.
pub(super) fn list<'a>(ids: impl Iterator<Item = &'a MessageId>) -> String {
    ids.map(ToString::to_string).collect::<Value>().to_string()
}
