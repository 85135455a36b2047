//! Parses and validates a chat-completions request.
//!
//! Clients send many fields that have no effect here, so unknown ones are ignored; a known field with an invalid
//! value is refused, and so is one that a client would not expect to be ignored.

use serde::Deserialize;
use thiserror::Error;

use crate::inference::{Message, Role, Sampling};

// The model card's values for SmolLM2-Instruct.
const DEFAULT_TEMPERATURE: f32 = 0.2;
const DEFAULT_TOP_P: f32 = 0.9;
const MAX_STOP_STRINGS: usize = 4;

/// A valid request.
#[derive(Debug, PartialEq)]
pub(super) struct ChatRequest {
    pub(super) model: String,
    /// At least one.
    pub(super) messages: Vec<Message>,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
    /// At least 1. Without a limit an answer may fill the context.
    pub(super) max_tokens: usize,
    pub(super) sampling: Sampling,
    pub(super) stop: Vec<String>,
}

/// Why a request is invalid.
#[derive(Debug, Error)]
pub(super) enum RequestError {
    #[error("The request does not follow the protocol: {0}")]
    Json(#[from] serde_json::Error),
    #[error("`{0}` is required")]
    Missing(&'static str),
    #[error("`{field}` must be {expected}")]
    OutOfRange {
        field: &'static str,
        expected: &'static str,
    },
    #[error("The role {0:?} is not supported. Use system, user or assistant")]
    Role(String),
    #[error("Content of type {0:?} is not supported. This model reads only text")]
    Content(String),
    #[error("Only one answer at a time is supported: `n` must be 1")]
    Several,
}

impl RequestError {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Json(_) => "invalid_json",
            Self::Missing(_) => "missing_required_parameter",
            Self::OutOfRange { .. } | Self::Role(_) => "invalid_value",
            Self::Content(_) | Self::Several => "unsupported_value",
        }
    }
}

#[derive(Deserialize)]
struct Body {
    model: Option<String>,
    messages: Option<Vec<BodyMessage>>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    seed: Option<i64>,
    stop: Option<Stop>,
    n: Option<u32>,
}

#[derive(Deserialize)]
struct BodyMessage {
    role: String,
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Several(Vec<String>),
}

impl ChatRequest {
    /// Parses a request's body.
    ///
    /// # Errors
    /// When it is not the protocol's JSON, or requests something unsupported.
    pub(super) fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let body: Body = serde_json::from_slice(body)?;
        if body.n.is_some_and(|answers| answers != 1) {
            return Err(RequestError::Several);
        }
        let model = body.model.filter(|model| !model.is_empty());
        let messages = body.messages.filter(|messages| !messages.is_empty());
        let messages = messages.ok_or(RequestError::Missing("messages"))?;
        let options = body.stream_options;
        Ok(Self {
            model: model.ok_or(RequestError::Missing("model"))?,
            messages: messages
                .into_iter()
                .map(Message::try_from)
                .collect::<Result<_, _>>()?,
            stream: body.stream.unwrap_or(false),
            include_usage: options.is_some_and(|options| options.include_usage == Some(true)),
            max_tokens: max_tokens(body.max_completion_tokens.or(body.max_tokens))?,
            sampling: Sampling {
                temperature: temperature(body.temperature)?,
                top_p: top_p(body.top_p)?,
                seed: body.seed.map(seed),
            },
            stop: stop(body.stop)?,
        })
    }
}

fn max_tokens(requested: Option<u32>) -> Result<usize, RequestError> {
    match requested {
        Some(0) => Err(RequestError::OutOfRange {
            field: "max_completion_tokens",
            expected: "at least 1",
        }),
        Some(tokens) => Ok(usize::try_from(tokens).unwrap_or(usize::MAX)),
        None => Ok(usize::MAX),
    }
}

fn temperature(requested: Option<f32>) -> Result<f32, RequestError> {
    let temperature = requested.unwrap_or(DEFAULT_TEMPERATURE);
    let in_range = (0.0..=2.0).contains(&temperature);
    in_range
        .then_some(temperature)
        .ok_or(RequestError::OutOfRange {
            field: "temperature",
            expected: "from 0 to 2",
        })
}

fn top_p(requested: Option<f32>) -> Result<f32, RequestError> {
    let top_p = requested.unwrap_or(DEFAULT_TOP_P);
    let in_range = top_p > 0.0 && top_p <= 1.0;
    in_range.then_some(top_p).ok_or(RequestError::OutOfRange {
        field: "top_p",
        expected: "above 0 and at most 1",
    })
}

/// Folds the protocol's seeds of 64 bits into llama.cpp's 32, of which the largest means a random seed.
fn seed(requested: i64) -> u32 {
    let folded = requested.rem_euclid(i64::from(u32::MAX));
    u32::try_from(folded).unwrap_or(0)
}

fn stop(requested: Option<Stop>) -> Result<Vec<String>, RequestError> {
    let strings = match requested {
        None => Vec::new(),
        Some(Stop::One(string)) => vec![string],
        Some(Stop::Several(strings)) => strings,
    };
    if strings.len() > MAX_STOP_STRINGS || strings.iter().any(String::is_empty) {
        return Err(RequestError::OutOfRange {
            field: "stop",
            expected: "at most 4 strings, none of them empty",
        });
    }
    Ok(strings)
}

impl TryFrom<BodyMessage> for Message {
    type Error = RequestError;

    fn try_from(message: BodyMessage) -> Result<Self, RequestError> {
        let role = match message.role.as_str() {
            // The protocol renamed the role, and clients send either.
            "system" | "developer" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            _ => return Err(RequestError::Role(message.role)),
        };
        let content = match message.content {
            None => return Err(RequestError::Missing("messages[].content")),
            Some(Content::Text(text)) => text,
            Some(Content::Parts(parts)) => parts
                .into_iter()
                .map(|part| match part.text {
                    Some(text) if part.kind == "text" => Ok(text),
                    _ => Err(RequestError::Content(part.kind)),
                })
                .collect::<Result<_, _>>()?,
        };
        Ok(Self { role, content })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parse(body: &Value) -> Result<ChatRequest, RequestError> {
        ChatRequest::parse(body.to_string().as_bytes())
    }

    /// Returns a request with one more field.
    fn with(field: &str, value: Value) -> Value {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
        body[field] = value;
        body
    }

    #[test]
    fn a_model_and_a_message_are_enough() {
        let request = parse(&with("unknown", json!({"ignored": true}))).unwrap();
        assert_eq!(
            request,
            ChatRequest {
                model: "m".into(),
                messages: vec![Message {
                    role: Role::User,
                    content: "hi".into()
                }],
                stream: false,
                include_usage: false,
                max_tokens: usize::MAX,
                sampling: Sampling {
                    temperature: 0.2,
                    top_p: 0.9,
                    seed: None
                },
                stop: vec![],
            }
        );
    }

    #[test]
    fn every_field_is_read() {
        let request = parse(&json!({
            "model": "m",
            "messages": [
                {"role": "developer", "content": "be brief"},
                {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
                {"role": "assistant", "content": "c"},
            ],
            "stream": true, "stream_options": {"include_usage": true},
            "max_tokens": 9, "max_completion_tokens": 7, "temperature": 0, "top_p": 1.0, "seed": -1,
            "stop": ["x", "y"], "n": 1,
        }))
        .unwrap();
        let roles: Vec<_> = request
            .messages
            .iter()
            .map(|message| message.role)
            .collect();
        assert_eq!(roles, [Role::System, Role::User, Role::Assistant]);
        assert_eq!(request.messages[1].content, "ab");
        assert!(request.stream && request.include_usage);
        assert_eq!(request.max_tokens, 7);
        assert_eq!(request.stop, ["x", "y"]);
        assert_eq!(
            request.sampling,
            Sampling {
                temperature: 0.0,
                top_p: 1.0,
                seed: Some(u32::MAX - 1)
            }
        );
    }

    #[test]
    fn one_stop_string_may_stand_alone() {
        assert_eq!(parse(&with("stop", json!("end"))).unwrap().stop, ["end"]);
    }

    #[test]
    fn invalid_fields_are_refused_by_name() {
        for (field, value, code) in [
            ("model", json!(null), "missing_required_parameter"),
            ("model", json!(""), "missing_required_parameter"),
            ("messages", json!(null), "missing_required_parameter"),
            ("messages", json!([]), "missing_required_parameter"),
            (
                "messages",
                json!([{"role": "user"}]),
                "missing_required_parameter",
            ),
            (
                "messages",
                json!([{"role": "robot", "content": ""}]),
                "invalid_value",
            ),
            ("messages", json!("hi"), "invalid_json"),
            ("temperature", json!(2.1), "invalid_value"),
            ("temperature", json!(-0.1), "invalid_value"),
            ("temperature", json!("hot"), "invalid_json"),
            ("top_p", json!(0), "invalid_value"),
            ("top_p", json!(1.1), "invalid_value"),
            ("max_tokens", json!(0), "invalid_value"),
            ("max_completion_tokens", json!(-1), "invalid_json"),
            ("stop", json!(["a", ""]), "invalid_value"),
            ("stop", json!(["a", "b", "c", "d", "e"]), "invalid_value"),
            ("n", json!(2), "unsupported_value"),
        ] {
            let error = parse(&with(field, value.clone())).unwrap_err();
            assert_eq!(error.code(), code, "{field}: {value}: {error}");
        }
        let image = json!([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]);
        let error = parse(&with("messages", image)).unwrap_err();
        assert_eq!(error.code(), "unsupported_value");
        assert!(error.to_string().contains("image_url"), "{error}");
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for body in [&b""[..], b"{", b"[]", b"\xff"] {
            assert_eq!(ChatRequest::parse(body).unwrap_err().code(), "invalid_json");
        }
    }
}
