//! Web content that messages refer to: links, which the system's browser opens, and images, which are fetched
//! only when the user requests one.
//!
//! A model may write any address, so it is untrusted: it is validated here, whatever the page has validated
//! already. An image is requested over https only, without cookies, key or referrer, from the public internet
//! only, and redirects stay on the site that its chip names. The response is untrusted too: it is decoded
//! within limits off the runtime's workers, one at a time, and the page receives a newly encoded image as a
//! data URL, so that the page itself needs no network.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use conch_attachments::{Refusal, read_image};
use conch_model::web_address;
use reqwest::{Response, Url};
use tokio::sync::Semaphore;

use crate::failure::has_cause;
use crate::network::{Network, NotPublic, Route, RouteError, is_public_name};

/// Maximum length of an address, in bytes.
pub const ADDRESS_LIMIT: usize = 8 * 1024;

/// Maximum size of an image, in bytes.
const IMAGE_LIMIT: usize = 10 * 1024 * 1024;

/// Timeout for an image.
const IMAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum number of redirects of an image.
const MAX_REDIRECTS: usize = 5;

/// The formats that are decoded. AVIF is not, and SVG is a document, not an image.
const ACCEPTED: &str = "image/png, image/jpeg, image/webp, image/gif";

/// Why a link is not opened, or an image is not shown.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "field names say it")]
pub enum WebError {
    /// An address that may not be opened.
    #[error("This link cannot be opened. Only http, https and mailto links can be opened")]
    Link,
    /// An address longer than [`ADDRESS_LIMIT`].
    #[error("This address is {bytes} bytes long, and the limit is 8 KiB. It was not opened")]
    LongAddress {
        /// Its length in bytes of UTF-8.
        bytes: usize,
    },
    /// An image address that may not be requested.
    #[error("The image was not loaded: images are loaded only over https")]
    ImageAddress,
    /// An image on this machine or in its network.
    #[error(
        "The image was not loaded: {host} is on this machine or its local network, which an answer must not reach"
    )]
    Private { host: String },
    /// A redirect of an image to another site.
    #[error(
        "The image was not loaded: {host} redirects to another site, {to}. Open it in the browser instead"
    )]
    AnotherSite {
        /// The host that redirects.
        host: String,
        /// The host that the redirect leads to.
        to: String,
    },
    /// There is no route to the host.
    #[error("The image was not loaded: {0}")]
    RouteError(String),
    /// The host did not respond.
    #[error(
        "The image was not loaded: {host} did not respond{through}. Check the network, or try again later"
    )]
    Unreachable {
        host: String,
        /// The proxy, after a preposition; empty if there was none.
        through: String,
        source: reqwest::Error,
    },
    /// A response without a success status.
    #[error("The image was not loaded: {host} refused the request ({status})")]
    Refused { host: String, status: u16 },
    /// More redirects than allowed.
    #[error("The image was not loaded: {host} redirects too often. Open it in the browser instead")]
    TooManyRedirects { host: String },
    /// A response over the limit.
    #[error("The image was not loaded: it is larger than 10 MiB. Open it in the browser instead")]
    TooLarge,
    /// An image with more pixels than are decoded.
    #[error(
        "The image was not loaded: it has {width} × {height} pixels, more than 64 million. Open it in the browser instead"
    )]
    TooManyPixels {
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
    },
    /// A response that is not an image, or a damaged one.
    #[error("The image was not loaded: {host} did not send a valid PNG, JPEG, GIF or WebP image")]
    NoImage { host: String },
}

/// Returns the address to open in the system's browser or mail program.
///
/// # Errors
/// When it is not http, https or mailto, disguises its target, or is too long.
pub fn link(destination: &str) -> Result<String, WebError> {
    check_length(destination)?;
    web_address(destination)
        .map(String::from)
        .ok_or(WebError::Link)
}

fn check_length(destination: &str) -> Result<(), WebError> {
    match destination.len() {
        bytes if bytes > ADDRESS_LIMIT => Err(WebError::LongAddress { bytes }),
        _ => Ok(()),
    }
}

/// The loader of remote images in messages.
#[derive(Debug)]
pub struct Images {
    network: Arc<Network>,
    /// Decoding takes up to half a gigabyte, so only one image is decoded at a time.
    decoding: Semaphore,
    rules: Rules,
}

/// Where an image may be fetched from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rules {
    /// The public internet, over https.
    Strict,
    /// A test server.
    #[cfg(test)]
    Loose,
}

impl Images {
    /// Creates the loader; nothing is decoded before it is asked.
    pub fn new(network: Arc<Network>) -> Self {
        Self {
            network,
            decoding: Semaphore::new(1),
            rules: Rules::Strict,
        }
    }

    /// Fetches an image, and returns it re-encoded, as a data URL.
    ///
    /// # Errors
    /// When the address is not one of an image on the public internet, or what is there cannot be shown.
    pub async fn load(&self, destination: &str) -> Result<String, WebError> {
        check_length(destination)?;
        let url = web_address(destination).ok_or(WebError::ImageAddress)?;
        let (host, bytes) = self.fetch(url).await?;
        self.shown(host, bytes).await
    }

    /// Returns the bytes of an image, and the host that sent them.
    async fn fetch(&self, mut url: Url) -> Result<(String, Vec<u8>), WebError> {
        for _ in 0..=MAX_REDIRECTS {
            let host = url.host_str().unwrap_or_default().to_owned();
            let route = self.route(&url).await?;
            let request = route.get().header("accept", ACCEPTED);
            let response = request.timeout(IMAGE_TIMEOUT).send().await;
            let response = response.map_err(|error| unreachable(&host, &route, error))?;
            let status = response.status();
            if status.is_success() {
                return Ok((host.clone(), body(&host, &route, response).await?));
            }
            let refused = || WebError::Refused {
                host: host.clone(),
                status: status.as_u16(),
            };
            let to = response.headers().get("location");
            let to = to.filter(|_| status.is_redirection());
            let to = to.and_then(|to| url.join(to.to_str().ok()?).ok());
            url = next(&url, &to.ok_or_else(refused)?)?;
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        Err(WebError::TooManyRedirects { host })
    }

    async fn route(&self, url: &Url) -> Result<Route, WebError> {
        if self.rules != Rules::Strict {
            return self.network.route(url.as_str()).map_err(no_way);
        }
        if url.scheme() != "https" {
            return Err(WebError::ImageAddress);
        }
        let host = url.host_str().unwrap_or_default();
        let private = || WebError::Private {
            host: host.to_owned(),
        };
        let route = self.network.public_route(url.clone()).map_err(no_way)?;
        // A proxy that resolves host names has to be trusted with it; for one that does not, they are
        // resolved here anyway.
        let here = route.proxy().is_some_and(|proxy| !proxy.resolves);
        if here && !is_public_name(host).await {
            return Err(private());
        }
        Ok(route)
    }

    async fn shown(&self, host: String, bytes: Vec<u8>) -> Result<String, WebError> {
        // The semaphore is never closed.
        let _one = self.decoding.acquire().await;
        let decoding = tokio::task::spawn_blocking(move || {
            let image = read_image(&bytes)?;
            let data = STANDARD.encode(image.data);
            Ok(format!("data:{};base64,{data}", image.media_type))
        });
        // A panic of the decoder is blamed on the untrusted image.
        let image = decoding.await.unwrap_or(Err(Refusal::Unreadable));
        image.map_err(|refusal| match refusal {
            Refusal::TooManyPixels { width, height } => WebError::TooManyPixels { width, height },
            _ => WebError::NoImage { host },
        })
    }
}

/// Validates a redirect: it must stay on the same site, which its chip names.
fn next(from: &Url, to: &Url) -> Result<Url, WebError> {
    let host = |url: &Url| url.host_str().unwrap_or_default().to_owned();
    let checked = web_address(to.as_str()).ok_or(WebError::ImageAddress)?;
    if site(from) == site(&checked) {
        return Ok(checked);
    }
    Err(WebError::AnotherSite {
        host: host(from),
        to: host(&checked),
    })
}

/// Returns the registrable domain of a host by the public suffix list, or the whole host if it knows none.
fn site(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    let is_number = host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok();
    let owner = (!is_number).then(|| psl::domain_str(host)).flatten();
    Some(owner.unwrap_or(host).to_owned())
}

async fn body(host: &str, route: &Route, mut response: Response) -> Result<Vec<u8>, WebError> {
    let mut bytes = Vec::new();
    loop {
        let piece = response.chunk().await;
        let piece = piece.map_err(|error| unreachable(host, route, error))?;
        let Some(piece) = piece else {
            return Ok(bytes);
        };
        bytes.extend_from_slice(&piece);
        if bytes.len() > IMAGE_LIMIT {
            return Err(WebError::TooLarge);
        }
    }
}

fn unreachable(host: &str, route: &Route, source: reqwest::Error) -> WebError {
    let host = host.to_owned();
    if has_cause::<NotPublic>(&source) {
        return WebError::Private { host };
    }
    let through = route.proxy();
    WebError::Unreachable {
        host,
        through: through.map_or_else(String::new, |proxy| format!(" through the proxy {proxy}")),
        source,
    }
}

fn no_way(error: RouteError) -> WebError {
    match error {
        RouteError::NotPublic(host) => WebError::Private { host },
        error => WebError::RouteError(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
