//! Providers: where answers come from. Nothing here needs the database.
//!
//! [`protocol`] defines the wire formats, one file per protocol, [`answer`] sends the request and decodes the
//! stream, [`gate`] limits concurrency, [`network`] selects the route, [`keys`] stores the API keys, and
//! [`embedded`] runs the built-in model's process, which is addressed like any other provider.

pub mod answer;
pub mod base_url;
pub mod child;
pub mod count;
pub mod embedded;
pub mod endpoint;
pub mod environment;
pub mod failure;
mod frames;
pub mod gate;
pub mod keys;
pub mod limits;
pub mod models;
pub mod network;
pub mod presets;
pub mod protocol;
mod reasons;
pub mod record;
#[cfg(test)]
mod serving;
pub mod slots;
mod surrogates;
mod sync;
mod think_tags;
mod tls;
pub mod web;

pub use answer::AnswerStream;
pub use embedded::{EmbeddedModel, EngineCommand};
pub use endpoint::{DEFAULT_PARALLEL, Endpoint, Locality, Provider};
pub use failure::{Failure, FailureKind, ModelFault, Retry};
pub use gate::{Gate, Permit, Response};
pub use limits::RequestBudget;
pub use models::ModelInfo;
pub use presets::{Preset, environment_variables, presets};
pub use protocol::{
    ChatMessage, ChatRequest, Content, ImagePart, StepCall, StepPart, StreamEvent, ToolStep,
    Unshown,
};
pub use record::{ModelRecord, Parameter, Price, Refusal, Refusals, Sampling};
