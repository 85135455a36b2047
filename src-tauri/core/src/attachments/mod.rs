//! Files that go with a message: read when they are attached, kept with what is typed, and from the
//! send on with the message.
//!
//! What a file is and what is shown of it is [`conch_attachments`]'s; [`read()`] keeps that off the
//! runtime's workers. How many tokens it costs is estimated here, where it is stored with it. What a
//! model is given is in [`chat::attached`](crate::chat), the binding to a message in the
//! [store](crate::store)'s send.

mod copied;
mod error;
mod read;

use serde::Serialize;
use specta::Type;

pub(crate) use copied::Copied;
pub use error::AttachmentError;
pub(crate) use read::read;

use crate::ids::{AttachmentId, ConversationId};

/// The most files of a message.
pub const MAX_ATTACHMENTS: usize = 10;

/// The longest name of a file that is kept, in characters.
const MAX_NAME_CHARS: usize = 200;

/// Pixels of an image in a token: as Anthropic counts
/// (<https://platform.claude.com/docs/en/build-with-claude/vision>), who counts most of them.
const PIXELS_PER_TOKEN: u32 = 750;

/// What a page needs to know before it lets a file be attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentLimits {
    /// The most files of a message.
    pub files: usize,
    /// The most bytes of a text.
    pub text_bytes: usize,
    /// The most bytes of an image or a PDF.
    pub file_bytes: usize,
}

/// The limits.
pub const LIMITS: AttachmentLimits = AttachmentLimits {
    files: MAX_ATTACHMENTS,
    text_bytes: conch_attachments::TEXT_LIMIT,
    file_bytes: conch_attachments::FILE_LIMIT,
};

/// What a file is shown to models as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum AttachmentKind {
    /// Text or code.
    Text,
    /// A picture.
    Image,
    /// The text of a PDF.
    Pdf,
}

impl AttachmentKind {
    /// The name in the database, which is also the name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Pdf => "pdf",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let kinds = [Self::Text, Self::Image, Self::Pdf];
        kinds.into_iter().find(|kind| kind.name() == name)
    }
}

/// A file as pages list it; what is in it is asked for by its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentSummary {
    /// Its id.
    pub id: AttachmentId,
    /// The file's name, without a path.
    pub name: String,
    /// What it is shown to models as.
    pub kind: AttachmentKind,
    /// Bytes of the file.
    pub bytes: u32,
    /// Tokens that it costs in each request, estimated.
    pub tokens: u32,
    /// Pixels across, of an image as it is kept.
    pub width: Option<u32>,
    /// Pixels down.
    pub height: Option<u32>,
    /// Pages of a PDF.
    pub pages: Option<u32>,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAttachment {
    /// What is told of it.
    pub summary: AttachmentSummary,
    /// In whose composer; `None` for the conversation that does not exist yet.
    pub conversation_id: Option<ConversationId>,
    /// What is kept of it.
    pub content: AttachmentContent,
}

/// What is kept of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttachmentContent {
    /// The text of a text or a PDF.
    Text(String),
    /// An image.
    Image {
        /// `image/png` or `image/jpeg`.
        media_type: String,
        /// The encoded bytes.
        data: Vec<u8>,
    },
}

impl AttachmentContent {
    /// What it is on the wire.
    pub(crate) fn media_type(&self) -> &str {
        match self {
            Self::Text(_) => "text/plain",
            Self::Image { media_type, .. } => media_type,
        }
    }
}

/// Tokens of an image, estimated.
pub(crate) fn image_tokens(width: u32, height: u32) -> u32 {
    width.saturating_mul(height).div_ceil(PIXELS_PER_TOKEN)
}

/// A file's name as it can be shown in a line: without its path and whatever breaks a line.
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
