//! The list of models, <https://platform.claude.com/docs/en/api/models-list>: the only one that reports
//! how the thinking of each model is configured.

use conch_model::ReasoningEffort;
use serde::Deserialize;
use serde_json::Value;

use crate::protocol::ListedModel;
use crate::protocol::lenient::{count, id, lenient};
use crate::record::{ModelKind, ModelRecord, ThinkingForm, parse_day};

#[derive(Deserialize)]
pub(super) struct Model {
    #[serde(deserialize_with = "id")]
    id: String,
    #[serde(default, deserialize_with = "lenient")]
    display_name: Option<String>,
    #[serde(default, deserialize_with = "count")]
    max_input_tokens: Option<u32>,
    /// The longest answer, with its thinking.
    #[serde(default, deserialize_with = "count")]
    max_tokens: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    lifecycle: Option<String>,
    /// In RFC 3339.
    #[serde(default, deserialize_with = "lenient")]
    retires_at: Option<String>,
    #[serde(default)]
    capabilities: Value,
}

impl Model {
    /// Returns whether a capability is supported, by its path in the capabilities.
    fn can(&self, path: &str) -> Option<bool> {
        self.capabilities
            .pointer(&format!("/{path}/supported"))?
            .as_bool()
    }

    fn thinking(&self) -> Option<ThinkingForm> {
        if self.can("thinking/types/adaptive")? {
            return Some(ThinkingForm::Adaptive);
        }
        self.can("thinking/types/enabled")?
            .then_some(ThinkingForm::Budget)
    }

    fn efforts(&self) -> Option<Vec<ReasoningEffort>> {
        if !self.can("thinking")? {
            return Some(Vec::new());
        }
        let by_budget = self.thinking() == Some(ThinkingForm::Budget);
        let takes = |effort: &ReasoningEffort| match effort {
            ReasoningEffort::None => self.can("thinking/types/disabled") == Some(true),
            ReasoningEffort::Low | ReasoningEffort::Medium | ReasoningEffort::High if by_budget => {
                true
            }
            _ if by_budget => false,
            level => self.can(&format!("effort/{}", level.name())) == Some(true),
        };
        Some(ReasoningEffort::ALL.into_iter().filter(takes).collect())
    }
}

impl From<Model> for ListedModel {
    fn from(model: Model) -> Self {
        let always_thinks = model.can("thinking/types/disabled") == Some(false);
        let has_retired = model.lifecycle.as_deref() == Some("retired");
        let record = ModelRecord {
            kind: has_retired.then_some(ModelKind::Other),
            context_tokens: model.max_input_tokens,
            max_output_tokens: model.max_tokens,
            vision: model.can("image_input"),
            thinking: model.thinking(),
            efforts: model.efforts(),
            thinks_by_default: always_thinks.then_some(true),
            ends_at: model.retires_at.as_deref().and_then(parse_day),
            ..ModelRecord::default()
        };
        Self {
            record,
            id: model.id,
            name: model.display_name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Anthropic;
    use super::*;
    use crate::protocol::Protocol;
    use conch_model::ReasoningEffort::{High, Low, Max, Medium, None as Off, Xhigh};

    fn models(body: &str) -> Vec<ListedModel> {
        Anthropic.models(body).unwrap()
    }

    #[test]
    fn a_list_of_models_says_their_names_and_what_they_can_read() {
        let models = models(
            r#"{"data":[{"type":"model","id":"claude-opus-5","display_name":"Claude Opus 5",
                "max_input_tokens":1000000,"max_tokens":128000,"capabilities":{}},{"id":"b","max_input_tokens":null},
                {"id":"claude-blind","capabilities":{"image_input":{"supported":false}}},
                {"display_name":"no id"},null,{"id":"c","capabilities":[],"display_name":7,"max_tokens":"many"}],
                "has_more":false}"#,
        );
        let ids: Vec<_> = models.iter().map(|model| model.id.as_str()).collect();
        assert_eq!(ids, ["claude-opus-5", "b", "claude-blind", "c"]);
        let vision: Vec<_> = models.iter().map(|model| model.record.vision).collect();
        assert_eq!(vision, [None, None, Some(false), None]);
        assert_eq!(models[0].name.as_deref(), Some("Claude Opus 5"));
        assert_eq!(models[0].record.context_tokens, Some(1_000_000));
        assert_eq!(models[0].record.max_output_tokens, Some(128_000));
        assert_eq!(models[1].record, ModelRecord::default());
        assert!(Anthropic.models("<html>").is_none());
    }

    #[test]
    fn a_list_of_models_says_how_they_think() {
        let record = |thinking: &str, effort: &str| {
            let entry = format!(
                r#"{{"data":[{{"id":"m","capabilities":{{"thinking":{thinking},"effort":{effort}}}}}]}}"#
            );
            models(&entry).remove(0).record
        };
        let yes = r#"{"supported":true}"#;
        let no = r#"{"supported":false}"#;
        let types = |adaptive, disabled, enabled| {
            format!(
                r#"{{"supported":true,"types":{{"adaptive":{adaptive},"disabled":{disabled},"enabled":{enabled},"between_tools":{no}}}}}"#
            )
        };
        let levels = |max| {
            format!(
                r#"{{"supported":true,"low":{yes},"medium":{yes},"high":{yes},"xhigh":{yes},"max":{max}}}"#
            )
        };
        let always = record(&types(yes, no, no), &levels(yes));
        assert_eq!(always.thinking, Some(ThinkingForm::Adaptive));
        assert_eq!(always.efforts, Some(vec![Low, Medium, High, Xhigh, Max]));
        assert_eq!(always.thinks_by_default, Some(true));

        let both = record(&types(yes, yes, yes), &levels(no));
        assert_eq!(both.thinking, Some(ThinkingForm::Adaptive));
        assert_eq!(both.efforts, Some(vec![Off, Low, Medium, High, Xhigh]));
        assert_eq!(both.thinks_by_default, None, "the list does not say");

        let older = record(&types(no, yes, yes), no);
        assert_eq!(older.thinking, Some(ThinkingForm::Budget));
        assert_eq!(older.efforts, Some(vec![Off, Low, Medium, High]));

        let never = record(no, no);
        assert_eq!(never.efforts, Some(vec![]));
    }

    #[test]
    fn a_list_of_models_says_when_they_end() {
        let models = models(
            r#"{"data":[{"id":"a","lifecycle":"deprecated","retires_at":"2027-01-22T00:00:00Z"},
                {"id":"b","lifecycle":"active","retires_at":null},
                {"id":"c","lifecycle":"retired","retires_at":"2026-01-05T00:00:00Z"}]}"#,
        );
        assert_eq!(models[0].record.ends_at, parse_day("2027-01-22"));
        assert_eq!(models[1].record.ends_at, None);
        let chats: Vec<_> = models.iter().map(|model| model.record.chats()).collect();
        assert_eq!(chats, [true, true, false]);
    }
}
