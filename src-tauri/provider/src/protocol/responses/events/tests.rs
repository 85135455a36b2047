use serde_json::json;

use super::*;
use crate::protocol::testing::{self, called};

/// Decodes the events of one answer.
fn decode(events: &[Value]) -> Vec<StreamEvent> {
    let mut decoder = Events::default();
    let read = events.iter().filter_map(|event| decoder.decode(event));
    let mut read: Vec<_> = read.flatten().collect();
    read.extend(decoder.end());
    read
}

fn text(delta: &str) -> Value {
    json!({"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0,
        "delta": delta, "logprobs": [], "sequence_number": 4})
}

fn added(item: &Value) -> Value {
    json!({"type": "response.output_item.added", "item": item, "sequence_number": 1})
}

fn done(item: &Value) -> Value {
    json!({"type": "response.output_item.done", "item": item, "sequence_number": 1})
}

fn summary(index: u32, delta: &str) -> Value {
    json!({"type": "response.reasoning_summary_text.delta", "item_id": "rs_1", "summary_index": index, "delta": delta})
}

fn completed(response: &Value) -> Value {
    json!({"type": "response.completed", "response": response})
}

fn message(text: &str, phase: Option<&str>) -> Value {
    json!({"type": "message", "id": format!("msg_{text}"), "role": "assistant", "status": "completed", "phase": phase,
        "content": [{"type": "output_text", "text": text, "annotations": []}]})
}

fn reasoning(encrypted: Option<&str>, texts: &[&str]) -> Value {
    let summary: Value = texts
        .iter()
        .map(|text| json!({"type": "summary_text", "text": text}))
        .collect();
    json!({"type": "reasoning", "id": "rs_1", "summary": summary, "status": null, "encrypted_content": encrypted})
}

fn data(name: &str, value: Value) -> ProviderData {
    provider_data(name, value)
}

fn finish(reason: FinishReason) -> StreamEvent {
    StreamEvent::Finish(reason)
}

#[test]
fn an_answer_is_read_from_its_events() {
    let whole = reasoning(Some("abc"), &["One", "Two"]);
    let events = decode(&[
        json!({"type": "response.created", "response": {"id": "resp_1", "status": "in_progress", "output": [], "usage": null}}),
        json!({"type": "response.in_progress", "response": {"id": "resp_1"}}),
        added(&reasoning(Some("a"), &[])),
        json!({"type": "response.reasoning_summary_part.added", "part": {"type": "summary_text", "text": ""}}),
        summary(0, "O"),
        summary(0, "ne"),
        summary(1, "Two"),
        json!({"type": "response.reasoning_summary_text.done", "text": "Two"}),
        done(&whole),
        added(&message("", Some("final_answer"))),
        json!({"type": "response.content_part.added", "part": {"type": "output_text", "text": ""}}),
        text("Hel"),
        text("lo"),
        json!({"type": "response.output_text.done", "text": "Hello"}),
        done(&message("Hello", Some("final_answer"))),
        completed(
            &json!({"status": "completed", "output": [whole, message("Hello", None)], "usage": {
            "input_tokens": 60, "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 30},
            "output_tokens": 9, "output_tokens_details": {"reasoning_tokens": 5}, "total_tokens": 69}}),
        ),
    ]);
    let kept = json!({"type": "reasoning", "id": "rs_1", "encrypted_content": "abc", "summary": [
        {"type": "summary_text", "text": "One"}, {"type": "summary_text", "text": "Two"}]});
    assert_eq!(
        events,
        [
            StreamEvent::reasoning("O"),
            StreamEvent::reasoning("ne"),
            StreamEvent::reasoning("\n\n"),
            StreamEvent::reasoning("Two"),
            Content::ProviderData(data(ITEM, kept)).into(),
            StreamEvent::text("Hel"),
            StreamEvent::text("lo"),
            Content::ProviderData(data(PHASE, json!("final_answer"))).into(),
            finish(FinishReason::Stop),
            StreamEvent::Usage(Usage {
                prompt_tokens: Some(60),
                completion_tokens: Some(9),
                cached_tokens: Some(20),
                cache_written_tokens: Some(30),
                reasoning_tokens: Some(5),
            }),
        ]
    );
}

#[test]
fn an_answer_that_comes_whole_or_only_in_its_items_is_read_too() {
    let output = [
        reasoning(Some("abc"), &["One", "Two"]),
        message("I look.", Some("commentary")),
        message("Hi", None),
    ];
    let response = json!({"object": "response", "status": "completed", "output": output});
    let last = completed(&json!({"output": output}));
    let items = output.each_ref().map(done);
    let by_items = [&items[..], std::slice::from_ref(&last)].concat();
    let kept = &output[0].as_object().unwrap().clone();
    let kept: Map<_, _> = kept
        .iter()
        .filter(|(name, _)| *name != "status")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    for events in [vec![response], vec![last], by_items] {
        assert_eq!(
            decode(&events),
            [
                StreamEvent::reasoning("One\n\nTwo"),
                Content::ProviderData(data(ITEM, kept.clone().into())).into(),
                StreamEvent::text("I look."),
                Content::ProviderData(data(PHASE, json!("commentary"))).into(),
                StreamEvent::text("\n\n"),
                StreamEvent::text("Hi"),
                finish(FinishReason::Stop),
            ],
            "{events:?}"
        );
    }
}

#[test]
fn each_end_has_its_reason() {
    let end = |event: Value| decode(&[text("Hi"), event]).pop();
    let is = |reason| Some(finish(reason));
    let incomplete = |details: Value| json!({"type": "response.incomplete", "response": {"status": "incomplete", "incomplete_details": details}});
    let cut = |reason: &str| end(incomplete(json!({"reason": reason})));
    assert_eq!(end(completed(&json!({}))), is(FinishReason::Stop));
    assert_eq!(end(completed(&Value::Null)), is(FinishReason::Stop));
    assert_eq!(cut("max_output_tokens"), is(FinishReason::Length));
    assert_eq!(cut("content_filter"), is(FinishReason::ContentFilter));
    assert_eq!(end(incomplete(Value::Null)), is(FinishReason::Length));
    let by_status = completed(&json!({"status": "incomplete"}));
    assert_eq!(end(by_status), is(FinishReason::Length));
    let refusal = json!({"type": "response.refusal.delta", "delta": "I cannot"});
    assert_eq!(
        decode(&[refusal, completed(&json!({"status": "completed"}))]),
        [StreamEvent::text("I cannot"), finish(FinishReason::Refusal)]
    );
    let whole = json!({"object": "response", "status": "completed", "output": [
        {"type": "message", "content": [{"type": "refusal", "refusal": "I cannot"}]}]});
    assert_eq!(
        decode(&[whole]),
        [StreamEvent::text("I cannot"), finish(FinishReason::Refusal)]
    );
}

#[test]
fn calls_are_read_from_their_pieces_or_whole() {
    let call = |id: &str, arguments: &str| json!({"type": "function_call", "id": format!("fc_{id}"), "call_id": id, "name": "weather", "arguments": arguments});
    let piece = |index: Value, delta: &str| json!({"type": "response.function_call_arguments.delta", "output_index": index, "delta": delta});
    let at = |mut event: Value, index: Value| {
        event["output_index"] = index;
        event
    };
    let expected = [
        called("a", "weather", r#"{"x":1}"#),
        called("b", "weather", r#"{"y":2}"#),
        finish(FinishReason::Stop),
    ];
    let end = completed(&json!({"output": [call("a", r#"{"x":1}"#), call("b", r#"{"y":2}"#)]}));
    for [one, two] in [[json!(1), json!(2)], [Value::Null, Value::Null]] {
        let first = [
            at(added(&call("a", "")), one.clone()),
            piece(one.clone(), r#"{"x""#),
            piece(one.clone(), ":1}"),
            at(done(&call("a", r#"{"x":1}"#)), one.clone()),
        ];
        let second = [
            at(added(&call("b", "")), two.clone()),
            at(done(&call("b", r#"{"y":2}"#)), two.clone()),
        ];
        let events = [&first[..], &second[..], std::slice::from_ref(&end)].concat();
        assert_eq!(decode(&events), expected, "{one}");
    }
    let items = [
        done(&call("a", r#"{"x":1}"#)),
        done(&call("b", r#"{"y":2}"#)),
        end.clone(),
    ];
    assert_eq!(decode(&items), expected);
    assert_eq!(decode(&[end]), expected);
    let interleaved = [
        at(added(&call("a", "")), json!(1)),
        at(added(&call("b", "")), json!(2)),
        piece(json!(1), r#"{"x":"#),
        piece(json!(2), r#"{"y":2}"#),
        piece(json!(1), "1}"),
        completed(&json!({})),
    ];
    assert_eq!(decode(&interleaved), expected);
    let cut = [added(&call("a", "")), piece(Value::Null, r#"{"x"#)];
    assert_eq!(decode(&cut), [], "half a call is none");
    let custom =
        json!({"type": "custom_tool_call", "call_id": "c", "name": "shell", "input": "ls"});
    assert_eq!(
        decode(&[done(&custom), completed(&json!({}))])[0],
        called("c", "shell", "ls")
    );
}

/// As llama.cpp's server sends it: the reasoning itself, without encrypted content, whose item is done after all text.
#[test]
fn reasoning_that_is_done_late_takes_no_other_parts_place() {
    let events = |encrypted: Option<&str>| {
        decode(&[
            added(
                &json!({"type": "reasoning", "summary": [], "content": [], "encrypted_content": ""}),
            ),
            json!({"type": "response.reasoning_text.delta", "delta": "Hm"}),
            added(&message("", None)),
            text("Hi"),
            done(&reasoning(encrypted, &[])),
            done(&message("Hi", None)),
        ])
    };
    let written = [StreamEvent::reasoning("Hm"), StreamEvent::text("Hi")];
    assert_eq!(events(Some("")), written);
    let kept = events(Some("abc"));
    assert_eq!(kept[..2], written);
    assert!(matches!(
        kept[2],
        StreamEvent::Content(Content::HiddenReasoning(_))
    ));
}

#[test]
fn of_reasoning_and_its_summary_one_is_shown() {
    let reasoned =
        json!({"type": "response.reasoning_text.delta", "content_index": 0, "delta": "So"});
    assert_eq!(
        decode(&[summary(0, "Hm"), reasoned]),
        [StreamEvent::reasoning("Hm")]
    );
    let hidden = decode(&[done(&reasoning(Some("abc"), &[]))]);
    assert!(matches!(
        hidden[..],
        [StreamEvent::Content(Content::HiddenReasoning(_))]
    ));
}

#[test]
fn what_is_not_shown_is_reported() {
    let of = |kind: &str| decode(&[added(&json!({"type": kind}))]);
    let unshown = |what| [StreamEvent::Unshown(what)];
    assert_eq!(of("image_generation_call"), unshown(Unshown::Media));
    assert_eq!(of("web_search_call"), unshown(Unshown::ToolCall));
    assert_eq!(of("mcp_call"), unshown(Unshown::ToolCall));
    assert_eq!(of("compaction"), []);
}

#[test]
fn what_carries_no_text_is_a_sign_of_life_and_what_is_foreign_is_none() {
    let mut decoder = Events::default();
    for event in [
        r#"{"type":"response.queued","response":7}"#,
        r#"{"type":"response.new","delta":"x"}"#,
        r#"{"type":"response.output_text.delta","delta":null}"#,
        r#"{"type":"response.output_text.delta"}"#,
        r#"{"type":"response.output_item.added"}"#,
        r#"{"type":"response.output_item.done","item":{"type":"message","content":7}}"#,
        r#"{"type":"response.function_call_arguments.delta","delta":"{}"}"#,
    ] {
        let event = serde_json::from_str(event).unwrap();
        assert_eq!(decoder.decode(&event), Some(Vec::new()), "{event}");
    }
    for event in [
        r#"{"type":"message_start","message":{}}"#,
        r#"{"choices":[]}"#,
        r#"{"object":"chat.completion"}"#,
        r#"{"type":7}"#,
        "7",
        "null",
    ] {
        let event = serde_json::from_str(event).unwrap();
        assert_eq!(decoder.decode(&event), None, "{event}");
    }
}

#[test]
fn counts_of_another_form_cost_no_end() {
    let usage = json!({"input_tokens": "12", "output_tokens": 3.0, "input_tokens_details": 7,
        "output_tokens_details": {"reasoning_tokens": -1}});
    let counted = StreamEvent::Usage(Usage {
        prompt_tokens: Some(12),
        completion_tokens: Some(3),
        ..Usage::default()
    });
    assert_eq!(
        decode(&[completed(&json!({"usage": usage}))]),
        [finish(FinishReason::Stop), counted]
    );
}

#[test]
fn an_event_is_read_alone() {
    let event = r#"{"type":"response.output_text.delta","delta":[{"type":"output_text","text":"Hi"}],"output_index":"x"}"#;
    let events = testing::decode(&mut Events::default(), event);
    assert_eq!(events, [StreamEvent::text("Hi")]);
}

#[test]
fn an_item_that_is_done_twice_is_read_once() {
    let item = done(&message("Hi", None));
    assert_eq!(decode(&[item.clone(), item]), [StreamEvent::text("Hi")]);
}
