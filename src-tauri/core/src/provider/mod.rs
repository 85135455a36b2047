//! The configured providers: [`Providers`] resolves models to endpoints, and adds, changes and tests providers. What
//! needs no store is the crate `conch-provider`. Whether to retry is decided in [`turn`](crate::turns::turn).

mod configuring;
mod connection;
mod form;
#[doc(hidden)]
pub mod fuzzing;
mod last_errors;
mod model_file;
mod registry;

pub(crate) use conch_provider::{
    AnswerStream, ChatMessage, ChatRequest, Content, Endpoint, Gate, ImagePart, Locality, Permit,
    Refusal, RequestBudget, Response, StepCall, StepPart, StreamEvent, ToolStep, Unshown,
};
pub use conch_provider::{
    DEFAULT_PARALLEL, EmbeddedModel, EngineCommand, Failure, FailureKind, ModelInfo, Parameter,
    Preset, Provider, Retry, environment_variables, presets,
};
pub use form::{
    ConnectionTest, ConsentQuestion, FoundServer, KeyChange, ProviderForm, ProviderInfo,
    ProviderSource,
};
pub use last_errors::ProviderError;
pub use model_file::ModelFileInfo;
pub(crate) use registry::ModelRef;
pub use registry::Providers;
