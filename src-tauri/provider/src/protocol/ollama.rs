//! Ollama's native protocol, <https://docs.ollama.com/api/chat>.
//!
//! Ollama also offers the OpenAI protocol, but does not report there which of its models only embed, and
//! accepts fewer options.

use conch_model::{FinishReason, ReasoningEffort, Usage};
use reqwest::{RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::lenient::{count, stated};
use super::turns::role_messages;
use super::{
    ChatMessage, ChatRequest, Decoder, Framing, HttpRequestParts, ListedModel, Protocol, StepCall,
    StreamEvent, ToolStep, Unshown, filled, no_answer, only_set, or_alive, says, stated_failure,
    states_failure,
};
use crate::failure::{Failure, FailureKind};

/// The Ollama protocol.
#[derive(Debug)]
pub(super) struct Ollama;

impl Protocol for Ollama {
    fn build_request(&self, request: &ChatRequest<'_>) -> HttpRequestParts {
        let parameters = request.parameters;
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
            // By default, Ollama silently drops what does not fit.
            ("truncate", Some(json!(false))),
            (
                "think",
                parameters
                    .reasoning_effort
                    .map(|effort| think(request.model, effort)),
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
        Box::new(Lines)
    }

    fn models_path(&self) -> &'static str {
        "api/tags"
    }

    fn models(&self, body: &str) -> Option<Vec<ListedModel>> {
        let list: ModelList = serde_json::from_str(body).ok()?;
        let models = list.models.into_iter().filter(Model::answers_chats);
        Some(models.map(ListedModel::from).collect())
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

/// Levels are for gpt-oss; other models may reject them, and only have thinking enabled.
fn think(model: &str, effort: ReasoningEffort) -> Value {
    if model.contains("gpt-oss") {
        json!(effort)
    } else {
        json!(true)
    }
}

#[derive(Deserialize)]
struct ModelList {
    models: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    name: String,
    details: Option<Details>,
    /// Newer versions report it in the list; older ones only in each model's details.
    capabilities: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Details {
    family: Option<String>,
    families: Option<Vec<String>>,
}

impl Model {
    /// Excludes embedding models: by their family (`bert`, `nomic-bert`), or by their name if they belong to
    /// a chat model's family (`embeddinggemma`, `qwen3-embedding`).
    fn answers_chats(&self) -> bool {
        let embeds = |name: &String| name.contains("embed");
        let mut families = self.families();
        !embeds(&self.name) && !families.any(|family| embeds(family) || family.contains("bert"))
    }

    /// Without capabilities, vision is inferred from the family of the model's image encoder.
    fn vision(&self) -> Option<bool> {
        if let Some(capabilities) = &self.capabilities {
            return Some(capabilities.iter().any(|capability| capability == "vision"));
        }
        let vision = |family: &String| ["clip", "mllama"].contains(&family.as_str());
        self.families().any(vision).then_some(true)
    }

    fn families(&self) -> impl Iterator<Item = &String> {
        self.details.iter().flat_map(|details| {
            let families = details.families.iter().flatten();
            details.family.iter().chain(families)
        })
    }
}

impl From<Model> for ListedModel {
    fn from(model: Model) -> Self {
        Self {
            vision: model.vision(),
            id: model.name,
            name: None,
            context_tokens: None,
        }
    }
}

struct Lines;

impl Decoder for Lines {
    fn decode(&mut self, data: &str) -> Result<Vec<StreamEvent>, Failure> {
        let line: Line = serde_json::from_str(data).map_err(|error| no_answer(&error))?;
        if line.error.as_ref().is_some_and(states_failure) {
            return Err(stated_failure(FailureKind::ProviderFault, data));
        }
        let message = line.message.unwrap_or_default();
        let mut events: Vec<_> = filled(message.thinking)
            .map(StreamEvent::Reasoning)
            .into_iter()
            .chain(filled(message.content).map(StreamEvent::Text))
            .collect();
        let calls = message.tool_calls.as_ref().and_then(Value::as_array);
        if calls.is_some_and(|calls| !calls.is_empty()) {
            events.push(StreamEvent::Unshown(Unshown::ToolCall));
        }
        if line.done == Some(true) {
            let reason = match stated(line.done_reason.as_deref()) {
                Some("length") => FinishReason::Length,
                _ => FinishReason::Stop,
            };
            events.extend([
                StreamEvent::Finish(reason),
                StreamEvent::Usage(Usage {
                    prompt_tokens: line.prompt_eval_count,
                    completion_tokens: line.eval_count,
                    cached_tokens: None,
                }),
                StreamEvent::Done,
            ]);
        }
        Ok(or_alive(events))
    }
}

#[derive(Deserialize)]
struct Line {
    message: Option<Message>,
    done: Option<bool>,
    done_reason: Option<String>,
    #[serde(default, deserialize_with = "count")]
    prompt_eval_count: Option<u32>,
    #[serde(default, deserialize_with = "count")]
    eval_count: Option<u32>,
    error: Option<Value>,
}

#[derive(Default, Deserialize)]
struct Message {
    content: Option<String>,
    thinking: Option<String>,
    tool_calls: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Retry;
    use crate::protocol::testing::{self, said, shown, with_tools};
    use conch_model::{Parameters, Role};

    fn decode(data: &str) -> Result<Vec<StreamEvent>, Failure> {
        Ollama.decoder().decode(data)
    }

    fn body(model: &str, parameters: &Parameters) -> Value {
        testing::body(&Ollama, model, &[said(Role::User, "hi")], parameters)
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
            })
        );
    }

    #[test]
    fn images_stand_beside_the_text() {
        let messages = [said(Role::User, "hi"), shown("Look", &["QQ==", "Qg=="])];
        let sent = testing::body(&Ollama, "m", &messages, &Parameters::default());
        assert_eq!(
            sent["messages"],
            json!([
                {"role": "user", "content": "hi"},
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
    fn a_key_is_a_bearer_token() {
        let request = testing::request();
        let request = Ollama.authorise(request, &"secret".into()).build().unwrap();
        assert_eq!(request.headers()["authorization"], "Bearer secret");
    }

    #[test]
    fn thoughts_and_text_are_distinguished() {
        let data = r#"{"model":"qwen3","created_at":"2026-11-24T00:00:00Z",
            "message":{"role":"assistant","content":"Hi","thinking":"hm"},"done":false}"#;
        assert_eq!(
            decode(data).unwrap(),
            [
                StreamEvent::Reasoning("hm".to_owned()),
                StreamEvent::Text("Hi".to_owned())
            ]
        );
    }

    #[test]
    fn the_last_line_says_why_and_how_much() {
        let last = |reason: &str| {
            decode(&format!(
                r#"{{"message":{{"content":""}},"done":true,"done_reason":{reason},
                    "total_duration":10706818083,"prompt_eval_count":26,"eval_count":259}}"#
            ))
            .unwrap()
        };
        let is = |reason| {
            let usage = Usage {
                prompt_tokens: Some(26),
                completion_tokens: Some(259),
                cached_tokens: None,
            };
            [
                StreamEvent::Finish(reason),
                StreamEvent::Usage(usage),
                StreamEvent::Done,
            ]
        };
        assert_eq!(last(r#""stop""#), is(FinishReason::Stop));
        assert_eq!(last(r#""load""#), is(FinishReason::Stop));
        assert_eq!(last("null"), is(FinishReason::Stop));
        assert_eq!(last(r#""""#), is(FinishReason::Stop));
        assert_eq!(last(r#""length""#), is(FinishReason::Length));
    }

    #[test]
    fn what_carries_no_text_is_a_sign_of_life() {
        for data in [
            "{}",
            r#"{"message":{"role":"assistant","content":"","thinking":null},"done":false}"#,
            r#"{"message":null,"done":null,"error":null}"#,
            r#"{"message":{"tool_calls":[]},"done_reason":"","new":1}"#,
        ] {
            assert_eq!(decode(data).unwrap(), [StreamEvent::Alive], "{data}");
        }
        assert!(decode("<html>").is_err());
    }

    #[test]
    fn a_tool_call_is_reported() {
        let call = r#"{"message":{"tool_calls":[{"function":{"name":"x"}}]},"done":false}"#;
        assert_eq!(
            decode(call).unwrap(),
            [StreamEvent::Unshown(Unshown::ToolCall)]
        );
    }

    #[test]
    fn counts_of_another_form_cost_no_text() {
        let last = r#"{"message":{"content":"Hi"},"done":true,"done_reason":"stop",
            "prompt_eval_count":"12","eval_count":4294967296}"#;
        let counted = StreamEvent::Usage(Usage {
            prompt_tokens: Some(12),
            ..Usage::default()
        });
        let events = decode(last).unwrap();
        assert_eq!(events[0], StreamEvent::Text("Hi".to_owned()));
        assert_eq!(events[2], counted);
    }

    #[test]
    fn an_error_in_the_stream_is_an_error() {
        let failure = decode(r#"{"error":"model runner has unexpectedly stopped"}"#).unwrap_err();
        assert_eq!(failure.kind, FailureKind::ProviderFault);
        assert_eq!(failure.retry, Retry::Backoff);
        assert!(
            failure.message.ends_with("unexpectedly stopped"),
            "{failure:?}"
        );
    }

    #[test]
    fn a_list_of_models_leaves_out_those_that_embed() {
        let models = Ollama
            .models(
                r#"{"models":[
                    {"name":"qwen3:4b","model":"qwen3:4b","details":{"family":"qwen3","families":["qwen3"]}},
                    {"name":"all-minilm:latest","details":{"family":"bert","families":null}},
                    {"name":"bge-m3:latest","details":{"family":null,"families":["bert"]}},
                    {"name":"embeddinggemma:300m","details":{"family":"gemma3"}},
                    {"name":"mine:latest","details":null}]}"#,
            )
            .unwrap();
        let names: Vec<_> = models.iter().map(|model| model.id.as_str()).collect();
        assert_eq!(names, ["qwen3:4b", "mine:latest"]);
        assert!(Ollama.models("<html>").is_none());
    }

    #[test]
    fn a_list_says_which_models_see_where_the_server_knows_it() {
        let models = Ollama
            .models(
                r#"{"models":[
                    {"name":"new","capabilities":["completion","vision"]},
                    {"name":"blind","capabilities":["completion"]},
                    {"name":"llava","details":{"family":"llama","families":["llama","clip"]}},
                    {"name":"old","details":{"family":"llama"}}]}"#,
            )
            .unwrap();
        let vision: Vec<_> = models.iter().map(|model| model.vision).collect();
        assert_eq!(vision, [Some(true), Some(false), Some(true), None]);
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
        let sent = testing::body(&Ollama, "m", &messages, &Parameters::default());
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
}
