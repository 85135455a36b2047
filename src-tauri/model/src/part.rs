//! The parts of a message, in the order in which they were written.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use specta::Type;

use super::{AttachmentId, ProtocolKind, named};

named! {
    /// What a part is, without its content.
    PartKind {
        /// Text as Markdown.
        Text = "text",
        /// The model's reasoning.
        Reasoning = "reasoning",
        /// A call of a tool by the model.
        ToolCall = "tool_call",
        /// The result of a call.
        ToolResult = "tool_result",
        /// A file.
        Attachment = "attachment",
    }
}

/// A part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it contains.
    pub content: PartContent,
    /// What the provider sent with it and requires back.
    pub provider_data: Option<ProviderData>,
}

/// The content of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartContent {
    /// Text as Markdown.
    Text(String),
    /// The model's reasoning; empty where the provider sends it only encrypted.
    Reasoning(String),
    /// A call of a tool by the model.
    ToolCall(ToolCall),
    /// The result of a call.
    ToolResult(ToolResult),
    /// A file, whose content is stored apart.
    Attachment(AttachmentId),
}

/// A call of a tool by the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct ToolCall {
    /// The provider's id of the call, or one made for it.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments as the model wrote them: JSON, unless it made a mistake.
    pub input: String,
}

/// The result of a call of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ToolResult {
    /// The call's id.
    pub call_id: String,
    /// What the tool returned, as text.
    pub content: String,
    /// Whether it failed.
    pub is_error: bool,
}

/// Data of a part that only its provider understands, such as the signature of its reasoning. It is sent back only
/// to the same provider and model, in the same protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderData {
    /// The protocol that it belongs to.
    pub protocol: ProtocolKind,
    /// The data, as the protocol has it.
    pub data: Value,
}

/// An addition to an answer that is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartDelta {
    /// Text, appended to a text part.
    Text(String),
    /// Reasoning, appended to a reasoning part.
    Reasoning(String),
    /// A complete call, which is a part by itself.
    ToolCall(ToolCall),
    /// Data of the part that was added last. It ends that part.
    ProviderData(ProviderData),
}

impl From<PartContent> for Part {
    fn from(content: PartContent) -> Self {
        Self {
            content,
            provider_data: None,
        }
    }
}

impl Part {
    /// Creates a part of text.
    pub fn text(text: impl Into<String>) -> Self {
        PartContent::Text(text.into()).into()
    }

    /// Creates a part of reasoning.
    pub fn reasoning(text: impl Into<String>) -> Self {
        PartContent::Reasoning(text.into()).into()
    }
}

/// Returns the text of a message: its text parts, joined.
pub fn text_of(parts: &[Part]) -> String {
    let texts = parts.iter().filter_map(|part| match &part.content {
        PartContent::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// Returns the reasoning of a message: its reasoning parts, joined.
pub fn reasoning_of(parts: &[Part]) -> String {
    let texts = parts.iter().filter_map(|part| match &part.content {
        PartContent::Reasoning(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// Appends an addition to the part at this position, or begins the next part with it.
pub fn append_delta(parts: &mut Vec<Part>, position: usize, delta: PartDelta) {
    if parts.len() <= position {
        parts.push(match &delta {
            PartDelta::Text(_) => Part::text(""),
            PartDelta::Reasoning(_) | PartDelta::ProviderData(_) => Part::reasoning(""),
            PartDelta::ToolCall(call) => PartContent::ToolCall(call.clone()).into(),
        });
    }
    let position = position.min(parts.len() - 1);
    let part = &mut parts[position];
    match (&mut part.content, delta) {
        (PartContent::Text(text), PartDelta::Text(more))
        | (PartContent::Reasoning(text), PartDelta::Reasoning(more)) => text.push_str(&more),
        (_, PartDelta::ProviderData(data)) => part.provider_data = Some(data),
        _ => {}
    }
}
