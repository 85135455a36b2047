use std::io::{Read, Write};
use std::net::TcpListener;

use super::*;
use crate::network::Proxies;

/// A PNG of one red pixel, with a text chunk that is not needed to show it.
const PIXEL: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0xd, 0xa, 0x1a, 0xa, 0, 0, 0, 0xd, 0x49, 0x48, 0x44, 0x52, 0, 0, 0, 1,
    0, 0, 0, 1, 8, 2, 0, 0, 0, 0x90, 0x77, 0x53, 0xde, 0, 0, 0, 0xc, 0x49, 0x44, 0x41, 0x54, 0x78,
    0xda, 0x63, 0xf8, 0xcf, 0xc0, 0, 0, 3, 1, 1, 0, 0xf7, 3, 0x41, 0x43, 0, 0, 0, 0, 0x49, 0x45,
    0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

fn images(rules: Rules) -> Images {
    Images {
        rules,
        ..Images::new(Arc::new(Network::new(Proxies::default())))
    }
}

/// Serves one request, and returns what it was.
fn serve(head: &str, body: &[u8]) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let response = [head.as_bytes(), b"\r\nconnection: close\r\n\r\n", body].concat();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).unwrap();
        // The client may have closed the connection early.
        let _ = stream.write_all(&response);
        String::from_utf8_lossy(&request[..read]).into_owned()
    });
    (format!("http://127.0.0.1:{port}/picture"), serving)
}

async fn loaded(head: &str, body: &[u8]) -> Result<String, WebError> {
    let (address, _serving) = serve(head, body);
    images(Rules::Loose).load(&address).await
}

/// A PNG whose header claims so many pixels, without any data.
fn bomb(side: u32) -> Vec<u8> {
    let mut bomb = PIXEL.to_vec();
    bomb[16..20].copy_from_slice(&side.to_be_bytes());
    bomb[20..24].copy_from_slice(&side.to_be_bytes());
    let checksum = !bomb[12..29].iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1))
        })
    });
    bomb[29..33].copy_from_slice(&checksum.to_be_bytes());
    bomb
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
async fn an_address_without_an_end_is_neither_opened_nor_loaded() {
    let long = format!("https://example.com/{}", "a".repeat(ADDRESS_LIMIT));
    assert!(matches!(link(&long), Err(WebError::LongAddress { bytes }) if bytes == long.len()));
    let loaded = images(Rules::Strict).load(&long).await;
    assert!(matches!(loaded, Err(WebError::LongAddress { .. })));
    let longest = &long[..ADDRESS_LIMIT];
    assert_eq!(link(longest).unwrap(), longest);
}

#[tokio::test]
async fn an_image_in_the_clear_is_not_asked_for() {
    for destination in [
        "http://example.com/x.png",
        "http://127.0.0.1:1/x.png",
        "data:image/png;base64,AAAA",
        "mailto:x@y.z",
    ] {
        let refused = images(Rules::Strict).load(destination).await;
        assert!(
            matches!(refused, Err(WebError::ImageAddress)),
            "{destination}: {refused:?}"
        );
    }
}

/// The fetch must fail before it sends a request: the listener on loopback would receive one by name or
/// number.
#[tokio::test]
async fn an_answer_reaches_nothing_in_the_own_network() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in [
        "127.0.0.1",
        "localhost",
        "x.localhost",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "10.0.0.1",
        "169.254.169.254",
        "[fe80::1]",
        "router",
        "nas.local",
    ] {
        let address = format!("https://{host}:{port}/x.png");
        let refused = images(Rules::Strict).load(&address).await;
        assert!(
            matches!(refused, Err(WebError::Private { .. })),
            "{host}: {refused:?}"
        );
    }
    assert!(listener.accept().is_err(), "a connection was made");
}

#[test]
fn a_redirect_stays_on_its_site() {
    let next = |from: &str, to: &str| super::next(&from.parse().unwrap(), &to.parse().unwrap());
    for (from, to) in [
        ("https://example.com/a", "https://www.example.com/b"),
        ("https://www.example.co.uk/a", "https://img.example.co.uk/b"),
        ("https://8.8.8.8/a", "https://8.8.8.8/b"),
    ] {
        assert_eq!(next(from, to).unwrap().as_str(), to);
    }
    for (from, to) in [
        ("https://example.com/a", "https://example.org/a"),
        ("https://a.co.uk/", "https://b.co.uk/"),
        ("https://me.github.io/", "https://you.github.io/"),
        ("https://example.com/", "https://8.8.8.8/"),
        ("https://8.8.8.8/", "https://9.8.8.8/"),
        ("https://example.com/", "https://localhost/"),
    ] {
        let refused = next(from, to);
        assert!(
            matches!(refused, Err(WebError::AnotherSite { .. })),
            "{from} to {to}: {refused:?}"
        );
    }
    assert!(matches!(
        next("https://example.com/", "file:///etc/passwd"),
        Err(WebError::ImageAddress)
    ));
}

#[tokio::test]
async fn an_image_comes_as_data_made_here_and_its_server_learns_nothing() {
    let hidden = [PIXEL, b"<script>behind the image</script>"].concat();
    let (address, serving) = serve("HTTP/1.1 200 OK\r\ncontent-type: text/html", &hidden);
    let data = images(Rules::Loose).load(&address).await.unwrap();
    let data = data.strip_prefix("data:image/png;base64,").unwrap();
    let written = STANDARD.decode(data).unwrap();
    assert_eq!(read_image(&written).unwrap().width, 1);
    assert!(
        !written.windows(7).any(|part| part == b"<script"),
        "what is behind the image is gone"
    );
    let request = serving.join().unwrap().to_lowercase();
    for header in ["cookie", "referer", "authorization", "origin"] {
        assert!(!request.contains(header), "{request}");
    }
}

#[tokio::test]
async fn an_image_of_many_pixels_is_refused_before_it_is_decoded() {
    let shown = loaded("HTTP/1.1 200 OK", &bomb(60_000)).await;
    assert!(
        matches!(
            shown,
            Err(WebError::TooManyPixels {
                width: 60_000,
                height: 60_000
            })
        ),
        "{shown:?}"
    );
}

#[tokio::test]
async fn one_image_is_decoded_at_a_time() {
    let images = images(Rules::Loose);
    let other = images.decoding.acquire().await.unwrap();
    let mut second = Box::pin(images.shown("host".to_owned(), PIXEL.to_vec()));
    let waits = futures_util::poll!(&mut second);
    assert!(waits.is_pending(), "it waits for the other");
    drop(other);
    assert_eq!(
        images.decoding.available_permits(),
        0,
        "the turn is handed on to it"
    );
    assert!(second.await.is_ok());
}

#[tokio::test]
async fn what_is_no_image_is_not_shown() {
    let svg: &[u8] = b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>";
    let avif: &[u8] = b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miafMA1B";
    let cut = &PIXEL[..45];
    for body in [svg, avif, cut, b"BM\x1a\0\0\0", b"<html></html>", b""] {
        let shown = loaded("HTTP/1.1 200 OK\r\ncontent-type: image/png", body).await;
        assert!(matches!(shown, Err(WebError::NoImage { .. })), "{shown:?}");
    }
    let shown = loaded("HTTP/1.1 200 OK", &vec![0; IMAGE_LIMIT + 1]).await;
    assert!(matches!(shown, Err(WebError::TooLarge)));
    let shown = loaded("HTTP/1.1 404 Not Found", PIXEL).await;
    assert!(matches!(shown, Err(WebError::Refused { status: 404, .. })));
    let shown = loaded("HTTP/1.1 302 Found\r\nlocation: http://example.com/x", b"").await;
    assert!(
        matches!(shown, Err(WebError::AnotherSite { .. })),
        "{shown:?}"
    );
}
