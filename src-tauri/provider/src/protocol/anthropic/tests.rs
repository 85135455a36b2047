use super::*;
use crate::protocol::testing::{self, said, shown, with_tools};
use conch_model::{ProtocolKind, Role};

fn body(model: &str, parameters: &Parameters) -> Value {
    testing::body(
        ProtocolKind::Anthropic,
        model,
        &[said(Role::User, "hi")],
        parameters,
    )
}

fn thinking(effort: ReasoningEffort, max_tokens: Option<u32>) -> Parameters {
    Parameters {
        temperature: Some(0.5),
        top_p: Some(0.9),
        max_tokens,
        reasoning_effort: Some(effort),
        ..Parameters::default()
    }
}

#[test]
fn what_is_not_set_is_not_sent_but_the_length() {
    assert_eq!(
        body("claude-haiku-4-5", &Parameters::default()),
        json!({
            "model": "claude-haiku-4-5",
            "messages": [{"role": "user", "content": "hi"}],
            "stream": true,
            "max_tokens": 8192,
        })
    );
}

#[test]
fn every_parameter_has_its_place() {
    let parameters = Parameters {
        system_prompt: Some("Be brief".to_owned()),
        temperature: Some(1.5),
        max_tokens: Some(7),
        stop: vec!["END".to_owned()],
        ..Parameters::default()
    };
    let sent = body("claude-sonnet-4-5-20250929", &parameters);
    assert_eq!(sent["system"], "Be brief");
    assert_eq!(sent["temperature"], 1.0, "the scale ends there");
    assert_eq!(sent["max_tokens"], 7);
    assert_eq!(sent["stop_sequences"], json!(["END"]));
}

#[test]
fn a_top_p_is_sent_where_no_temperature_is_set() {
    let mut parameters = Parameters {
        top_p: Some(0.9),
        ..Parameters::default()
    };
    assert_eq!(body("claude-haiku-4-5", &parameters)["top_p"], 0.9);
    parameters.temperature = Some(0.5);
    let both = body("claude-haiku-4-5", &parameters);
    assert_eq!(both["temperature"], 0.5);
    assert_eq!(both.get("top_p"), None);
}

#[test]
fn an_older_model_thinks_within_a_budget_that_the_answer_does_not_pay() {
    for model in [
        "claude-haiku-4-5",
        "claude-opus-4-20250514",
        "claude-3.7-sonnet",
        "glm-5",
    ] {
        let sent = body(model, &thinking(ReasoningEffort::Medium, Some(100)));
        assert_eq!(
            sent["thinking"],
            json!({"type": "enabled", "budget_tokens": 4096}),
            "{model}"
        );
        assert_eq!(sent["max_tokens"], 4196);
        for refused in ["temperature", "top_p", "output_config"] {
            assert_eq!(sent.get(refused), None, "{model}: {refused}");
        }
    }
}

#[test]
fn a_newer_model_gets_an_effort() {
    for model in [
        "claude-sonnet-4-6",
        "claude-opus-5",
        "anthropic/claude-opus-4.7",
        "claude-mythos-preview",
        "claude-opus-5-5",
    ] {
        assert_eq!(
            body(model, &thinking(ReasoningEffort::Low, None)),
            json!({
                "model": model,
                "messages": [{"role": "user", "content": "hi"}],
                "stream": true,
                "max_tokens": 8192 + 1024,
                "thinking": {"type": "adaptive", "display": "summarized"},
                "output_config": {"effort": "low"},
            }),
            "{model}"
        );
    }
}

#[test]
fn each_effort_of_the_newest_models_has_its_name_and_room() {
    for (effort, name, tokens) in [
        (ReasoningEffort::Minimal, "low", 1024),
        (ReasoningEffort::Xhigh, "xhigh", 32_768),
        (ReasoningEffort::Max, "max", 65_536),
    ] {
        let sent = body("claude-sonnet-5-5", &thinking(effort, Some(100)));
        assert_eq!(sent["output_config"], json!({"effort": name}));
        assert_eq!(sent["max_tokens"], 100 + tokens);
    }
    let sent = body(
        "claude-fable-5-2",
        &thinking(ReasoningEffort::Max, Some(120_000)),
    );
    assert_eq!(sent["max_tokens"], 128_000, "more than it can write");
    let older = body("claude-opus-4-6", &thinking(ReasoningEffort::Xhigh, None));
    assert_eq!(older["output_config"], json!({"effort": "high"}));
}

#[test]
fn thinking_is_turned_off_where_that_is_possible() {
    let off = thinking(ReasoningEffort::None, None);
    for model in [
        "claude-opus-5",
        "claude-haiku-5-5",
        "claude-opus-4-8",
        "claude-haiku-4-5",
    ] {
        let sent = body(model, &off);
        assert_eq!(sent["thinking"], json!({"type": "disabled"}), "{model}");
        assert_eq!(sent.get("output_config"), None);
        assert_eq!(sent["max_tokens"], 8192);
    }
    let sent = body("claude-opus-5-5", &off);
    assert_eq!(sent["thinking"]["type"], "adaptive", "it always thinks");
    assert_eq!(sent["output_config"], json!({"effort": "low"}));
}

#[test]
fn what_thinks_unasked_shows_its_thinking() {
    let shown = |model| body(model, &Parameters::default()).get("thinking").cloned();
    let summarized = json!({"type": "adaptive", "display": "summarized"});
    for model in ["claude-opus-5", "claude-opus-5-5", "claude-haiku-5-5"] {
        assert_eq!(shown(model), Some(summarized.clone()), "{model}");
    }
    for model in ["claude-opus-4-8", "claude-haiku-4-5", "glm-5"] {
        assert_eq!(shown(model), None, "{model}");
    }
    let refused = ModelRecord {
        thinking: Some(ThinkingForm::Adaptive),
        thinks_by_default: Some(true),
        refused: vec![Parameter::ReasoningEffort],
        ..ModelRecord::default()
    };
    let messages = [said(Role::User, "hi")];
    let parameters = Parameters::default();
    let kind = ProtocolKind::Anthropic;
    let sent = testing::body_with(kind, "m", &refused, &messages, &parameters);
    assert_eq!(sent.get("thinking"), None);
}

#[test]
fn deepseek_behind_the_protocol_takes_an_effort_and_a_switch() {
    let record = ModelRecord {
        thinking: Some(ThinkingForm::LevelAndSwitch),
        ..ModelRecord::default()
    };
    let sent = |effort| {
        let messages = [said(Role::User, "hi")];
        let kind = ProtocolKind::Anthropic;
        let parameters = thinking(effort, None);
        let sent = testing::body_with(kind, "m", &record, &messages, &parameters);
        (
            sent.get("thinking").cloned(),
            sent.get("output_config").cloned(),
        )
    };
    let effort = json!({"effort": "max"});
    assert_eq!(sent(ReasoningEffort::Max), (None, Some(effort)));
    let off = json!({"type": "disabled"});
    assert_eq!(sent(ReasoningEffort::None), (Some(off), None));
}

#[test]
fn what_the_newest_models_refuse_is_not_sent() {
    let parameters = Parameters {
        temperature: Some(0.5),
        ..Parameters::default()
    };
    assert_eq!(body("claude-opus-4-6", &parameters)["temperature"], 0.5);
    for model in ["claude-opus-4-7", "claude-sonnet-5", "claude-fable-5-1"] {
        assert_eq!(body(model, &parameters).get("temperature"), None, "{model}");
    }
}

#[test]
fn a_model_that_thinks_unasked_has_room_for_it() {
    let length = |model, max_tokens| {
        let parameters = Parameters {
            max_tokens,
            ..Parameters::default()
        };
        body(model, &parameters)["max_tokens"].clone()
    };
    assert_eq!(length("claude-sonnet-5", None), 8192 + 16384);
    assert_eq!(length("claude-sonnet-5", Some(100)), 100);
    assert_eq!(length("claude-opus-4-8", None), 8192);
}

#[test]
fn the_version_is_sent_and_the_key_is_in_no_log() {
    let request = testing::request();
    let request = Anthropic
        .authorise(request, &"secret".into())
        .build()
        .unwrap();
    assert_eq!(request.headers()["x-api-key"], "secret");
    assert!(!format!("{:?}", request.headers()).contains("secret"));
    assert_eq!(Anthropic.headers(), [("anthropic-version", "2023-06-01")]);
}

#[test]
fn an_image_is_a_block_of_its_own_and_text_alone_a_string() {
    let messages = [
        shown("Look", &["QQ=="]),
        said(Role::Assistant, "A conch"),
        shown("", &["Qg=="]),
    ];
    let sent = testing::body(
        ProtocolKind::Anthropic,
        "m",
        &messages,
        &Parameters::default(),
    );
    let image = |data: &str| {
        let source = json!({"type": "base64", "media_type": "image/png", "data": data});
        json!({"type": "image", "source": source})
    };
    assert_eq!(
        sent["messages"],
        json!([
            {"role": "user", "content": [image("QQ=="), {"type": "text", "text": "Look"}]},
            {"role": "assistant", "content": "A conch"},
            {"role": "user", "content": [image("Qg==")]},
        ])
    );
}

#[test]
fn calls_of_tools_go_back_with_their_results_and_the_signed_reasoning() {
    let messages = [
        said(Role::User, "What about the weather?"),
        with_tools(&json!({"signature": "s"}), "It rains."),
        said(Role::User, "Thanks"),
    ];
    let sent = testing::body(
        ProtocolKind::Anthropic,
        "claude-x",
        &messages,
        &Parameters::default(),
    );
    assert_eq!(
        sent["messages"],
        json!([
            {"role": "user", "content": "What about the weather?"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "Hm", "signature": "s"},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Bern"}},
                {"type": "tool_use", "id": "c2", "name": "weather", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "rain", "is_error": false},
                {"type": "tool_result", "tool_use_id": "c2", "content": "no city", "is_error": true},
            ]},
            {"role": "assistant", "content": "It rains."},
            {"role": "user", "content": "Thanks"},
        ])
    );
    // Cut off after its last call: the next message follows the results in one turn.
    let cut = [
        with_tools(&json!({"redacted": "r"}), ""),
        said(Role::User, "Well?"),
    ];
    let sent = testing::body(
        ProtocolKind::Anthropic,
        "claude-x",
        &cut,
        &Parameters::default(),
    );
    assert_eq!(
        sent["messages"][1]["content"][0],
        json!({"type": "redacted_thinking", "data": "r"})
    );
    let last = &sent["messages"][2];
    assert_eq!(last["role"], "user");
    assert_eq!(last["content"][2], json!({"type": "text", "text": "Well?"}));
    assert_eq!(sent["messages"][3], Value::Null);
}

#[test]
fn an_odd_entry_or_field_costs_no_other_model() {
    let models = Anthropic
        .models(
            r#"{"data":[{"id":"a","max_input_tokens":"200000","display_name":7},{"name":"x"},7,{"id":"b"}]}"#,
        )
        .unwrap();
    let read: Vec<_> = models
        .iter()
        .map(|model| (&*model.id, model.record.context_tokens))
        .collect();
    assert_eq!(read, [("a", Some(200_000)), ("b", None)]);
}
