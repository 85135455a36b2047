//! The mark of a damaged database: a file next to it that remains until the database is replaced or repaired,
//! so that later starts know of the damage, and nothing is written to a file that may still be salvaged.
//!
//! The mark identifies the file. While the file is unchanged, it counts as damaged; once it has changed, it
//! gets a full integrity check before it is opened, and only a check without findings removes the mark. The
//! model is etcd's CORRUPT alarm, <https://etcd.io/docs/v3.5/op-guide/data_corruption/>.

use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use super::{Result, Store, StoreError};
use crate::events::CoreEvent;
use crate::folder;

/// File name suffix of the WAL.
pub(super) const WAL_SUFFIX: &str = "-wal";

/// The content of a mark.
#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    /// SQLite's message, for a person who inspects the folder.
    found: String,
    database: Option<Identity>,
    log: Option<Identity>,
}

/// Identity and state of a file.
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

/// The validity of a damage mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MarkState {
    /// There is no mark.
    Clear,
    /// The file is unchanged since it was found damaged.
    Damaged,
    /// The file was replaced or changed: it needs a full integrity check.
    Doubtful,
}

/// Returns the path of a database's damage mark.
pub(super) fn mark_of(database: &Path) -> PathBuf {
    with_suffix(database, ".damaged")
}

/// Appends a suffix to a file name.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Returns the state of a database's damage mark. An unreadable mark counts as a mark.
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

/// Marks a database as damaged. If the mark cannot be written, the damage is known only until the process ends.
pub(super) fn mark(database: &Path, found: &str) {
    tracing::error!(database = %database.display(), found, "the database is damaged");
    let mark = Mark {
        found: found.to_owned(),
        database: Identity::of(database),
        log: Identity::of(&with_suffix(database, WAL_SUFFIX)),
    };
    if let Err(error) = write(&mark_of(database), &mark) {
        tracing::warn!(%error, "the damage mark of the database could not be written");
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

/// Removes the mark after the current database passed its check.
pub(super) fn lift(database: &Path) {
    if let Err(error) = fs::remove_file(mark_of(database))
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "the damage mark of an intact database could not be removed");
    }
}

/// The damage state of an open store.
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

    /// Returns true once damage was found, by this process or another.
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
    /// Reports the error of a call: damage is published to all windows, and nothing is written after that. Any
    /// other error changes nothing.
    pub fn report_damage(&self, error: &StoreError) {
        if error.is_damage() {
            self.events().publish(CoreEvent::DamageDetected);
            let (store, found) = (self.clone(), error.to_string());
            // A separate task: it waits for the writer, which the caller may hold.
            tokio::spawn(async move { store.mark_damaged(&found).await });
        }
    }

    /// Reports the error of a result, if it has one.
    pub fn inspect_damage<T>(&self, done: Result<T>) -> Result<T> {
        done.inspect_err(|error| self.report_damage(error))
    }

    /// Records that SQLite found damage while the database was in use (`SQLITE_CORRUPT`, except in the
    /// full-text index). From then on nothing is written, and no start opens this file again.
    pub async fn mark_damaged(&self, found: &str) {
        if !self.alarm.raised.swap(true, Ordering::Relaxed) {
            mark(&self.alarm.database, found);
            // Writes that already wait for the writer are refused by SQLite itself.
            let closed = sqlx::query("PRAGMA query_only = ON").execute(&self.writer);
            if let Err(error) = closed.await {
                tracing::warn!(%error, "the damaged database could not be made read-only");
            }
            // Marked again, to include what was written meanwhile in the recorded file state.
            mark(&self.alarm.database, found);
        }
    }

    /// Returns true once damage was found, by this process or another: nothing is written after that.
    pub fn is_damaged(&self) -> bool {
        self.alarm.is_raised()
    }
}
