//! Markdown as typed blocks.
//!
//! [`parse()`] reads CommonMark with tables, strikethrough, task lists, footnotes, formulas and bare
//! addresses; [`highlight()`] splits code into tokens; [`patch()`] returns the difference between two lists of
//! blocks, so that a streamed text is sent to the page incrementally. An [`IncrementalParser`] holds such a
//! text, and its blocks always equal a parse of the whole: the streamed result is the final one. [`text_of`]
//! returns the plain text of blocks.
//!
//! No HTML is generated or interpreted here: it is text. Neither is anything fetched or opened;
//! [`web_address`](conch_model::web_address) decides what may be.

#![expect(clippy::doc_markdown, reason = "CommonMark and MathML are names")]

mod address;
mod bare_links;
mod block;
mod builder;
mod delimiters;
mod fence;
mod footnotes;
mod highlight;
mod incremental;
mod math;
mod parse;
mod patch;
mod plain;

pub use block::{Alignment, Block, Footnote, Inline, ListItem};
pub use highlight::{Token, TokenKind, highlight};
pub use incremental::IncrementalParser;
pub use math::{Math, MathNode};
pub use parse::{Syntax, parse, parse_as};
pub use patch::{Patch, apply, patch};
pub use plain::text_of;
