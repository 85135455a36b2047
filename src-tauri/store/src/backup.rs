//! Copies of the database in `backups/`: before each schema migration, and daily if something was written since
//! the last one.
//!
//! A copy is made by `VACUUM INTO` on a separate connection, which reads one snapshot of the database while
//! others keep writing. It is checked and synced before it gets its final name; leftovers of an interrupted
//! backup are removed by the next one. The last seven are kept, accessible to the user only.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use conch_model::Timestamp;
use serde::Serialize;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio_util::sync::CancellationToken;

use super::damage::{WAL_SUFFIX, with_suffix};
use super::error::primary_code;
use super::open::{SQLITE_CORRUPT, is_sound};
use super::{Store, StoreError};
use crate::folder;

/// How many backups are kept.
const KEPT: usize = 7;

/// Minimum age of the last backup before a new one is made.
const DAILY: Duration = Duration::from_hours(24);

/// Space left free on the drive, in bytes: a backup must not fill it up.
const RESERVE: u64 = 64 * 1024 * 1024;

/// How often a running copy checks for cancellation, in instructions of SQLite's virtual machine: several times
/// a millisecond.
const STEPS: i32 = 10_000;

const PREFIX: &str = "conch-";
const SUFFIX: &str = ".db";
const UNFINISHED: &str = ".part";

/// An existing backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct Backup {
    /// The file name.
    pub name: String,
    /// When it was made, epoch ms.
    pub made_at: Timestamp,
    /// Size in bytes.
    pub bytes: u64,
    /// Full path.
    #[serde(skip)]
    #[specta(skip)]
    pub path: PathBuf,
}

/// Why no backup was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The drive has too little free space.
    #[error("a backup needs {needed} bytes of free disk space, and {free} are available")]
    NoRoom {
        /// Required space in bytes.
        needed: u64,
        /// Free space in bytes.
        free: u64,
    },
    /// The backups folder cannot be written.
    #[error("the backups folder cannot be written: {0}")]
    Io(#[from] io::Error),
    /// The database could not be read, or the copy could not be written.
    #[error("the database could not be copied: {0}")]
    Sql(#[from] sqlx::Error),
    /// The copy failed its integrity check.
    #[error("the copy is damaged")]
    Unsound,
    /// What was deleted meanwhile could not be purged from the copy, so it was discarded.
    #[error("conversations that were deleted meanwhile could not be removed from the copy: {0}")]
    Purge(#[from] StoreError),
}

/// Returns the backups folder of a data folder.
fn folder_of(data_folder: &Path) -> PathBuf {
    data_folder.join("backups")
}

/// Returns the backups in a data folder, newest first.
pub fn backups(data_folder: &Path) -> Vec<Backup> {
    let entries = fs::read_dir(folder_of(data_folder)).into_iter().flatten();
    let mut found: Vec<Backup> = entries.flatten().filter_map(|entry| read(&entry)).collect();
    found.sort_by(|a, b| b.name.cmp(&a.name));
    found
}

fn read(entry: &fs::DirEntry) -> Option<Backup> {
    let name = entry.file_name().into_string().ok()?;
    let time = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let found = entry.metadata().ok().filter(fs::Metadata::is_file)?;
    Some(Backup {
        made_at: Timestamp::from_name(time)?,
        bytes: found.len(),
        path: entry.path(),
        name,
    })
}

/// Makes a backup of the database at `database` and removes surplus ones. Ends early without a backup when
/// `cancelled`.
pub(super) async fn make(
    database: &Path,
    now: Timestamp,
    cancelled: Option<CancellationToken>,
) -> Result<Backup, BackupError> {
    let data_folder = database.parent().unwrap_or(Path::new(""));
    let folder = folder_of(data_folder);
    folder::make(&folder)?;
    remove_unfinished(&folder);
    check_room(database, &folder)?;
    let path = free_name(&folder, now);
    let part = with_suffix(&path, UNFINISHED);
    // SQLite accepts an empty file as the target, and keeps its permissions.
    folder::private().create_new(true).write(true).open(&part)?;
    let finished = async {
        copy(database, &part, cancelled).await?;
        check(&part).await?;
        finish(part.clone(), path.clone()).await
    };
    if let Err(error) = finished.await {
        let _ = fs::remove_file(&part);
        return Err(error);
    }
    let (made, older): (Vec<_>, Vec<_>) = backups(data_folder)
        .into_iter()
        .partition(|backup| backup.path == path);
    for backup in older.iter().skip(KEPT - 1) {
        fs::remove_file(&backup.path)?;
    }
    let made = made.into_iter().next();
    made.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound).into())
}

/// Returns an unused name; a second backup in the same second is named after the next one.
fn free_name(folder: &Path, now: Timestamp) -> PathBuf {
    let mut time = now;
    loop {
        let path = folder.join(format!("{PREFIX}{}{SUFFIX}", time.to_name()));
        if !path.exists() {
            return path;
        }
        time = time + Duration::from_secs(1);
    }
}

fn remove_unfinished(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // Also matches SQLite's journal of an unfinished copy.
        if name.starts_with(PREFIX) && name.contains(UNFINISHED) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn check_room(database: &Path, folder: &Path) -> Result<(), BackupError> {
    let size = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
    let needed = size(database) + size(&with_suffix(database, WAL_SUFFIX)) + RESERVE;
    match folder::free_room(folder) {
        Some(free) if free < needed => Err(BackupError::NoRoom { needed, free }),
        _ => Ok(()),
    }
}

async fn copy(
    database: &Path,
    part: &Path,
    cancelled: Option<CancellationToken>,
) -> Result<(), BackupError> {
    let name = part.to_str().ok_or(io::ErrorKind::InvalidFilename);
    let name = name.map_err(io::Error::from)?;
    let mut connection = read_only(database).await?;
    if let Some(cancelled) = cancelled {
        let mut handle = connection.lock_handle().await?;
        handle.set_progress_handler(STEPS, move || !cancelled.is_cancelled());
    }
    let copied = sqlx::query("VACUUM INTO ?")
        .bind(name)
        .execute(&mut connection)
        .await;
    connection.close().await?;
    copied?;
    Ok(())
}

async fn check(part: &Path) -> Result<(), BackupError> {
    let mut connection = read_only(part).await?;
    let sound = is_sound(&mut connection).await;
    connection.close().await?;
    if sound? {
        Ok(())
    } else {
        Err(BackupError::Unsound)
    }
}

pub(super) async fn read_only(path: &Path) -> sqlx::Result<SqliteConnection> {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(Duration::from_secs(5))
        .disable_statement_logging()
        .connect()
        .await
}

async fn finish(part: PathBuf, path: PathBuf) -> Result<(), BackupError> {
    let finishing = tokio::task::spawn_blocking(move || {
        fs::File::open(&part)?.sync_all()?;
        fs::rename(&part, &path)?;
        if let Some(folder) = path.parent() {
            folder::sync(folder);
        }
        io::Result::Ok(())
    });
    Ok(finishing.await.map_err(io::Error::other)??)
}

impl Store {
    /// Makes a backup if the last one is older than a day and something was written since. Returns `None` if
    /// none is due.
    ///
    /// # Errors
    /// When none can be made now. Only the protection is missing, and the next call retries.
    pub async fn back_up_daily(
        &self,
        now: Timestamp,
        cancelled: CancellationToken,
    ) -> Result<Option<Backup>, BackupError> {
        let database = self.alarm.database();
        if self.is_damaged() || !is_due(database, now) {
            return Ok(None);
        }
        let made = make(database, now, Some(cancelled)).await?;
        if let Err(error) = self.purge_gone_in(&made.path).await {
            fs::remove_file(&made.path)?;
            return Err(error.into());
        }
        Ok(Some(made))
    }

    pub(super) fn data_folder(&self) -> &Path {
        self.alarm.database().parent().unwrap_or(Path::new(""))
    }
}

/// Ignores backups dated in the future: they were made before the clock was set back.
fn is_due(database: &Path, now: Timestamp) -> bool {
    let data_folder = database.parent().unwrap_or(Path::new(""));
    let past = |backup: &Backup| backup.made_at <= now;
    let Some(last) = backups(data_folder).into_iter().find(past) else {
        return true;
    };
    let is_old = now.since(last.made_at) >= DAILY;
    let written = |path: &Path| {
        let modified = fs::metadata(path).ok()?.modified().ok()?;
        let since_epoch = modified.duration_since(UNIX_EPOCH).ok()?;
        let millis = i64::try_from(since_epoch.as_millis()).ok()?;
        Some(Timestamp::from_millis(millis))
    };
    // File names have a resolution of one second.
    let since = last.made_at + Duration::from_secs(1);
    let is_later = |path: &Path| written(path).is_some_and(|written| written > since);
    is_old && (is_later(database) || is_later(&with_suffix(database, WAL_SUFFIX)))
}

/// Returns true if damage to the database itself prevents a backup.
pub fn is_damage(error: &BackupError) -> bool {
    match error {
        BackupError::Sql(error) => primary_code(error) == Some(SQLITE_CORRUPT),
        BackupError::Purge(error) => error.is_damage(),
        BackupError::NoRoom { .. } | BackupError::Io(_) | BackupError::Unsound => false,
    }
}
