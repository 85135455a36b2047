//! Why a file is not attached, or not sent.

use conch_attachments::Refusal;

use super::MAX_ATTACHMENTS;
use crate::error::ErrorCode;

/// Why a file is not attached, or a message with files not sent. What was typed is kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttachmentError {
    /// A file that is not read.
    #[error("“{name}” was not attached: {refusal}")]
    Refused {
        /// Whose.
        name: String,
        /// Why.
        refusal: Refusal,
    },
    /// More files than a message may have.
    #[error(
        "A message takes {MAX_ATTACHMENTS} files at most: send these first, or remove one. “{name}” was not attached"
    )]
    TooMany {
        /// The file that would be one too many.
        name: String,
    },
    /// A pasted file that the system's clipboard does not name, or no more.
    #[error(
        "The clipboard holds this file no more, so it was not attached: copy it again and paste"
    )]
    NotCopied,
    /// A pasted folder, device or the like.
    #[error(
        "“{name}” was not attached: it is a folder or no ordinary file. Attach the files in it"
    )]
    NoFile {
        /// What.
        name: String,
    },
    /// A pasted file that could not be opened or read.
    #[error(
        "“{name}” was not attached: it could not be opened ({reason}). Copy it again and paste"
    )]
    Unopened {
        /// Which.
        name: String,
        /// What the operating system said.
        reason: String,
    },
    /// A send with a file that was removed or sent meanwhile, or is another conversation's.
    #[error(
        "An attached file is not there any more, another window may have sent or removed it: remove it here and send again. Nothing was sent"
    )]
    Gone,
    /// A send of an image to a model that sees none.
    #[error(
        "This model cannot see images: choose another model, or remove “{name}”. Nothing was sent"
    )]
    NoVision {
        /// The image.
        name: String,
    },
}

impl AttachmentError {
    /// The error's stable name.
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
