//! Redacts keys in text that is shown or stored: providers echo them in their error messages.

use secrecy::{ExposeSecret, SecretString};

/// Shorter keys are not redacted: they would match ordinary words, and the last four characters reveal too
/// much.
const SHORTEST: usize = 8;

/// Replaces each occurrence of the key in `text` by `…` and its last four characters.
///
/// Only whole keys match: redact before truncating a text, not after.
pub fn redact(text: &str, key: &SecretString) -> String {
    let last_four = last_four(key);
    if last_four.is_empty() {
        return text.to_owned();
    }
    text.replace(key.expose_secret(), &format!("…{last_four}"))
}

/// Returns the key's last four characters, by which its owner recognises it; empty for a key below eight.
pub fn last_four(key: &SecretString) -> String {
    let key = key.expose_secret();
    let length = key.chars().count();
    if length < SHORTEST {
        return String::new();
    }
    key.chars().skip(length - 4).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_occurrence_of_a_key_is_replaced_by_its_end() {
        let key = "sk-0123456789abcd".into();
        assert_eq!(
            redact("Bad key sk-0123456789abcd (sk-0123456789abcd)!", &key),
            "Bad key …abcd (…abcd)!"
        );
        assert_eq!(redact("Bad key sk-0123…", &key), "Bad key sk-0123…");
    }

    #[test]
    fn a_short_key_is_neither_redacted_nor_shown() {
        for key in ["", "a", "1234567", "ééééééé"] {
            let key = key.into();
            assert_eq!(redact("a key of 1234567", &key), "a key of 1234567");
            assert_eq!(last_four(&key), "");
        }
    }

    #[test]
    fn the_end_of_a_key_is_counted_in_characters() {
        assert_eq!(last_four(&"12345678".into()), "5678");
        assert_eq!(last_four(&"ééééééüö".into()), "ééüö");
    }
}
