use conch_model::{ProtocolKind, ProviderData};
use serde_json::json;

use super::*;
use crate::protocol::{Content, testing};

fn decode(data: &str) -> Vec<StreamEvent> {
    testing::decode(&mut Chunks::default(), data)
}

#[test]
fn text_finish_and_usage_are_distinguished() {
    let events = decode(
        r#"{"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}],
            "usage":{"prompt_tokens":3,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":2,"cache_write_tokens":1},
            "completion_tokens_details":{"reasoning_tokens":1}}}"#,
    );

    assert_eq!(
        events,
        [
            StreamEvent::text("Hi"),
            StreamEvent::Finish(FinishReason::Stop),
            StreamEvent::Usage(Usage {
                prompt_tokens: Some(3),
                completion_tokens: Some(1),
                cached_tokens: Some(2),
                cache_written_tokens: Some(1),
                reasoning_tokens: Some(1),
            }),
        ]
    );
}

#[test]
fn reasoning_is_kept_apart_under_each_of_its_names() {
    for field in ["reasoning_content", "reasoning"] {
        let data = format!(r#"{{"choices":[{{"delta":{{"{field}":"hm","content":"Hi"}}}}]}}"#);
        assert_eq!(
            decode(&data),
            [StreamEvent::reasoning("hm"), StreamEvent::text("Hi")]
        );
    }
}

#[test]
fn each_finish_reason_has_its_own_name() {
    let finish = |reason: &str| {
        let data = format!(r#"{{"choices":[{{"delta":{{}},"finish_reason":"{reason}"}}]}}"#);
        decode(&data)
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
        let text = StreamEvent::text("One ");
        assert_eq!(decode(&data), [text], "{nothing}");
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
            ..Usage::default()
        });
        let text = StreamEvent::text("Hi");
        assert_eq!(decode(&data), [text, counted], "{usage}");
    }
    for usage in [r#""much""#, "[]", "7", r#"{"prompt_tokens":1e300}"#] {
        let data = format!(r#"{{"choices":[{{"delta":{{"content":"Hi"}}}}],"usage":{usage}}}"#);
        let text = StreamEvent::text("Hi");
        assert_eq!(decode(&data)[0], text, "{usage}");
    }
    let left_out = r#"{"messages_left_out":"many","choices":[{"delta":{"content":"Hi"}}]}"#;
    assert_eq!(decode(left_out), [StreamEvent::text("Hi")]);
    let left_out = r#"{"messages_left_out":4,"tokens_left_out":500,"choices":[]}"#;
    let omitted = Omitted {
        messages: 4,
        tokens: 500,
    };
    assert_eq!(decode(left_out), [StreamEvent::Omitted(omitted)]);
    let full = r#"{"choices":[{"delta":{},"finish_reason":"model_context_window_exceeded"}]}"#;
    assert_eq!(
        decode(full),
        [StreamEvent::Finish(FinishReason::ContextFull)]
    );
}

#[test]
fn what_is_neither_text_nor_reasoning_is_reported() {
    let image = r#"{"choices":[{"delta":{"images":[{"type":"image_url"}],"tool_calls":[]}}]}"#;
    assert_eq!(decode(image), [StreamEvent::Unshown(Unshown::Media)]);
    let empty = r#"{"choices":[{"delta":{"content":"Hi","tool_calls":null,"images":[],"function_call":{}}}]}"#;
    assert_eq!(decode(empty), [StreamEvent::text("Hi")]);
}

#[test]
fn a_refusal_is_text_and_the_reason_of_the_end() {
    let mut decoder = Chunks::default();
    let mut read = |data: &str| testing::decode(&mut decoder, data);
    assert_eq!(
        read(r#"{"choices":[{"delta":{"refusal":"I cannot"}}]}"#),
        [StreamEvent::text("I cannot")]
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
        assert_eq!(decode(data), [], "{data}");
    }
}

#[test]
fn a_call_is_assembled_and_complete_with_the_finish_reason() {
    let mut decoder = Chunks::default();
    let mut read = |data: &str| testing::decode(&mut decoder, data);
    for fragment in [
        r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[
            {"index":0,"id":"call_1","type":"function","function":{"name":"container.exec","arguments":""}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"cmd\":"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"[\"ls\"]}"}}]}}]}"#,
    ] {
        assert_eq!(read(fragment), [], "{fragment}");
    }
    assert_eq!(
        read(r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#),
        [
            called("call_1", "container.exec", r#"{"cmd":["ls"]}"#),
            StreamEvent::Finish(FinishReason::Stop)
        ]
    );
}

#[test]
fn calls_are_read_in_every_form() {
    for message in [
        r#""tool_calls":[{"id":"c","type":"function","function":{"name":"x","arguments":"{}"}}]"#,
        r#""tool_calls":[{"index":null,"id":"c","function":{"name":"x","arguments":{}}}]"#,
        r#""tool_calls":["odd",{"index":"0","id":"c","function":{"name":"x","arguments":"{}"}}]"#,
        r#""tool_calls":[{"id":"c","type":"custom","custom":{"name":"x","input":"{}"}}]"#,
    ] {
        let data = format!(
            r#"{{"choices":[{{"message":{{"content":null,{message}}},"finish_reason":"tool_calls"}}]}}"#
        );
        assert_eq!(decode(&data)[0], called("c", "x", "{}"), "{message}");
    }
    let deprecated = decode(
        r#"{"choices":[{"message":{"function_call":{"name":"x","arguments":"{}"}},"finish_reason":"function_call"}]}"#,
    );
    let StreamEvent::Content(Content::ToolCall(call)) = &deprecated[0] else {
        panic!("{deprecated:?}");
    };
    assert_eq!((&*call.name, &*call.input), ("x", "{}"));
    assert!(!call.id.is_empty(), "it is made");
}

#[test]
fn a_call_that_the_end_of_the_stream_cut_is_none() {
    for (arguments, is_whole) in [(r#"{\"a\":1}"#, true), (r#"{\"a\":"#, false)] {
        let mut decoder = Chunks::default();
        let data = format!(
            r#"{{"choices":[{{"delta":{{"tool_calls":[{{"id":"c","function":{{"name":"x","arguments":"{arguments}"}}}}]}}}}]}}"#
        );
        assert_eq!(testing::decode(&mut decoder, &data), []);
        assert_eq!(decoder.end().len(), usize::from(is_whole), "{arguments}");
    }
}

fn called(id: &str, name: &str, input: &str) -> StreamEvent {
    testing::called(id, name, input)
}

fn details(entries: &Value) -> ProviderData {
    ProviderData {
        protocol: ProtocolKind::OpenAi,
        data: json!({ "reasoning_details": entries }),
    }
}

/// As OpenRouter sends Claude's.
#[test]
fn the_details_of_reasoning_are_its_data_when_it_ends() {
    let mut decoder = Chunks::default();
    let mut read = |delta: Value| {
        let chunk = json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]});
        testing::decode(&mut decoder, &chunk.to_string())
    };
    let part = |text: &str| json!([{"type": "reasoning.text", "text": text, "format": "anthropic-claude-v1", "index": 0}]);
    let first = json!({"content": "", "reasoning": "Hm", "reasoning_details": part("Hm")});
    assert_eq!(read(first), [StreamEvent::reasoning("Hm")]);
    let second = json!({"content": "", "reasoning": ", so", "reasoning_details": part(", so")});
    assert_eq!(read(second), [StreamEvent::reasoning(", so")]);
    let signature = json!({"content": "", "reasoning": null, "reasoning_details":
        [{"type": "reasoning.text", "signature": "s", "format": "anthropic-claude-v1", "index": 0}]});
    assert_eq!(read(signature), []);
    let all = json!([{"type": "reasoning.text", "text": "Hm, so", "signature": "s",
        "format": "anthropic-claude-v1", "index": 0}]);
    assert_eq!(
        read(json!({"content": "Hi"})),
        [
            Content::ProviderData(details(&all)).into(),
            StreamEvent::text("Hi")
        ]
    );
    assert_eq!(
        read(json!({"content": " there"})),
        [StreamEvent::text(" there")]
    );
}

/// As OpenRouter sends those of Gemini and of OpenAI: behind the text, with the call.
#[test]
fn details_without_reasoning_are_a_part_of_their_own_before_the_call() {
    let encrypted = json!([{"type": "reasoning.encrypted", "data": "x", "id": "c", "index": 0}]);
    let mut decoder = Chunks::default();
    let mut read =
        |choice: Value| testing::decode(&mut decoder, &json!({ "choices": [choice] }).to_string());
    assert_eq!(
        read(json!({"delta": {"content": "I look."}})),
        [StreamEvent::text("I look.")]
    );
    let call = json!([{"index": 0, "id": "c", "function": {"name": "x", "arguments": "{}"}}]);
    let both = json!({"tool_calls": call, "reasoning_details": encrypted.clone()});
    assert_eq!(read(json!({ "delta": both })), []);
    assert_eq!(
        read(json!({"delta": {}, "finish_reason": "tool_calls"})),
        [
            Content::HiddenReasoning(details(&encrypted)).into(),
            called("c", "x", "{}"),
            StreamEvent::Finish(FinishReason::Stop)
        ]
    );
}

#[test]
fn reasoning_that_is_only_in_the_details_is_shown() {
    let data = r#"{"choices":[{"delta":{"reasoning_details":[{"type":"reasoning.summary","summary":"Hm","index":0}, "odd"]}}]}"#;
    assert_eq!(decode(data), [StreamEvent::reasoning("Hm")]);
}

/// Whatever is read fast is read to the same effect.
#[test]
fn the_usual_event_is_read_without_a_detour_and_any_other_with_it() {
    let text = |json: &str| Chunks::default().decode_text(json);
    for usual in [
        r#"{"choices":[{"index":0,"delta":{"content":"Hi"}}]}"#,
        r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","service_tier":"default","usage":null,
            "choices":[{"index":0,"delta":{"role":"assistant","content":"a \"b\" \u00e9\n","refusal":null,
            "reasoning":null,"tool_calls":null},"logprobs":null,"finish_reason":null}],"obfuscation":"x","error":null}"#,
        r#"{"choices":[{"delta":{"content":"\ud83d\udc1a","role":7}}]}"#,
    ] {
        let read = text(usual).expect(usual);
        assert_eq!(decode(usual), [StreamEvent::text(read)], "{usual}");
    }
    for other in [
        r#"{"choices":[{"index":0,"delta":{"content":""}}]}"#,
        r#"{"choices":[{"index":1,"delta":{"content":"b"}}]}"#,
        r#"{"choices":[{"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}]}"#,
        r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}"#,
        r#"{"choices":[{"delta":{"content":"a"},"finish_reason":""}]}"#,
        r#"{"choices":[{"delta":{"content":["a"]}}]}"#,
        r#"{"choices":[{"delta":{"content":"a","refusal":"no"}}]}"#,
        r#"{"choices":[{"delta":{"content":"a","reasoning":"hm"}}]}"#,
        r#"{"choices":[{"delta":{"content":"a","reasoning_content":"hm"}}]}"#,
        r#"{"choices":[{"delta":{"content":"a","reasoning_details":[{"text":"hm"}]}}]}"#,
        r#"{"choices":[{"delta":{"content":"a","tool_calls":[]}}]}"#,
        r#"{"choices":[{"delta":{"content":"a","function_call":{}}}]}"#,
        r#"{"choices":[{"delta":{"content":"a","images":[1]}}]}"#,
        r#"{"choices":[{"delta":{"content":"a","audio":{"id":"x"}}}]}"#,
        r#"{"choices":[{"delta":{"content":"a"},"message":{"content":"a"}}]}"#,
        r#"{"choices":[{"delta":{"content":"a"},"text":"b"}]}"#,
        r#"{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":1}}"#,
        r#"{"choices":[{"delta":{"content":"a"}}],"messages_left_out":1}"#,
        r#"{"choices":[{"delta":{"content":"a"}}],"type":"error"}"#,
        r#"{"choices":[{"delta":{"content":"a"}}],"error":{"message":"no"}}"#,
        r#"{"choices":[{"delta":{"content":"a"}}],"errors":["no"]}"#,
        r#"{"choices":[{"delta":{"content":"a"}}],"response":{"error":"no"}}"#,
        r#"{"choices":[]}"#,
        r#"[{"choices":[{"delta":{"content":"a"}}]}]"#,
        "{",
    ] {
        assert_eq!(text(other), None, "{other}");
    }
}

#[test]
fn text_that_ends_reasoning_is_not_read_without_it() {
    let usual = r#"{"choices":[{"delta":{"content":"Hi"}}]}"#;
    for reasoning in [
        r#"{"choices":[{"delta":{"reasoning":"Hm"}}]}"#,
        r#"{"choices":[{"delta":{"reasoning_details":[{"type":"reasoning.encrypted","data":"x"}]}}]}"#,
    ] {
        let mut decoder = Chunks::default();
        testing::decode(&mut decoder, reasoning);
        assert_eq!(decoder.decode_text(usual), None, "{reasoning}");
        testing::decode(&mut decoder, usual);
        assert_eq!(decoder.decode_text(usual).as_deref(), Some("Hi"));
    }
}
