//! Halves of characters: an escaped UTF-16 surrogate without the other half, which is not valid JSON.
//!
//! Some servers cut a text between the two escapes of one character, so that each half arrives in an event of its own,
//! or lose one of them. A lone half is marked before the JSON is parsed. In the texts that come out, two halves in a
//! row are joined, and one that stays alone is replaced.

use std::borrow::Cow;
use std::iter::Peekable;
use std::ops::RangeInclusive;
use std::str::Chars;

const HIGH: RangeInclusive<u16> = 0xD800..=0xDBFF;
const LOW: RangeInclusive<u16> = 0xDC00..=0xDFFF;

/// Stands before a marked half. Not a character, so that no text contains it.
const MARK: char = '\u{FDD0}';

/// The private character of the first half, 0xD800; the others follow.
const FIRST: u32 = 0xF_0000;

/// Marks the lone halves in a JSON text.
pub(super) fn marked(json: &str) -> Cow<'_, str> {
    let mut marked = String::new();
    let mut kept = 0;
    let mut at = 0;
    while let Some(next) = json[at..].find('\\') {
        at += next;
        let Some(unit) = escaped_unit(&json[at..]) else {
            // Another escape, of at least one character.
            at += 1 + json[at + 1..].chars().next().map_or(0, char::len_utf8);
            continue;
        };
        let is_half = HIGH.contains(&unit) || LOW.contains(&unit);
        let second = escaped_unit(&json[at + ESCAPE..]);
        if HIGH.contains(&unit) && second.is_some_and(|second| LOW.contains(&second)) {
            at += ESCAPE;
        } else if is_half {
            marked.push_str(&json[kept..at]);
            marked.push(MARK);
            marked.extend(char::from_u32(FIRST + u32::from(unit - HIGH.start())));
            kept = at + ESCAPE;
        }
        at += ESCAPE;
    }
    if kept == 0 {
        return json.into();
    }
    marked.push_str(&json[kept..]);
    marked.into()
}

/// Length of an escape, `\uXXXX`.
const ESCAPE: usize = 6;

/// Returns the UTF-16 unit that is escaped at the beginning of a text.
fn escaped_unit(text: &str) -> Option<u16> {
    let digits = text.get(..ESCAPE)?.strip_prefix("\\u")?;
    let are_digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    are_digits.then(|| u16::from_str_radix(digits, 16).ok())?
}

/// Joins the halves of one text that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct Halves {
    /// Ends the last piece, and may be continued by the next.
    high: Option<u16>,
}

impl Halves {
    /// Returns the next piece, joined with what was held back of the last.
    pub(super) fn join(&mut self, piece: &str) -> String {
        let mut joined = String::with_capacity(piece.len());
        let mut characters = piece.chars().peekable();
        while let Some(character) = characters.next() {
            let half = marked_half(character, &mut characters);
            match (self.high.take(), half) {
                (Some(high), Some(low)) if LOW.contains(&low) => {
                    joined.extend(char::decode_utf16([high, low]).flatten());
                    continue;
                }
                (Some(_), _) => joined.push(char::REPLACEMENT_CHARACTER),
                (None, _) => {}
            }
            match half {
                Some(high) if HIGH.contains(&high) => self.high = Some(high),
                Some(_) => joined.push(char::REPLACEMENT_CHARACTER),
                None => joined.push(character),
            }
        }
        joined
    }

    /// Returns the replacement of a half that nothing continues.
    pub(super) fn end(&mut self) -> Option<char> {
        self.high.take().map(|_| char::REPLACEMENT_CHARACTER)
    }

    /// Returns whether a half is held back.
    pub(super) fn is_open(&self) -> bool {
        self.high.is_some()
    }
}

/// Returns a whole text without marks.
pub(super) fn joined(text: &str) -> String {
    let mut halves = Halves::default();
    let mut joined = halves.join(text);
    joined.extend(halves.end());
    joined
}

/// Takes the half that is marked here.
fn marked_half(character: char, rest: &mut Peekable<Chars<'_>>) -> Option<u16> {
    if character != MARK {
        return None;
    }
    let half = rest.peek().and_then(|half| {
        let offset = u16::try_from(u32::from(*half).checked_sub(FIRST)?).ok()?;
        let unit = HIGH.start().checked_add(offset)?;
        (unit <= *LOW.end()).then_some(unit)
    })?;
    rest.next();
    Some(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the string in a JSON text, as its pieces are shown.
    fn read(pieces: &[&str]) -> String {
        let mut halves = Halves::default();
        let mut shown = String::new();
        for piece in pieces {
            let json = format!("\"{piece}\"");
            let text: String = serde_json::from_str(&marked(&json)).unwrap();
            shown.push_str(&halves.join(&text));
        }
        shown.extend(halves.end());
        shown
    }

    #[test]
    fn halves_are_joined_within_a_text_and_over_several() {
        for pieces in [
            &[r"a \ud83d\udc1a b"][..],
            &[r"a \ud83d", r"\udc1a b"],
            &["a ", r"\uD83D", "", r"\uDC1A", " b"],
        ] {
            assert_eq!(read(pieces), "a 🐚 b", "{pieces:?}");
        }
    }

    #[test]
    fn a_half_that_stays_alone_is_replaced() {
        for (pieces, shown) in [
            (&[r"\ud83d"][..], "\u{fffd}"),
            (&[r"\udc1a"], "\u{fffd}"),
            (&[r"\udc1a\ud83d"], "\u{fffd}\u{fffd}"),
            (&[r"\ud83d\ud83d\udc1a"], "\u{fffd}🐚"),
            (&[r"\ud83d", "x", r"\udc1a"], "\u{fffd}x\u{fffd}"),
            (&[r"\ud83d\n"], "\u{fffd}\n"),
            (&[r"\ud83dé"], "\u{fffd}é"),
        ] {
            assert_eq!(read(pieces), shown, "{pieces:?}");
        }
    }

    #[test]
    fn a_text_without_halves_is_left_as_it_is() {
        for json in [
            r#"{"a":"\u00e9 \ud83d\udc1a \\ud83d \" \\"}"#,
            r#""\ud83"#,
            "\"\\",
            r#""\é\u""#,
            "\u{FDD0}",
        ] {
            assert!(matches!(marked(json), Cow::Borrowed(_)), "{json}");
        }
        assert_eq!(joined("\u{FDD0}x"), "\u{FDD0}x");
    }
}
