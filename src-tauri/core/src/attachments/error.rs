//! Why a file is not attached, or a message with files is not sent.

use conch_attachments::Refusal;

use crate::model::{ErrorCode, MAX_ATTACHMENTS};

/// Why a file is not attached, or a message with files is not sent. The typed text is kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "field names say it")]
pub enum AttachmentError {
    /// A file that was rejected.
    #[error("“{name}” was not attached: {refusal}")]
    Refused { name: String, refusal: Refusal },
    /// More files than one message may have.
    #[error(
        "A message can have at most {MAX_ATTACHMENTS} files: send these first, or remove one. “{name}” was not attached"
    )]
    TooMany {
        /// The first file over the limit.
        name: String,
    },
    /// A pasted file that the system clipboard does not name, or no longer names.
    #[error(
        "The file was not attached because it is no longer on the clipboard. Copy it again and paste"
    )]
    NotCopied,
    /// A pasted folder, device or other special file.
    #[error(
        "“{name}” was not attached: it is a folder or a special file. Attach ordinary files only"
    )]
    NoFile { name: String },
    /// A pasted file that could not be opened or read.
    #[error(
        "“{name}” was not attached: it could not be opened ({reason}). Copy it again and paste"
    )]
    Unopened {
        name: String,
        /// The operating system's error.
        reason: String,
    },
    /// A send with an attachment that was removed or sent meanwhile, or belongs to another conversation.
    #[error(
        "Nothing was sent: an attached file no longer exists. Another window may have sent or removed it. Remove it here and send again"
    )]
    Gone,
    /// A send of an image to a model without vision.
    #[error(
        "This model does not support images: choose another model or remove “{name}”. Nothing was sent"
    )]
    NoVision { name: String },
}

impl AttachmentError {
    /// Returns the stable error code.
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::Refused { refusal, .. } => match refusal {
                Refusal::TextTooLong | Refusal::FileTooLarge | Refusal::TooManyPixels { .. } => {
                    ErrorCode::AttachmentTooLarge
                }
                Refusal::Empty
                | Refusal::Damaged
                | Refusal::Encrypted
                | Refusal::NoText
                | Refusal::Unreadable => ErrorCode::AttachmentUnreadable,
                Refusal::OtherImage(_) | Refusal::OtherKind(_) | Refusal::Unknown => {
                    ErrorCode::AttachmentKindUnsupported
                }
            },
            Self::TooMany { .. } => ErrorCode::AttachmentLimit,
            Self::NotCopied => ErrorCode::ClipboardChanged,
            Self::NoFile { .. } => ErrorCode::AttachmentKindUnsupported,
            Self::Unopened { .. } => ErrorCode::AttachmentUnreadable,
            Self::Gone => ErrorCode::AttachmentGone,
            Self::NoVision { .. } => ErrorCode::ImagesNotSeen,
        }
    }
}
