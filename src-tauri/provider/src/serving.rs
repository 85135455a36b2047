//! A server for unit tests.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

/// Answers each request with the body of its path, and 404 without one.
pub(crate) fn serve(bodies: &'static [(&str, &str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap();
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default();
            let body = bodies.iter().find(|(known, _)| *known == path);
            let (status, body) = body.map_or(("404", "{}"), |(_, body)| ("200", *body));
            let response = format!(
                "HTTP/1.1 {status} .\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(response.as_bytes()).unwrap();
        }
    });
    origin
}
