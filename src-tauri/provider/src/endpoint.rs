//! The endpoint of one model: a provider, with its address and key, and the model's name there.

use conch_model::{Consent, ProtocolKind};
use reqwest::{RequestBuilder, Url};
use secrecy::SecretString;

use super::base_url;
use super::failure::{Failure, FailureKind};
use super::protocol;
use super::record::ModelRecord;
use crate::keys::redact;
use crate::network::{Network, Route, is_public_host, is_this_machine};

/// Default limit of concurrent answers per provider.
pub const DEFAULT_PARALLEL: u32 = 4;

/// A configured provider.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "field names say it")]
pub struct Provider {
    /// The prefix of its models' ids in the application.
    pub id: String,
    /// The display name.
    pub name: String,
    pub protocol: ProtocolKind,
    /// The base address, in the form of its official client: `https://api.openai.com/v1`.
    pub base_url: String,
    /// The API key, sent as the protocol requires.
    pub key: Option<SecretString>,
    /// Maximum number of concurrent answers.
    pub max_parallel: u32,
    /// A self-hosted model server, whose failures repeat: requests to it are not retried.
    pub local: bool,
    /// What the user consented to about its server. It counts for one origin.
    pub consent: Option<Consent>,
}

/// How a key may travel to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyTransport {
    /// Encrypted, or within this machine.
    Secure,
    /// Unencrypted in the local network, with the user's consent.
    ByConsent,
    /// Unencrypted over the internet, or the address is none.
    Never,
}

/// Where a provider runs, which determines timeouts and features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locality {
    /// On this machine.
    ThisMachine,
    /// A self-hosted model server elsewhere in the local network.
    OwnNetwork,
    /// Someone else's service.
    Remote,
}

/// The endpoint of one model.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "field names say it")]
pub struct Endpoint {
    pub provider: Provider,
    /// The model's name at the provider.
    pub model: String,
    /// `provider/model`, the name in the application.
    pub model_id: String,
    /// What the model takes.
    pub record: ModelRecord,
    /// The process is a child of this one and may be restarted, so a refused connection is worth a retry.
    pub embedded: bool,
}

impl Provider {
    /// Makes a failure fit to be shown: without the key, because providers quote the one that they refuse,
    /// and truncated. In this order: half a key is not found.
    pub fn without_key(&self, failure: Failure) -> Failure {
        let failure = match &self.key {
            Some(key) => failure.map_texts(|text| redact(&text, key)),
            None => failure,
        };
        failure.bounded()
    }

    /// Returns the address of `path` under the base.
    pub fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base_url.trim_end_matches('/'))
    }

    /// Adds the protocol's headers, and the key where the key may travel: never unencrypted to another
    /// machine. Every request passes here, so that an unchecked base URL, of an environment variable, is refused.
    pub(super) fn authorise(&self, request: RequestBuilder) -> Result<RequestBuilder, Failure> {
        base_url::check(&self.base_url)
            .map_err(|error| Failure::new(FailureKind::Unreachable, error.message()))?;
        let protocol = protocol::of(self.protocol);
        let headers = protocol.headers().iter();
        let request = headers.fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        let Some(key) = &self.key else {
            return Ok(request);
        };
        self.check_transport()?;
        Ok(protocol.authorise(request, key))
    }

    /// Checks that a key may travel to the base URL.
    ///
    /// # Errors
    /// When it would travel unencrypted: over the internet, or without the user's consent.
    pub fn check_transport(&self) -> Result<(), Failure> {
        let insecure = |message: String| Err(Failure::new(FailureKind::InsecureUrl, message));
        match key_transport(&self.base_url) {
            KeyTransport::Secure => Ok(()),
            KeyTransport::ByConsent if self.has_consent() => Ok(()),
            KeyTransport::ByConsent => insecure(format!(
                "The API key was not sent: {} is not encrypted, so everyone in your network could read it. Use https, or test the connection in the provider's settings to allow it for this address",
                self.base_url
            )),
            KeyTransport::Never => insecure(
                "The API key was not sent: the provider's base URL is not https. Use https, or remove the key".to_owned(),
            ),
        }
    }

    fn has_consent(&self) -> bool {
        let consent = self.consent.as_ref();
        consent.is_some_and(|consent| consent.covers(&self.base_url))
    }

    /// Returns the route of a request to `address`.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn route(&self, network: &Network, address: &str) -> Result<Route, Failure> {
        Ok(network.consented_route(address, self.consent.as_ref())?)
    }

    /// Returns whether it is on this machine, where a refused connection means that nothing listens.
    pub(super) fn is_local(&self) -> bool {
        self.locality() == Locality::ThisMachine
    }

    /// Classifies the provider by its address and its preset.
    pub fn locality(&self) -> Locality {
        let Ok(url) = Url::parse(&self.base_url) else {
            return Locality::Remote;
        };
        if is_this_machine(&url) {
            Locality::ThisMachine
        } else if self.local && !is_public_host(&url) {
            Locality::OwnNetwork
        } else {
            Locality::Remote
        }
    }
}

/// Returns how a key may travel to an address.
pub fn key_transport(base_url: &str) -> KeyTransport {
    match Url::parse(base_url) {
        Ok(url) if url.scheme() == "https" || is_this_machine(&url) => KeyTransport::Secure,
        Ok(url) if url.scheme() == "http" && !is_public_host(&url) => KeyTransport::ByConsent,
        _ => KeyTransport::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::testing;

    fn authorised(base_url: &str) -> bool {
        let provider = Provider::openai(base_url, Some("secret".into()));
        provider.authorise(testing::request()).is_ok()
    }

    #[test]
    fn whose_a_provider_is_shows_by_its_address() {
        let locality = |local, base_url: &str| {
            let provider = Provider::openai(base_url, None);
            Provider { local, ..provider }.locality()
        };
        for local in [true, false] {
            assert_eq!(locality(local, "http://127.0.0.1:1"), Locality::ThisMachine);
            assert_eq!(locality(local, "https://ollama.com"), Locality::Remote);
        }
        assert_eq!(locality(true, "http://box:11434"), Locality::OwnNetwork);
        assert_eq!(
            locality(true, "http://192.168.1.7:11434"),
            Locality::OwnNetwork
        );
        assert_eq!(
            locality(false, "http://192.168.1.7:11434"),
            Locality::Remote
        );
    }

    #[test]
    fn nothing_is_sent_to_what_is_no_base_url() {
        for base_url in ["https://me:secret@example.com", "https://example.com?x=1"] {
            let provider = Provider::openai(base_url, None);
            let refused = provider.authorise(testing::request()).unwrap_err();
            assert_eq!(refused.kind, FailureKind::Unreachable, "{base_url}");
        }
    }

    #[test]
    fn a_key_never_travels_in_the_clear() {
        assert!(authorised("https://api.openai.com/v1"));
        assert!(authorised("http://127.0.0.1:8080/v1"));
        assert!(authorised("http://[::1]:8080/v1"));
        assert!(authorised("http://localhost/v1"));
        assert!(authorised("http://models.localhost/v1"));
        assert!(authorised("HTTPS://api.openai.com/v1"));
        assert!(!authorised("http://example.com/v1"));
        assert!(!authorised("http://localhost.example.com/v1"));
    }
}
