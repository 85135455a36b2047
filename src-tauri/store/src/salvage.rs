//! Salvages what can be read of a damaged database, into a new database and as Markdown for people.
//!
//! The damaged file is opened read-only and not changed. Each table is read in rowid order; where SQLite finds
//! damage, the nearest readable row after it is searched, so that a bad page costs only its own rows.
//! Conversations, messages and branches are also carved from all pages (`carve`): a lost schema or a broken
//! tree hides rows that still exist. References to lost rows are repaired: no message is dropped because its
//! conversation, its branch or its parent could not be read.

mod mending;
mod shapes;
mod texts;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use conch_model::{ConversationId, Timestamp};
use futures_util::TryStreamExt;
use serde::Serialize;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};

use super::carve::{CarvedRow, Pages, Value};
use super::lossy::mend_texts;
use super::open::is_sound;
use super::{Store, StoreError};
use crate::folder;

/// The folder of the Markdown files, next to the salvaged database.
const TEXTS: &str = "conversations";

/// Number of rowids read per query.
const BATCH: usize = 500;

/// The result of a salvage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "field names say it")]
pub struct Salvaged {
    /// The folder with `conch.db`, which Conch can start with, and a Markdown file for each conversation.
    pub folder: PathBuf,
    pub conversations: i64,
    pub messages: i64,
    /// Number of unreadable places, each of them one row or more.
    pub unreadable: u32,
}

/// Why nothing was salvaged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SalvageError {
    /// Not a single conversation can be read.
    #[error("SQLite cannot read anything in the database")]
    Nothing,
    /// What was read cannot be written.
    #[error("the readable data could not be written: {0}")]
    Io(#[from] io::Error),
    /// The new database cannot be created.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The new database cannot be filled.
    #[error("the new database could not be filled: {0}")]
    Sql(#[from] sqlx::Error),
}

/// Salvages what can be read of `database` into `folder`, which must exist and be empty.
pub async fn salvage(
    database: &Path,
    folder: &Path,
    now: Timestamp,
) -> Result<Salvaged, SalvageError> {
    let new = folder.join("conch.db");
    Store::open(&new, false, now).await?.close().await;
    let mut rescue = Rescue::open(&new, database).await?;
    let saved = rescue.save(folder).await;
    rescue.connection.close().await?;
    fs::File::open(&new)?.sync_all()?;
    saved
}

/// Copies a message whose other columns are damaged. Columns after the text are not read: they are on the last
/// page of the text.
const BARE_MESSAGE: &str = "
    INSERT OR IGNORE INTO main.messages
      (search_key, id, conversation_id, branch_id, role, status, content, created_at, finished_at)
    SELECT search_key, id, coalesce(conversation_id, 'recovered'), coalesce(branch_id, 'recovered'),
      iif(role IN ('system', 'user'), role, 'assistant'),
      iif(role IN ('system', 'user'), 'complete', 'interrupted'), content, time.at, time.at
    FROM old.messages, (SELECT coalesce(max(created_at), 0) AS at FROM main.messages WHERE search_key < ?1) time
    WHERE rowid = ?1 AND typeof(content) = 'text' AND id NOT IN (SELECT id FROM main.messages)";

/// The rowids of the next rows of a table.
#[derive(Debug, Default)]
struct Batch {
    rows: Vec<i64>,
    /// One more rowid, if the row after it has a smaller one.
    doubtful: Option<i64>,
    /// Whether damage interrupted the batch.
    broke: bool,
}

struct Rescue {
    /// Open on the new database, with the damaged one attached as `old`.
    connection: SqliteConnection,
    unreadable: u32,
    attached: bool,
    old: PathBuf,
}

impl Rescue {
    async fn open(new: &Path, old: &Path) -> Result<Self, SalvageError> {
        let mut connection = SqliteConnectOptions::new()
            .filename(new)
            .foreign_keys(false)
            .disable_statement_logging()
            .pragma("trusted_schema", "OFF")
            .pragma("cell_size_check", "ON")
            // Loads as much of a damaged schema as possible.
            .pragma("writable_schema", "ON")
            // Each row is its own transaction; the file is synced once it is complete.
            .pragma("synchronous", "OFF")
            .connect()
            .await?;
        let attached = sqlx::query("ATTACH ? AS old")
            .bind(address(old))
            .execute(&mut connection)
            .await;
        let attached = match attached {
            Ok(_) => true,
            Err(error) => {
                tracing::warn!(%error, "SQLite cannot open the damaged database");
                false
            }
        };
        Ok(Self {
            connection,
            unreadable: u32::from(!attached),
            attached,
            old: old.to_owned(),
        })
    }

    async fn save(&mut self, folder: &Path) -> Result<Salvaged, SalvageError> {
        let fresh: Option<String> = sqlx::query_scalar("SELECT id FROM users")
            .fetch_optional(&mut self.connection)
            .await?;
        let tables: Vec<(String, bool)> = sqlx::query_as(
            "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table'
             AND name NOT LIKE 'sqlite%' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\'
             AND name NOT IN ('generation_locks', 'message_chunks', 'messages_to_index', 'messages_to_forget',
               'search_index')",
        )
        .fetch_all(&mut self.connection)
        .await?;
        if self.attached {
            for (table, without_rowid) in &tables {
                self.save_table(table, *without_rowid).await?;
            }
            self.save_fences().await;
        }
        // A misplaced page makes SQLite skip rows without an error, so the absence of errors proves nothing.
        self.carve().await?;
        mend_texts(&mut self.connection).await?;
        self.end_answers().await?;
        // An integrity check covers all attached databases.
        if self.attached {
            sqlx::query("DETACH old")
                .execute(&mut self.connection)
                .await?;
        }
        mending::mend(&mut self.connection, fresh.as_deref()).await?;
        let (conversations, messages): (i64, i64) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM conversations), (SELECT count(*) FROM messages)",
        )
        .fetch_one(&mut self.connection)
        .await?;
        if conversations == 0 {
            return Err(SalvageError::Nothing);
        }
        let texts_folder = folder.join(TEXTS);
        folder::make(&texts_folder)?;
        texts::write(&mut self.connection, &texts_folder).await?;
        if !is_sound(&mut self.connection).await? {
            return Err(SalvageError::Nothing);
        }
        Ok(Salvaged {
            folder: folder.to_owned(),
            conversations,
            messages,
            unreadable: self.unreadable,
        })
    }

    async fn save_table(&mut self, table: &str, without_rowid: bool) -> Result<(), SalvageError> {
        let columns: Vec<String> = sqlx::query_scalar(
            "SELECT new.name FROM pragma_table_info(?1, 'main') new
             JOIN pragma_table_info(?1, 'old') old ON old.name = new.name",
        )
        .bind(table)
        .fetch_all(&mut self.connection)
        .await
        .unwrap_or_default();
        if columns.is_empty() {
            // The table is missing in an older version, or the schema is lost.
            self.unreadable += u32::from(table == "messages");
            return Ok(());
        }
        let has_branches = columns.iter().any(|column| column == "branch_id");
        let columns = columns.join(", ");
        // A draft of an older schema is its conversation's; the mending gives it to main.
        let (to, from) = if table == "drafts" && !has_branches {
            let to = format!("branch_id, {columns}");
            (to, format!("conversation_id, {columns}"))
        } else {
            (columns.clone(), columns)
        };
        let insert =
            format!("INSERT OR IGNORE INTO main.{table} ({to}) SELECT {from} FROM old.{table}");
        if without_rowid {
            self.try_whole(&insert).await;
            return Ok(());
        }
        let mut after = i64::MIN;
        loop {
            let Batch {
                rows,
                doubtful,
                broke,
            } = self.rows_after(table, after).await;
            if let Some(doubtful) = doubtful {
                self.save_row(table, &insert, doubtful).await?;
            }
            let Some(last) = rows.last().copied() else {
                if !broke {
                    return Ok(());
                }
                self.unreadable += 1;
                match self.readable_after(table, after).await {
                    Some(next) => after = next,
                    None => return Ok(()),
                }
                continue;
            };
            self.save_rows(table, &insert, &rows).await?;
            after = last;
        }
    }

    async fn rows_after(&mut self, table: &str, after: i64) -> Batch {
        let statement =
            format!("SELECT rowid FROM old.{table} WHERE rowid > ? ORDER BY rowid LIMIT {BATCH}");
        let mut found = sqlx::query_scalar(AssertSqlSafe(statement))
            .bind(after)
            .fetch(&mut self.connection);
        let mut batch = Batch::default();
        loop {
            match found.try_next().await {
                Ok(Some(row)) if row > batch.rows.last().copied().unwrap_or(after) => {
                    batch.rows.push(row);
                }
                Ok(None) => return batch,
                // A damaged page leads backward: this row or the one before it has the rowid of another.
                Ok(Some(_)) => {
                    batch.doubtful = batch.rows.pop();
                    batch.broke = true;
                    return batch;
                }
                Err(_) => {
                    batch.broke = true;
                    return batch;
                }
            }
        }
    }

    /// Finds the smallest rowid after which rows can be read again, at or beyond `after`.
    async fn readable_after(&mut self, table: &str, after: i64) -> Option<i64> {
        let after = after.max(0);
        let mut step = 1_i64;
        while !self.can_read_after(table, after.checked_add(step)?).await {
            step = step.checked_mul(2)?;
        }
        let (mut bad, mut good) = (after.checked_add(step / 2)?, after.checked_add(step)?);
        while bad + 1 < good {
            let middle = bad + (good - bad) / 2;
            if self.can_read_after(table, middle).await {
                good = middle;
            } else {
                bad = middle;
            }
        }
        Some(good)
    }

    async fn can_read_after(&mut self, table: &str, after: i64) -> bool {
        let statement =
            format!("SELECT rowid FROM old.{table} WHERE rowid > ? ORDER BY rowid LIMIT 2");
        let found: sqlx::Result<Vec<i64>> = sqlx::query_scalar(AssertSqlSafe(statement))
            .bind(after)
            .fetch_all(&mut self.connection)
            .await;
        found.is_ok_and(|rows| {
            let first = rows.first().is_none_or(|row| *row > after);
            first && rows.is_sorted_by(|one, next| one < next)
        })
    }

    /// Copies rows one by one by rowid: scanning a damaged tree may return a row under another's rowid.
    async fn save_rows(
        &mut self,
        table: &str,
        insert: &str,
        rows: &[i64],
    ) -> Result<(), SalvageError> {
        // Not in one transaction: an unreadable row could roll back those copied before it.
        for row in rows {
            if !self.save_row(table, insert, *row).await? {
                self.unreadable += 1;
            }
        }
        Ok(())
    }

    /// Returns false if the row cannot be read.
    async fn save_row(
        &mut self,
        table: &str,
        insert: &str,
        row: i64,
    ) -> Result<bool, SalvageError> {
        let one = format!("{insert} WHERE rowid = ?");
        let saved = sqlx::query(AssertSqlSafe(one))
            .bind(row)
            .execute(&mut self.connection)
            .await;
        let is_saved = saved.as_ref().is_ok_and(|saved| saved.rows_affected() > 0);
        let is_read_whole = is_read(saved)?;
        if !is_saved && table == "messages" {
            let bare = sqlx::query(BARE_MESSAGE)
                .bind(row)
                .execute(&mut self.connection)
                .await;
            is_read(bare)?;
        }
        Ok(is_read_whole)
    }

    async fn try_whole(&mut self, insert: &str) {
        let insert = AssertSqlSafe(insert.to_owned());
        if sqlx::query(insert)
            .execute(&mut self.connection)
            .await
            .is_err()
        {
            self.unreadable += 1;
        }
    }

    /// Carves the rows on all pages that were not copied yet.
    async fn carve(&mut self) -> Result<(), SalvageError> {
        let mut pages = Pages::open(&self.old)?;
        let mut columns = HashMap::new();
        for table in shapes::tables() {
            let names: Vec<String> =
                sqlx::query_scalar("SELECT name FROM pragma_table_info(?, 'main')")
                    .bind(table)
                    .fetch_all(&mut self.connection)
                    .await?;
            columns.insert(table, names);
        }
        for number in 1..=pages.count() {
            for row in pages.rows(number) {
                let Some(table) = shapes::table_of(&row.values) else {
                    continue;
                };
                let names = columns.get(table).map_or(&[][..], Vec::as_slice);
                self.save_carved(table, names, &row).await?;
            }
        }
        Ok(())
    }

    async fn save_carved(
        &mut self,
        table: &str,
        names: &[String],
        row: &CarvedRow,
    ) -> Result<(), SalvageError> {
        // A row written before a column was added does not have it.
        let names: Vec<&str> = names
            .iter()
            .take(row.values.len())
            .map(String::as_str)
            .collect();
        let places = vec!["?"; names.len()].join(", ");
        let insert = format!(
            "INSERT OR IGNORE INTO main.{table} ({}) VALUES ({places})",
            names.join(", ")
        );
        let mut query = sqlx::query(AssertSqlSafe(insert));
        for (name, value) in names.iter().zip(&row.values) {
            query = match value {
                // A column that aliases the rowid is stored as null.
                Value::Null if *name == "search_key" => query.bind(row.number),
                Value::Null => query.bind(None::<i64>),
                Value::Integer(number) => query.bind(*number),
                Value::Real(number) => query.bind(*number),
                Value::Text(text) => query.bind(text.as_str()),
                Value::Blob(bytes) => query.bind(bytes.as_slice()),
            };
        }
        let saved = query.execute(&mut self.connection).await;
        let is_known = saved.as_ref().is_ok_and(|saved| saved.rows_affected() == 0);
        is_read(saved)?;
        // An earlier version of the answer may be on a page that was read before.
        if is_known
            && table == "messages"
            && let [_, Value::Text(id), ..] = row.values.as_slice()
            && let Some(status) = row.values.get(6).and_then(Value::text)
            && let Some(content) = row.values.get(7).and_then(Value::text)
            && status != "generating"
        {
            let later = sqlx::query(
                "UPDATE main.messages SET status = ?, content = ?, finished_at = created_at
                 WHERE id = ? AND status = 'generating'",
            )
            .bind(status)
            .bind(content)
            .bind(id.as_str())
            .execute(&mut self.connection)
            .await;
            is_read(later)?;
        }
        Ok(())
    }

    /// Copies the fences of the locks, which must keep growing; their holders are gone.
    async fn save_fences(&mut self) {
        self.try_whole(
            "INSERT OR IGNORE INTO main.generation_locks (branch_id, conversation_id, fence)
             SELECT branch_id, conversation_id, fence FROM old.generation_locks",
        )
        .await;
    }

    /// Ends the unfinished answers, with their partial text.
    async fn end_answers(&mut self) -> Result<(), SalvageError> {
        let unfinished: Vec<String> =
            sqlx::query_scalar("SELECT id FROM main.messages WHERE status = 'generating'")
                .fetch_all(&mut self.connection)
                .await?;
        for id in unfinished {
            let text: sqlx::Result<String> = sqlx::query_scalar(
                "SELECT coalesce(group_concat(text, '' ORDER BY seq), '')
                 FROM old.message_chunks WHERE message_id = ?",
            )
            .bind(&id)
            .fetch_one(&mut self.connection)
            .await;
            // If the old database is not attached, the table does not exist.
            self.unreadable += u32::from(text.is_err());
            sqlx::query(
                "UPDATE main.messages SET status = 'interrupted', finished_at = created_at,
                 content = content || ? WHERE id = ?",
            )
            .bind(text.unwrap_or_default())
            .bind(&id)
            .execute(&mut self.connection)
            .await?;
        }
        Ok(())
    }
}

/// Returns false if the damaged database caused the error; any other error comes from the new one.
fn is_read<T>(result: sqlx::Result<T>) -> Result<bool, SalvageError> {
    const FULL: i32 = 13;

    match result {
        Ok(_) => Ok(true),
        Err(error) if super::error::primary_code(&error) == Some(FULL) => Err(error.into()),
        Err(sqlx::Error::Database(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Returns the URI that makes SQLite open a file read-only, <https://sqlite.org/uri.html>.
fn address(path: &Path) -> String {
    let mut address = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(byte) {
            address.push(char::from(*byte));
        } else {
            let _ = write!(address, "%{byte:02X}");
        }
    }
    address.push_str("?mode=ro");
    address
}

/// Creates a folder, named by the time, for a salvage.
pub fn new_folder(data_folder: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let parent = data_folder.join("saved");
    folder::make(&parent)?;
    let folder = folder::vacant(&parent, &now.to_name());
    folder::make(&folder)?;
    Ok(folder)
}

/// Returns the salvaged databases in a data folder, newest first.
pub fn saved(data_folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(data_folder.join("saved"))
        .into_iter()
        .flatten();
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path().join("conch.db"))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found.reverse();
    found
}

/// Returns the Markdown files of a conversation in a data folder.
pub(super) fn texts_of(data_folder: &Path, id: &ConversationId) -> Vec<PathBuf> {
    let folders = saved(data_folder).into_iter();
    let folders = folders.map(|database| database.with_file_name(TEXTS));
    let files = folders.flat_map(|folder| fs::read_dir(folder).into_iter().flatten());
    files
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| texts::is_of(path, id))
        .collect()
}
