//! Unusual HTTP responses with an ordinary answer.

use std::time::Duration;

use conch_fault_server::{Protocol, Step};

use crate::bodies::{body, chunks, head, hello, ok_head, raw};
use crate::scenario::{EVENTS, HELLO, Scenario, complete, once};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let answer = || complete(HELLO);
    vec![
        once("slow headers", answer(), |protocol| {
            let head = ok_head(protocol, &[]);
            let bytes = head.chunks(8).flat_map(|piece| {
                let pause = Step::Pause(Duration::from_millis(3));
                [raw(piece), pause]
            });
            bytes.chain(hello()).collect()
        }),
        once("interim responses before the real one", answer(), |_| {
            let interim =
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n";
            [vec![raw(interim), Step::Head], hello()].concat()
        }),
        once("HTTP/1.0", answer(), |protocol| {
            let content_type = format!("content-type: {}", protocol.content_type());
            let head = head(&["HTTP/1.0 200 OK", &content_type]);
            [vec![raw(head)], hello()].concat()
        }),
        once(
            "no reason phrase, and names in capitals",
            answer(),
            |protocol| {
                let content_type = protocol.content_type().to_ascii_uppercase();
                let content_type = format!("CONTENT-TYPE: {content_type}; CHARSET=UTF-8");
                [vec![raw(head(&["HTTP/1.1 200", &content_type]))], hello()].concat()
            },
        ),
        once("no content type", answer(), |_| {
            [vec![raw(head(&["HTTP/1.1 200 OK"]))], hello()].concat()
        }),
        once("a content type of JSON", answer(), |_| {
            let head = head(&["HTTP/1.1 200 OK", "content-type: application/json"]);
            [vec![raw(head)], hello()].concat()
        })
        .only(&[Protocol::Ollama]),
        once("head and stream in one packet", answer(), |protocol| {
            let body = body(protocol);
            vec![raw(
                [ok_head(protocol, &[]).as_slice(), body.as_bytes()].concat()
            )]
        }),
        once("a known length", answer(), |protocol| {
            let body = body(protocol);
            let length = format!("content-length: {}", body.len());
            vec![raw(ok_head(protocol, &[&length])), raw(body), Step::Hang]
        }),
        once(
            "chunks that cut events and characters",
            answer(),
            |protocol| {
                let chunked = chunks(body(protocol).as_bytes(), 7);
                let end = "0\r\ntrailer: x\r\n\r\n";
                let head = ok_head(protocol, &["transfer-encoding: chunked"]);
                vec![raw(head), raw(chunked), raw(end), Step::Hang]
            },
        ),
        once(
            "one object instead of a stream",
            complete("Hi"),
            |protocol| vec![Step::status(200, &[], whole(protocol))],
        ),
        once("a stream announced as identity", answer(), |protocol| {
            let head = ok_head(protocol, &["content-encoding: identity", "vary: *"]);
            [vec![raw(head)], hello()].concat()
        })
        .only(EVENTS),
    ]
}

/// Returns the protocol's response to a request that does not stream.
pub(crate) fn whole(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::OpenAi => {
            r#"{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#
        }
        Protocol::Responses => {
            r#"{"id":"resp_1","object":"response","status":"completed","output":[{"id":"msg_1","type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Hi","annotations":[]}]}],"usage":{"input_tokens":1,"output_tokens":1}}"#
        }
        Protocol::Anthropic => {
            r#"{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"#
        }
        Protocol::Gemini => {
            r#"{"candidates":[{"content":{"parts":[{"text":"Hi"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1}}"#
        }
        Protocol::Ollama => {
            r#"{"model":"stand-in-1","message":{"role":"assistant","content":"Hi"},"done_reason":"stop","done":true,"eval_count":1}"#
        }
    }
}
