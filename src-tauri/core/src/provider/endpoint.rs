//! Where one model is asked: an address, a key, a model name.

use reqwest::RequestBuilder;
use secrecy::{ExposeSecret, SecretString};

use super::failure::{Failure, FailureKind};

/// A configured provider that speaks the OpenAI protocol.
#[derive(Debug, Clone)]
pub struct OpenAi {
    /// As the official clients take it, with its version part: `https://api.openai.com/v1`.
    pub base_url: String,
    /// Sent as a bearer token.
    pub key: Option<SecretString>,
}

/// Where one model is asked.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Who answers there.
    pub provider: OpenAi,
    /// The model's name there.
    pub model: String,
    /// `provider/model`, the name in the application.
    pub model_id: String,
    /// Its process is ours and may be started again, so a refused connection is worth another try.
    pub embedded: bool,
}

impl OpenAi {
    /// The address of `path` under the base.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base_url.trim_end_matches('/'))
    }

    /// Adds the key to a request, where the key may travel: never in the clear to another machine.
    pub(super) fn authorise(&self, request: RequestBuilder) -> Result<RequestBuilder, Failure> {
        let Some(key) = &self.key else {
            return Ok(request);
        };
        if !self.base_url.starts_with("https://") && !self.is_local() {
            return Err(Failure::new(
                FailureKind::InsecureUrl,
                "The key was not sent: the provider's address is not https. Use https, or remove the key",
            ));
        }
        Ok(request.bearer_auth(key.expose_secret()))
    }

    /// On this machine, where a refused connection means that nothing listens.
    pub(super) fn is_local(&self) -> bool {
        let Ok(url) = reqwest::Url::parse(&self.base_url) else {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authorised(base_url: &str) -> bool {
        let provider = OpenAi {
            base_url: base_url.to_owned(),
            key: Some("secret".into()),
        };
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
