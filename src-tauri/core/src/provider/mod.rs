//! Providers: where answers come from.
//!
//! [`Providers`] resolves models to endpoints; [`protocol`] defines the wire formats, one file per protocol,
//! [`answer`] sends the request and decodes the stream, [`gate`] limits concurrency,
//! [`network`](crate::network) selects the route, and [`embedded`] runs the built-in model's process, which
//! is addressed like any other provider. Whether to retry is decided in [`turn`](crate::turns::turn).

mod answer;
mod configuring;
mod connection;
mod embedded;
mod endpoint;
pub(crate) mod environment;
mod failure;
mod form;
mod frames;
#[doc(hidden)]
pub mod fuzzing;
mod gate;
mod limits;
mod models;
mod presets;
mod protocol;
mod registry;
mod slots;

pub(crate) use answer::AnswerStream;
pub use embedded::{EmbeddedModel, EngineCommand};
pub use endpoint::{DEFAULT_PARALLEL, Provider};
pub(crate) use endpoint::{Endpoint, Locality};
pub use failure::{Failure, FailureKind, Retry};
pub use form::{
    ConnectionTest, FoundServer, KeyChange, ProviderForm, ProviderInfo, ProviderSource,
};
pub(crate) use gate::{Gate, Permit, Response};
pub(crate) use limits::RequestBudget;
pub use models::ModelInfo;
pub use presets::{Preset, environment_variables, presets};
pub(crate) use protocol::{
    ChatMessage, ChatRequest, ImagePart, StepCall, StepPart, StreamEvent, ToolStep, Unshown,
};
pub(crate) use registry::ModelRef;
pub use registry::Providers;
