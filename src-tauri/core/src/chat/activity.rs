//! What a generation is waiting for between two events, as one cancel-safe future: the loop of
//! [`driver`](super::driver) selects on it with its other sources.

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until};

use super::request::{Admission, OpenResult};
use super::turn::Event;
use crate::provider::{AnswerStream, Failure};

/// What a generation is waiting for.
pub(super) enum Activity {
    None,
    Waiting(BoxFuture<'static, Result<Box<Admission>, Failure>>),
    Connecting(BoxFuture<'static, OpenResult>),
    Pausing(Instant),
    Streaming(AnswerStream),
}

/// The outcome of an activity.
pub(super) enum Step {
    Admitted(Box<Admission>),
    OpenResult(OpenResult),
    Event(Event),
}

impl Activity {
    /// Returns the next outcome. Cancel-safe.
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
