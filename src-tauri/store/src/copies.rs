//! Purging of deleted data from the copies of the database: the backups, and what was salvaged from a damaged
//! one. Each is a file of any schema version that nothing else writes to.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use conch_model::{BranchId, ConversationId};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};

use super::backup::read_only;
use super::branch_deleting::DeletedBranch;
use super::deleting::{end, unlink};
use super::{Result, Store, backups, salvage};

impl Store {
    /// Purges a conversation from every copy of this database. A copy that is damaged, or permanently
    /// unwritable, is skipped.
    ///
    /// # Errors
    /// On transient errors; it can be called again.
    pub async fn purge_in_copies(&self, id: &ConversationId) -> Result<()> {
        for copy in self.copies() {
            let purged = Self::purge_in(&copy, std::slice::from_ref(id)).await;
            tolerated(&copy, purged)?;
        }
        for text in salvage::texts_of(self.data_folder(), id) {
            if let Err(error) = fs::remove_file(&text) {
                tracing::warn!(%error, path = %text.display(), "a text file of a deleted conversation could not be removed");
            }
        }
        self.purge_unsent_in_copies().await
    }

    /// Removes from every copy the drafts, queued messages and attachments that were sent or discarded since.
    ///
    /// # Errors
    /// On transient errors; it can be called again.
    pub async fn purge_unsent_in_copies(&self) -> Result<()> {
        for copy in self.copies() {
            let forgotten = self.purge_unsent_in(&copy).await;
            tolerated(&copy, forgotten)?;
        }
        Ok(())
    }

    pub(super) fn copies(&self) -> Vec<PathBuf> {
        let backups = backups(self.data_folder()).into_iter();
        let saved = salvage::saved(self.data_folder());
        backups.map(|backup| backup.path).chain(saved).collect()
    }

    /// Purges from a new backup what was deleted while it was made.
    ///
    /// # Errors
    /// When the database or the backup cannot be read, or the backup cannot be written.
    pub(super) async fn purge_gone_in(&self, backup: &Path) -> Result<()> {
        let mut file = read_only(backup).await?;
        let copied: Vec<String> = sqlx::query_scalar("SELECT id FROM conversations")
            .fetch_all(&mut file)
            .await?;
        file.close().await?;
        let there: Vec<String> =
            sqlx::query_scalar("SELECT id FROM conversations WHERE purging = 0")
                .fetch_all(&self.readers)
                .await?;
        let there: HashSet<_> = there.into_iter().collect();
        let gone = copied.into_iter().filter(|id| !there.contains(id));
        let gone: Vec<_> = gone.map(ConversationId::from).collect();
        if !gone.is_empty() {
            Self::purge_in(backup, &gone).await?;
        }
        for branch in self.branches_gone_in(backup).await? {
            self.purge_branch_in(backup, &branch).await?;
        }
        self.purge_unsent_in(backup).await
    }

    /// Returns the branches of a copy that this database no longer has, or hides.
    async fn branches_gone_in(&self, copy: &Path) -> Result<Vec<DeletedBranch>> {
        const BRANCHES: &str = "SELECT id, conversation_id FROM branches";
        let mut file = read_only(copy).await?;
        let copied: Vec<(BranchId, ConversationId)> =
            sqlx::query_as(BRANCHES).fetch_all(&mut file).await?;
        file.close().await?;
        let there: Vec<(BranchId, ConversationId)> = sqlx::query_as(AssertSqlSafe(format!(
            "{BRANCHES} WHERE deleted_at IS NULL"
        )))
        .fetch_all(&self.readers)
        .await?;
        let there: HashSet<_> = there.into_iter().collect();
        let gone = copied.into_iter().filter(|branch| !there.contains(branch));
        Ok(gone
            .map(|(id, conversation_id)| DeletedBranch {
                id,
                conversation_id,
            })
            .collect())
    }

    /// Removes from a copy the drafts that are no prefix of the current draft, the queued messages that no longer wait
    /// with this text, and unsent files that no longer exist.
    async fn purge_unsent_in(&self, path: &Path) -> Result<()> {
        // In copies of older schemas, main's draft is its conversation's.
        let typed: Vec<(String, String)> = sqlx::query_as(
            "SELECT branch_id, content FROM drafts
             UNION ALL SELECT d.conversation_id, d.content
               FROM drafts d JOIN branches b ON b.id = d.branch_id AND b.name = 'main'
             UNION ALL SELECT user_id, content FROM new_conversation_drafts",
        )
        .fetch_all(&self.readers)
        .await?;
        let typed: HashMap<_, _> = typed.into_iter().collect();
        let files: Vec<String> = sqlx::query_scalar("SELECT id FROM attachments")
            .fetch_all(&self.readers)
            .await?;
        let files: HashSet<_> = files.into_iter().collect();
        let waiting: Vec<(String, String)> =
            sqlx::query_as("SELECT id, content FROM queued_messages WHERE removed_at IS NULL")
                .fetch_all(&self.readers)
                .await?;
        let waiting: HashSet<_> = waiting.into_iter().collect();
        let mut copy = open_secure_delete(path).await?;
        let mut gone = Vec::new();
        let has_branches = has_column(&mut copy, "drafts", "branch_id").await?;
        let owner = if has_branches {
            "branch_id"
        } else {
            "conversation_id"
        };
        for (table, place) in [("drafts", owner), ("new_conversation_drafts", "user_id")] {
            if !has(&mut copy, table).await? {
                continue;
            }
            let select = format!("SELECT {place}, content FROM {table} WHERE content <> ''");
            let had: Vec<(String, String)> = sqlx::query_as(AssertSqlSafe(select))
                .fetch_all(&mut copy)
                .await?;
            let is_gone = |(id, text): &(String, String)| {
                !typed
                    .get(id)
                    .is_some_and(|now| now.starts_with(text.as_str()))
            };
            let delete = format!("DELETE FROM {table} WHERE {place} = ?");
            gone.extend(
                had.into_iter()
                    .filter(is_gone)
                    .map(|(id, _)| (delete.clone(), id)),
            );
        }
        // A message that was sent since must not wait again where a backup is restored.
        let queued: Vec<(String, String)> =
            sqlx::query_as("SELECT id, content FROM queued_messages")
                .fetch_all(&mut copy)
                .await?;
        let files_wait = has_column(&mut copy, "attachments", "queued_message_id").await?;
        for (id, _) in queued.into_iter().filter(|row| !waiting.contains(row)) {
            if files_wait {
                let delete = "DELETE FROM attachments WHERE queued_message_id = ?".to_owned();
                gone.push((delete, id.clone()));
            }
            gone.push(("DELETE FROM queued_messages WHERE id = ?".to_owned(), id));
        }
        if has(&mut copy, "attachments").await? {
            let had: Vec<String> =
                sqlx::query_scalar("SELECT id FROM attachments WHERE message_id IS NULL")
                    .fetch_all(&mut copy)
                    .await?;
            let delete = "DELETE FROM attachments WHERE id = ?".to_owned();
            gone.extend(
                had.into_iter()
                    .filter(|id| !files.contains(id))
                    .map(|id| (delete.clone(), id)),
            );
        }
        for (delete, id) in gone {
            sqlx::query(AssertSqlSafe(delete))
                .bind(id)
                .execute(&mut copy)
                .await?;
        }
        close(copy).await
    }

    /// Purges conversations from another database file of any schema version, such as a backup. They need not
    /// be marked as deleted there, and nothing else may write to the file. A file without any of them is not
    /// written to.
    ///
    /// # Errors
    /// When the file cannot be written; what was purged before that stays purged.
    pub async fn purge_in(path: &Path, ids: &[ConversationId]) -> Result<()> {
        let mut file = open_secure_delete(path).await?;
        let mut held = Vec::new();
        for id in ids {
            let is_there: i64 =
                sqlx::query_scalar("SELECT count(*) FROM conversations WHERE id = ?")
                    .bind(id)
                    .fetch_one(&mut file)
                    .await?;
            held.extend((is_there > 0).then_some(id));
        }
        if held.is_empty() {
            return Ok(file.close().await?);
        }
        if !has(&mut file, "attachments").await? {
            // An older schema, without attachments.
            sqlx::query("CREATE TEMP TABLE attachments (id, conversation_id)")
                .execute(&mut file)
                .await?;
        }
        for id in held {
            let mut tx = file.begin_with("BEGIN IMMEDIATE").await?;
            unlink(&mut tx, id).await?;
            purge_alone(&mut tx, id).await?;
            end(&mut tx, id).await?;
            tx.commit().await?;
        }
        clear_index(&mut file).await?;
        close(file).await
    }
}

/// Logs permanent errors and ignores them, so that they do not block the purge.
pub(super) fn tolerated(copy: &Path, done: Result<()>) -> Result<()> {
    match done {
        Err(error) if !error.is_transient() => {
            tracing::warn!(%error, path = %copy.display(), "deleted data could not be purged from a copy");
            Ok(())
        }
        done => done,
    }
}

/// Opens a database so that deleted content is overwritten with zeros.
pub(super) async fn open_secure_delete(path: &Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(false)
        .busy_timeout(Duration::from_secs(5))
        .pragma("secure_delete", "ON")
        .disable_statement_logging();
    Ok(options.connect().await?)
}

pub(super) async fn close(mut file: SqliteConnection) -> Result<()> {
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&mut file)
        .await?;
    Ok(file.close().await?)
}

/// Clears the search index, in any schema version. The next start on the file rebuilds it.
pub(super) async fn clear_index(file: &mut SqliteConnection) -> Result<()> {
    sqlx::query("INSERT INTO messages_fts(messages_fts) VALUES ('delete-all')")
        .execute(&mut *file)
        .await?;
    if has(file, "search_index").await? {
        sqlx::query("UPDATE search_index SET state = 'clearing'")
            .execute(file)
            .await?;
    }
    Ok(())
}

/// Returns whether a database has a table.
pub(super) async fn has(file: &mut SqliteConnection, table: &str) -> Result<bool> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = ?")
        .bind(table)
        .fetch_one(file)
        .await?;
    Ok(count > 0)
}

/// Returns whether a table of a database has a column.
pub(super) async fn has_column(
    file: &mut SqliteConnection,
    table: &str,
    column: &str,
) -> Result<bool> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM pragma_table_info(?) WHERE name = ?")
        .bind(table)
        .bind(column)
        .fetch_one(file)
        .await?;
    Ok(count > 0)
}

/// Deletes everything at once from a file that nothing else uses, without foreign key checks. Names only tables
/// that exist in every schema version.
async fn purge_alone(tx: &mut SqliteConnection, id: &ConversationId) -> Result<()> {
    for statement in [
        "DELETE FROM attachments WHERE conversation_id = ?",
        "UPDATE generation_attempts SET conversation_id = NULL, branch_id = NULL WHERE conversation_id = ?",
        "DELETE FROM generations WHERE conversation_id = ?",
        "DELETE FROM message_chunks
         WHERE message_id IN (SELECT id FROM messages WHERE conversation_id = ?)",
        "DELETE FROM messages WHERE conversation_id = ?",
    ] {
        sqlx::query(statement).bind(id).execute(&mut *tx).await?;
    }
    Ok(())
}
