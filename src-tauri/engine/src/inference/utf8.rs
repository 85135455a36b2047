//! Text from tokens, which may end in the middle of a character.

/// Decodes UTF-8 whose characters may be split between pieces.
#[derive(Debug, Default)]
pub(super) struct Utf8Decoder {
    incomplete: Vec<u8>,
}

impl Utf8Decoder {
    /// Adds bytes and returns the text that is complete so far.
    ///
    /// An incomplete character is kept for the next call. Bytes that cannot become a character are replaced by
    /// U+FFFD, once for each such sequence.
    pub(super) fn push(&mut self, bytes: &[u8]) -> String {
        self.incomplete.extend_from_slice(bytes);
        let mut text = String::new();
        let mut rest = self.incomplete.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    text.push_str(std::str::from_utf8(valid).unwrap_or_default());
                    let Some(invalid) = error.error_len() else {
                        rest = after;
                        break;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    rest = &after[invalid..];
                }
            }
        }
        self.incomplete = rest.to_vec();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_survive_every_split() {
        let text = "a é 猫 👩‍🚀 z";
        for size in 1..=text.len() {
            let mut utf8 = Utf8Decoder::default();
            let pieces = text.as_bytes().chunks(size);
            let put_together: String = pieces.map(|piece| utf8.push(piece)).collect();
            assert_eq!(put_together, text, "in pieces of {size} bytes");
        }
    }

    #[test]
    fn an_incomplete_character_waits() {
        let mut utf8 = Utf8Decoder::default();
        assert_eq!(utf8.push(b"ok \xf0\x9f\x91"), "ok ");
        assert_eq!(utf8.push(b"\xa9!"), "👩!");
    }

    #[test]
    fn nonsense_is_replaced_and_does_not_swallow_what_follows() {
        let mut utf8 = Utf8Decoder::default();
        assert_eq!(utf8.push(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(utf8.push(b"\xe7\x8c"), "");
        assert_eq!(utf8.push(b"x"), "\u{fffd}x");
    }
}
