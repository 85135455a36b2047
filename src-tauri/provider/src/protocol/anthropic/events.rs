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
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
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
    #[serde(default, rename = "output_tokens", deserialize_with = "count")]
    output: Option<u32>,
}

impl WireUsage {
    /// Merges a newer count: counts are cumulative, and one that is missing or 0 leaves the previous value.
    fn grow(&mut self, newer: Self) {
        self.uncached = self.uncached.max(newer.uncached);
        self.cache_written = self.cache_written.max(newer.cache_written);
        self.cache_read = self.cache_read.max(newer.cache_read);
        self.output = self.output.max(newer.output);
    }
}

impl From<WireUsage> for Usage {
    fn from(usage: WireUsage) -> Self {
        let prompt = [usage.uncached, usage.cache_written, usage.cache_read];
        Self {
            prompt_tokens: prompt.into_iter().flatten().reduce(u32::saturating_add),
            completion_tokens: usage.output,
            cached_tokens: usage.cache_read,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::testing;

    fn decode(data: &str) -> Vec<StreamEvent> {
        testing::decode(&mut Events::default(), data)
    }

    #[test]
    fn an_answer_is_read_from_its_events() {
        let mut decoder = Events::default();
        let mut read = |data: &str| testing::decode(&mut decoder, data);
        let usage = |completion| {
            StreamEvent::Usage(Usage {
                prompt_tokens: Some(60),
                completion_tokens: Some(completion),
                cached_tokens: Some(20),
            })
        };
        assert_eq!(
            read(
                r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],
                    "stop_reason":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":30,
                    "cache_read_input_tokens":20,"output_tokens":1}}}"#
            ),
            [usage(1)]
        );
        assert_eq!(
            read(
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}"#
            ),
            []
        );
        assert_eq!(
            read(
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#
            ),
            [StreamEvent::reasoning("hm")]
        );
        assert_eq!(
            read(
                r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hi"}}"#
            ),
            [StreamEvent::text("Hi")]
        );
        assert_eq!(
            read(
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},
                    "usage":{"input_tokens":0,"output_tokens":15}}"#
            ),
            [StreamEvent::Finish(FinishReason::Stop), usage(15)]
        );
        assert_eq!(read(r#"{"type":"message_stop"}"#), [StreamEvent::Done]);
    }

    #[test]
    fn each_stop_reason_has_its_own_name() {
        let finish = |reason: &str| {
            decode(&format!(
                r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}"}}}}"#
            ))
        };
        let is = |reason| [StreamEvent::Finish(reason)];
        assert_eq!(finish("end_turn"), is(FinishReason::Stop));
        assert_eq!(finish("stop_sequence"), is(FinishReason::Stop));
        assert_eq!(finish("pause_turn"), is(FinishReason::Stop));
        assert_eq!(finish("max_tokens"), is(FinishReason::Length));
        assert_eq!(
            finish("model_context_window_exceeded"),
            is(FinishReason::Length)
        );
        assert_eq!(finish("refusal"), is(FinishReason::Refusal));
    }

    #[test]
    fn what_has_to_be_sent_back_is_kept() {
        let data = |data| ProviderData {
            protocol: ProtocolKind::Anthropic,
            data,
        };
        let redacted = r#"{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"y"}}"#;
        let signature: StreamEvent = Content::ProviderData(data(json!({"signature": "x"}))).into();
        let hidden: StreamEvent = Content::HiddenReasoning(data(json!({"redacted": "y"}))).into();
        assert_eq!(decode(redacted), std::slice::from_ref(&hidden));
        let whole = r#"{"type":"message","content":[{"type":"thinking","thinking":"hm","signature":"x"},
            {"type":"redacted_thinking","data":"y"},{"type":"text","text":"Hi"}]}"#;
        assert_eq!(
            decode(whole),
            [
                StreamEvent::reasoning("hm"),
                signature,
                hidden,
                StreamEvent::text("Hi")
            ]
        );
    }

    #[test]
    fn what_carries_no_text_is_a_sign_of_life() {
        for data in [
            r#"{"type":"ping"}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"redacted_thinking"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":null}}"#,
            r#"{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"{"}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":""},"usage":7}"#,
            r#"{"type":"message_delta","delta":null,"usage":null}"#,
            r#"{"type":"message_start","message":null}"#,
            r#"{"type":"something_new","text":{"a":1}}"#,
        ] {
            assert_eq!(decode(data), [], "{data}");
        }
    }

    /// Returns what comes with these deltas in one content block, its end included.
    fn block(start: &str, deltas: &[&str]) -> Vec<StreamEvent> {
        let mut decoder = Events::default();
        let start =
            format!(r#"{{"type":"content_block_start","index":1,"content_block":{start}}}"#);
        let mut events = testing::decode(&mut decoder, &start);
        for delta in deltas {
            let delta = format!(r#"{{"type":"content_block_delta","index":1,"delta":{delta}}}"#);
            events.extend(testing::decode(&mut decoder, &delta));
        }
        let stop = r#"{"type":"content_block_stop","index":1}"#;
        events.extend(testing::decode(&mut decoder, stop));
        events
    }

    #[test]
    fn a_signature_belongs_to_the_thinking_of_its_block_wherever_it_stands_there() {
        let data = || provider_data("signature", "x");
        let thinking = r#"{"type":"thinking","thinking":"","signature":""}"#;
        let thought = r#"{"type":"thinking_delta","thinking":"hm"}"#;
        let signature = r#"{"type":"signature_delta","signature":"x"}"#;
        for deltas in [[thought, signature], [signature, thought]] {
            assert_eq!(
                block(thinking, &deltas),
                [
                    StreamEvent::reasoning("hm"),
                    Content::ProviderData(data()).into()
                ]
            );
        }
        let signed = r#"{"type":"thinking","thinking":"","signature":"x"}"#;
        for events in [block(thinking, &[signature]), block(signed, &[])] {
            assert_eq!(events, [Content::HiddenReasoning(data()).into()]);
        }
        // Without the event at the end of a block.
        let mut decoder = Events::default();
        let signed =
            r#"{"type":"content_block_delta","delta":{"type":"signature_delta","signature":"x"}}"#;
        assert_eq!(testing::decode(&mut decoder, signed), []);
        assert_eq!(decoder.end(), [Content::HiddenReasoning(data()).into()]);
    }

    #[test]
    fn a_call_is_complete_with_its_block() {
        let empty = r#"{"type":"tool_use","id":"t","name":"x","input":{}}"#;
        let first = r#"{"type":"input_json_delta","partial_json":"{\"a\":"}"#;
        let second = r#"{"type":"input_json_delta","partial_json":"1}"}"#;
        let call = |input| [testing::called("t", "x", input)];
        assert_eq!(block(empty, &[first, second]), call(r#"{"a":1}"#));
        assert_eq!(block(empty, &[]), call("{}"));
        let whole = r#"{"type":"tool_use","id":"t","name":"x","input":{"a":1}}"#;
        assert_eq!(block(whole, &[]), call(r#"{"a":1}"#));
        let nameless = r#"{"type":"tool_use","input":{}}"#;
        let unshown = [StreamEvent::Unshown(Unshown::ToolCall)];
        assert_eq!(block(nameless, &[]), unshown);
        assert_eq!(
            block(r#"{"type":"server_tool_use","name":"x"}"#, &[]),
            unshown
        );
    }

    #[test]
    fn a_call_that_the_end_of_the_stream_cut_is_none() {
        let mut decoder = Events::default();
        let start = r#"{"type":"content_block_start","content_block":{"type":"tool_use","id":"t","name":"x","input":{}}}"#;
        assert_eq!(testing::decode(&mut decoder, start), []);
        assert_eq!(decoder.end(), []);
    }

    #[test]
    fn counts_of_another_form_cost_no_end() {
        let events = decode(
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},
                "usage":{"input_tokens":"12","output_tokens":3.0,"cache_read_input_tokens":-1,
                "cache_creation_input_tokens":8589934592}}"#,
        );
        let counted = StreamEvent::Usage(Usage {
            prompt_tokens: Some(12),
            completion_tokens: Some(3),
            cached_tokens: None,
        });
        assert_eq!(events, [StreamEvent::Finish(FinishReason::Stop), counted]);
    }

    #[test]
    fn an_answer_that_comes_whole_is_read_too() {
        let events = decode(
            r#"{"type":"message","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"Hi"}],
                "stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":1}}"#,
        );
        assert_eq!(events.len(), 4);
        assert_eq!(events[1], StreamEvent::text("Hi"));
        assert_eq!(events[2], StreamEvent::Finish(FinishReason::Stop));
    }
}
