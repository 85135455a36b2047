//! From source to blocks: which syntax is read, and in which order the passes go.

use std::borrow::Cow;

use pulldown_cmark::{Options, Parser};

use crate::block::Block;
use crate::builder::Builder;
use crate::delimiters::normalized;

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
    read(source, syntax).blocks
}

/// What reading a text gave.
pub(crate) struct Reading {
    pub(crate) blocks: Vec<Block>,
    /// Something in it has a say in blocks before or after it: a definition, a counted equation.
    pub(crate) has_cross_references: bool,
    /// The last block that starts anew, whatever comes before it or after.
    pub(crate) start: Option<Start>,
}

/// Where a block starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Start {
    /// How many blocks come before it.
    pub(crate) blocks: usize,
    /// How many bytes of the text come before it.
    pub(crate) bytes: usize,
}

pub(crate) fn read(source: &str, syntax: Syntax) -> Reading {
    let (options, normalized) = match syntax {
        Syntax::CommonMark => (Options::empty(), Cow::Borrowed(source)),
        Syntax::Chat => {
            let options = Options::ENABLE_TABLES
                | Options::ENABLE_STRIKETHROUGH
                | Options::ENABLE_TASKLISTS
                | Options::ENABLE_FOOTNOTES
                | Options::ENABLE_MATH;
            (options, normalized(source, options))
        }
    };
    let mut builder = Builder::new(&normalized, syntax);
    let parser = Parser::new_ext(&normalized, options);
    let has_definitions = parser.reference_definitions().iter().next().is_some();
    for (event, range) in parser.into_offset_iter() {
        builder.handle_event(event, range);
    }
    let mut reading = builder.finish();
    reading.has_cross_references |= has_definitions;
    // What was put right changed no line's end, so that the lines are still those of the source.
    reading.start = reading.start.map(|start| Start {
        bytes: start_of_line(source, lines_before(&normalized, start.bytes)),
        ..start
    });
    reading
}

fn lines_before(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count()
}

fn start_of_line(text: &str, line: usize) -> usize {
    let ends = text.match_indices('\n').map(|(at, _)| at + 1);
    std::iter::once(0)
        .chain(ends)
        .nth(line)
        .unwrap_or(text.len())
}
