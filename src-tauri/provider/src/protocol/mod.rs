//! The wire protocols: how each encodes a request, and decodes a response.
//!
//! One file per protocol, behind one trait. A protocol knows paths, bodies, headers and events, and nothing
//! about connections: [`answer`](super::answer) sends its requests and feeds it the responses. What an event
//! means for the message is decided in `turns/turn.rs` of `conch-core`.

mod anthropic;
mod calls;
mod gemini;
mod lenient;
mod ollama;
mod openai;
mod responses;
mod turns;

use std::fmt::Debug;
use std::time::Duration;

use conch_model::{
    FinishReason, Omitted, Parameters, ProtocolKind, ProviderData, ReasoningEffort, Role, ToolCall,
    Usage,
};
use reqwest::RequestBuilder;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::failure::{Failure, FailureKind};
use super::limits::BudgetHeaders;
use super::record::ModelRecord;

/// A chat request to a model.
#[derive(Debug)]
pub struct ChatRequest<'a> {
    /// The model's name at the provider.
    pub model: &'a str,
    /// The conversation, oldest first; without the system prompt, which is a parameter.
    pub messages: &'a [ChatMessage],
    /// The parameters that are set; the rest is not sent, nor what the model refuses.
    pub parameters: &'a Parameters,
    /// What the model takes.
    pub record: &'a ModelRecord,
}

impl ChatRequest<'_> {
    /// Returns the parameters that the model takes.
    fn accepted(&self) -> Parameters {
        self.record.accepted(self.parameters)
    }
}

/// A message of the conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "field names say it")]
pub struct ChatMessage {
    pub role: Role,
    /// The text, including that of the attached files.
    pub content: String,
    /// Attached images; of the user's messages only.
    pub images: Vec<ImagePart>,
    /// The steps of an answer that called tools, which precede its `content`.
    pub steps: Vec<ToolStep>,
    /// The parts of which `content` is the text, where the provider requires back what it sent with any of them.
    /// Empty otherwise.
    pub parts: Vec<StepPart>,
}

/// A step of an answer: what the model wrote, the tools that it called, and their results.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolStep {
    /// Text and reasoning before the calls, in order.
    pub before: Vec<StepPart>,
    /// Never empty.
    pub calls: Vec<StepCall>,
}

/// A part of what a model wrote, apart from calls of tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepPart {
    /// Text of the answer.
    Text {
        /// Markdown.
        text: String,
        /// What the provider requires back, in the form of the protocol of the request.
        data: Option<Value>,
    },
    /// Reasoning.
    Reasoning {
        /// Empty where the provider sends it only encrypted.
        text: String,
        /// What the provider requires back, in the form of the protocol of the request.
        data: Option<Value>,
    },
}

impl StepPart {
    /// Returns whether the provider sent something with it that it requires back.
    pub fn has_data(&self) -> bool {
        match self {
            Self::Text { data, .. } | Self::Reasoning { data, .. } => data.is_some(),
        }
    }
}

/// A call with its result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "field names say it")]
pub struct StepCall {
    pub call: ToolCall,
    /// What the provider sent with the call and requires back.
    pub data: Option<Value>,
    /// The result's text.
    pub result: String,
    pub is_error: bool,
}

impl StepCall {
    /// Returns the arguments as an object, which most protocols require. Where the model wrote none, it is empty.
    fn input(&self) -> Value {
        serde_json::from_str(&self.call.input)
            .ok()
            .filter(Value::is_object)
            .unwrap_or_else(|| json!({}))
    }
}

impl ToolStep {
    /// Returns the text before the calls, joined.
    fn text(&self) -> String {
        let texts = self.before.iter().filter_map(|part| match part {
            StepPart::Text { text, .. } => Some(text.as_str()),
            StepPart::Reasoning { .. } => None,
        });
        texts.collect()
    }

    /// Returns the reasoning before the calls, joined.
    fn reasoning(&self) -> String {
        let texts = self.before.iter().filter_map(|part| match part {
            StepPart::Reasoning { text, .. } => Some(text.as_str()),
            StepPart::Text { .. } => None,
        });
        texts.collect()
    }
}

/// An image, in the encoding that every protocol accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImagePart {
    /// `image/png` or `image/jpeg`.
    pub media_type: String,
    /// The encoded image in base64.
    pub base64: String,
    /// Estimated.
    pub tokens: u32,
}

/// An HTTP POST that requests a streamed answer.
#[derive(Debug, PartialEq)]
pub struct HttpRequestParts {
    /// The path below the provider's base address.
    pub path: String,
    /// The JSON body.
    pub body: Value,
}

/// A model as a provider lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedModel {
    /// Its name in requests.
    pub id: String,
    /// Its display name, if it has another.
    pub name: Option<String>,
    /// What the provider reports about it.
    pub record: ModelRecord,
}

/// The form of a protocol's streams. Others are read, too; but in a stream of events, one JSON object alone is an answer
/// that does not stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    Events,
    /// One JSON object per line.
    Lines,
}

/// An event of an answer's stream: content, what is known about it, or its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEvent {
    /// A piece of the answer.
    Content(Content),
    /// Token counts of the provider. A later count replaces an earlier one.
    Usage(Usage),
    /// What was omitted, because it does not fit the model's context.
    Omitted(Omitted),
    /// Content that is not shown.
    Unshown(Unshown),
    /// The answer is complete, though its usage may follow.
    Finish(FinishReason),
    /// The protocol's end mark.
    Done,
    /// The provider or the transport failed.
    Failed(Failure),
    /// The connection ended.
    Closed,
    /// An event without content: the provider is alive.
    Alive,
    /// A keep-alive comment: the connection is alive, which says nothing about the answer.
    KeptAlive,
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Text of the answer.
    Text(String),
    /// Reasoning before the answer.
    Reasoning(String),
    /// Reasoning that the provider sends only encrypted. It is a part by itself.
    HiddenReasoning(ProviderData),
    /// Data of the part that was sent last, which the provider requires back. It ends that part, and comes once.
    ProviderData(ProviderData),
    /// A complete call of a tool. It is a part by itself.
    ToolCall(ToolCall),
}

impl From<Content> for StreamEvent {
    fn from(content: Content) -> Self {
        Self::Content(content)
    }
}

impl StreamEvent {
    /// Creates an event with text of the answer.
    pub fn text(text: impl Into<String>) -> Self {
        Content::Text(text.into()).into()
    }

    /// Creates an event with reasoning.
    pub fn reasoning(text: impl Into<String>) -> Self {
        Content::Reasoning(text.into()).into()
    }
}

/// Content of an answer that is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unshown {
    /// A call of a tool that could not be decoded, or that the provider itself runs.
    ToolCall,
    /// An image, audio, or a file.
    Media,
}

/// One wire protocol.
pub trait Protocol: Debug + Send + Sync {
    /// Builds the request for a streamed answer.
    fn build_request(&self, request: &ChatRequest<'_>) -> HttpRequestParts;

    /// Returns the headers of every request, with a key or without: the protocol version, if it is sent in a
    /// header.
    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Adds the key to a request.
    fn authorise(&self, request: RequestBuilder, key: &SecretString) -> RequestBuilder;

    /// Returns the form of its streams.
    fn framing(&self) -> Framing;

    /// Returns whether what was sent with the parts of an answer is also required back where the answer called no tool.
    fn requires_data_of_every_answer(&self) -> bool {
        false
    }

    /// Creates the decoder of one answer.
    fn decoder(&self) -> Box<dyn Decoder>;

    /// Returns the path of the model list, below the base address.
    fn models_path(&self) -> &'static str;

    /// Returns the models in that list; `None` when the body is not such a list. An entry of another form is
    /// left out, and costs no other.
    fn models(&self, body: &str) -> Option<Vec<ListedModel>>;

    /// Returns the base address for the value of the official client's environment variable.
    fn address(&self, variable: &str) -> String {
        variable.to_owned()
    }

    /// Returns the names of the headers with the remaining request budget.
    fn budget_headers(&self) -> &'static [BudgetHeaders] {
        &[]
    }

    /// Classifies a refusal by its body, where the status alone is ambiguous.
    fn refusal(&self, _status: u16, _body: &str) -> Option<FailureKind> {
        None
    }

    /// Returns the pause that a refusal requests in its body.
    fn pause(&self, _body: &str) -> Option<Duration> {
        None
    }
}

/// Returns all protocols. Errors and headers are read in every protocol's form: a gateway speaks one and
/// passes on the headers and error bodies of another.
pub(super) fn protocols() -> impl Iterator<Item = &'static dyn Protocol> {
    ProtocolKind::ALL.into_iter().map(of)
}

/// Returns whether a body contains one of these words.
fn says(body: &str, words: &[&str]) -> bool {
    words.iter().any(|word| body.contains(word))
}

/// Decodes the events of one answer. A field of an unexpected form counts as absent: it costs what it contains,
/// never the answer.
pub trait Decoder: Send {
    /// Decodes one event, which is a JSON object; `None` if nothing in it belongs to the protocol. An event that
    /// states a failure is not decoded.
    fn decode(&mut self, event: &Value) -> Option<Vec<StreamEvent>>;

    /// Decodes the usual event, a piece of text and nothing else, without the detour of a [`Value`]: a fast provider
    /// sends little but these. `None` for every other event, which is then left to [`decode`](Self::decode).
    fn decode_text(&mut self, _json: &str) -> Option<String> {
        None
    }

    /// Returns what was held back, when the stream has ended.
    fn end(&mut self) -> Vec<StreamEvent> {
        Vec::new()
    }
}

/// Returns the implementation of a protocol.
pub fn of(kind: ProtocolKind) -> &'static dyn Protocol {
    match kind {
        ProtocolKind::OpenAi => &openai::OpenAi,
        ProtocolKind::Responses => &responses::Responses,
        ProtocolKind::Anthropic => &anthropic::Anthropic,
        ProtocolKind::Gemini => &gemini::Gemini,
        ProtocolKind::Ollama => &ollama::Ollama,
    }
}

pub(super) use self::lenient::count;
pub(super) use self::openai::lm_studio_models;

/// Returns an object of the fields that are set.
fn only_set<const N: usize>(fields: [(&str, Option<Value>); N]) -> Map<String, Value> {
    let set = |(name, value): (&str, Option<Value>)| Some((name.to_owned(), value?));
    fields.into_iter().filter_map(set).collect()
}

/// Returns the thinking budget in tokens, for protocols that take one or add it to the answer's length: from
/// Anthropic's minimum to what every thinking Gemini model accepts, and beyond for the efforts above.
const fn thinking_tokens(effort: ReasoningEffort) -> u32 {
    match effort {
        ReasoningEffort::None => 0,
        ReasoningEffort::Minimal | ReasoningEffort::Low => 1024,
        ReasoningEffort::Medium => 4096,
        ReasoningEffort::High => 16_384,
        ReasoningEffort::Xhigh => 32_768,
        ReasoningEffort::Max => 65_536,
    }
}

/// Adds the key in the protocol's own header, marked as sensitive so that no log shows it.
fn key_header(request: RequestBuilder, name: &'static str, key: &SecretString) -> RequestBuilder {
    match HeaderValue::from_str(key.expose_secret()) {
        Ok(mut value) => {
            value.set_sensitive(true);
            request.header(name, value)
        }
        // An invalid header value fails when the request is sent, as a bearer token does.
        Err(_) => request.header(name, key.expose_secret()),
    }
}

#[cfg(test)]
pub mod testing {
    //! Requests for the tests of all protocols.

    use super::{
        ChatMessage, ChatRequest, Content, Decoder, ImagePart, ModelRecord, Parameters,
        ProtocolKind, Role, StepCall, StepPart, StreamEvent, ToolCall, ToolStep, Value, of,
    };
    use crate::record::record_anywhere;

    /// Decodes one event, given as JSON; nothing if it does not belong to the protocol.
    pub(super) fn decode(decoder: &mut dyn Decoder, event: &str) -> Vec<StreamEvent> {
        let event = serde_json::from_str(event).unwrap();
        decoder.decode(&event).unwrap_or_default()
    }

    /// The event of a complete call.
    pub(super) fn called(id: &str, name: &str, input: &str) -> StreamEvent {
        let call = ToolCall {
            id: id.to_owned(),
            name: name.to_owned(),
            input: input.to_owned(),
        };
        Content::ToolCall(call).into()
    }

    /// A request that is never sent.
    #[expect(clippy::disallowed_methods, reason = "it is sent nowhere")]
    pub(crate) fn request() -> reqwest::RequestBuilder {
        reqwest::Client::new().post("http://localhost")
    }

    pub(super) fn said(role: Role, content: &str) -> ChatMessage {
        ChatMessage {
            role,
            content: content.to_owned(),
            images: Vec::new(),
            steps: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// A user message with images, given as base64.
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

    /// An answer that called two tools, one of which failed, with data of its reasoning and of its first call.
    pub(super) fn with_tools(data: &Value, content: &str) -> ChatMessage {
        let call = |id: &str, input: &str, result: &str, is_error: bool| StepCall {
            call: ToolCall {
                id: id.to_owned(),
                name: "weather".to_owned(),
                input: input.to_owned(),
            },
            data: (id == "c1").then(|| data.clone()),
            result: result.to_owned(),
            is_error,
        };
        let step = ToolStep {
            before: vec![
                StepPart::Reasoning {
                    text: "Hm".to_owned(),
                    data: Some(data.clone()),
                },
                StepPart::Text {
                    text: "I look.".to_owned(),
                    data: None,
                },
            ],
            calls: vec![
                call("c1", r#"{"city": "Bern"}"#, "rain", false),
                call("c2", "", "no city", true),
            ],
        };
        ChatMessage {
            steps: vec![step],
            ..said(Role::Assistant, content)
        }
    }

    /// The body for a model of which the table alone knows.
    pub(super) fn body(
        protocol: ProtocolKind,
        model: &str,
        messages: &[ChatMessage],
        parameters: &Parameters,
    ) -> Value {
        let record = record_anywhere(protocol, model);
        body_with(protocol, model, &record, messages, parameters)
    }

    pub(super) fn body_with(
        protocol: ProtocolKind,
        model: &str,
        record: &ModelRecord,
        messages: &[ChatMessage],
        parameters: &Parameters,
    ) -> Value {
        let request = ChatRequest {
            model,
            messages,
            parameters,
            record,
        };
        of(protocol).build_request(&request).body
    }
}
