//! The lists of models of OpenAI and the compatible servers: what each of them reports about a model.

use conch_model::{ReasoningEffort, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::protocol::ListedModel;
use crate::protocol::lenient::{count, id, lenient};
use crate::record::{ModelKind, ModelRecord, Price, Sampling, millionths, parse_day};

/// An entry. What the servers call alike has many forms, so that all but the name is read leniently.
#[derive(Deserialize)]
pub(super) struct Model {
    #[serde(deserialize_with = "id")]
    id: String,
    /// Sent by OpenRouter and Mistral.
    #[serde(default, deserialize_with = "lenient")]
    name: Option<String>,
    /// `model` for most; `embeddings`, `vlm` and others for LM Studio, `chat` and others for Together.
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    kind: Option<String>,
    /// Sent by OpenRouter and Together; by llama.cpp in `meta`. No aliases: an entry with two of the names would be lost.
    #[serde(default, deserialize_with = "count")]
    context_length: Option<u32>,
    /// Sent by Groq.
    #[serde(default, deserialize_with = "count")]
    context_window: Option<u32>,
    /// Sent by vLLM.
    #[serde(default, deserialize_with = "count")]
    max_model_len: Option<u32>,
    /// Sent by Mistral and LM Studio.
    #[serde(default, deserialize_with = "count")]
    max_context_length: Option<u32>,
    /// The context as LM Studio loaded the model.
    #[serde(default, deserialize_with = "count")]
    loaded_context_length: Option<u32>,
    /// Sent by Groq.
    #[serde(default, deserialize_with = "count")]
    max_completion_tokens: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    meta: Option<Meta>,
    /// Sent by OpenRouter and llama.cpp.
    #[serde(default, deserialize_with = "lenient")]
    architecture: Option<Architecture>,
    /// Of Mistral an object of booleans, of LM Studio a list of names.
    capabilities: Option<Value>,
    /// Sent by OpenRouter.
    #[serde(default, deserialize_with = "lenient")]
    supported_parameters: Option<Vec<String>>,
    /// Sent by OpenRouter.
    #[serde(default, deserialize_with = "lenient")]
    reasoning: Option<Reasoning>,
    /// Sent by OpenRouter.
    #[serde(default, deserialize_with = "lenient")]
    pricing: Option<Pricing>,
    /// Sent by OpenRouter.
    #[serde(default, deserialize_with = "lenient")]
    top_provider: Option<TopProvider>,
    /// Sent by OpenAI: a day or a time, as the next two.
    #[serde(default, deserialize_with = "lenient")]
    shutdown_date: Option<String>,
    /// Sent by OpenRouter.
    #[serde(default, deserialize_with = "lenient")]
    expiration_date: Option<String>,
    /// Sent by Mistral.
    #[serde(default, deserialize_with = "lenient")]
    deprecation: Option<String>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default, deserialize_with = "count")]
    n_ctx: Option<u32>,
}

#[derive(Deserialize)]
struct Architecture {
    #[serde(default, deserialize_with = "lenient")]
    input_modalities: Option<Vec<String>>,
    #[serde(default, deserialize_with = "lenient")]
    output_modalities: Option<Vec<String>>,
}

/// <https://openrouter.ai/docs/client-sdks/python/components/modelreasoning>
#[derive(Deserialize)]
struct Reasoning {
    /// Whether it cannot be turned off.
    #[serde(default, deserialize_with = "lenient")]
    mandatory: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    default_enabled: Option<bool>,
    /// Names, highest first; null for all.
    #[serde(default, deserialize_with = "lenient")]
    supported_efforts: Option<Vec<Option<String>>>,
}

/// In US dollars per token, as text.
#[derive(Deserialize)]
struct Pricing {
    prompt: String,
    completion: String,
}

#[derive(Deserialize)]
struct TopProvider {
    #[serde(default, deserialize_with = "count")]
    max_completion_tokens: Option<u32>,
}

impl Model {
    /// Returns whether the model can do something, by Mistral's and LM Studio's names of it.
    fn can(&self, capability: &str) -> Option<bool> {
        match self.capabilities.as_ref()? {
            Value::Object(named) => named.get(capability)?.as_bool(),
            Value::Array(names) => {
                // llama.cpp and others list only a few of a model's abilities.
                names.iter().any(|name| name == capability).then_some(true)
            }
            _ => None,
        }
    }

    fn takes(&self, parameter: &str) -> Option<bool> {
        let parameters = self.supported_parameters.as_ref()?;
        Some(parameters.iter().any(|taken| taken == parameter))
    }

    fn vision(&self) -> Option<bool> {
        let modalities = self.architecture.as_ref();
        let modalities = modalities.and_then(|known| known.input_modalities.as_ref());
        let sees = modalities.map(|known| known.iter().any(|modality| modality == "image"));
        let by_type = (self.kind.as_deref() == Some("vlm")).then_some(true);
        sees.or_else(|| self.can("vision")).or(by_type)
    }

    fn kind(&self) -> Option<ModelKind> {
        let writes = self.architecture.as_ref();
        let writes = writes.and_then(|known| known.output_modalities.as_ref());
        let writes = |modality: &str| writes?.iter().any(|known| known == modality).then_some(());
        let by_type = match self.kind.as_deref().unwrap_or_default() {
            "embedding" | "embeddings" | "rerank" => Some(ModelKind::Embedding),
            "audio" | "transcribe" | "speech" => Some(ModelKind::Speech),
            "image" | "video" => Some(ModelKind::Image),
            "moderation" => Some(ModelKind::Other),
            _ => None,
        };
        let others = || {
            if writes("text").is_some() {
                return Some(ModelKind::Chat);
            }
            let embeds = writes("embeddings").map(|()| ModelKind::Embedding);
            let speaks = || writes("audio").map(|()| ModelKind::Speech);
            let draws = || writes("image").map(|()| ModelKind::Image);
            embeds.or_else(speaks).or_else(draws)
        };
        // Mistral says of each model whether it chats.
        let does_not_chat = self.can("completion_chat") == Some(false);
        let mistrals = || does_not_chat.then_some(ModelKind::Other);
        by_type.or_else(others).or_else(mistrals)
    }

    fn efforts(&self) -> Option<Vec<ReasoningEffort>> {
        let Some(reasoning) = &self.reasoning else {
            // A list that says which models reason says so of the others, too.
            let reasons = self.takes("reasoning").or_else(|| self.can("reasoning"));
            return (reasons == Some(false)).then(Vec::new);
        };
        let all = ReasoningEffort::ALL.into_iter();
        let is_listed = |effort: &ReasoningEffort| {
            let listed = reasoning.supported_efforts.as_ref();
            let mut listed = listed.into_iter().flatten().flatten();
            let is_off = *effort == ReasoningEffort::None;
            match reasoning.mandatory {
                Some(mandatory) if is_off => !mandatory,
                _ => {
                    reasoning.supported_efforts.is_none()
                        || listed.any(|name| name == effort.name())
                }
            }
        };
        Some(all.filter(is_listed).collect())
    }

    fn sampling(&self) -> Option<Sampling> {
        (self.takes("temperature")? || self.takes("top_p")?)
            .then_some(Sampling::Always)
            .or(Some(Sampling::Never))
    }

    fn ends_at(&self) -> Option<Timestamp> {
        let days = [
            &self.shutdown_date,
            &self.expiration_date,
            &self.deprecation,
        ];
        parse_day(days.into_iter().flatten().next()?)
    }
}

impl Pricing {
    fn per_million(&self) -> Option<Price> {
        let price = |text: &str| {
            let dollars: f64 = text.trim().parse().ok()?;
            // A router, whose price depends on its choice, has -1.
            millionths(dollars * 1e6)
        };
        Some(Price {
            input: price(&self.prompt)?,
            output: price(&self.completion)?,
        })
    }
}

impl From<Model> for ListedModel {
    fn from(model: Model) -> Self {
        let meta = model.meta.as_ref().and_then(|meta| meta.n_ctx);
        let best = model.top_provider.as_ref();
        let best = best.and_then(|provider| provider.max_completion_tokens);
        let lengths = [
            model.loaded_context_length,
            model.context_length,
            model.context_window,
            model.max_model_len,
            model.max_context_length,
            meta,
        ];
        let record = ModelRecord {
            kind: model.kind(),
            context_tokens: lengths.into_iter().flatten().next(),
            max_output_tokens: best.or(model.max_completion_tokens),
            vision: model.vision(),
            tools: model
                .takes("tools")
                .or_else(|| model.can("function_calling"))
                .or_else(|| model.can("tool_use")),
            efforts: model.efforts(),
            thinks_by_default: model
                .reasoning
                .as_ref()
                .and_then(|known| known.default_enabled),
            sampling: model.sampling(),
            stop: model.takes("stop"),
            price: model.pricing.as_ref().and_then(Pricing::per_million),
            ends_at: model.ends_at(),
            ..ModelRecord::default()
        };
        Self {
            record,
            id: model.id,
            name: model.name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::OpenAi;
    use super::*;
    use crate::protocol::Protocol;
    use conch_model::ReasoningEffort::{High, Low, Max, None as Off};

    fn models(body: &str) -> Vec<ListedModel> {
        OpenAi.models(body).unwrap()
    }

    fn record(entry: &str) -> ModelRecord {
        let mut models = models(&format!(r#"{{"data":[{entry}]}}"#));
        models.remove(0).record
    }

    #[test]
    fn a_list_says_which_models_see_where_the_server_knows_it() {
        let models = models(
            r#"{"data":[{"id":"a","architecture":{"input_modalities":["text","image"]}},
                {"id":"b","architecture":{"input_modalities":["text"]}},
                {"id":"c","capabilities":{"vision":true}},{"id":"f","type":"vlm"},
                {"id":"d","capabilities":["completion"],"architecture":"llama"},{"id":"e"}]}"#,
        );
        let vision: Vec<_> = models.iter().map(|model| model.record.vision).collect();
        let expected = [Some(true), Some(false), Some(true), Some(true), None, None];
        assert_eq!(vision, expected);
    }

    #[test]
    fn a_list_of_models_says_their_context_where_the_server_knows_it() {
        let models = models(
            r#"{"data":[{"id":"a","name":"A","context_length":8192},{"id":"b","max_model_len":4096},
                {"id":"c","meta":{"n_ctx":2048}},{"id":"d"},
                {"id":"e","max_context_length":131072,"loaded_context_length":8192}]}"#,
        );
        let contexts: Vec<_> = models
            .iter()
            .map(|model| model.record.context_tokens)
            .collect();
        let expected = [Some(8192), Some(4096), Some(2048), None, Some(8192)];
        assert_eq!(contexts, expected);
        assert_eq!(models[0].name.as_deref(), Some("A"));
        assert!(OpenAi.models("<html>").is_none());
    }

    #[test]
    fn an_entry_of_another_form_costs_no_other() {
        let models = models(
            r#"{"data":[{"id":"a","context_length":"many","type":7,"pricing":"free","reasoning":true,
                    "supported_parameters":{}},
                {"name":"no id"},null,{"id":7},{"id":"b","meta":[],"name":{},"context_length":-1}]}"#,
        );
        let ids: Vec<_> = models.iter().map(|model| model.id.as_str()).collect();
        assert_eq!(ids, ["a", "b"]);
        assert_eq!(models[0].record, ModelRecord::default());
    }

    #[test]
    fn openrouters_entry_says_all() {
        let entry = r#"{"id":"maker/m","name":"M","context_length":1000000,
            "architecture":{"input_modalities":["text","image"],"output_modalities":["text"]},
            "supported_parameters":["max_tokens","reasoning","tools"],
            "reasoning":{"mandatory":true,"default_enabled":true,"supported_efforts":["max","high","low","none",null]},
            "pricing":{"prompt":"0.00000125","completion":"0.00001"},
            "top_provider":{"max_completion_tokens":128000},"expiration_date":"2026-12-31"}"#;
        let expected = ModelRecord {
            kind: Some(ModelKind::Chat),
            context_tokens: Some(1_000_000),
            max_output_tokens: Some(128_000),
            vision: Some(true),
            tools: Some(true),
            efforts: Some(vec![Low, High, Max]),
            thinks_by_default: Some(true),
            sampling: Some(Sampling::Never),
            stop: Some(false),
            price: Some(Price {
                input: 1_250_000,
                output: 10_000_000,
            }),
            ends_at: parse_day("2026-12-31"),
            ..ModelRecord::default()
        };
        assert_eq!(record(entry), expected);
        let router = r#"{"id":"auto","pricing":{"prompt":"-1","completion":"-1"},
            "reasoning":{"mandatory":false,"supported_efforts":["high"]}}"#;
        assert_eq!(record(router).price, None);
        assert_eq!(record(router).efforts, Some(vec![Off, High]));
        let plain = r#"{"id":"m","supported_parameters":["temperature","stop"]}"#;
        assert_eq!(record(plain).efforts, Some(vec![]), "it does not reason");
        assert_eq!(record(plain).sampling, Some(Sampling::Always));
        assert_eq!(record(plain).stop, Some(true));
    }

    #[test]
    fn mistrals_entry_says_what_the_model_can() {
        let entry = |capabilities: &str| {
            record(&format!(
                r#"{{"id":"m","max_context_length":32768,"deprecation":"2027-04-30T12:00:00Z","capabilities":{capabilities}}}"#
            ))
        };
        let chats = entry(
            r#"{"completion_chat":true,"function_calling":true,"reasoning":false,"vision":false}"#,
        );
        assert!(chats.chats());
        assert_eq!(chats.tools, Some(true));
        assert_eq!(chats.efforts, Some(vec![]));
        assert_eq!(chats.ends_at, parse_day("2027-04-30"));
        assert!(!entry(r#"{"completion_chat":false,"ocr":true}"#).chats());
        assert_eq!(
            entry(r#"{"reasoning":true}"#).efforts,
            None,
            "its levels are unknown"
        );
    }

    #[test]
    fn a_list_that_says_the_kind_is_believed() {
        for (entry, kind) in [
            (
                r#"{"id":"m","type":"embeddings"}"#,
                Some(ModelKind::Embedding),
            ),
            (r#"{"id":"m","type":"image"}"#, Some(ModelKind::Image)),
            (r#"{"id":"m","type":"llm"}"#, None),
            (
                r#"{"id":"m","architecture":{"output_modalities":["image","text"]}}"#,
                Some(ModelKind::Chat),
            ),
            (
                r#"{"id":"m","architecture":{"output_modalities":["image"]}}"#,
                Some(ModelKind::Image),
            ),
            (
                r#"{"id":"m","architecture":{"output_modalities":["audio"]}}"#,
                Some(ModelKind::Speech),
            ),
        ] {
            assert_eq!(record(entry).kind, kind, "{entry}");
        }
    }
}
