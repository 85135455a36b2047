//! Bytes that are not a valid stream of the protocol.

use std::io::Write as _;

use conch_fault_server::{Protocol, Step};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::bodies::{body, delta, half, ok_head, raw};
use crate::scenario::{Scenario, cut, failed, once};

/// Above the limit of 8 MiB for an event.
const TOO_LONG: usize = 9 * 1024 * 1024;

pub(crate) fn scenarios() -> Vec<Scenario> {
    let too_large = || failed("response_too_large", "8 MiB");
    vec![
        once(
            "an event that never ends",
            too_large().with("half"),
            |protocol| {
                let begin = match protocol {
                    Protocol::Ollama => "{\"message\":{\"content\":\"",
                    _ => "data: {\"",
                };
                vec![
                    Step::Head,
                    delta("half"),
                    raw(begin),
                    raw(vec![b'x'; TOO_LONG]),
                ]
            },
        ),
        once("a stream of zeros", too_large(), |_| {
            vec![Step::Head, raw(vec![0; TOO_LONG])]
        }),
        once(
            "an object that never ends",
            failed("unexpected_response", ""),
            |_| {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
                vec![raw(head), raw("{\"x\":\""), raw(vec![b'x'; TOO_LONG])]
            },
        )
        .but(Protocol::Ollama, too_large()),
        once(
            "gzip that nobody asked for",
            failed("unexpected_response", "gzip"),
            |protocol| {
                let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
                gzip.write_all(body(protocol).as_bytes()).unwrap();
                let head = ok_head(protocol, &["content-encoding: gzip"]);
                vec![raw(head), raw(gzip.finish().unwrap())]
            },
        ),
        once(
            "a byte that is no UTF-8",
            cut().with("halfh\u{fffd}lf"),
            |protocol| {
                let line = half(protocol).into_bytes();
                let at = line.windows(4).position(|window| window == b"half");
                let mut broken = line.clone();
                broken[at.unwrap() + 1] = 0xFF;
                vec![Step::Head, raw(line), raw(broken)]
            },
        )
        // There, it is the text of another message.
        .but(Protocol::Responses, cut().with("half\n\nh\u{fffd}lf")),
    ]
}
