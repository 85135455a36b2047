//! Response bodies, and how a bad network or a faulty program distorts them.

use conch_fault_server::{Protocol, Step};

use crate::scenario::HELLO;

pub(crate) fn delta(text: &str) -> Step {
    Step::Delta(text.to_owned())
}

pub(crate) fn finish(reason: &str) -> Step {
    Step::Finish(reason.to_owned())
}

pub(crate) fn raw(bytes: impl AsRef<[u8]>) -> Step {
    Step::Raw(bytes.as_ref().to_owned())
}

/// An error in OpenAI's format; the stand-in translates it.
pub(crate) fn error(reason: &str) -> Step {
    Step::Error(serde_json::json!({"error": {"message": reason}}))
}

/// The steps of an ordinary answer, without its head.
pub(crate) fn hello() -> Vec<Step> {
    let words = HELLO.split_inclusive(' ').map(delta);
    let end = [finish("stop"), Step::Usage(7, 3), Step::Done];
    words.chain(end).collect()
}

/// Returns the body of an ordinary answer, with LF line endings only.
pub(crate) fn body(protocol: Protocol) -> String {
    text_of(protocol, &hello())
}

/// Returns the body of a stream of these steps, with LF line endings only.
pub(crate) fn text_of(protocol: Protocol, steps: &[Step]) -> String {
    String::from_utf8(protocol.stream(steps))
        .unwrap()
        .replace("\r\n", "\n")
}

/// An ordinary answer with a modified body.
pub(crate) fn changed(protocol: Protocol, change: impl Fn(String) -> String) -> Vec<Step> {
    vec![Step::Head, raw(change(body(protocol)))]
}

/// Returns a response head of these lines.
pub(crate) fn head(lines: &[&str]) -> Vec<u8> {
    format!("{}\r\n\r\n", lines.join("\r\n")).into_bytes()
}

/// Returns a `200 OK` head with the protocol's content type and these lines.
pub(crate) fn ok_head(protocol: Protocol, lines: &[&str]) -> Vec<u8> {
    let content_type = format!("content-type: {}", protocol.content_type());
    let first = ["HTTP/1.1 200 OK", &content_type, "connection: close"];
    head(&[&first, lines].concat())
}

/// Returns the body in HTTP chunks of this size, without the last, empty one.
pub(crate) fn chunks(body: &[u8], size: usize) -> Vec<u8> {
    let chunk = |piece: &[u8]| {
        let size = format!("{:x}\r\n", piece.len());
        [size.as_bytes(), piece, b"\r\n"].concat()
    };
    body.chunks(size).flat_map(chunk).collect()
}

/// Returns an answer without finish reason and end marker: all the events that carry text.
pub(crate) fn half(protocol: Protocol) -> String {
    text_of(protocol, &[delta("half")])
}

/// Splits the bytes inside the first multi-byte character.
pub(crate) fn cut_in_character(bytes: &[u8]) -> (&[u8], &[u8]) {
    let at = bytes.iter().position(|byte| *byte >= 0xC0).unwrap();
    bytes.split_at(at + 1)
}
