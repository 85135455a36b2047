//! Why a key could not be stored, found or deleted, and what to do then.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Advice for a locked keychain. The Secret Service returns the same error if it has no keyring at all, as on
/// a system without a password login.
const UNLOCK: &str = if cfg!(any(target_os = "macos", target_os = "windows")) {
    "Unlock it, and try again"
} else {
    "Unlock it, or make a default keyring where there is none, and try again"
};

/// Advice for an unusable keychain. The connection to the keychain is made once per run.
const UNAVAILABLE_ADVICE: &str = if cfg!(any(target_os = "macos", target_os = "windows")) {
    "Keep the key for this run only, or in a file"
} else {
    "Start one that offers the Secret Service (GNOME Keyring, KWallet or KeePassXC) and then Conch \
     again, or keep the key for this run only, or in a file"
};

/// Why a key could not be stored, found or deleted. It never contains a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no keychain, or it failed.
    #[error("The system's keychain cannot be used: {reason}. {UNAVAILABLE_ADVICE}")]
    KeychainUnavailable {
        /// The system's error message.
        reason: String,
    },
    /// The keychain is locked, or its user denied access.
    #[error("The system's keychain did not let Conch in: {reason}. {UNLOCK}")]
    KeychainRefused {
        /// The system's error message.
        reason: String,
    },
    /// The keychain did not answer in time.
    #[error(
        "The system's keychain did not answer within {} seconds. It may be waiting for its password: \
         unlock it, and try again",
        after.as_secs()
    )]
    KeychainTimedOut {
        /// The timeout that expired.
        after: Duration,
    },
    /// The keychain works, but its entry for this key cannot be used.
    #[error(
        "The key's entry in the system's keychain cannot be used: {reason}. Remove it there, and enter the key again"
    )]
    KeychainEntry {
        /// What is wrong with it.
        reason: String,
    },
    /// The key file exists but cannot be read.
    #[error("The keys in {} cannot be read: {source}", path.display())]
    FileUnreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The key file cannot be written; the previous one is unchanged.
    #[error("The keys in {} cannot be written: {source}", path.display())]
    FileUnwritable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The key file has invalid content. It is left unchanged.
    #[error(
        "The file of keys {} is damaged at line {line}, column {column}. Mend it, or remove it and \
         enter its keys again",
        path.display()
    )]
    FileDamaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1; 0 before the first character.
        column: usize,
    },
    /// A key in the environment is managed by the user, not by Conch.
    #[error(
        "A key in the environment is not kept by Conch. Change the variable, and start Conch again"
    )]
    Environment,
    /// The system has no more threads.
    #[error("The keys could not be asked for: {0}")]
    NoThread(io::Error),
    /// A bug of Conch or of a library; the log has the details.
    #[error("The place of the keys failed unexpectedly")]
    Panicked,
}
