//! The full-text index of all messages, which is derived data: triggers record what must be added and removed,
//! and this module does it in batches, so that no write waits long for the writer and no error of the index
//! ever prevents storing a message.
//!
//! A message is indexed in pieces of [`PIECE`] bytes, with the rowids `search_key << PIECE_BITS` and following,
//! because indexing a megabyte at once holds the writer for half a second. The index stores no text, and
//! deletes by rowid alone; deleted words remain in its pages until these are merged, so every delete is
//! followed by a complete merge.
//!
//! An index that fails is cleared and rebuilt. During a rebuild only messages up to `filled_to` are inserted:
//! FTS5 accepts a duplicate rowid as a second entry, and a delete removes only the later one.

use std::time::Duration;

use sqlx::SqliteConnection;
use tokio::time::sleep;

use super::{Result, Store};

/// Maximum size of an index entry, in bytes of text.
const PIECE: usize = 64 * 1024;

/// The low bits of an entry's rowid, which count the pieces of a message.
const PIECE_BITS: i64 = 16;

/// Maximum number of messages inserted per batch.
const MAX_INSERTED: i64 = 256;

/// Maximum number of messages deleted per batch.
const MAX_DELETED: i64 = 100;

/// Maximum number of messages enqueued per batch during a rebuild.
const MAX_ENQUEUED: i64 = 2_000;

/// Maximum number of index pages merged or cleared per batch, about 4 kB each.
const MAX_PAGES: i64 = 100;

/// Maximum number of index pages merged with a batch of inserts.
const MAX_MERGED: i64 = 64;

/// How much FTS5 merges by itself within a commit, <https://sqlite.org/fts5.html#the_automerge_configuration_option>:
/// nothing, and all segments of a level only at its maximum of them. By default it counts each deleted entry as a written
/// page, and merges 64 pages of each level for 64 of them: one batch of deletes held the writer for a second
/// (`findings/fts5-contentless-delete-merges.sh`). Each batch of inserts merges some pages instead.
const CONFIGURATION: [(&str, i64); 2] = [("automerge", 0), ("crisismerge", 1_999)];

/// Delay between two batches, for writers in other processes, which do not wait in our queue.
const PAUSE: Duration = Duration::from_millis(5);

/// Creates the index. Contentless, because the text of deleted messages must not remain.
const CREATE: &str = "CREATE VIRTUAL TABLE messages_fts USING fts5(
    content, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2')";

/// Drops an index whose shadow tables are damaged, after making it droppable.
const MAKE_DROPPABLE: &str = "
    CREATE TABLE IF NOT EXISTS messages_fts_config (k PRIMARY KEY, v) WITHOUT ROWID;
    DELETE FROM messages_fts_config;
    INSERT INTO messages_fts_config VALUES ('version', 4);
    DROP TABLE IF EXISTS messages_fts;
    DROP TABLE IF EXISTS messages_fts_data;
    DROP TABLE IF EXISTS messages_fts_idx;
    DROP TABLE IF EXISTS messages_fts_docsize;
    DROP TABLE IF EXISTS messages_fts_content;
    DROP TABLE IF EXISTS messages_fts_config;";

/// The next step.
enum Task {
    /// Clear the index.
    Clear,
    /// Remove deleted messages.
    Delete,
    /// Insert enqueued messages.
    Insert,
    /// Enqueue messages that were stored before the index was cleared.
    Note,
    /// Merge, to erase deleted words from the pages.
    Erase,
}

/// A piece to insert.
struct IndexEntry {
    search_key: i64,
    /// Number of pieces of the message before this one.
    before: i64,
    text: String,
    /// Whether it is the last piece of the message.
    is_last: bool,
}

impl Store {
    /// Brings the index up to date: inserts every message that has ended, and removes every deleted one without
    /// leaving a word of it. Each batch holds the writer for a few milliseconds. If this is dropped or fails,
    /// the rest remains enqueued.
    ///
    /// # Errors
    /// When the database cannot be written, or the index fails even after a rebuild.
    pub async fn index_answers(&self) -> Result<()> {
        self.work_on_index(|_| true).await
    }

    /// Only removes deleted messages from the index, without inserting others first.
    ///
    /// # Errors
    /// As [`index_answers`](Self::index_answers).
    pub async fn purge_deleted_from_index(&self) -> Result<()> {
        self.work_on_index(|task| !matches!(task, Task::Insert | Task::Note))
            .await
    }

    async fn work_on_index(&self, is_asked: impl Fn(&Task) -> bool) -> Result<()> {
        let mut is_new = false;
        loop {
            let task = self.task().await;
            let done = match task.map(|task| task.filter(&is_asked)) {
                Ok(None) => return Ok(()),
                Ok(Some(task)) => self.perform(task).await,
                Err(error) => Err(error),
            };
            match done {
                Ok(()) => {}
                Err(error) if error.is_transient() || error.is_damage() || is_new => {
                    return Err(error);
                }
                Err(error) => {
                    tracing::warn!(%error, "the search index failed; rebuilding it");
                    is_new = true;
                    self.begin_clearing().await?;
                }
            }
            self.checkpoint_wal().await?;
            sleep(PAUSE).await;
        }
    }

    async fn task(&self) -> Result<Option<Task>> {
        let index = sqlx::query!(
            r#"SELECT state, erasing AS "erasing: bool",
                 EXISTS (SELECT 1 FROM messages_to_forget) AS "forgets!: bool",
                 EXISTS (SELECT 1 FROM messages_to_index WHERE search_key <= filled_to) AS "learns!: bool"
               FROM search_index WHERE id = 1"#
        )
        .fetch_one(&self.readers)
        .await?;
        // Deletes before inserts: the key of a deleted message may have been reused.
        Ok(match index.state.as_str() {
            "clearing" => Some(Task::Clear),
            _ if index.forgets => Some(Task::Delete),
            _ if index.erasing => Some(Task::Erase),
            _ if index.learns => Some(Task::Insert),
            "filling" => Some(Task::Note),
            _ => None,
        })
    }

    async fn perform(&self, task: Task) -> Result<()> {
        if let Task::Insert = task {
            return self.insert().await;
        }
        let mut tx = self.write().await?;
        if !matches!(task, Task::Clear) {
            bound_merges(&mut tx).await?;
        }
        match task {
            Task::Clear => match clear(&mut tx).await {
                Ok(false) => {}
                Ok(true) => make(&mut tx).await?,
                Err(error) if error.is_transient() || error.is_damage() => return Err(error),
                // Its shadow tables are damaged.
                Err(_) => {
                    drop(tx);
                    tx = self.write().await?;
                    make(&mut tx).await?;
                }
            },
            Task::Delete => delete(&mut tx).await?,
            Task::Note => note(&mut tx).await?,
            Task::Erase => erase(&mut tx).await?,
            Task::Insert => {}
        }
        tx.commit().await
    }

    async fn begin_clearing(&self) -> Result<()> {
        sqlx::query!("UPDATE search_index SET state = 'clearing' WHERE id = 1")
            .execute(self.writer()?)
            .await?;
        Ok(())
    }

    /// Reads the texts before it acquires the writer: they do not change any more.
    async fn insert(&self) -> Result<()> {
        let mut entries = self.entries().await?.into_iter().peekable();
        while entries.peek().is_some() {
            let mut tx = self.write().await?;
            bound_merges(&mut tx).await?;
            let mut room = PIECE;
            while let Some(entry) = entries.next_if(|next| next.text.len() <= room) {
                room -= entry.text.len();
                if !insert(&mut tx, &entry).await? {
                    return tx.commit().await;
                }
            }
            command(&mut tx, "merge", MAX_MERGED).await?;
            tx.commit().await?;
            if entries.peek().is_some() {
                self.checkpoint_wal().await?;
                sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    /// Returns the next entries to insert: short messages of up to [`PIECE`] bytes together, or the rest of a
    /// long one.
    async fn entries(&self) -> Result<Vec<IndexEntry>> {
        let mut reader = self.readers.begin().await?;
        let noted = sqlx::query!(
            r#"SELECT search_key, pieces, octet_length(content) AS "bytes!: i64"
               FROM messages_to_index CROSS JOIN messages USING (search_key)
               WHERE search_key <= (SELECT filled_to FROM search_index WHERE id = 1)
               ORDER BY search_key LIMIT ?"#,
            MAX_INSERTED
        )
        .fetch_all(&mut *reader)
        .await?;
        let Some(first) = noted.first() else {
            forget_notes(self).await?;
            return Ok(Vec::new());
        };
        let (mut room, mut last) = (i64::try_from(PIECE).unwrap_or(i64::MAX), first.search_key);
        for message in &noted {
            room -= message.bytes;
            if room < 0 {
                break;
            }
            last = message.search_key;
        }
        let texts = sqlx::query!(
            "SELECT search_key, pieces, content
             FROM messages_to_index CROSS JOIN messages USING (search_key)
             WHERE search_key <= ? ORDER BY search_key LIMIT ?",
            last,
            MAX_INSERTED
        )
        .fetch_all(&mut *reader)
        .await?;
        let entries = texts.into_iter().flat_map(|row| {
            let pieces: Vec<_> = (0..).zip(pieces(&row.content)).collect();
            let last = pieces.len() - 1;
            let todo = pieces.into_iter().filter(|(at, _)| *at >= row.pieces);
            let entry = |(at, text): (i64, &str)| IndexEntry {
                search_key: row.search_key,
                before: at,
                text: text.to_owned(),
                is_last: usize::try_from(at).is_ok_and(|at| at >= last),
            };
            todo.map(entry).collect::<Vec<_>>()
        });
        Ok(entries.collect())
    }
}

/// Removes queue entries without a message; the triggers leave none.
async fn forget_notes(store: &Store) -> Result<()> {
    sqlx::query!(
        "DELETE FROM messages_to_index WHERE search_key IN (
           SELECT search_key FROM messages_to_index AS noted
           WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE m.search_key = noted.search_key) LIMIT ?)",
        MAX_ENQUEUED
    )
    .execute(store.writer()?)
    .await?;
    Ok(())
}

/// Splits a text into pieces of at most [`PIECE`] bytes, between words if possible. An empty text is one piece.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        if text.len() <= PIECE {
            rest = None;
            return Some(text);
        }
        let most = text.floor_char_boundary(PIECE);
        let cut = text[..most].rfind(char::is_whitespace);
        let (piece, left) = text.split_at(cut.filter(|cut| *cut > 0).unwrap_or(most));
        rest = Some(left);
        Some(piece)
    })
}

/// Sets [`CONFIGURATION`] where an earlier version or a rebuild has not.
async fn bound_merges(tx: &mut SqliteConnection) -> Result<()> {
    for (name, value) in CONFIGURATION {
        let known: Option<i64> =
            sqlx::query_scalar("SELECT v FROM messages_fts_config WHERE k = ?")
                .bind(name)
                .fetch_optional(&mut *tx)
                .await?;
        if known != Some(value) {
            command(tx, name, value).await?;
        }
    }
    Ok(())
}

/// Runs a special command of FTS5, <https://sqlite.org/fts5.html#special_insert_commands>.
async fn command(tx: &mut SqliteConnection, name: &str, value: i64) -> Result<()> {
    sqlx::query("INSERT INTO messages_fts (messages_fts, rank) VALUES (?, ?)")
        .bind(name)
        .bind(value)
        .execute(tx)
        .await?;
    Ok(())
}

/// Inserts a piece. Returns false if something was deleted, or another process inserted the piece, since it was
/// read.
async fn insert(tx: &mut SqliteConnection, entry: &IndexEntry) -> Result<bool> {
    let next = entry.before + 1;
    let noted = sqlx::query!(
        "UPDATE messages_to_index SET pieces = ?1 WHERE search_key = ?2 AND pieces = ?3
           AND NOT EXISTS (SELECT 1 FROM messages_to_forget)
           AND EXISTS (SELECT 1 FROM search_index WHERE state <> 'clearing' AND filled_to >= ?2)",
        next,
        entry.search_key,
        entry.before
    )
    .execute(&mut *tx)
    .await?;
    if noted.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query("INSERT INTO messages_fts (rowid, content) VALUES (?, ?)")
        .bind((entry.search_key << PIECE_BITS) + entry.before)
        .bind(&entry.text)
        .execute(&mut *tx)
        .await?;
    if entry.is_last {
        sqlx::query!(
            "DELETE FROM messages_to_index WHERE search_key = ?",
            entry.search_key
        )
        .execute(tx)
        .await?;
    }
    Ok(true)
}

async fn delete(tx: &mut SqliteConnection) -> Result<()> {
    let notes = sqlx::query!(
        "SELECT note, search_key FROM messages_to_forget ORDER BY note LIMIT ?",
        MAX_DELETED
    )
    .fetch_all(&mut *tx)
    .await?;
    for row in notes {
        let first = row.search_key << PIECE_BITS;
        sqlx::query("DELETE FROM messages_fts WHERE rowid BETWEEN ? AND ?")
            .bind(first)
            .bind(first + (1 << PIECE_BITS) - 1)
            .execute(&mut *tx)
            .await?;
        sqlx::query!("DELETE FROM messages_to_forget WHERE note = ?", row.note)
            .execute(&mut *tx)
            .await?;
    }
    sqlx::query!("UPDATE search_index SET erasing = 1 WHERE id = 1")
        .execute(tx)
        .await?;
    Ok(())
}

/// Enqueues the next messages that existed before the index, or ended during the rebuild. Messages beyond
/// `filled_to` must not be inserted earlier: they would be inserted twice, and deleted once.
async fn note(tx: &mut SqliteConnection) -> Result<()> {
    let end = sqlx::query_scalar!(
        r#"SELECT max(search_key) AS "end: i64" FROM (SELECT search_key FROM messages
             WHERE search_key > (SELECT filled_to FROM search_index WHERE id = 1)
             ORDER BY search_key LIMIT ?)"#,
        MAX_ENQUEUED
    )
    .fetch_one(&mut *tx)
    .await?;
    let Some(end) = end else {
        sqlx::query!(
            "UPDATE search_index SET state = 'kept', filled_to = ? WHERE id = 1 AND state = 'filling'",
            i64::MAX
        )
        .execute(tx)
        .await?;
        return Ok(());
    };
    sqlx::query!(
        "INSERT OR IGNORE INTO messages_to_index (search_key)
         SELECT search_key FROM messages
         WHERE search_key > (SELECT filled_to FROM search_index WHERE id = 1) AND search_key <= ?
           AND status <> 'generating'",
        end
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!("UPDATE search_index SET filled_to = ? WHERE id = 1", end)
        .execute(tx)
        .await?;
    Ok(())
}

/// Merges some pages of all segments, <https://sqlite.org/fts5.html#the_merge_command>.
async fn erase(tx: &mut SqliteConnection) -> Result<()> {
    let changes = "SELECT total_changes()";
    let before: i64 = sqlx::query_scalar(changes).fetch_one(&mut *tx).await?;
    command(tx, "merge", -MAX_PAGES).await?;
    let after: i64 = sqlx::query_scalar(changes).fetch_one(&mut *tx).await?;
    if after - before < 2 {
        sqlx::query!("UPDATE search_index SET erasing = 0 WHERE id = 1")
            .execute(tx)
            .await?;
    }
    Ok(())
}

/// Clears some pages of the index: dropping a large one at once holds the writer for seconds. Returns true if
/// it is empty.
async fn clear(tx: &mut SqliteConnection) -> Result<bool> {
    // Clearing everything makes individual deletes unnecessary.
    sqlx::query!(
        "DELETE FROM messages_to_forget WHERE note IN (SELECT note FROM messages_to_forget LIMIT ?)",
        MAX_ENQUEUED
    )
    .execute(&mut *tx)
    .await?;
    let tables = [
        (
            "DELETE FROM messages_fts_data WHERE id IN (SELECT id FROM messages_fts_data LIMIT ?)",
            MAX_PAGES,
        ),
        (
            "DELETE FROM messages_fts_idx WHERE (segid, term) IN (SELECT segid, term FROM messages_fts_idx LIMIT ?)",
            MAX_ENQUEUED,
        ),
        (
            "DELETE FROM messages_fts_docsize WHERE id IN (SELECT id FROM messages_fts_docsize LIMIT ?)",
            MAX_ENQUEUED,
        ),
    ];
    for (statement, most) in tables {
        let cleared = sqlx::query(statement).bind(most).execute(&mut *tx).await?;
        if cleared.rows_affected() > 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Replaces the index with an empty one, to be rebuilt.
async fn make(tx: &mut SqliteConnection) -> Result<()> {
    sqlx::raw_sql(MAKE_DROPPABLE).execute(&mut *tx).await?;
    sqlx::raw_sql(CREATE).execute(&mut *tx).await?;
    sqlx::query!("UPDATE messages_to_index SET pieces = 0 WHERE pieces > 0")
        .execute(&mut *tx)
        .await?;
    sqlx::query!(
        "UPDATE search_index SET state = 'filling', filled_to = 0, erasing = 0 WHERE id = 1"
    )
    .execute(tx)
    .await?;
    Ok(())
}
