//! Folding the write-ahead log into the file, <https://sqlite.org/wal.html#ckpt>.
//!
//! SQLite does it inside the commit by which the log grows too long, and a megabyte's answer ends with
//! such a commit often: whoever waits for that end waited for the fold too. So the commits leave it
//! alone until the log is [`TOO_LONG`] pages long, and [`Store::checkpoint_wal`] is called when an answer has been
//! told.

use std::time::Duration;

use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::{Result, Store};

/// Pages of a log that is worth the two syncs of a fold; SQLite's own default.
const LONG: i64 = 1_000;

/// Pages of a log that a commit folds after all: for what writes much and is no answer.
pub(super) const TOO_LONG: &str = "4000";

impl Store {
    /// Folds the log into the file if it has become long. Waits for no reader: what one still needs
    /// stays in the log until the next time.
    ///
    /// # Errors
    /// When the file cannot be written; nothing is lost, and the next time tries again.
    pub async fn checkpoint_wal(&self) -> Result<()> {
        let mut connection = self.writer.acquire().await?;
        let (_, logged, _): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(NOOP)")
            .fetch_one(&mut *connection)
            .await?;
        if logged >= LONG {
            sqlx::query("PRAGMA wal_checkpoint(PASSIVE)")
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }
}

/// The log, seen from a connection of its own: no write waits in the pool while it is folded.
#[derive(Debug)]
pub struct Wal {
    connection: SqliteConnection,
}

impl Store {
    /// Opens the connection.
    pub async fn wal(&self) -> Result<Wal> {
        let options = self.writer.connect_options();
        let connection = (*options)
            .clone()
            // It waits for no lock, because other writes would wait with it.
            .busy_timeout(Duration::ZERO)
            .connect()
            .await?;
        Ok(Wal { connection })
    }
}

impl Wal {
    /// Folds the log into the file if it has become long.
    pub async fn checkpoint(&mut self) -> Result<()> {
        let (_, logged, _) = self.run_pragma("PRAGMA wal_checkpoint(NOOP)").await?;
        if logged >= LONG {
            self.run_pragma("PRAGMA wal_checkpoint(PASSIVE)").await?;
        }
        Ok(())
    }

    /// Folds all of the log into the file and leaves nothing in it. False while a connection reads or writes:
    /// to be tried again.
    pub async fn truncate(&mut self) -> Result<bool> {
        // Most of it first, because a write waits for the rest.
        self.run_pragma("PRAGMA wal_checkpoint(PASSIVE)").await?;
        let (busy, _, _) = self.run_pragma("PRAGMA wal_checkpoint(TRUNCATE)").await?;
        Ok(busy == 0)
    }

    /// Closes the connection.
    pub async fn close(self) -> Result<()> {
        Ok(self.connection.close().await?)
    }

    /// Whether another connection was in its way, the pages in the log, and those of them that are in the file.
    async fn run_pragma(&mut self, pragma: &'static str) -> Result<(i64, i64, i64)> {
        Ok(sqlx::query_as(pragma)
            .fetch_one(&mut self.connection)
            .await?)
    }
}
