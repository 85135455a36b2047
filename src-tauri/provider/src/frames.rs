//! Splits a stream into events, with a size limit: without one, a provider that never ends an event could exhaust
//! memory.
//!
//! What a stream is shows in its lines, not in its announced type: server-sent events, JSON objects one a line, or
//! one object over several. An event is complete with its JSON value, since some servers send no blank line after
//! it, not even after the last one.

use std::collections::VecDeque;

use bytes::{Buf, BytesMut};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt};
use memchr::memchr2;
use tokio_util::codec::{Decoder, FramedRead};
use tokio_util::io::StreamReader;

use super::failure::root_cause;

/// Maximum size of an event in bytes.
pub(super) const EVENT_LIMIT: usize = 8 * 1024 * 1024;

/// Maximum size of a line that belongs to no event, as far as it is kept, in bytes.
const STRAY_LIMIT: usize = 1024;

/// How a JSON value begins that can be an event.
const BRACKETS: [char; 2] = ['{', '['];

#[derive(Debug, thiserror::Error)]
enum SplitError {
    #[error("an event is too large")]
    TooLarge,
    #[error(transparent)]
    Transport(#[from] std::io::Error),
}

/// Why a stream failed.
#[derive(Debug)]
pub(super) enum FrameError {
    /// An event exceeded the limit.
    TooLarge,
    /// The connection or the encoding failed.
    Transport(String),
}

/// An event of a stream.
#[derive(Debug, PartialEq)]
pub(super) struct Frame {
    pub(super) kind: FrameKind,
    /// Empty for a keep-alive.
    pub(super) text: String,
    /// False if the end of the connection may have truncated it.
    pub(super) whole: bool,
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    /// A comment, or an event without data.
    KeepAlive,
    /// The data of a server-sent event.
    Data {
        /// The event is named `error`.
        is_error: bool,
    },
    /// JSON that is not in a server-sent event.
    Json,
    /// A line that is none of these.
    Stray,
}

/// The events of a stream.
pub(super) struct Frames(BoxStream<'static, Result<Frame, FrameError>>);

impl Frames {
    /// Splits a stream of bytes. Invalid UTF-8 is replaced.
    pub(super) fn new<B, E>(
        bytes: impl Stream<Item = Result<B, E>> + Send + 'static,
        limit: usize,
    ) -> Self
    where
        B: Buf + Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let reader = StreamReader::new(bytes.map_err(std::io::Error::other).boxed());
        let frames = FramedRead::new(reader, Splitter::new(limit)).map_err(|error| match error {
            SplitError::TooLarge => FrameError::TooLarge,
            SplitError::Transport(error) => FrameError::Transport(root_cause(&error)),
        });
        Self(frames.boxed())
    }

    /// Returns the next event; `None` at the end of the stream.
    pub(super) async fn next(&mut self) -> Option<Result<Frame, FrameError>> {
        self.0.next().await
    }
}

/// Splits bytes into lines, and lines into frames.
struct Splitter {
    limit: usize,
    /// Bytes since the last frame that belongs to a stream.
    since: usize,
    /// Bytes of the buffer without the end of a line.
    scanned: usize,
    /// The next line feed belongs to the last line's end.
    after_return: bool,
    is_first: bool,
    lines: Lines,
}

impl Splitter {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            since: 0,
            scanned: 0,
            after_return: false,
            is_first: true,
            lines: Lines::default(),
        }
    }

    /// Takes the next line out of the buffer, without its end: a line feed, a carriage return, or both.
    fn next_line(&mut self, bytes: &mut BytesMut) -> Option<BytesMut> {
        if self.after_return && !bytes.is_empty() {
            self.after_return = false;
            if bytes[0] == b'\n' {
                bytes.advance(1);
            }
        }
        let rest = &bytes[self.scanned..];
        let Some(end) = memchr2(b'\n', b'\r', rest) else {
            self.scanned = bytes.len();
            return None;
        };
        let line = bytes.split_to(self.scanned + end);
        self.scanned = 0;
        self.after_return = bytes[0] == b'\r';
        bytes.advance(1);
        Some(line)
    }

    fn read(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line = match line.strip_prefix('\u{feff}') {
            Some(rest) if self.is_first => rest,
            _ => &line,
        };
        self.is_first = false;
        self.lines.read(line);
    }
}

impl Decoder for Splitter {
    type Item = Frame;
    type Error = SplitError;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Frame>, SplitError> {
        loop {
            if let Some(frame) = self.lines.ready.pop_front() {
                if frame.kind != FrameKind::Stray {
                    self.since = 0;
                }
                return Ok(Some(frame));
            }
            let Some(line) = self.next_line(bytes) else {
                if self.since + bytes.len() > self.limit {
                    return Err(SplitError::TooLarge);
                }
                return Ok(None);
            };
            self.since += line.len();
            if self.since > self.limit {
                return Err(SplitError::TooLarge);
            }
            self.read(&line);
        }
    }

    fn decode_eof(&mut self, bytes: &mut BytesMut) -> Result<Option<Frame>, SplitError> {
        if let Some(frame) = self.decode(bytes)? {
            return Ok(Some(frame));
        }
        if !bytes.is_empty() {
            let line = bytes.split();
            self.scanned = 0;
            self.read(&line);
        }
        self.lines.end();
        Ok(self.lines.ready.pop_front())
    }
}

/// Joins lines into frames.
#[derive(Default)]
struct Lines {
    ready: VecDeque<Frame>,
    /// The value that is being read, of an event or of JSON outside of one.
    value: String,
    /// Where the JSON in `value` ends; none if it is not JSON.
    extent: Option<Extent>,
    /// What `value` belongs to, once it has begun.
    of: Option<Of>,
    /// The event is named `error`.
    is_error: bool,
    /// A frame came since the last blank line.
    has_frame: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Event,
    Json,
}

impl Lines {
    fn read(&mut self, line: &str) {
        let mut rest = self.read_one(line);
        while let Some((of, more)) = rest {
            rest = match of {
                Of::Event if more.starts_with(BRACKETS) => self.append(of, more),
                Of::Event | Of::Json => self.read_one(more),
            };
        }
    }

    /// Reads a line, and returns what follows a complete value in it.
    fn read_one<'l>(&mut self, line: &'l str) -> Option<(Of, &'l str)> {
        if self.of == Some(Of::Json) {
            return self.append(Of::Json, line);
        } else if line.is_empty() {
            self.blank();
        } else if line.starts_with(':') {
            self.push(FrameKind::KeepAlive, String::new(), true);
        } else if let Some(value) = field(line, "data") {
            return self.append(Of::Event, value);
        } else if let Some(name) = field(line, "event") {
            self.is_error = name.trim() == "error";
        } else if field(line, "id").or(field(line, "retry")).is_some() {
            // Only for clients that reconnect.
        } else if line.trim_start().starts_with(BRACKETS) {
            self.dispatch(false);
            return self.append(Of::Json, line.trim_start());
        } else if !line.trim().is_empty() {
            let kept = line.floor_char_boundary(STRAY_LIMIT);
            self.push(FrameKind::Stray, line[..kept].to_owned(), true);
        }
        None
    }

    /// Adds a line to the value. A JSON value is an event as soon as it is complete; what follows it in its line is
    /// returned.
    fn append<'l>(&mut self, of: Of, line: &'l str) -> Option<(Of, &'l str)> {
        if self.of.is_none() {
            let is_json = line.trim_start().starts_with(BRACKETS);
            self.extent = is_json.then(Extent::default);
            self.of = Some(of);
        } else {
            self.value.push('\n');
        }
        let end = self.extent.as_mut().and_then(|extent| extent.end_in(line));
        let Some(end) = end else {
            self.value.push_str(line);
            return None;
        };
        self.value.push_str(&line[..end]);
        self.dispatch(true);
        let rest = line[end..].trim();
        (!rest.is_empty()).then_some((of, rest))
    }

    fn blank(&mut self) {
        if self.of.is_some() {
            self.dispatch(true);
        } else if !self.has_frame {
            self.push(FrameKind::KeepAlive, String::new(), true);
        }
        self.has_frame = false;
        self.is_error = false;
    }

    /// Ends the value, if one has begun.
    fn dispatch(&mut self, whole: bool) {
        let Some(of) = self.of.take() else {
            return;
        };
        self.extent = None;
        let text = std::mem::take(&mut self.value);
        let kind = match of {
            _ if text.trim().is_empty() => FrameKind::KeepAlive,
            Of::Event => FrameKind::Data {
                is_error: std::mem::take(&mut self.is_error),
            },
            Of::Json => FrameKind::Json,
        };
        self.push(kind, text, whole);
    }

    /// Ends the stream, in the middle of a value perhaps.
    fn end(&mut self) {
        self.dispatch(false);
    }

    fn push(&mut self, kind: FrameKind, text: String, whole: bool) {
        self.has_frame = true;
        self.ready.push_back(Frame { kind, text, whole });
    }
}

/// Returns the value of a field of a server-sent event.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(name)?;
    if rest.is_empty() {
        return Some(rest);
    }
    let value = rest.strip_prefix(':')?;
    Some(value.strip_prefix(' ').unwrap_or(value))
}

/// Finds the end of a JSON value that begins with a bracket, line by line.
#[derive(Debug, Default)]
struct Extent {
    depth: usize,
    in_string: bool,
    is_escaped: bool,
}

impl Extent {
    /// Returns where the value ends, if it does in this line. A line's end within a string does not belong to JSON,
    /// and ends nothing.
    fn end_in(&mut self, line: &str) -> Option<usize> {
        let bytes = line.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            if self.in_string && !self.is_escaped {
                at += memchr2(b'"', b'\\', &bytes[at..])?;
            }
            let byte = bytes[at];
            at += 1;
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = self.in_string,
                b'"' => self.in_string = !self.in_string,
                b'{' | b'[' if !self.in_string => self.depth += 1,
                b'}' | b']' if !self.in_string => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(at);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
