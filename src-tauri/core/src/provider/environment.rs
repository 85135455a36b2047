//! The providers that the environment configures, under the names that the official clients use.

use reqwest::Url;
use secrecy::SecretString;

use super::endpoint::{MAX_PARALLEL, Provider};
use super::presets::preset;

/// A provider's preset and its variables: for its address, and for its key.
const VARIABLES: [(&str, &[&str], &[&str]); 4] = [
    ("openai", &["OPENAI_BASE_URL"], &["OPENAI_API_KEY"]),
    ("anthropic", &["ANTHROPIC_BASE_URL"], &["ANTHROPIC_API_KEY"]),
    (
        "gemini",
        &["GOOGLE_GEMINI_BASE_URL"],
        &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
    ),
    ("ollama", &["OLLAMA_HOST"], &[]),
];

/// Where Ollama listens when its variable names no port.
const OLLAMA_PORT: u16 = 11434;

/// Those of which an address or a key is given. A key alone means the provider itself; an address alone
/// means a server that needs none.
pub(crate) fn providers(variable: impl Fn(&str) -> Option<String>) -> Vec<Provider> {
    let first = |names: &[&str]| names.iter().find_map(|name| variable(name));
    let configured = VARIABLES.iter().filter_map(|(id, addresses, keys)| {
        let (address, key) = (first(addresses), first(keys));
        if address.is_none() && key.is_none() {
            return None;
        }
        let preset = preset(id)?;
        let base_url = match (*id, address) {
            ("ollama", Some(host)) => ollama_address(&host),
            (_, Some(address)) => address,
            (_, None) => preset.base_url.to_owned(),
        };
        Some(Provider {
            id: preset.id.to_owned(),
            name: name(preset.name, preset.base_url, &base_url),
            protocol: preset.protocol,
            local: preset.local,
            key: key.map(SecretString::from),
            max_parallel: MAX_PARALLEL,
            base_url,
        })
    });
    configured.collect()
}

/// The host, which tells compatible servers apart better than the name of the protocol would.
fn name(preset: &str, usual: &str, base_url: &str) -> String {
    let host = |url: &str| Some(Url::parse(url).ok()?.host_str()?.to_owned());
    match host(base_url) {
        Some(found) if Some(&found) != host(usual).as_ref() => found,
        _ => preset.to_owned(),
    }
}

/// `OLLAMA_HOST` is also the server's own: a host, perhaps with a port or a scheme, and `0.0.0.0` for
/// "all addresses", which no client can reach
/// ([envconfig](https://github.com/ollama/ollama/blob/main/envconfig/config.go)).
fn ollama_address(host: &str) -> String {
    let has_port = || {
        let port = host.rsplit_once(':').map(|(_, port)| port);
        port.is_some_and(|port| port.parse::<u16>().is_ok())
    };
    let address = if host.contains("://") {
        host.to_owned()
    } else if has_port() {
        format!("http://{host}")
    } else {
        format!("http://{host}:{OLLAMA_PORT}")
    };
    let Ok(mut url) = Url::parse(&address) else {
        return address;
    };
    if matches!(url.host_str(), Some("0.0.0.0" | "[::]")) {
        let _ = url.set_host(Some("127.0.0.1"));
    }
    url.as_str().trim_end_matches('/').to_owned()
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
    fn ollamas_host_may_have_every_form_that_ollama_takes() {
        for (host, address) in [
            ("127.0.0.1", "http://127.0.0.1:11434"),
            ("box:1234", "http://box:1234"),
            ("0.0.0.0", "http://127.0.0.1:11434"),
            ("0.0.0.0:80", "http://127.0.0.1"),
            ("https://box.example", "https://box.example"),
            ("http://box.example:11434/", "http://box.example:11434"),
        ] {
            assert_eq!(ollama_address(host), address, "{host}");
        }
    }
}
