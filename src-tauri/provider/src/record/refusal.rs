//! What a provider refused: the parameter that an error names, remembered for the run.
//!
//! No list reports everything, and a parameter in the defaults of all conversations would fail each request to a
//! model that does not take it. A refused request produced no answer, so it may be sent again without the
//! parameter.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use conch_model::{Parameters, ReasoningEffort};

use super::{Extra, LengthName, ModelRecord, Parameter};
use crate::endpoint::Provider;
use crate::failure::{Failure, FailureKind};

/// What an error says about a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It does not take this parameter, or not with this value.
    Parameter(Parameter),
    /// It takes only these efforts, least first.
    Efforts(Vec<ReasoningEffort>),
    /// It wants the limit of the length under this name.
    Length(LengthName),
    /// It does not take something that Conch adds by itself.
    Extra(Extra),
}

impl Refusal {
    /// Returns what `failure`, a 400 or 422, says about a parameter that was sent: one of `parameters`, in the
    /// form that `record` led to. `None` if it names none, or nothing new.
    pub fn in_failure(
        failure: &Failure,
        parameters: &Parameters,
        record: &ModelRecord,
    ) -> Option<Self> {
        let reason = reason(failure)?;
        let extra = extra_in(reason).filter(|extra| !record.refused_extras.contains(extra));
        if let Some(extra) = extra {
            return Some(Self::Extra(extra));
        }
        // "messages.1.content.0: …" is about the conversation.
        if words(reason)
            .find(|word| !word.is_empty())?
            .starts_with("messages")
        {
            return None;
        }
        let sent = record.accepted(parameters);
        // A path of fields, as `body.reasoning_effort`, names each of them.
        let is = |word: &str, name: &str| {
            let mut fields = word.split('.').chain([word]);
            fields.any(|field| field.eq_ignore_ascii_case(name))
        };
        let first =
            |names: &[&str]| words(reason).position(|word| names.iter().any(|name| is(word, name)));
        let thinking = || {
            let may_think =
                sent.reasoning_effort.is_some() || record.thinks_by_default == Some(true);
            let takes = !record.refused.contains(&Parameter::ReasoningEffort);
            let at = first(&THINKING_NAMES).filter(|_| may_think && takes)?;
            Some((at, efforts_or_none(reason, sent.reasoning_effort)))
        };
        let length = || {
            let at = first(&LENGTH_NAMES).filter(|_| sent.max_tokens.is_some())?;
            // OpenAI: "'max_tokens' is not supported … Use 'max_completion_tokens' instead."
            let newer = LengthName::MaxCompletionTokens;
            let renames = record.length != Some(newer) && first(&[newer.name()]).is_some();
            let refusal = if renames {
                Self::Length(newer)
            } else {
                Self::Parameter(Parameter::MaxTokens)
            };
            Some((at, refusal))
        };
        let stop = || {
            // "stop" is also a word of other sentences.
            let mut quotes = ['\'', '"', '`'].into_iter();
            let is_quoted = quotes.any(|quote| reason.contains(&format!("{quote}stop{quote}")));
            let at = match first(&["stop_sequences", "stopsequences"]) {
                None if is_quoted => first(&["stop"]),
                at => at,
            };
            at.filter(|_| !sent.stop.is_empty())
        };
        let temperature = first(&["temperature"]).filter(|_| sent.temperature.is_some());
        let top_p = first(&["top_p", "topp"]).filter(|_| sent.top_p.is_some());
        let plain = |at: Option<usize>, parameter| Some((at?, Self::Parameter(parameter)));
        let named = [
            thinking(),
            length(),
            plain(temperature, Parameter::Temperature),
            plain(top_p, Parameter::TopP),
            plain(stop(), Parameter::Stop),
        ];
        // An error that names two begins with the one that it refuses: "`temperature` may only be set to 1 when
        // thinking is enabled".
        let refused = named.into_iter().flatten().min_by_key(|(at, _)| *at);
        refused.map(|(_, refusal)| refusal)
    }
}

/// Returns the efforts that the error lists, if they help; otherwise thinking cannot be configured.
fn efforts_or_none(reason: &str, sent: Option<ReasoningEffort>) -> Refusal {
    let supported = supported_efforts(reason);
    let helps = sent.is_some_and(|effort| !supported.is_empty() && !supported.contains(&effort));
    if helps {
        Refusal::Efforts(supported)
    } else {
        Refusal::Parameter(Parameter::ReasoningEffort)
    }
}

impl ModelRecord {
    /// Takes note of a refusal.
    pub fn learn(&mut self, refusal: Refusal) {
        match refusal {
            Refusal::Parameter(parameter) => {
                if !self.refused.contains(&parameter) {
                    self.refused.push(parameter);
                }
            }
            Refusal::Efforts(efforts) => self.efforts = Some(efforts),
            Refusal::Length(name) => self.length = Some(name),
            Refusal::Extra(extra) => {
                if !self.refused_extras.contains(&extra) {
                    self.refused_extras.push(extra);
                }
            }
        }
    }
}

/// How the protocols name what configures thinking, in lower case.
const THINKING_NAMES: [&str; 12] = [
    "reasoning_effort",
    "reasoning.effort",
    "reasoning",
    "thinking",
    "thinking.type",
    "thinking.type.enabled",
    "thinking.type.disabled",
    "thinkinglevel",
    "thinking_level",
    "thinkingconfig",
    "think",
    "output_config.effort",
];

/// How the protocols name the limit of the length, in lower case.
const LENGTH_NAMES: [&str; 5] = [
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "maxoutputtokens",
    "num_predict",
];

/// Returns the provider's reason, if the failure is a 400 or a 422 without another meaning.
fn reason(failure: &Failure) -> Option<&str> {
    if failure.kind != FailureKind::Rejected {
        return None;
    }
    let reason = failure.reason.as_deref()?;
    matches!(failure.status?, 400 | 422).then_some(reason)
}

/// Returns what the error is about, of what Conch adds to a request by itself.
fn extra_in(reason: &str) -> Option<Extra> {
    const SUMMARY: [&str; 2] = ["reasoning.summary", "reasoning summar"];
    // Anthropic: "Invalid `signature` in `thinking` block". Gemini: "Corrupted thought signature". OpenAI: "The
    // encrypted content for item rs_1 could not be verified", "Encrypted content is not supported with this model".
    // "Item 'rs_1' of type 'reasoning' was provided without its required following item".
    const DATA: [&str; 5] = [
        "signature",
        "encrypted content",
        "encrypted_content",
        "redacted_thinking",
        "required following item",
    ];
    let reason = reason.to_ascii_lowercase();
    let names = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    if names(&SUMMARY) {
        Some(Extra::ReasoningSummary)
    } else {
        names(&DATA).then_some(Extra::ProviderData)
    }
}

/// Returns the words of a text, with the dots and underscores inside them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'));
    words.map(|word| word.trim_matches('.'))
}

/// Returns the efforts that are listed after "supported", least first; empty if none are.
fn supported_efforts(reason: &str) -> Vec<ReasoningEffort> {
    let lower = reason.to_ascii_lowercase();
    let listed = ["supported values", "supported levels", "must be one of"];
    let listed = listed.iter().find_map(|start| lower.split_once(start));
    let Some((_, listed)) = listed else {
        return Vec::new();
    };
    let is_listed = |effort: &ReasoningEffort| words(listed).any(|word| word == effort.name());
    ReasoningEffort::ALL.into_iter().filter(is_listed).collect()
}

/// The refusals of this run, by provider and model.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<HashMap<(String, String), Vec<Refusal>>>);

impl Refusals {
    /// Remembers a refusal. Another address is another provider.
    pub fn remember(&self, provider: &Provider, model: &str, refusal: Refusal) {
        let key = (provider.base_url.clone(), model.to_owned());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(key).or_default().push(refusal);
    }

    /// Adds what the model refused in this run to its record.
    pub fn apply(&self, provider: &Provider, model: &str, record: &mut ModelRecord) {
        let key = (provider.base_url.clone(), model.to_owned());
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for refusal in all.get(&key).into_iter().flatten() {
            record.learn(refusal.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use conch_model::ReasoningEffort::{High, Low, Medium, None as Off, Xhigh};
    use conch_model::Timestamp;
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;

    fn all() -> Parameters {
        Parameters {
            system_prompt: None,
            temperature: Some(0.5),
            top_p: Some(0.9),
            max_tokens: Some(100),
            stop: vec!["END".to_owned()],
            reasoning_effort: Some(Xhigh),
        }
    }

    fn failure(status: StatusCode, body: &str) -> Failure {
        Failure::from_status(status, &HeaderMap::new(), body, Timestamp::from_millis(0))
    }

    fn refusal(body: &str) -> Option<Refusal> {
        let failure = failure(StatusCode::BAD_REQUEST, body);
        Refusal::in_failure(&failure, &all(), &ModelRecord::default())
    }

    #[test]
    fn the_named_parameter_is_found_in_every_providers_words() {
        use Parameter::{MaxTokens, ReasoningEffort, Stop, Temperature, TopP};
        for (body, parameter) in [
            (
                r#"{"error":{"message":"Unsupported value: 'temperature' does not support 0.5 with this model. Only the default (1) value is supported.","param":"temperature","code":"unsupported_value"}}"#,
                Temperature,
            ),
            (
                r#"{"error":{"message":"`temperature` is deprecated for this model."}}"#,
                Temperature,
            ),
            (
                r#"{"error":{"message":"`temperature` may only be set to 1 when thinking is enabled."}}"#,
                Temperature,
            ),
            (
                r#"{"error":{"message":"Unsupported parameter: 'top_p' is not supported with this model."}}"#,
                TopP,
            ),
            (
                r#"{"error":{"message":"Unsupported parameter: 'stop' is not supported with this model."}}"#,
                Stop,
            ),
            (
                r#"{"error":{"message":"max_tokens: 100 > 64, which is the maximum allowed number of output tokens"}}"#,
                MaxTokens,
            ),
            (
                r#"{"error":"\"gemma3\" does not support thinking"}"#,
                ReasoningEffort,
            ),
            (
                r#"{"error":{"message":"\"thinking.type.enabled\" is not supported for this model."}}"#,
                ReasoningEffort,
            ),
            (
                r#"{"error":{"message":"Thinking level is not supported for this model.","status":"INVALID_ARGUMENT"}}"#,
                ReasoningEffort,
            ),
            (
                r#"{"error":{"message":"Invalid JSON payload received. Unknown name \"thinkingLevel\" at 'generation_config'"}}"#,
                ReasoningEffort,
            ),
            (
                r#"{"detail":[{"type":"extra_forbidden","loc":["body","reasoning_effort"],"msg":"Extra inputs are not permitted"}]}"#,
                ReasoningEffort,
            ),
        ] {
            assert_eq!(refusal(body), Some(Refusal::Parameter(parameter)), "{body}");
        }
    }

    #[test]
    fn the_newer_name_and_the_efforts_are_learned_where_the_error_lists_them() {
        let length = r#"{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."}}"#;
        let newer = LengthName::MaxCompletionTokens;
        assert_eq!(refusal(length), Some(Refusal::Length(newer)));
        let efforts = r#"{"error":{"message":"Unsupported value: 'reasoning_effort' does not support 'xhigh' with this model. Supported values are: 'none', 'low', 'medium', and 'high'."}}"#;
        let listed = vec![Off, Low, Medium, High];
        assert_eq!(refusal(efforts), Some(Refusal::Efforts(listed.clone())));

        let mut record = ModelRecord::default();
        record.learn(Refusal::Efforts(listed));
        record.learn(Refusal::Length(newer));
        assert_eq!(record.accepted(&all()).reasoning_effort, Some(High));
        assert_eq!(record.length, Some(newer));
        // The same words again do not help again.
        let failure = failure(StatusCode::BAD_REQUEST, length);
        let again = Refusal::in_failure(&failure, &all(), &record);
        assert_eq!(again, Some(Refusal::Parameter(Parameter::MaxTokens)));
    }

    #[test]
    fn what_conch_adds_by_itself_is_left_out_once_it_is_refused() {
        use Extra::{ProviderData, ReasoningSummary};
        for (message, extra) in [
            (
                "Your organization must be verified to generate reasoning summaries. Please go to settings.",
                ReasoningSummary,
            ),
            (
                "Unsupported parameter: 'reasoning.summary' is not supported with the 'o1-pro' model.",
                ReasoningSummary,
            ),
            (
                "Encrypted content is not supported with this model.",
                ProviderData,
            ),
            (
                "The encrypted content for item rs_1 could not be verified.",
                ProviderData,
            ),
            ("Corrupted thought signature.", ProviderData),
            (
                "Item 'rs_1' of type 'reasoning' was provided without its required following item.",
                ProviderData,
            ),
            (
                "messages.1.content.0: Invalid `signature` in `thinking` block",
                ProviderData,
            ),
        ] {
            let body = serde_json::json!({"error": {"message": message}}).to_string();
            assert_eq!(refusal(&body), Some(Refusal::Extra(extra)), "{message}");
            let mut record = ModelRecord::default();
            record.learn(Refusal::Extra(extra));
            let failure = failure(StatusCode::BAD_REQUEST, &body);
            let again = Refusal::in_failure(&failure, &all(), &record);
            assert_ne!(again, Some(Refusal::Extra(extra)), "it does not help again");
        }
    }

    #[test]
    fn what_was_not_sent_or_means_something_else_is_no_refusal() {
        let bad = |body| failure(StatusCode::BAD_REQUEST, body);
        let temperature = bad(r#"{"error":{"message":"temperature is not supported"}}"#);
        let none = Parameters::default();
        let unknown = ModelRecord::default();
        assert_eq!(Refusal::in_failure(&temperature, &none, &unknown), None);
        let mut learned = unknown.clone();
        learned.learn(Refusal::Parameter(Parameter::Temperature));
        assert_eq!(Refusal::in_failure(&temperature, &all(), &learned), None);
        assert_eq!(learned.accepted(&all()).temperature, None);

        for body in [
            r#"{"error":{"message":"The model must stop here"}}"#,
            r#"{"error":{"message":"messages: roles must alternate"}}"#,
            "<html>temperature</html>",
        ] {
            let refusal = Refusal::in_failure(&bad(body), &all(), &unknown);
            assert_eq!(refusal, None, "{body}");
        }
        let body = r#"{"error":{"message":"'temperature' is bad"}}"#;
        for status in [StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS] {
            let failure = failure(status, body);
            assert_eq!(Refusal::in_failure(&failure, &all(), &unknown), None);
        }
        let unprocessable = failure(StatusCode::UNPROCESSABLE_ENTITY, body);
        let refusal = Refusal::in_failure(&unprocessable, &all(), &unknown);
        assert_eq!(refusal, Some(Refusal::Parameter(Parameter::Temperature)));
    }

    #[test]
    fn a_refusal_is_remembered_for_its_provider_and_model() {
        let refusals = Refusals::default();
        let here = Provider::openai("https://a.example/v1", None);
        let refusal = Refusal::Parameter(Parameter::Stop);
        refusals.remember(&here, "m", refusal);
        let refused = |base_url: &str, model| {
            let mut record = ModelRecord::default();
            refusals.apply(&Provider::openai(base_url, None), model, &mut record);
            record.refused
        };
        assert_eq!(refused("https://a.example/v1", "m"), [Parameter::Stop]);
        assert_eq!(refused("https://a.example/v1", "n"), []);
        assert_eq!(refused("https://b.example/v1", "m"), []);
    }
}
