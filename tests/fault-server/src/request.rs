//! Reads one request from a connection.

use std::collections::HashMap;
use std::io;

use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// A received request.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: String,
    /// Includes the base path and the query.
    pub path: String,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
    /// The JSON body; null if there is none.
    pub body: Value,
}

impl Request {
    /// Returns the path without its query.
    pub(crate) fn place(&self) -> &str {
        self.path
            .split_once('?')
            .map_or(&self.path, |(place, _)| place)
    }

    /// Reads the next request of a connection; `None` if the client disconnected before its end.
    pub(crate) async fn read(stream: &mut TcpStream) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        let head_end = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(None);
            }
            // TLS, for example.
            if bytes
                .first()
                .is_some_and(|first| !first.is_ascii_uppercase())
            {
                return Err(io::ErrorKind::InvalidData.into());
            }
        };
        let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
        let mut lines = head.lines();
        let mut first = lines
            .next()
            .unwrap_or_default()
            .split(' ')
            .map(str::to_owned);
        let (Some(method), Some(path)) = (first.next(), first.next()) else {
            return Ok(None);
        };
        let headers: HashMap<_, _> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let length = headers
            .get("content-length")
            .and_then(|length| length.parse().ok());
        let body_end = head_end + 4 + length.unwrap_or(0_usize);
        while bytes.len() < body_end {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(None);
            }
        }
        Ok(Some(Self {
            method,
            path,
            headers,
            body: serde_json::from_slice(&bytes[head_end + 4..body_end]).unwrap_or(Value::Null),
        }))
    }
}
