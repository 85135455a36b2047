//! The chunks of a response, <https://platform.openai.com/docs/api-reference/chat-streaming>, and what other
//! servers add to them.

use conch_model::{FinishReason, Omitted, Usage};
use serde::Deserialize;
use serde_json::Value;

use super::details::Details;
use crate::protocol::calls::{Calls, Fragment};
use crate::protocol::lenient::{
    arguments, count, lenient, list, read, says_something, stated, text, text_in,
};
use crate::protocol::{Decoder, StreamEvent, Unshown};

/// Decodes one answer.
#[derive(Default)]
pub(super) struct Chunks {
    /// The model refuses in a separate field, and finishes with `stop` all the same.
    refused: bool,
    /// Any text came.
    has_text: bool,
    calls: Calls,
    details: Details,
}

impl Decoder for Chunks {
    fn decode(&mut self, event: &Value) -> Option<Vec<StreamEvent>> {
        let is_chunk = ["choices", "usage", "messages_left_out"]
            .iter()
            .any(|field| event.get(field).is_some());
        if !is_chunk {
            return None;
        }
        let chunk: Chunk = read(event);
        let omitted = chunk.messages_left_out.map(|messages| {
            StreamEvent::Omitted(Omitted {
                messages,
                tokens: chunk.tokens_left_out.unwrap_or(0),
            })
        });
        let mut events: Vec<_> = omitted.into_iter().collect();
        let mut choices = chunk.choices.into_iter();
        if let Some(choice) = choices.find(|choice| choice.index.unwrap_or(0) == 0) {
            self.choice(choice, &mut events);
        }
        events.extend(chunk.usage.map(|usage| StreamEvent::Usage(usage.into())));
        Some(events)
    }

    fn decode_text(&mut self, json: &str) -> Option<String> {
        if self.details.has_begun() {
            return None;
        }
        let chunk: TextChunk = serde_json::from_str(json).ok()?;
        let [choice] = chunk.choices;
        let text = choice.delta.content;
        if text.is_empty() || choice.index != 0 {
            return None;
        }
        self.has_text = true;
        Some(text)
    }

    fn end(&mut self) -> Vec<StreamEvent> {
        let mut events: Vec<_> = self.details.end().into_iter().collect();
        events.extend(self.calls.whole_ones());
        events
    }
}

/// A chunk with a piece of text and nothing else: any other fails here, because a field that has a meaning in
/// [`Chunk`], or may state a failure, is not null.
#[derive(Deserialize)]
#[expect(dead_code, reason = "these fields have to be null")]
struct TextChunk {
    choices: [TextChoice; 1],
    usage: Option<()>,
    messages_left_out: Option<()>,
    #[serde(rename = "type")]
    kind: Option<()>,
    error: Option<()>,
    errors: Option<()>,
    response: Option<()>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "these fields have to be null")]
struct TextChoice {
    #[serde(default)]
    index: u32,
    delta: TextDelta,
    message: Option<()>,
    text: Option<()>,
    finish_reason: Option<()>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "these fields have to be null")]
struct TextDelta {
    content: String,
    refusal: Option<()>,
    reasoning_content: Option<()>,
    reasoning: Option<()>,
    reasoning_details: Option<()>,
    tool_calls: Option<()>,
    function_call: Option<()>,
    images: Option<()>,
    audio: Option<()>,
}

#[derive(Default, Deserialize)]
struct Chunk {
    #[serde(default, deserialize_with = "list")]
    choices: Vec<Choice>,
    #[serde(default, deserialize_with = "lenient")]
    usage: Option<WireUsage>,
    /// Sent by the embedded engine: how many messages it omitted, which is shown to the user.
    #[serde(default, deserialize_with = "count")]
    messages_left_out: Option<u32>,
    /// Their tokens.
    #[serde(default, deserialize_with = "count")]
    tokens_left_out: Option<u32>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default, deserialize_with = "count")]
    index: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    delta: Option<Delta>,
    /// In place of the delta, of an answer that is not streamed; beside it, all text so far.
    #[serde(default, deserialize_with = "lenient")]
    message: Option<Delta>,
    /// Sent by servers that complete a text.
    #[serde(default, deserialize_with = "text")]
    text: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Delta {
    content: Option<Value>,
    #[serde(default, deserialize_with = "text")]
    refusal: Option<String>,
    /// The name of DeepSeek and vLLM.
    #[serde(default, deserialize_with = "text")]
    reasoning_content: Option<String>,
    /// The name of OpenRouter, Groq and Ollama.
    #[serde(default, deserialize_with = "text")]
    reasoning: Option<String>,
    /// Sent by OpenRouter, and required back.
    #[serde(default, deserialize_with = "list")]
    reasoning_details: Vec<Value>,
    #[serde(default, deserialize_with = "list")]
    tool_calls: Vec<WireCall>,
    /// The deprecated name.
    #[serde(default, deserialize_with = "lenient")]
    function_call: Option<Function>,
    /// Sent by OpenRouter.
    images: Option<Value>,
    audio: Option<Value>,
}

impl Delta {
    fn is_empty(&self) -> bool {
        let fields = [&self.content, &self.images, &self.audio];
        let mut fields = fields.into_iter().flatten();
        let texts = [&self.refusal, &self.reasoning_content, &self.reasoning];
        texts.into_iter().all(Option::is_none)
            && fields.all(|field| text_in(field).is_none() && !says_something(field))
            && self.reasoning_details.is_empty()
            && self.tool_calls.is_empty()
            && self.function_call.is_none()
    }
}

#[derive(Deserialize)]
struct WireCall {
    #[serde(default, deserialize_with = "count")]
    index: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    id: Option<String>,
    #[serde(default, alias = "custom", deserialize_with = "lenient")]
    function: Option<Function>,
}

#[derive(Default, Deserialize)]
struct Function {
    #[serde(default, deserialize_with = "lenient")]
    name: Option<String>,
    #[serde(default, alias = "input", deserialize_with = "arguments")]
    arguments: Option<String>,
}

impl Function {
    fn is_empty(&self) -> bool {
        self.name.is_none() && self.arguments.is_none()
    }
}

/// A part of a content that is sent in parts.
#[derive(Default, Deserialize)]
struct ContentPart {
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    kind: Option<String>,
}

impl Chunks {
    fn choice(&mut self, choice: Choice, events: &mut Vec<StreamEvent>) {
        let delta = match (choice.delta, choice.message) {
            (Some(delta), Some(message)) if delta.is_empty() && !self.has_text => message,
            (Some(delta), _) | (None, Some(delta)) => delta,
            (None, None) => Delta::default(),
        };
        self.said(delta, choice.text, events);
        if let Some(reason) = stated(choice.finish_reason.as_deref()) {
            events.extend(self.details.end());
            events.extend(self.calls.finish());
            events.push(StreamEvent::Finish(self.finish(reason)));
        }
    }

    fn said(&mut self, delta: Delta, completion: Option<String>, events: &mut Vec<StreamEvent>) {
        let reasoning = delta.reasoning_content.or(delta.reasoning);
        let reasoning = reasoning.or_else(|| Details::text(&delta.reasoning_details));
        if let Some(reasoning) = reasoning {
            self.reasoning(reasoning, events);
        }
        self.details.add(delta.reasoning_details);
        match delta.content {
            Some(Value::Array(parts)) => {
                for part in &parts {
                    self.part(part, events);
                }
            }
            Some(Value::String(content)) => self.text(Some(content), events),
            Some(content) => self.part(&content, events),
            None => self.text(completion, events),
        }
        self.refused |= delta.refusal.is_some();
        self.text(delta.refusal, events);
        for call in delta.tool_calls {
            let function = call.function.unwrap_or_default();
            self.calls.add(Fragment {
                index: call.index.map(u64::from),
                id: call.id,
                name: function.name,
                input: function.arguments,
            });
        }
        if let Some(function) = delta.function_call.filter(|function| !function.is_empty()) {
            self.calls.add(Fragment {
                index: None,
                id: None,
                name: function.name,
                input: function.arguments,
            });
        }
        if [delta.images, delta.audio]
            .iter()
            .flatten()
            .any(says_something)
        {
            events.push(StreamEvent::Unshown(Unshown::Media));
        }
    }

    /// Decodes a content, or a part of one. Mistral sends its reasoning in parts.
    fn part(&mut self, part: &Value, events: &mut Vec<StreamEvent>) {
        let ContentPart { kind } = read(part);
        match kind.as_deref() {
            Some("thinking" | "reasoning" | "reasoning_text") => {
                if let Some(reasoning) = text_in(part).or_else(|| text_in(part.get("reasoning")?)) {
                    self.reasoning(reasoning, events);
                }
            }
            Some("refusal") => {
                let refusal = part.get("refusal").and_then(text_in);
                self.refused |= refusal.is_some();
                self.text(refusal, events);
            }
            Some(kind) if is_media(kind) => events.push(StreamEvent::Unshown(Unshown::Media)),
            _ => self.text(text_in(part), events),
        }
    }

    fn text(&mut self, text: Option<String>, events: &mut Vec<StreamEvent>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.has_text = true;
            events.extend(self.details.end());
            events.push(StreamEvent::text(text));
        }
    }

    fn reasoning(&mut self, text: String, events: &mut Vec<StreamEvent>) {
        self.details.goes_with_text();
        events.push(StreamEvent::reasoning(text));
    }

    fn finish(&self, reason: &str) -> FinishReason {
        match reason {
            "length" => FinishReason::Length,
            // Sent by the embedded engine, and by gateways to Anthropic.
            "model_context_window_exceeded" => FinishReason::ContextFull,
            "content_filter" => FinishReason::ContentFilter,
            _ if self.refused => FinishReason::Refusal,
            _ => FinishReason::Stop,
        }
    }
}

fn is_media(kind: &str) -> bool {
    ["image", "audio", "file", "video"]
        .iter()
        .any(|media| kind.contains(media))
}

#[derive(Deserialize)]
struct WireUsage {
    #[serde(default, deserialize_with = "count")]
    prompt_tokens: Option<u32>,
    #[serde(default, deserialize_with = "count")]
    completion_tokens: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(default, deserialize_with = "lenient")]
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Deserialize)]
struct PromptDetails {
    #[serde(default, deserialize_with = "count")]
    cached_tokens: Option<u32>,
    #[serde(default, deserialize_with = "count")]
    cache_write_tokens: Option<u32>,
}

#[derive(Deserialize)]
struct CompletionDetails {
    #[serde(default, deserialize_with = "count")]
    reasoning_tokens: Option<u32>,
}

impl From<WireUsage> for Usage {
    fn from(usage: WireUsage) -> Self {
        let prompt = usage.prompt_tokens_details.as_ref();
        let completion = usage.completion_tokens_details.as_ref();
        Self {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            cached_tokens: prompt.and_then(|details| details.cached_tokens),
            cache_written_tokens: prompt.and_then(|details| details.cache_write_tokens),
            reasoning_tokens: completion.and_then(|details| details.reasoning_tokens),
        }
    }
}

#[cfg(test)]
mod tests;
