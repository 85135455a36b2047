//! The stable names of errors.

use serde::Serialize;

/// The kind of thing that was not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "variant names say it")]
pub enum Entity {
    Conversation,
    Branch,
    Message,
    Provider,
    Attachment,
    QueuedMessage,
}

impl std::fmt::Display for Entity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Conversation => "Conversation",
            Self::Branch => "Branch",
            Self::Message => "Message",
            Self::Provider => "Provider",
            Self::Attachment => "Attachment",
            Self::QueuedMessage => "Queued message",
        })
    }
}

/// The stable name of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "variant names say it")]
pub enum ErrorCode {
    /// A send without text or files.
    EmptyMessage,
    /// A send over the limit.
    MessageTooLong,
    /// An answer is already being generated.
    GenerationInProgress,
    /// As many messages wait on the branch as may.
    QueueFull,
    /// An id does not exist.
    NotFound,
    InvalidArgument,
    /// The application is quitting.
    ShuttingDown,
    /// The system's keychain cannot be used; a key can be stored elsewhere.
    KeychainUnavailable,
    KeyFileUnusable,
    /// A remote image in a message could not be loaded.
    ImageUnavailable,
    AttachmentTooLarge,
    /// A file is damaged, password-protected, or has no readable content.
    AttachmentUnreadable,
    AttachmentKindUnsupported,
    /// More files than a message can have.
    AttachmentLimit,
    /// An attached file was removed, already sent, or belongs to another conversation.
    AttachmentGone,
    /// The model does not support images.
    ImagesNotSeen,
    WindowLimit,
    /// A pasted file is not on the system's clipboard any more.
    ClipboardChanged,
    DiskFull,
    DataFolderUnwritable,
    /// The database was written by a newer version of Conch.
    DatabaseNewer,
    DatabaseCorrupt,
    /// The database file is not an SQLite database.
    NotADatabase,
    /// The data folder is on a drive that cannot hold a database, or is open on another computer.
    DataFolderShared,
    /// A database that cannot be opened could not be replaced or salvaged.
    RecoveryFailed,
    /// The model file does not exist, or cannot be opened.
    ModelMissing,
    ModelNotGguf,
    /// The model file is cut off, or malformed.
    ModelDamaged,
    /// Not all parts of the model are in one folder.
    ModelIncomplete,
    /// The file is a model that writes no text, such as an embedding model.
    ModelNotForChat,
    /// llama.cpp in this version of Conch cannot load the model.
    ModelUnsupported,
    /// A bug in Conch; the log has the details.
    Internal,
}
