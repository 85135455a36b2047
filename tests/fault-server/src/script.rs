//! Scripts: how the server answers one request, step by step.

use std::time::Duration;

use serde_json::Value;

/// The steps that answer one chat completion.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Script(pub(crate) Vec<Step>);

/// One step of an answer, encoded in the protocol of the request.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// A complete response that is not streamed.
    Respond {
        /// The HTTP status.
        status: u16,
        /// Headers in addition to `content-length` and `connection`.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// A complete error response, with the protocol's error body.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// Headers in addition to `content-length` and `connection`.
        headers: Vec<(String, String)>,
        /// The error message.
        reason: String,
    },
    /// The response head of a stream.
    Head,
    /// Text of the answer.
    Delta(String),
    /// Reasoning before the answer.
    Reasoning(String),
    /// An error inside the stream: `{"error": {"message": …}}` is sent in the protocol's form, and anything else
    /// unchanged.
    Error(Value),
    /// A finish reason. `stop`, `length` and `content_filter` are sent as the protocol's names, and any other
    /// unchanged.
    Finish(String),
    /// Token counts: of the prompt, of the answer. Right after a finish reason they are sent where the protocol
    /// has them.
    Usage(u32, u32),
    /// The end-of-stream marker, if the protocol has one.
    Done,
    /// Raw bytes.
    Raw(Vec<u8>),
    /// Waits until the test opens the gate with this name.
    Wait(String),
    /// Sleeps, for demonstrations and benchmarks; a test uses a gate.
    Pause(Duration),
    /// Waits until this long after the answer began. A series of these keeps a rate; a series of pauses drifts.
    Until(Duration),
    /// Closes the connection gracefully.
    Close,
    /// Closes the connection with a TCP reset.
    Reset,
    /// Sends nothing more until the client disconnects.
    Hang,
}

impl Step {
    /// Returns a complete response that is not streamed.
    pub fn status(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        Self::Respond {
            status,
            headers: owned(headers),
            body: body.to_owned(),
        }
    }

    /// Returns a complete error response, with the protocol's error body.
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
    /// Returns a script of these steps, after which the connection is closed.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self(steps.into_iter().collect())
    }

    /// Returns a complete answer, word by word.
    pub fn answer(text: &str) -> Self {
        let words = text
            .split_inclusive(' ')
            .map(|word| Step::Delta(word.to_owned()));
        Self::new([Step::Head].into_iter().chain(words).chain(ending()))
    }

    /// Returns an answer that pauses after `before` until the test opens the gate, and continues with `after`.
    pub fn gated(gate: &str, before: &str, after: &str) -> Self {
        let part = |text: &str| (!text.is_empty()).then(|| Step::Delta(text.to_owned()));
        let steps = [Step::Head].into_iter().chain(part(before));
        let steps = steps
            .chain([Step::Wait(gate.to_owned())])
            .chain(part(after));
        Self::new(steps.chain(ending()))
    }

    /// Returns a JSON response with a status.
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
