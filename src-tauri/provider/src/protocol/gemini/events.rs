//! The events of a response, <https://ai.google.dev/api/generate-content#generatecontentresponse>.
//!
//! There is no end mark: the finish reason is the end, and the connection closes after it.

use conch_model::{FinishReason, ProtocolKind, ProviderData, Usage};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::protocol::calls::Calls;
use crate::protocol::lenient::{
    arguments, count, flag, lenient, list, read, says_something, stated, text, text_in,
};
use crate::protocol::{Content, Decoder, StreamEvent, Unshown};

/// Decodes one answer. Each part is complete.
#[derive(Default)]
pub(super) struct Chunks {
    calls: Calls,
}

impl Decoder for Chunks {
    fn decode(&mut self, event: &Value) -> Option<Vec<StreamEvent>> {
        let is_chunk = ["candidates", "promptFeedback", "usageMetadata"]
            .iter()
            .any(|field| event.get(field).is_some());
        if !is_chunk {
            return None;
        }
        let chunk: Chunk = read(event);
        let candidate = chunk.candidates.into_iter().next().unwrap_or_default();
        let mut events = Vec::new();
        match candidate.content {
            Some(Value::Object(content)) => match content.get("parts") {
                Some(Value::Array(parts)) => {
                    for part in parts {
                        self.part(part, &mut events);
                    }
                }
                Some(part) => self.part(part, &mut events),
                None => {}
            },
            Some(content) => events.extend(text_in(&content).map(StreamEvent::text)),
            None => {}
        }
        // A blocked prompt has no candidates.
        let feedback = chunk.prompt_feedback.unwrap_or_default();
        let blocked = stated(feedback.block_reason.as_deref())
            .filter(|reason| *reason != "BLOCK_REASON_UNSPECIFIED")
            .map(|_| FinishReason::ContentFilter);
        let reason = stated(candidate.finish_reason.as_deref());
        // A malformed tool call is reported only as a finish reason.
        let called =
            |reason: &str| reason.ends_with("_FUNCTION_CALL") || reason.ends_with("_TOOL_CALL");
        let call = reason.is_some_and(called).then_some(Unshown::ToolCall);
        events.extend(call.map(StreamEvent::Unshown));
        let finish = reason.map(finish);
        events.extend(finish.or(blocked).map(StreamEvent::Finish));
        let usage = chunk.usage_metadata;
        events.extend(usage.map(|usage| StreamEvent::Usage(usage.into())));
        Some(events)
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk {
    #[serde(default, deserialize_with = "list")]
    candidates: Vec<Candidate>,
    #[serde(default, deserialize_with = "lenient")]
    prompt_feedback: Option<PromptFeedback>,
    #[serde(default, deserialize_with = "lenient")]
    usage_metadata: Option<UsageMetadata>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    content: Option<Value>,
    #[serde(default, deserialize_with = "lenient")]
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    #[serde(default, deserialize_with = "text")]
    text: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    thought: bool,
    /// Encrypted reasoning, which a later request has to contain at the same place.
    #[serde(default, deserialize_with = "lenient")]
    thought_signature: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    function_call: Option<FunctionCall>,
    inline_data: Option<Value>,
    file_data: Option<Value>,
}

#[derive(Deserialize)]
struct FunctionCall {
    #[serde(default, deserialize_with = "lenient")]
    id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    name: Option<String>,
    #[serde(default, deserialize_with = "arguments")]
    args: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback {
    #[serde(default, deserialize_with = "lenient")]
    block_reason: Option<String>,
}

impl Chunks {
    fn part(&mut self, part: &Value, events: &mut Vec<StreamEvent>) {
        let part: Part = read(part);
        let mut has_content = false;
        if let Some(text) = part.text {
            has_content = true;
            events.push(if part.thought {
                StreamEvent::reasoning(text)
            } else {
                StreamEvent::text(text)
            });
        }
        if let Some(call) = part.function_call {
            let call = self
                .calls
                .event(call.id, call.name, call.args.unwrap_or_default());
            has_content = matches!(call, StreamEvent::Content(_));
            events.push(call);
        }
        let media = [part.inline_data, part.file_data];
        if media.iter().flatten().any(says_something) {
            events.push(StreamEvent::Unshown(Unshown::Media));
        }
        let signature = part.thought_signature.filter(|data| !data.is_empty());
        if let Some(signature) = signature {
            let data = ProviderData {
                protocol: ProtocolKind::Gemini,
                data: json!({"thoughtSignature": signature}),
            };
            // The signature of an empty part belongs to no other, and has to stay in its place.
            let content = if has_content {
                Content::ProviderData(data)
            } else {
                Content::HiddenReasoning(data)
            };
            events.push(content.into());
        }
    }
}

fn finish(reason: &str) -> FinishReason {
    match reason {
        "MAX_TOKENS" => FinishReason::Length,
        "SAFETY"
        | "RECITATION"
        | "LANGUAGE"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => FinishReason::ContentFilter,
        _ => FinishReason::Stop,
    }
}

#[derive(Deserialize)]
struct UsageMetadata {
    /// Cached tokens included.
    #[serde(default, rename = "promptTokenCount", deserialize_with = "count")]
    prompt: Option<u32>,
    #[serde(
        default,
        rename = "cachedContentTokenCount",
        deserialize_with = "count"
    )]
    cached: Option<u32>,
    #[serde(default, rename = "candidatesTokenCount", deserialize_with = "count")]
    answer: Option<u32>,
    #[serde(default, rename = "thoughtsTokenCount", deserialize_with = "count")]
    thoughts: Option<u32>,
}

impl From<UsageMetadata> for Usage {
    fn from(usage: UsageMetadata) -> Self {
        let written = [usage.answer, usage.thoughts];
        Self {
            prompt_tokens: usage.prompt,
            completion_tokens: written.into_iter().flatten().reduce(u32::saturating_add),
            cached_tokens: usage.cached,
            cache_written_tokens: None,
            reasoning_tokens: usage.thoughts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::testing;

    fn decode(data: &str) -> Vec<StreamEvent> {
        testing::decode(&mut Chunks::default(), data)
    }

    #[test]
    fn text_thoughts_finish_and_usage_are_distinguished() {
        let events = decode(
            r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"hm","thought":true},{"text":"Hi"},
                {"text":"","thoughtSignature":"x"}]},"finishReason":"STOP","index":0}],"modelVersion":"gemini-3-flash",
                "usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":2,"thoughtsTokenCount":5,
                "cachedContentTokenCount":4,"totalTokenCount":16}}"#,
        );
        assert_eq!(
            events,
            [
                StreamEvent::reasoning("hm"),
                StreamEvent::text("Hi"),
                Content::HiddenReasoning(signature()).into(),
                StreamEvent::Finish(FinishReason::Stop),
                StreamEvent::Usage(Usage {
                    prompt_tokens: Some(9),
                    completion_tokens: Some(7),
                    cached_tokens: Some(4),
                    cache_written_tokens: None,
                    reasoning_tokens: Some(5),
                }),
            ]
        );
    }

    #[test]
    fn each_finish_reason_has_its_own_name() {
        let finish = |reason: &str| {
            decode(&format!(
                r#"{{"candidates":[{{"finishReason":"{reason}"}}]}}"#
            ))
        };
        let is = |reason| [StreamEvent::Finish(reason)];
        assert_eq!(finish("STOP"), is(FinishReason::Stop));
        assert_eq!(finish("OTHER"), is(FinishReason::Stop));
        assert_eq!(finish("MAX_TOKENS"), is(FinishReason::Length));
        for filtered in [
            "SAFETY",
            "RECITATION",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
        ] {
            assert_eq!(
                finish(filtered),
                is(FinishReason::ContentFilter),
                "{filtered}"
            );
        }
    }

    #[test]
    fn a_blocked_prompt_is_an_answer_that_the_filter_ended() {
        let events = decode(
            r#"{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":9}}"#,
        );
        assert_eq!(events[0], StreamEvent::Finish(FinishReason::ContentFilter));
    }

    #[test]
    fn what_carries_no_text_is_a_sign_of_life() {
        for data in [
            "{}",
            r#"{"candidates":null,"promptFeedback":null,"usageMetadata":null,"error":null}"#,
            r#"{"candidates":[{"content":null,"finishReason":null}],"promptFeedback":{"safetyRatings":[]}}"#,
            r#"{"candidates":[{"content":{"parts":[{"text":null},{"executableCode":{}}]}}],"new":1}"#,
            r#"{"candidates":[{"finishReason":""}],"usageMetadata":"none"}"#,
            r#"{"candidates":[{"finishReason":"FINISH_REASON_UNSPECIFIED"}]}"#,
            r#"{"promptFeedback":{"blockReason":"BLOCK_REASON_UNSPECIFIED"}}"#,
        ] {
            assert_eq!(decode(data), [], "{data}");
        }
    }

    #[test]
    fn what_is_neither_text_nor_reasoning_is_reported() {
        let reported = |candidate: &str| {
            let events = decode(&format!(r#"{{"candidates":[{candidate}]}}"#));
            events.into_iter().next()
        };
        let call = Some(StreamEvent::Unshown(Unshown::ToolCall));
        assert_eq!(
            reported(r#"{"content":{"parts":[{"functionCall":{"args":{}}}]}}"#),
            call
        );
        assert_eq!(
            reported(r#"{"finishReason":"MALFORMED_FUNCTION_CALL"}"#),
            call
        );
        assert_eq!(reported(r#"{"finishReason":"UNEXPECTED_TOOL_CALL"}"#), call);
        assert_eq!(
            reported(r#"{"content":{"parts":[{"inlineData":{"mimeType":"image/png"}}]}}"#),
            Some(StreamEvent::Unshown(Unshown::Media))
        );
    }

    fn signature() -> ProviderData {
        ProviderData {
            protocol: ProtocolKind::Gemini,
            data: json!({"thoughtSignature": "x"}),
        }
    }

    #[test]
    fn calls_are_complete_parts_with_their_signatures() {
        let events = decode(
            r#"{"candidates":[{"content":{"parts":[
                {"functionCall":{"id":"f","name":"weather","args":{"city":"Bern"}},"thoughtSignature":"x"},
                {"functionCall":{"id":"g","name":"time"}}]},"finishReason":"STOP"}]}"#,
        );
        assert_eq!(
            events,
            [
                testing::called("f", "weather", r#"{"city":"Bern"}"#),
                Content::ProviderData(signature()).into(),
                testing::called("g", "time", ""),
                StreamEvent::Finish(FinishReason::Stop),
            ]
        );
    }

    #[test]
    fn a_signature_without_content_takes_no_other_parts_place() {
        let hidden = [Content::HiddenReasoning(signature()).into()];
        for part in [
            r#"{"thoughtSignature":"x"}"#,
            r#"{"text":"","thoughtSignature":"x"}"#,
            r#"{"text":"","thought":true,"thoughtSignature":"x"}"#,
        ] {
            let data = format!(r#"{{"candidates":[{{"content":{{"parts":[{part}]}}}}]}}"#);
            assert_eq!(decode(&data), hidden, "{part}");
        }
    }

    #[test]
    fn counts_of_another_form_cost_no_text() {
        let events = decode(
            r#"{"candidates":[{"content":{"parts":[{"text":"Hi"}]}}],"usageMetadata":
                {"promptTokenCount":12.0,"candidatesTokenCount":"3","thoughtsTokenCount":-1,"cachedContentTokenCount":1e99}}"#,
        );
        let counted = StreamEvent::Usage(Usage {
            prompt_tokens: Some(12),
            completion_tokens: Some(3),
            ..Usage::default()
        });
        assert_eq!(events, [StreamEvent::text("Hi"), counted]);
    }
}
