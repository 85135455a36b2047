//! Entry points for `tests/fuzz` to the parsers of provider and user input.
//!
//! Each function delegates to the application's own code. This module is no part of the crate's interface,
//! and what it returns is only what a test compares.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conch_provider::answer::AnswerStream;
use conch_provider::endpoint::{KeyTransport, Provider, key_transport};
use conch_provider::failure::Failure;
use conch_provider::gate::{Gate, Response};
use conch_provider::limits::{RequestBudget, retry_after};
use conch_provider::protocol::{self, Content, StreamEvent};
use conch_provider::record::{ModelRecord, Refusal};
use futures_util::{FutureExt, stream};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::form::validate_address;
use crate::model::{Parameters, PartDelta, ProtocolKind, ReasoningEffort, Timestamp};
use crate::turns::turn::{Effect, Event, Turn};

/// A decoded answer.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Answer {
    /// All text of the answer, joined.
    pub text: String,
    /// All reasoning, joined.
    pub reasoning: String,
    /// Every other event with content, in order, as debug text.
    pub other: Vec<String>,
    /// `None` if the stream did not fail.
    pub failure: Option<Failure>,
    /// Keep-alives included.
    pub events: usize,
    /// The turn's result for these events.
    pub turn: TurnResult,
}

/// The result of a turn.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct TurnResult {
    /// How the turn ended, as debug text; none while it runs.
    pub end: Option<String>,
    /// Bytes of text and of reasoning that it appended.
    pub appended: usize,
}

impl Answer {
    fn take(&mut self, event: &StreamEvent) {
        self.events += 1;
        match event {
            StreamEvent::Content(Content::Text(text)) => self.text.push_str(text),
            StreamEvent::Content(Content::Reasoning(text)) => self.reasoning.push_str(text),
            // Without its id, which is a random one where the provider sends none.
            StreamEvent::Content(Content::ToolCall(call)) => {
                self.other.push(format!("{:?}", (&call.name, &call.input)));
            }
            StreamEvent::Failed(failure) => self.failure = Some(failure.clone()),
            StreamEvent::Alive | StreamEvent::KeptAlive => {}
            other => self.other.push(format!("{other:?}")),
        }
    }
}

/// Decodes a streamed answer from these pieces.
///
/// # Panics
/// When the stream does not end after all its bytes.
pub fn answer(protocol: ProtocolKind, pieces: Vec<Vec<u8>>) -> Answer {
    let protocol = protocol::of(protocol);
    let pieces = pieces
        .into_iter()
        .map(|piece| Ok::<_, Infallible>(Bytes::from(piece)));
    let bytes = stream::iter(pieces);
    let stream = AnswerStream::read(false, protocol.framing(), protocol.decoder(), bytes);
    drain(stream)
}

fn drain(mut stream: AnswerStream) -> Answer {
    let mut answer = Answer::default();
    let mut turn = Turn::new();
    let _ = turn.handle(Event::Start);
    let _ = turn.admit();
    let _ = turn.handle(Event::Opened);
    loop {
        let event = stream.next().now_or_never();
        let event = event.expect("all bytes are there: the next event is, too");
        answer.take(&event);
        let is_last = matches!(event, StreamEvent::Closed | StreamEvent::Done)
            || matches!(event, StreamEvent::Failed(_));
        match turn.handle(Event::Stream(event)) {
            Some(Effect::Append {
                delta: PartDelta::Text(text) | PartDelta::Reasoning(text),
                ..
            }) => {
                answer.turn.appended += text.len();
            }
            Some(end @ (Effect::Finish(_) | Effect::Pause { .. })) => {
                answer.turn.end = Some(format!("{end:?}"));
            }
            _ => {}
        }
        if is_last {
            return answer;
        }
    }
}

/// Returns how many models a list names; none when it is not a list of the protocol.
pub fn models(protocol: ProtocolKind, body: &str) -> Option<usize> {
    protocol::of(protocol)
        .models(body)
        .map(|models| models.len())
}

/// The rate limits in a response's headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The pause that the provider requests.
    pub pause: Option<Duration>,
    /// The number of requests left, and the time until the reset.
    pub budget: Option<(u32, Duration)>,
}

/// Reads the rate limits and notes them at a gate, as for an accepted request.
///
/// # Panics
/// When the gate grants no permit.
pub fn limits(headers: &HeaderMap, now: Timestamp) -> Limits {
    let budget = RequestBudget::read(headers, now);
    let permit = Arc::new(Gate::new(2))
        .queue_up()
        .acquire(|_| {})
        .now_or_never();
    let mut permit = permit.expect("an open gate lets one in");
    permit.note(&Response::Accepted(budget));
    Limits {
        pause: retry_after(headers, now),
        budget: budget.map(|budget| (budget.remaining, budget.resets_in)),
    }
}

/// Returns the failure for a refusal, with the key redacted, and how a turn ends on it; the gate notes it,
/// too.
///
/// # Panics
/// When the gate grants no permit, or the same refusal takes parameters away for ever.
pub fn refusal(
    status: StatusCode,
    headers: &HeaderMap,
    body: &str,
    key: &str,
    now: Timestamp,
) -> (Failure, Option<String>) {
    let provider = provider("https://api.example.com/v1", Some(key));
    let failure = Failure::from_status(status, headers, body, now);
    let failure = provider.without_key(failure);
    let permit = Arc::new(Gate::new(2))
        .queue_up()
        .acquire(|_| {})
        .now_or_never();
    let mut permit = permit.expect("an open gate lets one in");
    permit.note(&Response::Failed(&failure));
    assert!(repetitions(&failure) < 10, "the request is sent for ever");
    let mut turn = Turn::new();
    let _ = turn.handle(Event::Start);
    let _ = turn.admit();
    let effect = turn.handle(Event::Refused(failure.clone()));
    (failure, effect.map(|effect| format!("{effect:?}")))
}

/// Returns how often a request with every parameter is sent again, if this failure always answers it.
fn repetitions(failure: &Failure) -> usize {
    let parameters = Parameters {
        system_prompt: None,
        temperature: Some(0.5),
        top_p: Some(0.9),
        max_tokens: Some(100),
        stop: vec!["END".to_owned()],
        reasoning_effort: Some(ReasoningEffort::Max),
    };
    let mut record = ModelRecord::default();
    let refusals = std::iter::from_fn(|| {
        let refusal = Refusal::in_failure(failure, &parameters, &record)?;
        record.learn(refusal);
        Some(())
    });
    refusals.take(10).count()
}

/// Returns the normalized address of a user's input.
pub fn typed_address(typed: &str) -> Option<String> {
    validate_address(typed, ProtocolKind::OpenAi).ok()
}

/// Returns the base address for the value of the official client's variable.
pub fn address_in_variable(protocol: ProtocolKind, variable: &str) -> String {
    protocol::of(protocol).address(variable)
}

/// Returns whether a key may travel to this address without the user's consent.
pub fn carries_key(base_url: &str) -> bool {
    key_transport(base_url) == KeyTransport::Secure
}

/// Returns the address of a request to `path`.
pub fn asked_at(base_url: &str, path: &str) -> String {
    provider(base_url, None).url(path)
}

fn provider(base_url: &str, key: Option<&str>) -> Provider {
    Provider {
        id: "fuzzed".to_owned(),
        name: "Fuzzed".to_owned(),
        protocol: ProtocolKind::OpenAi,
        base_url: base_url.to_owned(),
        key: key.map(Into::into),
        max_parallel: 1,
        local: false,
        consent: None,
    }
}
