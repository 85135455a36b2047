//! The proxies that the environment or the system configures, read once.

use std::fmt;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::Url;

use super::RouteError;

/// The variables of the https proxy, in order of precedence; `ALL_PROXY` last, as in curl.
const FOR_HTTPS: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The variables of the proxy for plain http, which is never used here.
const FOR_HTTP: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// The variables of the hosts that bypass the proxy.
const EXCEPT: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The proxies of one run. The debug output contains no password.
#[derive(Clone, Default)]
pub struct Proxies {
    https: Option<Variable>,
    http: Option<&'static str>,
    except: String,
    system: bool,
}

#[derive(Clone)]
struct Variable {
    name: &'static str,
    value: String,
}

/// A proxy, as it is shown to the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    /// `scheme://host:port`.
    address: String,
    /// The variable that configures it; none if the system does.
    variable: Option<&'static str>,
    /// Whether it receives host names, and resolves them itself.
    pub(crate) resolves: bool,
}

impl Proxies {
    /// Reads curl's variables: `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in upper or lower case.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&'static str]| {
            names.iter().find_map(|name| {
                let value = variable(name)?;
                Some(Variable { name, value })
            })
        };
        Self {
            https: first(&FOR_HTTPS),
            http: first(&FOR_HTTP).map(|found| found.name),
            except: first(&EXCEPT).map_or_else(String::new, |found| found.value),
            system: false,
        }
    }

    /// Falls back to the system's proxies on macOS and Windows if no variable configures one.
    #[must_use]
    pub fn or_system(self) -> Self {
        Self {
            system: cfg!(any(target_os = "macos", target_os = "windows")),
            ..self
        }
    }

    /// Returns the proxy for an address, both for display and for a client.
    pub(super) fn of(&self, url: &Url) -> Result<Option<(Proxy, reqwest::Proxy)>, RouteError> {
        // A proxy could read plain http.
        if url.scheme() != "https" {
            return Ok(None);
        }
        let (matcher, variable) = match &self.https {
            Some(Variable { name, value }) => {
                let matcher = Matcher::builder().https(value.as_str());
                (matcher.no(self.except.as_str()).build(), Some(*name))
            }
            None if self.system => (Matcher::from_system(), None),
            None => return Ok(None),
        };
        let unusable = || variable.map_or_else(system_unusable, RouteError::Proxy);
        let uri: Uri = url.as_str().parse().map_err(|_| unusable())?;
        let Some(found) = matcher.intercept(&uri) else {
            // Either the host is excluded, or the variable's value is not a proxy.
            return match &self.https {
                Some(reported) if !is_proxy(&reported.value) => Err(unusable()),
                _ => Ok(None),
            };
        };
        let mut address = Url::parse(&found.uri().to_string()).map_err(|_| unusable())?;
        let port =
            address
                .port_or_known_default()
                .unwrap_or(if address.scheme().starts_with("socks") {
                    1080
                } else {
                    80
                });
        let named = Proxy {
            address: format!(
                "{}://{}:{port}",
                address.scheme(),
                address.host_str().unwrap_or_default()
            ),
            variable,
            resolves: !matches!(address.scheme(), "socks4" | "socks5"),
        };
        if let Some((user, password)) = found.raw_auth() {
            let _ = address.set_username(user);
            let _ = address.set_password(Some(password).filter(|password| !password.is_empty()));
        }
        let proxy = reqwest::Proxy::https(address).map_err(|_| unusable())?;
        let proxy = match found.basic_auth() {
            Some(header) => proxy.custom_http_auth(header.clone()),
            None => proxy,
        };
        Ok(Some((named, proxy)))
    }

    /// Returns the variable of a proxy that is bypassed because the address is plain http.
    pub(super) fn bypassed_proxy(&self, url: &Url) -> Option<&'static str> {
        self.http.filter(|_| url.scheme() == "http")
    }
}

fn system_unusable() -> RouteError {
    RouteError::Client(
        "the system's proxy cannot be used. Correct it in the system's settings".to_owned(),
    )
}

fn is_proxy(value: &str) -> bool {
    let matcher = Matcher::builder().https(value).build();
    let anywhere = Uri::from_static("https://anywhere.invalid/");
    matcher.intercept(&anywhere).is_some()
}

impl Proxy {
    /// Returns whether it has a certificate of its own.
    pub(super) fn is_https(&self) -> bool {
        self.address.starts_with("https:")
    }

    /// Advises where to fix a proxy that fails: where it is configured.
    pub(crate) fn remedy(&self) -> String {
        match self.variable {
            Some(name) => format!("correct {name}"),
            None => "correct it in the system's settings".to_owned(),
        }
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = self.variable.unwrap_or("from the system's settings");
        write!(f, "{} ({source})", self.address)
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxies")
            .field("https", &self.https.as_ref().map(|reported| reported.name))
            .field("except", &self.except)
            .field("system", &self.system)
            .finish_non_exhaustive()
    }
}
