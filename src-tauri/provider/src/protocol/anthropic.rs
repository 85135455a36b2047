//! Anthropic Messages, <https://platform.claude.com/docs/en/api/messages>: the requests. The responses are in
//! [`events`].
//!
//! How thinking is configured depends on the model: the newest decide by themselves within an effort, the older
//! ones and most of other companies take a budget of tokens
//! (<https://platform.claude.com/docs/en/build-with-claude/thinking>). The lists of models are in [`list`].

mod events;
mod list;

use conch_model::{Parameters, ReasoningEffort};
use reqwest::RequestBuilder;
use secrecy::SecretString;
use serde_json::{Value, json};

use self::events::Events;
use self::list::Model;
use super::lenient::entries;
use super::turns::{ContentPart, Turn, Turns};
use super::{
    ChatRequest, Decoder, Framing, HttpRequestParts, ListedModel, Protocol, key_header, only_set,
    says, thinking_tokens,
};
use crate::failure::FailureKind;
use crate::limits::BudgetHeaders;
use crate::record::{ModelRecord, Parameter, ThinkingForm};

/// The maximum answer length if none is set, since the API rejects a request without one. Every Claude still
/// served can write that much.
const DEFAULT_MAX_TOKENS: u32 = 8192;

/// The Anthropic protocol.
#[derive(Debug)]
pub(super) struct Anthropic;

impl Protocol for Anthropic {
    fn build_request(&self, request: &ChatRequest<'_>) -> HttpRequestParts {
        let parameters = request.accepted();
        let effort = parameters.reasoning_effort;
        let Turns { system, turns } = Turns::of(request);
        let messages: Value = turns
            .into_iter()
            .map(|turn| json!({"role": turn.role, "content": content(turn)}))
            .collect();
        // With thinking, a temperature other than 1 is rejected, and so is a top-p below 0.95.
        let accepts_sampling = !request.record.thinks(effort);
        // The scale ends at 1 here; 2 means the maximum.
        let temperature = parameters
            .temperature
            .filter(|_| accepts_sampling)
            .map(|temperature| temperature.min(1.0));
        // Most models accept only one of the two.
        let top_p = parameters
            .top_p
            .filter(|_| accepts_sampling && temperature.is_none());
        let body = only_set([
            ("model", Some(json!(request.model))),
            ("system", system.map(Value::from)),
            ("messages", Some(messages)),
            ("stream", Some(json!(true))),
            (
                "max_tokens",
                Some(json!(max_tokens(request.record, &parameters))),
            ),
            ("temperature", temperature.map(Value::from)),
            ("top_p", top_p.map(Value::from)),
            (
                "stop_sequences",
                (!parameters.stop.is_empty()).then(|| json!(parameters.stop)),
            ),
            ("thinking", thinking(request.record, effort)),
            (
                "output_config",
                output_effort(request.record, effort).map(|effort| json!({"effort": effort})),
            ),
        ]);
        HttpRequestParts {
            path: "v1/messages".to_owned(),
            body: body.into(),
        }
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("anthropic-version", "2023-06-01")]
    }

    fn authorise(&self, request: RequestBuilder, key: &SecretString) -> RequestBuilder {
        key_header(request, "x-api-key", key)
    }

    fn framing(&self) -> Framing {
        Framing::Events
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(Events::default())
    }

    fn models_path(&self) -> &'static str {
        "v1/models?limit=1000"
    }

    fn models(&self, body: &str) -> Option<Vec<ListedModel>> {
        let list: Vec<Model> = entries(body, "data")?;
        Some(list.into_iter().map(ListedModel::from).collect())
    }

    fn budget_headers(&self) -> &'static [BudgetHeaders] {
        &[BudgetHeaders {
            remaining: "anthropic-ratelimit-requests-remaining",
            reset: "anthropic-ratelimit-requests-reset",
        }]
    }

    fn refusal(&self, status: u16, body: &str) -> Option<FailureKind> {
        match status {
            400 if says(body, &["prompt is too long"]) => Some(FailureKind::ContextTooLong),
            400 if says(body, &["credit balance is too low"]) => Some(FailureKind::OutOfCredit),
            _ => None,
        }
    }
}

/// A turn with only text is sent as a string.
fn content(turn: Turn<'_>) -> Value {
    match <[ContentPart<'_>; 1]>::try_from(turn.parts) {
        Ok([ContentPart::Text { text, .. }]) => text.into(),
        Ok(parts) => parts.into_iter().filter_map(block).collect(),
        Err(parts) => parts.into_iter().filter_map(block).collect(),
    }
}

/// Returns a part as a content block; nothing for reasoning without its signature, which is not accepted.
fn block(part: ContentPart<'_>) -> Option<Value> {
    Some(match part {
        ContentPart::Text { text, .. } => json!({"type": "text", "text": text}),
        ContentPart::Image(image) => json!({"type": "image", "source": {
            "type": "base64", "media_type": image.media_type, "data": image.base64,
        }}),
        ContentPart::Reasoning { text, data } => {
            let data = data?;
            match (data.get("signature"), data.get("redacted")) {
                (Some(signature), _) => {
                    json!({"type": "thinking", "thinking": text, "signature": signature})
                }
                (None, Some(redacted)) => json!({"type": "redacted_thinking", "data": redacted}),
                (None, None) => return None,
            }
        }
        ContentPart::Call(called) => json!({
            "type": "tool_use", "id": called.call.id, "name": called.call.name, "input": called.input(),
        }),
        ContentPart::Result(called) => json!({
            "type": "tool_result", "tool_use_id": called.call.id, "content": called.result,
            "is_error": called.is_error,
        }),
    })
}

/// Returns the limit of the answer with its thinking, which counts toward it: a limit for the answer alone would
/// cut it off.
fn max_tokens(record: &ModelRecord, parameters: &Parameters) -> u32 {
    let answer = parameters.max_tokens;
    // An explicit limit is not raised for thinking that was not requested.
    let by_default = answer.is_none() && record.thinks_by_default == Some(true);
    let by_default = by_default.then_some(ReasoningEffort::High);
    let effort = parameters.reasoning_effort.or(by_default);
    let thinking = effort.map_or(0, thinking_tokens);
    let total = answer
        .unwrap_or(DEFAULT_MAX_TOKENS)
        .saturating_add(thinking);
    total.min(record.max_output_tokens.unwrap_or(u32::MAX))
}

/// Returns the configuration of thinking. Without `display`, the newer models think in silence, so that those
/// that think by default get it also where no effort is set.
fn thinking(record: &ModelRecord, effort: Option<ReasoningEffort>) -> Option<Value> {
    if effort == Some(ReasoningEffort::None) {
        return Some(json!({"type": "disabled"}));
    }
    match record.thinking {
        Some(ThinkingForm::Adaptive) => {
            let may_say = !record.refused.contains(&Parameter::ReasoningEffort);
            (record.thinks(effort) && may_say)
                .then(|| json!({"type": "adaptive", "display": "summarized"}))
        }
        Some(ThinkingForm::Level | ThinkingForm::LevelAndSwitch) => None,
        Some(ThinkingForm::Budget) | None => effort
            .map(|effort| json!({"type": "enabled", "budget_tokens": thinking_tokens(effort)})),
    }
}

/// Returns the effort, for models that take one by its name.
fn output_effort(record: &ModelRecord, effort: Option<ReasoningEffort>) -> Option<ReasoningEffort> {
    let by_budget = matches!(record.thinking, Some(ThinkingForm::Budget) | None);
    effort.filter(|effort| !by_budget && *effort != ReasoningEffort::None)
}

#[cfg(test)]
mod tests;
