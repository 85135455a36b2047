use super::*;
use crate::protocol::testing::{self, said, shown, with_tools};
use crate::protocol::{ChatMessage, StepPart};
use crate::record::Parameter;
use conch_model::ProtocolKind;

fn body(model: &str, parameters: &Parameters) -> Value {
    let messages = [said(Role::User, "hi")];
    testing::body(ProtocolKind::Responses, model, &messages, parameters)
}

fn input(messages: &[ChatMessage]) -> Value {
    let parameters = Parameters::default();
    testing::body(ProtocolKind::Responses, "m", messages, &parameters)["input"].clone()
}

#[test]
fn nothing_is_stored_and_what_is_not_set_is_not_sent() {
    assert_eq!(
        body("gpt-4.1", &Parameters::default()),
        json!({
            "model": "gpt-4.1",
            "input": [{"type": "message", "role": "user", "content": "hi"}],
            "stream": true,
            "store": false,
            "include": ["reasoning.encrypted_content"],
        }),
        "outside of OpenAI's host nothing is known about it"
    );
    let parameters = Parameters::default();
    let record = ModelRecord {
        efforts: Some(vec![]),
        ..ModelRecord::default()
    };
    let messages = [said(Role::User, "hi")];
    let kind = ProtocolKind::Responses;
    let sent = testing::body_with(kind, "m", &record, &messages, &parameters);
    assert_eq!(sent.get("include"), None, "it would be refused");
}

#[test]
fn every_parameter_has_its_place_but_stop_which_the_protocol_does_not_have() {
    let parameters = Parameters {
        system_prompt: Some("Be brief".to_owned()),
        temperature: Some(0.5),
        top_p: Some(0.9),
        max_tokens: Some(100),
        stop: vec!["END".to_owned()],
        reasoning_effort: Some(ReasoningEffort::High),
    };
    assert_eq!(
        body("m", &parameters),
        json!({
            "model": "m",
            "instructions": "Be brief",
            "input": [{"type": "message", "role": "user", "content": "hi"}],
            "stream": true,
            "store": false,
            "include": ["reasoning.encrypted_content"],
            "temperature": 0.5,
            "top_p": 0.9,
            "max_output_tokens": 100,
            "reasoning": {"effort": "high", "summary": "auto"},
        })
    );
    let short = Parameters {
        max_tokens: Some(1),
        ..Parameters::default()
    };
    assert_eq!(body("m", &short)["max_output_tokens"], 16);
}

#[test]
fn a_model_gets_the_efforts_that_it_takes_and_its_summary_where_it_reasons() {
    use ReasoningEffort::{Max, None as Off};
    let sent = |model: &str, effort| {
        let parameters = Parameters {
            temperature: Some(0.5),
            reasoning_effort: effort,
            ..Parameters::default()
        };
        let body = body(model, &parameters);
        let taken = |name: &str| body.get(name).cloned();
        (taken("reasoning"), taken("temperature"))
    };
    let summary = |effort: &str| Some(json!({"effort": effort, "summary": "auto"}));
    assert_eq!(sent("gpt-6-sol", Some(Max)), (summary("max"), None));
    assert_eq!(sent("gpt-5.4", Some(Max)), (summary("xhigh"), None));
    assert_eq!(sent("gpt-6-astra", Some(Off)), (summary("low"), None));
    let off = Some(json!({"effort": "none"}));
    assert_eq!(sent("gpt-6-sol", Some(Off)), (off, Some(json!(0.5))));
    let by_default = Some(json!({"summary": "auto"}));
    assert_eq!(sent("gpt-6-sol", None), (by_default, None));
    assert_eq!(sent("gpt-5.4", None), (None, Some(json!(0.5))));
    assert_eq!(sent("unknown", None), (None, Some(json!(0.5))));
}

#[test]
fn what_was_refused_is_left_out() {
    let parameters = Parameters {
        max_tokens: Some(100),
        reasoning_effort: Some(ReasoningEffort::Low),
        ..Parameters::default()
    };
    let refused = |refused: Vec<Parameter>, refused_extras: Vec<Extra>| {
        let record = ModelRecord {
            refused,
            refused_extras,
            ..ModelRecord::default()
        };
        let messages = [said(Role::User, "hi"), answered()];
        let kind = ProtocolKind::Responses;
        testing::body_with(kind, "m", &record, &messages, &parameters)
    };
    let without = refused(vec![Parameter::MaxTokens], vec![Extra::ReasoningSummary]);
    assert_eq!(without.get("max_output_tokens"), None);
    assert_eq!(without["reasoning"], json!({"effort": "low"}));
    assert!(without["input"].to_string().contains("encrypted_content"));
    let without = refused(vec![Parameter::ReasoningEffort], vec![Extra::ProviderData]);
    assert_eq!(without.get("reasoning"), None);
    assert_eq!(without.get("include"), None);
    let answer = json!({"type": "message", "role": "assistant", "content": "I look.\n\nIt rains."});
    assert_eq!(without["input"][1], answer);
}

#[test]
fn images_stand_before_the_text_of_their_message() {
    let image = |base64: &str| json!({"type": "input_image", "detail": "auto", "image_url": format!("data:image/png;base64,{base64}")});
    assert_eq!(
        input(&[
            shown("Look", &["QQ=="]),
            said(Role::Assistant, "Yes"),
            shown("", &["Qg=="])
        ]),
        json!([
            {"type": "message", "role": "user", "content": [image("QQ=="), {"type": "input_text", "text": "Look"}]},
            {"type": "message", "role": "assistant", "content": "Yes"},
            {"type": "message", "role": "user", "content": [image("Qg==")]},
        ])
    );
}

fn item() -> Value {
    json!({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm"}],
        "encrypted_content": "abc"})
}

/// An answer of two messages, as the decoder reports it.
fn answered() -> ChatMessage {
    let text = |text: &str, phase: &str| StepPart::Text {
        text: text.to_owned(),
        data: Some(json!({"phase": phase})),
    };
    ChatMessage {
        parts: vec![
            StepPart::Reasoning {
                text: "Hm".to_owned(),
                data: Some(json!({"reasoning": item()})),
            },
            text("I look.", "commentary"),
            text("\n\nIt rains.", "final_answer"),
        ],
        ..said(Role::Assistant, "I look.\n\nIt rains.")
    }
}

#[test]
fn reasoning_and_phases_go_back_as_they_came() {
    assert_eq!(
        input(&[said(Role::User, "hi"), answered(), said(Role::User, "And?")]),
        json!([
            {"type": "message", "role": "user", "content": "hi"},
            item(),
            {"type": "message", "role": "assistant", "content": "I look.", "phase": "commentary"},
            {"type": "message", "role": "assistant", "content": "It rains.", "phase": "final_answer"},
            {"type": "message", "role": "user", "content": "And?"},
        ])
    );
}

#[test]
fn reasoning_that_led_to_nothing_is_not_sent() {
    let mut answer = answered();
    let reasoning = answer.parts[0].clone();
    answer.parts.push(reasoning);
    let sent = input(&[said(Role::User, "hi"), answer]);
    let kinds: Vec<_> = sent.as_array().unwrap().iter().collect();
    assert_eq!(kinds.len(), 4, "{sent}");
    assert_eq!(kinds[3]["content"], "It rains.");
}

#[test]
fn calls_of_tools_go_back_with_their_results() {
    let data = json!({"reasoning": item()});
    assert_eq!(
        input(&[said(Role::User, "hi"), with_tools(&data, "It rains.")]),
        json!([
            {"type": "message", "role": "user", "content": "hi"},
            item(),
            {"type": "message", "role": "assistant", "content": "I look."},
            {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{\"city\": \"Bern\"}"},
            {"type": "function_call", "call_id": "c2", "name": "weather", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "rain"},
            {"type": "function_call_output", "call_id": "c2", "output": "no city"},
            {"type": "message", "role": "assistant", "content": "It rains."},
        ])
    );
    let foreign = input(&[said(Role::User, "hi"), with_tools(&json!({}), "")]);
    assert!(!foreign.to_string().contains("reasoning"), "{foreign}");
}

#[test]
fn the_path_the_key_and_the_list_are_those_of_openai() {
    let request = testing::request();
    let request = Responses
        .authorise(request, &"secret".into())
        .build()
        .unwrap();
    assert_eq!(request.headers()["authorization"], "Bearer secret");
    assert_eq!(Responses.models_path(), "models");
    let models = Responses
        .models(r#"{"data":[{"id":"gpt-6-sol"}]}"#)
        .unwrap();
    assert_eq!(models[0].id, "gpt-6-sol");
}
