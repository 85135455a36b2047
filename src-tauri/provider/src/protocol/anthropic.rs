//! Anthropic Messages, <https://platform.claude.com/docs/en/api/messages>: the requests. The responses are in
//! [`events`].
//!
//! The parameters that a model accepts depend on its version: how thinking is configured, and whether
//! sampling parameters are allowed. Rejected parameters are not sent, since the defaults of all conversations
//! are set without knowing the model, and a rejected default would fail the conversation.

mod events;

use conch_model::ReasoningEffort;
use reqwest::RequestBuilder;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use self::events::Events;
use super::lenient::{count, entries, id, lenient};
use super::turns::{ContentPart, Turn, Turns};
use super::{
    ChatRequest, Decoder, Framing, HttpRequestParts, ListedModel, Protocol, key_header, only_set,
    says, thinking_tokens,
};
use crate::failure::FailureKind;
use crate::limits::BudgetHeaders;

/// The maximum answer length if none is set, since the API rejects a request without one. Every Claude still
/// served can write that much.
const DEFAULT_MAX_TOKENS: u32 = 8192;

/// The Anthropic protocol.
#[derive(Debug)]
pub(super) struct Anthropic;

impl Protocol for Anthropic {
    fn build_request(&self, request: &ChatRequest<'_>) -> HttpRequestParts {
        let parameters = request.parameters;
        let model = Model::named(request.model);
        let effort = parameters.reasoning_effort;
        let Turns { system, turns } = Turns::of(request);
        let messages: Value = turns
            .into_iter()
            .map(|turn| json!({"role": turn.role, "content": content(turn)}))
            .collect();
        // With thinking, a temperature other than 1 is rejected, and so is a top-p below 0.95.
        let accepts_sampling = model.accepts_sampling && effort.is_none();
        // The scale ends at 1 here; 2 means the maximum.
        let temperature = parameters
            .temperature
            .filter(|_| accepts_sampling)
            .map(|temperature| temperature.min(1.0));
        // Most models accept only one of the two.
        let top_p = parameters
            .top_p
            .filter(|_| accepts_sampling && temperature.is_none());
        let body = only_set([
            ("model", Some(json!(request.model))),
            ("system", system.map(Value::from)),
            ("messages", Some(messages)),
            ("stream", Some(json!(true))),
            (
                "max_tokens",
                Some(json!(model.max_tokens(parameters.max_tokens, effort))),
            ),
            ("temperature", temperature.map(Value::from)),
            ("top_p", top_p.map(Value::from)),
            (
                "stop_sequences",
                (!parameters.stop.is_empty()).then(|| json!(parameters.stop)),
            ),
            ("thinking", effort.map(|effort| model.thinking(effort))),
            (
                "output_config",
                effort
                    .filter(|_| model.adaptive)
                    .map(|effort| json!({"effort": effort})),
            ),
        ]);
        HttpRequestParts {
            path: "v1/messages".to_owned(),
            body: body.into(),
        }
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("anthropic-version", "2023-06-01")]
    }

    fn authorise(&self, request: RequestBuilder, key: &SecretString) -> RequestBuilder {
        key_header(request, "x-api-key", key)
    }

    fn framing(&self) -> Framing {
        Framing::Events
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(Events::default())
    }

    fn models_path(&self) -> &'static str {
        "v1/models?limit=1000"
    }

    fn models(&self, body: &str) -> Option<Vec<ListedModel>> {
        let list: Vec<WireModel> = entries(body, "data")?;
        Some(list.into_iter().map(ListedModel::from).collect())
    }

    fn budget_headers(&self) -> &'static [BudgetHeaders] {
        &[BudgetHeaders {
            remaining: "anthropic-ratelimit-requests-remaining",
            reset: "anthropic-ratelimit-requests-reset",
        }]
    }

    fn refusal(&self, status: u16, body: &str) -> Option<FailureKind> {
        match status {
            400 if says(body, &["prompt is too long"]) => Some(FailureKind::ContextTooLong),
            400 if says(body, &["credit balance is too low"]) => Some(FailureKind::OutOfCredit),
            _ => None,
        }
    }
}

/// A turn with only text is sent as a string.
fn content(turn: Turn<'_>) -> Value {
    match <[ContentPart<'_>; 1]>::try_from(turn.parts) {
        Ok([ContentPart::Text(text)]) => text.into(),
        Ok(parts) => parts.into_iter().filter_map(block).collect(),
        Err(parts) => parts.into_iter().filter_map(block).collect(),
    }
}

/// Returns a part as a content block; nothing for reasoning without its signature, which is not accepted.
fn block(part: ContentPart<'_>) -> Option<Value> {
    Some(match part {
        ContentPart::Text(text) => json!({"type": "text", "text": text}),
        ContentPart::Image(image) => json!({"type": "image", "source": {
            "type": "base64", "media_type": image.media_type, "data": image.base64,
        }}),
        ContentPart::Reasoning { text, data } => {
            let data = data?;
            match (data.get("signature"), data.get("redacted")) {
                (Some(signature), _) => {
                    json!({"type": "thinking", "thinking": text, "signature": signature})
                }
                (None, Some(redacted)) => json!({"type": "redacted_thinking", "data": redacted}),
                (None, None) => return None,
            }
        }
        ContentPart::Call(called) => json!({
            "type": "tool_use", "id": called.call.id, "name": called.call.name, "input": called.input(),
        }),
        ContentPart::Result(called) => json!({
            "type": "tool_result", "tool_use_id": called.call.id, "content": called.result,
            "is_error": called.is_error,
        }),
    })
}

/// The parameters that a model accepts, according to its name.
struct Model {
    /// Adaptive thinking, with an effort; others take a budget of tokens.
    adaptive: bool,
    /// It may think without being asked to.
    thinks_by_default: bool,
    /// It accepts a temperature or a top-p.
    accepts_sampling: bool,
}

impl Model {
    /// Treats a Claude without a version as a new one. A name without "claude" belongs to another company's
    /// model behind the same protocol, which is assumed to know the older form.
    fn named(name: &str) -> Self {
        let Some((_, name)) = name.split_once("claude") else {
            return Self {
                adaptive: false,
                thinks_by_default: false,
                accepts_sampling: true,
            };
        };
        // `-opus-4-20250514`, `-3-7-sonnet-latest`, `-opus-4.6`: longer numbers are dates.
        let mut numbers = name
            .split(['-', '.', '@', ':'])
            .filter(|part| part.len() <= 2)
            .filter_map(|part| part.parse::<u32>().ok());
        let version = numbers
            .next()
            .map(|major| (major, numbers.next().unwrap_or(0)));
        let since = |least| version.is_none_or(|version| version >= least);
        Self {
            adaptive: since((4, 6)),
            thinks_by_default: since((5, 0)),
            accepts_sampling: !since((4, 7)),
        }
    }

    /// Thinking counts toward the limit, so its budget is added to the answer's.
    fn max_tokens(&self, answer: Option<u32>, effort: Option<ReasoningEffort>) -> u32 {
        // An explicit limit is not raised for thinking that was not requested.
        let unasked = (answer.is_none() && self.thinks_by_default).then_some(ReasoningEffort::High);
        let thinking = effort.or(unasked).map_or(0, thinking_tokens);
        answer
            .unwrap_or(DEFAULT_MAX_TOKENS)
            .saturating_add(thinking)
    }

    fn thinking(&self, effort: ReasoningEffort) -> Value {
        if self.adaptive {
            // Without `display`, the newer models omit their thinking from the stream.
            json!({"type": "adaptive", "display": "summarized"})
        } else {
            json!({"type": "enabled", "budget_tokens": thinking_tokens(effort)})
        }
    }
}

#[derive(Deserialize)]
struct WireModel {
    #[serde(deserialize_with = "id")]
    id: String,
    #[serde(default, deserialize_with = "lenient")]
    display_name: Option<String>,
    #[serde(default, deserialize_with = "count")]
    max_input_tokens: Option<u32>,
    capabilities: Option<Value>,
}

impl From<WireModel> for ListedModel {
    fn from(model: WireModel) -> Self {
        let reported = model.capabilities.as_ref();
        let reported =
            reported.and_then(|reported| reported.pointer("/image_input/supported")?.as_bool());
        // Every Claude still served accepts images; another company's model may not.
        let vision = reported.or_else(|| model.id.contains("claude").then_some(true));
        Self {
            vision,
            id: model.id,
            name: model.display_name,
            context_tokens: model.max_input_tokens,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::testing::{self, said, shown, with_tools};
    use conch_model::{Parameters, Role};

    fn body(model: &str, parameters: &Parameters) -> Value {
        testing::body(&Anthropic, model, &[said(Role::User, "hi")], parameters)
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
        ] {
            let sent = body(model, &thinking(ReasoningEffort::Low, None));
            assert_eq!(
                sent["thinking"],
                json!({"type": "adaptive", "display": "summarized"}),
                "{model}"
            );
            assert_eq!(sent["output_config"], json!({"effort": "low"}));
            assert_eq!(sent["max_tokens"], 8192 + 1024);
            assert_eq!(sent.get("temperature"), None);
        }
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
        let sent = testing::body(&Anthropic, "m", &messages, &Parameters::default());
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
    fn a_list_of_models_says_their_names_and_what_they_can_read() {
        let models = Anthropic
            .models(
                r#"{"data":[{"type":"model","id":"claude-opus-5","display_name":"Claude Opus 5",
                    "max_input_tokens":1000000,"capabilities":{}},{"id":"b","max_input_tokens":null},
                    {"id":"claude-blind","capabilities":{"image_input":{"supported":false}}}],"has_more":false}"#,
            )
            .unwrap();
        assert_eq!(models.len(), 3);
        let vision: Vec<_> = models.iter().map(|model| model.vision).collect();
        assert_eq!(vision, [Some(true), None, Some(false)]);
        assert_eq!(models[0].id, "claude-opus-5");
        assert_eq!(models[0].name.as_deref(), Some("Claude Opus 5"));
        assert_eq!(models[0].context_tokens, Some(1_000_000));
        assert_eq!(models[1].context_tokens, None);
        assert!(Anthropic.models("<html>").is_none());
    }

    #[test]
    fn calls_of_tools_go_back_with_their_results_and_the_signed_reasoning() {
        let messages = [
            said(Role::User, "What about the weather?"),
            with_tools(&json!({"signature": "s"}), "It rains."),
            said(Role::User, "Thanks"),
        ];
        let sent = testing::body(&Anthropic, "claude-x", &messages, &Parameters::default());
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
        let sent = testing::body(&Anthropic, "claude-x", &cut, &Parameters::default());
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
            .map(|model| (&*model.id, model.context_tokens))
            .collect();
        assert_eq!(read, [("a", Some(200_000)), ("b", None)]);
    }
}
