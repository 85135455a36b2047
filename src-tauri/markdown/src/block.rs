//! The typed blocks: what a document consists of, and all that the page is told of it.
//!
//! There is no markup in them. Text is text, raw HTML included, and what opens something has passed
//! [`web_address`](crate::web_address).

use serde::Serialize;
use specta::Type;

use crate::math::Math;

/// A block of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Block {
    /// Running text. Directly in an item of a tight list it has no space around it.
    Paragraph {
        /// Its text.
        inlines: Vec<Inline>,
    },
    /// A heading.
    Heading {
        /// From 1 to 6.
        level: u8,
        /// Its text.
        inlines: Vec<Inline>,
    },
    /// Code, fenced or indented.
    Code {
        /// The first word of the info string, as it was written.
        language: Option<String>,
        /// The code without its fence. It ends with a line's end, unless it is empty or open.
        text: String,
        /// False while its fence is open at the end of the text.
        closed: bool,
    },
    /// A formula on lines of its own.
    Math {
        /// The formula.
        math: Math,
    },
    /// A quotation.
    Quote {
        /// What is quoted.
        blocks: Vec<Block>,
    },
    /// A list.
    List {
        /// The number of the first item; `None` for bullets.
        start: Option<u32>,
        /// Its paragraphs have no space around them.
        tight: bool,
        /// Its items.
        items: Vec<ListItem>,
    },
    /// A table. No row has more cells than the header; those that it does not have are empty.
    Table {
        /// One for each column.
        alignments: Vec<Alignment>,
        /// The cells of the header.
        header: Vec<Vec<Inline>>,
        /// The cells of the other rows.
        rows: Vec<Vec<Vec<Inline>>>,
    },
    /// A thematic break.
    Rule,
    /// Raw HTML, which is shown and never interpreted.
    Html {
        /// As it was written.
        text: String,
    },
    /// The footnotes: at most once, as the last block of a document.
    Footnotes {
        /// In the order of their numbers.
        notes: Vec<Footnote>,
    },
}

/// An item of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ListItem {
    /// Whether the box of a task is ticked; `None` for an item without a box.
    pub checked: Option<bool>,
    /// What the item consists of.
    pub blocks: Vec<Block>,
}

/// How a column of a table is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each says itself")]
pub enum Alignment {
    None,
    Left,
    Center,
    Right,
}

/// A footnote that is referred to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Footnote {
    /// Counted from 1, in the order of the first references.
    pub number: u32,
    /// What it says.
    pub blocks: Vec<Block>,
}

/// A piece of running text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Inline {
    /// Text.
    Text {
        /// Never empty, and never beside another one.
        text: String,
    },
    /// Emphasis.
    Emphasis {
        /// What is emphasised.
        inlines: Vec<Inline>,
    },
    /// Strong emphasis.
    Strong {
        /// What is emphasised.
        inlines: Vec<Inline>,
    },
    /// Text that no longer holds.
    Strikethrough {
        /// What is struck through.
        inlines: Vec<Inline>,
    },
    /// Code within a line.
    Code {
        /// The code.
        text: String,
    },
    /// A link.
    Link {
        /// Where it leads, as it was written.
        destination: String,
        /// Its title; empty for none.
        title: String,
        /// The host, or the address of `mailto:`. `None`: the destination is refused, and opens nothing.
        host: Option<String>,
        /// What is clicked.
        inlines: Vec<Inline>,
    },
    /// An image.
    Image {
        /// Where it is, as it was written.
        destination: String,
        /// Its title; empty for none.
        title: String,
        /// The host. `None`: the destination is refused, and nothing is loaded.
        host: Option<String>,
        /// What it shows, in words.
        alt: String,
    },
    /// A formula within a line.
    Math {
        /// The formula.
        math: Math,
    },
    /// A reference to a footnote.
    FootnoteReference {
        /// The footnote's number.
        number: u32,
    },
    /// Raw HTML, which is shown and never interpreted.
    Html {
        /// As it was written.
        text: String,
    },
    /// The end of a line in the source, which is a space.
    SoftBreak,
    /// The end of a line.
    HardBreak,
}

/// Appends text, to the text before it where there is one.
pub(crate) fn push_text(inlines: &mut Vec<Inline>, text: &str) {
    if text.is_empty() {
        return;
    }
    if let Some(Inline::Text { text: before }) = inlines.last_mut() {
        before.push_str(text);
    } else {
        inlines.push(Inline::Text {
            text: text.to_owned(),
        });
    }
}

/// The text that inlines show, without their form.
pub(crate) fn plain_text(inlines: &[Inline]) -> String {
    let mut plain = String::new();
    push_plain_text(&mut plain, inlines);
    plain
}

fn push_plain_text(plain: &mut String, inlines: &[Inline]) {
    for inline in inlines {
        match inline {
            Inline::Text { text } | Inline::Code { text } | Inline::Html { text } => {
                plain.push_str(text);
            }
            Inline::Emphasis { inlines }
            | Inline::Strong { inlines }
            | Inline::Strikethrough { inlines }
            | Inline::Link { inlines, .. } => push_plain_text(plain, inlines),
            Inline::Image { alt, .. } => plain.push_str(alt),
            Inline::Math { math } => plain.push_str(&math.source),
            Inline::FootnoteReference { .. } => {}
            Inline::SoftBreak | Inline::HardBreak => plain.push(' '),
        }
    }
}
