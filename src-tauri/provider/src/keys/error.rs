//! Why a key could not be stored, found or deleted, and what to do then.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use conch_model::ErrorCode;

/// Advice for a locked keychain. The Secret Service returns the same error if it has no keyring at all, as on
/// a system without a password login.
const UNLOCK: &str = if cfg!(any(target_os = "macos", target_os = "windows")) {
    "Unlock it and try again"
} else {
    "Unlock it, or create a default keyring if there is none, and try again"
};

/// Advice for an unusable keychain. The connection to the keychain is made once per run.
const UNAVAILABLE_ADVICE: &str = if cfg!(any(target_os = "macos", target_os = "windows")) {
    "Use the key until Conch quits, or save it in a file"
} else {
    "Start one that offers the Secret Service (GNOME Keyring, KWallet or KeePassXC) and restart \
     Conch; or use the key until Conch quits, or save it in a file"
};

/// Why a key could not be stored, found or deleted. It never contains a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "field names say it")]
pub enum KeyError {
    /// There is no keychain, or it failed.
    #[error("The system's keychain is not available: {reason}. {UNAVAILABLE_ADVICE}")]
    KeychainUnavailable { reason: String },
    /// The keychain is locked, or its user denied access.
    #[error("The system's keychain denied access: {reason}. {UNLOCK}")]
    KeychainRefused { reason: String },
    /// The keychain did not answer in time.
    #[error(
        "The system's keychain did not respond within {} seconds. It may be waiting for its password. \
         Unlock it and try again",
        after.as_secs()
    )]
    KeychainTimedOut { after: Duration },
    /// The keychain works, but its entry for this key cannot be used.
    #[error(
        "The key's entry in the system's keychain cannot be used: {reason}. Delete it there, and enter the key again"
    )]
    KeychainEntry {
        /// What is wrong with the entry.
        reason: String,
    },
    /// The key file exists but cannot be read.
    #[error("The key file {} cannot be read: {source}", path.display())]
    FileUnreadable { path: PathBuf, source: io::Error },
    /// The key file cannot be written; the previous one is unchanged.
    #[error("The key file {} cannot be written: {source}", path.display())]
    FileUnwritable { path: PathBuf, source: io::Error },
    /// The key file has invalid content. It is left unchanged.
    #[error(
        "The key file {} is damaged at line {line}, column {column}. Repair it, or delete it and \
         enter its keys again",
        path.display()
    )]
    FileDamaged {
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1; 0 before the first character.
        column: usize,
    },
    /// A key in the environment is managed by the user, not by Conch.
    #[error(
        "An API key in the environment is not managed by Conch. Change the variable, and restart Conch"
    )]
    Environment,
    /// The system has no more threads.
    #[error("The keys could not be accessed: {0}")]
    NoThread(io::Error),
    /// A bug of Conch or of a library; the log has the details.
    #[error("Internal error while the keys were being accessed")]
    Panicked,
}

impl KeyError {
    /// Returns the error's stable name.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::KeychainUnavailable { .. }
            | Self::KeychainRefused { .. }
            | Self::KeychainTimedOut { .. }
            | Self::KeychainEntry { .. } => ErrorCode::KeychainUnavailable,
            Self::FileUnreadable { .. }
            | Self::FileUnwritable { .. }
            | Self::FileDamaged { .. } => ErrorCode::KeyFileUnusable,
            Self::Environment => ErrorCode::InvalidArgument,
            Self::NoThread(_) | Self::Panicked => ErrorCode::Internal,
        }
    }
}
