//! Why a key could not be kept, found or removed, and what to do then.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// What a user whose keychain is locked can do. The Secret Service answers the same where it has no
/// keyring at all, as on a system that was never logged in to with a password.
const UNLOCK: &str = if cfg!(any(target_os = "macos", target_os = "windows")) {
    "Unlock it, and try again"
} else {
    "Unlock it, or make a default keyring where there is none, and try again"
};

/// What a user whose keychain cannot be used can do. The keychain is connected to once a run.
const WAY_OUT: &str = if cfg!(any(target_os = "macos", target_os = "windows")) {
    "Keep the key for this run only, or in a file"
} else {
    "Start one that offers the Secret Service (GNOME Keyring, KWallet or KeePassXC) and then Conch \
     again, or keep the key for this run only, or in a file"
};

/// Why a key could not be kept, found or removed. No key is in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no keychain, or it failed.
    #[error("The system's keychain cannot be used: {reason}. {WAY_OUT}")]
    KeychainUnavailable {
        /// In the system's own words.
        reason: String,
    },
    /// The keychain is locked, or its user said no.
    #[error("The system's keychain did not let Conch in: {reason}. {UNLOCK}")]
    KeychainRefused {
        /// In the system's own words.
        reason: String,
    },
    /// The keychain did not answer in time.
    #[error(
        "The system's keychain did not answer within {} seconds. It may be waiting for its password: \
         unlock it, and try again",
        after.as_secs()
    )]
    KeychainTimedOut {
        /// How long it was waited for.
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
    /// The file of keys is there but cannot be read.
    #[error("The keys in {} cannot be read: {source}", path.display())]
    FileUnreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file of keys cannot be written; the one before is untouched.
    #[error("The keys in {} cannot be written: {source}", path.display())]
    FileUnwritable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file of keys is something else. It is left as it is.
    #[error(
        "The file of keys {} is damaged at line {line}, column {column}. Mend it, or remove it and \
         enter its keys again",
        path.display()
    )]
    FileDamaged {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1; 0 before the first character.
        column: usize,
    },
    /// A key in the environment is kept by whoever set it.
    #[error(
        "A key in the environment is not kept by Conch. Change the variable, and start Conch again"
    )]
    Environment,
    /// The system is out of threads.
    #[error("The keys could not be asked for: {0}")]
    NoThread(io::Error),
    /// A fault of ours, or of a library; the log has the details.
    #[error("The place of the keys failed unexpectedly")]
    Panicked,
}
