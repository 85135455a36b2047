//! The requests that Conch sends, in every protocol and for a set of conversations and parameters. They are written to
//! `tests/peers/requests`, one file for each protocol, where the packages' types are checked against them.

use std::fs;

use conch_model::{Parameters, ProtocolKind, ReasoningEffort, Role, ToolCall};
use conch_provider::protocol::{self, ImagePart, StepCall, StepPart, ToolStep};
use conch_provider::record::record_of;
use conch_provider::{ChatMessage, ChatRequest, Provider};
use serde_json::{Map, Value, json};

use crate::file;

/// One white pixel.
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEANl9ngAAAAABJRU5ErkJggg==";

/// The models of a protocol, each at its own provider: what is sent depends on what a model takes.
fn models(protocol: ProtocolKind) -> (&'static str, &'static [&'static str]) {
    match protocol {
        ProtocolKind::OpenAi => ("https://api.openai.com/v1", &["gpt-4.1", "gpt-5-mini"]),
        ProtocolKind::Responses => ("https://api.openai.com/v1", &["gpt-4.1", "gpt-6-sol"]),
        ProtocolKind::Anthropic => (
            "https://api.anthropic.com",
            &["claude-haiku-4-5", "claude-opus-5", "claude-opus-5-5"],
        ),
        ProtocolKind::Gemini => (
            "https://generativelanguage.googleapis.com/v1beta",
            &["gemini-2.5-flash", "gemini-3.8-flash"],
        ),
        ProtocolKind::Ollama => ("http://127.0.0.1:11434", &["qwen3", "gpt-oss:20b"]),
    }
}

fn message(role: Role, content: &str) -> ChatMessage {
    ChatMessage {
        role,
        content: content.to_owned(),
        images: Vec::new(),
        steps: Vec::new(),
        parts: Vec::new(),
    }
}

/// Returns what the provider sent with reasoning, with a call, and with text, in the form of the protocol.
fn data(protocol: ProtocolKind) -> [Option<Value>; 3] {
    let signature = || Some(json!({"thoughtSignature": "c2lnbmVk"}));
    match protocol {
        ProtocolKind::OpenAi | ProtocolKind::Ollama => [None, None, None],
        ProtocolKind::Responses => {
            let item = json!({"type": "reasoning", "id": "rs_1", "encrypted_content": "c2VhbGVk",
                "summary": [{"type": "summary_text", "text": "Hm"}]});
            let reasoning = Some(json!({"reasoning": item}));
            [reasoning, None, Some(json!({"phase": "final_answer"}))]
        }
        ProtocolKind::Anthropic => [Some(json!({"signature": "c2lnbmVk"})), None, None],
        ProtocolKind::Gemini => [None, signature(), signature()],
    }
}

fn conversation() -> Vec<ChatMessage> {
    vec![
        message(Role::User, "What is a conch?"),
        message(Role::Assistant, "A shell."),
        message(Role::User, "And a shell?"),
    ]
}

fn with_images() -> Vec<ChatMessage> {
    let image = ImagePart {
        media_type: "image/png".to_owned(),
        base64: PIXEL.to_owned(),
        tokens: 1,
    };
    vec![ChatMessage {
        images: vec![image.clone(), image],
        ..message(Role::User, "What is this?")
    }]
}

/// An answer that reasoned, wrote, and called two tools, one of which failed; and the answer after it.
fn with_tools(protocol: ProtocolKind) -> Vec<ChatMessage> {
    let [reasoning, call, _] = data(protocol);
    let called = |id: &str, result: &str, is_error, data| StepCall {
        call: ToolCall {
            id: id.to_owned(),
            name: "weather".to_owned(),
            input: r#"{"city":"Bern"}"#.to_owned(),
        },
        data,
        result: result.to_owned(),
        is_error,
    };
    let step = ToolStep {
        before: vec![
            StepPart::Reasoning {
                text: "Hm".to_owned(),
                data: reasoning,
            },
            StepPart::Text {
                text: "I look.".to_owned(),
                data: None,
            },
        ],
        calls: vec![
            called("call_1", "rain", false, call),
            called("call_2", "no such city", true, None),
        ],
    };
    let answer = ChatMessage {
        steps: vec![step],
        ..message(Role::Assistant, "It rains.")
    };
    vec![
        message(Role::User, "How is the weather?"),
        answer,
        message(Role::User, "And tomorrow?"),
    ]
}

/// An answer whose parts go back with what the provider sent with them.
fn with_signatures(protocol: ProtocolKind) -> Vec<ChatMessage> {
    let [reasoning, _, text] = data(protocol);
    let parts = vec![
        StepPart::Reasoning {
            text: "Hm".to_owned(),
            data: reasoning,
        },
        StepPart::Text {
            text: "A shell.".to_owned(),
            data: text,
        },
    ];
    let answer = ChatMessage {
        parts,
        ..message(Role::Assistant, "A shell.")
    };
    vec![
        message(Role::User, "What is a conch?"),
        answer,
        message(Role::User, "And a shell?"),
    ]
}

/// Returns the requests of a protocol by the name of their case.
fn requests(kind: ProtocolKind) -> Map<String, Value> {
    let (base_url, models) = models(kind);
    let provider = Provider {
        id: "p".to_owned(),
        name: "P".to_owned(),
        protocol: kind,
        base_url: base_url.to_owned(),
        key: None,
        max_parallel: 1,
        local: false,
        consent: None,
    };
    let plain = Parameters::default();
    let all = Parameters {
        system_prompt: Some("Be brief".to_owned()),
        temperature: Some(0.5),
        top_p: Some(0.9),
        max_tokens: Some(1000),
        stop: vec!["END".to_owned()],
        reasoning_effort: None,
    };
    let mut requests = Map::new();
    for model in models {
        let mut add = |case: &str, messages: &[ChatMessage], parameters: &Parameters| {
            let record = record_of(&provider, model);
            let request = ChatRequest {
                model,
                messages,
                parameters,
                record: &record,
            };
            let body = protocol::of(kind).build_request(&request).body;
            requests.insert(format!("{model}: {case}"), body);
        };
        add("plain", &conversation(), &plain);
        add("images", &with_images(), &plain);
        add("every parameter", &conversation(), &all);
        for effort in ReasoningEffort::ALL {
            let parameters = Parameters {
                reasoning_effort: Some(effort),
                ..all.clone()
            };
            let case = format!("effort {}", effort.name());
            add(&case, &conversation(), &parameters);
        }
        add("tools", &with_tools(kind), &plain);
        add("signatures", &with_signatures(kind), &plain);
    }
    requests
}

#[test]
fn the_requests_are_those_that_the_types_are_checked_against() {
    let mut stale = Vec::new();
    for kind in ProtocolKind::ALL {
        let path = file(&format!("requests/{}.json", kind.name()));
        let fresh = format!("{:#}\n", Value::Object(requests(kind)));
        if fs::read_to_string(&path).unwrap_or_default() != fresh {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, fresh).unwrap();
            stale.push(kind.name());
        }
    }
    assert!(
        stale.is_empty(),
        "{stale:?} in tests/peers/requests were stale and are now rewritten: look at the change, run \
         `cargo xtask peers-test --types`, and commit it"
    );
}
