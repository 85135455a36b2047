//! Purging of deleted branches from the copies of the database.

use std::collections::HashSet;
use std::path::Path;

use conch_model::BranchId;
use sqlx::{Connection, SqliteConnection};

use super::branch_deleting::DeletedBranch;
use super::copies::{clear_index, close, has, has_column, open_secure_delete, tolerated};
use super::{Result, Store};

/// Deletes what belongs to the messages of `gone`; each statement names tables that exist in every schema version.
const DELETIONS: [&str; 4] = [
    "DELETE FROM message_chunks WHERE message_id IN (SELECT id FROM gone)",
    "DELETE FROM generations WHERE message_id IN (SELECT id FROM gone) OR user_message_id IN (SELECT id FROM gone)",
    "UPDATE branches SET head_message_id = NULL WHERE head_message_id IN (SELECT id FROM gone)",
    "UPDATE branches SET forked_from = NULL WHERE forked_from IN (SELECT id FROM gone)",
];

impl Store {
    /// Purges from every copy of this database what was deleted with a branch. A copy that is damaged,
    /// or permanently unwritable, is skipped.
    ///
    /// # Errors
    /// On transient errors; it can be called again.
    pub async fn purge_branch_in_copies(&self, branch: &DeletedBranch) -> Result<()> {
        for copy in self.copies() {
            tolerated(&copy, self.purge_branch_in(&copy, branch).await)?;
        }
        Ok(())
    }

    /// Purges a branch from another database file of any schema version, which nothing else may write to: what waits
    /// in its composer, and its messages that this database no longer has. A branch of which messages are left keeps its row there, because
    /// what continues from them may be a branch that the file does not have.
    ///
    /// # Errors
    /// When the file cannot be written; the transaction is one.
    pub(super) async fn purge_branch_in(&self, path: &Path, branch: &DeletedBranch) -> Result<()> {
        let live: Vec<String> =
            sqlx::query_scalar("SELECT id FROM messages WHERE conversation_id = ?")
                .bind(&branch.conversation_id)
                .fetch_all(&self.readers)
                .await?;
        let live: HashSet<_> = live.into_iter().collect();
        let mut file = open_secure_delete(path).await?;
        let had: Vec<String> = sqlx::query_scalar("SELECT id FROM messages WHERE branch_id = ?")
            .bind(&branch.id)
            .fetch_all(&mut file)
            .await?;
        let gone: Vec<_> = had.into_iter().filter(|id| !live.contains(id)).collect();
        let mut tx = file.begin_with("BEGIN IMMEDIATE").await?;
        delete(&mut tx, &gone).await?;
        let ended = end(&mut tx, &branch.id).await?;
        tx.commit().await?;
        if ended || !gone.is_empty() {
            clear_index(&mut file).await?;
        }
        close(file).await
    }
}

async fn delete(tx: &mut SqliteConnection, gone: &[String]) -> Result<()> {
    if gone.is_empty() {
        return Ok(());
    }
    let ids = serde_json::json!(gone).to_string();
    sqlx::query("CREATE TEMP TABLE gone AS SELECT value AS id FROM json_each(?)")
        .bind(ids)
        .execute(&mut *tx)
        .await?;
    for statement in DELETIONS {
        sqlx::query(statement).execute(&mut *tx).await?;
    }
    if has(tx, "attachments").await? {
        sqlx::query("DELETE FROM attachments WHERE message_id IN (SELECT id FROM gone)")
            .execute(&mut *tx)
            .await?;
    }
    if has(tx, "message_parts").await? {
        sqlx::query("DELETE FROM message_parts WHERE message_id IN (SELECT id FROM gone)")
            .execute(&mut *tx)
            .await?;
    }
    sqlx::query("DELETE FROM messages WHERE id IN (SELECT id FROM gone)")
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Deletes the row of a branch without messages, with its name; otherwise the branch ends with its newest message.
/// Returns false if the file does not have it.
async fn end(tx: &mut SqliteConnection, id: &BranchId) -> Result<bool> {
    let kept = sqlx::query(
        "UPDATE branches SET name = id, head_message_id =
           (SELECT id FROM messages WHERE branch_id = ?1 ORDER BY search_key DESC LIMIT 1)
         WHERE id = ?1",
    )
    .bind(id)
    .execute(&mut *tx)
    .await?;
    sqlx::query("DELETE FROM branches WHERE id = ?1 AND head_message_id IS NULL")
        .bind(id)
        .execute(&mut *tx)
        .await?;
    sqlx::query("DELETE FROM generation_locks WHERE branch_id NOT IN (SELECT id FROM branches)")
        .execute(&mut *tx)
        .await?;
    sqlx::query("DELETE FROM queued_messages WHERE branch_id = ?")
        .bind(id)
        .execute(&mut *tx)
        .await?;
    // What waits in its composer; in older schemas a composer is the conversation's.
    if has_column(tx, "drafts", "branch_id").await? {
        for statement in [
            "DELETE FROM drafts WHERE branch_id = ?",
            "DELETE FROM attachments WHERE branch_id = ?",
        ] {
            sqlx::query(statement).bind(id).execute(&mut *tx).await?;
        }
    }
    Ok(kept.rows_affected() > 0)
}
