//! The wire protocols: how each asks for an answer, and what it says of one.
//!
//! One file a protocol, and one trait that tells them apart. A protocol knows paths, bodies, headers
//! and events, and nothing of connections: [`answer`](super::answer) sends what it says and feeds it
//! what comes. What an event means for the message is decided in [`turn`](crate::chat::turn).

mod anthropic;
mod gemini;
mod lenient;
mod ollama;
mod openai;
mod turns;

use std::fmt::Debug;
use std::time::Duration;

use reqwest::RequestBuilder;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::failure::{Failure, FailureKind, Retry, reason_in};
use super::limits::BudgetHeaders;
use crate::chat::{FinishReason, Parameters, ReasoningEffort, Role, Usage};

/// Which protocol a provider speaks.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, specta::Type,
)]
#[serde(rename_all = "snake_case")]
pub enum ProtocolKind {
    /// OpenAI chat completions, which most servers speak.
    OpenAi,
    /// Anthropic Messages.
    Anthropic,
    /// Google Gemini.
    Gemini,
    /// Ollama's own.
    Ollama,
}

/// What is asked of a model.
#[derive(Debug)]
pub(crate) struct ChatRequest<'a> {
    /// Its name at the provider.
    pub(crate) model: &'a str,
    /// The conversation, oldest first; without the system prompt, which is a parameter.
    pub(crate) messages: &'a [ChatMessage],
    /// What is set; the rest is not sent.
    pub(crate) parameters: &'a Parameters,
}

/// A message of the conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChatMessage {
    /// Who speaks.
    pub(crate) role: Role,
    /// What is said, with the text of the files that go with it.
    pub(crate) content: String,
    /// What is shown beside it; of the user's messages only.
    pub(crate) images: Vec<ImagePart>,
}

/// An image, as every protocol takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImagePart {
    /// `image/png` or `image/jpeg`.
    pub(crate) media_type: String,
    /// The encoded bytes in base64.
    pub(crate) base64: String,
    /// What it costs, estimated.
    pub(crate) tokens: u32,
}

/// An HTTP POST that asks for a streamed answer.
#[derive(Debug, PartialEq)]
pub(crate) struct HttpRequestParts {
    /// Below the provider's base address.
    pub(crate) path: String,
    /// JSON.
    pub(crate) body: Value,
}

/// A model as a provider lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedModel {
    /// Its name in requests.
    pub(crate) id: String,
    /// Its name for people, where there is another.
    pub(crate) name: Option<String>,
    /// How many tokens a conversation and its answer may have, where the provider says.
    pub(crate) context_tokens: Option<u32>,
    /// Whether it sees images, where the provider says.
    pub(crate) vision: Option<bool>,
}

/// How a stream is cut into events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Server-sent events.
    Events,
    /// One JSON object a line.
    Lines,
}

/// A piece of an answer, or its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StreamEvent {
    /// Text of the answer.
    Text(String),
    /// What the model thinks before it answers.
    Reasoning(String),
    /// Tokens, counted by the provider. A later count replaces an earlier one.
    Usage(Usage),
    /// So many of the oldest messages were not read, because they do not fit the model.
    OmittedMessages(u32),
    /// Part of an answer that is neither text nor reasoning, and is not shown.
    Unshown(Unshown),
    /// The answer is whole, though its usage may follow.
    Finish(FinishReason),
    /// The protocol's end mark.
    Done,
    /// The provider or the transport failed.
    Failed(Failure),
    /// The connection ended.
    Closed,
    /// Something else: the provider is alive.
    Alive,
    /// A comment: the connection is, which says nothing of the answer.
    KeptAlive,
}

/// What an answer may hold beside text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unshown {
    /// The model calls a tool, though it was given none.
    ToolCall,
    /// An image, a sound, a file.
    Media,
}

/// One wire protocol.
pub(crate) trait Protocol: Debug + Send + Sync {
    /// What asks for a streamed answer.
    fn build_request(&self, request: &ChatRequest<'_>) -> HttpRequestParts;

    /// What every request says in its headers, with a key or without: the version of the protocol,
    /// where it is told there.
    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Adds the key to a request.
    fn authorise(&self, request: RequestBuilder, key: &SecretString) -> RequestBuilder;

    /// How the answer's stream is cut.
    fn framing(&self) -> Framing;

    /// Reads the events of one answer.
    fn decoder(&self) -> Box<dyn Decoder>;

    /// Where the models are listed, below the base address.
    fn models_path(&self) -> &'static str;

    /// The models in that list which answer chats; `None` when it is no such list.
    fn models(&self, body: &str) -> Option<Vec<ListedModel>>;

    /// The base address that an environment variable of the official client's means.
    fn address(&self, variable: &str) -> String {
        variable.to_owned()
    }

    /// The headers that tell how many requests are left.
    fn budget_headers(&self) -> &'static [BudgetHeaders] {
        &[]
    }

    /// What a refusal means by its words, where its status says less.
    fn refusal(&self, _status: u16, _body: &str) -> Option<FailureKind> {
        None
    }

    /// The pause that a refusal asks for in its body.
    fn pause(&self, _body: &str) -> Option<Duration> {
        None
    }
}

/// Every protocol. What a response says beside the answer is read as any of them says it: a gateway
/// speaks one and passes on the headers and the words of another.
pub(super) fn protocols() -> impl Iterator<Item = &'static dyn Protocol> {
    ProtocolKind::ALL.into_iter().map(ProtocolKind::protocol)
}

/// Whether a body holds one of these words.
fn says(body: &str, words: &[&str]) -> bool {
    words.iter().any(|word| body.contains(word))
}

/// Reads the events of one answer.
pub(crate) trait Decoder: Send {
    /// What one event says. An event that says nothing is [`StreamEvent::Alive`].
    ///
    /// # Errors
    /// When it reports a failure, or is no event of the protocol.
    fn decode(&mut self, data: &str) -> Result<Vec<StreamEvent>, Failure>;
}

impl ProtocolKind {
    const ALL: [Self; 4] = [Self::OpenAi, Self::Anthropic, Self::Gemini, Self::Ollama];

    /// The protocol.
    pub(crate) fn protocol(self) -> &'static dyn Protocol {
        match self {
            Self::OpenAi => &openai::OpenAi,
            Self::Anthropic => &anthropic::Anthropic,
            Self::Gemini => &gemini::Gemini,
            Self::Ollama => &ollama::Ollama,
        }
    }

    /// Its name in the database.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

pub(super) use self::lenient::count;

/// An object of those fields that are set.
fn only_set<const N: usize>(fields: [(&str, Option<Value>); N]) -> Map<String, Value> {
    let set = |(name, value): (&str, Option<Value>)| Some((name.to_owned(), value?));
    fields.into_iter().filter_map(set).collect()
}

/// So many tokens for thinking, where a protocol counts them: from the least that Anthropic takes to
/// what every thinking model of Gemini's does.
fn thinking_tokens(effort: ReasoningEffort) -> u32 {
    match effort {
        ReasoningEffort::Low => 1024,
        ReasoningEffort::Medium => 4096,
        ReasoningEffort::High => 16_384,
    }
}

/// Adds the key in a header of the protocol's own, marked so that no log shows it.
fn key_header(request: RequestBuilder, name: &'static str, key: &SecretString) -> RequestBuilder {
    match HeaderValue::from_str(key.expose_secret()) {
        Ok(mut value) => {
            value.set_sensitive(true);
            request.header(name, value)
        }
        // What no header can carry fails when the request is sent, as a bearer token does.
        Err(_) => request.header(name, key.expose_secret()),
    }
}

/// An event that is none of the protocol's.
fn no_answer(error: &serde_json::Error) -> Failure {
    tracing::debug!(%error, "an event could not be read");
    Failure::new(
        FailureKind::UnexpectedResponse,
        "The provider sent something that is no answer: check its address, and that it speaks this protocol",
    )
}

/// Whether an event's `error` is one. Some servers send an empty one with every event.
fn states_failure(error: &Value) -> bool {
    !error.is_null() && *error != json!("") && *error != json!({})
}

/// The failure of `kind` that the event `data` states inside a stream. What may pass is worth another
/// try.
fn stated_failure(kind: FailureKind, data: &str) -> Failure {
    let (what, retry) = match kind {
        FailureKind::ProviderFault => ("The provider failed", Retry::Backoff),
        FailureKind::RateLimited => ("The provider's rate limit is reached", Retry::Backoff),
        _ => ("The provider rejected the request", Retry::Never),
    };
    let reason = reason_in(data).unwrap_or_else(|| "no reason given".to_owned());
    Failure::new(kind, format!("{what}: {reason}")).retrying(retry)
}

/// Text that says something.
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// What an event says, and that the provider is alive where it says nothing.
fn or_alive(events: Vec<StreamEvent>) -> Vec<StreamEvent> {
    if events.is_empty() {
        vec![StreamEvent::Alive]
    } else {
        events
    }
}

#[cfg(test)]
pub(in crate::provider) mod testing {
    //! What the tests of every protocol ask with.

    use super::{ChatMessage, ChatRequest, ImagePart, Parameters, Protocol, Role, Value};

    /// A request that nobody sends.
    #[expect(clippy::disallowed_methods, reason = "it is sent nowhere")]
    pub(in crate::provider) fn request() -> reqwest::RequestBuilder {
        reqwest::Client::new().post("http://localhost")
    }

    pub(super) fn said(role: Role, content: &str) -> ChatMessage {
        ChatMessage {
            role,
            content: content.to_owned(),
            images: Vec::new(),
        }
    }

    /// What the user says with images whose bytes are these in base64.
    pub(super) fn shown(content: &str, images: &[&str]) -> ChatMessage {
        let image = |base64: &&str| ImagePart {
            media_type: "image/png".to_owned(),
            base64: (*base64).to_owned(),
            tokens: 1,
        };
        ChatMessage {
            images: images.iter().map(image).collect(),
            ..said(Role::User, content)
        }
    }

    pub(super) fn body(
        protocol: &dyn Protocol,
        model: &str,
        messages: &[ChatMessage],
        parameters: &Parameters,
    ) -> Value {
        let request = ChatRequest {
            model,
            messages,
            parameters,
        };
        protocol.build_request(&request).body
    }
}
