//! What the lists of providers do not report, from one dated file: `data/models.json`.
//!
//! An entry describes a family of models: their protocol, the host if it is true of one provider only, patterns
//! of their names, the source and its date. The entries are read from the first to the last, and a later one
//! replaces what an earlier one says, so that a family can be described as a whole before its exceptions.

use std::sync::LazyLock;

use conch_model::ProtocolKind;
use reqwest::Url;
use serde::Deserialize;

use super::ModelRecord;
use crate::endpoint::Provider;

static FAMILIES: LazyLock<Vec<Family>> = LazyLock::new(|| {
    parse(include_str!("../../data/models.json")).unwrap_or_else(|error| {
        tracing::error!(%error, "the table of models cannot be read");
        Vec::new()
    })
});

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// How to read the file.
    #[serde(rename = "about")]
    _about: String,
    families: Vec<Family>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    protocol: ProtocolKind,
    /// The host of the only provider of which this is true.
    host: Option<String>,
    /// Patterns of names, see [`matches()`].
    models: Vec<String>,
    record: ModelRecord,
    /// Where it is written, and when it was read.
    #[cfg_attr(not(test), expect(dead_code, reason = "for readers of the file"))]
    source: String,
    #[cfg_attr(not(test), expect(dead_code, reason = "for readers of the file"))]
    date: String,
}

fn parse(text: &str) -> Result<Vec<Family>, serde_json::Error> {
    serde_json::from_str::<Table>(text).map(|table| table.families)
}

/// Returns what the table says about a provider's model.
pub fn record_of(provider: &Provider, model: &str) -> ModelRecord {
    let url = Url::parse(&provider.base_url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    record_in(&FAMILIES, provider.protocol, host, model)
}

/// Returns what the table says about a model of this protocol at any host.
#[cfg(test)]
pub(crate) fn record_anywhere(protocol: ProtocolKind, model: &str) -> ModelRecord {
    record_in(&FAMILIES, protocol, "", model)
}

fn record_in(families: &[Family], protocol: ProtocolKind, host: &str, model: &str) -> ModelRecord {
    // Gateways put a company before the name, and servers a folder.
    let name = model.rsplit('/').next().unwrap_or(model);
    let name = name.to_ascii_lowercase();
    let applies = |family: &&Family| {
        let is_host = family.host.as_deref().is_none_or(|only| only == host);
        let mut patterns = family.models.iter();
        // The models of OpenAI's two protocols are the same.
        let is_protocol = family.protocol == protocol
            || (protocol == ProtocolKind::Responses && family.protocol == ProtocolKind::OpenAi);
        is_protocol && is_host && patterns.any(|pattern| matches(pattern, &name))
    };
    let families = families.iter().filter(applies);
    let record = families.fold(ModelRecord::default(), |before, family| {
        family.record.clone().or(before)
    });
    let has_no_stop = record.protocol_at(protocol) == ProtocolKind::Responses;
    ModelRecord {
        stop: if has_no_stop {
            Some(false)
        } else {
            record.stop
        },
        ..record
    }
}

/// Returns whether a name matches a pattern: `*` is any text, also none, and `?` any one character.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return starts(pattern, name) == Some("");
    };
    let Some(name) = starts(head, name) else {
        return false;
    };
    if rest.is_empty() {
        return true;
    }
    let mut tails = name.char_indices().map(|(at, _)| &name[at..]);
    tails.any(|tail| matches(rest, tail))
}

/// Returns what follows `head`, whose `?` stand for any character, in `name`.
fn starts<'a>(head: &str, name: &'a str) -> Option<&'a str> {
    let mut left = name.chars();
    for wanted in head.chars() {
        let found = left.next()?;
        if wanted != '?' && wanted != found {
            return None;
        }
    }
    Some(left.as_str())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::{LengthName, ModelKind, Sampling, ThinkingForm, parse_day};
    use super::*;
    use conch_model::ReasoningEffort;
    use conch_model::ReasoningEffort::{High, Low, Max, Medium, Minimal, None as Off, Xhigh};

    const OPENAI: &str = "api.openai.com";

    fn openai(model: &str) -> ModelRecord {
        record_in(&FAMILIES, ProtocolKind::OpenAi, OPENAI, model)
    }

    #[test]
    fn the_file_is_complete_and_no_family_is_described_twice() {
        let families = parse(include_str!("../../data/models.json")).unwrap();
        assert!(!families.is_empty());
        let mut seen = HashSet::new();
        for family in &families {
            assert!(
                family.source.len() > 10,
                "{:?} has no source",
                family.models
            );
            assert!(parse_day(&family.date).is_some(), "{:?}", family.models);
            assert!(!family.models.is_empty(), "{}", family.source);
            assert_ne!(family.record, ModelRecord::default(), "{:?}", family.models);
            if let Some(efforts) = &family.record.efforts {
                assert!(efforts.is_sorted(), "{:?}", family.models);
            }
            for model in &family.models {
                assert!(
                    !model.contains('/') && *model == model.to_lowercase(),
                    "{model}"
                );
                let key = (family.protocol, family.host.clone(), model.clone());
                assert!(seen.insert(key), "{model} is there twice");
            }
        }
    }

    #[test]
    fn a_pattern_is_the_whole_name() {
        assert!(matches("gpt-5", "gpt-5"));
        assert!(!matches("gpt-5", "gpt-5-mini"));
        assert!(matches("gpt-5*", "gpt-5"));
        assert!(matches("*-tts*", "gpt-4o-mini-tts"));
        assert!(!matches("*-tts*", "tts-1"));
        assert!(matches("claude-*-4?6", "claude-opus-4-6"));
        assert!(matches("claude-*-4?6*", "claude-opus-4.6-1m"));
        assert!(!matches("claude-*-4?6", "claude-opus-46"));
        assert!(!matches("*a", "é"));
        assert!(matches("?", "é"));
    }

    #[test]
    fn a_later_family_replaces_what_an_earlier_one_says() {
        let families = parse(
            r#"{"about":"","families":[
            {"protocol":"anthropic","models":["m*"],"source":"","date":"","record":{"vision":true,"stop":true}},
            {"protocol":"anthropic","models":["m-2"],"source":"","date":"","record":{"vision":false}},
            {"protocol":"anthropic","host":"a.example","models":["m-2"],"source":"","date":"","record":{"stop":false}}]}"#,
        )
        .unwrap();
        let at = |host, model| {
            let record = record_in(&families, ProtocolKind::Anthropic, host, model);
            (record.vision, record.stop)
        };
        assert_eq!(at("", "m-1"), (Some(true), Some(true)));
        assert_eq!(at("", "maker/M-2"), (Some(false), Some(true)));
        assert_eq!(at("a.example", "m-2"), (Some(false), Some(false)));
        assert_eq!(at("", "n"), (None, None));
    }

    #[test]
    fn openais_own_models_take_the_newer_name_of_the_length() {
        for model in ["gpt-6.2-astra", "gpt-5-mini", "gpt-4.1", "something-new"] {
            assert_eq!(
                openai(model).length,
                Some(LengthName::MaxCompletionTokens),
                "{model}"
            );
        }
        let elsewhere = |model| record_anywhere(ProtocolKind::OpenAi, model).length;
        assert_eq!(elsewhere("something-new"), None);
        assert_eq!(
            elsewhere("gpt-6-sol"),
            Some(LengthName::MaxCompletionTokens)
        );
    }

    #[test]
    fn each_model_of_openai_has_its_own_efforts() {
        let efforts: [(&str, &[ReasoningEffort]); 8] = [
            ("o3", &[Low, Medium, High]),
            ("gpt-5-mini", &[Minimal, Low, Medium, High]),
            ("gpt-5.1", &[Off, Low, Medium, High]),
            ("gpt-5.4-mini", &[Off, Low, Medium, High, Xhigh]),
            ("gpt-5.6-sol", &[Off, Low, Medium, High, Xhigh]),
            ("gpt-6-astra", &[Low, Medium, High, Xhigh, Max]),
            ("gpt-6-sol", &[Off, Low, Medium, High, Xhigh, Max]),
            ("gpt-4.1", &[]),
        ];
        for (model, expected) in efforts {
            assert_eq!(openai(model).efforts.as_deref(), Some(expected), "{model}");
        }
        assert_eq!(
            openai("gpt-6-astra").sampling,
            Some(Sampling::WithoutThinking)
        );
        assert_eq!(openai("gpt-5.2").thinks_by_default, Some(false));
        assert_eq!(openai("o3").stop, Some(false));
    }

    #[test]
    fn openais_own_host_is_asked_by_responses_and_others_by_chat_completions() {
        let kind = ProtocolKind::OpenAi;
        let asked = |record: ModelRecord| record.protocol_at(kind);
        for model in ["gpt-6-astra", "gpt-5.5-pro", "o3", "gpt-5.3-codex", "new"] {
            let record = openai(model);
            assert_eq!(record.stop, Some(false), "{model}: Responses has none");
            assert_eq!(asked(record), ProtocolKind::Responses, "{model}");
            let elsewhere = record_anywhere(kind, model);
            assert_eq!(asked(elsewhere), ProtocolKind::OpenAi, "{model}");
        }
        for model in [
            "gpt-4.1-mini",
            "gpt-4o",
            "chatgpt-4o-latest",
            "gpt-3.5-turbo",
        ] {
            let record = openai(model);
            assert_eq!(record.stop, None, "{model}");
            assert_eq!(asked(record), ProtocolKind::OpenAi, "{model}");
        }
        let own = ProtocolKind::Responses;
        let record = record_anywhere(own, "gpt-6-sol");
        assert_eq!(record.stop, Some(false));
        assert_eq!(record.efforts.as_ref().map(Vec::len), Some(6));
        assert_eq!(record.protocol_at(own), own);
        let claude = ModelRecord {
            protocol: Some(own),
            ..ModelRecord::default()
        };
        let anthropic = ProtocolKind::Anthropic;
        assert_eq!(claude.protocol_at(anthropic), anthropic);
    }

    #[test]
    fn an_end_is_that_of_the_model_alone() {
        let end = |model| openai(model).ends_at;
        assert_eq!(end("gpt-5-mini"), parse_day("2026-12-11"));
        assert_eq!(end("gpt-5-2025-08-07"), parse_day("2026-12-11"));
        assert_eq!(end("gpt-5.1"), parse_day("2027-04-01"));
        assert_eq!(end("gpt-5.4"), None);
        assert_eq!(end("gpt-4o-mini"), parse_day("2027-01-14"));
        let elsewhere = record_anywhere(ProtocolKind::OpenAi, "gpt-5");
        assert_eq!(elsewhere.ends_at, None, "another host has its own plans");
    }

    #[test]
    fn what_does_not_chat_is_known_by_its_kind() {
        for (model, kind) in [
            ("text-embedding-3-large", ModelKind::Embedding),
            ("whisper-1", ModelKind::Speech),
            ("gpt-4o-mini-tts", ModelKind::Speech),
            ("gpt-audio-mini", ModelKind::Speech),
            ("gpt-realtime-2", ModelKind::Speech),
            ("gpt-image-2", ModelKind::Image),
            ("sora-2", ModelKind::Image),
            ("omni-moderation-latest", ModelKind::Other),
        ] {
            assert_eq!(openai(model).kind, Some(kind), "{model}");
        }
        assert!(openai("gpt-6-sol").chats());
        let elsewhere = |model| record_anywhere(ProtocolKind::OpenAi, model).chats();
        assert!(elsewhere("qwen2-audio-7b-instruct"), "it reads text, too");
        assert!(!elsewhere("gpt-4o-audio-preview"));
    }

    #[test]
    fn the_newest_claudes_always_think_and_do_not_sample() {
        let claude = |model| record_anywhere(ProtocolKind::Anthropic, model);
        let all = [Low, Medium, High, Xhigh, Max];
        for model in [
            "claude-opus-5-5",
            "claude-sonnet-5-5",
            "claude-fable-5-1",
            "claude-mythos-5-2",
            "claude-fable-5",
            "claude-mythos-preview",
            "us.anthropic.claude-opus-5-5-v1:0",
        ] {
            let record = claude(model);
            assert_eq!(record.thinking, Some(ThinkingForm::Adaptive), "{model}");
            assert_eq!(record.efforts.as_deref(), Some(&all[..]), "{model}");
            assert_eq!(record.sampling, Some(Sampling::Never), "{model}");
            assert_eq!(record.thinks_by_default, Some(true), "{model}");
        }
        for model in [
            "claude-opus-5",
            "claude-sonnet-5",
            "claude-haiku-5-5",
            "claude-opus-4-8",
        ] {
            let efforts = claude(model).efforts.unwrap();
            assert_eq!(efforts[0], Off, "{model} can be turned off");
        }
        assert_eq!(claude("claude-opus-4-8").thinks_by_default, Some(false));
        let older = claude("claude-haiku-4-5-20251001");
        assert_eq!(older.thinking, Some(ThinkingForm::Budget));
        assert_eq!(older.efforts, Some(vec![Off, Low, Medium, High]));
        assert_eq!(older.sampling, Some(Sampling::WithoutThinking));
        assert_eq!(claude("glm-5"), ModelRecord::default());
    }

    #[test]
    fn what_thinks_at_ollama_takes_levels_and_gpt_oss_cannot_be_turned_off() {
        let efforts = |model| {
            record_anywhere(ProtocolKind::Ollama, model)
                .efforts
                .unwrap()
        };
        assert_eq!(efforts("qwen3:4b"), [Off, Low, Medium, High, Max]);
        assert_eq!(efforts("gpt-oss:120b-cloud"), [Low, Medium, High]);
    }

    #[test]
    fn each_gemini_has_its_own_levels() {
        let efforts: [(&str, ThinkingForm, &[ReasoningEffort]); 7] = [
            ("gemini-2.5-pro", ThinkingForm::Budget, &[Low, Medium, High]),
            (
                "gemini-2.5-flash-lite",
                ThinkingForm::Budget,
                &[Off, Low, Medium, High],
            ),
            (
                "gemini-3-flash-preview",
                ThinkingForm::Level,
                &[Minimal, Low, Medium, High],
            ),
            (
                "gemini-3.1-pro-preview",
                ThinkingForm::Level,
                &[Low, Medium, High],
            ),
            (
                "gemini-3.8-flash",
                ThinkingForm::Level,
                &[Low, Medium, High],
            ),
            (
                "gemini-4-hydrogen",
                ThinkingForm::Level,
                &[Low, Medium, High, Xhigh],
            ),
            (
                "gemini-flash-latest",
                ThinkingForm::Level,
                &[Low, Medium, High],
            ),
        ];
        for (model, form, expected) in efforts {
            let record = record_anywhere(ProtocolKind::Gemini, model);
            assert_eq!(record.thinking, Some(form), "{model}");
            assert_eq!(record.efforts.as_deref(), Some(expected), "{model}");
        }
    }
}
