//! The name of a key, and the place that stores it.

use std::fmt;

use serde::{Deserialize, Serialize};
use specta::Type;

use super::named;

named! {
    /// The place that stores a key.
    #[derive(Deserialize)]
    KeyPlace {
        /// The operating system's keychain.
        Keychain = "keychain",
        /// `keys.json` in the data folder, readable only by its owner. It is not encrypted.
        File = "file",
        /// This run's memory: the key is gone when the application quits.
        Session = "session",
        /// The environment of the application at its start. Such a key is never stored.
        Environment = "environment",
    }
}

/// Names a provider's key for one origin (scheme, host and port). Another origin has another key.
///
/// Its text, `<provider id> <origin>`, is the user name of the keychain entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyName {
    provider_id: String,
    origin: String,
}

impl KeyName {
    /// Returns the name of the provider's key for the origin of `base_url`; none if that is not an http or
    /// https URL.
    pub fn new(provider_id: &str, base_url: &str) -> Option<Self> {
        let url = url::Url::parse(base_url).ok()?;
        matches!(url.scheme(), "http" | "https").then(|| Self {
            provider_id: provider_id.to_owned(),
            origin: url.origin().ascii_serialization(),
        })
    }

    /// Returns the provider's id.
    pub fn provider_id(&self) -> &str {
        &self.provider_id
    }

    /// Returns the origin: `https://api.openai.com`, with the port unless it is the scheme's default.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An origin has no space, so the last one separates the two whatever the id is.
        write!(f, "{} {}", self.provider_id, self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(base_url: &str) -> Option<String> {
        Some(KeyName::new("openai", base_url)?.to_string())
    }

    #[test]
    fn a_key_is_bound_to_scheme_host_and_port() {
        let bound = Some("openai https://api.openai.com".to_owned());
        for same in [
            "https://api.openai.com/v1",
            "https://API.openai.com:443/v2?x#y",
            " https://user:secret@api.openai.com ",
        ] {
            assert_eq!(name(same), bound, "{same}");
        }
        for other in [
            "http://api.openai.com/v1",
            "https://api.openai.com:8443/v1",
            "https://api.openai.com.example.com/v1",
            "https://openai.com/v1",
        ] {
            assert!(
                name(other).is_some_and(|name| Some(name) != bound),
                "{other}"
            );
        }
        assert_ne!(
            KeyName::new("a", "https://x"),
            KeyName::new("b", "https://x"),
            "each provider has its own"
        );
    }

    #[test]
    fn a_port_and_an_ipv6_host_stay_in_the_origin() {
        assert_eq!(
            name("http://[::1]:8080/v1").as_deref(),
            Some("openai http://[::1]:8080")
        );
    }

    #[test]
    fn what_is_no_web_address_names_no_key() {
        for base_url in [
            "",
            "api.openai.com/v1",
            "file:///etc",
            "ftp://x",
            "https://",
        ] {
            assert_eq!(name(base_url), None, "{base_url}");
        }
    }
}
