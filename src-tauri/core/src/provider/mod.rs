//! Providers: where answers come from.
//!
//! One protocol, OpenAI chat completions, so that the application has one streaming path; the
//! embedded model speaks it too. [`Catalogue`] knows which models there are and where each is
//! reached, [`answer`] asks for an answer and decodes its stream, [`embedded`] keeps the model's
//! process. Whether to ask again, and when, is decided in [`turn`](crate::chat::turn).

mod answer;
mod catalogue;
mod embedded;
mod endpoint;
mod failure;
mod sse;

pub(crate) use answer::{AnswerStream, StreamEvent};
pub use catalogue::{Catalogue, ModelInfo};
pub use embedded::{EmbeddedModel, EngineCommand};
pub use endpoint::{Endpoint, OpenAi};
pub use failure::{Failure, FailureKind, Retry};
