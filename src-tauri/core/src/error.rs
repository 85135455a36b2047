//! What can go wrong, as the user is told it.
//!
//! Every error has a stable [`ErrorCode`] for programs and a message for people that says what to do
//! next. A generation that fails is not an `Error` of a command: it ends as a message whose status
//! is `failed` (see [`Failure`](crate::provider::Failure)).

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
    /// An id that names nothing.
    #[error("{0} not found")]
    NotFound(Entity),
    /// A conversation whose time for Undo is over, or that never was.
    #[error("This conversation is gone for good: Undo works for ten seconds after a delete")]
    Purged,
    /// An argument that makes no sense.
    #[error("{0}")]
    InvalidArgument(&'static str),
    /// The application is quitting.
    #[error("Conch is closing: nothing was sent")]
    ShuttingDown,
    /// A file is not attached, or a message with files not sent.
    #[error(transparent)]
    Attachment(#[from] AttachmentError),
    /// A key could not be kept or found.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A link was not opened, or an image not loaded.
    #[error(transparent)]
    Web(#[from] WebError),
    /// The application could not start.
    #[error("Conch could not start: {0}")]
    Start(String),
    /// A database that cannot be opened could not be replaced or read.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// A message could not be read as Markdown: a fault of ours.
    #[error("Conch made a mistake while it read these messages")]
    Unreadable,
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What was not found.
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
    /// A file that goes with a message.
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

/// The stable name of an error, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// A send without any text.
    EmptyMessage,
    /// A send over the limit.
    MessageTooLong,
    /// An answer is being written already.
    GenerationInProgress,
    /// An id names nothing.
    NotFound,
    /// An argument makes no sense.
    InvalidArgument,
    /// The application is quitting.
    ShuttingDown,
    /// The system's keychain cannot be used: a key may be kept elsewhere.
    KeychainUnavailable,
    /// The file of keys cannot be used.
    KeyFileUnusable,
    /// An image could not be loaded.
    ImageUnavailable,
    /// A file is over its limit.
    AttachmentTooLarge,
    /// A file is damaged, locked, or has nothing to read in it.
    AttachmentUnreadable,
    /// A file of a kind that is not read.
    AttachmentKindUnsupported,
    /// More files than a message may have.
    AttachmentLimit,
    /// An attached file was removed, sent before, or is another conversation's.
    AttachmentGone,
    /// The model sees no images.
    ImagesNotSeen,
    /// More windows than may be open.
    WindowLimit,
    /// A pasted file is not on the system's clipboard, or no more.
    ClipboardChanged,
    /// No room left on the disk.
    DiskFull,
    /// The data folder cannot be written.
    DataFolderUnwritable,
    /// The database was written by a newer version.
    DatabaseNewer,
    /// The database is damaged.
    DatabaseCorrupt,
    /// The database file is something else.
    NotADatabase,
    /// The data folder is on a drive that a database may not be on, or open on another computer.
    DataFolderShared,
    /// A database that cannot be opened could not be replaced or read.
    RecoveryFailed,
    /// A fault of ours; the log has the details.
    Internal,
}

impl Error {
    /// The error's stable name.
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
