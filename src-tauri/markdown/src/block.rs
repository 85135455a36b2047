//! The typed blocks of a document, and all that the page receives of it.
//!
//! They contain no markup. Text is plain text, raw HTML included, and every address that can be opened has
//! passed [`web_address`](conch_model::web_address).

#![expect(missing_docs, reason = "field names say it")]

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
    /// Running text. Directly in an item of a tight list it has no vertical margins.
    Paragraph {
        inlines: Vec<Inline>,
    },
    Heading {
        /// From 1 to 6.
        level: u8,
        inlines: Vec<Inline>,
    },
    /// Code, fenced or indented.
    Code {
        /// The first word of the info string, as written.
        language: Option<String>,
        /// The code without its fence. It ends with a newline, unless it is empty or open.
        text: String,
        /// False while the closing fence is missing at the end of the text.
        closed: bool,
    },
    /// A display formula.
    Math {
        math: Math,
    },
    Quote {
        blocks: Vec<Block>,
    },
    List {
        /// The number of the first item; `None` for bullets.
        start: Option<u32>,
        /// Whether the paragraphs of its items have no vertical margins.
        tight: bool,
        items: Vec<ListItem>,
    },
    /// A table. No row has more cells than the header; missing cells are empty.
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
    /// Raw HTML, shown as text and never interpreted.
    Html {
        /// The HTML, as written.
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
    /// Whether the checkbox of a task is ticked; `None` for an item without a checkbox.
    pub checked: Option<bool>,
    pub blocks: Vec<Block>,
}

/// How a column of a table is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum Alignment {
    None,
    Left,
    Center,
    Right,
}

/// A referenced footnote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Footnote {
    /// Counted from 1, in the order of the first references.
    pub number: u32,
    pub blocks: Vec<Block>,
}

/// An element of running text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Inline {
    Text {
        /// Never empty, and never adjacent to another text.
        text: String,
    },
    Emphasis {
        inlines: Vec<Inline>,
    },
    Strong {
        inlines: Vec<Inline>,
    },
    Strikethrough {
        inlines: Vec<Inline>,
    },
    Code {
        text: String,
    },
    Link {
        /// The target address, as written.
        destination: String,
        /// Empty for none.
        title: String,
        /// The host, or the address of `mailto:`. `None`: the destination is refused, and cannot be opened.
        host: Option<String>,
        inlines: Vec<Inline>,
    },
    Image {
        /// The address of the image, as written.
        destination: String,
        /// Empty for none.
        title: String,
        /// The host. `None`: the destination is refused, and nothing is loaded.
        host: Option<String>,
        /// The alternative text.
        alt: String,
    },
    /// An inline formula.
    Math {
        math: Math,
    },
    /// A reference to a footnote.
    FootnoteReference {
        number: u32,
    },
    /// Raw HTML, shown as text and never interpreted.
    Html {
        /// The HTML, as written.
        text: String,
    },
    /// A line ending in the source, rendered as a space.
    SoftBreak,
    /// A hard line break.
    HardBreak,
}

/// Appends text, merged into a preceding text if there is one.
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

/// Returns the text of inlines without formatting.
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
