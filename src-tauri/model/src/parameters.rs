//! The request parameters besides the messages. A parameter that is not set is not sent, so that the
//! provider's own default applies.

use serde::{Deserialize, Serialize};
use specta::Type;

/// Maximum number of stop sequences: the OpenAI protocol's limit.
const MAX_STOPS: usize = 4;

/// Maximum length of a stop sequence, in bytes of UTF-8.
const MAX_STOP_BYTES: usize = 1000;

/// Maximum length of the system prompt, in bytes of UTF-8.
const MAX_PROMPT_BYTES: usize = 256 * 1024;

/// The parameters of a conversation, or the defaults of all conversations.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Parameters {
    /// Instructions to the model, sent before the conversation.
    pub system_prompt: Option<String>,
    /// The sampling temperature, from 0 to 2.
    pub temperature: Option<f64>,
    /// Nucleus sampling: the probability mass to sample from, above 0 and at most 1.
    pub top_p: Option<f64>,
    /// Maximum length of the answer, in tokens.
    pub max_tokens: Option<u32>,
    /// Stop sequences, at most four; empty for none.
    pub stop: Vec<String>,
    /// How much a reasoning model thinks before it answers.
    pub reasoning_effort: Option<ReasoningEffort>,
}

/// A request parameter that a model may not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "variant names say it")]
pub enum Parameter {
    Temperature,
    TopP,
    MaxTokens,
    Stop,
    ReasoningEffort,
}

/// How much a reasoning model thinks before it answers, least first. No model takes every level
/// (<https://developers.openai.com/api/docs/guides/reasoning>).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Type,
)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "variant names say it")]
pub enum ReasoningEffort {
    /// It does not think.
    None,
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
    /// As long as it helps.
    Max,
}

impl ReasoningEffort {
    /// All levels, least first.
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Minimal,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Xhigh,
        Self::Max,
    ];

    /// Returns the name on the wire, which the OpenAI and Anthropic protocols share.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
            Self::Max => "max",
        }
    }
}

impl Parameters {
    /// Returns these parameters, with `defaults` for those that are not set.
    #[must_use]
    pub fn or(self, defaults: &Self) -> Self {
        Self {
            system_prompt: self
                .system_prompt
                .or_else(|| defaults.system_prompt.clone()),
            temperature: self.temperature.or(defaults.temperature),
            top_p: self.top_p.or(defaults.top_p),
            max_tokens: self.max_tokens.or(defaults.max_tokens),
            stop: if self.stop.is_empty() {
                defaults.stop.clone()
            } else {
                self.stop
            },
            reasoning_effort: self.reasoning_effort.or(defaults.reasoning_effort),
        }
    }

    /// Returns the parameters without empty values.
    ///
    /// # Errors
    /// What the user has to correct, when a value is out of range.
    pub fn validate(mut self) -> Result<Self, &'static str> {
        self.system_prompt = self.system_prompt.filter(|text| !text.trim().is_empty());
        self.stop.retain(|text| !text.is_empty());
        let in_range = |value: Option<f64>, least: f64, most: f64| {
            value.is_none_or(|value| (least..=most).contains(&value))
        };
        if self
            .system_prompt
            .as_ref()
            .is_some_and(|text| text.len() > MAX_PROMPT_BYTES)
        {
            return Err("The system prompt is longer than 256 KiB. Shorten it");
        }
        if !in_range(self.temperature, 0.0, 2.0) {
            return Err("The temperature must be from 0 to 2");
        }
        if !in_range(self.top_p, f64::MIN_POSITIVE, 1.0) {
            return Err("Top-p must be above 0 and at most 1");
        }
        if self.max_tokens == Some(0) {
            return Err("Max tokens must be at least 1");
        }
        if self.stop.len() > MAX_STOPS {
            return Err("Enter at most four stop sequences");
        }
        if self.stop.iter().any(|text| text.len() > MAX_STOP_BYTES) {
            return Err("A stop sequence is longer than 1,000 bytes. Shorten it");
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_goes_before_the_default() {
        let defaults = Parameters {
            temperature: Some(1.0),
            max_tokens: Some(100),
            stop: vec!["END".to_owned()],
            ..Parameters::default()
        };
        let own = Parameters {
            temperature: Some(0.0),
            ..Parameters::default()
        };
        let merged = own.or(&defaults);
        assert_eq!(merged.temperature, Some(0.0));
        assert_eq!(merged.max_tokens, Some(100));
        assert_eq!(merged.stop, ["END"]);
        assert_eq!(merged.top_p, None, "set nowhere, sent nowhere");
    }

    #[test]
    fn an_effort_has_one_name_everywhere_and_the_levels_are_in_order() {
        for effort in ReasoningEffort::ALL {
            let named = serde_json::to_value(effort).unwrap();
            assert_eq!(named, effort.name());
        }
        assert!(ReasoningEffort::ALL.is_sorted());
    }

    #[test]
    fn what_is_empty_counts_as_not_set() {
        let empty = Parameters {
            system_prompt: Some("  \n".to_owned()),
            stop: vec![String::new()],
            ..Parameters::default()
        };
        assert_eq!(empty.validate(), Ok(Parameters::default()));
    }

    #[test]
    fn what_no_provider_takes_is_refused() {
        let with = |change: fn(&mut Parameters)| {
            let mut parameters = Parameters::default();
            change(&mut parameters);
            parameters.validate()
        };
        assert!(with(|p| p.temperature = Some(2.1)).is_err());
        assert!(with(|p| p.temperature = Some(f64::NAN)).is_err());
        assert!(with(|p| p.top_p = Some(0.0)).is_err());
        assert!(with(|p| p.max_tokens = Some(0)).is_err());
        assert!(with(|p| p.stop = vec!["x".to_owned(); 5]).is_err());
        assert!(with(|p| p.stop = vec!["x".repeat(1001)]).is_err());
        assert!(with(|p| p.temperature = Some(2.0)).is_ok());
    }
}
