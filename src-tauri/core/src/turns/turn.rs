//! One turn as a pure state machine: events in, effects out. No async, no IO, no clock, so each race
//! (Stop before the first token, a lost lock in mid-stream, an end without an end mark) is a test of
//! a few lines. [`driver`](super::driver) performs the effects.
//!
//! ```text
//! Waiting ──► Connecting ──► Streaming ──► Finishing ──► Ended
//!    ▲            │              │             ▲
//!    └─ Retrying ◄┘              └─────────────┘   finish reason seen: its usage may follow, and text
//! ```
//!
//! From every state: `Ended`.

mod positions;

use std::fmt::Write;
use std::time::Duration;

use self::positions::PartPositions;
use crate::model::{
    Ending, FinishReason, MessageError, MessageStatus, NOT_STORED, Omitted, PartDelta, PartKind,
    Usage,
};
use crate::provider::{Content, Failure, FailureKind, Retry, StreamEvent, Unshown};

/// Maximum number of retries, before any text has arrived.
const RETRIES: u32 = 2;

/// The same after a "too many requests": the provider said that waiting helps.
const RATE_LIMIT_RETRIES: u32 = 5;

/// The pause before the first retry; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// A provider that requests a longer pause than this is not retried.
const MAX_PAUSE: Duration = Duration::from_mins(2);

/// Maximum length of an answer, in bytes of UTF-8; the reasoning before it may be as long again.
pub(crate) const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// An input of the state machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// The turn begins.
    Start,
    /// The provider accepted the request.
    Opened,
    /// The request could not be sent, or was refused.
    Refused(Failure),
    /// An event of the provider's stream.
    Stream(StreamEvent),
    /// The pause before the next attempt is over.
    PauseOver,
    /// The stream was silent for too long.
    Silence,
    /// The generation exceeded the maximum run time.
    RanTooLong,
    /// The answer reached the maximum length.
    TooLong,
    /// The database rejects the rest of it permanently.
    Unstorable(String),
    /// The user pressed Stop.
    Stop,
    /// The application quits.
    Quit,
    /// Another process holds the lock now.
    LeaseLost,
}

/// An output of the state machine, for the driver to perform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Resolve the model, and acquire a permit at its provider.
    Acquire,
    /// Retry after a pause.
    Pause {
        pause: Duration,
        /// The number of the next attempt; the first was 1.
        attempt: u32,
        /// Why the attempt failed, for the user.
        reason: String,
    },
    /// Append to the answer.
    Append {
        /// The position of the part: an existing one, or the next.
        part: usize,
        delta: PartDelta,
    },
    /// The answer is complete: wait only briefly for what may follow it.
    AwaitUsage,
    /// Close the connection, store the end, release the lock.
    Finish(Ending),
    /// Close the connection and write nothing: another process owns the answer now.
    Abandon,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    New,
    Waiting {
        attempt: u32,
    },
    Connecting {
        attempt: u32,
    },
    Retrying {
        attempt: u32,
    },
    Streaming {
        attempt: u32,
        progress: Progress,
    },
    Finishing {
        progress: Progress,
        /// More of the answer followed a finish reason, so a finish reason alone does not end this stream.
        resumed: bool,
    },
    Ended,
}

/// What this attempt's stream has delivered so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Progress {
    Nothing,
    Life,
    Call,
    Reasoning,
    Text,
}

/// The state machine of one turn.
#[derive(Debug)]
pub(crate) struct Turn {
    state: State,
    usage: Usage,
    finish_reason: Option<FinishReason>,
    /// What came besides text and reasoning.
    beside_text: Option<Unshown>,
    omitted: Omitted,
    /// The model's context window in tokens, if known.
    context_tokens: Option<u32>,
    parts: PartPositions,
    /// Remaining room for text and calls of tools, in bytes.
    text_room: usize,
    /// Remaining room for reasoning, in bytes.
    reasoning_room: usize,
    is_too_long: bool,
}

impl Turn {
    /// A turn that has not started.
    pub(crate) fn new() -> Self {
        Self {
            state: State::New,
            usage: Usage::default(),
            finish_reason: None,
            beside_text: None,
            omitted: Omitted::default(),
            context_tokens: None,
            parts: PartPositions::default(),
            text_room: MAX_ANSWER_BYTES,
            reasoning_room: MAX_ANSWER_BYTES,
            is_too_long: false,
        }
    }

    /// Returns whether the request is to be sent, now that the gate has granted a permit.
    pub(crate) fn admit(&mut self) -> bool {
        let State::Waiting { attempt } = self.state else {
            return false;
        };
        self.state = State::Connecting { attempt };
        true
    }

    /// Handles an event. An event that does not fit the state arrived too late and changes nothing.
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
            Event::Quit => Some(self.interrupt(
                "app_quit",
                "Conch was closed before the answer was complete",
            )),
            Event::RanTooLong => {
                Some(self.interrupt("ran_too_long", "The answer ran for an hour and was cut off"))
            }
            Event::TooLong => {
                Some(self.interrupt("too_long", "The answer reached 16 MiB and was cut off"))
            }
            Event::Unstorable(reason) => {
                let error = MessageError {
                    code: NOT_STORED.to_owned(),
                    message: format!("The answer could not be stored. {reason}"),
                };
                Some(self.end_whole_or(MessageStatus::Failed, Some(error)))
            }
            Event::Silence => Some(self.silence()),
            Event::Start => match self.state {
                State::New => {
                    self.state = State::Waiting { attempt: 1 };
                    Some(Effect::Acquire)
                }
                _ => None,
            },
            Event::Opened => {
                if let State::Connecting { attempt } = self.state {
                    self.state = State::Streaming {
                        attempt,
                        progress: Progress::Nothing,
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
                    Some(Effect::Acquire)
                }
                _ => None,
            },
            Event::Stream(event) => self.stream(event),
        }
    }

    /// Takes note of the context window of the model that is asked, in tokens.
    pub(crate) fn knows_context(&mut self, context_tokens: Option<u32>) {
        self.context_tokens = context_tokens;
    }

    /// Whether the maximum length is exceeded: [`Event::TooLong`] is due once the text that fits is handled.
    pub(crate) fn is_too_long(&self) -> bool {
        self.is_too_long && self.state != State::Ended
    }

    /// Whether the finish reason has arrived, and only usage may follow.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.state, State::Finishing { resumed: false, .. })
    }

    fn stream(&mut self, event: StreamEvent) -> Option<Effect> {
        match (&mut self.state, event) {
            (State::Streaming { .. } | State::Finishing { .. }, StreamEvent::Usage(usage)) => {
                self.usage = usage;
                None
            }
            (State::Streaming { .. } | State::Finishing { .. }, StreamEvent::Omitted(omitted)) => {
                self.omitted = self.omitted.and(omitted);
                None
            }
            (State::Streaming { .. } | State::Finishing { .. }, StreamEvent::Unshown(unshown)) => {
                self.beside_text = Some(unshown);
                self.record(Progress::Life);
                None
            }
            (State::Streaming { .. } | State::Finishing { .. }, StreamEvent::Content(content)) => {
                self.append(content)
            }
            (State::Streaming { .. }, StreamEvent::Alive) => {
                self.record(Progress::Life);
                None
            }
            (State::Streaming { progress, .. }, StreamEvent::Finish(reason)) => {
                self.finish_reason = Some(reason);
                self.state = State::Finishing {
                    progress: *progress,
                    resumed: false,
                };
                Some(Effect::AwaitUsage)
            }
            (State::Finishing { .. }, StreamEvent::Finish(reason)) => {
                self.finish_reason = Some(reason);
                Some(Effect::AwaitUsage)
            }
            (State::Streaming { progress, .. }, StreamEvent::Done) => {
                if *progress == Progress::Nothing {
                    return Some(self.interrupt(
                        FailureKind::EmptyAnswer.name(),
                        "The provider sent an empty answer. Try again",
                    ));
                }
                let progress = *progress;
                Some(self.end_whole(progress))
            }
            (State::Streaming { attempt, progress }, StreamEvent::Failed(failure)) => {
                let (attempt, progress) = (*attempt, *progress);
                if failure.kind == FailureKind::StreamCut {
                    return Some(self.end(MessageStatus::Interrupted, Some(failure.to_error())));
                }
                // After content, a retry would repeat the text, and its cost.
                let failure = match progress {
                    Progress::Text | Progress::Reasoning | Progress::Call => {
                        failure.retrying(Retry::Never)
                    }
                    Progress::Nothing | Progress::Life => failure,
                };
                Some(self.fail(attempt, failure))
            }
            (State::Streaming { .. }, StreamEvent::Closed) => Some(self.interrupt(
                FailureKind::StreamCut.name(),
                "The connection closed before the answer was complete. Try again",
            )),
            (State::Finishing { resumed: true, .. }, StreamEvent::Failed(failure)) => {
                let status = match failure.kind {
                    FailureKind::StreamCut => MessageStatus::Interrupted,
                    _ => MessageStatus::Failed,
                };
                Some(self.end(status, Some(failure.to_error())))
            }
            (
                State::Finishing { progress, .. },
                StreamEvent::Done | StreamEvent::Closed | StreamEvent::Failed(_),
            ) => {
                let progress = *progress;
                Some(self.end_whole(progress))
            }
            _ => None,
        }
    }

    /// Appends content to the part that it belongs to. Nothing is appended beyond the maximum number of parts, if it
    /// cannot belong to an earlier one.
    fn append(&mut self, content: Content) -> Option<Effect> {
        let (part, delta) = match content {
            Content::Text(text) => {
                self.record(Progress::Text);
                let text = fitting(text, &mut self.text_room, &mut self.is_too_long);
                let part = self.parts.position_of(PartKind::Text);
                (part, PartDelta::Text(text))
            }
            Content::Reasoning(text) => {
                self.record(Progress::Reasoning);
                let text = fitting(text, &mut self.reasoning_room, &mut self.is_too_long);
                let part = self.parts.position_of(PartKind::Reasoning);
                (part, PartDelta::Reasoning(text))
            }
            Content::ToolCall(call) => {
                self.beside_text = Some(Unshown::ToolCall);
                self.record(Progress::Call);
                let length = call.name.len() + call.input.len();
                if length > self.text_room {
                    // Half a call is none.
                    self.is_too_long = true;
                    return None;
                }
                self.text_room -= length;
                (
                    self.parts.begin(PartKind::ToolCall)?,
                    PartDelta::ToolCall(call),
                )
            }
            Content::ProviderData(data) => {
                let part = match self.parts.close() {
                    Some(part) => part,
                    None => self.hidden_reasoning()?,
                };
                (part, PartDelta::ProviderData(data))
            }
            Content::HiddenReasoning(data) => {
                (self.hidden_reasoning()?, PartDelta::ProviderData(data))
            }
        };
        Some(Effect::Append { part, delta })
    }

    /// Begins a part of reasoning that consists of its data alone, and returns its position.
    fn hidden_reasoning(&mut self) -> Option<usize> {
        self.record(Progress::Reasoning);
        self.parts.begin(PartKind::Reasoning)?;
        self.parts.close()
    }

    /// Records progress. Content after a finish reason still belongs to the answer.
    fn record(&mut self, what: Progress) {
        match &mut self.state {
            State::Streaming { progress, .. } => *progress = (*progress).max(what),
            State::Finishing { progress, resumed } => {
                *progress = (*progress).max(what);
                *resumed |= what > Progress::Life;
            }
            _ => {}
        }
    }

    fn silence(&mut self) -> Effect {
        if let State::Finishing { progress, .. } = self.state {
            return self.end_whole(progress);
        }
        self.end(
            MessageStatus::Interrupted,
            Some(MessageError {
                code: FailureKind::Timeout.name().to_owned(),
                message: "The provider stopped responding. Try again".to_owned(),
            }),
        )
    }

    fn fail(&mut self, attempt: u32, mut failure: Failure) -> Effect {
        let limit = match failure.kind {
            FailureKind::RateLimited => RATE_LIMIT_RETRIES,
            _ => RETRIES,
        };
        let pause = match failure.retry {
            Retry::After(pause) if pause <= MAX_PAUSE => Some(pause),
            Retry::Backoff => Some(FIRST_PAUSE * 2_u32.pow(attempt - 1)),
            Retry::After(pause) => {
                let pause = humantime::format_duration(Duration::from_secs(pause.as_secs()));
                let _ = write!(failure.message, ". Try again in {pause}");
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

    /// Ends the answer: as complete if its finish reason has arrived, else with this status.
    fn end_whole_or(&mut self, status: MessageStatus, error: Option<MessageError>) -> Effect {
        match self.state {
            State::Finishing {
                progress,
                resumed: false,
            } => self.end_whole(progress),
            _ => self.end(status, error),
        }
    }

    /// Ends an answer that came to its end. Without any text it is a failure, which says what came instead.
    fn end_whole(&mut self, progress: Progress) -> Effect {
        if progress == Progress::Text {
            return self.end(MessageStatus::Complete, None);
        }
        let kind = match self.finish_reason {
            Some(FinishReason::ContentFilter) => FailureKind::ContentFiltered,
            _ => FailureKind::EmptyAnswer,
        };
        let failure = Failure::new(kind, self.instead_of_text(progress));
        self.end(MessageStatus::Failed, Some(failure.to_error()))
    }

    fn instead_of_text(&self, progress: Progress) -> &'static str {
        match (self.reason(), self.beside_text, progress) {
            (Some(FinishReason::ContentFilter), ..) => {
                "The provider's content filter blocked the answer. Rephrase your message"
            }
            (Some(FinishReason::Refusal), ..) => {
                "The model declined to answer. Rephrase your message, or choose another model"
            }
            (_, Some(Unshown::ToolCall), _) => {
                "The model tried to call a tool instead of writing an answer. Try again, or choose another model"
            }
            (_, Some(Unshown::Media), _) => {
                "The model sent an image or audio instead of text, which Conch cannot show. Ask for text, or choose another model"
            }
            (Some(FinishReason::ContextFull), ..) => {
                "The model's context was full before the first word of the answer. Shorten the message, or start a new conversation"
            }
            (Some(FinishReason::Length), _, Progress::Reasoning) => {
                "The model reached Max tokens while reasoning and wrote no answer. Raise Max tokens, or lower the reasoning effort, in the parameters"
            }
            (Some(FinishReason::Length), ..) => {
                "Max tokens was reached before the first word of the answer. Raise it in the parameters"
            }
            (_, _, Progress::Reasoning) => {
                "The model reasoned but wrote no answer. Try again, or choose another model"
            }
            _ => "The model sent an empty answer. Try again, or choose another model",
        }
    }

    /// Returns why the model stopped writing. Servers call a full context a reached length, and only the counts tell
    /// them apart.
    fn reason(&self) -> Option<FinishReason> {
        let used = self.usage.prompt_tokens.zip(self.usage.completion_tokens);
        let used = used.map(|(prompt, completion)| prompt.saturating_add(completion));
        let is_full = used
            .zip(self.context_tokens)
            .is_some_and(|(used, context)| used >= context);
        match self.finish_reason {
            Some(FinishReason::Length) if is_full => Some(FinishReason::ContextFull),
            reason => reason,
        }
    }

    fn end(&mut self, status: MessageStatus, error: Option<MessageError>) -> Effect {
        self.state = State::Ended;
        Effect::Finish(Ending {
            status,
            error,
            usage: self.usage,
            finish_reason: self.reason(),
            omitted: self.omitted,
        })
    }
}

/// Truncates a text to `room`, between characters, and reduces `room` by it.
fn fitting(mut text: String, room: &mut usize, is_too_long: &mut bool) -> String {
    if text.len() > *room {
        *is_too_long = true;
        text.truncate(text.floor_char_boundary(*room));
    }
    *room -= text.len();
    text
}

#[cfg(test)]
mod tests;
