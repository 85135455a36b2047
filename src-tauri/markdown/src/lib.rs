//! Markdown as typed blocks.
//!
//! [`parse()`] reads CommonMark with tables, strikethrough, task lists, footnotes, formulas and bare
//! addresses; [`highlight()`] colours code; [`patch()`] says what turns the blocks that were told into
//! those of now, so that a text that is being written crosses to the page piece by piece. A [`IncrementalParser`] is such
//! a text, and its blocks are always those that a parse of the whole gives: what streams equals what is final.
//! [`text_of`] says what blocks say without their form.
//!
//! No HTML is made here, and none is understood: it is text. Neither is anything fetched or opened;
//! [`web_address`] says what may be.

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

pub use address::web_address;
pub use block::{Alignment, Block, Footnote, Inline, ListItem};
pub use highlight::{Token, TokenKind, highlight};
pub use incremental::IncrementalParser;
pub use math::{Math, MathNode};
pub use parse::{Syntax, parse, parse_as};
pub use patch::{Patch, apply, patch};
pub use plain::text_of;
