//! OpenAI chat completions.

use serde_json::{Value, json};

use super::error_name;
use crate::script::Step;

pub(super) fn encode(step: &Step) -> String {
    match step {
        Step::Delta(text) => choice(&json!({"content": text}), None),
        Step::Reasoning(text) => choice(&json!({"reasoning_content": text}), None),
        Step::Finish(reason) => choice(&json!({}), Some(reason)),
        Step::Usage(prompt, answer) => event(&json!({
            "object": "chat.completion.chunk",
            "choices": [],
            "usage": {"prompt_tokens": prompt, "completion_tokens": answer},
        })),
        Step::Done => "data: [DONE]\n\n".to_owned(),
        _ => String::new(),
    }
}

pub(super) fn event(value: &Value) -> String {
    format!("data: {value}\n\n")
}

fn choice(delta: &Value, finish: Option<&str>) -> String {
    event(&json!({
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }))
}

pub(super) fn error(status: u16, reason: &str) -> Value {
    let names = [
        (401, "invalid_api_key"),
        (404, "model_not_found"),
        (429, "rate_limit_exceeded"),
    ];
    json!({"error": {
        "message": reason,
        "type": if status >= 500 { "server_error" } else { "invalid_request_error" },
        "param": null,
        "code": error_name(status, &names, "unknown"),
    }})
}

pub(super) fn list(models: &[String], context_tokens: Option<u32>) -> Value {
    let data: Vec<_> = models
        .iter()
        .map(|id| json!({"id": id, "object": "model", "context_length": context_tokens}))
        .collect();
    json!({"object": "list", "data": data})
}
