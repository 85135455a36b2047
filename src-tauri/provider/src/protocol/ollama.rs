//! Ollama's native protocol, <https://docs.ollama.com/api/chat>.
//!
//! Ollama also offers the OpenAI protocol, but does not report there which of its models only embed, and
//! accepts fewer options.

mod lines;

use conch_model::ReasoningEffort;
use reqwest::{RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use self::lines::Lines;
use super::lenient::{entries, id, lenient, list};
use super::turns::role_messages;
use super::{
    ChatMessage, ChatRequest, Decoder, Framing, HttpRequestParts, ListedModel, Protocol, StepCall,
    ToolStep, only_set, says,
};
use crate::failure::FailureKind;

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
        Box::new(Lines::default())
    }

    fn models_path(&self) -> &'static str {
        "api/tags"
    }

    fn models(&self, body: &str) -> Option<Vec<ListedModel>> {
        let list: Vec<Model> = entries(body, "models")?;
        let models = list.into_iter().filter(Model::answers_chats);
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
struct Model {
    #[serde(deserialize_with = "id")]
    name: String,
    #[serde(default, deserialize_with = "lenient")]
    details: Option<Details>,
    /// Newer versions report it in the list; older ones only in each model's details.
    #[serde(default, deserialize_with = "lenient")]
    capabilities: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Details {
    #[serde(default, deserialize_with = "lenient")]
    family: Option<String>,
    #[serde(default, deserialize_with = "list")]
    families: Vec<String>,
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
        self.details
            .iter()
            .flat_map(|details| details.family.iter().chain(&details.families))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::testing::{self, said, shown, with_tools};
    use conch_model::{Parameters, Role};

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
        let messages = [
            said(Role::User, "hi"),
            said(Role::Assistant, "Hi"),
            shown("Look", &["QQ==", "Qg=="]),
        ];
        let sent = testing::body(&Ollama, "m", &messages, &Parameters::default());
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
    fn a_key_is_a_bearer_token() {
        let request = testing::request();
        let request = Ollama.authorise(request, &"secret".into()).build().unwrap();
        assert_eq!(request.headers()["authorization"], "Bearer secret");
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

    #[test]
    fn an_odd_entry_or_field_costs_no_other_model() {
        let models = Ollama
            .models(
                r#"{"models":[{"name":"a","details":"x","capabilities":7},{"model":"x"},null,{"name":"b","details":{"families":[7,"clip"]}}]}"#,
            )
            .unwrap();
        let read: Vec<_> = models
            .iter()
            .map(|model| (&*model.id, model.vision))
            .collect();
        assert_eq!(read, [("a", None), ("b", Some(true))]);
    }
}
