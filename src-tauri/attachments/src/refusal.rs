//! Why a file is not attached.

use serde::{Deserialize, Serialize};

/// Why a file is not attached. Each says what to do next; whose file it is, the caller says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "type", content = "of", rename_all = "snake_case")]
pub enum Refusal {
    /// Nothing is in it.
    #[error("the file is empty")]
    Empty,
    /// A text over [`TEXT_LIMIT`](crate::TEXT_LIMIT).
    #[error("it has more than 1 MB of text: attach the part that matters")]
    TextTooLong,
    /// A file over [`FILE_LIMIT`](crate::FILE_LIMIT).
    #[error("it has more than 20 MB: attach a smaller one")]
    FileTooLarge,
    /// An image of more pixels than are decoded.
    #[error("it has {width} × {height} pixels, more than 64 million: attach a smaller copy")]
    TooManyPixels {
        /// Across.
        width: u32,
        /// Down.
        height: u32,
    },
    /// It is what is read, but damaged.
    #[error("the file is damaged or cut off: save or download it again")]
    Damaged,
    /// A PDF that asks for a password.
    #[error("it is protected by a password: save a copy without one")]
    Encrypted,
    /// A PDF of pictures.
    #[error("there is no text in it, it may be a scan: attach its pages as images")]
    NoText,
    /// Reading it took too long, or ended the process that read it.
    #[error("it could not be read: print it to a new PDF, or attach its text")]
    Unreadable,
    /// An image of another kind.
    #[error("images of this kind ({0}) are not read: save it as PNG or JPEG")]
    OtherImage(String),
    /// Something else that is known.
    #[error(
        "files of this kind ({0}) are not read: only text, code, PDF, PNG, JPEG, GIF and WebP are"
    )]
    OtherKind(String),
    /// Something else.
    #[error("it is no text: only text, code, PDF, PNG, JPEG, GIF and WebP are read")]
    Unknown,
}
