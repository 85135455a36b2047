//! The providers configured in the environment, by the variables of the official clients.

use reqwest::Url;
use secrecy::SecretString;

use super::base_url;
use super::endpoint::{DEFAULT_PARALLEL, Provider};
use super::presets::{Preset, presets};
use super::protocol;

/// Returns the providers with an address or a key. A key alone selects the provider's own address; an address
/// alone means a server without authentication.
pub fn providers(variable: impl Fn(&str) -> Option<String>) -> Vec<Provider> {
    let first = |names: &[&str]| names.iter().find_map(|name| variable(name));
    let configured = presets().into_iter().filter_map(|preset| {
        let address = first(preset.address_variables);
        let key = first(preset.key_variables);
        if address.is_none() && key.is_none() {
            return None;
        }
        if address.is_none() && preset.base_url.is_empty() {
            return None;
        }
        let protocol = protocol::of(preset.protocol);
        let base_url = address.map_or_else(
            || preset.base_url.to_owned(),
            |address| {
                let address = protocol.address(base_url::bare(&address));
                // A request to what is no base URL is refused and says why.
                base_url::parse(&address, preset.protocol).unwrap_or(address)
            },
        );
        Some(Provider {
            id: preset.id.to_owned(),
            name: name(&preset, &base_url),
            protocol: preset.protocol,
            local: preset.local,
            key: key.map(SecretString::from),
            max_parallel: DEFAULT_PARALLEL,
            consent: None,
            base_url,
        })
    });
    configured.collect()
}

/// Returns the host, which distinguishes compatible servers better than the protocol's name.
fn name(preset: &Preset, base_url: &str) -> String {
    let host = |url: &str| Some(Url::parse(url).ok()?.host_str()?.to_owned());
    match host(base_url) {
        Some(found) if Some(&found) != host(preset.base_url).as_ref() => found,
        _ => preset.name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(variables: &[(&str, &str)]) -> Vec<Provider> {
        providers(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_key_alone_means_the_provider_itself() {
        let all = configured(&[("ANTHROPIC_API_KEY", "k")]);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].base_url, "https://api.anthropic.com");
        assert_eq!(all[0].name, "Anthropic");
        assert!(all[0].key.is_some());
    }

    #[test]
    fn an_address_alone_means_a_server_without_a_key_that_is_named_by_its_host() {
        let all = configured(&[("OPENAI_BASE_URL", "http://models.example/v1")]);
        assert_eq!(all[0].name, "models.example");
        assert!(all[0].key.is_none());
    }

    #[test]
    fn openai_comes_first_because_its_first_model_is_the_default() {
        let all = configured(&[
            ("OLLAMA_HOST", "box"),
            ("GEMINI_API_KEY", "g"),
            ("OPENAI_API_KEY", "o"),
        ]);
        let ids: Vec<_> = all.iter().map(|provider| &*provider.id).collect();
        assert_eq!(ids, ["openai", "gemini", "ollama"]);
    }

    #[test]
    fn an_address_is_read_as_its_official_client_reads_it() {
        let all = configured(&[
            ("OLLAMA_HOST", "box"),
            ("GOOGLE_GEMINI_BASE_URL", "https://box.example/"),
        ]);
        let addresses: Vec<_> = all.iter().map(|provider| &*provider.base_url).collect();
        assert_eq!(
            addresses,
            ["https://box.example/v1beta", "http://box:11434"]
        );
    }

    #[test]
    fn azure_needs_its_address_beside_its_key() {
        assert!(configured(&[("AZURE_OPENAI_API_KEY", "k")]).is_empty());
        let all = configured(&[
            ("AZURE_OPENAI_API_KEY", "k"),
            ("AZURE_OPENAI_ENDPOINT", "https://mine.openai.azure.com/"),
        ]);
        assert_eq!(all[0].base_url, "https://mine.openai.azure.com/openai/v1");
    }

    #[test]
    fn an_address_is_read_as_the_form_reads_it() {
        for address in [
            "models.example.com/v1",
            "\"https://models.example.com/v1/\"",
            "'https://models.example.com/v1/chat/completions'",
        ] {
            let all = configured(&[("OPENAI_BASE_URL", address), ("OPENAI_API_KEY", "k")]);
            assert_eq!(
                all[0].base_url, "https://models.example.com/v1",
                "{address}"
            );
        }
        let ollama = configured(&[("OLLAMA_HOST", "\"http://box:11434/v1/\"")]);
        assert_eq!(ollama[0].base_url, "http://box:11434");
    }

    #[test]
    fn every_provider_that_needs_a_key_has_a_variable_for_it() {
        // The variables of these are set for other purposes, too, or need an address beside them.
        let without = ["huggingface", "github", "azure"];
        let known = presets().into_iter();
        for preset in known.filter(|preset| !without.contains(&preset.id)) {
            let found = preset
                .key_variables
                .iter()
                .flat_map(|name| configured(&[(name, "k")]));
            let ids: Vec<_> = found.map(|provider| provider.id).collect();
            assert_eq!(ids, vec![preset.id; preset.key_variables.len()]);
            assert!(!preset.needs_key || !ids.is_empty(), "{}", preset.id);
        }
    }
}
