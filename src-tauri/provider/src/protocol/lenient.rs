//! Lenient deserialization of optional data that must not fail an answer: a value of an unexpected form
//! counts as absent.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Deserializes a value; none if it has another form.
pub(super) fn lenient<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let value = Option::<Value>::deserialize(deserializer)?;
    Ok(value.and_then(|value| serde_json::from_value(value).ok()))
}

/// Deserializes a count, from a number or a string of digits; none if it is negative or too large.
pub(crate) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    Ok(match Option::<Value>::deserialize(deserializer)? {
        Some(Value::Number(number)) => number.as_f64().and_then(whole),
        Some(Value::String(digits)) => digits.trim().parse().ok().and_then(whole),
        _ => None,
    })
}

/// Some servers send counts in floating point.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it was looked at before"
)]
fn whole(number: f64) -> Option<u32> {
    let counts = (0.0..=f64::from(u32::MAX)).contains(&number);
    counts.then_some(number as u32)
}

/// Returns a finish reason with a meaning. Some servers send an empty string, or the word for none, while the
/// answer continues.
pub(super) fn stated(reason: Option<&str>) -> Option<&str> {
    const NONE: [&str; 4] = ["", "null", "none", "finish_reason_unspecified"];
    let reason = reason?.trim();
    let is_none = NONE.iter().any(|none| reason.eq_ignore_ascii_case(none));
    (!is_none).then_some(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    struct Counts {
        #[serde(default, deserialize_with = "count")]
        tokens: Option<u32>,
    }

    #[test]
    fn a_count_is_read_in_every_form_and_costs_nothing_in_any_other() {
        for (text, read) in [
            ("12", Some(12)),
            ("12.0", Some(12)),
            ("1.2e1", Some(12)),
            (r#""12""#, Some(12)),
            (r#"" 12.5 ""#, Some(12)),
            ("0", Some(0)),
            ("4294967295", Some(u32::MAX)),
            ("4294967296", None),
            ("18446744073709551616", None),
            ("1e300", None),
            ("-1", None),
            (r#""many""#, None),
            (r#""NaN""#, None),
            ("null", None),
            ("true", None),
            ("[12]", None),
            (r#"{"n":12}"#, None),
        ] {
            let counts: Counts = serde_json::from_str(&format!(r#"{{"tokens":{text}}}"#)).unwrap();
            assert_eq!(counts.tokens, read, "{text}");
        }
        assert_eq!(serde_json::from_str::<Counts>("{}").unwrap().tokens, None);
    }

    #[test]
    fn a_reason_that_says_nothing_is_none() {
        for none in ["", " ", "null", "None", "FINISH_REASON_UNSPECIFIED"] {
            assert_eq!(stated(Some(none)), None, "{none:?}");
        }
        assert_eq!(stated(None), None);
        assert_eq!(stated(Some("stop")), Some("stop"));
        assert_eq!(stated(Some("unknown")), Some("unknown"));
    }
}
