//! One turn as a pure state machine: events in, effects out. No async, no IO, no clock, so each race
//! (Stop before the first token, a lost lock in mid-stream, an end without an end mark) is a test of
//! a few lines. [`driver`](super::driver) performs the effects.
//!
//! ```text
//! Connecting ──► Streaming ──► Finishing ──► Ended
//!     │  ▲           │             ▲
//!     ▼  │           └─────────────┘   finish reason seen: its usage may follow
//!   Retrying                           from every state: Ended
//! ```

use std::time::Duration;

use super::model::{MessageError, MessageStatus};
use crate::provider::{Failure, FailureKind, Retry, StreamEvent};
use crate::store::{Ending, Usage};

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
    /// The answer is whole: wait only a moment for what may follow it.
    AwaitUsage,
    /// Close the connection, store the end, give the lock back.
    Finish(Ending),
    /// Close the connection and write nothing: the answer is somebody else's now.
    Abandon,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Connecting { attempt: u32 },
    Retrying { attempt: u32 },
    Streaming { attempt: u32, heard: Heard },
    Finishing,
    Ended,
}

/// What came over this try's stream so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Nothing,
    Life,
    Text,
}

/// The machine.
#[derive(Debug)]
pub(crate) struct Turn {
    state: State,
    usage: Usage,
}

impl Turn {
    /// A turn that asks the provider first.
    pub(crate) fn begin() -> (Self, Effect) {
        let turn = Self {
            state: State::Connecting { attempt: 1 },
            usage: Usage::default(),
        };
        (turn, Effect::Connect)
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
                State::Connecting { attempt } => Some(self.fail(attempt, failure)),
                _ => None,
            },
            Event::PauseOver => match self.state {
                State::Retrying { attempt } => {
                    self.state = State::Connecting { attempt };
                    Some(Effect::Connect)
                }
                _ => None,
            },
            Event::Stream(event) => self.stream(event),
        }
    }

    /// The finish reason has come; only usage may follow.
    pub(crate) fn is_whole(&self) -> bool {
        self.state == State::Finishing
    }

    fn stream(&mut self, event: StreamEvent) -> Option<Effect> {
        match (&mut self.state, event) {
            (State::Streaming { .. } | State::Finishing, StreamEvent::Usage(usage)) => {
                self.usage = usage;
                None
            }
            (State::Streaming { heard, .. }, StreamEvent::Text(text)) => {
                *heard = Heard::Text;
                Some(Effect::Append(text))
            }
            (State::Streaming { heard, .. }, StreamEvent::Alive) => {
                if *heard == Heard::Nothing {
                    *heard = Heard::Life;
                }
                None
            }
            (State::Streaming { .. }, StreamEvent::FinishReason) => {
                self.state = State::Finishing;
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
                // After text a second try would say it twice, and bill it twice.
                let failure = match heard {
                    Heard::Text => failure.retrying(Retry::Never),
                    Heard::Nothing | Heard::Life => failure,
                };
                Some(self.fail(attempt, failure))
            }
            (State::Streaming { .. }, StreamEvent::Closed) => Some(self.interrupt(
                FailureKind::StreamCut.name(),
                "The connection ended before the answer did",
            )),
            (
                State::Finishing,
                StreamEvent::Done | StreamEvent::Closed | StreamEvent::Failed(_),
            ) => Some(self.end(MessageStatus::Complete, None)),
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

    fn fail(&mut self, attempt: u32, failure: Failure) -> Effect {
        let limit = match failure.kind {
            FailureKind::RateLimited => RATE_LIMIT_RETRIES,
            _ => RETRIES,
        };
        let pause = match failure.retry {
            Retry::After(pause) if pause <= LONGEST_PAUSE => Some(pause),
            Retry::Backoff => Some(FIRST_PAUSE * 2_u32.pow(attempt - 1)),
            Retry::After(_) | Retry::Never => None,
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
            State::Finishing => self.end(MessageStatus::Complete, None),
            _ => self.end(status, error),
        }
    }

    fn end(&mut self, status: MessageStatus, error: Option<MessageError>) -> Effect {
        self.state = State::Ended;
        Effect::Finish(Ending {
            status,
            error,
            usage: self.usage,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streaming() -> Turn {
        let (mut turn, effect) = Turn::begin();
        assert_eq!(effect, Effect::Connect);
        assert_eq!(turn.handle(Event::Opened), None);
        turn
    }

    fn text(turn: &mut Turn, text: &str) {
        let event = Event::Stream(StreamEvent::Text(text.to_owned()));
        assert_eq!(turn.handle(event), Some(Effect::Append(text.to_owned())));
    }

    fn status(effect: Option<Effect>) -> MessageStatus {
        match effect {
            Some(Effect::Finish(ending)) => ending.status,
            other => panic!("expected an end, got {other:?}"),
        }
    }

    fn busy(retry: Retry) -> Failure {
        Failure::new(FailureKind::RateLimited, "slow down").retrying(retry)
    }

    #[test]
    fn an_end_mark_completes_the_answer() {
        let mut turn = streaming();
        text(&mut turn, "Hi");
        assert_eq!(
            status(turn.handle(Event::Stream(StreamEvent::Done))),
            MessageStatus::Complete
        );
    }

    #[test]
    fn a_finish_reason_completes_it_too_and_usage_may_follow() {
        let usage = Usage {
            prompt_tokens: Some(3),
            completion_tokens: Some(1),
        };
        let mut turn = streaming();
        text(&mut turn, "Hi");
        assert_eq!(
            turn.handle(Event::Stream(StreamEvent::FinishReason)),
            Some(Effect::AwaitUsage)
        );
        assert_eq!(turn.handle(Event::Stream(StreamEvent::Usage(usage))), None);
        let end = turn.handle(Event::Stream(StreamEvent::Closed));
        assert!(
            matches!(end, Some(Effect::Finish(Ending { status: MessageStatus::Complete, usage: u, .. })) if u == usage)
        );
    }

    #[test]
    fn the_end_of_the_stream_alone_is_an_interruption() {
        let mut turn = streaming();
        text(&mut turn, "Hi");
        assert_eq!(
            status(turn.handle(Event::Stream(StreamEvent::Closed))),
            MessageStatus::Interrupted
        );
    }

    #[test]
    fn an_end_mark_without_anything_before_it_is_no_answer() {
        let mut turn = streaming();
        assert_eq!(
            status(turn.handle(Event::Stream(StreamEvent::Done))),
            MessageStatus::Interrupted
        );
    }

    #[test]
    fn an_answer_is_whole_from_its_finish_reason_on() {
        let mut turn = streaming();
        text(&mut turn, "Hi");
        assert!(!turn.is_whole());
        turn.handle(Event::Stream(StreamEvent::FinishReason));
        assert!(turn.is_whole());
    }

    #[test]
    fn an_answer_without_text_is_one_when_anything_came() {
        let mut turn = streaming();
        assert_eq!(turn.handle(Event::Stream(StreamEvent::Alive)), None);
        assert_eq!(
            status(turn.handle(Event::Stream(StreamEvent::Done))),
            MessageStatus::Complete
        );
    }

    #[test]
    fn stop_works_in_every_state_and_only_once() {
        let (connecting, _) = Turn::begin();
        let (mut retrying, _) = Turn::begin();
        retrying.handle(Event::Refused(busy(Retry::Backoff)));
        for mut turn in [connecting, retrying, streaming()] {
            assert_eq!(status(turn.handle(Event::Stop)), MessageStatus::Stopped);
            assert_eq!(turn.handle(Event::Stop), None, "the second finds it ended");
            assert_eq!(
                turn.handle(Event::PauseOver),
                None,
                "and nothing asks again"
            );
        }
    }

    #[test]
    fn a_whole_answer_stays_whole_when_stop_comes_late() {
        let mut turn = streaming();
        text(&mut turn, "Hi");
        turn.handle(Event::Stream(StreamEvent::FinishReason));
        assert_eq!(status(turn.handle(Event::Stop)), MessageStatus::Complete);
    }

    #[test]
    fn a_lost_lock_writes_nothing() {
        let mut turn = streaming();
        text(&mut turn, "Hi");
        assert_eq!(turn.handle(Event::LeaseLost), Some(Effect::Abandon));
        assert_eq!(turn.handle(Event::Stop), None);
    }

    #[test]
    fn before_text_a_refusal_is_retried_as_the_provider_asks() {
        let (mut turn, _) = Turn::begin();
        let asked = Duration::from_secs(7);
        let effect = turn.handle(Event::Refused(busy(Retry::After(asked))));
        assert_eq!(
            effect,
            Some(Effect::Pause {
                pause: asked,
                attempt: 2,
                reason: "slow down".to_owned()
            })
        );
        assert_eq!(turn.handle(Event::PauseOver), Some(Effect::Connect));
    }

    #[test]
    fn a_pause_of_hours_is_a_failure_at_once() {
        let (mut turn, _) = Turn::begin();
        let hours = Retry::After(Duration::from_hours(2));
        assert_eq!(
            status(turn.handle(Event::Refused(busy(hours)))),
            MessageStatus::Failed
        );
    }

    #[test]
    fn retries_end() {
        let (mut turn, _) = Turn::begin();
        let fault = Failure::new(FailureKind::ProviderFault, "down").retrying(Retry::Backoff);
        for _ in 0..RETRIES {
            assert!(matches!(
                turn.handle(Event::Refused(fault.clone())),
                Some(Effect::Pause { .. })
            ));
            assert_eq!(turn.handle(Event::PauseOver), Some(Effect::Connect));
        }
        assert_eq!(
            status(turn.handle(Event::Refused(fault))),
            MessageStatus::Failed
        );
    }

    #[test]
    fn a_rate_limit_is_waited_for_longer_and_each_pause_doubles() {
        let (mut turn, _) = Turn::begin();
        let pauses: Vec<u128> = std::iter::from_fn(|| {
            let effect = turn.handle(Event::Refused(busy(Retry::Backoff)));
            turn.handle(Event::PauseOver);
            match effect {
                Some(Effect::Pause { pause, .. }) => Some(pause.as_millis()),
                _ => None,
            }
        })
        .collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000]);
    }

    #[test]
    fn an_error_in_the_stream_is_retried_only_before_text() {
        let error = || Event::Stream(StreamEvent::Failed(busy(Retry::Backoff)));
        let mut silent = streaming();
        assert!(matches!(silent.handle(error()), Some(Effect::Pause { .. })));

        let mut speaking = streaming();
        text(&mut speaking, "Hi");
        speaking.handle(Event::Stream(StreamEvent::Alive));
        assert_eq!(status(speaking.handle(error())), MessageStatus::Failed);
    }
}
