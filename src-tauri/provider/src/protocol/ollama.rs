//! Ollama's native protocol, <https://docs.ollama.com/api/chat>.
//!
//! Ollama also offers the OpenAI protocol, but does not report there which of its models only embed, and
//! accepts fewer options.

mod lines;
mod list;

use conch_model::ReasoningEffort;
use reqwest::{RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use self::lines::Lines;
use self::list::Model;
use super::lenient::entries;
use super::turns::role_messages;
use super::{
    ChatMessage, ChatRequest, Decoder, Framing, HttpRequestParts, ListedModel, Protocol, StepCall,
    ToolStep, only_set, says,
};
use crate::failure::FailureKind;
use crate::record::{ModelRecord, ThinkingForm};

/// The Ollama protocol.
#[derive(Debug)]
pub(super) struct Ollama;

impl Protocol for Ollama {
    fn build_request(&self, request: &ChatRequest<'_>) -> HttpRequestParts {
        let parameters = request.accepted();
        let options = only_set([
            ("temperature", parameters.temperature.map(Value::from)),
            ("top_p", parameters.top_p.map(Value::from)),
            ("num_predict", parameters.max_tokens.map(Value::from)),
            (
                "stop",
                (!parameters.stop.is_empty()).then(|| json!(parameters.stop)),
            ),
        ]);
        let body = only_set([
            ("model", Some(json!(request.model))),
            (
                "messages",
                Some(role_messages(request, with_images, with_calls)),
            ),
            ("stream", Some(json!(true))),
            // By default, Ollama silently drops what does not fit, before the answer and during it.
            ("truncate", Some(json!(false))),
            ("shift", Some(json!(false))),
            (
                "think",
                parameters
                    .reasoning_effort
                    .map(|effort| think(request.record, effort)),
            ),
            ("options", (!options.is_empty()).then(|| options.into())),
        ]);
        HttpRequestParts {
            path: "api/chat".to_owned(),
            body: body.into(),
        }
    }

    /// A self-hosted server needs no key; a proxy before it, or Ollama's cloud, does.
    fn authorise(&self, request: RequestBuilder, key: &SecretString) -> RequestBuilder {
        request.bearer_auth(key.expose_secret())
    }

    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(Lines::default())
    }

    fn models_path(&self) -> &'static str {
        "api/tags"
    }

    fn models(&self, body: &str) -> Option<Vec<ListedModel>> {
        let list: Vec<Model> = entries(body, "models")?;
        Some(list.into_iter().map(ListedModel::from).collect())
    }

    /// `OLLAMA_HOST` also configures the server: a host, perhaps with a port or a scheme, and `0.0.0.0` for
    /// "all addresses", to which no client can connect
    /// ([envconfig](https://github.com/ollama/ollama/blob/main/envconfig/config.go)).
    fn address(&self, variable: &str) -> String {
        let has_port = || {
            let port = variable.rsplit_once(':').map(|(_, port)| port);
            port.is_some_and(|port| port.parse::<u16>().is_ok())
        };
        let address = if variable.contains("://") {
            variable.to_owned()
        } else if has_port() {
            format!("http://{variable}")
        } else {
            format!("http://{variable}:{PORT}")
        };
        let Ok(mut url) = Url::parse(&address) else {
            return address;
        };
        if matches!(url.host_str(), Some("0.0.0.0" | "[::]")) {
            let _ = url.set_host(Some("127.0.0.1"));
        }
        url.as_str().trim_end_matches('/').to_owned()
    }

    fn refusal(&self, status: u16, body: &str) -> Option<FailureKind> {
        (status == 400 && says(body, &["exceeds the context length"]))
            .then_some(FailureKind::ContextTooLong)
    }
}

fn with_calls(step: &ToolStep) -> Vec<Value> {
    let calls: Value = step
        .calls
        .iter()
        .map(|called| json!({"function": {"name": called.call.name, "arguments": called.input()}}))
        .collect();
    let mut message = json!({"role": "assistant", "content": step.text(), "tool_calls": calls});
    let reasoning = step.reasoning();
    if !reasoning.is_empty() {
        message["thinking"] = reasoning.into();
    }
    let result = |called: &StepCall| json!({"role": "tool", "tool_name": called.call.name, "content": called.result});
    let results = step.calls.iter().map(result);
    std::iter::once(message).chain(results).collect()
}

fn with_images(message: &ChatMessage) -> Value {
    let images: Value = message
        .images
        .iter()
        .map(|image| json!(image.base64))
        .collect();
    json!({"role": message.role, "content": message.content, "images": images})
}

/// Ollama's default port.
const PORT: u16 = 11434;

/// Returns the value of `think`. A server that does not list what its models can is an older one, which takes
/// levels for gpt-oss alone.
fn think(record: &ModelRecord, effort: ReasoningEffort) -> Value {
    match effort {
        ReasoningEffort::None => json!(false),
        level if record.thinking == Some(ThinkingForm::Level) => json!(level),
        _ => json!(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::testing::{self, said, shown, with_tools};
    use conch_model::{Parameters, ProtocolKind, Role};

    fn body(model: &str, parameters: &Parameters) -> Value {
        testing::body(
            ProtocolKind::Ollama,
            model,
            &[said(Role::User, "hi")],
            parameters,
        )
    }

    #[test]
    fn what_is_not_set_is_not_sent() {
        assert_eq!(
            body("qwen3", &Parameters::default()),
            json!({
                "model": "qwen3",
                "messages": [{"role": "user", "content": "hi"}],
                "stream": true,
                "truncate": false,
                "shift": false,
            })
        );
    }

    #[test]
    fn images_stand_beside_the_text() {
        let messages = [
            said(Role::User, "hi"),
            said(Role::Assistant, "Hi"),
            shown("Look", &["QQ==", "Qg=="]),
        ];
        let sent = testing::body(ProtocolKind::Ollama, "m", &messages, &Parameters::default());
        assert_eq!(
            sent["messages"],
            json!([
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": "Hi"},
                {"role": "user", "content": "Look", "images": ["QQ==", "Qg=="]},
            ])
        );
    }

    #[test]
    fn every_parameter_has_its_place() {
        let parameters = Parameters {
            system_prompt: Some("Be brief".to_owned()),
            temperature: Some(0.5),
            top_p: Some(0.9),
            max_tokens: Some(7),
            stop: vec!["END".to_owned()],
            reasoning_effort: Some(ReasoningEffort::High),
        };
        let sent = body("qwen3", &parameters);
        assert_eq!(
            sent["messages"][0],
            json!({"role": "system", "content": "Be brief"})
        );
        assert_eq!(sent["think"], true);
        assert_eq!(
            sent["options"],
            json!({"temperature": 0.5, "top_p": 0.9, "num_predict": 7, "stop": ["END"]})
        );
        assert_eq!(body("gpt-oss:20b", &parameters)["think"], "high");
    }

    #[test]
    fn a_model_gets_its_level_or_a_switch() {
        use conch_model::ReasoningEffort::{High, Low, Max, Minimal, None as Off};
        let think = |record: &ModelRecord, model: &str, effort| {
            let parameters = Parameters {
                reasoning_effort: Some(effort),
                ..Parameters::default()
            };
            let messages = [said(Role::User, "hi")];
            let kind = ProtocolKind::Ollama;
            let sent = testing::body_with(kind, model, record, &messages, &parameters);
            sent.get("think").cloned()
        };
        let listed = ModelRecord {
            thinking: Some(ThinkingForm::Level),
            efforts: Some(vec![Off, Low, High, Max]),
            ..ModelRecord::default()
        };
        assert_eq!(think(&listed, "qwen3", Off), Some(json!(false)));
        assert_eq!(think(&listed, "qwen3", Minimal), Some(json!("low")));
        assert_eq!(think(&listed, "qwen3", Max), Some(json!("max")));
        let unknown = ModelRecord::default();
        assert_eq!(think(&unknown, "qwen3", Off), Some(json!(false)));
        assert_eq!(think(&unknown, "qwen3", Low), Some(json!(true)));
        let thoughtless = ModelRecord {
            efforts: Some(vec![]),
            ..ModelRecord::default()
        };
        assert_eq!(think(&thoughtless, "gemma3", High), None);
        let off = Parameters {
            reasoning_effort: Some(Off),
            ..Parameters::default()
        };
        assert_eq!(
            body("gpt-oss:20b", &off)["think"],
            "low",
            "it ignores booleans"
        );
    }

    #[test]
    fn a_key_is_a_bearer_token() {
        let request = testing::request();
        let request = Ollama.authorise(request, &"secret".into()).build().unwrap();
        assert_eq!(request.headers()["authorization"], "Bearer secret");
    }

    #[test]
    fn the_host_may_have_every_form_that_ollama_takes() {
        for (host, address) in [
            ("127.0.0.1", "http://127.0.0.1:11434"),
            ("box:1234", "http://box:1234"),
            ("0.0.0.0", "http://127.0.0.1:11434"),
            ("0.0.0.0:80", "http://127.0.0.1"),
            ("https://box.example", "https://box.example"),
            ("http://box.example:11434/", "http://box.example:11434"),
        ] {
            assert_eq!(Ollama.address(host), address, "{host}");
        }
    }

    #[test]
    fn calls_of_tools_go_back_with_their_results() {
        let messages = [with_tools(&json!({}), "It rains.")];
        let sent = testing::body(ProtocolKind::Ollama, "m", &messages, &Parameters::default());
        let call =
            |arguments: Value| json!({"function": {"name": "weather", "arguments": arguments}});
        assert_eq!(
            sent["messages"],
            json!([
                {"role": "assistant", "content": "I look.", "thinking": "Hm",
                    "tool_calls": [call(json!({"city": "Bern"})), call(json!({}))]},
                {"role": "tool", "tool_name": "weather", "content": "rain"},
                {"role": "tool", "tool_name": "weather", "content": "no city"},
                {"role": "assistant", "content": "It rains."},
            ])
        );
    }

    #[test]
    fn an_odd_entry_or_field_costs_no_other_model() {
        let models = Ollama
            .models(
                r#"{"models":[{"name":"a","details":"x","capabilities":7},{"model":"x"},null,{"name":"b","details":{"families":[7,"clip"]}}]}"#,
            )
            .unwrap();
        let read: Vec<_> = models
            .iter()
            .map(|model| (&*model.id, model.record.vision))
            .collect();
        assert_eq!(read, [("a", None), ("b", Some(true))]);
    }
}
