//! Attachments: the type of a file, and what a model can be shown of it.
//!
//! Files are untrusted, so everything is bounded: the size, an image's pixels, the text of a PDF. The type is
//! detected by content, never by the name alone. This crate is pure and knows no message, database or window;
//! its functions block, so callers run them off the async and UI threads. PDFs are the exception: a malicious
//! file can make the PDF reader recurse and panic, so it runs in a separate process, see [`serve_pdf`].

mod image;
mod kind;
mod pdf;
mod refusal;
mod text;

pub use image::{Image, MAX_SIDE, read_image};
pub use kind::{Kind, kind_of};
pub use pdf::{Pdf, PdfAnswer, serve_pdf};
pub use refusal::Refusal;
pub use text::read_text;

/// The maximum size of a text file, and of the text of a PDF, in bytes.
pub const TEXT_LIMIT: usize = 1_000_000;

/// The maximum size of an image or a PDF file, in bytes.
pub const FILE_LIMIT: usize = 20_000_000;
