//! The providers that Conch knows by name, with protocol and address. The only place, besides a protocol's
//! own file, that names one.

use conch_model::ProtocolKind;
use conch_model::ProtocolKind::{Anthropic, Gemini, Ollama, OpenAi};
use secrecy::SecretString;
use serde::Serialize;
use specta::Type;

use super::endpoint::{DEFAULT_PARALLEL, Provider};

/// A provider that can be added by entering a key, or less.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "field names say it")]
pub struct Preset {
    /// The prefix of its models' ids, unless another provider has it.
    pub id: &'static str,
    /// The display name.
    pub name: &'static str,
    pub protocol: ProtocolKind,
    /// Empty for a self-hosted server.
    pub base_url: &'static str,
    /// Whether it rejects requests without a key.
    pub needs_key: bool,
    /// Whether it runs on this machine.
    pub local: bool,
    /// Where to get a key.
    pub key_url: Option<&'static str>,
    /// The environment variables with its address, in the form of its official client.
    #[serde(skip)]
    pub(crate) address_variables: &'static [&'static str],
    /// The environment variables with its key, in order of precedence.
    #[serde(skip)]
    pub(crate) key_variables: &'static [&'static str],
    /// A path that requires a valid key, for a provider that lists its models without one.
    #[serde(skip)]
    pub key_check_path: Option<&'static str>,
    /// The path, from the root of the server, of a list in LM Studio's form, which tells more than the protocol's.
    #[serde(skip)]
    pub(crate) own_list_path: Option<&'static str>,
}

/// The preset of a self-hosted server.
pub(super) const CUSTOM: &str = "custom";

/// In the order in which they are offered, and in which providers from the environment are listed.
const PRESETS: [Preset; 14] = [
    Preset {
        address_variables: &["OPENAI_BASE_URL"],
        key_variables: &["OPENAI_API_KEY"],
        ..remote(
            "openai",
            "OpenAI",
            OpenAi,
            "https://api.openai.com/v1",
            "https://platform.openai.com/api-keys",
        )
    },
    Preset {
        address_variables: &["ANTHROPIC_BASE_URL"],
        key_variables: &["ANTHROPIC_API_KEY"],
        ..remote(
            "anthropic",
            "Anthropic",
            Anthropic,
            "https://api.anthropic.com",
            "https://console.anthropic.com/settings/keys",
        )
    },
    Preset {
        address_variables: &["GOOGLE_GEMINI_BASE_URL"],
        key_variables: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        ..remote(
            "gemini",
            "Google Gemini",
            Gemini,
            "https://generativelanguage.googleapis.com/v1beta",
            "https://aistudio.google.com/apikey",
        )
    },
    Preset {
        key_variables: &["OPENROUTER_API_KEY"],
        key_check_path: Some("key"),
        ..remote(
            "openrouter",
            "OpenRouter",
            OpenAi,
            "https://openrouter.ai/api/v1",
            "https://openrouter.ai/settings/keys",
        )
    },
    Preset {
        key_variables: &["GROQ_API_KEY"],
        ..remote(
            "groq",
            "Groq",
            OpenAi,
            "https://api.groq.com/openai/v1",
            "https://console.groq.com/keys",
        )
    },
    Preset {
        key_variables: &["MISTRAL_API_KEY"],
        ..remote(
            "mistral",
            "Mistral",
            OpenAi,
            "https://api.mistral.ai/v1",
            "https://console.mistral.ai/api-keys",
        )
    },
    Preset {
        key_variables: &["DEEPSEEK_API_KEY"],
        ..remote(
            "deepseek",
            "DeepSeek",
            OpenAi,
            "https://api.deepseek.com/v1",
            "https://platform.deepseek.com/api_keys",
        )
    },
    Preset {
        key_variables: &["XAI_API_KEY"],
        ..remote(
            "xai",
            "xAI",
            OpenAi,
            "https://api.x.ai/v1",
            "https://console.x.ai",
        )
    },
    Preset {
        key_variables: &["TOGETHER_API_KEY"],
        ..remote(
            "together",
            "Together",
            OpenAi,
            "https://api.together.xyz/v1",
            "https://api.together.ai/settings/api-keys",
        )
    },
    Preset {
        address_variables: &["OLLAMA_HOST"],
        ..local("ollama", "Ollama", Ollama, "http://127.0.0.1:11434")
    },
    Preset {
        own_list_path: Some("/api/v1/models"),
        ..local("lmstudio", "LM Studio", OpenAi, "http://127.0.0.1:1234/v1")
    },
    local(
        "llamacpp",
        "llama.cpp server",
        OpenAi,
        "http://127.0.0.1:8080/v1",
    ),
    local("vllm", "vLLM", OpenAi, "http://127.0.0.1:8000/v1"),
    Preset {
        local: false,
        ..local(CUSTOM, "Another server", OpenAi, "")
    },
];

const fn remote(
    id: &'static str,
    name: &'static str,
    protocol: ProtocolKind,
    base_url: &'static str,
    key_url: &'static str,
) -> Preset {
    Preset {
        needs_key: true,
        local: false,
        key_url: Some(key_url),
        ..local(id, name, protocol, base_url)
    }
}

const fn local(
    id: &'static str,
    name: &'static str,
    protocol: ProtocolKind,
    base_url: &'static str,
) -> Preset {
    Preset {
        id,
        name,
        protocol,
        base_url,
        needs_key: false,
        local: true,
        key_url: None,
        address_variables: &[],
        key_variables: &[],
        key_check_path: None,
        own_list_path: None,
    }
}

impl Provider {
    /// A server with the OpenAI protocol, as `OPENAI_BASE_URL` and `OPENAI_API_KEY` configure it.
    pub fn openai(base_url: impl Into<String>, key: Option<SecretString>) -> Self {
        let [
            Preset {
                id, name, protocol, ..
            },
            ..,
        ] = PRESETS;
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            protocol,
            base_url: base_url.into(),
            key,
            max_parallel: DEFAULT_PARALLEL,
            local: false,
        }
    }
}

/// Returns all presets.
pub fn presets() -> Vec<Preset> {
    PRESETS.to_vec()
}

/// Returns the environment variables of all presets, which may hold a key or an address. A process removes
/// them from its environment after reading them, and tests run without them.
pub fn environment_variables() -> impl Iterator<Item = &'static str> {
    PRESETS
        .iter()
        .flat_map(|preset| [preset.address_variables, preset.key_variables])
        .flatten()
        .copied()
}

/// Returns the preset of a provider, which gave it its id: `lmstudio`, or `lmstudio-2` where another has that.
pub(crate) fn preset_of(provider: &Provider) -> Option<Preset> {
    let id = provider.id.as_str();
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let numbered = id.rsplit_once('-').filter(|(_, number)| is_number(number));
    preset(numbered.map_or(id, |(id, _)| id))
}

/// Returns the preset with this id.
pub fn preset(id: &str) -> Option<Preset> {
    presets().into_iter().find(|preset| preset.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_has_the_preset_that_gave_it_its_id() {
        let of = |id: &str| {
            let provider = Provider::openai("http://localhost", None);
            let id = id.to_owned();
            preset_of(&Provider { id, ..provider }).map(|preset| preset.id)
        };
        assert_eq!(of("lmstudio"), Some("lmstudio"));
        assert_eq!(of("lmstudio-12"), Some("lmstudio"));
        assert_eq!(of("lmstudio-two"), None);
        assert_eq!(of(""), None);
    }

    #[test]
    fn each_preset_is_complete() {
        let all = presets();
        for preset in &all {
            let same = all.iter().filter(|other| other.id == preset.id);
            assert_eq!(same.count(), 1, "{} is there once", preset.id);
            let secure = preset.base_url.starts_with("https://");
            assert!(
                secure || preset.local || preset.id == CUSTOM,
                "a key never travels in the clear: {}",
                preset.base_url
            );
            assert!(!preset.base_url.ends_with('/'));
            assert_eq!(preset.needs_key, preset.key_url.is_some());
        }
    }
}
