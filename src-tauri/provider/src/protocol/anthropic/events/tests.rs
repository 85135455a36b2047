use super::*;
use crate::protocol::testing;

fn decode(data: &str) -> Vec<StreamEvent> {
    testing::decode(&mut Events::default(), data)
}

#[test]
fn an_answer_is_read_from_its_events() {
    let mut decoder = Events::default();
    let mut read = |data: &str| testing::decode(&mut decoder, data);
    let usage = |completion, reasoning_tokens| {
        StreamEvent::Usage(Usage {
            prompt_tokens: Some(60),
            completion_tokens: Some(completion),
            cached_tokens: Some(20),
            cache_written_tokens: Some(30),
            reasoning_tokens,
        })
    };
    assert_eq!(
        read(
            r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],
                "stop_reason":null,"usage":{"input_tokens":10,"cache_creation_input_tokens":30,
                "cache_read_input_tokens":20,"output_tokens":1}}}"#
        ),
        [usage(1, None)]
    );
    assert_eq!(
        read(
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}"#
        ),
        []
    );
    assert_eq!(
        read(
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#
        ),
        [StreamEvent::reasoning("hm")]
    );
    assert_eq!(
        read(
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hi"}}"#
        ),
        [StreamEvent::text("Hi")]
    );
    assert_eq!(
        read(
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},
                "usage":{"input_tokens":0,"output_tokens":15,"output_tokens_details":{"thinking_tokens":8}}}"#
        ),
        [StreamEvent::Finish(FinishReason::Stop), usage(15, Some(8))]
    );
    assert_eq!(read(r#"{"type":"message_stop"}"#), [StreamEvent::Done]);
}

#[test]
fn each_stop_reason_has_its_own_name() {
    let finish = |reason: &str| {
        decode(&format!(
            r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}"}}}}"#
        ))
    };
    let is = |reason| [StreamEvent::Finish(reason)];
    assert_eq!(finish("end_turn"), is(FinishReason::Stop));
    assert_eq!(finish("stop_sequence"), is(FinishReason::Stop));
    assert_eq!(finish("pause_turn"), is(FinishReason::Stop));
    assert_eq!(finish("max_tokens"), is(FinishReason::Length));
    assert_eq!(
        finish("model_context_window_exceeded"),
        is(FinishReason::ContextFull)
    );
    assert_eq!(finish("refusal"), is(FinishReason::Refusal));
}

#[test]
fn what_has_to_be_sent_back_is_kept() {
    let data = |data| ProviderData {
        protocol: ProtocolKind::Anthropic,
        data,
    };
    let redacted = r#"{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"y"}}"#;
    let signature: StreamEvent = Content::ProviderData(data(json!({"signature": "x"}))).into();
    let hidden: StreamEvent = Content::HiddenReasoning(data(json!({"redacted": "y"}))).into();
    assert_eq!(decode(redacted), std::slice::from_ref(&hidden));
    let whole = r#"{"type":"message","content":[{"type":"thinking","thinking":"hm","signature":"x"},
        {"type":"redacted_thinking","data":"y"},{"type":"text","text":"Hi"}]}"#;
    assert_eq!(
        decode(whole),
        [
            StreamEvent::reasoning("hm"),
            signature,
            hidden,
            StreamEvent::text("Hi")
        ]
    );
}

#[test]
fn what_carries_no_text_is_a_sign_of_life() {
    for data in [
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"redacted_thinking"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":null}}"#,
        r#"{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"{"}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":""},"usage":7}"#,
        r#"{"type":"message_delta","delta":null,"usage":null}"#,
        r#"{"type":"message_start","message":null}"#,
        r#"{"type":"something_new","text":{"a":1}}"#,
    ] {
        assert_eq!(decode(data), [], "{data}");
    }
}

/// Returns what comes with these deltas in one content block, its end included.
fn block(start: &str, deltas: &[&str]) -> Vec<StreamEvent> {
    let mut decoder = Events::default();
    let start = format!(r#"{{"type":"content_block_start","index":1,"content_block":{start}}}"#);
    let mut events = testing::decode(&mut decoder, &start);
    for delta in deltas {
        let delta = format!(r#"{{"type":"content_block_delta","index":1,"delta":{delta}}}"#);
        events.extend(testing::decode(&mut decoder, &delta));
    }
    let stop = r#"{"type":"content_block_stop","index":1}"#;
    events.extend(testing::decode(&mut decoder, stop));
    events
}

#[test]
fn a_signature_belongs_to_the_thinking_of_its_block_wherever_it_stands_there() {
    let data = || provider_data("signature", "x");
    let thinking = r#"{"type":"thinking","thinking":"","signature":""}"#;
    let thought = r#"{"type":"thinking_delta","thinking":"hm"}"#;
    let signature = r#"{"type":"signature_delta","signature":"x"}"#;
    for deltas in [[thought, signature], [signature, thought]] {
        assert_eq!(
            block(thinking, &deltas),
            [
                StreamEvent::reasoning("hm"),
                Content::ProviderData(data()).into()
            ]
        );
    }
    let signed = r#"{"type":"thinking","thinking":"","signature":"x"}"#;
    for events in [block(thinking, &[signature]), block(signed, &[])] {
        assert_eq!(events, [Content::HiddenReasoning(data()).into()]);
    }
    // Without the event at the end of a block.
    let mut decoder = Events::default();
    let signed =
        r#"{"type":"content_block_delta","delta":{"type":"signature_delta","signature":"x"}}"#;
    assert_eq!(testing::decode(&mut decoder, signed), []);
    assert_eq!(decoder.end(), [Content::HiddenReasoning(data()).into()]);
}

#[test]
fn a_call_is_complete_with_its_block() {
    let empty = r#"{"type":"tool_use","id":"t","name":"x","input":{}}"#;
    let first = r#"{"type":"input_json_delta","partial_json":"{\"a\":"}"#;
    let second = r#"{"type":"input_json_delta","partial_json":"1}"}"#;
    let call = |input| [testing::called("t", "x", input)];
    assert_eq!(block(empty, &[first, second]), call(r#"{"a":1}"#));
    assert_eq!(block(empty, &[]), call("{}"));
    let whole = r#"{"type":"tool_use","id":"t","name":"x","input":{"a":1}}"#;
    assert_eq!(block(whole, &[]), call(r#"{"a":1}"#));
    let nameless = r#"{"type":"tool_use","input":{}}"#;
    let unshown = [StreamEvent::Unshown(Unshown::ToolCall)];
    assert_eq!(block(nameless, &[]), unshown);
    assert_eq!(
        block(r#"{"type":"server_tool_use","name":"x"}"#, &[]),
        unshown
    );
}

#[test]
fn a_call_that_the_end_of_the_stream_cut_is_none() {
    let mut decoder = Events::default();
    let start = r#"{"type":"content_block_start","content_block":{"type":"tool_use","id":"t","name":"x","input":{}}}"#;
    assert_eq!(testing::decode(&mut decoder, start), []);
    assert_eq!(decoder.end(), []);
}

#[test]
fn counts_of_another_form_cost_no_end() {
    let events = decode(
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},
            "usage":{"input_tokens":"12","output_tokens":3.0,"cache_read_input_tokens":-1,
            "cache_creation_input_tokens":8589934592}}"#,
    );
    let counted = StreamEvent::Usage(Usage {
        prompt_tokens: Some(12),
        completion_tokens: Some(3),
        ..Usage::default()
    });
    assert_eq!(events, [StreamEvent::Finish(FinishReason::Stop), counted]);
}

#[test]
fn an_answer_that_comes_whole_is_read_too() {
    let events = decode(
        r#"{"type":"message","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"Hi"}],
            "stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":1}}"#,
    );
    assert_eq!(events.len(), 4);
    assert_eq!(events[1], StreamEvent::text("Hi"));
    assert_eq!(events[2], StreamEvent::Finish(FinishReason::Stop));
}
