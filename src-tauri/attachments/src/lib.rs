//! Files that go with a message: what each is, and what a model can be shown of it.
//!
//! A stranger's file is read here, so everything is bounded: its size, an image's pixels, the text of a
//! PDF. What a file is, is decided by what is in it, never by its name alone. This crate is pure and
//! knows no message, no database and no window; whoever calls it keeps it off the threads that others
//! wait for. PDFs are the exception: what reads them may recurse and panic at a file's will, so it runs
//! in a process of its own, which is [`serve_pdf`].

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

/// The most bytes of a text, and of the text of a PDF.
pub const TEXT_LIMIT: usize = 1_000_000;

/// The most bytes of an image or a PDF.
pub const FILE_LIMIT: usize = 20_000_000;
