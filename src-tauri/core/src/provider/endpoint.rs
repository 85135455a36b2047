//! Where one model is asked: a provider, with its address and key, and the model's name there.

use reqwest::RequestBuilder;
use secrecy::SecretString;

use super::failure::{Failure, FailureKind};
use super::protocol::ProtocolKind;
use crate::keys::redact;

/// How many answers a provider may be asked for at once, unless the user says otherwise.
pub const MAX_PARALLEL: u32 = 4;

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
    pub(crate) sees: Option<bool>,
    /// Its process is ours and may be started again, so a refused connection is worth another try.
    pub(crate) embedded: bool,
}

impl Provider {
    /// A failure without the key: providers quote the one that they refuse.
    pub(crate) fn without_key(&self, failure: Failure) -> Failure {
        match &self.key {
            Some(key) => Failure {
                message: redact(&failure.message, key),
                ..failure
            },
            None => failure,
        }
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
        is_local(&self.base_url)
    }
}

/// Over https, or to this machine.
pub(super) fn may_carry_key(base_url: &str) -> bool {
    let url = reqwest::Url::parse(base_url);
    url.is_ok_and(|url| url.scheme() == "https") || is_local(base_url)
}

fn is_local(base_url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(base_url) else {
        return false;
    };
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authorised(base_url: &str) -> bool {
        let provider = Provider::openai(base_url, Some("secret".into()));
        provider
            .authorise(reqwest::Client::new().get("http://localhost"))
            .is_ok()
    }

    #[test]
    fn a_key_never_travels_in_the_clear() {
        assert!(authorised("https://api.openai.com/v1"));
        assert!(authorised("http://127.0.0.1:8080/v1"));
        assert!(authorised("http://[::1]:8080/v1"));
        assert!(authorised("http://localhost/v1"));
        assert!(!authorised("http://example.com/v1"));
        assert!(!authorised("http://localhost.example.com/v1"));
    }
}
