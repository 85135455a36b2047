//! What a message points at in the web: links, which the system's browser opens, and images, which are
//! fetched when the user asks for one, and never before.
//!
//! A model writes what it likes, so an address is a stranger's: it is checked here, whatever the page has
//! checked already. An image is asked for over https only, without cookies, key or referrer, and comes to
//! the page as data, so that the page itself needs no network.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use conch_markdown::web_address;
use reqwest::Client;
use reqwest::redirect::{Attempt, Policy};

/// The most bytes of an image.
const IMAGE_LIMIT: usize = 10 * 1024 * 1024;

/// How long an image may take.
const IMAGE_PATIENCE: Duration = Duration::from_secs(30);

/// The longest address that is opened or asked for, in bytes.
const LONGEST_ADDRESS: usize = 32 * 1024;

/// How often an image may be somewhere else.
const MOST_REDIRECTS: usize = 5;

/// The kinds that a page shows. SVG is none: it is a document, not a picture.
const KINDS: [&str; 6] = [
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
];

/// Why a link is not opened, or an image not shown.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// It is no address that may be opened.
    #[error("This link opens nothing: only http, https and mailto addresses are opened")]
    Link,
    /// An image that is not asked for.
    #[error("This image is not loaded: images are loaded over https only")]
    ImageAddress,
    /// No answer.
    #[error(
        "The image was not loaded: {host} did not answer. Check the network, or try again later"
    )]
    Unreachable {
        /// Who did not.
        host: String,
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
    /// Over the limit.
    #[error("The image was not loaded: it has more than 10 MiB. Open it in the browser instead")]
    TooLarge,
    /// Something else.
    #[error("The image was not loaded: {host} sent something that is no image")]
    NoImage {
        /// Who did.
        host: String,
    },
}

/// The address that the system's browser, or its mail program, may be given.
///
/// # Errors
/// When it is none of http, https and mailto, or hides where it leads.
pub fn link(destination: &str) -> Result<String, WebError> {
    address(destination).map(String::from).ok_or(WebError::Link)
}

/// An image as a `data:` address.
///
/// # Errors
/// Why it is not shown.
pub async fn image(destination: &str) -> Result<String, WebError> {
    let url = address(destination).filter(|url| url.scheme() == "https");
    let url = url.ok_or(WebError::ImageAddress)?;
    fetch(url).await
}

fn address(destination: &str) -> Option<reqwest::Url> {
    let fits = destination.len() <= LONGEST_ADDRESS;
    fits.then(|| web_address(destination)).flatten()
}

async fn fetch(url: reqwest::Url) -> Result<String, WebError> {
    let host = url.host_str().unwrap_or_default().to_owned();
    let unreachable = |source| WebError::Unreachable {
        host: host.clone(),
        source,
    };
    let client = Client::builder()
        .timeout(IMAGE_PATIENCE)
        .redirect(Policy::custom(redirect))
        .referer(false)
        .user_agent(concat!("Conch/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(unreachable)?;
    let mut response = client.get(url).send().await.map_err(unreachable)?;
    if !response.status().is_success() {
        let status = response.status().as_u16();
        return Err(WebError::Refused { host, status });
    }
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(unreachable)? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > IMAGE_LIMIT {
            return Err(WebError::TooLarge);
        }
    }
    // What it is, not what its server says that it is.
    let kind = infer::get(&bytes).map(|kind| kind.mime_type());
    let Some(kind) = kind.filter(|kind| KINDS.contains(kind)) else {
        return Err(WebError::NoImage { host });
    };
    Ok(format!("data:{kind};base64,{}", STANDARD.encode(bytes)))
}

fn redirect(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    if attempt.previous().len() > MOST_REDIRECTS || attempt.url().scheme() != "https" {
        attempt.stop()
    } else {
        attempt.follow()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

    /// Answers one request, and says what it was.
    fn serve(head: &str, body: &[u8]) -> (reqwest::Url, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let response = [head.as_bytes(), b"\r\nconnection: close\r\n\r\n", body].concat();
        let serving = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = vec![0; 4096];
            let read = stream.read(&mut request).unwrap();
            // The client may have seen enough.
            let _ = stream.write_all(&response);
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        let url = format!("http://127.0.0.1:{port}/picture").parse().unwrap();
        (url, serving)
    }

    #[test]
    fn only_web_and_mail_addresses_are_opened() {
        assert_eq!(
            link("https://example.com/a").unwrap(),
            "https://example.com/a"
        );
        assert_eq!(
            link("mailto:me@example.com").unwrap(),
            "mailto:me@example.com"
        );
        for destination in [
            "javascript:alert(1)",
            "file:///etc/passwd",
            "smb://x/y",
            "/relative",
        ] {
            assert!(
                matches!(link(destination), Err(WebError::Link)),
                "{destination}"
            );
        }
    }

    #[tokio::test]
    async fn an_image_in_the_clear_is_not_asked_for() {
        for destination in [
            "http://127.0.0.1:1/x.png",
            "data:image/png;base64,AAAA",
            "mailto:x@y.z",
        ] {
            let refused = image(destination).await;
            assert!(
                matches!(refused, Err(WebError::ImageAddress)),
                "{destination}"
            );
        }
    }

    #[tokio::test]
    async fn an_image_comes_as_data_and_its_server_learns_nothing() {
        let (url, serving) = serve("HTTP/1.1 200 OK\r\ncontent-type: text/html", PNG);
        let data = fetch(url).await.unwrap();
        assert_eq!(
            data,
            format!("data:image/png;base64,{}", STANDARD.encode(PNG))
        );
        let request = serving.join().unwrap().to_lowercase();
        for told in ["cookie", "referer", "authorization", "origin"] {
            assert!(!request.contains(told), "{request}");
        }
    }

    #[tokio::test]
    async fn what_is_no_image_is_not_shown() {
        let svg: &[u8] = b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>";
        for body in [svg, b"<html></html>", b""] {
            let (url, _serving) = serve("HTTP/1.1 200 OK\r\ncontent-type: image/png", body);
            let shown = fetch(url).await;
            assert!(matches!(shown, Err(WebError::NoImage { .. })), "{shown:?}");
        }
        let (url, _serving) = serve("HTTP/1.1 200 OK", &vec![0; IMAGE_LIMIT + 1]);
        assert!(matches!(fetch(url).await, Err(WebError::TooLarge)));
        let (url, _serving) = serve("HTTP/1.1 404 Not Found", PNG);
        assert!(matches!(
            fetch(url).await,
            Err(WebError::Refused { status: 404, .. })
        ));
        // Nor is another address asked that is not https.
        let (url, _serving) = serve("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/x", b"");
        assert!(matches!(
            fetch(url).await,
            Err(WebError::Refused { status: 302, .. })
        ));
    }
}
