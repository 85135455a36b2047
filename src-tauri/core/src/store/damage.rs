//! The mark on a damaged database: a file beside it that stays until the database was replaced or mended,
//! so that no start forgets what an earlier one found, and nothing is written into what may yet be saved.
//!
//! The mark says which file it is about. While that one is as it was, it is damaged; once it is another,
//! the whole of it is checked before it is opened, and only a check that finds nothing takes the mark away.
//! The model is etcd's CORRUPT alarm, <https://etcd.io/docs/v3.5/op-guide/data_corruption/>.

use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use super::{Result, Store, StoreError};
use crate::folder;

/// What is beside the database: its log.
pub(super) const WAL_SUFFIX: &str = "-wal";

/// The content of a mark.
#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    /// What was found, in SQLite's words, for whoever looks into the folder.
    found: String,
    database: Option<Identity>,
    log: Option<Identity>,
}

/// Which file it is, and in which state.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    file: Option<(u64, u64)>,
    bytes: u64,
    /// Nanoseconds since the epoch.
    modified: Option<u64>,
}

impl Identity {
    fn of(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        let since = |found: &Metadata| {
            let modified = found.modified().ok()?;
            let since = modified.duration_since(std::time::UNIX_EPOCH).ok()?;
            u64::try_from(since.as_nanos()).ok()
        };
        Some(Self {
            file: file_of(&found),
            bytes: found.len(),
            modified: since(&found),
        })
    }
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "the same call everywhere")]
fn file_of(found: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;

    Some((found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn file_of(_: &Metadata) -> Option<(u64, u64)> {
    None
}

/// What an earlier verdict is worth now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MarkState {
    /// There was none.
    Clear,
    /// The file is the one that was found damaged.
    Damaged,
    /// The file is another, or was changed: it has to be checked whole.
    Doubtful,
}

/// Where the mark of a database is.
pub(super) fn mark_of(database: &Path) -> PathBuf {
    with_suffix(database, ".damaged")
}

/// A file beside another: its name with something behind it.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// What the mark beside a database says. One that cannot be read is a mark all the same.
pub(super) fn mark_state(database: &Path) -> MarkState {
    let mark = match fs::read(mark_of(database)) {
        Ok(bytes) => serde_json::from_slice::<Mark>(&bytes).ok(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return MarkState::Clear,
        Err(_) => None,
    };
    let is_same = mark.is_some_and(|mark| {
        mark.database == Identity::of(database)
            && mark.log == Identity::of(&with_suffix(database, WAL_SUFFIX))
    });
    if is_same {
        MarkState::Damaged
    } else {
        MarkState::Doubtful
    }
}

/// Marks a database as damaged. Where that cannot be written, the verdict still stands for this start.
pub(crate) fn mark(database: &Path, found: &str) {
    tracing::error!(database = %database.display(), found, "the database is damaged");
    let mark = Mark {
        found: found.to_owned(),
        database: Identity::of(database),
        log: Identity::of(&with_suffix(database, WAL_SUFFIX)),
    };
    if let Err(error) = write(&mark_of(database), &mark) {
        tracing::warn!(%error, "the mark of a damaged database could not be written");
    }
}

fn write(path: &Path, mark: &Mark) -> io::Result<()> {
    let sibling = with_suffix(path, ".new");
    let mut file = folder::private()
        .create(true)
        .truncate(true)
        .write(true)
        .open(&sibling)?;
    file.write_all(&serde_json::to_vec_pretty(mark)?)?;
    file.sync_all()?;
    fs::rename(&sibling, path)?;
    if let Some(folder) = path.parent() {
        folder::sync(folder);
    }
    Ok(())
}

/// Takes the mark away: the database that is there now was found whole.
pub(super) fn lift(database: &Path) {
    if let Err(error) = fs::remove_file(mark_of(database))
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "the mark of a mended database stays");
    }
}

/// What an open store knows of the mark.
#[derive(Debug, Clone)]
pub(super) struct Alarm {
    database: Arc<Path>,
    raised: Arc<AtomicBool>,
}

impl Alarm {
    pub(super) fn new(database: &Path) -> Self {
        Self {
            database: database.into(),
            raised: Arc::default(),
        }
    }

    pub(super) fn database(&self) -> &Path {
        &self.database
    }

    /// True once damage was found, by this process or another.
    pub(super) fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Relaxed) || mark_of(&self.database).exists()
    }

    pub(super) fn refuse(&self) -> Result<()> {
        if self.is_raised() {
            return Err(StoreError::FoundDamage {
                path: self.database.to_path_buf(),
            });
        }
        Ok(())
    }
}

impl Store {
    /// Says that SQLite met damage while the database was in use (`SQLITE_CORRUPT`, but for that of the
    /// full-text index). From now on nothing is written, and no start opens this file again.
    pub async fn mark_damaged(&self, found: &str) {
        if !self.alarm.raised.swap(true, Ordering::Relaxed) {
            mark(&self.alarm.database, found);
            // What waits for the writer is refused by SQLite itself.
            let closed = sqlx::query("PRAGMA query_only = ON").execute(&self.writer);
            if let Err(error) = closed.await {
                tracing::warn!(%error, "the damaged database could not be closed to writes");
            }
            // What was written meanwhile belongs to the state that was found damaged.
            mark(&self.alarm.database, found);
        }
    }

    /// True once damage was found, by this process or another: nothing is written any more.
    pub fn is_damaged(&self) -> bool {
        self.alarm.is_raised()
    }
}
