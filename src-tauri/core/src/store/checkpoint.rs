//! Folding the write-ahead log into the file, <https://sqlite.org/wal.html#ckpt>.
//!
//! SQLite does it inside the commit by which the log grows too long, and a megabyte's answer ends with
//! such a commit often: whoever waits for that end waited for the fold too. So the commits leave it
//! alone until the log is [`TOO_LONG`] pages long, and [`Store::fold_log`] is called when an answer has been
//! told.

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
    pub async fn fold_log(&self) -> Result<()> {
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
