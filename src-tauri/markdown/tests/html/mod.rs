//! Renders blocks as HTML, for comparison with the examples of specifications. Raw HTML is not escaped, which
//! only a test may do.

#![expect(clippy::format_push_string, reason = "shorter to read, and a test")]

use conch_markdown::{Alignment, Block, Inline, ListItem};

/// Returns the HTML of a document.
pub(crate) fn html(blocks: &[Block]) -> String {
    let mut out = String::new();
    write_blocks(&mut out, blocks);
    out
}

fn write_blocks(out: &mut String, blocks: &[Block]) {
    for block in blocks {
        write_block(out, block);
    }
}

fn write_block(out: &mut String, block: &Block) {
    match block {
        Block::Paragraph { inlines } => {
            out.push_str("<p>");
            write_inlines(out, inlines);
            out.push_str("</p>\n");
        }
        Block::Heading { level, inlines } => {
            out.push_str(&format!("<h{level}>"));
            write_inlines(out, inlines);
            out.push_str(&format!("</h{level}>\n"));
        }
        Block::Code { language, text, .. } => {
            match language {
                Some(language) => {
                    out.push_str("<pre><code class=\"language-");
                    escape(out, language);
                    out.push_str("\">");
                }
                None => out.push_str("<pre><code>"),
            }
            escape(out, text);
            out.push_str("</code></pre>\n");
        }
        Block::Math { math } => escape(out, &math.source),
        Block::Quote { blocks } => {
            out.push_str("<blockquote>\n");
            write_blocks(out, blocks);
            out.push_str("</blockquote>\n");
        }
        Block::List {
            start,
            tight,
            items,
        } => {
            match start {
                None => out.push_str("<ul>\n"),
                Some(1) => out.push_str("<ol>\n"),
                Some(start) => out.push_str(&format!("<ol start=\"{start}\">\n")),
            }
            for item in items {
                write_item(out, item, *tight);
            }
            out.push_str(if start.is_none() {
                "</ul>\n"
            } else {
                "</ol>\n"
            });
        }
        Block::Table {
            alignments,
            header,
            rows,
        } => {
            out.push_str("<table>\n<thead>\n");
            write_row(out, "th", alignments, header);
            out.push_str("</thead>\n");
            if !rows.is_empty() {
                out.push_str("<tbody>\n");
                for row in rows {
                    write_row(out, "td", alignments, row);
                }
                out.push_str("</tbody>\n");
            }
            out.push_str("</table>\n");
        }
        Block::Rule => out.push_str("<hr />\n"),
        Block::Html { text } => out.push_str(text),
        Block::Footnotes { notes } => {
            for note in notes {
                out.push_str(&format!("<footnote id=\"{}\">\n", note.number));
                write_blocks(out, &note.blocks);
                out.push_str("</footnote>\n");
            }
        }
    }
}

fn write_item(out: &mut String, item: &ListItem, tight: bool) {
    out.push_str("<li>");
    match item.checked {
        None => {}
        Some(true) => out.push_str("<input checked=\"\" disabled=\"\" type=\"checkbox\"> "),
        Some(false) => out.push_str("<input disabled=\"\" type=\"checkbox\"> "),
    }
    for (index, block) in item.blocks.iter().enumerate() {
        let text = matches!(block, Block::Paragraph { .. }) && tight;
        if !(out.ends_with('\n') || text && index == 0) {
            out.push('\n');
        }
        match block {
            Block::Paragraph { inlines } if tight => write_inlines(out, inlines),
            block => write_block(out, block),
        }
    }
    out.push_str("</li>\n");
}

fn write_row(out: &mut String, name: &str, alignments: &[Alignment], cells: &[Vec<Inline>]) {
    assert!(
        cells.len() <= alignments.len(),
        "a row is no wider than the table"
    );
    out.push_str("<tr>\n");
    let missing = std::iter::repeat(&[][..]);
    let cells = cells.iter().map(Vec::as_slice).chain(missing);
    for (cell, alignment) in cells.zip(alignments) {
        let alignment = match alignment {
            Alignment::None => "",
            Alignment::Left => " align=\"left\"",
            Alignment::Center => " align=\"center\"",
            Alignment::Right => " align=\"right\"",
        };
        out.push_str(&format!("<{name}{alignment}>"));
        write_inlines(out, cell);
        out.push_str(&format!("</{name}>\n"));
    }
    out.push_str("</tr>\n");
}

fn write_inlines(out: &mut String, inlines: &[Inline]) {
    for inline in inlines {
        match inline {
            Inline::Text { text } => escape(out, text),
            Inline::Emphasis { inlines } => write_in(out, "em", inlines),
            Inline::Strong { inlines } => write_in(out, "strong", inlines),
            Inline::Strikethrough { inlines } => write_in(out, "del", inlines),
            Inline::Code { text } => {
                out.push_str("<code>");
                escape(out, text);
                out.push_str("</code>");
            }
            Inline::Link {
                destination,
                title,
                inlines,
                ..
            } => {
                out.push_str("<a href=\"");
                escape_destination(out, destination);
                out.push('"');
                write_title(out, title);
                out.push('>');
                write_inlines(out, inlines);
                out.push_str("</a>");
            }
            Inline::Image {
                destination,
                title,
                alt,
                ..
            } => {
                out.push_str("<img src=\"");
                escape_destination(out, destination);
                out.push_str("\" alt=\"");
                escape(out, alt);
                out.push('"');
                write_title(out, title);
                out.push_str(" />");
            }
            Inline::Math { math } => escape(out, &math.source),
            Inline::FootnoteReference { number } => {
                out.push_str(&format!("<sup>{number}</sup>"));
            }
            Inline::Html { text } => out.push_str(text),
            Inline::SoftBreak => out.push('\n'),
            Inline::HardBreak => out.push_str("<br />\n"),
        }
    }
}

fn write_in(out: &mut String, name: &str, inlines: &[Inline]) {
    out.push_str(&format!("<{name}>"));
    write_inlines(out, inlines);
    out.push_str(&format!("</{name}>"));
}

fn write_title(out: &mut String, title: &str) {
    if !title.is_empty() {
        out.push_str(" title=\"");
        escape(out, title);
        out.push('"');
    }
}

fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
}

/// Escapes an address as the reference implementations do.
fn escape_destination(out: &mut String, destination: &str) {
    for byte in destination.bytes() {
        match byte {
            b'&' => out.push_str("&amp;"),
            b'\'' => out.push_str("&#x27;"),
            byte if byte.is_ascii_alphanumeric() || b"-_.+!*(),%#@?=;:/$~".contains(&byte) => {
                out.push(char::from(byte));
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
}
