//! Opening the file: look before touching, then migrate, then hand out the pools.
//!
//! A file that is not ours, damaged, or from a newer version is reported and left as it is, byte for
//! byte.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::checkpoint::TOO_LONG;
use super::error::{extended_code, primary_code};
use super::{Result, Store, StoreError};
use crate::clock::Timestamp;
use crate::ids::UserId;

static MIGRATOR: Migrator = sqlx::migrate!("../../migrations");

/// Written by the first migration: the bytes "Cnch".
const APPLICATION_ID: i64 = 1_131_307_880;

/// The first version without the WAL-reset bug (committed transactions lost when a write races a checkpoint).
const SAFE_SQLITE: [u32; 3] = [3, 51, 3];

/// The largest page of a database, in bytes, <https://sqlite.org/limits.html>.
const LARGEST_PAGE: u64 = 65_536;

const READERS: u32 = 4;

/// SQLite's result codes, <https://sqlite.org/rescode.html>.
const SQLITE_READONLY: i32 = 8;
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_CANTOPEN: i32 = 14;
const SQLITE_NOTADB: i32 = 26;
const SQLITE_READONLY_ROLLBACK: i32 = 776;

impl Store {
    /// Opens the database at `path`, creating or migrating it, with its integrity checked first
    /// when `after_crash`.
    ///
    /// # Errors
    /// [`StoreError::NotADatabase`], [`DatabaseCorrupt`](StoreError::DatabaseCorrupt) and
    /// [`DatabaseNewer`](StoreError::DatabaseNewer) leave the file untouched.
    pub async fn open(path: &Path, after_crash: bool, now: Timestamp) -> Result<Self> {
        if file_has_content(path)? {
            inspect(path, after_crash).await?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(Duration::from_secs(5))
            .disable_statement_logging();
        let writer = pool(
            path,
            1,
            options
                .clone()
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                // Without these macOS only hands writes to the drive's cache.
                .pragma("fullfsync", "1")
                .pragma("checkpoint_fullfsync", "1")
                .pragma("wal_autocheckpoint", TOO_LONG)
                // What is deleted is overwritten, not only forgotten.
                .pragma("secure_delete", "ON")
                .optimize_on_close(true, None),
        )
        .await?;
        let version = sqlx::query_scalar("SELECT sqlite_version()")
            .fetch_one(&writer)
            .await?;
        check_version(version)?;
        MIGRATOR.run(&writer).await.map_err(StoreError::Migration)?;
        let user_id = local_profile(&writer, now).await?;
        let readers = pool(path, READERS, options.read_only(true)).await?;
        Ok(Self {
            writer,
            readers,
            user_id,
        })
    }
}

async fn pool(path: &Path, connections: u32, options: SqliteConnectOptions) -> Result<SqlitePool> {
    SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_release(|connection, _| {
            Box::pin(async move {
                // The rollback of a dropped transaction is only on its way.
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
        .connect_with(options)
        .await
        .map_err(|error| classify(path, error))
}

/// True when there is a file with something in it. What a power cut left of the very first write is
/// taken away.
fn file_has_content(path: &Path) -> Result<bool> {
    let mut magic = Vec::new();
    match std::fs::File::open(path) {
        Ok(file) => {
            file.take(16)
                .read_to_end(&mut magic)
                .map_err(|source| unwritable(path, source))?;
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(unwritable(path, source)),
    }
    if magic.is_empty() || magic == b"SQLite format 3\0" {
        return Ok(!magic.is_empty());
    }
    if is_unwritten(path).map_err(|source| unwritable(path, source))? {
        std::fs::File::create(path).map_err(|source| unwritable(path, source))?;
        return Ok(false);
    }
    Err(StoreError::NotADatabase {
        path: path.to_owned(),
    })
}

/// True for a page of nothing but zeros: SQLite's first write made the file that long, and the power
/// failed before the one sector that says something was on the disk. SQLite takes such a file for none
/// of its own.
fn is_unwritten(path: &Path) -> std::io::Result<bool> {
    let mut page = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(LARGEST_PAGE + 1).read_to_end(&mut page)?;
    let fits = u64::try_from(page.len()).is_ok_and(|length| length <= LARGEST_PAGE);
    Ok(fits && page.iter().all(|byte| *byte == 0))
}

fn unwritable(path: &Path, source: std::io::Error) -> StoreError {
    StoreError::DataFolderUnwritable {
        path: path.to_owned(),
        source,
    }
}

/// Looks at an existing database without writing to it.
///
/// But a power cut in the first start, before the write-ahead log, leaves a journal that SQLite has to
/// roll back before anybody can read; a read-only connection cannot.
async fn inspect(path: &Path, after_crash: bool) -> Result<()> {
    let looked = match look(path, after_crash, true).await {
        Err(error) if extended_code(&error) == Some(SQLITE_READONLY_ROLLBACK) => {
            look(path, after_crash, false).await
        }
        looked => looked,
    };
    looked.map_err(|error| classify(path, error))?
}

async fn look(path: &Path, after_crash: bool, read_only: bool) -> sqlx::Result<Result<()>> {
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .read_only(read_only)
        .busy_timeout(Duration::from_secs(5))
        .disable_statement_logging()
        .connect()
        .await?;
    let verdict = verdict(&mut connection, path, after_crash).await;
    connection.close().await?;
    verdict
}

/// What an error of opening means for the user.
fn classify(path: &Path, error: sqlx::Error) -> StoreError {
    let path = path.to_owned();
    match primary_code(&error) {
        Some(SQLITE_CORRUPT) => StoreError::DatabaseCorrupt { path },
        Some(SQLITE_NOTADB) => StoreError::NotADatabase { path },
        Some(SQLITE_READONLY | SQLITE_CANTOPEN) => StoreError::DataFolderUnwritable {
            path,
            source: std::io::Error::other(error),
        },
        _ => error.into(),
    }
}

async fn verdict(
    connection: &mut SqliteConnection,
    path: &Path,
    after_crash: bool,
) -> sqlx::Result<Result<()>> {
    let path = || path.to_owned();
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE type = 'table'")
        .fetch_one(&mut *connection)
        .await?;
    if tables == 0 {
        // A start that died before its first migration was committed.
        return Ok(Ok(()));
    }
    let application_id: i64 = sqlx::query_scalar("PRAGMA application_id")
        .fetch_one(&mut *connection)
        .await?;
    let migrations: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'")
            .fetch_one(&mut *connection)
            .await?;
    if application_id != APPLICATION_ID && (migrations == 0 || tables > 1) {
        return Ok(Err(StoreError::NotADatabase { path: path() }));
    }
    if migrations == 1 {
        let newest: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
            .fetch_one(&mut *connection)
            .await?;
        if newest > MIGRATOR.iter().map(|migration| migration.version).max() {
            return Ok(Err(StoreError::DatabaseNewer { path: path() }));
        }
    }
    if after_crash {
        let report: String = sqlx::query_scalar("PRAGMA quick_check(1)")
            .fetch_one(&mut *connection)
            .await?;
        if report != "ok" {
            return Ok(Err(StoreError::DatabaseCorrupt { path: path() }));
        }
    }
    Ok(Ok(()))
}

fn check_version(found: String) -> Result<()> {
    let mut numbers = found.split('.').map(|part| part.parse().unwrap_or(0));
    let version: [u32; 3] = std::array::from_fn(|_| numbers.next().unwrap_or(0));
    if version < SAFE_SQLITE {
        return Err(StoreError::UnsafeSqlite { found });
    }
    Ok(())
}

async fn local_profile(writer: &SqlitePool, now: Timestamp) -> Result<UserId> {
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
    let existing =
        sqlx::query_scalar!(r#"SELECT id AS "id: UserId" FROM users ORDER BY created_at LIMIT 1"#)
            .fetch_optional(&mut *tx)
            .await?;
    if let Some(id) = existing {
        return Ok(id);
    }
    let id = UserId::fresh();
    sqlx::query!(
        "INSERT INTO users (id, name, created_at) VALUES (?, 'You', ?)",
        id,
        now
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlite_that_can_lose_commits_is_refused() {
        let check = |found: &str| check_version(found.to_owned());
        assert!(check("3.51.3").is_ok());
        assert!(check("3.52.0").is_ok());
        assert!(matches!(
            check("3.51.2"),
            Err(StoreError::UnsafeSqlite { found }) if found == "3.51.2"
        ));
        assert!(check("3.9.9").is_err());
    }
}
