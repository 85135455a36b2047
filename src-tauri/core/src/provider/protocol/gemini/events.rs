//! The events of an answer, <https://ai.google.dev/api/generate-content#generatecontentresponse>.
//!
//! There is no end mark: the finish reason is the end, and the connection closes after it.

use serde::Deserialize;
use serde_json::Value;

use crate::chat::{FinishReason, Usage};
use crate::provider::failure::{Failure, FailureKind};
use crate::provider::protocol::{
    Decoder, StreamEvent, filled, no_answer, or_alive, stated_failure, states_failure,
};

/// Reads one answer, of which each chunk says all it has to say.
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
            .filter_map(Part::said)
            .collect();
        // A prompt that is blocked has no candidates.
        let blocked = chunk
            .prompt_feedback
            .and_then(|feedback| feedback.block_reason)
            .map(|_| FinishReason::ContentFilter);
        let finish = candidate.finish_reason.as_deref().map(finish);
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
struct Part {
    text: Option<String>,
    thought: Option<bool>,
}

impl Part {
    fn said(self) -> Option<StreamEvent> {
        let event = if self.thought == Some(true) {
            StreamEvent::Reasoning
        } else {
            StreamEvent::Text
        };
        filled(self.text).map(event)
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
    /// Those from the cache included.
    #[serde(rename = "promptTokenCount")]
    prompt: Option<u32>,
    #[serde(rename = "cachedContentTokenCount")]
    cached: Option<u32>,
    #[serde(rename = "candidatesTokenCount")]
    answer: Option<u32>,
    #[serde(rename = "thoughtsTokenCount")]
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
    use crate::provider::failure::Retry;

    fn decode(data: &str) -> Result<Vec<StreamEvent>, Failure> {
        Chunks.decode(data)
    }

    #[test]
    fn text_thoughts_finish_and_usage_are_told_apart() {
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
            r#"{"candidates":[{"content":{"parts":[{"text":null},{"functionCall":{}}]}}],"new":1}"#,
        ] {
            assert_eq!(decode(data).unwrap(), [StreamEvent::Alive], "{data}");
        }
        assert!(decode("<html>").is_err());
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
