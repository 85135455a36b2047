//! OpenAI chat completions, <https://platform.openai.com/docs/api-reference/chat>, as spoken by the many
//! compatible servers: the requests. The responses are in [`chunks`].

mod chunks;
mod details;

use reqwest::RequestBuilder;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use self::chunks::Chunks;
use super::lenient::{count, entries, id, lenient};
use super::turns::role_messages;
use super::{
    ChatMessage, ChatRequest, Decoder, Framing, HttpRequestParts, ListedModel, Protocol, StepCall,
    ToolStep, only_set, says,
};
use crate::failure::FailureKind;
use crate::limits::BudgetHeaders;

/// The OpenAI protocol.
#[derive(Debug)]
pub(super) struct OpenAi;

impl Protocol for OpenAi {
    fn build_request(&self, request: &ChatRequest<'_>) -> HttpRequestParts {
        let parameters = request.parameters;
        let body = only_set([
            ("model", Some(json!(request.model))),
            (
                "messages",
                Some(role_messages(request, with_images, with_calls)),
            ),
            ("stream", Some(json!(true))),
            ("stream_options", Some(json!({"include_usage": true}))),
            ("temperature", parameters.temperature.map(Value::from)),
            ("top_p", parameters.top_p.map(Value::from)),
            // Most servers other than OpenAI's do not know the newer `max_completion_tokens`, and OpenAI's
            // reasoning models reject the older name.
            (
                max_tokens_name(request.model),
                parameters.max_tokens.map(Value::from),
            ),
            (
                "stop",
                (!parameters.stop.is_empty()).then(|| json!(parameters.stop)),
            ),
            (
                "reasoning_effort",
                parameters.reasoning_effort.map(|effort| json!(effort)),
            ),
        ]);
        HttpRequestParts {
            path: "chat/completions".to_owned(),
            body: body.into(),
        }
    }

    fn authorise(&self, request: RequestBuilder, key: &SecretString) -> RequestBuilder {
        request.bearer_auth(key.expose_secret())
    }

    fn framing(&self) -> Framing {
        Framing::Events
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(Chunks::default())
    }

    fn models_path(&self) -> &'static str {
        "models"
    }

    fn models(&self, body: &str) -> Option<Vec<ListedModel>> {
        let list: Vec<Model> = entries(body, "data")?;
        let models = list.into_iter().filter(Model::answers_chats);
        Some(models.map(ListedModel::from).collect())
    }

    /// The headers of OpenAI and Groq, and of OpenRouter.
    fn budget_headers(&self) -> &'static [BudgetHeaders] {
        &[
            BudgetHeaders {
                remaining: "x-ratelimit-remaining-requests",
                reset: "x-ratelimit-reset-requests",
            },
            BudgetHeaders {
                remaining: "x-ratelimit-remaining",
                reset: "x-ratelimit-reset",
            },
        ]
    }

    /// By the error codes of OpenAI and llama.cpp, and the words of gateways.
    fn refusal(&self, status: u16, body: &str) -> Option<FailureKind> {
        let too_long = ["context_length_exceeded", "exceed_context_size"];
        match status {
            429 if says(body, &["insufficient_quota"]) => Some(FailureKind::OutOfCredit),
            400 | 422 if says(body, &too_long) => Some(FailureKind::ContextTooLong),
            400 if says(body, &["content_filter", "content_policy"]) => {
                Some(FailureKind::ContentFiltered)
            }
            403 if says(body, &["requires moderation", "flagged"]) => {
                Some(FailureKind::ContentFiltered)
            }
            403 if says(body, &["unsupported_country", "not available in your"]) => {
                Some(FailureKind::Rejected)
            }
            // Without its database it cannot check a key.
            400 if says(body, &["No connected db"]) => Some(FailureKind::WrongKey),
            _ => None,
        }
    }
}

fn with_calls(step: &ToolStep) -> Vec<Value> {
    let calls: Value = step
        .calls
        .iter()
        .map(|StepCall { call, .. }| {
            let function = json!({"name": call.name, "arguments": arguments(&call.input)});
            json!({"id": call.id, "type": "function", "function": function})
        })
        .collect();
    let mut message = json!({"role": "assistant", "content": step.text(), "tool_calls": calls});
    let reasoning = step.reasoning();
    if let Some(details) = details::sent_back(&step.before) {
        message["reasoning_details"] = details;
    } else if !reasoning.is_empty() {
        // DeepSeek requires the reasoning of a turn with calls, and what other servers do not know they ignore.
        message["reasoning_content"] = reasoning.into();
    }
    let result = |called: &StepCall| json!({"role": "tool", "tool_call_id": called.call.id, "content": called.result});
    let results = step.calls.iter().map(result);
    std::iter::once(message).chain(results).collect()
}

/// Servers parse the arguments of earlier calls, also where the model wrote none.
fn arguments(input: &str) -> &str {
    if input.trim().is_empty() { "{}" } else { input }
}

fn with_images(message: &ChatMessage) -> Value {
    let text = Some(&message.content).filter(|text| !text.trim().is_empty());
    let text = text.map(|text| json!({"type": "text", "text": text}));
    let images = message.images.iter().map(|image| {
        let url = format!("data:{};base64,{}", image.media_type, image.base64);
        json!({"type": "image_url", "image_url": {"url": url}})
    });
    let content: Value = text.into_iter().chain(images).collect();
    json!({"role": message.role, "content": content})
}

/// OpenAI's reasoning models and later ones accept only the newer name.
fn max_tokens_name(model: &str) -> &'static str {
    let newer = ["o1", "o3", "o4", "gpt-5"];
    if newer.iter().any(|prefix| model.starts_with(prefix)) {
        "max_completion_tokens"
    } else {
        "max_tokens"
    }
}

#[derive(Deserialize)]
struct Model {
    #[serde(deserialize_with = "id")]
    id: String,
    /// Sent by OpenRouter.
    #[serde(default, deserialize_with = "lenient")]
    name: Option<String>,
    /// Sent by Together: `chat`, or what else the model is for.
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    kind: Option<String>,
    /// Sent by OpenRouter.
    #[serde(default, deserialize_with = "count")]
    context_length: Option<u32>,
    /// Sent by Groq.
    #[serde(default, deserialize_with = "count")]
    context_window: Option<u32>,
    /// Sent by vLLM.
    #[serde(default, deserialize_with = "count")]
    max_model_len: Option<u32>,
    /// Sent by Mistral.
    #[serde(default, deserialize_with = "count")]
    max_context_length: Option<u32>,
    /// Sent by llama.cpp.
    #[serde(default, deserialize_with = "lenient")]
    meta: Option<Meta>,
    /// Sent by OpenRouter. Untyped, as is the next field: a server that uses the name for something else must
    /// not fail to list its models.
    architecture: Option<Value>,
    /// Sent by Mistral.
    capabilities: Option<Value>,
}

impl Model {
    fn answers_chats(&self) -> bool {
        const OTHERS: [&str; 6] = [
            "image",
            "embedding",
            "audio",
            "video",
            "moderation",
            "rerank",
        ];
        let is_other = |kind: &String| OTHERS.contains(&kind.as_str());
        answers_chats(&self.id) && !self.kind.as_ref().is_some_and(is_other)
    }

    fn vision(&self) -> Option<bool> {
        let modalities = self.architecture.as_ref();
        let modalities =
            modalities.and_then(|reported| reported.get("input_modalities")?.as_array());
        let vision = self.capabilities.as_ref();
        modalities
            .map(|modalities| modalities.contains(&json!("image")))
            .or_else(|| vision?.get("vision")?.as_bool())
    }
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default, deserialize_with = "count")]
    n_ctx: Option<u32>,
}

impl From<Model> for ListedModel {
    fn from(model: Model) -> Self {
        let vision = model.vision();
        let meta = model.meta.and_then(|meta| meta.n_ctx);
        let lengths = [
            model.context_length,
            model.context_window,
            model.max_model_len,
            model.max_context_length,
            meta,
        ];
        Self {
            vision,
            id: model.id,
            name: model.name,
            context_tokens: lengths.into_iter().flatten().next(),
        }
    }
}

/// Excludes the models that OpenAI lists besides its chat models.
fn answers_chats(id: &str) -> bool {
    const OTHERS: [&str; 10] = [
        "babbage-",
        "dall-e-",
        "davinci-",
        "gpt-image-",
        "omni-moderation-",
        "sora-",
        "text-embedding-",
        "text-moderation-",
        "tts-",
        "whisper-",
    ];
    !OTHERS.iter().any(|prefix| id.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::testing::{self, said, shown, with_tools};
    use conch_model::{Parameters, ReasoningEffort, Role};

    fn body(model: &str, parameters: &Parameters) -> Value {
        testing::body(&OpenAi, model, &[said(Role::User, "hi")], parameters)
    }

    #[test]
    fn images_stand_behind_the_text_of_their_message_alone() {
        let messages = [
            said(Role::User, "hi"),
            said(Role::Assistant, "Hi"),
            shown("Look", &["QQ=="]),
            said(Role::Assistant, "Yes"),
            shown("", &["Qg=="]),
        ];
        let sent = testing::body(&OpenAi, "m", &messages, &Parameters::default());
        let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
        assert_eq!(
            sent["messages"],
            json!([
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": "Hi"},
                {"role": "user", "content": [
                    {"type": "text", "text": "Look"},
                    image("data:image/png;base64,QQ=="),
                ]},
                {"role": "assistant", "content": "Yes"},
                {"role": "user", "content": [image("data:image/png;base64,Qg==")]},
            ])
        );
    }

    #[test]
    fn a_list_says_which_models_see_where_the_server_knows_it() {
        let models = OpenAi
            .models(
                r#"{"data":[{"id":"a","architecture":{"input_modalities":["text","image"]}},
                    {"id":"b","architecture":{"input_modalities":["text"]}},
                    {"id":"c","capabilities":{"vision":true}},
                    {"id":"d","capabilities":["completion"],"architecture":"llama"},{"id":"e"}]}"#,
            )
            .unwrap();
        let vision: Vec<_> = models.iter().map(|model| model.vision).collect();
        assert_eq!(vision, [Some(true), Some(false), Some(true), None, None]);
    }

    #[test]
    fn what_is_not_set_is_not_sent() {
        assert_eq!(
            body("m", &Parameters::default()),
            json!({
                "model": "m",
                "messages": [{"role": "user", "content": "hi"}],
                "stream": true,
                "stream_options": {"include_usage": true},
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
        let sent = body("gpt-5-mini", &parameters);
        assert_eq!(
            sent["messages"][0],
            json!({"role": "system", "content": "Be brief"})
        );
        assert_eq!(sent["temperature"], 0.5);
        assert_eq!(sent["top_p"], 0.9);
        assert_eq!(sent["max_completion_tokens"], 7);
        assert_eq!(sent["stop"], json!(["END"]));
        assert_eq!(sent["reasoning_effort"], "high");
        assert_eq!(body("llama-3", &parameters)["max_tokens"], 7);
    }

    #[test]
    fn a_list_of_models_says_their_context_where_the_server_knows_it() {
        let models = OpenAi
            .models(
                r#"{"data":[{"id":"a","name":"A","context_length":8192},{"id":"b","max_model_len":4096},
                    {"id":"c","meta":{"n_ctx":2048}},{"id":"d"},{"id":"whisper-1"}]}"#,
            )
            .unwrap();
        let contexts: Vec<_> = models.iter().map(|model| model.context_tokens).collect();
        assert_eq!(contexts, [Some(8192), Some(4096), Some(2048), None]);
        assert_eq!(models[0].name.as_deref(), Some("A"));
        assert!(OpenAi.models("<html>").is_none());
    }

    #[test]
    fn calls_of_tools_go_back_with_their_results() {
        let messages = [
            said(Role::User, "What about the weather?"),
            with_tools(&json!({}), "It rains."),
            with_tools(&json!({}), ""),
        ];
        let sent = testing::body(&OpenAi, "m", &messages, &Parameters::default());
        let call = |id: &str, arguments: &str| {
            let function = json!({"name": "weather", "arguments": arguments});
            json!({"id": id, "type": "function", "function": function})
        };
        let calls = [
            json!({"role": "assistant", "content": "I look.", "reasoning_content": "Hm",
                "tool_calls": [call("c1", r#"{"city": "Bern"}"#), call("c2", "{}")]}),
            json!({"role": "tool", "tool_call_id": "c1", "content": "rain"}),
            json!({"role": "tool", "tool_call_id": "c2", "content": "no city"}),
        ];
        let mut expected = vec![json!({"role": "user", "content": "What about the weather?"})];
        expected.extend(calls.clone());
        expected.push(json!({"role": "assistant", "content": "It rains."}));
        expected.extend(calls);
        assert_eq!(sent["messages"], json!(expected));
    }

    #[test]
    fn the_details_of_reasoning_go_back_in_its_place() {
        let entry = json!({"type": "reasoning.text", "text": "Hm", "signature": "s", "index": 0});
        let data = json!({ "reasoning_details": [entry.clone()] });
        let messages = [with_tools(&data, "It rains.")];
        let sent = testing::body(&OpenAi, "m", &messages, &Parameters::default());
        let message = &sent["messages"][0];
        assert_eq!(message["reasoning_details"], json!([entry]));
        assert_eq!(
            message.get("reasoning_content"),
            None,
            "it is in the details"
        );
    }

    #[test]
    fn an_odd_entry_or_field_costs_no_other() {
        for (body, expected) in [
            (
                r#"[{"id":"meta-llama/Llama","type":"chat","context_length":131072,"pricing":{"input":0.88}},
                    {"id":"black-forest/FLUX","type":"image"}]"#,
                &[("meta-llama/Llama", Some(131_072))][..],
            ),
            (
                r#"{"object":"list","data":[{"id":"a","context_length":131072,"max_model_len":131072},{"id":"b"}]}"#,
                &[("a", Some(131_072)), ("b", None)],
            ),
            (
                r#"{"data":[{"id":"a","context_length":"131072"},{"id":"b","context_length":[]}]}"#,
                &[("a", Some(131_072)), ("b", None)],
            ),
            (
                r#"{"data":[{"id":"a","context_length":131072.0,"name":7,"meta":"x"},{"id":"b","meta":{"n_ctx":null}}]}"#,
                &[("a", Some(131_072)), ("b", None)],
            ),
            (
                r#"{"data":[{"name":"models/x"},{"id":7},"c",null,{"id":" "},{"id":"b"}]}"#,
                &[("b", None)],
            ),
            (r#"{"data":null}"#, &[]),
        ] {
            let models = OpenAi.models(body).unwrap();
            let read: Vec<_> = models
                .iter()
                .map(|model| (model.id.as_str(), model.context_tokens))
                .collect();
            assert_eq!(read, expected, "{body}");
        }
        for body in ["7", "{}", r#"{"data":"many"}"#] {
            assert!(OpenAi.models(body).is_none(), "{body}");
        }
    }
}
