//! Where one model is asked: a provider, with its address and key, and the model's name there.

use reqwest::{RequestBuilder, Url};
use secrecy::SecretString;

use super::failure::{Failure, FailureKind};
use super::protocol::ProtocolKind;
use crate::keys::redact;
use crate::network::{is_public_host, is_this_machine};

/// How many answers a provider may be asked for at once, unless the user says otherwise.
pub const DEFAULT_PARALLEL: u32 = 4;

/// A provider that is configured.
#[derive(Debug, Clone)]
pub struct Provider {
    /// The first part of its models' names in the application.
    pub id: String,
    /// For people.
    pub name: String,
    /// What it speaks.
    pub protocol: ProtocolKind,
    /// As its official client takes it: `https://api.openai.com/v1`.
    pub base_url: String,
    /// Sent as the protocol wants it.
    pub key: Option<SecretString>,
    /// The most answers that it may be asked for at once.
    pub max_parallel: u32,
    /// A model server of the user's own, whose failures repeat: it is not asked again.
    pub local: bool,
}

/// Whose a provider is, which says how long it may take and what it may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Locality {
    /// On this machine.
    ThisMachine,
    /// A model server of the user's own, elsewhere in the own network.
    OwnNetwork,
    /// Another's.
    Remote,
}

/// Where one model is asked.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// Who answers there.
    pub(crate) provider: Provider,
    /// The model's name there.
    pub(crate) model: String,
    /// `provider/model`, the name in the application.
    pub(crate) model_id: String,
    /// How many tokens a conversation and its answer may have, where that is known.
    pub(crate) context_tokens: Option<u32>,
    /// Whether it sees images, where that is known.
    pub(crate) vision: Option<bool>,
    /// Its process is ours and may be started again, so a refused connection is worth another try.
    pub(crate) embedded: bool,
}

impl Provider {
    /// A failure as it may be shown: without the key, because providers quote the one that they refuse,
    /// and of a length that can be read. In this order: half a key is not found.
    pub(crate) fn without_key(&self, failure: Failure) -> Failure {
        let failure = match &self.key {
            Some(key) => Failure {
                message: redact(&failure.message, key),
                ..failure
            },
            None => failure,
        };
        failure.bounded()
    }

    /// The address of `path` under the base.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base_url.trim_end_matches('/'))
    }

    /// Adds what the protocol wants in a request's head, and the key, where the key may travel: never in
    /// the clear to another machine.
    pub(super) fn authorise(&self, request: RequestBuilder) -> Result<RequestBuilder, Failure> {
        let protocol = self.protocol.protocol();
        let headers = protocol.headers().iter();
        let request = headers.fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        let Some(key) = &self.key else {
            return Ok(request);
        };
        if !may_carry_key(&self.base_url) {
            return Err(Failure::new(
                FailureKind::InsecureUrl,
                "The key was not sent: the provider's address is not https. Use https, or remove the key",
            ));
        }
        Ok(protocol.authorise(request, key))
    }

    /// On this machine, where a refused connection means that nothing listens.
    pub(super) fn is_local(&self) -> bool {
        self.locality() == Locality::ThisMachine
    }

    /// Whose it is, by where it is and by what it was made from.
    pub(crate) fn locality(&self) -> Locality {
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

/// Over https, or to this machine.
pub(super) fn may_carry_key(base_url: &str) -> bool {
    let url = Url::parse(base_url);
    url.is_ok_and(|url| url.scheme() == "https" || is_this_machine(&url))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::protocol::testing;

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
