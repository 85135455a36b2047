//! Files attached to messages.

use serde::Serialize;
use specta::Type;

use super::{AttachmentId, Composer, named};

/// Maximum number of files per message.
pub const MAX_ATTACHMENTS: usize = 10;

named! {
    /// The form in which a file is sent to models.
    AttachmentKind {
        /// Text or code.
        Text = "text",
        /// Sent to models that accept images.
        Image = "image",
        /// The text of a PDF.
        Pdf = "pdf",
    }
}

/// A file as pages list it; its content is loaded by its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "field names say it")]
pub struct AttachmentSummary {
    pub id: AttachmentId,
    /// The file's name, without a path.
    pub name: String,
    /// The form in which it is sent to models.
    pub kind: AttachmentKind,
    /// Size of the file in bytes.
    pub bytes: u32,
    /// Estimated tokens that it adds to each request.
    pub tokens: u32,
    /// In pixels, of a stored image; null for other files.
    pub width: Option<u32>,
    /// In pixels, of a stored image; null for other files.
    pub height: Option<u32>,
    /// Of a PDF; null for other files.
    pub pages: Option<u32>,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "field names say it")]
pub struct NewAttachment {
    /// The summary that pages list.
    pub summary: AttachmentSummary,
    /// Where it waits until it is sent.
    pub composer: Composer,
    pub content: AttachmentContent,
}

/// The stored content of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttachmentContent {
    /// The text of a text file or a PDF.
    Text(String),
    /// An image as it is stored: upright, scaled down, without metadata.
    Image {
        /// `image/png` or `image/jpeg`.
        media_type: String,
        /// The encoded bytes.
        data: Vec<u8>,
    },
}

impl AttachmentContent {
    /// Returns the media type on the wire.
    pub fn media_type(&self) -> &str {
        match self {
            Self::Text(_) => "text/plain",
            Self::Image { media_type, .. } => media_type,
        }
    }
}
