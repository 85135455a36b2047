//! An estimate of how many tokens a text and a request cost.
//!
//! The tokenizers of most services are not public, and their vocabularies have tens of megabytes, so a walk over the
//! characters takes the place of a count. It is made for the worst of six common tokenizers (OpenAI's o200k,
//! Llama 3, Qwen 3, Gemma 3, DeepSeek 3, Mistral's tekken), because too low an estimate sends a request that the
//! model refuses, and too high a one omits a message too many. On the samples in `tests/tokens`, it is never more
//! than 10 % below any of the six; on the 218 translations of the Universal Declaration of Human Rights that the
//! weights were not made with, it is for eight, and 7 % above the worst in the median.
//!
//! No weight is above 100 for each byte of the character, since a token has at least one byte: an estimate is never
//! larger than the text. `tests/tokens/measure.py` counts the samples.

/// Tokens that a message costs in addition to its content: its role and its delimiters. Llama 3.1 has 5, tekken 3.
pub(crate) const PER_MESSAGE: u32 = 8;

/// Tokens that a request costs in addition to its messages: the start of the text and of the answer, and what
/// a model's template says when there is no system prompt. Llama 3.1 has 5, SmolLM2 24.
pub(crate) const PER_REQUEST: u32 = 32;

/// Estimates the tokens of a text: zero only if it is empty, and never more than its bytes of UTF-8.
pub(crate) fn text_tokens(text: &str) -> u32 {
    let mut hundredths: u64 = 0;
    let mut previous = '\0';
    // The letters since the beginning of the word.
    let mut letters: u32 = 0;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let weight = match character {
            'a'..='z' | 'A'..='Z' => {
                let (upper, after_upper) = (
                    character.is_ascii_uppercase(),
                    previous.is_ascii_uppercase(),
                );
                let continues = letters > 0
                    && (upper == after_upper || (after_upper && !upper && letters == 1));
                let within = letters > 0 || previous.is_ascii_digit();
                letters = if continues { letters + 1 } else { 1 };
                match character {
                    _ if !continues && within => 100,
                    _ if !continues => 82,
                    'A'..='Z' => 64,
                    // Long words are in no vocabulary as a whole.
                    _ if letters > 6 => 53,
                    // Rare in the languages that the vocabularies are made of.
                    'a' | 'j' | 'k' | 'q' | 'w' | 'x' | 'y' | 'z' => 83,
                    _ => 8,
                }
            }
            _ => {
                letters = match character {
                    '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => letters + 1,
                    _ => 0,
                };
                let next = characters.peek();
                other_weight(character, previous, next.copied())
            }
        };
        hundredths += weight;
        previous = character;
    }
    u32::try_from(hundredths.div_ceil(100)).unwrap_or(u32::MAX)
}

/// Returns the hundredths of a token of a character that is no ASCII letter.
#[expect(
    clippy::match_same_arms,
    reason = "each script has its own weight, from a fit"
)]
fn other_weight(character: char, previous: char, next: Option<char>) -> u64 {
    let repeated = character == previous;
    match character {
        // Half of the tokenizers have no number of several digits.
        '0'..='9' => 100,
        ' ' if repeated => 3,
        // Most tokens of words begin with their space.
        ' ' if next.is_some_and(|next| next.is_ascii_alphabetic()) => 23,
        ' ' => 97,
        '\n' if repeated => 24,
        '\n' => 90,
        '\0'..='\u{1f}' | '\u{7f}' if repeated => 12,
        '\0'..='\u{1f}' | '\u{7f}' => 100,
        '\0'..='\u{7f}' if repeated => 6,
        '\0'..='\u{7f}' => 93,
        '\u{c0}'..='\u{ff}' => 85,
        '\u{100}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => 100,
        '\u{370}'..='\u{3ff}' => 79,
        '\u{1f00}'..='\u{1fff}' => 119,
        // Russian, then the letters of other languages.
        '\u{410}'..='\u{44f}' => 50,
        '\u{400}'..='\u{52f}' => 200,
        '\u{530}'..='\u{58f}' => 163,
        '\u{590}'..='\u{5ff}' => 92,
        // Arabic, then the letters of other languages.
        '\u{600}'..='\u{670}' => 50,
        '\u{671}'..='\u{6ff}' => 200,
        // Devanagari, then the other scripts of India.
        '\u{900}'..='\u{97f}' => 93,
        '\u{980}'..='\u{d7f}' => 181,
        '\u{e00}'..='\u{e7f}' => 52,
        '\u{1000}'..='\u{109f}' => 192,
        '\u{10a0}'..='\u{10ff}' => 190,
        // Typographic dashes and quotation marks.
        '\u{2010}'..='\u{2027}' => 60,
        '\u{2500}'..='\u{257f}' if repeated => 24,
        '\u{2500}'..='\u{257f}' => 67,
        // Kana, Han, Hangul.
        '\u{3040}'..='\u{30ff}' => 53,
        '\u{4e00}'..='\u{9fff}' => 81,
        '\u{ac00}'..='\u{d7a3}' => 48,
        '\u{300}'..='\u{36f}' => 200,
        _ => match character.len_utf8() {
            2 => 191,
            3 => 285,
            _ => 381,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    /// Texts, with the tokens that each tokenizer makes of them, counted by `tests/tokens/measure.py`.
    const SAMPLES: &str = include_str!("../tests/tokens/samples.json");

    #[derive(Deserialize)]
    struct Sample {
        name: String,
        text: String,
        tokens: BTreeMap<String, u32>,
    }

    fn samples() -> Vec<Sample> {
        serde_json::from_str(SAMPLES).unwrap()
    }

    #[test]
    fn no_estimate_is_more_than_a_tenth_below_any_tokenizer() {
        let mut worst: BTreeMap<String, (f64, String)> = BTreeMap::new();
        for sample in samples() {
            assert_eq!(sample.tokens.len(), 6, "{}", sample.name);
            let estimate = f64::from(text_tokens(&sample.text));
            for (tokenizer, tokens) in &sample.tokens {
                let share = estimate / f64::from(*tokens);
                let least = worst
                    .entry(tokenizer.clone())
                    .or_insert((share, String::new()));
                if share <= least.0 {
                    *least = (share, sample.name.clone());
                }
            }
        }
        for (tokenizer, (share, name)) in worst {
            assert!(share >= 0.9, "{tokenizer}: {share:.2} for {name}");
        }
    }

    /// An estimate that is always safe because it is always huge would omit what fits.
    #[test]
    fn estimates_stay_near_the_worst_tokenizer() {
        let mut shares: Vec<_> = samples()
            .into_iter()
            .map(|sample| {
                let most = sample.tokens.values().max().copied().unwrap_or(1);
                f64::from(text_tokens(&sample.text)) / f64::from(most)
            })
            .collect();
        shares.sort_by(f64::total_cmp);
        let (median, most) = (shares[shares.len() / 2], shares[shares.len() - 1]);
        assert!(median < 1.1, "{median:.2}");
        assert!(most < 2.2, "{most:.2}");
    }

    #[test]
    fn a_token_has_at_least_one_byte() {
        assert_eq!(text_tokens(""), 0);
        for code in 0..=u32::from(char::MAX) {
            let Some(character) = char::from_u32(code) else {
                continue;
            };
            for text in [
                character.to_string(),
                format!("a{character}"),
                format!("1{character}{character} "),
            ] {
                let tokens = text_tokens(&text) as usize;
                assert!((1..=text.len()).contains(&tokens), "{text:?}: {tokens}");
            }
        }
    }
}
