//! OpenAI Responses: an answer is a sequence of items, each added, written and done, between a start and an end, which
//! contains all of it once more. The events and their fields are those of the types in `openai` 3.57.0 (PyPI).

use serde_json::{Value, json};

use super::{is_counted_by_finish, usage_after};
use crate::script::Step;

pub(super) fn encode(steps: &[Step], at: usize) -> String {
    let begun = if is_content(&steps[at]) && !steps[..at].iter().any(is_content) {
        start()
    } else {
        String::new()
    };
    let rest = match &steps[at] {
        Step::Delta(_) | Step::Reasoning(_) => turn_to(steps, at) + &delta(steps, at),
        Step::Finish(reason) => leave_item(steps, at) + &end(steps, at, reason),
        Step::Usage(prompt, answer) if !is_counted_by_finish(steps, at) => {
            let mut response = response("in_progress");
            response["usage"] = usage((*prompt, *answer));
            event(&json!({"type": "response.in_progress", "response": response}))
        }
        _ => String::new(),
    };
    begun + &rest
}

/// Returns an event under its name.
pub(super) fn event(value: &Value) -> String {
    let name = value["type"].as_str().unwrap_or("error");
    format!("event: {name}\ndata: {value}\n\n")
}

pub(super) fn error(reason: &str) -> Value {
    json!({
        "type": "error",
        "code": "server_error",
        "message": reason,
        "param": null,
        "sequence_number": 0,
    })
}

/// Whether a step requires a started response.
fn is_content(step: &Step) -> bool {
    matches!(step, Step::Delta(_) | Step::Reasoning(_) | Step::Finish(_))
}

fn response(status: &str) -> Value {
    json!({
        "id": "resp_1",
        "object": "response",
        "created_at": 1_735_689_600,
        "status": status,
        "error": null,
        "incomplete_details": null,
        "instructions": null,
        "metadata": {},
        "model": "stand-in-1",
        "output": [],
        "parallel_tool_calls": true,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": null,
    })
}

fn start() -> String {
    let begun = |kind: &str| {
        let kind = format!("response.{kind}");
        event(&json!({"type": kind, "response": response("in_progress"), "sequence_number": 0}))
    };
    begun("created") + &begun("in_progress")
}

/// An item: the kind of its steps, and their text.
struct Item {
    is_reasoning: bool,
    text: String,
}

/// Returns the items of the steps before `at`.
fn items(steps: &[Step], at: usize) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    for step in &steps[..at] {
        let (is_reasoning, more) = match step {
            Step::Delta(text) => (false, text),
            Step::Reasoning(text) => (true, text),
            _ => continue,
        };
        match items.last_mut() {
            Some(last) if last.is_reasoning == is_reasoning => last.text.push_str(more),
            _ => items.push(Item {
                is_reasoning,
                text: more.clone(),
            }),
        }
    }
    items
}

impl Item {
    /// Returns the item as it is once it is done.
    fn done(&self, index: usize) -> Value {
        if self.is_reasoning {
            json!({
                "id": format!("rs_{index}"),
                "type": "reasoning",
                "summary": [{"type": "summary_text", "text": self.text}],
                "encrypted_content": "c2VhbGVk",
            })
        } else {
            json!({
                "id": format!("msg_{index}"),
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "phase": "final_answer",
                "content": [{"type": "output_text", "text": self.text, "annotations": [], "logprobs": []}],
            })
        }
    }
}

/// Ends the previous item and begins that of this step, if they differ.
fn turn_to(steps: &[Step], at: usize) -> String {
    let is_reasoning = matches!(steps[at], Step::Reasoning(_));
    let before = items(steps, at);
    if before
        .last()
        .is_some_and(|last| last.is_reasoning == is_reasoning)
    {
        return String::new();
    }
    let index = before.len();
    let text = String::new();
    let mut item = Item { is_reasoning, text }.done(index);
    let (emptied, part) = if is_reasoning {
        item["encrypted_content"] = json!("c2U=");
        let part = json!({"type": "summary_text", "text": ""});
        (
            "summary",
            of_part("response.reasoning_summary_part.added", &item, index, &part),
        )
    } else {
        item["status"] = json!("in_progress");
        let part = json!({"type": "output_text", "text": "", "annotations": [], "logprobs": []});
        (
            "content",
            of_part("response.content_part.added", &item, index, &part),
        )
    };
    item[emptied] = json!([]);
    let begin = json!({"type": "response.output_item.added", "output_index": index, "item": item, "sequence_number": 0});
    leave_item(steps, at) + &event(&begin) + &event(&part)
}

fn of_part(kind: &str, item: &Value, index: usize, part: &Value) -> Value {
    let mut event = place(kind, item, index);
    event["part"] = part.clone();
    event
}

/// Returns an event about the first part of an item.
fn place(kind: &str, item: &Value, index: usize) -> Value {
    let part = if kind.contains("summary") {
        "summary_index"
    } else {
        "content_index"
    };
    json!({"type": kind, "item_id": item["id"], "output_index": index, part: 0, "sequence_number": 0})
}

/// Ends the item that is open before the step at this index, if any.
fn leave_item(steps: &[Step], at: usize) -> String {
    let items = items(steps, at);
    let Some(last) = items.last() else {
        return String::new();
    };
    let index = items.len() - 1;
    let item = last.done(index);
    let (text_done, part_done, parts) = if last.is_reasoning {
        (
            "response.reasoning_summary_text.done",
            "response.reasoning_summary_part.done",
            "summary",
        )
    } else {
        (
            "response.output_text.done",
            "response.content_part.done",
            "content",
        )
    };
    let mut text = place(text_done, &item, index);
    text["text"] = json!(last.text);
    if !last.is_reasoning {
        text["logprobs"] = json!([]);
    }
    let part = of_part(part_done, &item, index, &item[parts][0]);
    let end = json!({"type": "response.output_item.done", "output_index": index, "item": item, "sequence_number": 0});
    event(&text) + &event(&part) + &event(&end)
}

fn delta(steps: &[Step], at: usize) -> String {
    let items = items(steps, at + 1);
    let index = items.len().saturating_sub(1);
    let item = items
        .last()
        .map(|last| last.done(index))
        .unwrap_or_default();
    let (kind, text) = match &steps[at] {
        Step::Reasoning(text) => ("response.reasoning_summary_text.delta", text),
        Step::Delta(text) => ("response.output_text.delta", text),
        _ => return String::new(),
    };
    let mut delta = place(kind, &item, index);
    delta["delta"] = json!(text);
    if kind == "response.output_text.delta" {
        delta["logprobs"] = json!([]);
    }
    event(&delta)
}

/// Returns the last event, with the whole answer, its counts, and why it is cut if it is.
fn end(steps: &[Step], at: usize, reason: &str) -> String {
    let cut = match reason {
        "length" => Some("max_output_tokens"),
        "content_filter" => Some("content_filter"),
        _ => None,
    };
    let status = if cut.is_some() {
        "incomplete"
    } else {
        "completed"
    };
    let mut response = response(status);
    if let Some(reason) = cut {
        response["incomplete_details"] = json!({"reason": reason});
    }
    let output = items(steps, at);
    let output = output.iter().enumerate();
    response["output"] = output.map(|(index, item)| item.done(index)).collect();
    if let Some(counts) = usage_after(steps, at) {
        response["usage"] = usage(counts);
    }
    event(
        &json!({"type": format!("response.{status}"), "response": response, "sequence_number": 0}),
    )
}

fn usage((prompt, answer): (u32, u32)) -> Value {
    json!({
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": answer,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": prompt + answer,
    })
}
