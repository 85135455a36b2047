//! Google Gemini with `alt=sse`. It has no end-of-stream marker, and its lines end with CRLF.

use serde_json::{Value, json};

use super::{error_name, filled, is_counted_by_finish, usage_after};
use crate::script::Step;

pub(super) fn encode(steps: &[Step], at: usize) -> String {
    match &steps[at] {
        Step::Delta(text) => candidate(&json!({"text": text}), None, None),
        Step::Reasoning(text) => candidate(&json!({"text": text, "thought": true}), None, None),
        Step::Finish(reason) => {
            let reason = match reason.as_str() {
                "stop" => "STOP",
                "length" => "MAX_TOKENS",
                "content_filter" => "SAFETY",
                other => other,
            };
            let usage = usage_after(steps, at).map(counts);
            candidate(&json!({"text": ""}), Some(reason), usage.as_ref())
        }
        Step::Usage(prompt, answer) if !is_counted_by_finish(steps, at) => event(
            &json!({"usageMetadata": counts((*prompt, *answer)), "modelVersion": "stand-in-1"}),
        ),
        _ => String::new(),
    }
}

pub(super) fn event(value: &Value) -> String {
    format!("data: {value}\r\n\r\n")
}

fn candidate(part: &Value, finish: Option<&str>, usage: Option<&Value>) -> String {
    let content = json!({"role": "model", "parts": [part]});
    let candidate = json!({"content": content, "finishReason": finish, "index": 0});
    event(&filled(json!({
        "candidates": [filled(candidate)],
        "usageMetadata": usage,
        "modelVersion": "stand-in-1",
        "responseId": "response-1",
    })))
}

fn counts((prompt, answer): (u32, u32)) -> Value {
    json!({
        "promptTokenCount": prompt,
        "candidatesTokenCount": answer,
        "totalTokenCount": prompt + answer,
    })
}

pub(super) fn error(status: u16, reason: &str) -> Value {
    let names = [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (409, "ABORTED"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ];
    json!({"error": {
        "code": status,
        "message": reason,
        "status": error_name(status, &names, "UNKNOWN"),
    }})
}

pub(super) fn list(models: &[String]) -> Value {
    let models: Vec<_> = models
        .iter()
        .map(|id| {
            json!({
                "name": format!("models/{id}"),
                "version": "001",
                "displayName": id,
                "inputTokenLimit": 8192,
                "outputTokenLimit": 4096,
                "supportedGenerationMethods": ["generateContent", "countTokens"],
            })
        })
        .collect();
    json!({"models": models})
}
