//! The errors of the core, with the messages shown to the user.
//!
//! Every error has a stable [`ErrorCode`] for programs and a message for people that says what to do next. A
//! failed generation is not an `Error` of a command: it ends as a message with status `failed` (see
//! [`Failure`](crate::provider::Failure)).

use serde::Serialize;

use crate::attachments::AttachmentError;
use crate::keys::KeyError;
use crate::recovery::RecoveryError;
use crate::store::StoreError;
use crate::web::WebError;

/// The longest message that can be sent, in bytes of UTF-8.
pub const MESSAGE_LIMIT: usize = 1024 * 1024;

/// A result of the core.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a command was refused or failed. Nothing was stored, except the record of the attempt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A send without any text or file.
    #[error("There is nothing to send yet: type a message first")]
    EmptyMessage,
    /// A send over [`MESSAGE_LIMIT`].
    #[error(
        "This message has {bytes} bytes, the limit is {MESSAGE_LIMIT} (1 MiB): shorten it or send it in parts"
    )]
    MessageTooLong {
        /// Bytes of UTF-8.
        bytes: usize,
    },
    /// `send_message` while the conversation may not start another answer.
    #[error("Please wait for the current response to complete before sending another message")]
    SendWhileGenerating,
    /// `generate_response` while the conversation may not start another answer.
    #[error("A generation is already in progress for this conversation")]
    GenerateWhileGenerating,
    /// An id that does not exist.
    #[error("{0} not found")]
    NotFound(Entity),
    /// A conversation whose time for Undo is over, or that never existed.
    #[error("This conversation is gone for good: Undo works for ten seconds after a delete")]
    Purged,
    /// An invalid argument.
    #[error("{0}")]
    InvalidArgument(&'static str),
    /// The application is quitting.
    #[error("Conch is closing: nothing was sent")]
    ShuttingDown,
    /// A file could not be attached, or a message with files could not be sent.
    #[error(transparent)]
    Attachment(#[from] AttachmentError),
    /// A key could not be stored or found.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A link could not be opened, or an image not loaded.
    #[error(transparent)]
    Web(#[from] WebError),
    /// The application could not start.
    #[error("Conch could not start: {0}")]
    Start(String),
    /// A database that cannot be opened could not be replaced or salvaged.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// A message could not be parsed as Markdown: a bug in Conch.
    #[error("Conch made a mistake while it read these messages")]
    Unreadable,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The kind of thing that was not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entity {
    /// A conversation.
    Conversation,
    /// A branch.
    Branch,
    /// A message.
    Message,
    /// A provider.
    Provider,
    /// A file attached to a message.
    Attachment,
}

impl std::fmt::Display for Entity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Conversation => "Conversation",
            Self::Branch => "Branch",
            Self::Message => "Message",
            Self::Provider => "Provider",
            Self::Attachment => "Attachment",
        })
    }
}

/// The stable name of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// A send without text or files.
    EmptyMessage,
    /// A send over the limit.
    MessageTooLong,
    /// An answer is already being generated.
    GenerationInProgress,
    /// An id does not exist.
    NotFound,
    /// An invalid argument.
    InvalidArgument,
    /// The application is quitting.
    ShuttingDown,
    /// The system's keychain cannot be used; a key can be stored elsewhere.
    KeychainUnavailable,
    /// The key file cannot be used.
    KeyFileUnusable,
    /// An image could not be loaded.
    ImageUnavailable,
    /// A file is over its limit.
    AttachmentTooLarge,
    /// A file is damaged, password-protected, or has no readable content.
    AttachmentUnreadable,
    /// An unsupported kind of file.
    AttachmentKindUnsupported,
    /// More files than a message can have.
    AttachmentLimit,
    /// An attached file was removed, already sent, or belongs to another conversation.
    AttachmentGone,
    /// The model does not support images.
    ImagesNotSeen,
    /// More windows than allowed.
    WindowLimit,
    /// A pasted file is not on the system's clipboard any more.
    ClipboardChanged,
    /// The disk is full.
    DiskFull,
    /// The data folder cannot be written.
    DataFolderUnwritable,
    /// The database was written by a newer version of Conch.
    DatabaseNewer,
    /// The database is damaged.
    DatabaseCorrupt,
    /// The database file is not an SQLite database.
    NotADatabase,
    /// The data folder is on a drive that cannot hold a database, or is open on another computer.
    DataFolderShared,
    /// A database that cannot be opened could not be replaced or salvaged.
    RecoveryFailed,
    /// A bug in Conch; the log has the details.
    Internal,
}

impl Error {
    /// Returns the error's stable name.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::EmptyMessage => ErrorCode::EmptyMessage,
            Self::MessageTooLong { .. } => ErrorCode::MessageTooLong,
            Self::SendWhileGenerating | Self::GenerateWhileGenerating => {
                ErrorCode::GenerationInProgress
            }
            Self::NotFound(_) | Self::Purged => ErrorCode::NotFound,
            Self::ShuttingDown => ErrorCode::ShuttingDown,
            Self::Attachment(error) => error.code(),
            Self::Key(error) => code_of_key(error),
            Self::InvalidArgument(_)
            | Self::Web(WebError::Link | WebError::LongAddress { .. } | WebError::ImageAddress) => {
                ErrorCode::InvalidArgument
            }
            Self::Web(_) => ErrorCode::ImageUnavailable,
            Self::Start(_) | Self::Unreadable => ErrorCode::Internal,
            Self::Recovery(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }
}

fn code_of_key(error: &KeyError) -> ErrorCode {
    match error {
        KeyError::KeychainUnavailable { .. }
        | KeyError::KeychainRefused { .. }
        | KeyError::KeychainTimedOut { .. }
        | KeyError::KeychainEntry { .. } => ErrorCode::KeychainUnavailable,
        KeyError::FileUnreadable { .. }
        | KeyError::FileUnwritable { .. }
        | KeyError::FileDamaged { .. } => ErrorCode::KeyFileUnusable,
        KeyError::Environment => ErrorCode::InvalidArgument,
        KeyError::NoThread(_) | KeyError::Panicked => ErrorCode::Internal,
    }
}
