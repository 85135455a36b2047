//! Deleted conversations: hidden immediately, restorable for a while, and then purged permanently.
//!
//! A purge runs in batches, each in its own transaction, so that no other write waits for more than one. It
//! deletes from the newest message to the oldest, and clears references to a message before deleting it:
//! deleting a chain from its start makes SQLite follow it, up to a depth limit of a thousand
//! (<https://sqlite.org/limits.html>). Freed space is overwritten with zeros (`secure_delete`); what the WAL
//! still holds is removed by [`Store::truncate_wal`].

use conch_model::{ConversationId, Timestamp};
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::write::{Change, WriteTx};
use super::{Result, Store, attempts};

/// A deleted conversation that is not purged yet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "field names say it")]
pub struct DeletedConversation {
    pub id: ConversationId,
    /// When it was deleted.
    pub at: Timestamp,
    /// Whether its purge has begun.
    pub purging: bool,
}

/// Progress of a purge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PurgeProgress {
    /// There is more to delete.
    Remaining,
    /// Nothing is left.
    Done,
}

/// A batch of a purge: holds the write transaction.
#[derive(Debug)]
pub struct Portion {
    pub(super) tx: WriteTx,
}

impl Store {
    /// Hides a conversation from all reads and writes. Returns false if it does not exist.
    pub async fn delete_conversation(&self, id: &ConversationId, now: Timestamp) -> Result<bool> {
        let mut tx = self.write().await?;
        let done = sqlx::query!(
            "UPDATE conversations SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL",
            now,
            id
        )
        .execute(&mut *tx)
        .await?;
        tx.commit_if_affected(done.rows_affected(), Change::Deleted(id.clone()))
            .await
    }

    /// Restores a deleted conversation. Returns false if its purge has begun or is complete.
    pub async fn restore_conversation(&self, id: &ConversationId) -> Result<bool> {
        let mut tx = self.write().await?;
        let done = sqlx::query!(
            "UPDATE conversations SET deleted_at = NULL WHERE id = ? AND purging = 0",
            id
        )
        .execute(&mut *tx)
        .await?;
        tx.commit_if_affected(done.rows_affected(), Change::View(id.clone()))
            .await
    }

    /// Returns every deleted conversation that is not purged yet.
    pub async fn deleted_conversations(&self) -> Result<Vec<DeletedConversation>> {
        Ok(sqlx::query_as!(
            DeletedConversation,
            r#"SELECT id AS "id: _", deleted_at AS "at!: _", purging AS "purging: _"
               FROM conversations WHERE deleted_at IS NOT NULL"#
        )
        .fetch_all(&self.readers)
        .await?)
    }

    /// Makes a deletion irreversible. Returns false if there is nothing to purge: the conversation was
    /// restored, or another process has purged it.
    pub async fn begin_purge(&self, id: &ConversationId) -> Result<bool> {
        let mut tx = self.write().await?;
        let begun = sqlx::query!(
            "UPDATE conversations SET purging = 1, title = NULL, model_id = NULL, parameters = '{}'
             WHERE id = ? AND deleted_at IS NOT NULL",
            id
        )
        .execute(&mut *tx)
        .await?;
        if begun.rows_affected() == 0 {
            return Ok(false);
        }
        unlink(&mut tx, id).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Waits for the writer and begins a batch.
    pub async fn portion(&self) -> Result<Portion> {
        Ok(Portion {
            tx: self.write().await?,
        })
    }

    /// Deletes the rest of a conversation whose messages are gone, on a connection without foreign key checks:
    /// branches have no index to their messages, so to check that there are none SQLite would scan all
    /// messages.
    pub async fn end_purge(&self, id: &ConversationId) -> Result<()> {
        let options = (*self.writer.connect_options()).clone();
        let mut connection = options.foreign_keys(false).connect().await?;
        let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
        end(&mut tx, id).await?;
        tx.commit().await?;
        Ok(connection.close().await?)
    }
}

impl Portion {
    /// Deletes rows of a conversation up to a cost of `limit`: one per row, and one per 256 bytes of text.
    /// Deletes at least one row if there is any.
    pub async fn purge(mut self, id: &ConversationId, limit: u32) -> Result<PurgeProgress> {
        let purged = purge(&mut self.tx, id, limit).await?;
        self.tx.commit().await?;
        Ok(purged)
    }

    /// Deletes up to `limit` of the oldest attempt records beyond the newest `kept`.
    pub async fn cut_attempts(mut self, kept: u32, limit: u32) -> Result<PurgeProgress> {
        let cut = attempts::cut(&mut self.tx, kept, limit).await?;
        self.tx.commit().await?;
        Ok(if cut {
            PurgeProgress::Remaining
        } else {
            PurgeProgress::Done
        })
    }
}

/// Deletes the few rows, and the references that would otherwise be updated with each message.
pub(super) async fn unlink(tx: &mut SqliteConnection, id: &ConversationId) -> Result<()> {
    // No answer is generating without its lock (I6). The task that writes one, in any process, finds its lock
    // lost.
    sqlx::query!(
        "UPDATE messages SET status = 'interrupted', finished_at = created_at
         WHERE status = 'generating' AND branch_id IN (SELECT id FROM branches WHERE conversation_id = ?)",
        id
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!("DELETE FROM generation_locks WHERE conversation_id = ?", id)
        .execute(&mut *tx)
        .await?;
    sqlx::query!(
        "UPDATE branches SET head_message_id = NULL, forked_from = NULL WHERE conversation_id = ?",
        id
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!("DELETE FROM drafts WHERE conversation_id = ?", id)
        .execute(tx)
        .await?;
    Ok(())
}

/// Deletes a batch: the numerous rows first, the rows that they reference last.
async fn purge(
    tx: &mut SqliteConnection,
    id: &ConversationId,
    limit: u32,
) -> Result<PurgeProgress> {
    let gone = attachment(tx, id).await? + generations(tx, id, limit).await?;
    if gone == 0 && messages(tx, id, limit).await? == 0 {
        return Ok(PurgeProgress::Done);
    }
    Ok(PurgeProgress::Remaining)
}

/// Deletes the rows that the messages referenced, on a connection without foreign key checks.
pub(super) async fn end(tx: &mut SqliteConnection, id: &ConversationId) -> Result<()> {
    sqlx::query!("DELETE FROM queued_messages WHERE conversation_id = ?", id)
        .execute(&mut *tx)
        .await?;
    sqlx::query!(
        "DELETE FROM branches WHERE conversation_id = ?1
           AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.conversation_id = ?1)",
        id
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "DELETE FROM conversations WHERE id = ?1
           AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.conversation_id = ?1)",
        id
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Deletes one attachment: each may be megabytes.
async fn attachment(tx: &mut SqliteConnection, id: &ConversationId) -> Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM attachments WHERE id = (SELECT id FROM attachments WHERE conversation_id = ? LIMIT 1)",
        id
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}

/// Deletes the generations, and detaches the attempts from the conversation: their number is kept permanently.
async fn generations(tx: &mut SqliteConnection, id: &ConversationId, limit: u32) -> Result<u64> {
    let attempts = sqlx::query!(
        "UPDATE generation_attempts SET conversation_id = NULL, branch_id = NULL WHERE id IN (
           SELECT id FROM generation_attempts WHERE conversation_id = ? LIMIT ?)",
        id,
        limit
    )
    .execute(&mut *tx)
    .await?;
    let generations = sqlx::query!(
        "DELETE FROM generations WHERE id IN (SELECT id FROM generations WHERE conversation_id = ? LIMIT ?)",
        id,
        limit
    )
    .execute(tx)
    .await?;
    Ok(attempts.rows_affected() + generations.rows_affected())
}

async fn messages(tx: &mut SqliteConnection, id: &ConversationId, limit: u32) -> Result<u64> {
    let newest = sqlx::query_scalar!(
        r#"WITH path AS (
             SELECT id, row_number() OVER newest AS place,
               sum(1 + (octet_length(content) + octet_length(reasoning)) / 256) OVER newest AS cost
             FROM (SELECT id, content, reasoning, created_at FROM messages
                   WHERE conversation_id = ?1 ORDER BY created_at DESC, id DESC LIMIT ?2)
             WINDOW newest AS (ORDER BY created_at DESC, id DESC ROWS UNBOUNDED PRECEDING)
           )
           SELECT json_group_array(id) AS "ids!: String" FROM path WHERE cost <= ?2 OR place = 1"#,
        id,
        limit
    )
    .fetch_one(&mut *tx)
    .await?;
    // First the pieces of an unfinished answer, before its message.
    let pieces = sqlx::query!(
        "DELETE FROM message_chunks WHERE (message_id, seq) IN (
           SELECT k.message_id, k.seq FROM json_each(?) AS listed
             CROSS JOIN message_chunks k ON k.message_id = listed.value LIMIT ?)",
        newest,
        limit
    )
    .execute(&mut *tx)
    .await?;
    if pieces.rows_affected() > 0 {
        return Ok(pieces.rows_affected());
    }
    // A clock set back may have made a message older than its parent.
    sqlx::query!(
        "UPDATE messages SET parent_id = NULL WHERE parent_id IN (SELECT value FROM json_each(?))",
        newest
    )
    .execute(&mut *tx)
    .await?;
    let done = sqlx::query!(
        "DELETE FROM messages WHERE id IN (SELECT value FROM json_each(?))",
        newest
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}
