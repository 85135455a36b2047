//! The events of a response, <https://platform.claude.com/docs/en/build-with-claude/streaming>.

use conch_model::{FinishReason, ProtocolKind, ProviderData, Usage};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::protocol::calls::Calls;
use crate::protocol::lenient::{arguments, count, lenient, read, stated, text, text_in};
use crate::protocol::{Content, Decoder, StreamEvent, Unshown};

/// Decodes one answer.
#[derive(Default)]
pub(super) struct Events {
    /// The prompt is counted when the answer starts, the answer when it ends.
    usage: WireUsage,
    /// The content block that is being written.
    block: Block,
    calls: Calls,
}

/// What has to wait for the end of a content block.
#[derive(Default)]
enum Block {
    /// Nothing.
    #[default]
    Plain,
    Thinking {
        /// Some of it is shown.
        has_text: bool,
        signature: String,
    },
    Call {
        id: Option<String>,
        name: Option<String>,
        /// The arguments, where they stand in the block's start.
        whole: Option<String>,
        /// The arguments that came in pieces.
        pieces: String,
    },
}

impl Decoder for Events {
    fn decode(&mut self, event: &Value) -> Option<Vec<StreamEvent>> {
        let wire: WireEvent = read(event);
        let mut events = Vec::new();
        match wire.kind.as_deref()? {
            "message_start" => {
                let message = wire.message.unwrap_or_default();
                self.message(&message, &mut events);
            }
            // The response of a gateway that does not stream.
            "message" => self.message(&read(event), &mut events),
            "message_delta" => {
                let delta = wire.delta.as_ref().map(read).unwrap_or_default();
                let usage = wire.usage;
                self.message(&Message { usage, ..delta }, &mut events);
            }
            "content_block_start" => {
                self.end_block(&mut events);
                if let Some(piece) = &wire.content_block {
                    self.piece(piece, &mut events);
                }
            }
            "content_block_delta" => {
                if let Some(piece) = &wire.delta {
                    self.piece(piece, &mut events);
                }
            }
            "content_block_stop" => self.end_block(&mut events),
            "message_stop" => {
                self.end_block(&mut events);
                events.push(StreamEvent::Done);
            }
            "ping" => {}
            _ => return None,
        }
        Some(events)
    }

    fn end(&mut self) -> Vec<StreamEvent> {
        let mut events = Vec::new();
        match &self.block {
            // It was cut off.
            Block::Call { .. } => self.block = Block::Plain,
            Block::Plain | Block::Thinking { .. } => self.end_block(&mut events),
        }
        events
    }
}

#[derive(Default, Deserialize)]
struct WireEvent {
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    message: Option<Message>,
    content_block: Option<Value>,
    delta: Option<Value>,
    #[serde(default, deserialize_with = "lenient")]
    usage: Option<WireUsage>,
}

#[derive(Default, Deserialize)]
struct Message {
    content: Option<Value>,
    #[serde(default, deserialize_with = "lenient")]
    stop_reason: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    usage: Option<WireUsage>,
}

/// A content block, or a delta of one.
#[derive(Default, Deserialize)]
struct Piece {
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "text")]
    text: Option<String>,
    #[serde(default, deserialize_with = "text")]
    thinking: Option<String>,
    /// Comes at the end of the block; a block begins with an empty one.
    #[serde(default, deserialize_with = "lenient")]
    signature: Option<String>,
    /// Of thinking that is encrypted, because the model's safety systems flagged it.
    #[serde(default, deserialize_with = "lenient")]
    data: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    name: Option<String>,
    /// Begins as an empty object, when the arguments come in pieces.
    #[serde(default, deserialize_with = "arguments")]
    input: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    partial_json: Option<String>,
}

impl Events {
    fn message(&mut self, message: &Message, events: &mut Vec<StreamEvent>) {
        match &message.content {
            Some(Value::Array(pieces)) => {
                for piece in pieces {
                    self.piece(piece, events);
                    self.end_block(events);
                }
            }
            // Gateways send a mere text.
            Some(content) => events.extend(text_in(content).map(StreamEvent::text)),
            None => {}
        }
        if let Some(reason) = stated(message.stop_reason.as_deref()) {
            self.end_block(events);
            events.push(StreamEvent::Finish(finish(reason)));
        }
        if let Some(usage) = message.usage {
            self.usage.grow(usage);
            events.push(StreamEvent::Usage(self.usage.into()));
        }
    }

    fn piece(&mut self, piece: &Value, events: &mut Vec<StreamEvent>) {
        let piece: Piece = read(piece);
        let kind = piece.kind.as_deref();
        match kind {
            Some("thinking" | "thinking_delta" | "signature_delta") => {
                self.thinking(piece, events);
            }
            // Gateways leave the type out.
            None if piece.thinking.is_some() => self.thinking(piece, events),
            Some("text" | "text_delta") | None => events.extend(piece.text.map(StreamEvent::text)),
            Some("redacted_thinking") => {
                let redacted = piece.data.filter(|data| !data.is_empty());
                let data = redacted.map(|redacted| provider_data("redacted", &redacted));
                events.extend(data.map(|data| Content::HiddenReasoning(data).into()));
            }
            Some("tool_use") => {
                self.end_block(events);
                self.block = Block::Call {
                    id: piece.id,
                    name: piece.name,
                    whole: piece.input,
                    pieces: String::new(),
                };
            }
            Some("input_json_delta") => {
                if let Block::Call { pieces, .. } = &mut self.block {
                    pieces.push_str(&piece.partial_json.unwrap_or_default());
                }
            }
            Some("server_tool_use" | "mcp_tool_use") => {
                events.push(StreamEvent::Unshown(Unshown::ToolCall));
            }
            Some("image") => events.push(StreamEvent::Unshown(Unshown::Media)),
            // Results of the provider's own tools, citations, and what is new.
            Some(_) => {}
        }
    }

    fn thinking(&mut self, piece: Piece, events: &mut Vec<StreamEvent>) {
        if !matches!(self.block, Block::Thinking { .. }) {
            self.end_block(events);
            self.block = Block::Thinking {
                has_text: false,
                signature: String::new(),
            };
        }
        let Block::Thinking {
            has_text,
            signature,
        } = &mut self.block
        else {
            return;
        };
        signature.push_str(&piece.signature.unwrap_or_default());
        if let Some(thinking) = piece.thinking {
            *has_text = true;
            events.push(StreamEvent::reasoning(thinking));
        }
    }

    /// Ends the content block: its signature belongs to the reasoning that came before it in the block, and is a part
    /// by itself if none did.
    fn end_block(&mut self, events: &mut Vec<StreamEvent>) {
        match std::mem::take(&mut self.block) {
            Block::Plain => {}
            Block::Thinking { signature, .. } if signature.is_empty() => {}
            Block::Thinking {
                has_text,
                signature,
            } => {
                let data = provider_data("signature", &signature);
                let content = if has_text {
                    Content::ProviderData(data)
                } else {
                    Content::HiddenReasoning(data)
                };
                events.push(content.into());
            }
            Block::Call {
                id,
                name,
                whole,
                pieces,
            } => {
                let input = if pieces.is_empty() {
                    whole.unwrap_or_default()
                } else {
                    pieces
                };
                events.push(self.calls.event(id, name, input));
            }
        }
    }
}

fn provider_data(name: &str, value: &str) -> ProviderData {
    ProviderData {
        protocol: ProtocolKind::Anthropic,
        data: json!({ name: value }),
    }
}

fn finish(reason: &str) -> FinishReason {
    match reason {
        "max_tokens" => FinishReason::Length,
        "model_context_window_exceeded" => FinishReason::ContextFull,
        "refusal" => FinishReason::Refusal,
        _ => FinishReason::Stop,
    }
}

#[derive(Clone, Copy, Default, Deserialize)]
struct WireUsage {
    /// The prompt tokens that were neither read from nor written to the cache.
    #[serde(default, rename = "input_tokens", deserialize_with = "count")]
    uncached: Option<u32>,
    #[serde(
        default,
        rename = "cache_creation_input_tokens",
        deserialize_with = "count"
    )]
    cache_written: Option<u32>,
    #[serde(
        default,
        rename = "cache_read_input_tokens",
        deserialize_with = "count"
    )]
    cache_read: Option<u32>,
    /// Thinking included.
    #[serde(default, rename = "output_tokens", deserialize_with = "count")]
    output: Option<u32>,
    #[serde(
        default,
        rename = "output_tokens_details",
        deserialize_with = "lenient"
    )]
    details: Option<OutputDetails>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct OutputDetails {
    #[serde(default, deserialize_with = "count")]
    thinking_tokens: Option<u32>,
}

impl WireUsage {
    /// Merges a newer count: counts are cumulative, and one that is missing or 0 leaves the previous value.
    fn grow(&mut self, newer: Self) {
        self.uncached = self.uncached.max(newer.uncached);
        self.cache_written = self.cache_written.max(newer.cache_written);
        self.cache_read = self.cache_read.max(newer.cache_read);
        self.output = self.output.max(newer.output);
        self.details = self.details.max(newer.details);
    }
}

impl From<WireUsage> for Usage {
    fn from(usage: WireUsage) -> Self {
        let prompt = [usage.uncached, usage.cache_written, usage.cache_read];
        Self {
            prompt_tokens: prompt.into_iter().flatten().reduce(u32::saturating_add),
            completion_tokens: usage.output,
            cached_tokens: usage.cache_read,
            cache_written_tokens: usage.cache_written,
            reasoning_tokens: usage.details.and_then(|details| details.thinking_tokens),
        }
    }
}

#[cfg(test)]
mod tests;
