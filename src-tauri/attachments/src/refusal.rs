//! Reasons why a file is not attached.

use serde::{Deserialize, Serialize};

/// The reason why a file is not attached. Each message says what to do next; the caller names the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "type", content = "of", rename_all = "snake_case")]
pub enum Refusal {
    /// The file is empty.
    #[error("the file is empty")]
    Empty,
    /// A text over [`TEXT_LIMIT`](crate::TEXT_LIMIT).
    #[error("it has more than 1 MB of text: attach the part that matters")]
    TextTooLong,
    /// A file over [`FILE_LIMIT`](crate::FILE_LIMIT).
    #[error("it has more than 20 MB: attach a smaller one")]
    FileTooLarge,
    /// An image with more pixels than the decoding limit.
    #[error("it has {width} × {height} pixels, more than 64 million: attach a smaller copy")]
    TooManyPixels {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// A file of a supported kind that is damaged.
    #[error("the file is damaged or cut off: save or download it again")]
    Damaged,
    /// A PDF that requires a password.
    #[error("it is protected by a password: save a copy without one")]
    Encrypted,
    /// A PDF without text, such as a scan.
    #[error("there is no text in it, it may be a scan: attach its pages as images")]
    NoText,
    /// Reading timed out, or crashed the child process.
    #[error("it could not be read: print it to a new PDF, or attach its text")]
    Unreadable,
    /// An image in an unsupported format.
    #[error("images of this kind ({0}) are not read: save it as PNG or JPEG")]
    OtherImage(String),
    /// A known file type that is not supported.
    #[error(
        "files of this kind ({0}) are not read: only text, code, PDF, PNG, JPEG, GIF and WebP are"
    )]
    OtherKind(String),
    /// An unknown file type.
    #[error("it is no text: only text, code, PDF, PNG, JPEG, GIF and WebP are read")]
    Unknown,
}
