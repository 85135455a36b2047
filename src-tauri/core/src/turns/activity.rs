//! What a generation is waiting for between two events, as one cancel-safe future: the loop of
//! [`driver`](super::driver) selects on it with its other sources.
//!
//! A permit is part of the activity that needs it, so nothing can be sent without one.

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until};

use super::admission::{Admission, OpenResult};
use super::turn::Event;
use crate::provider::{AnswerStream, Failure};

/// What a generation is waiting for.
pub(super) enum Activity {
    /// Nothing. A permit is kept from a request that failed, for its retry.
    Idle(Option<Box<Admission>>),
    /// A permit.
    Waiting(BoxFuture<'static, Result<Box<Admission>, Failure>>),
    /// The response's headers.
    Connecting(BoxFuture<'static, (Box<Admission>, OpenResult)>),
    /// The next event of the response.
    Streaming(Box<Admission>, AnswerStream),
    /// The moment to retry.
    Pausing(Option<Box<Admission>>, Instant),
}

/// The outcome of an activity.
pub(super) enum Step {
    /// A permit was granted.
    Admitted(Box<Admission>),
    /// Something that the turn decides about.
    Event(Event),
}

impl Activity {
    /// Returns the next outcome. Cancel-safe.
    pub(super) async fn next(&mut self) -> Step {
        let event = match self {
            Self::Idle(_) => std::future::pending().await,
            Self::Pausing(_, until) => {
                sleep_until(*until).await;
                Event::PauseOver
            }
            Self::Streaming(admission, stream) => {
                Event::Stream(admission.inspect(stream.next().await))
            }
            Self::Waiting(admitting) => {
                let admitted = admitting.await;
                *self = Self::Idle(None);
                match admitted {
                    Ok(admission) => return Step::Admitted(admission),
                    Err(failure) => Event::Refused(failure),
                }
            }
            Self::Connecting(opening) => {
                let (mut admission, opened) = opening.await;
                match admission.note(opened) {
                    Ok(stream) => {
                        *self = Self::Streaming(admission, stream);
                        Event::Opened
                    }
                    Err(failure) => {
                        *self = Self::Idle(Some(admission));
                        Event::Refused(failure)
                    }
                }
            }
        };
        Step::Event(event)
    }

    /// Ends the activity, closing a connection, and returns its permit, if it has one.
    pub(super) fn end(&mut self) -> Option<Box<Admission>> {
        match std::mem::replace(self, Self::Idle(None)) {
            Self::Idle(admission) | Self::Pausing(admission, _) => admission,
            Self::Streaming(admission, _) => Some(admission),
            Self::Waiting(_) | Self::Connecting(_) => None,
        }
    }
}
