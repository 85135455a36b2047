//! What the stand-in does with one request, step by step.

use std::time::Duration;

use serde_json::{Value, json};

/// The steps that answer one chat completion.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Script(pub(crate) Vec<Step>);

/// One step of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// A whole response that is no stream.
    Respond {
        /// The HTTP status.
        status: u16,
        /// Headers beside `content-length` and `connection`.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// The head of an event stream.
    Head,
    /// Text of the answer.
    Delta(String),
    /// An error object inside the stream.
    Error(Value),
    /// A finish reason.
    Finish(String),
    /// Token counts: of the prompt, of the answer.
    Usage(u32, u32),
    /// The end mark.
    Done,
    /// Bytes as they are.
    Raw(Vec<u8>),
    /// Waits until the test opens the gate of this name.
    Wait(String),
    /// Waits, for demonstrations and benches; a test waits for a gate.
    Pause(Duration),
    /// Ends the connection in order.
    Close,
    /// Ends the connection with a reset.
    Reset,
    /// Says nothing more, until the client goes.
    Hang,
}

impl Step {
    /// A whole response that is no stream.
    pub fn status(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        Self::Respond {
            status,
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: body.to_owned(),
        }
    }

    /// What goes over the stream for this step, where anything does.
    pub(crate) fn bytes(&self) -> Option<Vec<u8>> {
        let event = |value: Value| Some(format!("data: {value}\n\n").into_bytes());
        let choice = |delta: Value, finish: Option<&str>| {
            event(json!({
                "object": "chat.completion.chunk",
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
            }))
        };
        match self {
            Self::Head => Some(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
                    .to_vec(),
            ),
            Self::Delta(text) => choice(json!({"content": text}), None),
            Self::Finish(reason) => choice(json!({}), Some(reason)),
            Self::Error(error) => event(error.clone()),
            Self::Usage(prompt, completion) => event(json!({
                "choices": [],
                "usage": {"prompt_tokens": prompt, "completion_tokens": completion},
            })),
            Self::Done => Some(b"data: [DONE]\n\n".to_vec()),
            Self::Raw(bytes) => Some(bytes.clone()),
            Self::Respond {
                status,
                headers,
                body,
            } => {
                let typed = headers.iter().any(|(name, _)| name == "content-type");
                let json = ("content-type".to_owned(), "application/json".to_owned());
                let lines: String = (!typed)
                    .then_some(&json)
                    .into_iter()
                    .chain(headers)
                    .flat_map(|(name, value)| [name, ": ", value, "\r\n"])
                    .collect();
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status} As scripted\r\n{lines}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
                Some(head.into_bytes())
            }
            Self::Wait(_) | Self::Pause(_) | Self::Close | Self::Reset | Self::Hang => None,
        }
    }
}

impl Script {
    /// These steps, and then the end of the connection.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self(steps.into_iter().collect())
    }

    /// A whole answer, word by word.
    pub fn answer(text: &str) -> Self {
        let words = text
            .split_inclusive(' ')
            .map(|word| Step::Delta(word.to_owned()));
        Self::new([Step::Head].into_iter().chain(words).chain(ending()))
    }

    /// An answer that stops after `before` until the test opens the gate, and goes on with `after`.
    pub fn held(gate: &str, before: &str, after: &str) -> Self {
        let part = |text: &str| (!text.is_empty()).then(|| Step::Delta(text.to_owned()));
        let steps = [Step::Head].into_iter().chain(part(before));
        let steps = steps
            .chain([Step::Wait(gate.to_owned())])
            .chain(part(after));
        Self::new(steps.chain(ending()))
    }

    /// A JSON response with a status.
    pub fn status(status: u16, body: &str) -> Self {
        Self::new([Step::status(status, &[], body)])
    }
}

fn ending() -> [Step; 3] {
    [
        Step::Finish("stop".to_owned()),
        Step::Usage(7, 3),
        Step::Done,
    ]
}
