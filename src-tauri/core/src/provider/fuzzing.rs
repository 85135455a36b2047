//! The readers of what providers and people send, as `tests/fuzz` runs them.
//!
//! It owns no reading of its own: each function hands over to the application's. It is no part of this
//! crate's interface, and what it returns is only what a test compares.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, stream};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::answer::{AnswerStream, whole_answer};
use super::endpoint::{Provider, may_carry_key};
use super::failure::Failure;
use super::form::validate_address;
use super::gate::{Gate, Response};
use super::limits::{RequestBudget, retry_after};
use super::protocol::{ProtocolKind, StreamEvent};
use crate::chat::turn::{Effect, Event, Turn};
use crate::clock::Timestamp;

/// An answer as it was read.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What was said.
    pub text: String,
    /// What was thought.
    pub reasoning: String,
    /// Every other event that says something, in order, as debug text.
    pub other: Vec<String>,
    /// Why no more came, where it failed.
    pub failure: Option<Failure>,
    /// How many events came, signs of life included.
    pub events: usize,
    /// What a turn makes of it: how it ends, as debug text, and how many bytes it appends.
    pub turn: Turned,
}

/// What a turn makes of an answer.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Turned {
    /// How the turn ends, as debug text; none while it goes on.
    pub end: Option<String>,
    /// Bytes of text and of reasoning that it appends.
    pub appended: usize,
}

impl Answer {
    fn take(&mut self, event: &StreamEvent) {
        self.events += 1;
        match event {
            StreamEvent::Text(text) => self.text.push_str(text),
            StreamEvent::Reasoning(text) => self.reasoning.push_str(text),
            StreamEvent::Failed(failure) => self.failure = Some(failure.clone()),
            StreamEvent::Alive | StreamEvent::KeptAlive => {}
            other => self.other.push(format!("{other:?}")),
        }
    }
}

/// The answer in a stream that comes in these pieces.
///
/// # Panics
/// When the stream has not ended although all its bytes were there.
pub fn answer(protocol: ProtocolKind, pieces: Vec<Vec<u8>>) -> Answer {
    let protocol = protocol.protocol();
    let pieces = pieces
        .into_iter()
        .map(|piece| Ok::<_, Infallible>(Bytes::from(piece)));
    let bytes = stream::iter(pieces);
    let stream = AnswerStream::read(false, protocol.framing(), protocol.decoder(), bytes);
    drain(stream)
}

/// The answer in the body of a provider that does not stream.
///
/// # Errors
/// When it is none.
pub fn answer_in_one(protocol: ProtocolKind, body: &str) -> Result<Answer, Failure> {
    whole_answer(protocol.protocol().decoder(), body).map(drain)
}

fn drain(mut stream: AnswerStream) -> Answer {
    let mut answer = Answer::default();
    let mut turn = Turn::begin().0;
    let _ = turn.handle(Event::Admitted);
    let _ = turn.handle(Event::Opened);
    loop {
        let event = stream.next().now_or_never();
        let event = event.expect("all bytes are there: the next event is, too");
        answer.take(&event);
        let is_last = matches!(event, StreamEvent::Closed | StreamEvent::Done)
            || matches!(event, StreamEvent::Failed(_));
        match turn.handle(Event::Stream(event)) {
            Some(Effect::Append(text) | Effect::Think(text)) => {
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

/// How many models a list names; none when it is no list of the protocol.
pub fn models(protocol: ProtocolKind, body: &str) -> Option<usize> {
    protocol.protocol().models(body).map(|models| models.len())
}

/// What a response's headers say of the limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The pause that is asked for.
    pub pause: Option<Duration>,
    /// How many requests are left, and until when.
    pub budget: Option<(u32, Duration)>,
}

/// Reads the limits and has a gate take them, as it does for an answer that is accepted.
///
/// # Panics
/// When the gate lets nobody in.
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

/// The failure that a refusal is, without the key, and how a turn ends that is refused so; the gate takes
/// it, too.
///
/// # Panics
/// When the gate lets nobody in.
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
    let mut turn = Turn::begin().0;
    let _ = turn.handle(Event::Admitted);
    let effect = turn.handle(Event::Refused(failure.clone()));
    (failure, effect.map(|effect| format!("{effect:?}")))
}

/// The address that is kept of what a person typed.
pub fn typed_address(typed: &str) -> Option<String> {
    validate_address(typed).ok()
}

/// The address that a variable of the protocol's own client means.
pub fn address_in_variable(protocol: ProtocolKind, variable: &str) -> String {
    protocol.protocol().address(variable)
}

/// Whether a key may travel to this address.
pub fn carries_key(base_url: &str) -> bool {
    may_carry_key(base_url)
}

/// The address that is asked for `path`.
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
    }
}
