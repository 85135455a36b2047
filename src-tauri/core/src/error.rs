//! The errors of the core, with the messages shown to the user.
//!
//! Every error has a stable [`ErrorCode`] for programs and a message for people that says what to do next. A
//! failed generation is not an `Error` of a command: it ends as a message with status `failed` (see
//! [`Failure`](crate::provider::Failure)).

use std::io;
use std::path::PathBuf;

use conch_gguf::Fault;

use crate::attachments::AttachmentError;
use crate::keys::KeyError;
use crate::model::{BranchId, Entity, ErrorCode, MAX_QUEUED};
use crate::store::{SalvageError, StoreError};
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
    #[error("There is nothing to send. Type a message first")]
    EmptyMessage,
    /// A send over [`MESSAGE_LIMIT`].
    #[error(
        "This message is {bytes} bytes long, and the limit is {MESSAGE_LIMIT} (1 MiB). Shorten it, or send it in parts"
    )]
    MessageTooLong {
        /// Bytes of UTF-8.
        bytes: usize,
    },
    /// `send_message` while the conversation may not start another answer.
    #[error("Please wait for the current response to complete before sending another message")]
    SendWhileGenerating {
        /// The branch that holds the lock.
        branch_id: BranchId,
    },
    /// `generate_response` while the conversation may not start another answer.
    #[error("A generation is already in progress for this conversation")]
    GenerateWhileGenerating {
        /// The branch that holds the lock.
        branch_id: BranchId,
    },
    /// A send to a queue that holds [`MAX_QUEUED`] messages.
    #[error(
        "{MAX_QUEUED} messages are waiting already. Wait until one is sent, or remove one. Your text is kept"
    )]
    QueueFull,
    /// An id that does not exist.
    #[error("{0} not found")]
    NotFound(Entity),
    /// A conversation whose time for Undo is over, or that never existed.
    #[error("This conversation was permanently deleted: a deletion can be undone for ten seconds")]
    Purged,
    /// The model of a queued message is not configured any more; the text says which.
    #[error("{0}")]
    ModelGone(String),
    /// The text says which argument is invalid, and how to correct it.
    #[error("{0}")]
    InvalidArgument(&'static str),
    /// The application is quitting.
    #[error("Conch is closing. Nothing was sent")]
    ShuttingDown,
    /// A file could not be attached, or a message with files could not be sent.
    #[error(transparent)]
    Attachment(#[from] AttachmentError),
    /// A key could not be stored or found.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A file cannot be the built-in model.
    #[error(transparent)]
    ModelFile(#[from] Fault),
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
    #[error("Internal error: these messages could not be read")]
    Unreadable,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// Returns the branch that holds the lock, where a lock is the reason.
    pub fn branch_id(&self) -> Option<&BranchId> {
        match self {
            Self::SendWhileGenerating { branch_id }
            | Self::GenerateWhileGenerating { branch_id } => Some(branch_id),
            _ => None,
        }
    }

    /// Returns the error's stable name.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::EmptyMessage => ErrorCode::EmptyMessage,
            Self::MessageTooLong { .. } => ErrorCode::MessageTooLong,
            Self::SendWhileGenerating { .. } | Self::GenerateWhileGenerating { .. } => {
                ErrorCode::GenerationInProgress
            }
            Self::QueueFull => ErrorCode::QueueFull,
            Self::NotFound(_) | Self::Purged => ErrorCode::NotFound,
            Self::ShuttingDown => ErrorCode::ShuttingDown,
            Self::Attachment(error) => error.code(),
            Self::Key(error) => error.code(),
            Self::InvalidArgument(_)
            | Self::ModelGone(_)
            | Self::Web(WebError::Link | WebError::LongAddress { .. } | WebError::ImageAddress) => {
                ErrorCode::InvalidArgument
            }
            Self::Web(_) => ErrorCode::ImageUnavailable,
            Self::ModelFile(fault) => match fault {
                Fault::Missing { .. } => ErrorCode::ModelMissing,
                Fault::NotGguf { .. } => ErrorCode::ModelNotGguf,
                Fault::Damaged { .. } => ErrorCode::ModelDamaged,
                Fault::Split { .. } => ErrorCode::ModelIncomplete,
                Fault::NotForChat { .. } => ErrorCode::ModelNotForChat,
                Fault::Unsupported { .. } => ErrorCode::ModelUnsupported,
            },
            Self::Start(_) | Self::Unreadable => ErrorCode::Internal,
            Self::Recovery(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }
}

/// Why the database could not be replaced or salvaged. It is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "field names say it")]
pub enum RecoveryError {
    /// The backup no longer exists.
    #[error("This backup no longer exists. Choose another")]
    BackupGone,
    /// The backup is damaged, too.
    #[error("This backup cannot be used: {0}. Choose another")]
    BackupUnusable(#[source] StoreError),
    /// Another process has the database open.
    #[error("Another instance of Conch is using this data folder. Close it and try again")]
    OpenElsewhere,
    /// Not a single conversation can be read.
    #[error("Nothing in the database can be read. Start with a backup or an empty database")]
    NothingReadable,
    /// The data folder cannot be written.
    #[error("The data folder {} could not be changed ({source}). Nothing is lost. Correct this and try again", path.display())]
    Folder { path: PathBuf, source: io::Error },
    /// What can be read could not be saved.
    #[error("The readable data could not be saved: {0}")]
    Salvage(#[source] SalvageError),
}

impl RecoveryError {
    /// Returns the error's stable name.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::BackupGone => ErrorCode::NotFound,
            Self::Folder { .. } => ErrorCode::DataFolderUnwritable,
            Self::BackupUnusable(error) => error.code(),
            Self::OpenElsewhere | Self::NothingReadable | Self::Salvage(_) => {
                ErrorCode::RecoveryFailed
            }
        }
    }
}
