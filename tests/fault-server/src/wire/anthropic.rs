//! Anthropic Messages: an answer is a sequence of blocks, each with a start and a stop, between a start and a stop.

use serde_json::{Value, json};

use super::{error_name, filled, is_counted_by_finish, usage_after};
use crate::script::Step;

pub(super) fn encode(steps: &[Step], at: usize) -> String {
    let begun = if is_content(&steps[at]) && !steps[..at].iter().any(is_content) {
        start(steps)
    } else {
        String::new()
    };
    let rest = match &steps[at] {
        Step::Delta(text) => {
            turn_to(steps, at) + &delta(steps, at, &json!({"type": "text_delta", "text": text}))
        }
        Step::Reasoning(text) => {
            let thought = json!({"type": "thinking_delta", "thinking": text});
            turn_to(steps, at) + &delta(steps, at, &thought)
        }
        Step::Finish(reason) => {
            let counts = usage_after(steps, at).map(|(_, answer)| json!({"output_tokens": answer}));
            let reason = match reason.as_str() {
                "stop" => "end_turn",
                "length" => "max_tokens",
                "content_filter" => "refusal",
                other => other,
            };
            let end = json!({
                "type": "message_delta",
                "delta": {"stop_reason": reason, "stop_sequence": null},
                "usage": counts,
            });
            leave_block(steps, at) + &event("message_delta", &filled(end))
        }
        Step::Usage(prompt, answer) if !is_counted_by_finish(steps, at) => event(
            "message_delta",
            &json!({
                "type": "message_delta",
                "delta": {},
                "usage": {"input_tokens": prompt, "output_tokens": answer},
            }),
        ),
        Step::Done => event("message_stop", &json!({"type": "message_stop"})),
        _ => String::new(),
    };
    begun + &rest
}

pub(super) fn event(name: &str, value: &Value) -> String {
    format!("event: {name}\ndata: {value}\n\n")
}

/// Whether a step requires a started message.
fn is_content(step: &Step) -> bool {
    matches!(step, Step::Delta(_) | Step::Reasoning(_) | Step::Finish(_))
}

/// Returns the start of a message. It has the prompt's token count; the answer's comes last, as the service sends
/// it.
fn start(steps: &[Step]) -> String {
    let prompt = steps.iter().find_map(|step| match step {
        Step::Usage(prompt, _) => Some(*prompt),
        _ => None,
    });
    let message = json!({
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "stand-in-1",
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": {"input_tokens": prompt.unwrap_or(0), "output_tokens": 1},
    });
    event(
        "message_start",
        &json!({"type": "message_start", "message": message}),
    ) + &event("ping", &json!({"type": "ping"}))
}

/// Returns the content steps up to `at`, each with the number of its block.
fn blocks(steps: &[Step], at: usize) -> impl Iterator<Item = (usize, &Step)> {
    let parts = steps[..=at]
        .iter()
        .filter(|step| matches!(step, Step::Delta(_) | Step::Reasoning(_)));
    let mut last: Option<(usize, &Step)> = None;
    parts.map(move |step| {
        let number = match last {
            None => 0,
            Some((number, before)) if same_kind(before, step) => number,
            Some((number, _)) => number + 1,
        };
        last = Some((number, step));
        (number, step)
    })
}

fn same_kind(one: &Step, other: &Step) -> bool {
    matches!(one, Step::Delta(_)) == matches!(other, Step::Delta(_))
}

/// Ends the previous block and begins that of this step, if they differ.
fn turn_to(steps: &[Step], at: usize) -> String {
    let before = (at > 0).then(|| blocks(steps, at - 1).last()).flatten();
    if before.is_some_and(|(_, step)| same_kind(step, &steps[at])) {
        return String::new();
    }
    let index = before.map_or(0, |(number, _)| number + 1);
    let block = match &steps[at] {
        Step::Reasoning(_) => json!({"type": "thinking", "thinking": "", "signature": ""}),
        _ => json!({"type": "text", "text": ""}),
    };
    let begin = json!({"type": "content_block_start", "index": index, "content_block": block});
    leave_block(steps, at) + &event("content_block_start", &begin)
}

/// Ends the block that is open before the step at this index, if any.
fn leave_block(steps: &[Step], at: usize) -> String {
    let Some((index, step)) = (at > 0).then(|| blocks(steps, at - 1).last()).flatten() else {
        return String::new();
    };
    let signed = match step {
        Step::Reasoning(_) => content(
            index,
            &json!({"type": "signature_delta", "signature": "c2lnbmVk"}),
        ),
        _ => String::new(),
    };
    let end = json!({"type": "content_block_stop", "index": index});
    signed + &event("content_block_stop", &end)
}

fn delta(steps: &[Step], at: usize, delta: &Value) -> String {
    let index = blocks(steps, at).last().map_or(0, |(number, _)| number);
    content(index, delta)
}

fn content(index: usize, delta: &Value) -> String {
    event(
        "content_block_delta",
        &json!({"type": "content_block_delta", "index": index, "delta": delta}),
    )
}

pub(super) fn error(status: u16, reason: &str) -> Value {
    let names = [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (529, "overloaded_error"),
    ];
    json!({
        "type": "error",
        "error": {"type": error_name(status, &names, "api_error"), "message": reason},
        "request_id": "req_1",
    })
}

pub(super) fn list(models: &[String]) -> Value {
    let data: Vec<_> = models
        .iter()
        .map(|id| {
            json!({
                "type": "model",
                "id": id,
                "display_name": id,
                "created_at": "2025-01-01T00:00:00Z",
            })
        })
        .collect();
    json!({
        "data": data,
        "has_more": false,
        "first_id": models.first(),
        "last_id": models.last(),
    })
}
