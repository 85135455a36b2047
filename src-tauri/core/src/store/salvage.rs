//! Saves what can be read of a damaged database into a new one, and as Markdown for people.
//!
//! The damaged file is opened for reading alone and is not changed. Each table is read in the order of its
//! rows; where SQLite finds damage, the nearest row behind it that can be read is looked for, so that a bad
//! page costs what was on it. Conversations and messages are looked for on all pages, too (`carve`): a lost schema
//! or a broken tree hides rows that are there. What refers to something that is lost is given a new place: no message
//! is dropped because its conversation, its branch or what it answers could not be read.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use futures_util::TryStreamExt;
use serde::Serialize;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row, SqliteConnection};

use super::carve::{CarvedRow, Pages, Value};
use super::lossy::mend_texts;
use super::open::is_sound;
use super::{Store, StoreError};
use crate::clock::Timestamp;
use crate::folder;

/// Rows read in one go.
const BATCH: usize = 500;

/// Characters of a title in a file's name.
const NAME: usize = 60;

/// What was saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Salvaged {
    /// Where it is: `conch.db`, which Conch can start with, and a text of each conversation.
    pub folder: PathBuf,
    /// How many conversations.
    pub conversations: i64,
    /// How many messages.
    pub messages: i64,
    /// How many places could not be read, each of them a row or more.
    pub unreadable: u32,
}

/// Why nothing was saved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SalvageError {
    /// Not one conversation can be read.
    #[error("SQLite cannot read anything of the database")]
    Nothing,
    /// What was read cannot be written.
    #[error("what was read could not be written: {0}")]
    Io(#[from] io::Error),
    /// The new database cannot be made.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The new database cannot be filled.
    #[error("the new database could not be filled: {0}")]
    Sql(#[from] sqlx::Error),
}

/// Saves what can be read of `database` into `folder`, which is there and empty.
pub(crate) async fn salvage(
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

/// Saves a message of which something else than its text is damaged. What is stored behind the text is not read: it is
/// on the last of the text's pages.
const BARE_MESSAGE: &str = "
    INSERT OR IGNORE INTO main.messages
      (search_key, id, conversation_id, branch_id, role, status, content, created_at, finished_at)
    SELECT search_key, id, coalesce(conversation_id, 'recovered'), coalesce(branch_id, 'recovered'),
      iif(role IN ('system', 'user'), role, 'assistant'),
      iif(role IN ('system', 'user'), 'complete', 'interrupted'), content, time.at, time.at
    FROM old.messages, (SELECT coalesce(max(created_at), 0) AS at FROM main.messages WHERE search_key < ?1) time
    WHERE rowid = ?1 AND typeof(content) = 'text' AND id NOT IN (SELECT id FROM main.messages)";

/// The numbers of the next rows of a table.
#[derive(Debug, Default)]
struct Batch {
    rows: Vec<i64>,
    /// One more, where the row that follows it has a lesser number.
    doubtful: Option<i64>,
    /// Damage came before more of them.
    broke: bool,
}

struct Rescue {
    /// On the new database, with the damaged one attached as `old`.
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
            // A schema that can be read in part is read in part.
            .pragma("writable_schema", "ON")
            // Each row is a transaction; the file is synced when it is whole.
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
        // A page in another's place leads SQLite past rows without a word, so that nothing met is no sign.
        self.carve().await?;
        mend_texts(&mut self.connection).await?;
        self.end_answers().await?;
        // What checks a database checks all that are attached.
        if self.attached {
            sqlx::query("DETACH old")
                .execute(&mut self.connection)
                .await?;
        }
        self.mend(fresh.as_deref()).await?;
        let (conversations, messages): (i64, i64) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM conversations), (SELECT count(*) FROM messages)",
        )
        .fetch_one(&mut self.connection)
        .await?;
        if conversations == 0 {
            return Err(SalvageError::Nothing);
        }
        self.write_texts(folder).await?;
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
            // Of an older Conch, or of one whose schema is lost.
            self.unreadable += u32::from(table == "messages");
            return Ok(());
        }
        let columns = columns.join(", ");
        let insert = format!(
            "INSERT OR IGNORE INTO main.{table} ({columns}) SELECT {columns} FROM old.{table}"
        );
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
                // A damaged page leads back: this row or the one before it has another's number.
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

    /// A number behind which rows can be read again, as near to `after` as there is one.
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

    /// Saves rows, each by its number: in the order of a damaged tree a row may come under another's.
    async fn save_rows(
        &mut self,
        table: &str,
        insert: &str,
        rows: &[i64],
    ) -> Result<(), SalvageError> {
        // Not in one transaction: a row that cannot be read may take with it what was saved before.
        for row in rows {
            if !self.save_row(table, insert, *row).await? {
                self.unreadable += 1;
            }
        }
        Ok(())
    }

    /// False where it cannot be read.
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

    /// Saves the rows on all pages that were not reached otherwise.
    async fn carve(&mut self) -> Result<(), SalvageError> {
        let mut pages = Pages::open(&self.old)?;
        let mut columns = HashMap::new();
        for shape in SHAPES {
            let names: Vec<String> =
                sqlx::query_scalar("SELECT name FROM pragma_table_info(?, 'main')")
                    .bind(shape.table)
                    .fetch_all(&mut self.connection)
                    .await?;
            columns.insert(shape.table, names);
        }
        for number in 1..=pages.count() {
            for row in pages.rows(number) {
                let shape = SHAPES.iter().find(|shape| (shape.fits)(&row.values));
                let Some(shape) = shape else { continue };
                let names = columns.get(shape.table).map_or(&[][..], Vec::as_slice);
                self.save_carved(shape.table, names, &row).await?;
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
        // A row that is older than a column does not have it.
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
                // A column that is the row's number is stored as that alone.
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
        // An earlier state of an answer may lie on a page that was read before.
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

    /// The fences of the locks, which must grow; their holders are gone.
    async fn save_fences(&mut self) {
        self.try_whole(
            "INSERT OR IGNORE INTO main.generation_locks (branch_id, conversation_id, fence)
             SELECT branch_id, conversation_id, fence FROM old.generation_locks",
        )
        .await;
    }

    /// Ends the answers that were being written, with the text that they had.
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
            // Without the old database there is no such table.
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

    /// Gives a new place to what refers to something that was not read.
    async fn mend(&mut self, fresh_user: Option<&str>) -> Result<(), SalvageError> {
        sqlx::query("DELETE FROM users WHERE id = ? AND (SELECT count(*) FROM users) > 1")
            .bind(fresh_user)
            .execute(&mut self.connection)
            .await?;
        for statement in MENDING {
            sqlx::query(*statement)
                .execute(&mut self.connection)
                .await?;
        }
        // What is left refers to nothing that anybody could see.
        let dangling = sqlx::query("PRAGMA foreign_key_check")
            .fetch_all(&mut self.connection)
            .await?;
        for row in dangling {
            let (table, number): (String, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
            let statement = format!("DELETE FROM main.{table} WHERE rowid = ?");
            if number.is_some() {
                sqlx::query(AssertSqlSafe(statement))
                    .bind(number)
                    .execute(&mut self.connection)
                    .await?;
            }
        }
        Ok(())
    }

    /// Writes each conversation as a file that people can read.
    async fn write_texts(&mut self, folder: &Path) -> Result<(), SalvageError> {
        let texts = folder.join("conversations");
        folder::make(&texts)?;
        let conversations: Vec<(String, Option<String>)> =
            sqlx::query_as("SELECT id, title FROM main.conversations ORDER BY created_at, id")
                .fetch_all(&mut self.connection)
                .await?;
        for (number, (id, title)) in conversations.into_iter().enumerate() {
            let title = title.unwrap_or_else(|| "New chat".to_owned());
            let path = texts.join(format!("{:04} {}.md", number + 1, file_name(&title)));
            let file = folder::private().create_new(true).write(true).open(path)?;
            let mut file = io::BufWriter::new(file);
            writeln!(file, "# {title}\n")?;
            let mut messages = sqlx::query_as::<_, (String, Option<String>, String)>(
                "SELECT role, model, content FROM main.messages WHERE conversation_id = ?
                 ORDER BY search_key",
            )
            .bind(&id)
            .fetch(&mut self.connection);
            while let Some((role, model, content)) = messages.try_next().await? {
                let by = match role.as_str() {
                    "user" => "You".to_owned(),
                    "system" => "System".to_owned(),
                    _ => model.unwrap_or_else(|| "Answer".to_owned()),
                };
                writeln!(file, "## {by}\n\n{content}\n")?;
            }
            file.into_inner()
                .map_err(io::IntoInnerError::into_error)?
                .sync_all()?;
        }
        folder::sync(&texts);
        Ok(())
    }
}

/// False where the damaged database is why it failed; any other failure is the new one's.
fn is_read<T>(result: sqlx::Result<T>) -> Result<bool, SalvageError> {
    const FULL: i32 = 13;

    match result {
        Ok(_) => Ok(true),
        Err(error) if super::error::primary_code(&error) == Some(FULL) => Err(error.into()),
        Err(sqlx::Error::Database(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What rows of a table look like, by which a page's rows are told from others.
struct Shape {
    table: &'static str,
    fits: fn(&[Value]) -> bool,
}

const SHAPES: &[Shape] = &[
    Shape {
        table: "messages",
        fits: |values| {
            let [
                Value::Null,
                id,
                conversation,
                branch,
                _,
                role,
                status,
                Value::Text(_),
                ..,
            ] = values
            else {
                return false;
            };
            values.len() >= 15
                && [id, conversation, branch].into_iter().all(is_id)
                && is_one_of(role, &["system", "user", "assistant"])
                && is_one_of(
                    status,
                    &["complete", "generating", "stopped", "failed", "interrupted"],
                )
        },
    },
    Shape {
        table: "conversations",
        fits: |values| {
            let [
                id,
                user,
                _,
                _,
                Value::Integer(_),
                policy,
                Value::Integer(_),
                Value::Integer(_),
                ..,
            ] = values
            else {
                return false;
            };
            is_id(id)
                && is_id(user)
                && is_one_of(policy, &["reject", "queue", "interrupt", "rollback"])
        },
    },
    Shape {
        table: "branches",
        fits: |values| {
            let [id, conversation, Value::Text(_), head, _, Value::Integer(_)] = values else {
                return false;
            };
            is_id(id) && is_id(conversation) && (is_id(head) || *head == Value::Null)
        },
    },
];

fn is_id(value: &Value) -> bool {
    value
        .text()
        .is_some_and(|text| uuid::Uuid::try_parse(text).is_ok())
}

fn is_one_of(value: &Value, known: &[&str]) -> bool {
    value.text().is_some_and(|text| known.contains(&text))
}

/// In this order.
const MENDING: &[&str] = &[
    "UPDATE conversations SET user_id = (SELECT id FROM users ORDER BY created_at LIMIT 1)
     WHERE user_id NOT IN (SELECT id FROM users)",
    "INSERT OR IGNORE INTO conversations (id, user_id, title, created_at, updated_at)
     SELECT conversation_id, (SELECT id FROM users ORDER BY created_at LIMIT 1),
       'Recovered conversation', min(created_at), max(created_at) FROM messages
     WHERE conversation_id NOT IN (SELECT id FROM conversations) GROUP BY conversation_id",
    // A branch that another conversation's message claims is damage that nobody can see through.
    "UPDATE messages SET branch_id = conversation_id || '-recovered' WHERE branch_id IN
     (SELECT b.id FROM branches b WHERE b.conversation_id <> messages.conversation_id)",
    "DELETE FROM branches WHERE conversation_id NOT IN (SELECT id FROM conversations)",
    "INSERT OR IGNORE INTO branches (id, conversation_id, name, created_at)
     SELECT branch_id, conversation_id, 'main', min(created_at) FROM messages
     WHERE branch_id NOT IN (SELECT id FROM branches)
       AND conversation_id NOT IN (SELECT conversation_id FROM branches WHERE name = 'main')
     GROUP BY conversation_id",
    "INSERT OR IGNORE INTO branches (id, conversation_id, name, created_at)
     SELECT branch_id, conversation_id, 'recovered ' || branch_id, min(created_at) FROM messages
     WHERE branch_id NOT IN (SELECT id FROM branches) GROUP BY branch_id",
    "INSERT INTO branches (id, conversation_id, name, created_at)
     SELECT id || '-main', id, 'main', created_at FROM conversations
     WHERE id NOT IN (SELECT conversation_id FROM branches WHERE name = 'main')",
    "UPDATE messages SET parent_id = (SELECT p.id FROM messages p
       WHERE p.branch_id = messages.branch_id AND p.search_key < messages.search_key
       ORDER BY p.search_key DESC LIMIT 1)
     WHERE parent_id IS NOT NULL AND parent_id NOT IN (SELECT id FROM messages)",
    "UPDATE branches SET forked_from = NULL WHERE forked_from NOT IN (SELECT id FROM messages)",
    "UPDATE branches SET head_message_id = (SELECT id FROM messages
       WHERE branch_id = branches.id ORDER BY search_key DESC LIMIT 1)
     WHERE head_message_id IS NULL OR head_message_id NOT IN (SELECT id FROM messages)",
    "UPDATE attachments SET message_id = NULL WHERE message_id NOT IN (SELECT id FROM messages)",
    "UPDATE attachments SET message_id = NULL, conversation_id = NULL
     WHERE conversation_id NOT IN (SELECT id FROM conversations)",
    "DELETE FROM generation_locks WHERE branch_id NOT IN (SELECT id FROM branches)",
];

/// The address of a file that SQLite opens for reading alone, <https://sqlite.org/uri.html>.
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

/// A title as a part of a file's name, on every system.
fn file_name(title: &str) -> String {
    let kept = |c: char| {
        if c.is_alphanumeric() || " -_.,".contains(c) {
            c
        } else {
            ' '
        }
    };
    let name: String = title.chars().take(NAME).map(kept).collect();
    name.trim_matches([' ', '.']).to_owned()
}

/// A folder, named by the time, for what is saved.
pub(crate) fn new_folder(data_folder: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let parent = data_folder.join("saved");
    folder::make(&parent)?;
    let folder = folder::vacant(&parent, &now.to_name());
    folder::make(&folder)?;
    Ok(folder)
}

/// The databases that were saved in a data folder, newest first.
pub(crate) fn saved(data_folder: &Path) -> Vec<PathBuf> {
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
