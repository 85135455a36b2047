//! LM Studio's own list of models, since 0.4: `GET /api/v1/models`, <https://lmstudio.ai/docs/developer/rest>. Its
//! list in OpenAI's form has the names alone.

use serde::Deserialize;

use crate::protocol::ListedModel;
use crate::protocol::lenient::{count, entries, id, lenient};
use crate::record::{ModelKind, ModelRecord};

#[derive(Deserialize)]
struct Model {
    /// Its name in requests.
    #[serde(deserialize_with = "id")]
    key: String,
    #[serde(default, deserialize_with = "lenient")]
    display_name: Option<String>,
    /// `llm` or `embedding`.
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    kind: Option<String>,
    /// What the model was made for.
    #[serde(default, deserialize_with = "count")]
    max_context_length: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    loaded_instances: Option<Vec<Instance>>,
    #[serde(default, deserialize_with = "lenient")]
    capabilities: Option<Capabilities>,
}

#[derive(Deserialize)]
struct Instance {
    config: Config,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default, deserialize_with = "count")]
    context_length: Option<u32>,
}

#[derive(Deserialize)]
struct Capabilities {
    #[serde(default, deserialize_with = "lenient")]
    vision: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    trained_for_tool_use: Option<bool>,
}

/// Returns the models in the list; `None` when the body is not such a list.
pub(crate) fn models(body: &str) -> Option<Vec<ListedModel>> {
    let list: Vec<Model> = entries(body, "models")?;
    Some(list.into_iter().map(ListedModel::from).collect())
}

impl From<Model> for ListedModel {
    fn from(model: Model) -> Self {
        let loaded = model.loaded_instances.iter().flatten();
        let loaded = loaded.filter_map(|instance| instance.config.context_length);
        let embeds = matches!(model.kind.as_deref(), Some("embedding" | "embeddings"));
        let capabilities = model.capabilities.as_ref();
        let record = ModelRecord {
            kind: embeds.then_some(ModelKind::Embedding),
            // Which instance answers is not known.
            context_tokens: loaded.min().or(model.max_context_length),
            vision: capabilities.and_then(|known| known.vision),
            tools: capabilities.and_then(|known| known.trained_for_tool_use),
            ..ModelRecord::default()
        };
        Self {
            record,
            id: model.key,
            name: model.display_name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_says_what_is_loaded_and_what_each_model_can() {
        let models = models(
            r#"{"models":[
                {"type":"llm","key":"qwen/qwen3.5-9b","display_name":"Qwen3.5 9B","max_context_length":262144,
                 "loaded_instances":[{"id":"a","config":{"context_length":8192}},
                    {"id":"b","config":{"context_length":4096}}],
                 "capabilities":{"vision":true,"trained_for_tool_use":true}},
                {"type":"llm","key":"gemma","loaded_instances":[],"max_context_length":131072,
                 "capabilities":{"vision":false}},
                {"type":"embedding","key":"nomic","loaded_instances":"none","capabilities":[]},
                {"display_name":"no key"},7]}"#,
        )
        .unwrap();
        let [qwen, gemma, nomic] = &models[..] else {
            panic!("{models:?}");
        };
        assert_eq!(qwen.name.as_deref(), Some("Qwen3.5 9B"));
        assert_eq!(qwen.record.context_tokens, Some(4096));
        assert_eq!(qwen.record.vision, Some(true));
        assert_eq!(qwen.record.tools, Some(true));
        assert_eq!(gemma.record.context_tokens, Some(131_072));
        assert_eq!(gemma.record.vision, Some(false));
        assert!(!nomic.record.chats());
        assert!(super::models(r#"{"data":[]}"#).is_none());
    }
}
