//! Checkpoints of the write-ahead log, <https://sqlite.org/wal.html#ckpt>.
//!
//! SQLite's automatic checkpoint runs inside the commit that makes the WAL too long. That is often the commit
//! that ends a one-megabyte answer, which would delay its end. So automatic checkpoints wait until the WAL has
//! [`TOO_LONG`] pages, and [`Store::checkpoint_wal`] is called once the end of an answer has been published.

use std::time::Duration;

use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::{Result, Store};

/// WAL length in pages that makes a checkpoint worth its two syncs; SQLite's default.
const LONG: i64 = 1_000;

/// WAL length in pages for the automatic checkpoint: for large writes other than answers.
pub(super) const TOO_LONG: &str = "4000";

impl Store {
    /// Checkpoints the WAL if it is long. Does not wait for readers: pages that one still needs remain in the
    /// WAL until the next checkpoint.
    ///
    /// # Errors
    /// When the file cannot be written; nothing is lost, and the next call retries.
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

/// A dedicated connection for checkpoints, so that no write waits in the pool meanwhile.
#[derive(Debug)]
pub struct Wal {
    connection: SqliteConnection,
}

impl Store {
    /// Opens a connection for checkpoints.
    pub async fn wal(&self) -> Result<Wal> {
        let options = self.writer.connect_options();
        let connection = (*options)
            .clone()
            // Never waits for a lock, because other writes would wait too.
            .busy_timeout(Duration::ZERO)
            .connect()
            .await?;
        Ok(Wal { connection })
    }
}

impl Wal {
    /// Checkpoints the WAL if it is long.
    pub async fn checkpoint(&mut self) -> Result<()> {
        let (_, logged, _) = self.run_pragma("PRAGMA wal_checkpoint(NOOP)").await?;
        if logged >= LONG {
            self.run_pragma("PRAGMA wal_checkpoint(PASSIVE)").await?;
        }
        Ok(())
    }

    /// Checkpoints the whole WAL and truncates it. Returns false if another connection is reading or writing;
    /// the caller must then retry.
    pub async fn truncate(&mut self) -> Result<bool> {
        // Most of it first, because writes wait during the rest.
        self.run_pragma("PRAGMA wal_checkpoint(PASSIVE)").await?;
        let (busy, _, _) = self.run_pragma("PRAGMA wal_checkpoint(TRUNCATE)").await?;
        Ok(busy == 0)
    }

    /// Closes the connection.
    pub async fn close(self) -> Result<()> {
        Ok(self.connection.close().await?)
    }

    /// Returns whether another connection blocked the checkpoint, the pages in the WAL, and how many of them
    /// were checkpointed.
    async fn run_pragma(&mut self, pragma: &'static str) -> Result<(i64, i64, i64)> {
        Ok(sqlx::query_as(pragma)
            .fetch_one(&mut self.connection)
            .await?)
    }
}
