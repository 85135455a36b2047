//! Replaces a database that cannot be opened with another.
//!
//! At every moment a database is in place, marked as damaged until it is the new one: a start after a crash in
//! between reports the same error as the start before it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use conch_model::Timestamp;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::damage::{self, with_suffix};
use super::open::inspect_whole;
use super::remains::{COMPANIONS, JOURNAL, aside, put};
use super::{Result, StoreError};
use crate::folder;

/// Copies a backup next to the database that it will replace, and checks the copy.
///
/// # Errors
/// When the backup is unusable; the copy is then removed.
pub async fn prepare(database: &Path, backup: &Path) -> Result<PathBuf> {
    let copy = with_suffix(database, ".new");
    end_a_purge(backup).await;
    let (from, to) = (backup.to_owned(), copy.clone());
    let copied = tokio::task::spawn_blocking(move || copy_file(&from, &to)).await;
    let copied = copied.map_err(io::Error::other).and_then(|copied| copied);
    let checked = match copied {
        Ok(()) => inspect_whole(&copy).await,
        Err(source) => Err(StoreError::DataFolderUnwritable {
            path: backup.to_owned(),
            source,
        }),
    };
    for suffix in COMPANIONS {
        let _ = fs::remove_file(with_suffix(&copy, suffix));
    }
    if let Err(error) = checked {
        let _ = fs::remove_file(&copy);
        return Err(error);
    }
    Ok(copy)
}

/// Makes SQLite roll back a half-done purge of a killed process in a backup, because its journal is not copied.
/// A file that is not a database is detected later.
async fn end_a_purge(backup: &Path) {
    if !with_suffix(backup, JOURNAL).exists() {
        return;
    }
    let ended = async {
        let mut file = SqliteConnectOptions::new()
            .filename(backup)
            .disable_statement_logging()
            .connect()
            .await?;
        sqlx::query("SELECT count(*) FROM sqlite_schema")
            .execute(&mut file)
            .await?;
        file.close().await
    };
    if let Err(error) = ended.await {
        tracing::warn!(%error, "the journal of a backup cannot be rolled back");
    }
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = fs::File::open(from)?;
    let mut target = folder::private()
        .create(true)
        .truncate(true)
        .write(true)
        .open(to)?;
    io::copy(&mut source, &mut target)?;
    target.sync_all()
}

/// Puts `copy`, or nothing, in the database's place. Returns the folder that contains the old one.
///
/// # Errors
/// The database is still in its place, perhaps without its WAL, which is then in the folder.
pub fn replace(database: &Path, copy: Option<&Path>, now: Timestamp) -> io::Result<PathBuf> {
    let data_folder = database.parent().unwrap_or(Path::new(""));
    let folder = aside(data_folder, now)?;
    damage::mark(database, "it is being replaced");
    let old = folder.join(super::DATABASE);
    if copy.is_some() && database.exists() {
        // Not every file system supports hard links.
        fs::hard_link(database, &old).or_else(|_| copy_file(database, &old))?;
    }
    for suffix in COMPANIONS {
        put(&with_suffix(database, suffix), &folder)?;
    }
    match copy {
        Some(copy) => fs::rename(copy, database)?,
        None => put(database, &folder)?,
    }
    folder::sync(&folder);
    folder::sync(data_folder);
    damage::lift(database);
    Ok(folder)
}
