//! Parses source into blocks: the syntax variants, and the order of the passes.

use std::borrow::Cow;

use pulldown_cmark::{Options, Parser};

use crate::block::Block;
use crate::builder::Builder;
use crate::delimiters::normalized;

/// The variant of Markdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// CommonMark without extensions.
    CommonMark,
    /// Also tables, strikethrough, task lists, footnotes and bare addresses as GitHub reads them, and
    /// formulas between dollar signs or in TeX's brackets.
    Chat,
}

/// Parses a message into blocks.
///
/// Any text is a document; none is refused. Elements nested beyond the depth limit are kept as plain text.
pub fn parse(source: &str) -> Vec<Block> {
    parse_as(source, Syntax::Chat)
}

/// Parses a text in the given syntax into blocks.
pub fn parse_as(source: &str, syntax: Syntax) -> Vec<Block> {
    read(source, syntax).blocks
}

/// The result of parsing a text.
pub(crate) struct Reading {
    pub(crate) blocks: Vec<Block>,
    /// Whether something in it affects blocks before or after it: a definition, a numbered equation.
    pub(crate) has_cross_references: bool,
    /// The start of the last block that is independent of what comes before and after it.
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
    // Normalization keeps line endings, so line numbers are still those of the source.
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
