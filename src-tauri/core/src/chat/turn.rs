//! One turn as a pure state machine: events in, effects out. No async, no IO, no clock, so each race
//! (Stop before the first token, a lost lock in mid-stream, an end without an end mark) is a test of
//! a few lines. [`driver`](super::driver) performs the effects.
//!
//! ```text
//! Waiting ──► Connecting ──► Streaming ──► Finishing ──► Ended
//!    ▲            │              │             ▲
//!    └─ Retrying ◄┘              └─────────────┘   finish reason seen: its usage may follow
//! ```
//!
//! From every state: `Ended`.

use std::fmt::Write;
use std::time::Duration;

use super::model::{FinishReason, MessageError, MessageStatus, Usage};
use crate::provider::{Failure, FailureKind, Retry, StreamEvent};
use crate::store::Ending;

/// How often an answer is asked for again, before any text has come.
const RETRIES: u32 = 2;

/// The same, when the provider said "too many requests": it told us that waiting helps.
const RATE_LIMIT_RETRIES: u32 = 5;

/// The first pause between tries; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// A provider that asks for a longer pause than this is not waited for.
const LONGEST_PAUSE: Duration = Duration::from_mins(2);

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// The provider may be asked.
    Admitted,
    /// The provider began to answer.
    Opened,
    /// It could not be asked, or refused.
    Refused(Failure),
    /// Something came over the stream.
    Stream(StreamEvent),
    /// The pause before the next try is over.
    PauseOver,
    /// Nothing came for too long.
    Silence,
    /// The generation runs for longer than any may.
    RanTooLong,
    /// The user pressed Stop.
    Stop,
    /// The application quits.
    Quit,
    /// Somebody else holds the lock now.
    LeaseLost,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Wait for the model, and for a free slot at its provider.
    Enter,
    /// Ask the provider.
    Connect,
    /// Ask again after a pause.
    Pause {
        /// How long.
        pause: Duration,
        /// Which try comes next; the first was 1.
        attempt: u32,
        /// Why.
        reason: String,
    },
    /// Add text to the answer.
    Append(String),
    /// Add to what the model thinks before it answers.
    Think(String),
    /// The answer is whole: wait only a moment for what may follow it.
    AwaitUsage,
    /// Close the connection, store the end, give the lock back.
    Finish(Ending),
    /// Close the connection and write nothing: the answer is somebody else's now.
    Abandon,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Waiting { attempt: u32 },
    Connecting { attempt: u32 },
    Retrying { attempt: u32 },
    Streaming { attempt: u32, heard: Heard },
    Finishing { heard: Heard },
    Ended,
}

/// What came over this try's stream so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Heard {
    Nothing,
    Life,
    Reasoning,
    Text,
}

/// The machine.
#[derive(Debug)]
pub(crate) struct Turn {
    state: State,
    usage: Usage,
    finish_reason: Option<FinishReason>,
    left_out: u32,
}

impl Turn {
    /// A turn that waits for its provider first.
    pub(crate) fn begin() -> (Self, Effect) {
        let turn = Self {
            state: State::Waiting { attempt: 1 },
            usage: Usage::default(),
            finish_reason: None,
            left_out: 0,
        };
        (turn, Effect::Enter)
    }

    /// Takes an event. An event that does not fit the state changes nothing: it was overtaken.
    pub(crate) fn handle(&mut self, event: Event) -> Option<Effect> {
        if self.state == State::Ended {
            return None;
        }
        match event {
            Event::LeaseLost => {
                self.state = State::Ended;
                Some(Effect::Abandon)
            }
            Event::Stop => Some(self.end_whole_or(MessageStatus::Stopped, None)),
            Event::Quit => {
                Some(self.interrupt("app_quit", "Conch was closed before the answer ended"))
            }
            Event::RanTooLong => {
                Some(self.interrupt("ran_too_long", "The answer ran for an hour and was cut off"))
            }
            Event::Silence => Some(self.silence()),
            Event::Admitted => match self.state {
                State::Waiting { attempt } => {
                    self.state = State::Connecting { attempt };
                    Some(Effect::Connect)
                }
                _ => None,
            },
            Event::Opened => {
                if let State::Connecting { attempt } = self.state {
                    self.state = State::Streaming {
                        attempt,
                        heard: Heard::Nothing,
                    };
                }
                None
            }
            Event::Refused(failure) => match self.state {
                State::Waiting { attempt } | State::Connecting { attempt } => {
                    Some(self.fail(attempt, failure))
                }
                _ => None,
            },
            Event::PauseOver => match self.state {
                State::Retrying { attempt } => {
                    self.state = State::Waiting { attempt };
                    Some(Effect::Enter)
                }
                _ => None,
            },
            Event::Stream(event) => self.stream(event),
        }
    }

    /// The finish reason has come; only usage may follow.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.state, State::Finishing { .. })
    }

    fn stream(&mut self, event: StreamEvent) -> Option<Effect> {
        match (&mut self.state, event) {
            (State::Streaming { .. } | State::Finishing { .. }, StreamEvent::Usage(usage)) => {
                self.usage = usage;
                None
            }
            (State::Streaming { .. }, StreamEvent::LeftOut(messages)) => {
                self.left_out = self.left_out.saturating_add(messages);
                None
            }
            (State::Streaming { heard, .. }, StreamEvent::Text(text)) => {
                *heard = Heard::Text;
                Some(Effect::Append(text))
            }
            (State::Streaming { heard, .. }, StreamEvent::Reasoning(text)) => {
                *heard = (*heard).max(Heard::Reasoning);
                Some(Effect::Think(text))
            }
            (State::Streaming { heard, .. }, StreamEvent::Alive) => {
                *heard = (*heard).max(Heard::Life);
                None
            }
            (State::Streaming { heard, .. }, StreamEvent::Finish(reason)) => {
                self.finish_reason = Some(reason);
                self.state = State::Finishing { heard: *heard };
                Some(Effect::AwaitUsage)
            }
            (State::Streaming { heard, .. }, StreamEvent::Done) => {
                if *heard == Heard::Nothing {
                    return Some(self.interrupt(
                        "empty_answer",
                        "The provider ended the answer without sending any",
                    ));
                }
                Some(self.end(MessageStatus::Complete, None))
            }
            (State::Streaming { attempt, heard }, StreamEvent::Failed(failure)) => {
                let (attempt, heard) = (*attempt, *heard);
                if failure.kind == FailureKind::StreamCut {
                    return Some(self.end(MessageStatus::Interrupted, Some(failure.to_error())));
                }
                // After content a second try would say it twice, and bill it twice.
                let failure = match heard {
                    Heard::Text | Heard::Reasoning => failure.retrying(Retry::Never),
                    Heard::Nothing | Heard::Life => failure,
                };
                Some(self.fail(attempt, failure))
            }
            (State::Streaming { .. }, StreamEvent::Closed) => Some(self.interrupt(
                FailureKind::StreamCut.name(),
                "The connection ended before the answer did",
            )),
            (
                State::Finishing { .. },
                StreamEvent::Done | StreamEvent::Closed | StreamEvent::Failed(_),
            ) => Some(self.end_whole_or(MessageStatus::Complete, None)),
            _ => None,
        }
    }

    fn silence(&mut self) -> Effect {
        self.end_whole_or(
            MessageStatus::Interrupted,
            Some(MessageError {
                code: FailureKind::Timeout.name().to_owned(),
                message: "The provider went silent".to_owned(),
            }),
        )
    }

    fn fail(&mut self, attempt: u32, mut failure: Failure) -> Effect {
        let limit = match failure.kind {
            FailureKind::RateLimited => RATE_LIMIT_RETRIES,
            _ => RETRIES,
        };
        let pause = match failure.retry {
            Retry::After(pause) if pause <= LONGEST_PAUSE => Some(pause),
            Retry::Backoff => Some(FIRST_PAUSE * 2_u32.pow(attempt - 1)),
            Retry::After(pause) => {
                let pause = humantime::format_duration(Duration::from_secs(pause.as_secs()));
                let _ = write!(failure.message, ". It asks to come again in {pause}");
                None
            }
            Retry::Never => None,
        };
        match pause {
            Some(pause) if attempt <= limit => {
                let attempt = attempt + 1;
                self.state = State::Retrying { attempt };
                Effect::Pause {
                    pause,
                    attempt,
                    reason: failure.message,
                }
            }
            _ => self.end(MessageStatus::Failed, Some(failure.to_error())),
        }
    }

    fn interrupt(&mut self, code: &str, message: &str) -> Effect {
        let error = MessageError {
            code: code.to_owned(),
            message: message.to_owned(),
        };
        self.end_whole_or(MessageStatus::Interrupted, Some(error))
    }

    /// An answer whose finish reason has come is whole, whatever happens after.
    fn end_whole_or(&mut self, status: MessageStatus, error: Option<MessageError>) -> Effect {
        match self.state {
            State::Finishing { heard } if heard < Heard::Text && self.is_filtered() => {
                let failure = Failure::new(
                    FailureKind::ContentFiltered,
                    "The provider's content filter held the answer back. Ask in other words",
                );
                self.end(MessageStatus::Failed, Some(failure.to_error()))
            }
            State::Finishing { .. } => self.end(MessageStatus::Complete, None),
            _ => self.end(status, error),
        }
    }

    fn is_filtered(&self) -> bool {
        self.finish_reason == Some(FinishReason::ContentFilter)
    }

    fn end(&mut self, status: MessageStatus, error: Option<MessageError>) -> Effect {
        self.state = State::Ended;
        Effect::Finish(Ending {
            status,
            error,
            usage: self.usage,
            finish_reason: self.finish_reason,
            left_out: self.left_out,
        })
    }
}

#[cfg(test)]
mod tests;
