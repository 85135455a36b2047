//! What a generation is at between two events, as one future that may be dropped and asked again: the
//! [`driver`](super::driver)'s loop waits for it beside everything else.

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until};

use super::request::{Admission, OpenResult};
use super::turn::Event;
use crate::provider::{AnswerStream, Failure};

/// What a generation is at.
pub(super) enum Activity {
    None,
    Waiting(BoxFuture<'static, Result<Box<Admission>, Failure>>),
    Connecting(BoxFuture<'static, OpenResult>),
    Pausing(Instant),
    Streaming(AnswerStream),
}

/// What an activity led to.
pub(super) enum Step {
    Admitted(Box<Admission>),
    OpenResult(OpenResult),
    Event(Event),
}

impl Activity {
    /// What it leads to next. Safe to drop and call again.
    pub(super) async fn next(&mut self) -> Step {
        match self {
            Self::None => std::future::pending().await,
            Self::Pausing(until) => {
                sleep_until(*until).await;
                Step::Event(Event::PauseOver)
            }
            Self::Streaming(stream) => Step::Event(Event::Stream(stream.next().await)),
            Self::Waiting(admitting) => {
                let admitted = admitting.await;
                *self = Self::None;
                admitted.map_or_else(
                    |failure| Step::Event(Event::Refused(failure)),
                    Step::Admitted,
                )
            }
            Self::Connecting(asking) => {
                let opened = asking.await;
                *self = Self::None;
                Step::OpenResult(opened)
            }
        }
    }
}
