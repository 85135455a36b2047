//! The database: one SQLite file, always opened with the same safe settings, and every statement of the
//! application.
//!
//! There is one writer connection, so that writes queue in our own pool instead of failing as busy; every write
//! transaction is `BEGIN IMMEDIATE`, because a transaction that reads first and upgrades later fails
//! immediately under contention. Readers are separate read-only connections. `after_release` discards a
//! connection that is still inside a transaction: sqlx 0.9 loses count after an automatic rollback (disk full)
//! and would break every later write. It first waits for the rollback of a dropped transaction, or nearly every
//! read would cost its connection.
//!
//! Nothing outside this module depends on sqlx, so that a second engine is one more module. Nothing here reads
//! a clock: `now` is an argument. A commit publishes what it changed ([`mod@write`]).

mod attachments;
mod attempts;
mod backup;
mod begin;
mod branch_copies;
mod branch_deleting;
mod branch_list;
mod branches;
mod busy;
mod carve;
mod changes;
mod checkpoint;
mod chunks;
mod conversations;
mod copies;
mod damage;
mod deleting;
mod drafts;
mod error;
pub mod events;
mod finalize;
pub mod folder;
mod history;
mod integrity;
mod locks;
mod lossy;
mod not_sent;
mod open;
mod pages;
mod parts;
mod profile;
mod providers;
mod queue;
mod queue_next;
mod remains;
mod replace;
mod salvage;
mod schema;
mod search;
mod settings;
pub mod start;
mod sync;
#[cfg(test)]
mod tests;
mod tree;
mod turns;
mod versions;
mod write;

use std::sync::Arc;

use conch_model::UserId;
use sqlx::sqlite::SqlitePool;

pub use attachments::AttachOutcome;
pub use attempts::AttemptOutcome;
pub use backup::is_damage;
pub use backup::{Backup, BackupError, backups};
pub use begin::{BeginOutcome, BeginTurn, StartedTurn, Takeover};
pub use branch_deleting::{DeleteBranchOutcome, DeletedBranch};
pub use branch_list::{ForkOutcome, RenameOutcome};
pub use changes::ChangeCursor;
pub use chunks::Piece;
pub use deleting::{DeletedConversation, Portion, PurgeProgress};
pub use error::{StoreError, Transient};
pub use history::{HistoryAttachment, HistoryMessage};
pub use locks::Holder;
pub use profile::Profile;
pub use providers::StoredProvider;
pub use queue::{HOLD, RemovedPurge, RestoreOutcome};
pub use queue_next::{NextQueued, QueueMark, Ready};
pub use replace::{prepare, replace};
pub use salvage::{SalvageError, Salvaged};
pub use salvage::{new_folder, salvage, saved};
pub use turns::{NextTurn, Succession};
pub use versions::SelectOutcome;

use self::write::{Publisher, WriteTx};
use crate::events::Events;

/// The database's file name in the data folder.
pub const DATABASE: &str = "conch.db";

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// The open database.
#[derive(Debug, Clone)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
    user_id: UserId,
    publisher: Publisher,
    alarm: damage::Alarm,
}

/// Marks a database as damaged, for tests.
#[cfg(feature = "testing")]
pub fn mark_as_damaged(database: &std::path::Path, found: &str) {
    damage::mark(database, found);
}

impl Store {
    /// Returns the bus on which commits publish their changes.
    pub fn events(&self) -> &Arc<Events> {
        &self.publisher.events
    }

    /// Returns the id of the local profile.
    pub fn user_id(&self) -> &UserId {
        &self.user_id
    }

    /// Waits for running statements and closes the file, which also checkpoints the WAL. A damaged database is
    /// left unchanged: a read-only connection closes last, which cannot checkpoint.
    pub async fn close(&self) {
        if self.is_damaged() {
            self.close_as_it_is().await;
        } else {
            self.optimize().await;
            self.readers.close().await;
            self.writer.close().await;
        }
    }

    /// Updates the query planner's statistics, <https://sqlite.org/lang_analyze.html>. `sqlx` can do that when
    /// a connection closes, but if it fails the connection closes at some later time, and checkpoints the WAL
    /// of a damaged database.
    async fn optimize(&self) {
        let optimized = sqlx::query("PRAGMA optimize").execute(&self.writer).await;
        if let Err(error) = optimized {
            tracing::warn!(%error, "the database statistics could not be updated");
        }
    }

    /// Executes SQL for tests that manipulate stored data.
    ///
    /// # Panics
    /// When a statement fails.
    #[cfg(any(test, feature = "testing"))]
    #[expect(clippy::unwrap_used, reason = "for tests only")]
    pub async fn execute(&self, sql: &str) {
        let statement = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()));
        statement.execute(&self.writer).await.unwrap();
    }

    /// Closes the writer while a reader is open: only the last connection to close checkpoints the WAL.
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

    /// Returns the writer pool for a single statement. Fails if the database is damaged.
    fn writer(&self) -> Result<&SqlitePool> {
        self.alarm.refuse()?;
        Ok(&self.writer)
    }

    /// Begins a write transaction. Fails if the database is damaged.
    async fn write(&self) -> Result<WriteTx> {
        let tx = self.writer()?.begin_with("BEGIN IMMEDIATE").await?;
        Ok(WriteTx::new(tx, self.publisher.clone()))
    }
}
