//! The way to an address: which HTTP client asks it, and through which proxy.
//!
//! Nothing else in this crate makes an HTTP client (clippy refuses it), so no request can take another
//! way. What is on this machine is asked directly and without DNS. What is elsewhere in the clear is
//! asked directly too, because a proxy would read it. Only https may go through a proxy, which sees the
//! host's name and no more.

mod address;
mod proxies;
mod resolve;

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::{Client, ClientBuilder, RequestBuilder, Url};

pub(crate) use self::address::{is_public_host, is_this_machine};
pub use self::proxies::Proxies;
pub(crate) use self::proxies::Proxy;
pub(crate) use self::resolve::{NotPublic, is_public_name};
use self::resolve::{PublicOnly, ThisMachine};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// All ways from here.
#[derive(Debug)]
pub(crate) struct Network {
    proxies: Proxies,
    this_machine: Built,
    direct: Built,
    public: Built,
    proxied: Built,
}

/// A client, made when it is first needed: reading the certificates takes milliseconds.
type Built = OnceLock<Result<Client, String>>;

/// Where a request may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Everywhere,
    PublicOnly,
}

/// The way to one address.
#[derive(Debug)]
pub(crate) struct Route {
    client: Client,
    url: Url,
    proxy: Option<Proxy>,
    bypassed_proxy: Option<&'static str>,
}

/// Why an address cannot be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RouteError {
    /// It is none.
    #[error("{0} is no web address: correct the provider's address")]
    Address(String),
    /// A proxy that is asked for in this variable, and cannot be used.
    #[error(
        "The proxy in {0} cannot be used: Conch knows http, https, socks4, socks4a, socks5 and socks5h proxies. Correct the variable or take it away, and start Conch again"
    )]
    Proxy(&'static str),
    /// It is asked for in the public internet, and is on this machine or in its network.
    #[error("{0} is on this machine or in its network")]
    NotPublic(String),
    /// No client could be made.
    #[error("No connection can be made: {0}")]
    Client(String),
}

impl Network {
    /// The ways from here, with these proxies.
    pub(crate) fn new(proxies: Proxies) -> Self {
        Self {
            proxies,
            this_machine: Built::new(),
            direct: Built::new(),
            public: Built::new(),
            proxied: Built::new(),
        }
    }

    /// The way to an address.
    pub(crate) fn route(&self, address: &str) -> Result<Route, RouteError> {
        let url = Url::parse(address).map_err(|_| RouteError::Address(address.to_owned()))?;
        self.to(url, Reach::Everywhere)
    }

    /// The way to an address in the public internet. A name that leads elsewhere is refused as it is
    /// resolved ([`NotPublic`]), unless a proxy resolves it.
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
            .get_or_init(|| build(|client| client.proxy(reached)));
        Ok(Route {
            client: client.clone().map_err(RouteError::Client)?,
            url,
            proxy: Some(proxy),
            bypassed_proxy: None,
        })
    }
}

/// It follows no redirect, so a key goes nowhere but where it belongs, and has no total deadline, which
/// would kill a long answer.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where every client is made"
)]
fn build(set: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Result<Client, String> {
    set(Client::builder())
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("Conch/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| error.to_string())
}

impl Route {
    /// A request for what is there.
    pub(crate) fn get(&self) -> RequestBuilder {
        self.client.get(self.url.clone())
    }

    /// A request that takes something there.
    pub(crate) fn post(&self) -> RequestBuilder {
        self.client.post(self.url.clone())
    }

    /// The proxy that is asked in between.
    pub(crate) fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// The variable with a proxy that would be asked, were the address https.
    pub(crate) fn bypassed_proxy(&self) -> Option<&'static str> {
        self.bypassed_proxy
    }
}

#[cfg(test)]
mod tests;
