//! Lenient deserialization of optional data that must not fail an answer: a value of an unexpected form
//! counts as absent.
//!
//! What is deserialized is a [`Value`] in memory, not a text: an attempt that fails would leave a text in mid-value.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeOwned, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Reads an object of optional fields; all of them are absent if the value is no object.
pub(super) fn read<T: DeserializeOwned + Default>(value: &Value) -> T {
    T::deserialize(value).unwrap_or_default()
}

/// Deserializes a value; none if it has another form.
#[expect(clippy::unnecessary_wraps, reason = "the form that serde calls")]
pub(super) fn lenient<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer).unwrap_or_default())
}

/// Returns the entries of a list in a body, each read for itself: those of another form are left out. The list is the
/// body itself, or has this name in it. `None` if there is no list.
pub(super) fn entries<T: DeserializeOwned>(body: &str, name: &str) -> Option<Vec<T>> {
    let list = match serde_json::from_str(body).ok()? {
        Value::Array(entries) => entries,
        Value::Object(mut fields) => match fields.remove(name)? {
            Value::Array(entries) => entries,
            Value::Null => Vec::new(),
            _ => return None,
        },
        _ => return None,
    };
    let read = |entry| serde_json::from_value(entry).ok();
    Some(list.into_iter().filter_map(read).collect())
}

/// Deserializes a list, each entry for itself: those of another form are left out.
#[expect(clippy::unnecessary_wraps, reason = "the form that serde calls")]
pub(super) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let entries: Option<Vec<Entry<T>>> = Option::deserialize(deserializer).unwrap_or_default();
    let entries = entries.into_iter().flatten();
    Ok(entries.filter_map(|Entry(entry)| entry).collect())
}

/// An entry of a list; none if it has another form.
struct Entry<T>(Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entry<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(T::deserialize(deserializer).ok()))
    }
}

/// Deserializes a text that some servers send in parts, see [`text_in`]; none if it is empty.
#[expect(clippy::unnecessary_wraps, reason = "the form that serde calls")]
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(deserializer.deserialize_any(Text).unwrap_or_default())
}

/// Reads a string as it is: every event has one, and few have more.
struct Text;

impl<'de> Visitor<'de> for Text {
    type Value = Option<String>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, parts: A) -> Result<Self::Value, A::Error> {
        let parts = Value::deserialize(SeqAccessDeserializer::new(parts))?;
        Ok(text_in(&parts))
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
        let fields = Value::deserialize(MapAccessDeserializer::new(fields))?;
        Ok(text_in(&fields))
    }
}

/// Returns the text of a value: a string, an object with one, or a list of these; none if it is empty.
pub(super) fn text_in(value: &Value) -> Option<String> {
    const NAMES: [&str; 5] = ["text", "content", "thinking", "summary", "value"];
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(text_in).collect(),
        Value::Object(fields) => NAMES.iter().find_map(|name| text_in(fields.get(*name)?))?,
        Value::Null | Value::Bool(_) | Value::Number(_) => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// Returns whether a field has content: some servers send every known field, empty.
pub(super) fn says_something(field: &Value) -> bool {
    match field {
        Value::Array(parts) => !parts.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Deserializes an identifier, which an entry of a list has to have.
pub(super) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let id = String::deserialize(deserializer)?;
    if id.trim().is_empty() {
        return Err(D::Error::custom("an empty identifier"));
    }
    Ok(id)
}

/// Deserializes a truth value, from its name too.
pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(match Option::<Value>::deserialize(deserializer)? {
        Some(Value::Bool(flag)) => flag,
        Some(Value::String(name)) => name.eq_ignore_ascii_case("true"),
        Some(Value::Number(number)) => number.as_f64() == Some(1.0),
        _ => false,
    })
}

/// Deserializes the arguments of a call: JSON in a string, or the object itself; none if they are empty.
pub(super) fn arguments<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    Ok(match Option::<Value>::deserialize(deserializer)? {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text).filter(|text| !text.is_empty()),
        Some(other) => Some(other.to_string()),
    })
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
