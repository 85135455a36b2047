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
    /// Empty for a self-hosted server, and for one at the user's own host name.
    pub base_url: &'static str,
    /// Whether it rejects requests without a key.
    pub needs_key: bool,
    /// Whether it runs on this machine.
    pub local: bool,
    /// Where to get a key.
    pub key_url: Option<&'static str>,
    /// The beginnings of its keys that no other provider's keys have.
    pub key_prefixes: &'static [&'static str],
    /// The beginnings of its keys that keys of other providers have, too; an empty one if its keys have no form.
    pub shared_key_prefixes: &'static [&'static str],
    /// The environment variables with its address, in the form of its official client.
    #[serde(skip)]
    pub(crate) address_variables: &'static [&'static str],
    /// The environment variables with its key, in order of precedence.
    #[serde(skip)]
    pub(crate) key_variables: &'static [&'static str],
    /// A path that requires a valid key, for a provider that lists its models without one.
    #[serde(skip)]
    pub key_check_path: Option<&'static str>,
    /// Where its models are listed, and in which form.
    #[serde(skip)]
    pub(crate) models: Models,
}

/// Where the models of a provider are listed, and in which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Models {
    /// At the protocol's path, in its form.
    Protocol,
    /// At this path, relative to the base URL, in the protocol's form.
    Path(&'static str),
    /// At this path from the root of the server, in LM Studio's form, which reports more than the protocol's. Versions
    /// without it have the protocol's list.
    LmStudio(&'static str),
    /// Nowhere: these are its chat models.
    Fixed(&'static [&'static str]),
}

/// The preset of a self-hosted server.
pub(super) const CUSTOM: &str = "custom";

/// The preset whose base URL has the user's own host name.
const AZURE: &str = "azure";

/// What is shorter is the beginning of a key, or none.
const MIN_KEY_BYTES: usize = 20;

/// In the order in which they are offered, and in which providers from the environment are listed.
const PRESETS: [Preset; 28] = [
    Preset {
        address_variables: &["OPENAI_BASE_URL"],
        key_variables: &["OPENAI_API_KEY"],
        key_prefixes: &["sk-proj-", "sk-svcacct-", "sk-admin-"],
        shared_key_prefixes: &["sk-"],
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
        key_prefixes: &["sk-ant-"],
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
        key_prefixes: &["AIza"],
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
        key_prefixes: &["sk-or-"],
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
        key_prefixes: &["gsk_"],
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
        shared_key_prefixes: &[""],
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
        shared_key_prefixes: &["sk-"],
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
        key_prefixes: &["xai-"],
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
        key_prefixes: &["tgp_v1_"],
        shared_key_prefixes: &[""],
        ..remote(
            "together",
            "Together",
            OpenAi,
            "https://api.together.xyz/v1",
            "https://api.together.ai/settings/api-keys",
        )
    },
    Preset {
        key_variables: &["PERPLEXITY_API_KEY"],
        key_prefixes: &["pplx-"],
        // What it lists elsewhere are the models of another API.
        models: Models::Fixed(&[
            "sonar",
            "sonar-pro",
            "sonar-reasoning-pro",
            "sonar-deep-research",
        ]),
        ..remote(
            "perplexity",
            "Perplexity",
            OpenAi,
            "https://api.perplexity.ai",
            "https://www.perplexity.ai/account/api/keys",
        )
    },
    Preset {
        key_variables: &["CO_API_KEY", "COHERE_API_KEY"],
        shared_key_prefixes: &[""],
        ..remote(
            "cohere",
            "Cohere",
            OpenAi,
            "https://api.cohere.ai/compatibility/v1",
            "https://dashboard.cohere.com/api-keys",
        )
    },
    Preset {
        key_variables: &["CEREBRAS_API_KEY"],
        key_prefixes: &["csk-"],
        ..remote(
            "cerebras",
            "Cerebras",
            OpenAi,
            "https://api.cerebras.ai/v1",
            "https://cloud.cerebras.ai",
        )
    },
    Preset {
        key_variables: &["FIREWORKS_API_KEY"],
        key_prefixes: &["fw_"],
        ..remote(
            "fireworks",
            "Fireworks",
            OpenAi,
            "https://api.fireworks.ai/inference/v1",
            "https://app.fireworks.ai/settings/users/api-keys",
        )
    },
    Preset {
        key_variables: &["ZAI_API_KEY"],
        shared_key_prefixes: &[""],
        ..remote(
            "zai",
            "Z.ai",
            OpenAi,
            "https://api.z.ai/api/paas/v4",
            "https://z.ai/manage-apikey/apikey-list",
        )
    },
    Preset {
        key_variables: &["MOONSHOT_API_KEY"],
        shared_key_prefixes: &["sk-"],
        ..remote(
            "moonshot",
            "Moonshot",
            OpenAi,
            "https://api.moonshot.ai/v1",
            "https://platform.moonshot.ai/console/api-keys",
        )
    },
    Preset {
        key_variables: &["DASHSCOPE_API_KEY"],
        shared_key_prefixes: &["sk-"],
        ..remote(
            "alibaba",
            "Alibaba Cloud",
            OpenAi,
            "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
            "https://modelstudio.console.alibabacloud.com/?tab=playground#/api-key",
        )
    },
    Preset {
        key_prefixes: &["hf_"],
        // HF_TOKEN is set to download models, and does not choose where chats go.
        ..remote(
            "huggingface",
            "Hugging Face",
            OpenAi,
            "https://router.huggingface.co/v1",
            "https://huggingface.co/settings/tokens",
        )
    },
    Preset {
        key_prefixes: &["github_pat_", "ghp_"],
        // GITHUB_TOKEN is set for other purposes, and does not choose where chats go.
        models: Models::Path("../catalog/models"),
        ..remote(
            "github",
            "GitHub Models",
            OpenAi,
            "https://models.github.ai/inference",
            "https://github.com/settings/personal-access-tokens",
        )
    },
    Preset {
        address_variables: &["AZURE_OPENAI_ENDPOINT"],
        key_variables: &["AZURE_OPENAI_API_KEY"],
        shared_key_prefixes: &[""],
        ..remote(AZURE, "Azure OpenAI", OpenAi, "", "https://ai.azure.com")
    },
    Preset {
        address_variables: &["OLLAMA_HOST"],
        ..local("ollama", "Ollama", Ollama, "http://127.0.0.1:11434")
    },
    Preset {
        models: Models::LmStudio("/api/v1/models"),
        ..local("lmstudio", "LM Studio", OpenAi, "http://127.0.0.1:1234/v1")
    },
    local(
        "llamacpp",
        "llama.cpp server",
        OpenAi,
        "http://127.0.0.1:8080/v1",
    ),
    local("vllm", "vLLM", OpenAi, "http://127.0.0.1:8000/v1"),
    local("sglang", "SGLang", OpenAi, "http://127.0.0.1:30000/v1"),
    local("koboldcpp", "KoboldCpp", OpenAi, "http://127.0.0.1:5001/v1"),
    local("jan", "Jan", OpenAi, "http://127.0.0.1:1337/v1"),
    Preset {
        address_variables: &["LITELLM_PROXY_API_BASE"],
        key_variables: &["LITELLM_PROXY_API_KEY"],
        shared_key_prefixes: &["sk-"],
        ..local("litellm", "LiteLLM", OpenAi, "http://127.0.0.1:4000/v1")
    },
    Preset {
        local: false,
        shared_key_prefixes: &["sk-", ""],
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
        key_prefixes: &[],
        shared_key_prefixes: &[],
        key_check_path: None,
        models: Models::Protocol,
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
            consent: None,
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

/// Returns the preset whose keys have the form of this one, where that is certain: many providers' keys begin with
/// `sk-`, and some keys have no form.
pub fn of_key(key: &str) -> Option<Preset> {
    let key = key.trim();
    let is_key = key.len() >= MIN_KEY_BYTES && key.bytes().all(|byte| byte.is_ascii_graphic());
    let begins = |prefix: &&'static str| key.starts_with(prefix);
    let is_its = |preset: &Preset| preset.key_prefixes.iter().any(begins);
    presets()
        .into_iter()
        .find(|preset| is_key && is_its(preset))
}

/// Returns where the models of this provider are listed: those of a self-hosted server by its kind, wherever it is, and
/// those of a service at its own base URL.
pub(crate) fn models_of(provider: &Provider) -> Models {
    let is_its = |preset: &&Preset| preset.base_url == provider.base_url;
    let by_address = || PRESETS.iter().find(is_its).map(|preset| preset.models);
    preset_of(provider)
        .filter(|preset| preset.local)
        .map(|preset| preset.models)
        .or_else(by_address)
        .unwrap_or(Models::Protocol)
}

/// Returns whether this address is on the host of a service that Conch knows. Such a host has a certificate of a known
/// authority, and whatever answers with another one is something in between.
pub fn is_service(base_url: &str) -> bool {
    let host = |text: &str| {
        let url = reqwest::Url::parse(text).ok()?;
        Some(url.host_str()?.to_owned())
    };
    let is_its = |preset: &Preset| !preset.local && host(preset.base_url) == host(base_url);
    host(base_url).is_some() && PRESETS.iter().any(is_its)
}

#[cfg(test)]
mod tests;
