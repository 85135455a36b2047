//! The lines of a response. The last one has the finish reason, the counts and the end mark.

use conch_model::{FinishReason, Usage};
use serde::Deserialize;
use serde_json::Value;

use crate::protocol::calls::Calls;
use crate::protocol::lenient::{
    arguments, count, flag, lenient, list, read, says_something, stated, text,
};
use crate::protocol::{Decoder, StreamEvent, Unshown};

/// Decodes one answer.
#[derive(Default)]
pub(super) struct Lines {
    calls: Calls,
}

impl Decoder for Lines {
    fn decode(&mut self, event: &Value) -> Option<Vec<StreamEvent>> {
        let is_line = ["response", "done"]
            .iter()
            .any(|field| event.get(field).is_some());
        if !is_line && !event.get("message").is_some_and(Value::is_object) {
            return None;
        }
        let line: Line = read(event);
        let message = line.message.unwrap_or_default();
        let mut events: Vec<_> = message
            .thinking
            .or(line.thinking)
            .map(StreamEvent::reasoning)
            .into_iter()
            .chain(message.content.or(line.response).map(StreamEvent::text))
            .collect();
        for WireCall { id, function } in message.tool_calls {
            let Function { name, arguments } = function.unwrap_or_default();
            events.push(self.calls.event(id, name, arguments.unwrap_or_default()));
        }
        if message.images.as_ref().is_some_and(says_something) {
            events.push(StreamEvent::Unshown(Unshown::Media));
        }
        if line.done {
            let reason = match stated(line.done_reason.as_deref()) {
                Some("length") => FinishReason::Length,
                _ => FinishReason::Stop,
            };
            events.extend([
                StreamEvent::Finish(reason),
                StreamEvent::Usage(Usage {
                    prompt_tokens: line.prompt_eval_count,
                    completion_tokens: line.eval_count,
                    ..Usage::default()
                }),
                StreamEvent::Done,
            ]);
        }
        Some(events)
    }
}

#[derive(Default, Deserialize)]
struct Line {
    #[serde(default, deserialize_with = "lenient")]
    message: Option<Message>,
    /// The text and the reasoning of servers that complete a text.
    #[serde(default, deserialize_with = "text")]
    response: Option<String>,
    #[serde(default, deserialize_with = "text")]
    thinking: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    done: bool,
    #[serde(default, deserialize_with = "lenient")]
    done_reason: Option<String>,
    #[serde(default, deserialize_with = "count")]
    prompt_eval_count: Option<u32>,
    #[serde(default, deserialize_with = "count")]
    eval_count: Option<u32>,
}

#[derive(Default, Deserialize)]
struct Message {
    #[serde(default, deserialize_with = "text")]
    content: Option<String>,
    #[serde(default, deserialize_with = "text")]
    thinking: Option<String>,
    #[serde(default, deserialize_with = "list")]
    tool_calls: Vec<WireCall>,
    images: Option<Value>,
}

#[derive(Deserialize)]
struct WireCall {
    /// Sent by newer versions.
    #[serde(default, deserialize_with = "lenient")]
    id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    function: Option<Function>,
}

#[derive(Default, Deserialize)]
struct Function {
    #[serde(default, deserialize_with = "lenient")]
    name: Option<String>,
    #[serde(default, deserialize_with = "arguments")]
    arguments: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Content, testing};

    fn decode(data: &str) -> Vec<StreamEvent> {
        testing::decode(&mut Lines::default(), data)
    }

    #[test]
    fn thoughts_and_text_are_distinguished() {
        let data = r#"{"model":"qwen3","created_at":"2026-11-24T00:00:00Z",
            "message":{"role":"assistant","content":"Hi","thinking":"hm"},"done":false}"#;
        assert_eq!(
            decode(data),
            [StreamEvent::reasoning("hm"), StreamEvent::text("Hi")]
        );
    }

    #[test]
    fn the_last_line_says_why_and_how_much() {
        let last = |reason: &str| {
            decode(&format!(
                r#"{{"message":{{"content":""}},"done":true,"done_reason":{reason},
                    "total_duration":10706818083,"prompt_eval_count":26,"eval_count":259}}"#
            ))
        };
        let is = |reason| {
            let usage = Usage {
                prompt_tokens: Some(26),
                completion_tokens: Some(259),
                ..Usage::default()
            };
            [
                StreamEvent::Finish(reason),
                StreamEvent::Usage(usage),
                StreamEvent::Done,
            ]
        };
        assert_eq!(last(r#""stop""#), is(FinishReason::Stop));
        assert_eq!(last(r#""load""#), is(FinishReason::Stop));
        assert_eq!(last("null"), is(FinishReason::Stop));
        assert_eq!(last(r#""""#), is(FinishReason::Stop));
        assert_eq!(last(r#""length""#), is(FinishReason::Length));
    }

    #[test]
    fn what_carries_no_text_is_a_sign_of_life() {
        for data in [
            "{}",
            r#"{"message":{"role":"assistant","content":"","thinking":null},"done":false}"#,
            r#"{"message":null,"done":null,"error":null}"#,
            r#"{"message":{"tool_calls":[]},"done_reason":"","new":1}"#,
        ] {
            assert_eq!(decode(data), [], "{data}");
        }
    }

    #[test]
    fn calls_come_whole() {
        let line = |calls: &str| {
            decode(&format!(
                r#"{{"message":{{"content":"","tool_calls":[{calls}]}},"done":false}}"#
            ))
        };
        assert_eq!(
            line(r#"{"id":"c","function":{"index":0,"name":"x","arguments":{"a":1}}}, 7"#),
            [testing::called("c", "x", r#"{"a":1}"#)]
        );
        let two = line(r#"{"function":{"name":"x"}},{"function":{"name":"y","arguments":"{}"}}"#);
        let names: Vec<_> = two
            .iter()
            .map(|event| match event {
                StreamEvent::Content(Content::ToolCall(call)) => (&*call.name, &*call.input),
                other => panic!("expected a call, got {other:?}"),
            })
            .collect();
        assert_eq!(names, [("x", ""), ("y", "{}")]);
        let unshown = [StreamEvent::Unshown(Unshown::ToolCall)];
        assert_eq!(line(r#"{"function":{"arguments":{}}}"#), unshown);
    }

    #[test]
    fn counts_of_another_form_cost_no_text() {
        let last = r#"{"message":{"content":"Hi"},"done":true,"done_reason":"stop",
            "prompt_eval_count":"12","eval_count":4294967296}"#;
        let counted = StreamEvent::Usage(Usage {
            prompt_tokens: Some(12),
            ..Usage::default()
        });
        let events = decode(last);
        assert_eq!(events[0], StreamEvent::text("Hi"));
        assert_eq!(events[2], counted);
    }
}
