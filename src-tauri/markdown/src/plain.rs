//! The plain text of blocks, for places without formatting, such as notifications.

use crate::block::{Block, plain_text};

/// Returns the text of blocks: a line for each paragraph, heading, row or line of code. Rules and the numbers of
/// lists are omitted.
pub fn text_of(blocks: &[Block]) -> String {
    let mut text = String::new();
    push(&mut text, blocks);
    text.truncate(text.trim_end().len());
    text
}

fn push(text: &mut String, blocks: &[Block]) {
    for block in blocks {
        match block {
            Block::Paragraph { inlines } | Block::Heading { inlines, .. } => {
                push_line(text, &plain_text(inlines));
            }
            Block::Code { text: code, .. } | Block::Html { text: code } => {
                push_line(text, code.trim_end());
            }
            Block::Math { math } => push_line(text, &math.source),
            Block::Quote { blocks } => push(text, blocks),
            Block::List { items, .. } => {
                for item in items {
                    push(text, &item.blocks);
                }
            }
            Block::Table { header, rows, .. } => {
                for row in std::iter::once(header).chain(rows) {
                    let cells: Vec<_> = row.iter().map(|cell| plain_text(cell)).collect();
                    push_line(text, &cells.join("  "));
                }
            }
            Block::Footnotes { notes } => {
                for note in notes {
                    push(text, &note.blocks);
                }
            }
            Block::Rule => {}
        }
    }
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_said_without_its_marks() {
        let markdown = "## Plan\n\n- **mornings** for *walks*\n- `Vec<String>`, see [it](https://x/)\n\n> quoted\n\n---\n\n\
            | a | b |\n|---|---|\n| 1 | 2 |\n\n```rust\nlet a = 1;\n```\n\n<b>raw</b> & $x^2$";
        assert_eq!(
            text_of(&crate::parse(markdown)),
            "Plan\nmornings for walks\nVec<String>, see it\nquoted\na  b\n1  2\nlet a = 1;\n<b>raw</b> & x^2"
        );
        assert_eq!(text_of(&[]), "");
    }
}
