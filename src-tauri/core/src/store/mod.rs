//! The database: one SQLite file, opened the one way that is safe, and every statement in the
//! application.
//!
//! One writer connection, so that writes queue in our own pool instead of failing as busy; every
//! write transaction is `BEGIN IMMEDIATE`, because a transaction that reads first and upgrades
//! later fails at once under contention. Readers are read-only connections of their own.
//! `after_release` throws away a connection that is still inside a transaction: sqlx 0.9 loses
//! count after an automatic rollback (disk full) and would poison every later write. It asks only when
//! the rollback of a dropped transaction has been done, or nearly every read would cost its connection.
//!
//! Nothing outside this module names sqlx, so that a second engine is one more module. Nothing in
//! here reads a clock: `now` is an argument.

mod attachments;
mod attempts;
mod backup;
mod branches;
mod carve;
mod changes;
mod checkpoint;
mod chunks;
mod codec;
mod conversations;
mod copies;
mod damage;
mod deleting;
mod drafts;
mod error;
mod finalize;
mod history;
mod integrity;
mod locks;
mod lossy;
mod open;
mod pages;
mod providers;
mod remains;
mod replace;
mod salvage;
mod schema;
mod search;
mod settings;
#[cfg(test)]
mod tests;
mod turns;
mod versions;

use sqlx::sqlite::SqlitePool;
use sqlx::{Sqlite, Transaction};

pub use attachments::AttachOutcome;
pub use attempts::AttemptOutcome;
pub(crate) use backup::is_damage;
pub use backup::{Backup, BackupError, backups};
pub use changes::ChangeCursor;
pub use checkpoint::Wal;
pub use chunks::Piece;
pub use deleting::{DeletedConversation, Portion, PurgeProgress};
pub use error::{StoreError, Transient};
pub use finalize::Ending;
pub(crate) use finalize::NOT_STORED;
pub use history::{HistoryAttachment, HistoryMessage};
pub use locks::Holder;
pub use providers::StoredProvider;
pub(crate) use replace::{prepare, replace};
pub use salvage::{SalvageError, Salvaged};
pub(crate) use salvage::{new_folder, salvage, saved};
pub use turns::{BeginOutcome, NewAnswer, NewTurn, StartedTurn};
pub use versions::SelectOutcome;

use crate::ids::UserId;

/// The database's name in the data folder.
pub const DATABASE: &str = "conch.db";

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// The open database.
#[derive(Debug, Clone)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
    user_id: UserId,
    alarm: damage::Alarm,
}

impl Store {
    /// The local profile.
    pub fn user_id(&self) -> &UserId {
        &self.user_id
    }

    /// Waits for the statements under way and closes the file, which also folds the write-ahead log
    /// into it. A damaged one is left as it is: the last to close is a reader, which cannot fold.
    pub async fn close(&self) {
        if self.is_damaged() {
            self.close_as_it_is().await;
        } else {
            self.optimize().await;
            self.readers.close().await;
            self.writer.close().await;
        }
    }

    /// Renews what the query planner knows of the tables, <https://sqlite.org/lang_analyze.html>. `sqlx` can do
    /// that when a connection closes, but where it fails the connection closes at some time later, and folds the
    /// log of a damaged database.
    async fn optimize(&self) {
        let optimized = sqlx::query("PRAGMA optimize").execute(&self.writer).await;
        if let Err(error) = optimized {
            tracing::warn!(%error, "the statistics of the database are not renewed");
        }
    }

    /// For tests elsewhere, which break what is stored.
    #[cfg(test)]
    pub(crate) async fn execute(&self, sql: &str) {
        let statement = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()));
        statement.execute(&self.writer).await.unwrap();
    }

    /// Closes the writer while a reader reads: only the last to close folds the log.
    async fn close_as_it_is(&self) {
        let mut reading = self.readers.begin().await.ok();
        if let Some(reading) = &mut reading {
            let read = sqlx::query("SELECT count(*) FROM sqlite_schema")
                .execute(&mut **reading)
                .await;
            if let Err(error) = read {
                tracing::warn!(%error, "the damaged database cannot be read");
            }
        }
        self.writer.close().await;
        drop(reading);
        self.readers.close().await;
    }

    /// The way to write one statement. Into a damaged database nothing is written.
    fn writer(&self) -> Result<&SqlitePool> {
        self.alarm.refuse()?;
        Ok(&self.writer)
    }

    /// Begins a write transaction; it is rolled back unless it is committed. Into a damaged database
    /// nothing is written.
    async fn write(&self) -> Result<Transaction<'static, Sqlite>> {
        Ok(self.writer()?.begin_with("BEGIN IMMEDIATE").await?)
    }
}
