//! OpenAI Responses, <https://developers.openai.com/api/docs/guides/migrate-to-responses>: the requests. The responses
//! are in [`events`]. Keys, models, limits and refusals are those of [chat completions](super::openai).
//!
//! Nothing is stored at the provider: each request contains the conversation, with the reasoning of earlier answers
//! in encrypted form.

mod events;

use conch_model::{Parameters, ReasoningEffort, Role};
use reqwest::RequestBuilder;
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use self::events::Events;
use super::openai::{OpenAi, arguments};
use super::turns::{ContentPart, Turn, Turns};
use super::{ChatRequest, Decoder, Framing, HttpRequestParts, ListedModel, Protocol, only_set};
use crate::limits::BudgetHeaders;
use crate::record::{Extra, ModelRecord};

/// The least limit of the answer's length: the API rejects a lower one.
const MIN_OUTPUT_TOKENS: u32 = 16;

/// Stands between two messages of one answer, and between two parts of a summary.
const BETWEEN: &str = "\n\n";

/// The name of what is stored with a part of reasoning: the item as it came.
const ITEM: &str = "reasoning";

/// The name of what is stored with a part of text.
const PHASE: &str = "phase";

/// The OpenAI Responses protocol.
#[derive(Debug)]
pub(super) struct Responses;

impl Protocol for Responses {
    fn build_request(&self, request: &ChatRequest<'_>) -> HttpRequestParts {
        let parameters = request.accepted();
        let Turns { system, turns } = Turns::of(request);
        let input: Vec<_> = turns.into_iter().flat_map(items).collect();
        let length = parameters.max_tokens;
        let length = length.map(|tokens| tokens.max(MIN_OUTPUT_TOKENS));
        let includes = may_reason(request.record) && request.record.takes_data();
        let body = only_set([
            ("model", Some(json!(request.model))),
            ("instructions", system.map(Value::from)),
            ("input", Some(input.into())),
            ("stream", Some(json!(true))),
            // By default, the answer is kept for at least 30 days.
            ("store", Some(json!(false))),
            (
                "include",
                includes.then(|| json!(["reasoning.encrypted_content"])),
            ),
            ("temperature", parameters.temperature.map(Value::from)),
            ("top_p", parameters.top_p.map(Value::from)),
            ("max_output_tokens", length.map(Value::from)),
            ("reasoning", reasoning(request.record, &parameters)),
        ]);
        HttpRequestParts {
            path: "responses".to_owned(),
            body: body.into(),
        }
    }

    fn authorise(&self, request: RequestBuilder, key: &SecretString) -> RequestBuilder {
        OpenAi.authorise(request, key)
    }

    fn framing(&self) -> Framing {
        Framing::Events
    }

    fn requires_data_of_every_answer(&self) -> bool {
        true
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(Events::default())
    }

    fn models_path(&self) -> &'static str {
        OpenAi.models_path()
    }

    fn models(&self, body: &str) -> Option<Vec<ListedModel>> {
        OpenAi.models(body)
    }

    fn budget_headers(&self) -> &'static [BudgetHeaders] {
        OpenAi.budget_headers()
    }
}

/// Returns the items of a turn: a message of its text and images, and each call, result or reasoning by itself.
fn items(turn: Turn<'_>) -> Vec<Value> {
    let role = turn.role;
    let mut items = Vec::new();
    let mut content = Vec::new();
    for part in turn.parts {
        match part {
            ContentPart::Text { text, data } if role == Role::Assistant => {
                let text = text.strip_prefix(BETWEEN).unwrap_or(&text);
                let mut message = json!({"type": "message", "role": role, "content": text});
                if let Some(phase) = data.and_then(|data| data.get(PHASE)) {
                    message[PHASE] = phase.clone();
                }
                items.push(message);
            }
            ContentPart::Text { text, .. } => {
                content.push(json!({"type": "input_text", "text": text}));
            }
            ContentPart::Image(image) => {
                let url = format!("data:{};base64,{}", image.media_type, image.base64);
                content.push(json!({"type": "input_image", "detail": "auto", "image_url": url}));
            }
            ContentPart::Reasoning { data, .. } => {
                items.extend(data.and_then(|data| data.get(ITEM)).cloned());
            }
            ContentPart::Call(called) => items.push(json!({
                "type": "function_call", "call_id": called.call.id, "name": called.call.name,
                "arguments": arguments(&called.call.input),
            })),
            ContentPart::Result(called) => items.push(json!({
                "type": "function_call_output", "call_id": called.call.id, "output": called.result,
            })),
        }
    }
    if !content.is_empty() {
        items.push(json!({"type": "message", "role": role, "content": of_one(content)}));
    }
    // Reasoning without what it led to is rejected: an answer that was stopped, or a call that is not sent.
    while items.last().is_some_and(|item| item["type"] == ITEM) {
        items.pop();
    }
    items
}

/// A message of one text is sent as a string.
fn of_one(content: Vec<Value>) -> Value {
    match content.as_slice() {
        [text] if text["type"] == "input_text" => text["text"].clone(),
        _ => content.into(),
    }
}

/// Returns whether the model reasons, as far as it is known. Models that do not reject what is about reasoning.
fn may_reason(record: &ModelRecord) -> bool {
    let levels = record.efforts.as_ref();
    let is_level = |effort: &ReasoningEffort| *effort != ReasoningEffort::None;
    let has_level = levels.is_none_or(|levels| levels.iter().any(is_level));
    has_level || record.thinks_by_default == Some(true)
}

/// Returns the configuration of reasoning. Its summary is requested, too: the reasoning itself is not sent.
fn reasoning(record: &ModelRecord, parameters: &Parameters) -> Option<Value> {
    let effort = parameters.reasoning_effort;
    let takes_summary = !record.refused_extras.contains(&Extra::ReasoningSummary);
    let shows = record.thinks(effort) && may_reason(record) && takes_summary;
    let fields: Map<_, _> = only_set([
        ("effort", effort.map(|effort| json!(effort))),
        ("summary", shows.then(|| json!("auto"))),
    ]);
    (!fields.is_empty()).then(|| fields.into())
}

#[cfg(test)]
mod tests;
