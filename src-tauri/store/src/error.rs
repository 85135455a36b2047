//! The store's errors, distinguished by what the user must do, and classified as transient or permanent: a
//! transient error is retried and shown while it lasts, a permanent one ends the operation.

use std::path::PathBuf;

use conch_model::{ErrorCode, MessageId};

/// Why a store operation was refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "field names say it")]
pub enum StoreError {
    /// No space left. The failed write was rolled back; writes succeed again once there is space.
    #[error("The disk is full. Free some disk space and try again. Nothing you typed is lost")]
    DiskFull(#[source] sqlx::Error),
    /// The data folder cannot be created or written.
    #[error(
        "Conch cannot write to its data folder {} ({source}). Check its permissions, and that the disk is not read-only",
        path.display()
    )]
    DataFolderUnwritable {
        path: PathBuf,
        source: std::io::Error,
    },
    /// The file was written by a newer version. It was not changed.
    #[error(
        "The database {} was written by a newer version of Conch. Update Conch to open it. The database was not changed",
        path.display()
    )]
    DatabaseNewer { path: PathBuf },
    /// The file is damaged. It was not changed.
    #[error(
        "The database {} is damaged. It was not changed",
        path.display()
    )]
    DatabaseCorrupt { path: PathBuf },
    /// The file was found damaged while in use. Nothing is written to it any more.
    #[error(
        "The database {} is damaged, so Conch no longer writes to it. Copy what you have typed, then close Conch and start it again to choose a backup",
        path.display()
    )]
    FoundDamage { path: PathBuf },
    /// The data folder is on a network drive that does not forward file locks.
    #[error(
        "The data folder {} is on a network drive that does not prevent two computers from writing to it at the same time, which would damage your conversations. Move the folder to a local drive, and set CONCH_DATA_DIR to it. Nothing was changed",
        path.display()
    )]
    UnsafeDrive { path: PathBuf },
    /// The data folder is on a network drive, and another Conch has it open, perhaps on another computer.
    #[error(
        "Another instance of Conch is using the data folder {}, perhaps on another computer. On a network drive, only one instance can use it at a time. Close the other one, then start this one again",
        path.display()
    )]
    OpenElsewhere { path: PathBuf },
    /// The file is not a database of Conch. It was not changed.
    #[error(
        "The file {} is not a Conch database. It was not changed",
        path.display()
    )]
    NotADatabase { path: PathBuf },
    /// The disk failed, or the database is locked by others. It may succeed later without any action by Conch.
    #[error("{} at the moment ({source}). Nothing you typed is lost", condition.reason())]
    Transient {
        condition: Transient,
        /// The error of SQLite or the connection pool.
        source: sqlx::Error,
    },
    /// The file was found damaged while it was open.
    #[error("The database is damaged: {0}")]
    Damaged(#[source] sqlx::Error),
    /// The messages before this one cannot be followed to the first: the database is damaged in a way that SQLite's
    /// quick check does not find.
    #[error("The database is damaged: the messages before {0} cannot be found")]
    BrokenPath(MessageId),
    /// Anything else.
    #[error("The database reported an error: {0}")]
    Sql(#[source] sqlx::Error),
    /// A migration failed; its transaction was rolled back.
    #[error("The database could not be updated to this version of Conch: {0}")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// The linked SQLite has a bug that loses committed transactions.
    #[error(
        "This build of Conch uses SQLite {found}, which can lose data. It needs version 3.51.3 or later"
    )]
    UnsafeSqlite {
        /// SQLite's version.
        found: String,
    },
}

/// A cause of a transient error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "variant names say it")]
pub enum Transient {
    DiskFull,
    /// Locked by others.
    Busy,
    /// No response in time.
    Silent,
    ReadOnly,
    /// The device or the file system failed.
    Device,
    /// Out of memory or file handles.
    Resources,
}

impl Transient {
    /// Describes the cause, without a full stop.
    pub fn reason(self) -> &'static str {
        match self {
            Self::DiskFull => "The disk is full",
            Self::Busy => "Another program is using the database",
            Self::Silent => "The database is not responding",
            Self::ReadOnly => "The data folder is read-only",
            Self::Device => "The disk reports an error",
            Self::Resources => "The system is out of memory or file handles",
        }
    }
}

impl StoreError {
    /// Returns the error's stable name.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::DiskFull(_) => ErrorCode::DiskFull,
            Self::DataFolderUnwritable { .. } => ErrorCode::DataFolderUnwritable,
            Self::DatabaseNewer { .. } => ErrorCode::DatabaseNewer,
            Self::DatabaseCorrupt { .. }
            | Self::FoundDamage { .. }
            | Self::Damaged(_)
            | Self::BrokenPath(_) => ErrorCode::DatabaseCorrupt,
            Self::NotADatabase { .. } => ErrorCode::NotADatabase,
            Self::UnsafeDrive { .. } | Self::OpenElsewhere { .. } => ErrorCode::DataFolderShared,
            Self::Transient { .. }
            | Self::Sql(_)
            | Self::Migration(_)
            | Self::UnsafeSqlite { .. } => ErrorCode::Internal,
        }
    }

    /// Returns the cause of a transient error, which can be retried; `None` for a permanent one.
    pub fn transient(&self) -> Option<Transient> {
        match self {
            Self::DiskFull(_) => Some(Transient::DiskFull),
            Self::Transient { condition, .. } => Some(*condition),
            _ => None,
        }
    }

    /// Returns true if a retry may succeed.
    pub fn is_transient(&self) -> bool {
        self.transient().is_some()
    }

    /// Returns true if the database file itself is damaged. A damaged full-text index does not count: it is
    /// rebuilt.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Damaged(_)
                | Self::BrokenPath(_)
                | Self::FoundDamage { .. }
                | Self::DatabaseCorrupt { .. }
        )
    }
}

/// SQLite's primary result codes, <https://sqlite.org/rescode.html>.
mod primary {
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const NOMEM: i32 = 7;
    pub(super) const READONLY: i32 = 8;
    pub(super) const INTERRUPT: i32 = 9;
    pub(super) const IOERR: i32 = 10;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const PROTOCOL: i32 = 15;
    pub(super) const SCHEMA: i32 = 17;
    pub(super) const NOTADB: i32 = 26;
}

/// Extended result codes whose meaning differs from their primary code.
mod extended {
    /// The content of a virtual table, here the full-text index.
    pub(super) const CORRUPT_VTAB: i32 = 267;
    /// The file was moved while it was open.
    pub(super) const READONLY_DBMOVED: i32 = 1032;
    /// A write failed for lack of memory.
    pub(super) const IOERR_NOMEM: i32 = 3082;
    /// The file system reports that the file is corrupt.
    pub(super) const IOERR_CORRUPTFS: i32 = 8458;
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match (extended_code(&error), &error) {
            (Some(code), _) => classify(code, error),
            (None, sqlx::Error::PoolTimedOut) => Self::Transient {
                condition: Transient::Silent,
                source: error,
            },
            (None, sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed) => Self::Transient {
                condition: Transient::Device,
                source: error,
            },
            (None, _) => Self::Sql(error),
        }
    }
}

/// The only classification of errors into transient and permanent, by SQLite's extended result code.
fn classify(code: i32, source: sqlx::Error) -> StoreError {
    let condition = match (code & 0xff, code) {
        (_, extended::CORRUPT_VTAB | extended::READONLY_DBMOVED) => None,
        (primary::CORRUPT | primary::NOTADB, _) | (_, extended::IOERR_CORRUPTFS) => {
            return StoreError::Damaged(source);
        }
        (primary::FULL, _) => return StoreError::DiskFull(source),
        (
            primary::BUSY
            | primary::LOCKED
            | primary::INTERRUPT
            | primary::PROTOCOL
            | primary::SCHEMA,
            _,
        ) => Some(Transient::Busy),
        (primary::NOMEM | primary::CANTOPEN, _) | (_, extended::IOERR_NOMEM) => {
            Some(Transient::Resources)
        }
        (primary::READONLY, _) => Some(Transient::ReadOnly),
        (primary::IOERR, _) => Some(Transient::Device),
        _ => None,
    };
    match condition {
        Some(condition) => StoreError::Transient { condition, source },
        None => StoreError::Sql(source),
    }
}

/// Returns the low byte of the extended result code.
pub(super) fn primary_code(error: &sqlx::Error) -> Option<i32> {
    extended_code(error).map(|code| code & 0xff)
}

/// Returns SQLite's extended result code, <https://sqlite.org/rescode.html>.
pub(super) fn extended_code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_codes_are_transient_permanent_or_damage() {
        let condition = [
            (5, Transient::Busy),
            (261, Transient::Busy),
            (517, Transient::Busy),
            (6, Transient::Busy),
            (7, Transient::Resources),
            (3082, Transient::Resources),
            (8, Transient::ReadOnly),
            (778, Transient::Device),
            (1034, Transient::Device),
            (13, Transient::DiskFull),
            (14, Transient::Resources),
            (15, Transient::Busy),
        ];
        for (code, condition) in condition {
            let error = classify(code, sqlx::Error::RowNotFound);
            assert_eq!(error.transient(), Some(condition), "{code}");
            assert!(!error.is_damage(), "{code}");
        }
        for code in [11, 523, 779, 26, 8458] {
            let error = classify(code, sqlx::Error::RowNotFound);
            assert!(error.is_damage() && !error.is_transient(), "{code}");
            assert_eq!(error.code(), ErrorCode::DatabaseCorrupt, "{code}");
        }
        // Generic error, abort by a trigger, too big, constraints, mismatch, full-text index, moved file.
        for code in [1, 4, 18, 19, 1555, 1811, 2067, 20, 267, 1032, 99] {
            let error = classify(code, sqlx::Error::RowNotFound);
            assert!(!error.is_transient() && !error.is_damage(), "{code}");
        }
    }

    #[test]
    fn a_pool_timeout_is_transient_and_a_closed_pool_is_not() {
        let passes = |error: sqlx::Error| StoreError::from(error).transient();
        assert_eq!(passes(sqlx::Error::PoolTimedOut), Some(Transient::Silent));
        assert_eq!(passes(sqlx::Error::WorkerCrashed), Some(Transient::Device));
        assert_eq!(passes(sqlx::Error::PoolClosed), None);
    }
}
