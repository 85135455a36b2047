//! Files attached to messages: read when they are attached, stored with the draft, and bound to the message
//! by the send.
//!
//! File types and previews are in [`conch_attachments`]; [`read()`] runs that off the runtime's workers. The
//! token estimate is made here, where it is stored with the file. What the model receives is in
//! [`turns::attached`](crate::turns), the binding to a message in the send of the [store](crate::store).

mod copied;
mod error;
mod read;

use serde::Serialize;

pub(crate) use copied::Copied;
pub use error::AttachmentError;
pub(crate) use read::read;

use crate::model::MAX_ATTACHMENTS;

/// Maximum length of a stored file name, in characters.
const MAX_NAME_CHARS: usize = 200;

/// Pixels per token of an image, as Anthropic counts
/// (<https://platform.claude.com/docs/en/build-with-claude/vision>), whose count is the highest known.
const PIXELS_PER_TOKEN: u32 = 750;

/// The limits that a page checks before it attaches a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentLimits {
    /// Maximum number of files per message.
    pub files: usize,
    /// Maximum size of a text file, in bytes.
    pub text_bytes: usize,
    /// Maximum size of an image or a PDF, in bytes.
    pub file_bytes: usize,
}

/// The limits.
pub const LIMITS: AttachmentLimits = AttachmentLimits {
    files: MAX_ATTACHMENTS,
    text_bytes: conch_attachments::TEXT_LIMIT,
    file_bytes: conch_attachments::FILE_LIMIT,
};

/// Estimates the tokens of an image.
pub(crate) fn image_tokens(width: u32, height: u32) -> u32 {
    width.saturating_mul(height).div_ceil(PIXELS_PER_TOKEN)
}

/// Returns a file name that fits on one line: without its path and without line breaks.
pub(crate) fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain = last.replace(char::is_control, " ");
    let plain: String = plain.trim().chars().take(MAX_NAME_CHARS).collect();
    if plain.is_empty() {
        "file".to_owned()
    } else {
        plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line_without_its_path() {
        assert_eq!(plain_name("C:\\Users\\me\\notes.txt"), "notes.txt");
        assert_eq!(plain_name("../a\nb.rs"), "a b.rs");
        assert_eq!(plain_name("/"), "file");
        assert_eq!(plain_name(&"x".repeat(999)).len(), MAX_NAME_CHARS);
    }

    #[test]
    fn an_image_costs_by_its_pixels() {
        assert_eq!(image_tokens(1568, 784), 1640);
        assert_eq!(image_tokens(1, 1), 1);
    }
}
