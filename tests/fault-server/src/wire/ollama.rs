//! Ollama's native API: one JSON object per line. The last line has the finish reason, the counts and the end
//! marker.

use serde_json::{Map, Value, json};

use super::{is_counted_by_finish, usage_after};
use crate::script::Step;

pub(super) fn encode(steps: &[Step], at: usize) -> String {
    match &steps[at] {
        Step::Delta(text) => chunk(&json!({"content": text}), &json!({"done": false})),
        Step::Reasoning(text) => chunk(
            &json!({"content": "", "thinking": text}),
            &json!({"done": false}),
        ),
        Step::Finish(reason) => {
            let reason = match reason.as_str() {
                // Ollama has no content filter.
                "content_filter" => "stop",
                other => other,
            };
            let mut last = json!({"done_reason": reason, "done": true});
            if let Some((prompt, answer)) = usage_after(steps, at) {
                last["total_duration"] = json!(1_000_000);
                last["prompt_eval_count"] = json!(prompt);
                last["eval_count"] = json!(answer);
            }
            chunk(&json!({"content": ""}), &last)
        }
        Step::Usage(prompt, answer) if !is_counted_by_finish(steps, at) => chunk(
            &json!({"content": ""}),
            &json!({"done": false, "prompt_eval_count": prompt, "eval_count": answer}),
        ),
        // The format of versions before 0.1.45, which had no finish reason.
        Step::Done if !steps[..at].iter().any(is_finish) => {
            chunk(&json!({"content": ""}), &json!({"done": true}))
        }
        _ => String::new(),
    }
}

fn is_finish(step: &Step) -> bool {
    matches!(step, Step::Finish(_))
}

pub(super) fn line(value: &Value) -> String {
    format!("{value}\n")
}

fn chunk(message: &Value, rest: &Value) -> String {
    let fields = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let mut said = Map::new();
    said.insert("role".to_owned(), json!("assistant"));
    said.extend(fields(message));
    let mut chunk = Map::new();
    chunk.insert("model".to_owned(), json!("stand-in-1"));
    chunk.insert("created_at".to_owned(), json!("2025-01-01T00:00:00Z"));
    chunk.insert("message".to_owned(), Value::Object(said));
    chunk.extend(fields(rest));
    line(&Value::Object(chunk))
}

pub(super) fn error(reason: &str) -> Value {
    json!({"error": reason})
}

pub(super) fn list(models: &[String]) -> Value {
    let models: Vec<_> = models
        .iter()
        .map(|id| {
            json!({
                "name": id,
                "model": id,
                "modified_at": "2025-01-01T00:00:00Z",
                "size": 1_000_000,
                "digest": "0".repeat(64),
                "details": {"format": "gguf", "family": "llama", "parameter_size": "1B"},
            })
        })
        .collect();
    json!({"models": models})
}
