//! Why a file is not attached, or a message with files is not sent.

use conch_attachments::Refusal;

use super::MAX_ATTACHMENTS;
use crate::error::ErrorCode;

/// Why a file is not attached, or a message with files is not sent. The typed text is kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttachmentError {
    /// A file that was rejected.
    #[error("“{name}” was not attached: {refusal}")]
    Refused {
        /// The file's name.
        name: String,
        /// The reason.
        refusal: Refusal,
    },
    /// More files than one message may have.
    #[error(
        "A message takes {MAX_ATTACHMENTS} files at most: send these first, or remove one. “{name}” was not attached"
    )]
    TooMany {
        /// The first file over the limit.
        name: String,
    },
    /// A pasted file that the system clipboard does not name, or no longer names.
    #[error(
        "The clipboard holds this file no more, so it was not attached: copy it again and paste"
    )]
    NotCopied,
    /// A pasted folder, device or other special file.
    #[error(
        "“{name}” was not attached: it is a folder or no ordinary file. Attach the files in it"
    )]
    NoFile {
        /// Its name.
        name: String,
    },
    /// A pasted file that could not be opened or read.
    #[error(
        "“{name}” was not attached: it could not be opened ({reason}). Copy it again and paste"
    )]
    Unopened {
        /// The file's name.
        name: String,
        /// The operating system's error.
        reason: String,
    },
    /// A send with an attachment that was removed or sent meanwhile, or belongs to another conversation.
    #[error(
        "An attached file is not there any more, another window may have sent or removed it: remove it here and send again. Nothing was sent"
    )]
    Gone,
    /// A send of an image to a model without vision.
    #[error(
        "This model cannot see images: choose another model, or remove “{name}”. Nothing was sent"
    )]
    NoVision {
        /// The image's name.
        name: String,
    },
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
