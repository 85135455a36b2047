//! Invisible characters in code: those that change the direction of text, so that code reads differently than
//! it runs, and those that hide in a name or carry a hidden message.

/// Whether the text contains a control character.
pub(super) fn is_in(text: &str) -> bool {
    text.contains(is_control)
}

/// Splits the text into runs of control characters (`true`) and of others (`false`).
pub(super) fn pieces(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let control = is_control(rest.chars().next()?);
        let end = rest
            .find(|c| is_control(c) != control)
            .unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some((control, piece))
    })
}

/// Whether a character is invisible. The joiners U+200C and U+200D do not count, nor the variation selectors of
/// emoji: scripts and emoji need them.
fn is_control(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' | '\u{c}' => false,
        // Soft hyphen, Arabic letter mark, Mongolian vowel separator, Hangul fillers.
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'
        // Zero width space, direction marks.
        | '\u{200b}' | '\u{200e}' | '\u{200f}'
        // Line and paragraph separators, embeddings, overrides.
        | '\u{2028}'..='\u{202e}'
        // Word joiner, invisible operators, isolates, deprecated format characters.
        | '\u{2060}'..='\u{206f}'
        // Byte order mark, interlinear annotations.
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        // Tags, and the variation selectors that no emoji uses.
        | '\u{e0000}'..='\u{e01ef}' => true,
        _ => c.is_control(),
    }
}
