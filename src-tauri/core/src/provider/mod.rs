//! Providers: where answers come from.
//!
//! [`Providers`] knows which there are and where each model is reached; [`protocol`] says what goes over
//! the wire, one file a protocol, [`answer`] sends it and decodes what comes, [`gate`] decides when,
//! [`network`](crate::network) on which way;
//! [`embedded`] keeps the built-in model's process, which is reached like any other provider. Whether
//! to ask again is decided in [`turn`](crate::chat::turn).

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
pub use protocol::ProtocolKind;
pub(crate) use protocol::{ChatMessage, ChatRequest, ImagePart, StreamEvent, Unshown};
pub(crate) use registry::ModelRef;
pub use registry::Providers;
