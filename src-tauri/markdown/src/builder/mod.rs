//! Builds blocks from the parser's events, with a stack of open elements.
//!
//! The parser's events are well nested, so an end always closes the top of the stack. The depth of the stack is
//! limited here and nowhere else, and every recursion over finished blocks may rely on it.

mod frame;

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, CowStr, Event, LinkType, Tag};

use crate::address;
use crate::block::{Alignment, Block, Inline, ListItem, plain_text, push_text};
use crate::fence::Fence;
use crate::footnotes::Notes;
use crate::math::{Formulas, Place};
use crate::parse::{Reading, Start, Syntax};
use frame::{Frame, Open};

/// The maximum nesting depth of blocks and inlines. Deeper ones are kept as text.
const MAX_DEPTH: usize = 48;

/// A document that is being built.
pub(crate) struct Builder<'a> {
    source: &'a str,
    syntax: Syntax,
    document: Frame,
    /// Open elements in the document, outermost first.
    frames: Vec<Frame>,
    /// Number of open elements within the part that is kept as text.
    skipped: usize,
    notes: Notes,
    formulas: Formulas,
    has_notes: bool,
    start: Option<Start>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(source: &'a str, syntax: Syntax) -> Self {
        Self {
            source,
            syntax,
            document: Frame::new(Open::Document),
            frames: Vec::new(),
            skipped: 0,
            notes: Notes::default(),
            formulas: Formulas::default(),
            has_notes: false,
            start: None,
        }
    }

    /// Handles the next event and its range in the source.
    pub(crate) fn handle_event(&mut self, event: Event<'_>, range: Range<usize>) {
        if matches!(event, Event::Start(_)) {
            self.mark_start(range.start);
        }
        if self.skipped > 0 {
            match event {
                Event::Start(_) => self.skipped += 1,
                Event::End(_) => self.skipped -= 1,
                _ => {}
            }
            return;
        }
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::End(_) => self.end(),
            Event::Text(text) | Event::Html(text) => self.text(&text, range.end),
            Event::Code(text) => self.inline(Inline::Code {
                text: text.into_string(),
            }),
            Event::InlineHtml(text) => {
                let inline = if is_line_break(&text) && self.is_in_cell() {
                    Inline::HardBreak
                } else {
                    Inline::Html {
                        text: text.into_string(),
                    }
                };
                self.inline(inline);
            }
            Event::InlineMath(source) => {
                let math = self.formulas.read(&source, Place::Line);
                self.inline(Inline::Math { math });
            }
            Event::DisplayMath(source) => self.display(&source),
            Event::FootnoteReference(label) => {
                let reference = self.notes.reference(&label);
                self.inline(reference);
            }
            Event::SoftBreak => self.inline(Inline::SoftBreak),
            Event::HardBreak => self.inline(Inline::HardBreak),
            Event::Rule => self.block(Block::Rule),
            Event::TaskListMarker(ticked) => {
                let boxes = self
                    .frames
                    .iter_mut()
                    .rev()
                    .find_map(|frame| match &mut frame.open {
                        Open::Item { checked } => Some(checked),
                        _ => None,
                    });
                if let Some(checked) = boxes {
                    *checked = Some(ticked);
                }
            }
        }
    }

    /// Closes all open elements and returns the document.
    pub(crate) fn finish(mut self) -> Reading {
        while !self.frames.is_empty() {
            self.end();
        }
        self.document.end_paragraph(self.syntax, false);
        Reading {
            has_cross_references: self.has_notes || self.formulas.are_counted(),
            blocks: self.notes.number(self.document.blocks),
            start: self.start,
        }
    }

    /// Records the start of a top-level block after a blank line. Once its first line has ended, no later text can
    /// merge it with the block before: until then it may still become the next item of a list.
    fn mark_start(&mut self, at: usize) {
        let (before, from) = self.source.split_at(at);
        if self.frames.is_empty()
            && self.skipped == 0
            && self.document.inlines.is_empty()
            && (before.ends_with("\n\n") || before.ends_with("\n\r\n"))
            && !from.starts_with([' ', '\t', '\r', '\n'])
            && from.contains('\n')
        {
            self.start = Some(Start {
                blocks: self.document.blocks.len(),
                bytes: at,
            });
        }
    }

    fn top(&mut self) -> &mut Frame {
        self.frames.last_mut().unwrap_or(&mut self.document)
    }

    fn start(&mut self, tag: Tag<'_>, range: Range<usize>) {
        let part = matches!(
            tag,
            Tag::Item | Tag::TableHead | Tag::TableRow | Tag::TableCell
        );
        if !part && self.frames.len() >= MAX_DEPTH {
            self.verbatim(range);
            return;
        }
        if matches!(tag, Tag::Paragraph) {
            self.loosen();
        }
        let Some(open) = self.opened(tag, range.clone()) else {
            self.verbatim(range);
            return;
        };
        self.frames.push(Frame::new(open));
    }

    /// Marks the list as loose, if a paragraph is opened directly in an item.
    fn loosen(&mut self) {
        if let [.., list, item] = &mut *self.frames
            && let (Open::List { tight, .. }, Open::Item { .. }) = (&mut list.open, &item.open)
        {
            *tight = false;
        }
    }

    /// Returns `None` for syntax that this crate does not enable in the parser.
    fn opened(&self, tag: Tag<'_>, range: Range<usize>) -> Option<Open> {
        Some(match tag {
            Tag::Paragraph => Open::Paragraph,
            Tag::Heading { level, .. } => Open::Heading(level as u8),
            Tag::BlockQuote(_) => Open::Quote,
            Tag::CodeBlock(kind) => {
                let (language, fence) = match kind {
                    CodeBlockKind::Indented => (None, None),
                    CodeBlockKind::Fenced(info) => (
                        info.split_whitespace().next().map(str::to_owned),
                        Some(Fence::new(self.source, range)),
                    ),
                };
                Open::Code {
                    language,
                    text: String::new(),
                    fence,
                }
            }
            Tag::HtmlBlock => Open::Html(String::new()),
            Tag::List(start) => Open::List {
                start: start.and_then(|start| u32::try_from(start).ok()),
                tight: true,
                items: Vec::new(),
            },
            Tag::Item => Open::Item { checked: None },
            Tag::FootnoteDefinition(label) => Open::Footnote(label.into_string()),
            Tag::Table(alignments) => Open::Table {
                alignments: alignments.into_iter().map(alignment).collect(),
                header: Vec::new(),
                rows: Vec::new(),
            },
            Tag::TableHead => Open::Header(Vec::new()),
            Tag::TableRow => Open::Row(Vec::new()),
            Tag::TableCell => Open::Cell,
            Tag::Emphasis => Open::Emphasis,
            Tag::Strong => Open::Strong,
            Tag::Strikethrough => Open::Strikethrough,
            Tag::Link {
                link_type,
                dest_url,
                title,
                ..
            } => Open::Link {
                destination: destination(link_type, dest_url),
                title: title.into_string(),
            },
            Tag::Image {
                link_type,
                dest_url,
                title,
                ..
            } => Open::Image {
                destination: destination(link_type, dest_url),
                title: title.into_string(),
            },
            Tag::Superscript
            | Tag::Subscript
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::MetadataBlock(_) => return None,
        })
    }

    fn end(&mut self) {
        let Some(mut frame) = self.frames.pop() else {
            return;
        };
        let inlines = frame.take_inlines(self.syntax);
        let blocks = frame.blocks;
        match frame.open {
            Open::Document => {}
            Open::Paragraph => {
                if !inlines.is_empty() {
                    self.block(Block::Paragraph { inlines });
                }
            }
            Open::Heading(level) => self.block(Block::Heading { level, inlines }),
            Open::Quote => self.block(Block::Quote { blocks }),
            Open::List {
                start,
                tight,
                items,
            } => self.block(Block::List {
                start,
                tight,
                items,
            }),
            Open::Item { checked } => {
                if let Open::List { items, .. } = &mut self.top().open {
                    items.push(ListItem { checked, blocks });
                }
            }
            Open::Footnote(label) => {
                self.has_notes = true;
                let syntax = self.syntax;
                self.top().end_paragraph(syntax, false);
                self.notes.define(&label, blocks);
            }
            Open::Table {
                alignments,
                header,
                rows,
            } => self.block(Block::Table {
                alignments,
                header,
                rows,
            }),
            Open::Header(cells) => {
                if let Open::Table { header, .. } = &mut self.top().open {
                    *header = cells;
                }
            }
            Open::Row(mut cells) => {
                // The parser pads every row to the header's width, so a few letters can make a hundred
                // thousand cells.
                let filled = cells.iter().rposition(|cell| !cell.is_empty());
                cells.truncate(filled.map_or(1, |last| last + 1));
                if let Open::Table { rows, .. } = &mut self.top().open {
                    rows.push(cells);
                }
            }
            Open::Cell => {
                if let Open::Header(cells) | Open::Row(cells) = &mut self.top().open {
                    cells.push(inlines);
                }
            }
            Open::Code {
                language,
                mut text,
                fence,
            } => {
                let closed = fence.is_none_or(|fence| fence.is_closed(self.source));
                if closed && !text.is_empty() && !text.ends_with('\n') {
                    text.push('\n');
                }
                self.block(Block::Code {
                    language,
                    text,
                    closed,
                });
            }
            Open::Html(text) => self.block(Block::Html { text }),
            Open::Emphasis => self.inline(Inline::Emphasis { inlines }),
            Open::Strong => self.inline(Inline::Strong { inlines }),
            Open::Strikethrough => self.inline(Inline::Strikethrough { inlines }),
            Open::Link { destination, title } => self.inline(Inline::Link {
                host: address::link_host(&destination),
                destination,
                title,
                inlines,
            }),
            Open::Image { destination, title } => self.inline(Inline::Image {
                host: address::image_host(&destination),
                destination,
                title,
                alt: plain_text(&inlines),
            }),
        }
    }

    fn block(&mut self, block: Block) {
        let syntax = self.syntax;
        let top = self.top();
        top.end_paragraph(syntax, false);
        top.blocks.push(block);
    }

    /// Whether a table cell is open. A cell has one line, and only a tag can break it.
    fn is_in_cell(&self) -> bool {
        let mut frames = self.frames.iter().rev();
        frames.any(|frame| matches!(frame.open, Open::Cell))
    }

    fn inline(&mut self, inline: Inline) {
        self.top().inlines.push(inline);
    }

    /// Appends text that ends at the given offset in the source.
    fn text(&mut self, more: &str, end: usize) {
        let top = self.top();
        match &mut top.open {
            Open::Code { text, fence, .. } => {
                text.push_str(more);
                if let Some(fence) = fence {
                    fence.content_to(end);
                }
            }
            Open::Html(text) => text.push_str(more),
            _ => push_text(&mut top.inlines, more),
        }
    }

    /// Appends a display formula, which ends the paragraph that contains it.
    fn display(&mut self, source: &str) {
        let math = self.formulas.read(source, Place::Block);
        let syntax = self.syntax;
        if matches!(self.top().open, Open::Paragraph) {
            let inlines = self.top().take_prose(syntax, true);
            let parent = match &mut *self.frames {
                [.., parent, _] => parent,
                _ => &mut self.document,
            };
            if !inlines.is_empty() {
                parent.blocks.push(Block::Paragraph { inlines });
            }
            parent.blocks.push(Block::Math { math });
        } else if self.top().open.holds_blocks() {
            let top = self.top();
            top.end_paragraph(syntax, true);
            top.blocks.push(Block::Math { math });
        } else {
            self.inline(Inline::Math { math });
        }
    }

    /// Keeps a range of the source as plain text.
    fn verbatim(&mut self, range: Range<usize>) {
        self.skipped = 1;
        let source = self.source;
        let inlines = &mut self.top().inlines;
        for (index, line) in source[range].trim_end().lines().enumerate() {
            if index > 0 {
                inlines.push(Inline::SoftBreak);
            }
            push_text(inlines, line);
        }
    }
}

/// Whether this is `<br>`, `<br/>` or `<br />`.
fn is_line_break(html: &str) -> bool {
    let name = html
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'));
    name.is_some_and(|name| {
        let name = name.strip_suffix('/').unwrap_or(name).trim_end();
        name.eq_ignore_ascii_case("br")
    })
}

fn alignment(alignment: pulldown_cmark::Alignment) -> Alignment {
    match alignment {
        pulldown_cmark::Alignment::None => Alignment::None,
        pulldown_cmark::Alignment::Left => Alignment::Left,
        pulldown_cmark::Alignment::Center => Alignment::Center,
        pulldown_cmark::Alignment::Right => Alignment::Right,
    }
}

fn destination(link_type: LinkType, destination: CowStr<'_>) -> String {
    match link_type {
        LinkType::Email => format!("mailto:{destination}"),
        _ => destination.into_string(),
    }
}
