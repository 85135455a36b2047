//! What is deleted leaves the copies of the database, too: the backups, and what was saved of a damaged one. Each is
//! a file of any schema that nothing else writes to.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};

use super::backup::read_only;
use super::deleting::{end, unlink};
use super::{Result, Store, backups, salvage};
use crate::ids::ConversationId;

impl Store {
    /// Purges a conversation from every copy of this database. One that is damaged, or cannot be written for a reason
    /// that lasts, stays as it is.
    ///
    /// # Errors
    /// What passes: it may be called again.
    pub async fn purge_in_copies(&self, id: &ConversationId) -> Result<()> {
        for copy in self.copies() {
            let purged = Self::purge_in(&copy, std::slice::from_ref(id)).await;
            tolerated(&copy, purged)?;
        }
        for text in salvage::texts_of(self.data_folder(), id) {
            if let Err(error) = fs::remove_file(&text) {
                tracing::warn!(%error, path = %text.display(), "a text of what was deleted stays");
            }
        }
        self.forget_unsent_in_copies().await
    }

    /// Takes from every copy what was typed or attached, and is sent or gone by now.
    ///
    /// # Errors
    /// What passes: it may be called again.
    pub async fn forget_unsent_in_copies(&self) -> Result<()> {
        for copy in self.copies() {
            let forgotten = self.forget_unsent_in(&copy).await;
            tolerated(&copy, forgotten)?;
        }
        Ok(())
    }

    fn copies(&self) -> Vec<PathBuf> {
        let backups = backups(self.data_folder()).into_iter();
        let saved = salvage::saved(self.data_folder());
        backups.map(|backup| backup.path).chain(saved).collect()
    }

    /// Purges from a backup what was deleted while it was made.
    ///
    /// # Errors
    /// When either cannot be read, or the backup not written.
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
        self.forget_unsent_in(backup).await
    }

    /// Takes from a copy what was typed and is no beginning of what is typed now, and files that are nowhere any more.
    async fn forget_unsent_in(&self, path: &Path) -> Result<()> {
        let typed: Vec<(String, String)> = sqlx::query_as(
            "SELECT conversation_id, content FROM drafts
             UNION ALL SELECT user_id, content FROM new_conversation_drafts",
        )
        .fetch_all(&self.readers)
        .await?;
        let typed: HashMap<_, _> = typed.into_iter().collect();
        let files: Vec<String> = sqlx::query_scalar("SELECT id FROM attachments")
            .fetch_all(&self.readers)
            .await?;
        let files: HashSet<_> = files.into_iter().collect();
        let mut copy = open_to_forget(path).await?;
        let mut gone = Vec::new();
        for (table, place) in [
            ("drafts", "conversation_id"),
            ("new_conversation_drafts", "user_id"),
        ] {
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

    /// Purges conversations from another database file of any schema, a backup say. It needs no mark there,
    /// and nothing else may write to the file. A file that has none of them is not written to.
    ///
    /// # Errors
    /// When the file cannot be written; what was purged until then stays gone.
    pub async fn purge_in(path: &Path, ids: &[ConversationId]) -> Result<()> {
        let mut file = open_to_forget(path).await?;
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
            // An older schema, in which there are none.
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
        forget_words(&mut file).await?;
        close(file).await
    }
}

/// What lasts is said, and nobody waits for it.
fn tolerated(copy: &Path, done: Result<()>) -> Result<()> {
    match done {
        Err(error) if !error.is_transient() => {
            tracing::warn!(%error, path = %copy.display(), "a copy keeps what was deleted");
            Ok(())
        }
        done => done,
    }
}

/// What is deleted on it is overwritten with zeros.
async fn open_to_forget(path: &Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(false)
        .busy_timeout(Duration::from_secs(5))
        .pragma("secure_delete", "ON")
        .disable_statement_logging();
    Ok(options.connect().await?)
}

async fn close(mut file: SqliteConnection) -> Result<()> {
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&mut file)
        .await?;
    Ok(file.close().await?)
}

/// Empties the search index, whatever form it has in the file. The next start on the file fills it again.
async fn forget_words(file: &mut SqliteConnection) -> Result<()> {
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

/// Whether a file's schema has a table.
async fn has(file: &mut SqliteConnection, table: &str) -> Result<bool> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = ?")
        .bind(table)
        .fetch_one(file)
        .await?;
    Ok(count > 0)
}

/// Takes away all at once, from a file that nothing else uses and whose references are not looked after. Only what
/// every schema has is named.
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
