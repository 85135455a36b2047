//! The chunks of a response, <https://platform.openai.com/docs/api-reference/chat-streaming>, and what other
//! servers add to them.

use conch_model::{FinishReason, Usage};
use serde::Deserialize;
use serde_json::Value;

use crate::failure::{Failure, FailureKind};
use crate::protocol::lenient::{count, lenient, stated};
use crate::protocol::{
    Decoder, StreamEvent, Unshown, filled, no_answer, or_alive, stated_failure, states_failure,
};

/// Decodes one answer.
#[derive(Default)]
pub(super) struct Chunks {
    /// The model refuses in a separate field, and finishes with `stop` all the same.
    refused: bool,
}

impl Decoder for Chunks {
    fn decode(&mut self, data: &str) -> Result<Vec<StreamEvent>, Failure> {
        if data.trim() == "[DONE]" {
            return Ok(vec![StreamEvent::Done]);
        }
        let chunk: Chunk = serde_json::from_str(data).map_err(|error| no_answer(&error))?;
        if let Some(error) = chunk.error.as_ref().filter(|error| states_failure(error)) {
            return Err(stated_failure(kind_of(error), data));
        }
        let mut events: Vec<_> = chunk
            .messages_left_out
            .map(StreamEvent::OmittedMessages)
            .into_iter()
            .collect();
        let choice = chunk
            .choices
            .unwrap_or_default()
            .into_iter()
            .find(|choice| choice.index == 0);
        if let Some(choice) = choice {
            events.extend(self.said(choice.delta.unwrap_or_default()));
            let reason = stated(choice.finish_reason.as_deref());
            events.extend(reason.map(|reason| StreamEvent::Finish(self.finish(reason))));
        }
        events.extend(chunk.usage.map(|usage| StreamEvent::Usage(usage.into())));
        Ok(or_alive(events))
    }
}

/// Gateways report their upstream's status as a number, OpenAI its own codes.
fn kind_of(error: &Value) -> FailureKind {
    let code = error.get("code").unwrap_or(&Value::Null);
    match (code.as_u64(), code.as_str()) {
        (Some(429), _) | (_, Some("rate_limit_exceeded")) => FailureKind::RateLimited,
        (Some(400..500), _) => FailureKind::Rejected,
        _ => FailureKind::ProviderFault,
    }
}

#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    #[serde(default, deserialize_with = "lenient")]
    usage: Option<WireUsage>,
    error: Option<Value>,
    /// Sent by the embedded engine: how many messages it omitted, which is shown to the user.
    #[serde(default, deserialize_with = "count")]
    messages_left_out: Option<u32>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u32,
    #[serde(alias = "message")]
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Delta {
    content: Option<String>,
    refusal: Option<String>,
    /// The name of DeepSeek and vLLM.
    reasoning_content: Option<String>,
    /// The name of OpenRouter, Groq and Ollama.
    reasoning: Option<String>,
    tool_calls: Option<Value>,
    /// The deprecated name.
    function_call: Option<Value>,
    /// Sent by OpenRouter.
    images: Option<Value>,
    audio: Option<Value>,
}

impl Chunks {
    fn said(&mut self, delta: Delta) -> impl Iterator<Item = StreamEvent> + use<> {
        let (content, refusal) = (filled(delta.content), filled(delta.refusal));
        self.refused |= refusal.is_some();
        let reasoning = filled(delta.reasoning_content).or(filled(delta.reasoning));
        let texts = [content, refusal].into_iter().flatten();
        let calls = [delta.tool_calls, delta.function_call];
        let media = [delta.images, delta.audio];
        let unshown = says_something(&calls)
            .then_some(Unshown::ToolCall)
            .or_else(|| says_something(&media).then_some(Unshown::Media));
        reasoning
            .map(StreamEvent::Reasoning)
            .into_iter()
            .chain(texts.map(StreamEvent::Text))
            .chain(unshown.map(StreamEvent::Unshown))
    }

    fn finish(&self, reason: &str) -> FinishReason {
        match reason {
            "length" => FinishReason::Length,
            "content_filter" => FinishReason::ContentFilter,
            _ if self.refused => FinishReason::Refusal,
            _ => FinishReason::Stop,
        }
    }
}

/// Returns whether one of these fields has content: some servers send every known field, empty.
fn says_something(fields: &[Option<Value>]) -> bool {
    let says = |field: &Value| match field {
        Value::Array(parts) => !parts.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => false,
    };
    fields.iter().flatten().any(says)
}

#[derive(Deserialize)]
struct WireUsage {
    #[serde(default, deserialize_with = "count")]
    prompt_tokens: Option<u32>,
    #[serde(default, deserialize_with = "count")]
    completion_tokens: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    prompt_tokens_details: Option<PromptDetails>,
}

#[derive(Deserialize)]
struct PromptDetails {
    #[serde(default, deserialize_with = "count")]
    cached_tokens: Option<u32>,
}

impl From<WireUsage> for Usage {
    fn from(usage: WireUsage) -> Self {
        Self {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            cached_tokens: usage
                .prompt_tokens_details
                .and_then(|details| details.cached_tokens),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(data: &str) -> Result<Vec<StreamEvent>, Failure> {
        Chunks::default().decode(data)
    }

    #[test]
    fn text_finish_and_usage_are_distinguished() {
        let events = decode(
            r#"{"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}],
                "usage":{"prompt_tokens":3,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":2}}}"#,
        )
        .unwrap();

        assert_eq!(
            events,
            [
                StreamEvent::Text("Hi".to_owned()),
                StreamEvent::Finish(FinishReason::Stop),
                StreamEvent::Usage(Usage {
                    prompt_tokens: Some(3),
                    completion_tokens: Some(1),
                    cached_tokens: Some(2),
                }),
            ]
        );
    }

    #[test]
    fn reasoning_is_kept_apart_under_each_of_its_names() {
        for field in ["reasoning_content", "reasoning"] {
            let data = format!(r#"{{"choices":[{{"delta":{{"{field}":"hm","content":"Hi"}}}}]}}"#);
            assert_eq!(
                decode(&data).unwrap(),
                [
                    StreamEvent::Reasoning("hm".to_owned()),
                    StreamEvent::Text("Hi".to_owned())
                ]
            );
        }
    }

    #[test]
    fn each_finish_reason_has_its_own_name() {
        let finish = |reason: &str| {
            let data = format!(r#"{{"choices":[{{"delta":{{}},"finish_reason":"{reason}"}}]}}"#);
            decode(&data).unwrap()
        };
        let is = |reason| [StreamEvent::Finish(reason)];
        assert_eq!(finish("stop"), is(FinishReason::Stop));
        assert_eq!(finish("eos"), is(FinishReason::Stop));
        assert_eq!(finish("length"), is(FinishReason::Length));
        assert_eq!(finish("content_filter"), is(FinishReason::ContentFilter));
    }

    /// As servers and gateways send it in every chunk but the last (sglang#3912, ollama#4357).
    #[test]
    fn a_reason_that_says_nothing_ends_nothing() {
        for nothing in [r#""""#, r#"" ""#, "null", r#""null""#] {
            let data = format!(
                r#"{{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m",
                    "choices":[{{"index":0,"delta":{{"role":"assistant","content":"One "}},"finish_reason":{nothing}}}]}}"#
            );
            let text = StreamEvent::Text("One ".to_owned());
            assert_eq!(decode(&data).unwrap(), [text], "{nothing}");
        }
    }

    #[test]
    fn counts_of_another_form_cost_no_text() {
        for usage in [
            r#"{"prompt_tokens":"12","completion_tokens":3.0}"#,
            r#"{"prompt_tokens":12,"completion_tokens":"3","prompt_tokens_details":[]}"#,
            r#"{"prompt_tokens":12.0,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":-1}}"#,
        ] {
            let data = format!(r#"{{"choices":[{{"delta":{{"content":"Hi"}}}}],"usage":{usage}}}"#);
            let counted = StreamEvent::Usage(Usage {
                prompt_tokens: Some(12),
                completion_tokens: Some(3),
                cached_tokens: None,
            });
            let text = StreamEvent::Text("Hi".to_owned());
            assert_eq!(decode(&data).unwrap(), [text, counted], "{usage}");
        }
        for usage in [r#""much""#, "[]", "7", r#"{"prompt_tokens":1e300}"#] {
            let data = format!(r#"{{"choices":[{{"delta":{{"content":"Hi"}}}}],"usage":{usage}}}"#);
            let text = StreamEvent::Text("Hi".to_owned());
            assert_eq!(decode(&data).unwrap()[0], text, "{usage}");
        }
        let left_out = r#"{"messages_left_out":"many","choices":[{"delta":{"content":"Hi"}}]}"#;
        assert_eq!(
            decode(left_out).unwrap(),
            [StreamEvent::Text("Hi".to_owned())]
        );
    }

    #[test]
    fn what_is_neither_text_nor_reasoning_is_reported() {
        let call = r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[
            {"index":0,"id":"call_1","type":"function","function":{"name":"container.exec","arguments":""}}]}}]}"#;
        assert_eq!(
            decode(call).unwrap(),
            [StreamEvent::Unshown(Unshown::ToolCall)]
        );
        let image = r#"{"choices":[{"delta":{"images":[{"type":"image_url"}],"tool_calls":[]}}]}"#;
        assert_eq!(
            decode(image).unwrap(),
            [StreamEvent::Unshown(Unshown::Media)]
        );
        let empty = r#"{"choices":[{"delta":{"content":"Hi","tool_calls":null,"images":[],"function_call":{}}}]}"#;
        assert_eq!(decode(empty).unwrap(), [StreamEvent::Text("Hi".to_owned())]);
    }

    #[test]
    fn a_refusal_is_text_and_the_reason_of_the_end() {
        let mut decoder = Chunks::default();
        let mut read = |data: &str| decoder.decode(data).unwrap();
        assert_eq!(
            read(r#"{"choices":[{"delta":{"refusal":"I cannot"}}]}"#),
            [StreamEvent::Text("I cannot".to_owned())]
        );
        assert_eq!(
            read(r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#),
            [StreamEvent::Finish(FinishReason::Refusal)]
        );
    }

    #[test]
    fn what_carries_no_text_is_a_sign_of_life() {
        for data in [
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":null}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":""}}],"usage":null,"error":null}"#,
            r#"{"choices":[],"something":"new"}"#,
            r#"{"choices":[{"index":1,"delta":{"content":"another choice"}}]}"#,
        ] {
            assert_eq!(decode(data).unwrap(), [StreamEvent::Alive], "{data}");
        }
    }

    #[test]
    fn an_error_inside_a_200_stream_is_an_error() {
        for data in [
            r#"{"error":{"message":"overloaded"}}"#,
            r#"{"error":"overloaded","choices":[]}"#,
        ] {
            let failure = decode(data).unwrap_err();
            assert!(failure.message.contains("overloaded"), "{failure:?}");
        }
    }

    #[test]
    fn an_error_in_the_stream_is_known_by_its_code() {
        let kind = |code: &str| {
            let data = format!(r#"{{"error":{{"message":"no","code":{code}}}}}"#);
            decode(&data).unwrap_err().kind
        };
        assert_eq!(kind("429"), FailureKind::RateLimited);
        assert_eq!(kind(r#""rate_limit_exceeded""#), FailureKind::RateLimited);
        assert_eq!(kind("400"), FailureKind::Rejected);
        assert_eq!(kind("502"), FailureKind::ProviderFault);
        assert_eq!(kind("null"), FailureKind::ProviderFault);
    }
}
