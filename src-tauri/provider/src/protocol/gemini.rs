//! Google Gemini, <https://ai.google.dev/api/generate-content>, version `v1beta` as Google's own clients use
//! it: the requests. The responses are in [`events`].

mod events;

use std::time::Duration;

use conch_model::{ReasoningEffort, Role};
use reqwest::{RequestBuilder, Url};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use self::events::Chunks;
use super::lenient::{count, entries, id, lenient};
use super::turns::{ContentPart, Turns};
use super::{
    ChatRequest, Decoder, Framing, HttpRequestParts, ListedModel, Protocol, key_header, only_set,
    says, thinking_tokens,
};
use crate::failure::FailureKind;
use crate::limits::spans;
use crate::record::{ModelKind, ModelRecord, ThinkingForm};

/// The Gemini protocol.
#[derive(Debug)]
pub(super) struct Gemini;

impl Protocol for Gemini {
    fn build_request(&self, request: &ChatRequest<'_>) -> HttpRequestParts {
        let parameters = request.accepted();
        let Turns { system, turns } = Turns::of(request);
        let contents: Value = turns
            .into_iter()
            .map(|turn| {
                let role = match turn.role {
                    Role::Assistant => "model",
                    Role::User | Role::System => "user",
                };
                let parts: Value = turn.parts.into_iter().filter_map(part).collect();
                json!({"role": role, "parts": parts})
            })
            .collect();
        let config = only_set([
            ("temperature", parameters.temperature.map(Value::from)),
            ("topP", parameters.top_p.map(Value::from)),
            ("maxOutputTokens", parameters.max_tokens.map(Value::from)),
            (
                "stopSequences",
                (!parameters.stop.is_empty()).then(|| json!(parameters.stop)),
            ),
            (
                "thinkingConfig",
                parameters
                    .reasoning_effort
                    .map(|effort| thinking(request, effort)),
            ),
        ]);
        let body = only_set([
            (
                "systemInstruction",
                system.map(|text| json!({"parts": [{"text": text}]})),
            ),
            ("contents", Some(contents)),
            (
                "generationConfig",
                (!config.is_empty()).then(|| config.into()),
            ),
        ]);
        // A tuned model has its own path: `tunedModels/…`.
        let prefix = if request.model.contains('/') {
            ""
        } else {
            PREFIX
        };
        HttpRequestParts {
            path: format!("{prefix}{}:streamGenerateContent?alt=sse", request.model),
            body: body.into(),
        }
    }

    fn authorise(&self, request: RequestBuilder, key: &SecretString) -> RequestBuilder {
        key_header(request, "x-goog-api-key", key)
    }

    fn framing(&self) -> Framing {
        Framing::Events
    }

    fn requires_data_of_every_answer(&self) -> bool {
        true
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(Chunks::default())
    }

    fn models_path(&self) -> &'static str {
        "models?pageSize=1000"
    }

    fn models(&self, body: &str) -> Option<Vec<ListedModel>> {
        let list: Vec<Model> = entries(body, "models")?;
        Some(list.into_iter().map(ListedModel::from).collect())
    }

    /// The variable holds the server's address, to which the client adds the version.
    fn address(&self, variable: &str) -> String {
        match Url::parse(variable) {
            Ok(url) if url.path() == "/" => format!("{}/{VERSION}", variable.trim_end_matches('/')),
            _ => variable.to_owned(),
        }
    }

    fn refusal(&self, status: u16, body: &str) -> Option<FailureKind> {
        let too_long = ["exceeds the maximum number of tokens"];
        match status {
            400 if says(body, &too_long) => Some(FailureKind::ContextTooLong),
            400 if says(body, &["API_KEY_INVALID"]) => Some(FailureKind::WrongKey),
            _ => None,
        }
    }

    /// Only in the body
    /// ([RetryInfo](https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto)).
    fn pause(&self, body: &str) -> Option<Duration> {
        let body: Value = serde_json::from_str(body).ok()?;
        let body = body.get(0).unwrap_or(&body);
        let details = body.pointer("/error/details")?.as_array()?;
        let delay = details.iter().find_map(|detail| detail.get("retryDelay"));
        spans(delay?.as_str()?)
    }
}

/// Returns a part in the protocol's form; nothing for reasoning without its signature.
fn part(part: ContentPart<'_>) -> Option<Value> {
    Some(match part {
        ContentPart::Text { text, data } => signed(json!({"text": text}), data),
        ContentPart::Image(image) => {
            json!({"inlineData": {"mimeType": image.media_type, "data": image.base64}})
        }
        // Of reasoning, the signature alone is sent back, at its place.
        ContentPart::Reasoning { data, .. } => {
            data?.get("thoughtSignature")?;
            signed(json!({"text": ""}), data)
        }
        ContentPart::Call(called) => {
            let call = json!({"name": called.call.name, "args": called.input()});
            signed(json!({"functionCall": call}), called.data.as_ref())
        }
        ContentPart::Result(called) => {
            let name = if called.is_error { "error" } else { "output" };
            let response = json!({"name": called.call.name, "response": {name: called.result}});
            json!({"functionResponse": response})
        }
    })
}

/// Adds the signature that came with a part.
fn signed(mut part: Value, data: Option<&Value>) -> Value {
    if let Some(signature) = data.and_then(|data| data.get("thoughtSignature")) {
        part["thoughtSignature"] = signature.clone();
    }
    part
}

/// The API version in paths.
const VERSION: &str = "v1beta";

/// The prefix of model names, in the list and in paths.
const PREFIX: &str = "models/";

/// Gemini 2 takes a budget of tokens and rejects a level, later models the reverse. A level has no "none": a
/// model that can be turned off takes no tokens.
fn thinking(request: &ChatRequest<'_>, effort: ReasoningEffort) -> Value {
    let is_off = effort == ReasoningEffort::None;
    if is_off || request.record.thinking == Some(ThinkingForm::Budget) {
        json!({"thinkingBudget": thinking_tokens(effort), "includeThoughts": !is_off})
    } else {
        json!({"thinkingLevel": effort, "includeThoughts": true})
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Model {
    #[serde(deserialize_with = "id")]
    name: String,
    #[serde(default, deserialize_with = "lenient")]
    display_name: Option<String>,
    #[serde(default, deserialize_with = "count")]
    input_token_limit: Option<u32>,
    #[serde(default, deserialize_with = "count")]
    output_token_limit: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    supported_generation_methods: Option<Vec<String>>,
    /// Whether it thinks.
    #[serde(default, deserialize_with = "lenient")]
    thinking: Option<bool>,
}

impl Model {
    /// Returns the kind by the methods. A model that generates may generate only sound or images, which only its
    /// name shows.
    fn kind(&self) -> Option<ModelKind> {
        let mut methods = self.supported_generation_methods.iter().flatten();
        if methods.clone().any(|method| method == "generateContent") {
            return None;
        }
        let embeds = methods.any(|method| method.starts_with("embed"));
        Some(if embeds {
            ModelKind::Embedding
        } else {
            ModelKind::Other
        })
    }
}

impl From<Model> for ListedModel {
    fn from(model: Model) -> Self {
        let record = ModelRecord {
            kind: model.kind(),
            context_tokens: model.input_token_limit,
            max_output_tokens: model.output_token_limit,
            efforts: (model.thinking == Some(false)).then(Vec::new),
            ..ModelRecord::default()
        };
        Self {
            record,
            id: model.name.trim_start_matches(PREFIX).to_owned(),
            name: model.display_name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::testing::{self, said, shown, with_tools};
    use conch_model::{Parameters, ProtocolKind};

    fn body(model: &str, parameters: &Parameters) -> Value {
        let messages = [
            said(Role::User, "hi"),
            said(Role::User, "there"),
            said(Role::Assistant, "Hello"),
            said(Role::User, "bye"),
        ];
        testing::body(ProtocolKind::Gemini, model, &messages, parameters)
    }

    #[test]
    fn what_is_not_set_is_not_sent() {
        assert_eq!(
            body("gemini-3-flash", &Parameters::default()),
            json!({
                "contents": [
                    {"role": "user", "parts": [{"text": "hi\n\nthere"}]},
                    {"role": "model", "parts": [{"text": "Hello"}]},
                    {"role": "user", "parts": [{"text": "bye"}]},
                ],
            })
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
        let sent = body("gemini-2.5-pro", &parameters);
        assert_eq!(
            sent["systemInstruction"],
            json!({"parts": [{"text": "Be brief"}]})
        );
        assert_eq!(
            sent["generationConfig"],
            json!({
                "temperature": 0.5,
                "topP": 0.9,
                "maxOutputTokens": 7,
                "stopSequences": ["END"],
                "thinkingConfig": {"thinkingBudget": 16384, "includeThoughts": true},
            })
        );
    }

    #[test]
    fn each_model_gets_its_level_or_a_budget() {
        use conch_model::ReasoningEffort::{High, Low, Max, Minimal, None as Off};
        let level = |level: &str| json!({"thinkingLevel": level, "includeThoughts": true});
        let budget = |tokens: u32| json!({"thinkingBudget": tokens, "includeThoughts": tokens > 0});
        for (model, effort, expected) in [
            ("gemini-3-pro-preview", Low, level("low")),
            ("gemini-3-flash-preview", Off, level("minimal")),
            ("gemini-3-flash-preview", Max, level("high")),
            ("gemini-3.8-flash", Minimal, level("low")),
            ("gemini-4-hydrogen", Max, level("xhigh")),
            ("gemini-flash-latest", High, level("high")),
            ("models/gemini-2.5-flash", Off, budget(0)),
            ("gemini-2.5-flash", Max, budget(16384)),
            ("gemini-2.5-pro", Off, budget(1024)),
        ] {
            let parameters = Parameters {
                reasoning_effort: Some(effort),
                ..Parameters::default()
            };
            assert_eq!(
                body(model, &parameters)["generationConfig"],
                json!({"thinkingConfig": expected}),
                "{model} {effort:?}"
            );
        }
    }

    #[test]
    fn what_a_model_does_not_take_is_not_sent() {
        let parameters = Parameters {
            temperature: Some(0.5),
            reasoning_effort: Some(ReasoningEffort::High),
            ..Parameters::default()
        };
        assert_eq!(
            body("gemini-2.0-flash", &parameters)["generationConfig"],
            json!({"temperature": 0.5})
        );
        assert_eq!(
            body("gemini-3.8-flash", &parameters)["generationConfig"],
            json!({"thinkingConfig": {"thinkingLevel": "high", "includeThoughts": true}})
        );
    }

    #[test]
    fn the_model_is_named_in_the_path() {
        let path = |model| {
            Gemini
                .build_request(&ChatRequest {
                    model,
                    messages: &[],
                    parameters: &Parameters::default(),
                    record: &ModelRecord::default(),
                })
                .path
        };
        let expected = "models/gemini-3-flash:streamGenerateContent?alt=sse";
        assert_eq!(path("gemini-3-flash"), expected);
        assert_eq!(path("models/gemini-3-flash"), expected);
        assert_eq!(
            path("tunedModels/mine"),
            "tunedModels/mine:streamGenerateContent?alt=sse"
        );
    }

    #[test]
    fn an_image_is_a_part_of_its_own() {
        let messages = [shown("Look", &["QQ=="])];
        let sent = testing::body(ProtocolKind::Gemini, "m", &messages, &Parameters::default());
        assert_eq!(
            sent["contents"],
            json!([{"role": "user", "parts": [
                {"inlineData": {"mimeType": "image/png", "data": "QQ=="}},
                {"text": "Look"},
            ]}])
        );
    }

    #[test]
    fn the_key_is_in_no_log() {
        let request = testing::request();
        let request = Gemini.authorise(request, &"secret".into()).build().unwrap();
        assert_eq!(request.headers()["x-goog-api-key"], "secret");
        assert!(!format!("{:?}", request.headers()).contains("secret"));
    }

    #[test]
    fn a_list_of_models_says_their_lengths_and_which_chat() {
        let models = Gemini
            .models(
                r#"{"models":[
                    {"name":"models/gemini-3-flash","displayName":"Gemini 3 Flash","inputTokenLimit":1048576,
                     "outputTokenLimit":65536,"thinking":true,
                     "supportedGenerationMethods":["generateContent","countTokens"]},
                    {"name":"models/gemma-3","thinking":false,"inputTokenLimit":"many",
                     "supportedGenerationMethods":["generateContent"]},
                    {"displayName":"no name"},7,
                    {"name":"models/gemini-embedding-001","supportedGenerationMethods":["embedContent"]},
                    {"name":"models/nameless","displayName":null,"supportedGenerationMethods":null}]}"#,
            )
            .unwrap();
        assert_eq!(
            models[0],
            ListedModel {
                id: "gemini-3-flash".to_owned(),
                name: Some("Gemini 3 Flash".to_owned()),
                record: ModelRecord {
                    context_tokens: Some(1_048_576),
                    max_output_tokens: Some(65_536),
                    ..ModelRecord::default()
                },
            }
        );
        assert_eq!(models[1].record.efforts, Some(vec![]));
        let chats: Vec<_> = models.iter().map(|model| model.record.chats()).collect();
        assert_eq!(chats, [true, true, false, false]);
        assert!(Gemini.models("<html>").is_none());
    }

    #[test]
    fn a_pause_in_the_body_is_read() {
        let body = r#"{"error":{"code":429,"details":[{"@type":"x"},{"retryDelay":"3600s"}]}}"#;
        assert_eq!(Gemini.pause(body), Some(Duration::from_hours(1)));
        let listed = format!("[{body}]");
        assert_eq!(Gemini.pause(&listed), Some(Duration::from_hours(1)));
        assert_eq!(Gemini.pause("<html>"), None);
    }

    #[test]
    fn an_address_with_a_path_is_taken_as_it_is() {
        for (variable, address) in [
            ("https://box.example", "https://box.example/v1beta"),
            ("https://box.example/v1beta", "https://box.example/v1beta"),
            ("https://box.example/v1alpha", "https://box.example/v1alpha"),
        ] {
            assert_eq!(Gemini.address(variable), address);
        }
    }

    #[test]
    fn calls_of_tools_go_back_with_their_results_and_signatures() {
        let messages = [
            said(Role::User, "What about the weather?"),
            with_tools(&json!({"thoughtSignature": "s"}), "It rains."),
        ];
        let sent = testing::body(
            ProtocolKind::Gemini,
            "gemini-x",
            &messages,
            &Parameters::default(),
        );
        assert_eq!(
            sent["contents"],
            json!([
                {"role": "user", "parts": [{"text": "What about the weather?"}]},
                {"role": "model", "parts": [
                    {"text": "", "thoughtSignature": "s"},
                    {"text": "I look."},
                    {"functionCall": {"name": "weather", "args": {"city": "Bern"}}, "thoughtSignature": "s"},
                    {"functionCall": {"name": "weather", "args": {}}},
                ]},
                {"role": "user", "parts": [
                    {"functionResponse": {"name": "weather", "response": {"output": "rain"}}},
                    {"functionResponse": {"name": "weather", "response": {"error": "no city"}}},
                ]},
                {"role": "model", "parts": [{"text": "It rains."}]},
            ])
        );
    }

    #[test]
    fn an_odd_entry_or_field_costs_no_other_model() {
        let models = Gemini
            .models(
                r#"{"models":[{"name":"models/a","inputTokenLimit":8192.0,"displayName":[],"supportedGenerationMethods":["generateContent",7]},
                    {"displayName":"x"},"odd",{"name":"models/b","supportedGenerationMethods":["generateContent"]}]}"#,
            )
            .unwrap();
        let read: Vec<_> = models
            .iter()
            .map(|model| (&*model.id, model.record.context_tokens))
            .collect();
        assert_eq!(read, [("a", Some(8192)), ("b", None)]);
    }
}
