//! Opening the file: inspect it without changes, back it up before a migration, then open the pools.
//!
//! A file that is not a Conch database, is damaged, or comes from a newer version is reported and left
//! unchanged, byte for byte, over any number of starts: damage found by one start is marked (`damage`).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use conch_model::{Timestamp, UserId};
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::backup;
use super::checkpoint::TOO_LONG;
use super::damage::{self, Alarm, MarkState, WAL_SUFFIX, with_suffix};
use super::error::{extended_code, primary_code};
use super::integrity::{Depth, damage_in};
use super::remains::{self, Main};
use super::{Result, Store, StoreError, schema};
use crate::folder;
use crate::start::{Notice, ProgressReporter, Stage};

pub(super) static MIGRATOR: Migrator = sqlx::migrate!("../../migrations");

/// Written by the first migration: the bytes "Cnch".
const APPLICATION_ID: i64 = 1_131_307_880;

/// The first version without the WAL-reset bug (committed transactions lost when a write races a checkpoint).
const SAFE_SQLITE: [u32; 3] = [3, 51, 3];

const READERS: u32 = 4;

/// SQLite's result codes, <https://sqlite.org/rescode.html>.
const SQLITE_ERROR: i32 = 1;
const SQLITE_READONLY: i32 = 8;
pub(super) const SQLITE_CORRUPT: i32 = 11;
const SQLITE_CANTOPEN: i32 = 14;
const SQLITE_NOTADB: i32 = 26;
const SQLITE_READONLY_ROLLBACK: i32 = 776;

/// How thoroughly a database is checked before it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    /// Only that it is a Conch database.
    None,
    /// The pages and the references between them.
    Quick,
    /// Everything.
    Full,
}

impl Check {
    fn depth(self) -> Option<Depth> {
        match self {
            Self::None => None,
            Self::Quick => Some(Depth::Quick),
            Self::Full => Some(Depth::Full),
        }
    }
}

impl Store {
    /// Opens the database at `path`, creating or migrating it. Checks its integrity first if `after_crash`.
    ///
    /// # Errors
    /// [`StoreError::NotADatabase`], [`DatabaseCorrupt`](StoreError::DatabaseCorrupt) and
    /// [`DatabaseNewer`](StoreError::DatabaseNewer) leave the file unchanged.
    pub async fn open(path: &Path, after_crash: bool, now: Timestamp) -> Result<Self> {
        Self::open_with_progress(path, after_crash, now, &ProgressReporter::default()).await
    }

    /// Like [`open`](Self::open), and reports the slow steps.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_with_progress(
        path: &Path,
        after_crash: bool,
        now: Timestamp,
        reporter: &ProgressReporter,
    ) -> Result<Self> {
        let check = match damage::mark_state(path) {
            MarkState::Damaged => {
                return Err(StoreError::DatabaseCorrupt {
                    path: path.to_owned(),
                });
            }
            MarkState::Doubtful => Check::Full,
            MarkState::Clear if after_crash => Check::Quick,
            MarkState::Clear => Check::None,
        };
        let mut opened = open(path, check, now, reporter).await;
        if let (Err(StoreError::Sql(_) | StoreError::Migration(_)), false) =
            (&opened, check == Check::Full)
            && let Err(damaged @ StoreError::DatabaseCorrupt { .. }) =
                inspect(path, Check::Full).await
        {
            // Conch's own statements fail for no other reason.
            opened = Err(damaged);
        }
        match &opened {
            Err(StoreError::DatabaseCorrupt { .. }) => damage::mark(path, "found at startup"),
            Ok(_) if check == Check::Full => damage::lift(path),
            _ => {}
        }
        opened
    }
}

async fn open(
    path: &Path,
    check: Check,
    now: Timestamp,
    reporter: &ProgressReporter,
) -> Result<Store> {
    if let Some(inspection) = inspect_existing(path, check, now, reporter).await? {
        let newest = MIGRATOR.iter().map(|migration| migration.version).max();
        if inspection.version.is_some() && inspection.version < newest {
            back_up(path, now, reporter).await?;
            reporter.enter(Stage::Migrating);
        }
    } else {
        // SQLite gives its other files the permissions of this one.
        let made = folder::private().create(true).append(true).open(path);
        made.map_err(|source| unwritable(path, source))?;
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_secs(5))
        // A file from another source may call functions in its schema, or have wrong cell sizes.
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        .disable_statement_logging();
    let writer = pool(
        path,
        1,
        options
            .clone()
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // Without these, macOS only passes writes to the drive's cache.
            .pragma("fullfsync", "1")
            .pragma("checkpoint_fullfsync", "1")
            .pragma("wal_autocheckpoint", TOO_LONG)
            // Overwrites deleted content with zeros.
            .pragma("secure_delete", "ON"),
    )
    .await?;
    let version = sqlx::query_scalar("SELECT sqlite_version()")
        .fetch_one(&writer)
        .await?;
    check_version(version)?;
    MIGRATOR.run(&writer).await.map_err(|error| match error {
        sqlx::migrate::MigrateError::Execute(error)
        | sqlx::migrate::MigrateError::ExecuteMigration(error, _)
            if primary_code(&error) == Some(SQLITE_CORRUPT) =>
        {
            classify(path, error)
        }
        error => StoreError::Migration(error),
    })?;
    let user_id = local_profile(&writer, now)
        .await
        .map_err(|error| match error {
            StoreError::Sql(error)
            | StoreError::Damaged(error)
            | StoreError::Transient { source: error, .. } => classify(path, error),
            error => error,
        })?;
    let readers = pool(path, READERS, options.read_only(true)).await?;
    Ok(Store {
        writer,
        readers,
        user_id,
        publisher: super::write::Publisher::default(),
        alarm: Alarm::new(path),
    })
}

/// Backs up a database before a migration. Each migration is a single transaction, applied completely or not at
/// all, so the update continues if the backup fails: but only if the database passes a check, and with a notice
/// to the user.
async fn back_up(path: &Path, now: Timestamp, reporter: &ProgressReporter) -> Result<()> {
    reporter.enter(Stage::BackingUp);
    let Err(error) = backup::make(path, now, None).await else {
        return Ok(());
    };
    if backup::is_damage(&error) {
        return Err(StoreError::DatabaseCorrupt {
            path: path.to_owned(),
        });
    }
    tracing::warn!(%error, "the database could not be backed up before the update");
    inspect(path, Check::Quick).await?;
    reporter.note(Notice::UpdatedWithoutBackup);
    Ok(())
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
                // The rollback of a dropped transaction may still be pending.
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
        .connect_with(options)
        .await
        .map_err(|error| classify(path, error))
}

/// Inspects existing files without changing them. Returns `None` if nothing was ever written, so that a new
/// database can be created.
async fn inspect_existing(
    path: &Path,
    check: Check,
    now: Timestamp,
    reporter: &ProgressReporter,
) -> Result<Option<Inspection>> {
    let refused = |source| unwritable(path, source);
    let main = remains::main_file(path).map_err(refused)?;
    if main == Main::Database {
        if check != Check::None {
            reporter.enter(Stage::Checking);
        }
        return inspect(path, check).await.map(Some);
    }
    if remains::has_log(path).map_err(refused)? {
        // The main file may be lost while all of its content is still in the WAL.
        reporter.enter(Stage::Checking);
        return inspect_through_wal(path, main, check).await.map(Some);
    }
    match main {
        Main::Database | Main::Foreign => Err(StoreError::NotADatabase {
            path: path.to_owned(),
        }),
        Main::Absent | Main::Zeros if remains::has_journal(path).map_err(refused)? => {
            Err(StoreError::DatabaseCorrupt {
                path: path.to_owned(),
            })
        }
        Main::Absent if !remains::has_companions(path) => Ok(None),
        Main::Absent | Main::Zeros => {
            let folder = remains::move_aside(path, now).map_err(refused)?;
            tracing::warn!(folder = %folder.display(), "the unfinished files of the first start were moved aside");
            Ok(None)
        }
    }
}

/// Inspects a database whose main file has no valid header, through its WAL.
async fn inspect_through_wal(path: &Path, main: Main, check: Check) -> Result<Inspection> {
    let check = if check == Check::None {
        Check::Quick
    } else {
        check
    };
    if main != Main::Absent {
        return match (inspect(path, check).await, main) {
            // Zeros belong to no other program: with a WAL next to it, this was a database.
            (Err(StoreError::NotADatabase { path }), Main::Zeros) => {
                Err(StoreError::DatabaseCorrupt { path })
            }
            (inspection, _) => inspection,
        };
    }
    // SQLite would delete the WAL of an empty file, so it gets a copy of the WAL next to one page of zeros.
    let refused = |source| unwritable(path, source);
    let page = remains::page_size_in_log(path).unwrap_or(4096);
    let scratch = Scratch::new(path).map_err(refused)?;
    let copy = scratch.0.join("conch.db");
    let set_up = || {
        lengthen(&copy, page)?;
        fs::copy(
            with_suffix(path, WAL_SUFFIX),
            with_suffix(&copy, WAL_SUFFIX),
        )
    };
    set_up().map_err(refused)?;
    let damaged = || StoreError::DatabaseCorrupt {
        path: path.to_owned(),
    };
    let inspection = inspect(&copy, check).await.map_err(|_| damaged())?;
    lengthen(path, page).map_err(refused)?;
    Ok(inspection)
}

/// Extends a file with zeros to this length.
fn lengthen(path: &Path, bytes: u64) -> std::io::Result<()> {
    let mut options = folder::private();
    let file = options.create(true).append(true).open(path)?;
    file.set_len(bytes)?;
    file.sync_all()
}

/// A temporary folder, deleted on drop.
struct Scratch(PathBuf);

impl Scratch {
    fn new(path: &Path) -> std::io::Result<Self> {
        let parent = path.parent().unwrap_or(Path::new(""));
        let folder = folder::vacant(parent, "looked-at");
        folder::make(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn unwritable(path: &Path, source: std::io::Error) -> StoreError {
    StoreError::DataFolderUnwritable {
        path: path.to_owned(),
        source,
    }
}

/// The result of an inspection.
#[derive(Debug)]
struct Inspection {
    /// Version of the last applied migration; `None` before the first one.
    version: Option<i64>,
}

/// Inspects an existing database without writing to it.
///
/// Exception: a power failure during the first start, before WAL mode, leaves a journal that SQLite must roll
/// back before any read; a read-only connection cannot.
async fn inspect(path: &Path, check: Check) -> Result<Inspection> {
    let inspection = match open_and_inspect(path, check, true).await {
        Err(error) if extended_code(&error) == Some(SQLITE_READONLY_ROLLBACK) => {
            open_and_inspect(path, check, false).await
        }
        inspection => inspection,
    };
    inspection.map_err(|error| match (primary_code(&error), &error) {
        // These queries are valid in every schema version, and Conch writes no other types.
        (Some(SQLITE_ERROR), _) | (None, sqlx::Error::ColumnDecode { .. }) => {
            StoreError::DatabaseCorrupt {
                path: path.to_owned(),
            }
        }
        _ => classify(path, error),
    })?
}

/// Checks a database that will replace another: that it is undamaged, not empty, and not from a newer version
/// of Conch.
pub(super) async fn inspect_whole(path: &Path) -> Result<()> {
    let inspection = inspect(path, Check::Full).await?;
    if inspection.version.is_none() {
        return Err(StoreError::NotADatabase {
            path: path.to_owned(),
        });
    }
    Ok(())
}

async fn open_and_inspect(
    path: &Path,
    check: Check,
    read_only: bool,
) -> sqlx::Result<Result<Inspection>> {
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .read_only(read_only)
        .busy_timeout(Duration::from_secs(5))
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        .disable_statement_logging()
        .connect()
        .await?;
    let verdict = verdict(&mut connection, path, check).await;
    connection.close().await?;
    verdict
}

/// Maps an error of opening to what the user must know.
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
    check: Check,
) -> sqlx::Result<Result<Inspection>> {
    let path = || path.to_owned();
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE type = 'table'")
        .fetch_one(&mut *connection)
        .await?;
    if tables == 0 {
        // A previous start died before its first migration was committed.
        return Ok(Ok(Inspection { version: None }));
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
    let mut version = None;
    let mut damage = None;
    if migrations == 1 {
        version = schema::version(connection).await?;
        if version > MIGRATOR.iter().map(|migration| migration.version).max() {
            return Ok(Err(StoreError::DatabaseNewer { path: path() }));
        }
        damage = schema::damage_in_record(connection).await?;
    }
    if let (None, Some(depth)) = (&damage, check.depth()) {
        damage = damage_in(connection, depth).await?;
        if let (None, Some(version)) = (&damage, version) {
            damage = schema::damage_in_schema(connection, version).await?;
        }
    }
    if let Some(found) = damage {
        tracing::error!(found, "the database is damaged");
        return Ok(Err(StoreError::DatabaseCorrupt { path: path() }));
    }
    Ok(Ok(Inspection { version }))
}

/// Returns true if SQLite's check finds no damage, except perhaps in the full-text index.
pub(super) async fn is_sound(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    Ok(damage_in(connection, Depth::Full).await?.is_none())
}

fn check_version(found: String) -> Result<()> {
    let mut numbers = found.split('.').map(|part| part.parse().unwrap_or(0));
    let version: [u32; 3] = std::array::from_fn(|_| numbers.next().unwrap_or(0));
    if version < SAFE_SQLITE {
        return Err(StoreError::UnsafeSqlite { found });
    }
    Ok(())
}

async fn first_user(connection: &mut SqliteConnection) -> sqlx::Result<Option<UserId>> {
    sqlx::query_scalar!(r#"SELECT id AS "id: UserId" FROM users ORDER BY created_at LIMIT 1"#)
        .fetch_optional(connection)
        .await
}

async fn local_profile(writer: &SqlitePool, now: Timestamp) -> Result<UserId> {
    // Written only once, so a start that only reads waits for no lock.
    if let Some(id) = first_user(&mut *writer.acquire().await?).await? {
        return Ok(id);
    }
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
    if let Some(id) = first_user(&mut tx).await? {
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
