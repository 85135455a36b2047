//! What the stand-in does with one request, step by step.

use std::time::Duration;

use serde_json::Value;

/// The steps that answer one chat completion.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Script(pub(crate) Vec<Step>);

/// One step of an answer. What it says is encoded in the protocol of the request.
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
    /// A whole response that refuses, with the protocol's error body.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// Headers beside `content-length` and `connection`.
        headers: Vec<(String, String)>,
        /// The reason.
        reason: String,
    },
    /// The head of a stream.
    Head,
    /// Text of the answer.
    Delta(String),
    /// What the model thinks before it answers.
    Reasoning(String),
    /// An error inside the stream: `{"error": {"message": …}}` in the protocol's own form, and anything
    /// else as it is.
    Error(Value),
    /// A finish reason. `stop`, `length` and `content_filter` get the protocol's own names, and any
    /// other is sent as it is.
    Finish(String),
    /// Token counts: of the prompt, of the answer. Right after a finish reason they are sent where the
    /// protocol has them.
    Usage(u32, u32),
    /// The end mark, where the protocol has one.
    Done,
    /// Bytes as they are.
    Raw(Vec<u8>),
    /// Waits until the test opens the gate of this name.
    Wait(String),
    /// Waits, for demonstrations and benches; a test waits for a gate.
    Pause(Duration),
    /// Waits until so long after the answer began. Many of these keep a rate, and many pauses do not.
    Until(Duration),
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
            headers: owned(headers),
            body: body.to_owned(),
        }
    }

    /// A whole response that refuses, with the protocol's error body.
    pub fn refusal(status: u16, headers: &[(&str, &str)], reason: &str) -> Self {
        Self::Refuse {
            status,
            headers: owned(headers),
            reason: reason.to_owned(),
        }
    }
}

fn owned(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
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
    pub fn gated(gate: &str, before: &str, after: &str) -> Self {
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
