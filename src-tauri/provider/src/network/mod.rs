//! Routes to addresses: which HTTP client sends the request, and through which proxy.
//!
//! Nothing else in this crate builds an HTTP client (a clippy lint forbids it), so no request can bypass this
//! module. Requests to this machine are sent directly and without DNS. Plain http to other hosts is sent
//! directly too, because a proxy could read it. Only https may go through a proxy, which learns the host name
//! and nothing else.

mod address;
mod proxies;
mod resolve;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use conch_model::{Consent, Fingerprint};
use reqwest::{Client, ClientBuilder, RequestBuilder, Url};

use crate::failure::root_cause;
use crate::tls::pinned::{self, PinnedVerifier};

pub(crate) use self::address::{is_public_host, is_this_machine};
pub use self::proxies::Proxies;
pub(crate) use self::proxies::Proxy;
pub(crate) use self::resolve::{NotOwnNetwork, NotPublic, is_public_name};
use self::resolve::{OwnNetworkOnly, PublicOnly, ThisMachine};

/// Timeout for establishing a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The HTTP clients and proxies of this run.
#[derive(Debug)]
pub struct Network {
    proxies: Proxies,
    /// Built when they are needed: loading the certificates takes milliseconds.
    clients: Mutex<HashMap<(Way, Trust), Result<Client, String>>>,
}

/// The addresses to which a name may resolve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Everywhere,
    PublicOnly,
    OwnNetworkOnly,
}

/// How a client reaches a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Way {
    ThisMachine,
    /// Without TLS, as most self-hosted servers are.
    Plain,
    Direct,
    Public,
    OwnNetwork,
    Proxied,
}

/// Whom a client trusts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Trust {
    /// The authorities in the system's store.
    System,
    /// The server with this certificate, and no other.
    Pinned(Fingerprint),
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
            clients: Mutex::default(),
        }
    }

    /// Returns the route to an address.
    pub(crate) fn route(&self, address: &str) -> Result<Route, RouteError> {
        self.consented_route(address, None)
    }

    /// Returns the route to an address with what the user consented to, if that is about its origin: over plain http,
    /// a name has to resolve into the own network ([`NotOwnNetwork`]), and with a certificate, the server has to have
    /// exactly that one.
    pub(crate) fn consented_route(
        &self,
        address: &str,
        consent: Option<&Consent>,
    ) -> Result<Route, RouteError> {
        let url = Url::parse(address).map_err(|_| RouteError::Address(address.to_owned()))?;
        match consent.filter(|consent| consent.covers(url.as_str())) {
            Some(Consent::PlainHttp { .. }) => self.to(url, Reach::OwnNetworkOnly, Trust::System),
            Some(Consent::Certificate { sha256, .. }) => {
                self.to(url, Reach::Everywhere, Trust::Pinned(*sha256))
            }
            None => self.to(url, Reach::Everywhere, Trust::System),
        }
    }

    /// Returns the fingerprint of the certificate that the server at this address presents. The connection ends with
    /// the handshake: nothing is sent to a server that is not trusted yet. `None` behind a proxy that has a certificate
    /// of its own, which would be taken for the server's.
    pub async fn certificate_at(&self, address: &str) -> Option<Fingerprint> {
        let url = Url::parse(address).ok()?;
        let (way, proxy) = self.way_to(&url, Reach::Everywhere).ok()?;
        let (proxy, reached) = proxy.unzip();
        if proxy.is_some_and(|proxy| proxy.is_https()) {
            return None;
        }
        let verifier = Arc::new(PinnedVerifier::default());
        let tls = pinned::config(Arc::clone(&verifier)).ok()?;
        let client = build(way, reached.as_ref(), Some(tls)).ok()?;
        // It fails in any case: this verifier trusts no certificate.
        drop(client.get(url).timeout(CONNECT_TIMEOUT).send().await);
        verifier.presented()
    }

    /// Returns the route to an address on the public internet. A name that resolves to any other address is
    /// refused then ([`NotPublic`]), unless a proxy resolves it.
    pub(crate) fn public_route(&self, url: Url) -> Result<Route, RouteError> {
        if !is_public_host(&url) {
            let host = url.host_str().unwrap_or_default();
            return Err(RouteError::NotPublic(host.to_owned()));
        }
        self.to(url, Reach::PublicOnly, Trust::System)
    }

    fn to(&self, url: Url, reach: Reach, trust: Trust) -> Result<Route, RouteError> {
        let (way, proxy) = self.way_to(&url, reach)?;
        let (proxy, reached) = proxy.unzip();
        let is_direct = !matches!(way, Way::ThisMachine | Way::Proxied);
        Ok(Route {
            client: self.client(way, trust, reached.as_ref())?,
            bypassed_proxy: is_direct
                .then(|| self.proxies.bypassed_proxy(&url))
                .flatten(),
            url,
            proxy,
        })
    }

    /// Returns how a host is reached, and through which proxy, in reqwest's form, too.
    fn way_to(
        &self,
        url: &Url,
        reach: Reach,
    ) -> Result<(Way, Option<(Proxy, reqwest::Proxy)>), RouteError> {
        if is_this_machine(url) {
            return Ok((Way::ThisMachine, None));
        }
        if let Some((proxy, reached)) = self.proxies.of(url)? {
            return Ok((Way::Proxied, Some((proxy, reached))));
        }
        let way = match reach {
            Reach::Everywhere if url.scheme() == "http" => Way::Plain,
            Reach::Everywhere => Way::Direct,
            Reach::PublicOnly => Way::Public,
            Reach::OwnNetworkOnly => Way::OwnNetwork,
        };
        Ok((way, None))
    }

    fn client(
        &self,
        way: Way,
        trust: Trust,
        proxy: Option<&reqwest::Proxy>,
    ) -> Result<Client, RouteError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = clients.entry((way, trust)).or_insert_with(|| {
            let tls = match trust {
                Trust::System => None,
                Trust::Pinned(fingerprint) => {
                    let verifier = Arc::new(PinnedVerifier::only(fingerprint));
                    Some(pinned::config(verifier).map_err(|error| error.to_string())?)
                }
            };
            build(way, proxy, tls)
        });
        client.clone().map_err(RouteError::Client)
    }
}

/// Builds a client without redirects, so that a key is sent only to its own host, and without a total
/// timeout, which would abort a long answer. Without `tls`, it trusts the system's store.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where every client is made"
)]
fn build(
    way: Way,
    proxy: Option<&reqwest::Proxy>,
    tls: Option<rustls::ClientConfig>,
) -> Result<Client, String> {
    let is_pinned = tls.is_some();
    let builder = |tls: Option<rustls::ClientConfig>| {
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("Conch/", env!("CARGO_PKG_VERSION")));
        let client = match proxy {
            Some(proxy) => client.proxy(proxy.clone()),
            None => client.no_proxy(),
        };
        let client = resolving(client, way);
        let client = match way {
            // A new connection costs nothing here, and model servers (llama.cpp's, uvicorn, Node) close an idle one after
            // five seconds by default: a request that meets the close would fail.
            Way::ThisMachine | Way::Plain | Way::OwnNetwork => client.pool_max_idle_per_host(0),
            Way::Direct | Way::Public | Way::Proxied => client,
        };
        match tls {
            Some(tls) => client.tls_backend_preconfigured(tls),
            None => client,
        }
    };
    builder(tls)
        .build()
        .or_else(|error| {
            if is_pinned {
                return Err(error);
            }
            // Without a store of certificates, plain http and the built-in model still work, and nothing else is
            // trusted.
            tracing::warn!(
                cause = root_cause(&error),
                "the system's certificates cannot be read"
            );
            builder(None).tls_certs_only([]).build()
        })
        .map_err(|error| root_cause(&error))
}

fn resolving(client: ClientBuilder, way: Way) -> ClientBuilder {
    match way {
        Way::ThisMachine => client.dns_resolver(ThisMachine),
        Way::Public => client.dns_resolver(PublicOnly),
        Way::OwnNetwork => client.dns_resolver(OwnNetworkOnly),
        Way::Plain | Way::Direct | Way::Proxied => client,
    }
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
