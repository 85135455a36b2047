//! The first words of a message, for a place of one line. Pure.

/// Maximum length of a label in characters.
const MAX: usize = 80;

/// Returns the first words of a text in Markdown, on one line, without the marks at the beginning of a block and
/// those of emphasis. It ends with "…" if the text goes on.
pub(super) fn label(text: &str) -> String {
    let mut label = String::new();
    let mut length = 0;
    for line in text.lines() {
        for word in unmarked(line).split_whitespace() {
            let bare = word.trim_matches(['*', '`']).replace("**", "");
            let word = if bare.is_empty() { word } else { &bare };
            let size = word.chars().count();
            let room = MAX - length;
            if length > 0 && size + 1 > room {
                label.push('…');
                return label;
            }
            if size > room {
                label.extend(word.chars().take(room - 1));
                label.push('…');
                return label;
            }
            if length > 0 {
                label.push(' ');
                length += 1;
            }
            label.push_str(word);
            length += size;
        }
    }
    label
}

/// Returns a line without the marks that make it a heading, a list or a quotation; nothing of a fence or a rule.
fn unmarked(line: &str) -> &str {
    let mut rest = line.trim();
    let is_rule = rest.len() >= 3 && rest.chars().all(|mark| "-*_=".contains(mark));
    if is_rule || rest.starts_with("```") || rest.starts_with("~~~") {
        return "";
    }
    while let Some((marks, after)) = rest.split_once(' ')
        && marks.chars().all(|mark| "#>-+*".contains(mark))
    {
        rest = after.trim_start();
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_line_without_marks() {
        for (text, expected) in [
            ("", ""),
            ("  \n\n", ""),
            ("And by train?", "And by train?"),
            ("Two lines\nof  text", "Two lines of text"),
            (
                "## Planning\n\n**Mornings** for *walks*",
                "Planning Mornings for walks",
            ),
            ("- one\n- two", "one two"),
            ("`code` and > more", "code and > more"),
            ("> - quoted", "quoted"),
            ("Above\n---\nbelow", "Above below"),
            ("```rust\nfn main() {}\n```", "fn main() {}"),
            ("1 * 2", "1 * 2"),
            ("-5 degrees", "-5 degrees"),
        ] {
            assert_eq!(label(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_long_label_ends_between_words() {
        let text = "word ".repeat(50);
        let short = label(&text);
        assert!(short.chars().count() <= MAX + 1, "{short}");
        assert!(short.ends_with("word…"), "{short}");
        let one = label(&"ä".repeat(200));
        assert_eq!(one.chars().count(), MAX);
        assert!(one.ends_with('…'));
        assert_eq!(label(&"a".repeat(MAX)).len(), MAX, "it fits");
    }
}
