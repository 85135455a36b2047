//! OpenAI chat completions, <https://platform.openai.com/docs/api-reference/chat>, as spoken by the many
//! compatible servers: the requests. The responses are in [`chunks`], the lists of models in [`list`].

mod chunks;
mod details;
mod list;
mod lm_studio;

use conch_model::ReasoningEffort;
use reqwest::RequestBuilder;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use self::chunks::Chunks;
use self::list::Model;
pub(crate) use self::lm_studio::models as lm_studio_models;
use super::lenient::entries;
use super::turns::role_messages;
use super::{
    ChatMessage, ChatRequest, Decoder, Framing, HttpRequestParts, ListedModel, Protocol, StepCall,
    ToolStep, only_set, says,
};
use crate::failure::FailureKind;
use crate::limits::BudgetHeaders;
use crate::record::{LengthName, ThinkingForm};

/// The OpenAI protocol.
#[derive(Debug)]
pub(super) struct OpenAi;

impl Protocol for OpenAi {
    fn build_request(&self, request: &ChatRequest<'_>) -> HttpRequestParts {
        let parameters = request.accepted();
        let effort = parameters.reasoning_effort;
        // DeepSeek's level does not turn thinking off.
        let switches = request.record.thinking == Some(ThinkingForm::LevelAndSwitch);
        let is_off = switches && effort == Some(ReasoningEffort::None);
        // Most servers other than OpenAI's do not know the newer name.
        let length = request.record.length.unwrap_or(LengthName::MaxTokens);
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
            (length.name(), parameters.max_tokens.map(Value::from)),
            (
                "stop",
                (!parameters.stop.is_empty()).then(|| json!(parameters.stop)),
            ),
            (
                "reasoning_effort",
                effort.filter(|_| !is_off).map(|effort| json!(effort)),
            ),
            ("thinking", is_off.then(|| json!({"type": "disabled"}))),
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
        Some(list.into_iter().map(ListedModel::from).collect())
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
pub(super) fn arguments(input: &str) -> &str {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::testing::{self, said, shown, with_tools};
    use crate::record::{ModelRecord, Parameter};
    use conch_model::{Parameters, ProtocolKind, ReasoningEffort, Role};

    fn body(model: &str, parameters: &Parameters) -> Value {
        testing::body(
            ProtocolKind::OpenAi,
            model,
            &[said(Role::User, "hi")],
            parameters,
        )
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
        let sent = testing::body(ProtocolKind::OpenAi, "m", &messages, &Parameters::default());
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
        assert_eq!(
            body("m", &parameters),
            json!({
                "model": "m",
                "messages": [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "hi"}],
                "stream": true,
                "stream_options": {"include_usage": true},
                "temperature": 0.5,
                "top_p": 0.9,
                "max_tokens": 7,
                "stop": ["END"],
                "reasoning_effort": "high",
            })
        );
    }

    #[test]
    fn a_reasoning_model_gets_what_it_takes_under_its_names() {
        let parameters = Parameters {
            temperature: Some(0.5),
            max_tokens: Some(7),
            stop: vec!["END".to_owned()],
            reasoning_effort: Some(ReasoningEffort::Max),
            ..Parameters::default()
        };
        let rest = |model: &str, parameters: &Parameters| {
            let mut sent = body(model, parameters);
            for same in ["model", "messages", "stream", "stream_options"] {
                sent.as_object_mut().unwrap().remove(same);
            }
            sent
        };
        let newer = |effort: &str| json!({"max_completion_tokens": 7, "reasoning_effort": effort});
        assert_eq!(rest("gpt-6-sol", &parameters), newer("max"));
        assert_eq!(rest("openai/gpt-5.4", &parameters), newer("xhigh"));
        assert_eq!(rest("gpt-5-mini", &parameters), newer("high"));
        let off = Parameters {
            reasoning_effort: Some(ReasoningEffort::None),
            ..parameters
        };
        let mut without_thinking = newer("none");
        without_thinking["temperature"] = json!(0.5);
        assert_eq!(rest("gpt-6-sol", &off), without_thinking);
        assert_eq!(rest("gpt-6-astra", &off), newer("low"), "it always thinks");
    }

    #[test]
    fn deepseeks_thinking_is_turned_off_by_its_switch() {
        let record = ModelRecord {
            thinking: Some(ThinkingForm::LevelAndSwitch),
            ..ModelRecord::default()
        };
        let sent = |effort| {
            let parameters = Parameters {
                reasoning_effort: Some(effort),
                ..Parameters::default()
            };
            let messages = [said(Role::User, "hi")];
            let kind = ProtocolKind::OpenAi;
            let sent = testing::body_with(kind, "m", &record, &messages, &parameters);
            (
                sent.get("thinking").cloned(),
                sent.get("reasoning_effort").cloned(),
            )
        };
        let off = json!({"type": "disabled"});
        assert_eq!(sent(ReasoningEffort::None), (Some(off), None));
        assert_eq!(sent(ReasoningEffort::Max), (None, Some(json!("max"))));
    }

    #[test]
    fn what_a_model_refused_is_not_sent_again() {
        let record = ModelRecord {
            refused: vec![Parameter::Temperature, Parameter::ReasoningEffort],
            ..ModelRecord::default()
        };
        let parameters = Parameters {
            temperature: Some(0.5),
            top_p: Some(0.9),
            reasoning_effort: Some(ReasoningEffort::Low),
            ..Parameters::default()
        };
        let kind = ProtocolKind::OpenAi;
        let sent = testing::body_with(kind, "m", &record, &[said(Role::User, "hi")], &parameters);
        assert_eq!(sent.get("temperature"), None);
        assert_eq!(sent.get("reasoning_effort"), None);
        assert_eq!(sent["top_p"], 0.9);
    }

    #[test]
    fn calls_of_tools_go_back_with_their_results() {
        let messages = [
            said(Role::User, "What about the weather?"),
            with_tools(&json!({}), "It rains."),
            with_tools(&json!({}), ""),
        ];
        let sent = testing::body(ProtocolKind::OpenAi, "m", &messages, &Parameters::default());
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
        let sent = testing::body(ProtocolKind::OpenAi, "m", &messages, &Parameters::default());
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
                .filter(|model| model.record.chats())
                .map(|model| (model.id.as_str(), model.record.context_tokens))
                .collect();
            assert_eq!(read, expected, "{body}");
        }
        for body in ["7", "{}", r#"{"data":"many"}"#] {
            assert!(OpenAi.models(body).is_none(), "{body}");
        }
    }
}
