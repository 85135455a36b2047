//! The events of a response, <https://platform.claude.com/docs/en/build-with-claude/streaming>.

use conch_model::{FinishReason, ProtocolKind, ProviderData, Usage};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::failure::{Failure, FailureKind};
use crate::protocol::lenient::{count, lenient, stated};
use crate::protocol::{Decoder, StreamEvent, Unshown, filled, no_answer, or_alive, stated_failure};

/// Decodes one answer.
#[derive(Default)]
pub(super) struct Events {
    /// The prompt is counted when the answer starts, the answer when it ends.
    usage: WireUsage,
}

impl Decoder for Events {
    fn decode(&mut self, data: &str) -> Result<Vec<StreamEvent>, Failure> {
        let event: Event = serde_json::from_str(data).map_err(|error| no_answer(&error))?;
        let events = match event {
            Event::MessageStart { message } => self.message_events(message.unwrap_or_default()),
            Event::MessageDelta { delta, usage } => self.message_events(Message {
                usage,
                ..delta.unwrap_or_default()
            }),
            Event::Message(message) => self.message_events(message),
            Event::ContentBlockStart {
                content_block: piece,
            }
            | Event::ContentBlockDelta { delta: piece } => {
                piece.map_or_else(Vec::new, Piece::events)
            }
            Event::MessageStop => vec![StreamEvent::Done],
            Event::Error { error } => return Err(stated_failure(kind_of(error.as_ref()), data)),
            Event::Other => Vec::new(),
        };
        Ok(or_alive(events))
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event {
    MessageStart {
        message: Option<Message>,
    },
    ContentBlockStart {
        content_block: Option<Piece>,
    },
    ContentBlockDelta {
        delta: Option<Piece>,
    },
    MessageDelta {
        delta: Option<Message>,
        #[serde(default, deserialize_with = "lenient")]
        usage: Option<WireUsage>,
    },
    MessageStop,
    /// The response of a gateway that does not stream.
    Message(Message),
    Error {
        error: Option<Value>,
    },
    /// `ping`, `content_block_stop`, and future events.
    #[serde(other)]
    Other,
}

#[derive(Default, Deserialize)]
struct Message {
    content: Option<Vec<Piece>>,
    stop_reason: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    usage: Option<WireUsage>,
}

/// A content block, or a delta of one.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Piece {
    #[serde(alias = "text_delta")]
    Text { text: Option<String> },
    #[serde(alias = "thinking_delta", alias = "signature_delta")]
    Thinking {
        thinking: Option<String>,
        /// Comes at the end of the block; a block begins with an empty one.
        signature: Option<String>,
    },
    /// Encrypted: the model's safety systems flagged it.
    RedactedThinking { data: Option<String> },
    #[serde(alias = "server_tool_use", alias = "mcp_tool_use")]
    ToolUse,
    /// Tool arguments and results, citations.
    #[serde(other)]
    Other,
}

impl Piece {
    fn events(self) -> Vec<StreamEvent> {
        let data = |name: &str, value: String| ProviderData {
            protocol: ProtocolKind::Anthropic,
            data: json!({ name: value }),
        };
        match self {
            Self::Text { text } => filled(text).map(StreamEvent::Text).into_iter().collect(),
            Self::Thinking {
                thinking,
                signature,
            } => {
                let signature = filled(signature).map(|signature| data("signature", signature));
                let reasoning = filled(thinking).map(StreamEvent::Reasoning);
                let signature = signature.map(StreamEvent::ProviderData);
                reasoning.into_iter().chain(signature).collect()
            }
            Self::RedactedThinking { data: redacted } => {
                let redacted = filled(redacted).map(|redacted| data("redacted", redacted));
                redacted
                    .map(StreamEvent::HiddenReasoning)
                    .into_iter()
                    .collect()
            }
            Self::ToolUse => vec![StreamEvent::Unshown(Unshown::ToolCall)],
            Self::Other => Vec::new(),
        }
    }
}

impl Events {
    fn message_events(&mut self, message: Message) -> Vec<StreamEvent> {
        let pieces = message.content.unwrap_or_default().into_iter();
        let finish = stated(message.stop_reason.as_deref()).map(finish);
        let usage = message.usage.map(|usage| {
            self.usage.grow(usage);
            self.usage.into()
        });
        pieces
            .flat_map(Piece::events)
            .chain(finish.map(StreamEvent::Finish))
            .chain(usage.map(StreamEvent::Usage))
            .collect()
    }
}

fn finish(reason: &str) -> FinishReason {
    match reason {
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "refusal" => FinishReason::Refusal,
        _ => FinishReason::Stop,
    }
}

fn kind_of(error: Option<&Value>) -> FailureKind {
    let name = error.and_then(|error| error.get("type")?.as_str());
    match name {
        Some("api_error" | "overloaded_error" | "timeout_error") => FailureKind::ProviderFault,
        Some("rate_limit_error") => FailureKind::RateLimited,
        _ => FailureKind::Rejected,
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
    use crate::failure::Retry;

    fn decode(data: &str) -> Result<Vec<StreamEvent>, Failure> {
        Events::default().decode(data)
    }

    #[test]
    fn an_answer_is_read_from_its_events() {
        let mut decoder = Events::default();
        let mut read = |data: &str| decoder.decode(data).unwrap();
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
            [StreamEvent::Alive]
        );
        assert_eq!(
            read(
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#
            ),
            [StreamEvent::Reasoning("hm".to_owned())]
        );
        assert_eq!(
            read(
                r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hi"}}"#
            ),
            [StreamEvent::Text("Hi".to_owned())]
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
            .unwrap()
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
        let signature = StreamEvent::ProviderData(data(json!({"signature": "x"})));
        let signed = r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"x"}}"#;
        assert_eq!(decode(signed).unwrap(), std::slice::from_ref(&signature));
        let redacted = r#"{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"y"}}"#;
        let hidden = StreamEvent::HiddenReasoning(data(json!({"redacted": "y"})));
        assert_eq!(decode(redacted).unwrap(), std::slice::from_ref(&hidden));
        let whole = r#"{"type":"message","content":[{"type":"thinking","thinking":"hm","signature":"x"},
            {"type":"redacted_thinking","data":"y"},{"type":"text","text":"Hi"}]}"#;
        assert_eq!(
            decode(whole).unwrap(),
            [
                StreamEvent::Reasoning("hm".to_owned()),
                signature,
                hidden,
                StreamEvent::Text("Hi".to_owned())
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
            assert_eq!(decode(data).unwrap(), [StreamEvent::Alive], "{data}");
        }
        assert!(decode("<html>").is_err());
    }

    #[test]
    fn a_tool_call_is_reported() {
        let call =
            r#"{"type":"content_block_start","content_block":{"type":"tool_use","input":{}}}"#;
        assert_eq!(
            decode(call).unwrap(),
            [StreamEvent::Unshown(Unshown::ToolCall)]
        );
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
        assert_eq!(
            events.unwrap(),
            [StreamEvent::Finish(FinishReason::Stop), counted]
        );
    }

    #[test]
    fn an_error_in_the_stream_says_whether_to_ask_again() {
        let failure = |name: &str| {
            let data =
                format!(r#"{{"type":"error","error":{{"type":"{name}","message":"Too busy"}}}}"#);
            let failure = decode(&data).unwrap_err();
            assert!(failure.message.ends_with("Too busy"), "{failure:?}");
            (failure.kind, failure.retry)
        };
        assert_eq!(
            failure("overloaded_error"),
            (FailureKind::ProviderFault, Retry::Backoff)
        );
        assert_eq!(
            failure("api_error"),
            (FailureKind::ProviderFault, Retry::Backoff)
        );
        assert_eq!(
            failure("rate_limit_error"),
            (FailureKind::RateLimited, Retry::Backoff)
        );
        assert_eq!(
            failure("invalid_request_error"),
            (FailureKind::Rejected, Retry::Never)
        );
        let nameless = decode(r#"{"type":"error","error":null}"#).unwrap_err();
        assert_eq!(nameless.kind, FailureKind::Rejected);
    }

    #[test]
    fn an_answer_that_comes_whole_is_read_too() {
        let events = decode(
            r#"{"type":"message","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"Hi"}],
                "stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":1}}"#,
        )
        .unwrap();
        assert_eq!(events.len(), 4);
        assert_eq!(events[1], StreamEvent::Text("Hi".to_owned()));
        assert_eq!(events[2], StreamEvent::Finish(FinishReason::Stop));
    }
}
