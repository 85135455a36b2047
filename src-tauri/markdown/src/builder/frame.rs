//! Open elements while a document is built, and their running text.

use std::mem;

use crate::bare_links::link_addresses;
use crate::block::{Alignment, Block, Inline, ListItem};
use crate::fence::Fence;
use crate::parse::Syntax;

/// An open element.
pub(super) struct Frame {
    pub(super) open: Open,
    pub(super) blocks: Vec<Block>,
    /// Running text: of an inline, of a paragraph, or directly in an item of a tight list.
    pub(super) inlines: Vec<Inline>,
    /// Whether the running text continues after a display formula, which became a block.
    resumed: bool,
}

pub(super) enum Open {
    Document,
    Paragraph,
    Heading(u8),
    Quote,
    List {
        start: Option<u32>,
        tight: bool,
        items: Vec<ListItem>,
    },
    Item {
        checked: Option<bool>,
    },
    Footnote(String),
    Table {
        alignments: Vec<Alignment>,
        header: Vec<Vec<Inline>>,
        rows: Vec<Vec<Vec<Inline>>>,
    },
    Header(Vec<Vec<Inline>>),
    Row(Vec<Vec<Inline>>),
    Cell,
    Code {
        language: Option<String>,
        text: String,
        fence: Option<Fence>,
    },
    Html(String),
    Emphasis,
    Strong,
    Strikethrough,
    Link {
        destination: String,
        title: String,
    },
    Image {
        destination: String,
        title: String,
    },
}

impl Open {
    /// Whether it contains blocks, so that running text in it forms an implicit paragraph.
    pub(super) fn holds_blocks(&self) -> bool {
        matches!(
            self,
            Self::Document | Self::Quote | Self::Item { .. } | Self::Footnote(_)
        )
    }
}

impl Frame {
    pub(super) fn new(open: Open) -> Self {
        Self {
            open,
            blocks: Vec::new(),
            inlines: Vec::new(),
            resumed: false,
        }
    }

    /// Takes the running text so far, without the breaks next to the display formulas removed from it.
    pub(super) fn take_prose(&mut self, syntax: Syntax, ends_at_formula: bool) -> Vec<Inline> {
        let mut inlines = mem::take(&mut self.inlines);
        if mem::replace(&mut self.resumed, ends_at_formula) {
            trim_start(&mut inlines);
        }
        if ends_at_formula {
            trim_end(&mut inlines);
        }
        match syntax {
            Syntax::CommonMark => inlines,
            Syntax::Chat => link_addresses(inlines),
        }
    }

    /// Takes the running text of an inline or of a leaf block; a container keeps it as a block.
    pub(super) fn take_inlines(&mut self, syntax: Syntax) -> Vec<Inline> {
        match self.open {
            Open::Paragraph | Open::Heading(_) | Open::Cell => self.take_prose(syntax, false),
            _ if self.open.holds_blocks() => {
                self.end_paragraph(syntax, false);
                Vec::new()
            }
            _ => mem::take(&mut self.inlines),
        }
    }

    /// Ends the implicit paragraph, if there is one.
    pub(super) fn end_paragraph(&mut self, syntax: Syntax, ends_at_formula: bool) {
        let inlines = self.take_prose(syntax, ends_at_formula);
        if !inlines.is_empty() {
            self.blocks.push(Block::Paragraph { inlines });
        }
    }
}

fn trim_start(inlines: &mut Vec<Inline>) {
    let breaks = inlines
        .iter()
        .take_while(|inline| match inline {
            Inline::SoftBreak | Inline::HardBreak => true,
            Inline::Text { text } => text.trim().is_empty(),
            _ => false,
        })
        .count();
    inlines.drain(..breaks);
    if let Some(Inline::Text { text }) = inlines.first_mut() {
        *text = text.trim_start().to_owned();
    }
}

fn trim_end(inlines: &mut Vec<Inline>) {
    while let Some(last) = inlines.last_mut() {
        match last {
            Inline::SoftBreak | Inline::HardBreak => {}
            Inline::Text { text } => {
                text.truncate(text.trim_end().len());
                if !text.is_empty() {
                    return;
                }
            }
            _ => return,
        }
        inlines.pop();
    }
}
