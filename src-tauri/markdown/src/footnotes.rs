//! Footnotes: removed from where they are defined, numbered in the order of their first references, and
//! appended to the document.

use std::collections::HashMap;
use std::mem;

use unicase::UniCase;

use crate::block::{Block, Footnote, Inline, push_text};

/// The footnotes of a document that is being built.
///
/// Until [`number`](Self::number), the number in a reference is the index of its label in `labels`.
#[derive(Default)]
pub(crate) struct Notes {
    /// In the order of their first references.
    labels: Vec<String>,
    places: HashMap<UniCase<String>, usize>,
    definitions: HashMap<UniCase<String>, Vec<Block>>,
}

impl Notes {
    /// Returns a reference to the footnote with this label.
    pub(crate) fn reference(&mut self, label: &str) -> Inline {
        let place = *self.places.entry(folded(label)).or_insert_with(|| {
            self.labels.push(label.to_owned());
            self.labels.len() - 1
        });
        Inline::FootnoteReference {
            number: u32::try_from(place).unwrap_or(u32::MAX),
        }
    }

    /// Adds a definition. The first one of a label wins.
    pub(crate) fn define(&mut self, label: &str, blocks: Vec<Block>) {
        self.definitions.entry(folded(label)).or_insert(blocks);
    }

    /// Numbers the references of a document, and appends the referenced footnotes.
    pub(crate) fn number(self, mut document: Vec<Block>) -> Vec<Block> {
        if self.labels.is_empty() {
            return document;
        }
        let mut numbering = Numbering {
            numbers: vec![None; self.labels.len()],
            labels: self.labels,
            definitions: self.definitions,
            notes: Vec::new(),
        };
        numbering.blocks(&mut document);
        // A footnote may be referenced only by another one, which then comes before it.
        let mut walked = 0;
        while let Some(note) = numbering.notes.get_mut(walked) {
            let mut blocks = mem::take(&mut note.blocks);
            numbering.blocks(&mut blocks);
            numbering.notes[walked].blocks = blocks;
            walked += 1;
        }
        if !numbering.notes.is_empty() {
            document.push(Block::Footnotes {
                notes: numbering.notes,
            });
        }
        document
    }
}

/// Case-folds a label: labels are case-insensitive, by the parser's rule.
fn folded(label: &str) -> UniCase<String> {
    UniCase::new(label.to_owned())
}

struct Numbering {
    labels: Vec<String>,
    numbers: Vec<Option<u32>>,
    definitions: HashMap<UniCase<String>, Vec<Block>>,
    notes: Vec<Footnote>,
}

impl Numbering {
    fn blocks(&mut self, blocks: &mut [Block]) {
        for block in blocks {
            match block {
                Block::Paragraph { inlines } | Block::Heading { inlines, .. } => {
                    self.inlines(inlines);
                }
                Block::Quote { blocks } => self.blocks(blocks),
                Block::List { items, .. } => {
                    for item in items {
                        self.blocks(&mut item.blocks);
                    }
                }
                Block::Table { header, rows, .. } => {
                    for cell in header.iter_mut().chain(rows.iter_mut().flatten()) {
                        self.inlines(cell);
                    }
                }
                Block::Code { .. }
                | Block::Math { .. }
                | Block::Rule
                | Block::Html { .. }
                | Block::Footnotes { .. } => {}
            }
        }
    }

    fn inlines(&mut self, inlines: &mut Vec<Inline>) {
        let mut undefined = false;
        for inline in &mut *inlines {
            match inline {
                Inline::FootnoteReference { number } => {
                    let place = *number as usize;
                    if let Some(numbered) = self.number(place) {
                        *number = numbered;
                    } else {
                        // The definition was nested so deeply that it was kept as text.
                        undefined = true;
                        let label = self.labels.get(place).map_or("", String::as_str);
                        *inline = Inline::Text {
                            text: format!("[^{label}]"),
                        };
                    }
                }
                Inline::Emphasis { inlines }
                | Inline::Strong { inlines }
                | Inline::Strikethrough { inlines }
                | Inline::Link { inlines, .. } => self.inlines(inlines),
                Inline::Text { .. }
                | Inline::Code { .. }
                | Inline::Image { .. }
                | Inline::Math { .. }
                | Inline::Html { .. }
                | Inline::SoftBreak
                | Inline::HardBreak => {}
            }
        }
        if undefined {
            join_texts(inlines);
        }
    }

    /// Returns the number of the footnote whose label is at this index, the next free one at its first reference,
    /// or `None` without a definition.
    fn number(&mut self, place: usize) -> Option<u32> {
        let label = self.labels.get(place)?;
        if self.numbers[place].is_none() {
            let blocks = self.definitions.remove(&folded(label))?;
            let number = u32::try_from(self.notes.len() + 1).ok()?;
            self.notes.push(Footnote { number, blocks });
            self.numbers[place] = Some(number);
        }
        self.numbers[place]
    }
}

fn join_texts(inlines: &mut Vec<Inline>) {
    for inline in mem::take(inlines) {
        match inline {
            Inline::Text { text } => push_text(inlines, &text),
            other => inlines.push(other),
        }
    }
}
