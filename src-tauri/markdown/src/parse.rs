//! From source to blocks: which syntax is read, and in which order the passes go.

use std::borrow::Cow;

use pulldown_cmark::{Options, Parser};

use crate::block::Block;
use crate::builder::Builder;
use crate::delimiters::settled;

/// What is Markdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// CommonMark and nothing else.
    CommonMark,
    /// Also tables, strikethrough, task lists, footnotes and bare addresses as GitHub reads them, and
    /// formulas between dollar signs or in TeX's own brackets.
    Chat,
}

/// The blocks of a message.
///
/// Any text is a document; none is refused. What is nested deeper than anybody writes is kept as the
/// text that it is.
pub fn parse(source: &str) -> Vec<Block> {
    parse_as(source, Syntax::Chat)
}

/// The blocks of a text in the given syntax.
pub fn parse_as(source: &str, syntax: Syntax) -> Vec<Block> {
    let (options, source) = match syntax {
        Syntax::CommonMark => (Options::empty(), Cow::Borrowed(source)),
        Syntax::Chat => {
            let options = Options::ENABLE_TABLES
                | Options::ENABLE_STRIKETHROUGH
                | Options::ENABLE_TASKLISTS
                | Options::ENABLE_FOOTNOTES
                | Options::ENABLE_MATH;
            (options, settled(source, options))
        }
    };
    let mut builder = Builder::new(&source, syntax);
    for (event, range) in Parser::new_ext(&source, options).into_offset_iter() {
        builder.take(event, range);
    }
    builder.finish()
}
