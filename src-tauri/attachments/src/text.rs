//! Text and code files in any encoding.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::Encoding;

use crate::Refusal;

/// Decodes the text of a file, without a byte order mark.
///
/// # Errors
/// Returns [`Refusal::Unknown`] if the file is not text.
pub fn read_text(bytes: &[u8]) -> Result<String, Refusal> {
    decoded(bytes).map(Cow::into_owned).ok_or(Refusal::Unknown)
}

pub(crate) fn is_text(bytes: &[u8]) -> bool {
    decoded(bytes).is_some()
}

/// Decodes by the byte order mark, else as UTF-8, else in the most likely encoding of the bytes.
fn decoded(bytes: &[u8]) -> Option<Cow<'_, str>> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let text = encoding.decode_without_bom_handling_and_without_replacement(&bytes[mark..])?;
        return Some(text).filter(|text| is_readable(text));
    }
    // In all remaining encodings, text has no NUL byte.
    if bytes.contains(&0) {
        return None;
    }
    if let Ok(text) = str::from_utf8(bytes) {
        return is_readable(text).then_some(Cow::Borrowed(text));
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    let encoding = detector.guess(None, Utf8Detection::Deny);
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
    Some(text).filter(|text| is_readable(text))
}

/// Returns false if there are control characters that text files do not contain.
fn is_readable(text: &str) -> bool {
    let is_layout = |c| {
        matches!(
            c,
            '\t' | '\n' | '\r' | '\u{8}' | '\u{c}' | '\u{1a}' | '\u{1b}'
        )
    };
    text.chars().all(|c| !c.is_control() || is_layout(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let units = "\u{feff}".encode_utf16().chain(text.encode_utf16());
        units.flat_map(order).collect()
    }

    #[test]
    fn unicode_is_read_in_each_of_its_forms() {
        let text = "Grüße, 世界 🐚\n";
        for bytes in [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            utf16(text, u16::to_le_bytes),
            utf16(text, u16::to_be_bytes),
        ] {
            assert_eq!(read_text(&bytes).as_deref(), Ok(text), "{bytes:?}");
        }
    }

    #[test]
    fn older_encodings_are_known_by_their_bytes() {
        let german = "Straße und Übergrößen für Käufer: schöne Grüße aus Köln";
        let (bytes, _, _) = encoding_rs::WINDOWS_1252.encode(german);
        assert_eq!(read_text(&bytes).as_deref(), Ok(german));
        let japanese = "これは日本語の文章です。文字コードは自動的に判定されます。";
        let (bytes, _, _) = encoding_rs::SHIFT_JIS.encode(japanese);
        assert_eq!(read_text(&bytes).as_deref(), Ok(japanese));
    }

    #[test]
    fn what_is_no_text_is_not_read_as_one() {
        let random: Vec<u8> = (0..=255).rev().collect();
        for bytes in [
            b"a\0b".as_slice(),
            b"a\x01b",
            b"\xff\xfea",
            b"\xff\xfe\x01\0",
            &random,
            b"\xff\xd8\x90\x81\x07",
        ] {
            assert_eq!(read_text(bytes), Err(Refusal::Unknown), "{bytes:?}");
        }
    }
}
