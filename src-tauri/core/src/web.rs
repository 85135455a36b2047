//! What a message points at in the web: links, which the system's browser opens, and images, which are
//! fetched when the user asks for one, and never before.
//!
//! A model writes what it likes, so an address is a stranger's: it is checked here, whatever the page has
//! checked already. An image is asked for over https only, without cookies, key or referrer, in the public
//! internet only, and it stays on the site that its chip names. What comes is a stranger's too: it is
//! decoded within limits off the runtime's workers, one at a time, and the page gets what was written anew
//! from its pixels, as data, so that the page itself needs no network.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use conch_attachments::{Refusal, read_image};
use conch_markdown::web_address;
use reqwest::{Response, Url};
use tokio::sync::Semaphore;

use crate::app::App;
use crate::error::Result;
use crate::network::{Network, NotPublic, Route, RouteError, is_public_name};

/// The most bytes of an address.
pub const ADDRESS_LIMIT: usize = 8 * 1024;

/// The most bytes of an image.
const IMAGE_LIMIT: usize = 10 * 1024 * 1024;

/// How long an image may take.
const IMAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// How often an image may be somewhere else.
const MAX_REDIRECTS: usize = 5;

/// What is decoded here. AVIF is not, and SVG is a document, not a picture.
const ACCEPTED: &str = "image/png, image/jpeg, image/webp, image/gif";

/// Why a link is not opened, or an image not shown.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// It is no address that may be opened.
    #[error("This link opens nothing: only http, https and mailto addresses are opened")]
    Link,
    /// An address over [`ADDRESS_LIMIT`].
    #[error(
        "This address has {bytes} bytes, more than any real one: it is not opened (the limit is 8 KiB)"
    )]
    LongAddress {
        /// Bytes of UTF-8.
        bytes: usize,
    },
    /// An image that is not asked for.
    #[error("This image is not loaded: images are loaded over https only")]
    ImageAddress,
    /// An image on this machine or in its network.
    #[error(
        "This image is not loaded: {host} is on this machine or in its own network, which an answer must not reach"
    )]
    Private {
        /// Where it is.
        host: String,
    },
    /// An image that is at another site after all.
    #[error(
        "The image was not loaded: {host} sends on to another site, {to}. Open it in the browser instead"
    )]
    AnotherSite {
        /// Who sends on.
        host: String,
        /// Where to.
        to: String,
    },
    /// No way there.
    #[error("The image was not loaded: {0}")]
    RouteError(String),
    /// No answer.
    #[error(
        "The image was not loaded: {host} did not answer{through}. Check the network, or try again later"
    )]
    Unreachable {
        /// Who did not.
        host: String,
        /// The proxy that was asked, with a word before it; empty where none was.
        through: String,
        /// Why.
        source: reqwest::Error,
    },
    /// An answer that is no success.
    #[error("The image was not loaded: {host} refused it ({status})")]
    Refused {
        /// Who did.
        host: String,
        /// The HTTP status.
        status: u16,
    },
    /// It is always somewhere else.
    #[error("The image was not loaded: {host} sends on and on. Open it in the browser instead")]
    TooManyRedirects {
        /// Who does.
        host: String,
    },
    /// Over the limit.
    #[error("The image was not loaded: it has more than 10 MiB. Open it in the browser instead")]
    TooLarge,
    /// More pixels than are decoded.
    #[error(
        "The image was not loaded: it has {width} × {height} pixels, more than 64 million. Open it in the browser instead"
    )]
    TooManyPixels {
        /// Across.
        width: u32,
        /// Down.
        height: u32,
    },
    /// Something else.
    #[error(
        "The image was not loaded: {host} sent something that is no PNG, JPEG, GIF or WebP image, or a damaged one"
    )]
    NoImage {
        /// Who did.
        host: String,
    },
}

/// The address that the system's browser, or its mail program, may be given.
///
/// # Errors
/// When it is none of http, https and mailto, hides where it leads, or is too long.
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

impl App {
    /// An image that the user asked for, as a `data:` address with a PNG or a JPEG of at most 1568
    /// pixels a side.
    ///
    /// # Errors
    /// Why it is not shown.
    pub async fn load_image(&self, destination: &str) -> Result<String> {
        Ok(self.images.load(destination).await?)
    }
}

/// The images in the web that messages show.
#[derive(Debug)]
pub(crate) struct Images {
    network: Arc<Network>,
    /// Half a gigabyte at most is decoded at a time, so only one is.
    decoding: Semaphore,
    rules: Rules,
}

/// Where an image may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rules {
    /// In the public internet, over https.
    Strict,
    /// A server of a test's own.
    #[cfg(test)]
    Loose,
}

impl Images {
    pub(crate) fn new(network: Arc<Network>) -> Self {
        Self {
            network,
            decoding: Semaphore::new(1),
            rules: Rules::Strict,
        }
    }

    async fn load(&self, destination: &str) -> Result<String, WebError> {
        check_length(destination)?;
        let url = web_address(destination).ok_or(WebError::ImageAddress)?;
        let (host, bytes) = self.fetch(url).await?;
        self.shown(host, bytes).await
    }

    /// The bytes of an image, and whose they are.
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
        // A proxy that takes names only is trusted with where they lead; before another, they are
        // resolved here anyway.
        let here = route.proxy().is_some_and(|proxy| !proxy.resolves);
        if here && !is_public_name(host).await {
            return Err(private());
        }
        Ok(route)
    }

    async fn shown(&self, host: String, bytes: Vec<u8>) -> Result<String, WebError> {
        // It is never closed.
        let _one = self.decoding.acquire().await;
        let decoding = tokio::task::spawn_blocking(move || {
            let image = read_image(&bytes)?;
            let data = STANDARD.encode(image.data);
            Ok(format!("data:{};base64,{data}", image.media_type))
        });
        // A panic in what reads a stranger's image is that image's fault.
        let image = decoding.await.unwrap_or(Err(Refusal::Unreadable));
        image.map_err(|refusal| match refusal {
            Refusal::TooManyPixels { width, height } => WebError::TooManyPixels { width, height },
            _ => WebError::NoImage { host },
        })
    }
}

/// Where a redirect leads: to the same site only, which is what its chip names.
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

/// The part of a host that one owner has: by the public suffix list, or the whole where it knows none.
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
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&source);
    while let Some(error) = cause {
        if error.is::<NotPublic>() {
            return WebError::Private { host };
        }
        cause = error.source();
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
