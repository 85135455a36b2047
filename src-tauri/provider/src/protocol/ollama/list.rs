//! The list of the models on a server,
//! <https://github.com/ollama/ollama/blob/main/api/types.go> (`ListModelResponse`).

use serde::Deserialize;

use crate::protocol::ListedModel;
use crate::protocol::lenient::{count, id, lenient, list};
use crate::record::{ModelKind, ModelRecord, ThinkingForm};

#[derive(Deserialize)]
pub(super) struct Model {
    #[serde(deserialize_with = "id")]
    name: String,
    #[serde(default, deserialize_with = "lenient")]
    details: Option<Details>,
    /// Newer versions report it in the list; older ones only in each model's details.
    #[serde(default, deserialize_with = "lenient")]
    capabilities: Option<Vec<String>>,
    /// The name at the service to which the server passes the requests on.
    #[serde(default, rename = "remote_model", deserialize_with = "lenient")]
    remote: Option<String>,
}

#[derive(Deserialize)]
struct Details {
    #[serde(default, deserialize_with = "lenient")]
    family: Option<String>,
    #[serde(default, deserialize_with = "list")]
    families: Vec<String>,
    /// What the model was made for. A server may load less of it.
    #[serde(default, deserialize_with = "count")]
    context_length: Option<u32>,
}

impl Model {
    fn can(&self, capability: &str) -> Option<bool> {
        let capabilities = self
            .capabilities
            .as_ref()
            .filter(|known| !known.is_empty())?;
        Some(capabilities.iter().any(|known| known == capability))
    }

    /// Without capabilities, embedding models are known by their family (`bert`, `nomic-bert`); those that belong
    /// to a chat model's family by their name, which the table knows.
    fn kind(&self) -> Option<ModelKind> {
        let mut families = self.families();
        match self.can("completion") {
            Some(true) => Some(ModelKind::Chat),
            Some(false) if self.can("image") == Some(true) => Some(ModelKind::Image),
            Some(false) => Some(ModelKind::Embedding),
            None => families
                .any(|family| family.contains("embed") || family.contains("bert"))
                .then_some(ModelKind::Embedding),
        }
    }

    /// Without capabilities, vision is inferred from the family of the model's image encoder.
    fn vision(&self) -> Option<bool> {
        let by_family = || {
            let encodes = |family: &String| ["clip", "mllama"].contains(&family.as_str());
            self.families().any(encodes).then_some(true)
        };
        self.can("vision").or_else(by_family)
    }

    fn families(&self) -> impl Iterator<Item = &String> {
        self.details.iter().flat_map(|details| {
            let families = details.families.iter();
            details.family.iter().chain(families)
        })
    }
}

impl From<Model> for ListedModel {
    fn from(model: Model) -> Self {
        let thinks = model.can("thinking");
        let cloud = model.remote.as_deref();
        let record = ModelRecord {
            kind: model.kind(),
            context_tokens: model
                .details
                .as_ref()
                .and_then(|details| details.context_length),
            vision: model.vision(),
            tools: model.can("tools"),
            thinking: (thinks == Some(true)).then_some(ThinkingForm::Level),
            // Those of a model that thinks are in the table.
            efforts: (thinks == Some(false)).then(Vec::new),
            thinks_by_default: thinks,
            cloud: Some(cloud.is_some_and(|name| !name.is_empty())),
            ..ModelRecord::default()
        };
        Self {
            record,
            id: model.name,
            name: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Ollama;
    use super::*;
    use crate::protocol::Protocol;

    fn models(body: &str) -> Vec<ListedModel> {
        Ollama.models(body).unwrap()
    }

    #[test]
    fn a_list_says_which_models_embed() {
        let models = models(
            r#"{"models":[
                {"name":"qwen3:4b","model":"qwen3:4b","details":{"family":"qwen3","families":["qwen3"]}},
                {"name":"all-minilm:latest","details":{"family":"bert","families":null}},
                {"name":"bge-m3:latest","details":{"family":null,"families":["bert"]}},
                {"name":"new-embedder","capabilities":["embedding"]},
                {"name":"drawer","capabilities":["image"]},
                {"model":"no name"},[],
                {"name":"mine:latest","details":null,"capabilities":[]}]}"#,
        );
        let chats: Vec<_> = models
            .iter()
            .map(|model| (model.id.as_str(), model.record.chats()))
            .collect();
        let expected = [
            ("qwen3:4b", true),
            ("all-minilm:latest", false),
            ("bge-m3:latest", false),
            ("new-embedder", false),
            ("drawer", false),
            ("mine:latest", true),
        ];
        assert_eq!(chats, expected);
        assert!(Ollama.models("<html>").is_none());
    }

    #[test]
    fn a_list_says_which_models_see_where_the_server_knows_it() {
        let models = models(
            r#"{"models":[
                {"name":"new","capabilities":["completion","vision"]},
                {"name":"blind","capabilities":["completion"]},
                {"name":"llava","details":{"family":"llama","families":["llama","clip"]}},
                {"name":"old","details":{"family":"llama"}}]}"#,
        );
        let vision: Vec<_> = models.iter().map(|model| model.record.vision).collect();
        assert_eq!(vision, [Some(true), Some(false), Some(true), None]);
    }

    #[test]
    fn a_list_says_what_a_model_can_and_where_it_runs() {
        let models = models(
            r#"{"models":[
                {"name":"qwen3:4b","capabilities":["completion","tools","thinking"],
                 "details":{"family":"qwen3","context_length":40960}},
                {"name":"gpt-oss:120b-cloud","remote_model":"gpt-oss:120b","remote_host":"https://ollama.com:443",
                 "capabilities":["completion","tools","thinking"],"details":{"family":"gptoss"}},
                {"name":"gemma3","capabilities":["completion"]},
                {"name":"old"}]}"#,
        );
        let [qwen, cloud, gemma, old] = &models[..] else {
            panic!("{models:?}");
        };
        assert_eq!(qwen.record.context_tokens, Some(40960));
        assert_eq!(qwen.record.tools, Some(true));
        assert_eq!(qwen.record.thinking, Some(ThinkingForm::Level));
        assert_eq!(qwen.record.efforts, None, "the table knows");
        assert_eq!(qwen.record.thinks_by_default, Some(true));
        assert_eq!(qwen.record.cloud, Some(false));
        assert_eq!(cloud.record.cloud, Some(true));
        assert_eq!(gemma.record.efforts, Some(vec![]));
        assert_eq!(gemma.record.tools, Some(false));
        assert_eq!(old.record.efforts, None);
        assert_eq!(old.record.thinking, None);
    }
}
