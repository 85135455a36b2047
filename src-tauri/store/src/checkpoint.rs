//! Checkpoints of the write-ahead log, <https://sqlite.org/wal.html#ckpt>.
//!
//! SQLite's automatic checkpoint runs inside the commit that makes the WAL too long. That is often the commit
//! that ends a one-megabyte answer, which would delay its end. So automatic checkpoints wait until the WAL has
//! [`TOO_LONG`] pages, and [`Store::checkpoint_wal`] is called once the end of an answer has been published.

use std::time::Duration;

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};

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
        let (_, logged, _) = run("NOOP", &mut *self.writer.acquire().await?).await?;
        if logged >= LONG {
            let mut connection = self.checkpointer().await?;
            run("PASSIVE", &mut connection).await?;
            connection.close().await?;
        }
        Ok(())
    }

    /// Checkpoints the whole WAL and truncates it. Returns false if another connection is reading or writing;
    /// the caller must then retry.
    ///
    /// # Errors
    /// As [`checkpoint_wal`](Self::checkpoint_wal).
    pub async fn truncate_wal(&self) -> Result<bool> {
        let mut connection = self.checkpointer().await?;
        // Most of it first, because writes wait during the rest.
        run("PASSIVE", &mut connection).await?;
        let (busy, _, _) = run("TRUNCATE", &mut connection).await?;
        connection.close().await?;
        Ok(busy == 0)
    }

    /// Opens a connection for a checkpoint: on the writer's, all writes would wait for it in the pool.
    async fn checkpointer(&self) -> Result<SqliteConnection> {
        let options = (*self.writer.connect_options()).clone();
        // Never waits for a lock, because other writes would wait too.
        let options = options.busy_timeout(Duration::ZERO);
        Ok(options.connect().await?)
    }
}

/// Returns whether another connection blocked the checkpoint, the pages in the WAL, and how many of them were
/// checkpointed.
async fn run(mode: &str, connection: &mut SqliteConnection) -> Result<(i64, i64, i64)> {
    let pragma = AssertSqlSafe(format!("PRAGMA wal_checkpoint({mode})"));
    Ok(sqlx::query_as(pragma).fetch_one(connection).await?)
}
