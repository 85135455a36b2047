//! The events of a response, <https://ai.google.dev/api/generate-content#generatecontentresponse>.
//!
//! There is no end mark: the finish reason is the end, and the connection closes after it.

use conch_model::{FinishReason, ProtocolKind, ProviderData, Usage};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::failure::{Failure, FailureKind};
use crate::protocol::lenient::{count, lenient, stated};
use crate::protocol::{
    Decoder, StreamEvent, Unshown, filled, no_answer, or_alive, stated_failure, states_failure,
};

/// Decodes one answer. Stateless: each chunk is complete.
pub(super) struct Chunks;

impl Decoder for Chunks {
    fn decode(&mut self, data: &str) -> Result<Vec<StreamEvent>, Failure> {
        let chunk: Chunk = serde_json::from_str(data).map_err(|error| no_answer(&error))?;
        if let Some(error) = chunk.error.filter(states_failure) {
            let kind = match error.get("code").and_then(Value::as_u64) {
                Some(429) => FailureKind::RateLimited,
                Some(400..500) => FailureKind::Rejected,
                _ => FailureKind::ProviderFault,
            };
            return Err(stated_failure(kind, data));
        }
        let candidate = chunk
            .candidates
            .unwrap_or_default()
            .into_iter()
            .next()
            .unwrap_or_default();
        let parts = candidate.content.unwrap_or_default().parts;
        let mut events: Vec<_> = parts
            .unwrap_or_default()
            .into_iter()
            .flat_map(Part::events)
            .collect();
        // A blocked prompt has no candidates.
        let blocked = chunk
            .prompt_feedback
            .and_then(|feedback| feedback.block_reason)
            .filter(|reason| reason != "BLOCK_REASON_UNSPECIFIED")
            .filter(|reason| stated(Some(reason)).is_some())
            .map(|_| FinishReason::ContentFilter);
        let reason = stated(candidate.finish_reason.as_deref());
        // A malformed tool call is reported only as a finish reason.
        let called =
            |reason: &str| reason.ends_with("_FUNCTION_CALL") || reason.ends_with("_TOOL_CALL");
        let call = reason.is_some_and(called).then_some(Unshown::ToolCall);
        events.extend(call.map(StreamEvent::Unshown));
        let finish = reason.map(finish);
        events.extend(finish.or(blocked).map(StreamEvent::Finish));
        events.extend(
            chunk
                .usage_metadata
                .map(|usage| StreamEvent::Usage(usage.into())),
        );
        Ok(or_alive(events))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk {
    candidates: Option<Vec<Candidate>>,
    prompt_feedback: Option<PromptFeedback>,
    #[serde(default, deserialize_with = "lenient")]
    usage_metadata: Option<UsageMetadata>,
    error: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    content: Option<Content>,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Content {
    parts: Option<Vec<Part>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    text: Option<String>,
    thought: Option<bool>,
    /// Encrypted reasoning, which a later request has to contain at the same place.
    thought_signature: Option<String>,
    function_call: Option<Value>,
    inline_data: Option<Value>,
    file_data: Option<Value>,
}

impl Part {
    fn events(self) -> impl Iterator<Item = StreamEvent> {
        let event = if self.thought == Some(true) {
            StreamEvent::Reasoning
        } else {
            StreamEvent::Text
        };
        let media = self.inline_data.or(self.file_data);
        let unshown = match self.function_call {
            Some(_) => Some(Unshown::ToolCall),
            None => media.map(|_| Unshown::Media),
        };
        let text = filled(self.text).map(event);
        let said = text.or(unshown.map(StreamEvent::Unshown));
        let signature = filled(self.thought_signature).map(|signature| {
            StreamEvent::ProviderData(ProviderData {
                protocol: ProtocolKind::Gemini,
                data: json!({"thoughtSignature": signature}),
            })
        });
        said.into_iter().chain(signature)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback {
    block_reason: Option<String>,
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Retry;

    fn decode(data: &str) -> Result<Vec<StreamEvent>, Failure> {
        Chunks.decode(data)
    }

    #[test]
    fn text_thoughts_finish_and_usage_are_distinguished() {
        let events = decode(
            r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"hm","thought":true},{"text":"Hi"},
                {"text":"","thoughtSignature":"x"}]},"finishReason":"STOP","index":0}],"modelVersion":"gemini-3-flash",
                "usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":2,"thoughtsTokenCount":5,
                "cachedContentTokenCount":4,"totalTokenCount":16}}"#,
        )
        .unwrap();
        assert_eq!(
            events,
            [
                StreamEvent::Reasoning("hm".to_owned()),
                StreamEvent::Text("Hi".to_owned()),
                StreamEvent::ProviderData(ProviderData {
                    protocol: ProtocolKind::Gemini,
                    data: json!({"thoughtSignature": "x"}),
                }),
                StreamEvent::Finish(FinishReason::Stop),
                StreamEvent::Usage(Usage {
                    prompt_tokens: Some(9),
                    completion_tokens: Some(7),
                    cached_tokens: Some(4),
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
            .unwrap()
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
        )
        .unwrap();
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
            assert_eq!(decode(data).unwrap(), [StreamEvent::Alive], "{data}");
        }
        assert!(decode("<html>").is_err());
    }

    #[test]
    fn what_is_neither_text_nor_reasoning_is_reported() {
        let reported = |candidate: &str| {
            let events = decode(&format!(r#"{{"candidates":[{candidate}]}}"#)).unwrap();
            events.into_iter().next()
        };
        let call = Some(StreamEvent::Unshown(Unshown::ToolCall));
        assert_eq!(
            reported(r#"{"content":{"parts":[{"functionCall":{"name":"x"}}]}}"#),
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

    #[test]
    fn counts_of_another_form_cost_no_text() {
        let events = decode(
            r#"{"candidates":[{"content":{"parts":[{"text":"Hi"}]}}],"usageMetadata":
                {"promptTokenCount":12.0,"candidatesTokenCount":"3","thoughtsTokenCount":-1,"cachedContentTokenCount":1e99}}"#,
        );
        let counted = StreamEvent::Usage(Usage {
            prompt_tokens: Some(12),
            completion_tokens: Some(3),
            cached_tokens: None,
        });
        assert_eq!(
            events.unwrap(),
            [StreamEvent::Text("Hi".to_owned()), counted]
        );
    }

    #[test]
    fn an_error_in_the_stream_says_whether_to_ask_again() {
        let failure = |code: u16| {
            let failure = decode(&format!(
                r#"{{"error":{{"code":{code},"message":"Too busy","status":"X"}}}}"#
            ))
            .unwrap_err();
            assert!(failure.message.ends_with("Too busy"), "{failure:?}");
            (failure.kind, failure.retry)
        };
        assert_eq!(failure(503), (FailureKind::ProviderFault, Retry::Backoff));
        assert_eq!(failure(429), (FailureKind::RateLimited, Retry::Backoff));
        assert_eq!(failure(400), (FailureKind::Rejected, Retry::Never));
    }
}
