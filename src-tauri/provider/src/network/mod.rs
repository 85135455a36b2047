//! Routes to addresses: which HTTP client sends the request, and through which proxy.
//!
//! Nothing else in this crate builds an HTTP client (a clippy lint forbids it), so no request can bypass this
//! module. Requests to this machine are sent directly and without DNS. Plain http to other hosts is sent
//! directly too, because a proxy could read it. Only https may go through a proxy, which learns the host name
//! and nothing else.

mod address;
mod proxies;
mod resolve;

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::{Client, ClientBuilder, RequestBuilder, Url};

use crate::failure::root_cause;

pub(crate) use self::address::{is_public_host, is_this_machine};
pub use self::proxies::Proxies;
pub(crate) use self::proxies::Proxy;
pub(crate) use self::resolve::{NotPublic, is_public_name};
use self::resolve::{PublicOnly, ThisMachine};

/// Timeout for establishing a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The HTTP clients and proxies of this run.
#[derive(Debug)]
pub struct Network {
    proxies: Proxies,
    this_machine: Built,
    direct: Built,
    public: Built,
    proxied: Built,
}

/// A lazily built client: loading the certificates takes milliseconds.
type Built = OnceLock<Result<Client, String>>;

/// The addresses to which a name may resolve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Everywhere,
    PublicOnly,
}

/// The route to one address.
#[derive(Debug)]
pub(crate) struct Route {
    client: Client,
    url: Url,
    proxy: Option<Proxy>,
    bypassed_proxy: Option<&'static str>,
}

/// Why no request can be sent to an address.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RouteError {
    /// It is not a valid address.
    #[error("{0} is not a valid URL. Correct the provider's base URL")]
    Address(String),
    /// The proxy in this environment variable cannot be used.
    #[error(
        "The proxy in {0} cannot be used. Conch supports http, https, socks4, socks4a, socks5 and socks5h proxies. Correct or unset the variable, and restart Conch"
    )]
    Proxy(&'static str),
    /// The request requires a public address, and this one is on this machine or in its network.
    #[error("{0} is on this machine or its local network")]
    NotPublic(String),
    /// No client could be built.
    #[error("No connection can be made: {0}")]
    Client(String),
}

impl Network {
    /// Creates the routes with these proxies.
    pub fn new(proxies: Proxies) -> Self {
        Self {
            proxies,
            this_machine: Built::new(),
            direct: Built::new(),
            public: Built::new(),
            proxied: Built::new(),
        }
    }

    /// Returns the route to an address.
    pub(crate) fn route(&self, address: &str) -> Result<Route, RouteError> {
        let url = Url::parse(address).map_err(|_| RouteError::Address(address.to_owned()))?;
        self.to(url, Reach::Everywhere)
    }

    /// Returns the route to an address on the public internet. A name that resolves to any other address is
    /// refused then ([`NotPublic`]), unless a proxy resolves it.
    pub(crate) fn public_route(&self, url: Url) -> Result<Route, RouteError> {
        if !is_public_host(&url) {
            let host = url.host_str().unwrap_or_default();
            return Err(RouteError::NotPublic(host.to_owned()));
        }
        self.to(url, Reach::PublicOnly)
    }

    fn to(&self, url: Url, reach: Reach) -> Result<Route, RouteError> {
        let route = |built: &Built, set: fn(ClientBuilder) -> ClientBuilder| {
            let client = built.get_or_init(|| build(|client| set(client.no_proxy())));
            Ok(Route {
                client: client.clone().map_err(RouteError::Client)?,
                url: url.clone(),
                proxy: None,
                bypassed_proxy: None,
            })
        };
        if is_this_machine(&url) {
            return route(&self.this_machine, |client| {
                client.dns_resolver(ThisMachine)
            });
        }
        let proxy = self.proxies.of(&url)?;
        let Some((proxy, reached)) = proxy else {
            let direct = match reach {
                Reach::Everywhere => route(&self.direct, |client| client),
                Reach::PublicOnly => route(&self.public, |client| client.dns_resolver(PublicOnly)),
            }?;
            return Ok(Route {
                bypassed_proxy: self.proxies.bypassed_proxy(&direct.url),
                ..direct
            });
        };
        let client = self
            .proxied
            .get_or_init(|| build(|client| client.proxy(reached.clone())));
        Ok(Route {
            client: client.clone().map_err(RouteError::Client)?,
            url,
            proxy: Some(proxy),
            bypassed_proxy: None,
        })
    }
}

/// Builds a client without redirects, so that a key is sent only to its own host, and without a total
/// timeout, which would abort a long answer.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where every client is made"
)]
fn build(set: impl Fn(ClientBuilder) -> ClientBuilder) -> Result<Client, String> {
    let builder = || {
        set(Client::builder())
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("Conch/", env!("CARGO_PKG_VERSION")))
    };
    builder()
        .build()
        .or_else(|error| {
            // Without a store of certificates, plain http and the built-in model still work, and nothing else is
            // trusted.
            tracing::warn!(
                cause = root_cause(&error),
                "the system's certificates cannot be read"
            );
            builder().tls_certs_only([]).build()
        })
        .map_err(|error| root_cause(&error))
}

impl Route {
    /// Starts a GET request.
    pub(crate) fn get(&self) -> RequestBuilder {
        self.client.get(self.url.clone())
    }

    /// Starts a POST request.
    pub(crate) fn post(&self) -> RequestBuilder {
        self.client.post(self.url.clone())
    }

    /// Returns the proxy of this route.
    pub(crate) fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// Returns the variable of a proxy that would be used if the address were https.
    pub(crate) fn bypassed_proxy(&self) -> Option<&'static str> {
        self.bypassed_proxy
    }
}

#[cfg(test)]
mod tests;
