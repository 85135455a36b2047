//! What the store can fail with, told apart by what the user has to do about it.

use std::path::PathBuf;

use crate::error::ErrorCode;

/// Why the store refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No room left. Nothing of the failed write was kept; it works again once there is room.
    #[error("The disk is full: make some room and try again. Nothing you typed is lost")]
    DiskFull(#[source] sqlx::Error),
    /// The data folder cannot be made or written.
    #[error(
        "Conch cannot write its data folder {}: check its permissions and that the disk is not read-only ({source})",
        path.display()
    )]
    DataFolderUnwritable {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file was written by a newer version. It was not touched.
    #[error(
        "The database {} was written by a newer version of Conch: update Conch to open it. It was not changed",
        path.display()
    )]
    DatabaseNewer {
        /// The database file.
        path: PathBuf,
    },
    /// The file is damaged. It was not touched.
    #[error(
        "The database {} is damaged. It was not changed",
        path.display()
    )]
    DatabaseCorrupt {
        /// The database file.
        path: PathBuf,
    },
    /// The file was found damaged while it was in use. Nothing is written into it any more.
    #[error(
        "The database {} was found damaged, so nothing more is written into it: copy what you have typed, then close Conch and start it again. It offers your backups then",
        path.display()
    )]
    FoundDamage {
        /// The database file.
        path: PathBuf,
    },
    /// The data folder is on a network drive that does not pass locks on.
    #[error(
        "The data folder {} is on a network drive that does not keep two computers from writing to it at once, which would damage your conversations: put the folder on a drive of this computer, and set CONCH_DATA_DIR to it. Nothing was changed",
        path.display()
    )]
    UnsafeDrive {
        /// The folder.
        path: PathBuf,
    },
    /// The data folder is on a network drive, and another Conch has it open, perhaps on another computer.
    #[error(
        "Another Conch has the data folder {} open, perhaps on another computer: close it, then start this one again. On a network drive only one at a time may use it",
        path.display()
    )]
    OpenElsewhere {
        /// The folder.
        path: PathBuf,
    },
    /// The file is something else. It was not touched.
    #[error(
        "The file {} is no database of Conch. It was not changed",
        path.display()
    )]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// Anything else.
    #[error("The database failed: {0}")]
    Sql(#[source] sqlx::Error),
    /// A migration failed; its transaction was rolled back.
    #[error("The database could not be brought to this version: {0}")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// The SQLite that was linked has a bug that loses committed transactions.
    #[error(
        "This build of Conch links SQLite {found}, which can lose data; it needs 3.51.3 or later"
    )]
    UnsafeSqlite {
        /// Its version.
        found: String,
    },
}

impl StoreError {
    /// The error's stable name.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::DiskFull(_) => ErrorCode::DiskFull,
            Self::DataFolderUnwritable { .. } => ErrorCode::DataFolderUnwritable,
            Self::DatabaseNewer { .. } => ErrorCode::DatabaseNewer,
            Self::DatabaseCorrupt { .. } | Self::FoundDamage { .. } => ErrorCode::DatabaseCorrupt,
            Self::NotADatabase { .. } => ErrorCode::NotADatabase,
            Self::UnsafeDrive { .. } | Self::OpenElsewhere { .. } => ErrorCode::DataFolderShared,
            Self::Sql(_) | Self::Migration(_) | Self::UnsafeSqlite { .. } => ErrorCode::Internal,
        }
    }
}

/// SQLite's primary result codes, <https://sqlite.org/rescode.html>.
const SQLITE_FULL: i32 = 13;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match primary_code(&error) {
            Some(SQLITE_FULL) => Self::DiskFull(error),
            _ => Self::Sql(error),
        }
    }
}

/// The low byte of the extended result code.
pub(super) fn primary_code(error: &sqlx::Error) -> Option<i32> {
    extended_code(error).map(|code| code & 0xff)
}

/// SQLite's own reason, <https://sqlite.org/rescode.html>.
pub(super) fn extended_code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}
