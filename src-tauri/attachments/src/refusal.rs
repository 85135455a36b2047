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
    #[error("it has more than 1 MB of text. Attach only the part that matters")]
    TextTooLong,
    /// A file over [`FILE_LIMIT`](crate::FILE_LIMIT).
    #[error("it is larger than 20 MB. Attach a smaller file")]
    FileTooLarge,
    /// An image with more pixels than the decoding limit.
    #[error("it has {width} × {height} pixels, more than 64 million. Attach a smaller copy")]
    TooManyPixels {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// A file of a supported kind that is damaged.
    #[error("the file is damaged or incomplete. Save or download it again")]
    Damaged,
    /// A PDF that requires a password.
    #[error("it is password-protected. Attach a copy without a password")]
    Encrypted,
    /// A PDF without text, such as a scan.
    #[error("it contains no text and may be a scan. Attach its pages as images")]
    NoText,
    /// Reading timed out, or crashed the child process.
    #[error("it could not be read. Print it to a new PDF, or attach its text")]
    Unreadable,
    /// An image in an unsupported format.
    #[error("{0} images are not supported. Save it as PNG or JPEG")]
    OtherImage(String),
    /// A known file type that is not supported.
    #[error("{0} files are not supported. Attach text, code, PDF, PNG, JPEG, GIF or WebP files")]
    OtherKind(String),
    /// An unknown file type.
    #[error("its file type is not supported. Attach text, code, PDF, PNG, JPEG, GIF or WebP files")]
    Unknown,
}
