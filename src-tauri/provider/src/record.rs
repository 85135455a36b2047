//! What a model takes and costs: the record of one model at one provider.
//!
//! A record is filled from the fields that the provider's list reports, then from the [`table`], then from a refusal
//! that names a parameter ([`refusal`]). A field that none of them knows is `None`, and the protocol decides.

mod refusal;
mod table;

pub use conch_model::Parameter;
use conch_model::{Parameters, ProtocolKind, ReasoningEffort, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use specta::Type;

pub use self::refusal::{Refusal, Refusals};
#[cfg(test)]
pub(crate) use self::table::record_anywhere;
pub use self::table::record_of;

/// How long before its end a model is no longer chosen for a new conversation by itself.
const SOON_MS: i64 = 60 * 24 * 60 * 60 * 1000;

/// What a model takes and costs, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelRecord {
    /// What it is for; unknown counts as chat.
    pub kind: Option<ModelKind>,
    /// The context window in tokens.
    pub context_tokens: Option<u32>,
    /// The longest answer in tokens, with its thinking.
    pub max_output_tokens: Option<u32>,
    /// Whether it accepts images.
    pub vision: Option<bool>,
    /// Whether it calls tools.
    pub tools: Option<bool>,
    /// How a request configures its thinking.
    pub thinking: Option<ThinkingForm>,
    /// The efforts that it takes, least first; [`ReasoningEffort::None`] where its thinking can be turned off.
    /// Empty where its thinking cannot be configured.
    pub efforts: Option<Vec<ReasoningEffort>>,
    /// Whether it thinks although the request does not say so.
    pub thinks_by_default: Option<bool>,
    /// When it takes a temperature and a top-p.
    pub sampling: Option<Sampling>,
    /// Whether it takes stop sequences.
    pub stop: Option<bool>,
    /// The name of the limit of the answer's length, in the OpenAI protocol.
    pub length: Option<LengthName>,
    /// The protocol that it wants of those that its provider speaks; that of the provider if unknown.
    pub protocol: Option<ProtocolKind>,
    /// Whether a server on this machine passes its requests on to a service.
    pub cloud: Option<bool>,
    /// Its price.
    pub price: Option<Price>,
    /// When its provider shuts it down.
    #[serde(deserialize_with = "day")]
    pub ends_at: Option<Timestamp>,
    /// The parameters that it refused in this run.
    #[serde(skip)]
    pub refused: Vec<Parameter>,
    /// What else of a request it refused in this run.
    #[serde(skip)]
    pub refused_extras: Vec<Extra>,
}

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// It answers messages with text.
    Chat,
    /// It turns text into vectors.
    Embedding,
    /// It writes down, speaks or composes.
    Speech,
    /// It draws or films.
    Image,
    /// It classifies, moderates or clicks.
    Other,
}

/// How a request configures a model's thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThinkingForm {
    /// By a level; turned off by the level `none`.
    Level,
    /// By a level; turned off by a switch of its own, `thinking: {type: disabled}`.
    LevelAndSwitch,
    /// By a number of tokens.
    Budget,
    /// It decides by itself, within an effort.
    Adaptive,
}

/// When a model takes a temperature and a top-p.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// In every request.
    Always,
    /// Unless it thinks.
    WithoutThinking,
    /// Never.
    Never,
}

/// The two names of the limit of the answer's length in the OpenAI protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LengthName {
    /// The older one, which most servers know.
    MaxTokens,
    /// The newer one, which OpenAI's own models require.
    MaxCompletionTokens,
}

impl LengthName {
    /// Returns the name on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
        }
    }
}

/// A price in millionths of a US dollar per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
pub struct Price {
    /// Of what is sent, not cached.
    pub input: u32,
    /// Of the answer and its thinking.
    pub output: u32,
}

/// From dollars, as the file has it.
impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Dollars {
            input: f64,
            output: f64,
        }
        let Dollars { input, output } = Dollars::deserialize(deserializer)?;
        let millionths =
            |dollars| millionths(dollars).ok_or_else(|| serde::de::Error::custom("not a price"));
        Ok(Self {
            input: millionths(input)?,
            output: millionths(output)?,
        })
    }
}

/// Returns US dollars in millionths; `None` below zero or above 4294 dollars.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked before"
)]
pub(crate) fn millionths(dollars: f64) -> Option<u32> {
    let millionths = (dollars * 1e6).round();
    (0.0..=f64::from(u32::MAX))
        .contains(&millionths)
        .then_some(millionths as u32)
}

/// A part of a request that Conch adds by itself, and that a model or an account may refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    /// A summary of the reasoning, which OpenAI refuses to organizations that are not verified.
    ReasoningSummary,
    /// What the provider sent with earlier answers and requires back: an account that changed has other keys.
    ProviderData,
}

impl ModelRecord {
    /// Returns this record, with `other` for what it does not know.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            kind: self.kind.or(other.kind),
            context_tokens: self.context_tokens.or(other.context_tokens),
            max_output_tokens: self.max_output_tokens.or(other.max_output_tokens),
            vision: self.vision.or(other.vision),
            tools: self.tools.or(other.tools),
            thinking: self.thinking.or(other.thinking),
            efforts: self.efforts.or(other.efforts),
            thinks_by_default: self.thinks_by_default.or(other.thinks_by_default),
            sampling: self.sampling.or(other.sampling),
            stop: self.stop.or(other.stop),
            length: self.length.or(other.length),
            protocol: self.protocol.or(other.protocol),
            cloud: self.cloud.or(other.cloud),
            price: self.price.or(other.price),
            ends_at: self.ends_at.or(other.ends_at),
            refused: [self.refused, other.refused].concat(),
            refused_extras: [self.refused_extras, other.refused_extras].concat(),
        }
    }

    /// Returns whether it answers messages, as far as it is known.
    pub fn chats(&self) -> bool {
        self.kind.is_none_or(|kind| kind == ModelKind::Chat)
    }

    /// Returns the protocol in which the model is asked, at a provider that is configured with `protocol`. OpenAI's
    /// two protocols have the same base URL and the same list; no other provider speaks two at one address.
    #[must_use]
    pub fn protocol_at(&self, protocol: ProtocolKind) -> ProtocolKind {
        match (protocol, self.protocol) {
            (ProtocolKind::OpenAi, Some(ProtocolKind::Responses)) => ProtocolKind::Responses,
            _ => protocol,
        }
    }

    /// Returns whether it takes what its provider sent with earlier answers.
    pub(crate) fn takes_data(&self) -> bool {
        !self.refused_extras.contains(&Extra::ProviderData)
    }

    /// Returns whether it ends within 60 days, or has ended.
    pub fn ends_soon(&self, now: Timestamp) -> bool {
        let left = |end: Timestamp| end.as_millis().saturating_sub(now.as_millis());
        self.ends_at.is_some_and(|end| left(end) < SOON_MS)
    }

    /// Returns the parameters that the model takes. What it would refuse is left out, because the defaults of
    /// all conversations are set without knowing the model; an effort is the nearest that it has, and the
    /// length at most what it can write.
    pub(crate) fn accepted(&self, parameters: &Parameters) -> Parameters {
        let takes = |parameter| !self.refused.contains(&parameter);
        let effort = parameters.reasoning_effort;
        let effort = effort.and_then(|effort| self.nearest_effort(effort));
        let effort = effort.filter(|_| takes(Parameter::ReasoningEffort));
        let samples = match self.sampling {
            None | Some(Sampling::Always) => true,
            Some(Sampling::WithoutThinking) => !self.thinks(effort),
            Some(Sampling::Never) => false,
        };
        let most = self.max_output_tokens.unwrap_or(u32::MAX);
        let stop = if takes(Parameter::Stop) && self.stop != Some(false) {
            parameters.stop.clone()
        } else {
            Vec::new()
        };
        Parameters {
            system_prompt: parameters.system_prompt.clone(),
            temperature: parameters
                .temperature
                .filter(|_| samples && takes(Parameter::Temperature)),
            top_p: parameters
                .top_p
                .filter(|_| samples && takes(Parameter::TopP)),
            max_tokens: parameters
                .max_tokens
                .filter(|_| takes(Parameter::MaxTokens))
                .map(|tokens| tokens.min(most)),
            stop,
            reasoning_effort: effort,
        }
    }

    /// Returns which of these parameters are set and not sent, because the model does not take them.
    pub fn not_sent(&self, parameters: &Parameters) -> Vec<Parameter> {
        let sent = self.accepted(parameters);
        let dropped = [
            (
                Parameter::Temperature,
                parameters.temperature.is_some() && sent.temperature.is_none(),
            ),
            (
                Parameter::TopP,
                parameters.top_p.is_some() && sent.top_p.is_none(),
            ),
            (
                Parameter::MaxTokens,
                parameters.max_tokens.is_some() && sent.max_tokens.is_none(),
            ),
            (
                Parameter::Stop,
                !parameters.stop.is_empty() && sent.stop.is_empty(),
            ),
            (
                Parameter::ReasoningEffort,
                parameters.reasoning_effort.is_some() && sent.reasoning_effort.is_none(),
            ),
        ];
        let is_dropped =
            |(parameter, is_dropped): (Parameter, bool)| is_dropped.then_some(parameter);
        dropped.into_iter().filter_map(is_dropped).collect()
    }

    /// Returns whether it thinks with this effort.
    pub(crate) fn thinks(&self, effort: Option<ReasoningEffort>) -> bool {
        effort.map_or(self.thinks_by_default == Some(true), |effort| {
            effort != ReasoningEffort::None
        })
    }

    /// Returns the nearest effort that the model takes: the next lower one, else its least. Never `none` unless
    /// that is meant, and nothing if its thinking cannot be configured.
    fn nearest_effort(&self, effort: ReasoningEffort) -> Option<ReasoningEffort> {
        let Some(efforts) = &self.efforts else {
            return Some(effort);
        };
        if effort == ReasoningEffort::None {
            return efforts.first().copied();
        }
        let levels = efforts
            .iter()
            .filter(|level| **level != ReasoningEffort::None);
        let lower = levels.clone().rfind(|level| **level <= effort);
        lower.or_else(|| levels.clone().next()).copied()
    }
}

/// Returns the start of a day, which is written as `2026-12-11` or as a time in RFC 3339.
pub(crate) fn parse_day(text: &str) -> Option<Timestamp> {
    Timestamp::from_name(&format!("{}T00-00-00Z", text.get(..10)?))
}

fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let day = parse_day(&text).ok_or_else(|| serde::de::Error::custom("not a day"))?;
    Ok(Some(day))
}

#[cfg(test)]
mod tests {
    use super::*;
    use conch_model::ReasoningEffort::{High, Low, Max, Medium, Minimal, None as Off, Xhigh};

    fn effort(efforts: &[ReasoningEffort], wanted: ReasoningEffort) -> Option<ReasoningEffort> {
        let record = ModelRecord {
            efforts: Some(efforts.to_vec()),
            ..ModelRecord::default()
        };
        let parameters = Parameters {
            reasoning_effort: Some(wanted),
            ..Parameters::default()
        };
        record.accepted(&parameters).reasoning_effort
    }

    #[test]
    fn an_effort_that_the_model_lacks_becomes_the_nearest() {
        let all = [Off, Low, Medium, High];
        assert_eq!(effort(&all, Medium), Some(Medium));
        assert_eq!(effort(&all, Max), Some(High));
        assert_eq!(effort(&all, Minimal), Some(Low), "not off");
        assert_eq!(effort(&all, Off), Some(Off));
        assert_eq!(effort(&[Low, High], Xhigh), Some(High));
        assert_eq!(effort(&[Low, High], Medium), Some(Low));
        assert_eq!(effort(&[Low, High], Off), Some(Low), "it always thinks");
        assert_eq!(effort(&[], High), None, "it cannot be configured");
    }

    #[test]
    fn what_a_model_refuses_is_left_out() {
        let parameters = Parameters {
            system_prompt: Some("Be brief".to_owned()),
            temperature: Some(0.5),
            top_p: Some(0.9),
            max_tokens: Some(1000),
            stop: vec!["END".to_owned()],
            reasoning_effort: Some(High),
        };
        let unknown = ModelRecord::default();
        assert_eq!(unknown.accepted(&parameters), parameters);

        let strict = ModelRecord {
            sampling: Some(Sampling::Never),
            stop: Some(false),
            max_output_tokens: Some(100),
            efforts: Some(vec![]),
            ..ModelRecord::default()
        };
        let expected = Parameters {
            system_prompt: Some("Be brief".to_owned()),
            max_tokens: Some(100),
            ..Parameters::default()
        };
        assert_eq!(strict.accepted(&parameters), expected);
    }

    #[test]
    fn a_model_that_samples_only_without_thinking_samples_when_it_does_not_think() {
        let record = ModelRecord {
            sampling: Some(Sampling::WithoutThinking),
            thinks_by_default: Some(true),
            efforts: Some(vec![Off, High]),
            ..ModelRecord::default()
        };
        let temperature = |reasoning_effort, thinks_by_default| {
            let parameters = Parameters {
                temperature: Some(0.5),
                reasoning_effort,
                ..Parameters::default()
            };
            let record = ModelRecord {
                thinks_by_default: Some(thinks_by_default),
                ..record.clone()
            };
            record.accepted(&parameters).temperature
        };
        assert_eq!(temperature(None, true), None);
        assert_eq!(temperature(None, false), Some(0.5));
        assert_eq!(temperature(Some(Off), true), Some(0.5));
        assert_eq!(temperature(Some(High), false), None);
    }

    #[test]
    fn a_model_ends_soon_when_two_months_are_left() {
        let ends_at = parse_day("2026-12-11T00:00:00Z");
        let record = ModelRecord {
            ends_at,
            ..ModelRecord::default()
        };
        let at = |day| record.ends_soon(parse_day(day).unwrap());
        assert!(!at("2026-10-01"));
        assert!(at("2026-11-30"));
        assert!(at("2027-01-01"), "it has ended");
        assert_eq!(parse_day("soon"), None);
        assert_eq!(parse_day("2026-1é-01"), None);
    }
}
