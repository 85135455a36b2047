//! Connections that close before the answer is complete, or before it begins.

use conch_fault_server::{Protocol, Step};

use crate::bodies::{body, chunks, cut_in_character, delta, finish, half, ok_head, raw, text_of};
use crate::scenario::{EVENTS, Scenario, User, cut, empty, failed, interrupted, once};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [after_text(), before_text(), without_answer()]
        .into_iter()
        .flatten()
        .collect()
}

fn after_text() -> Vec<Scenario> {
    let kept = || cut().with("half");
    vec![
        once("cut after text", kept(), |_| {
            vec![Step::Head, delta("half"), Step::Close]
        }),
        once("reset after text", kept(), |_| {
            vec![
                Step::Head,
                delta("half"),
                Step::Wait("go".into()),
                Step::Reset,
            ]
        })
        .user(User::Reads("half")),
        once("cut in mid-event", kept(), |protocol| {
            let more = text_of(protocol, &[delta("half"), delta("lost")]);
            let end = more.find("lost").unwrap() + 2;
            vec![Step::Head, raw(&more[..end])]
        }),
        // The event is complete without it.
        once(
            "cut before an event's last line end",
            cut().with("halflost"),
            |protocol| {
                let more = text_of(protocol, &[delta("half"), delta("lost")]);
                vec![Step::Head, raw(more.strip_suffix('\n').unwrap())]
            },
        )
        .only(EVENTS),
        once("cut in mid-character", kept(), |protocol| {
            let more = text_of(protocol, &[delta("half"), delta("ü")]);
            let (before, _) = cut_in_character(more.as_bytes());
            vec![Step::Head, raw(before)]
        }),
        once("cut in mid-chunk", kept(), |protocol| {
            let head = ok_head(protocol, &["transfer-encoding: chunked"]);
            let chunk = chunks(half(protocol).as_bytes(), 4096);
            vec![raw(head), raw(chunk), raw("ff\r\ndata: {")]
        }),
        once("chunks without the last one", kept(), |protocol| {
            let head = ok_head(protocol, &["transfer-encoding: chunked"]);
            let chunk = chunks(half(protocol).as_bytes(), 4096);
            vec![raw(head), raw(chunk)]
        }),
        once("cut short of the known length", kept(), |protocol| {
            let head = ok_head(protocol, &["content-length: 4000"]);
            vec![raw(head), raw(half(protocol))]
        }),
        once("cut after reasoning", cut().thinking("Hm"), |_| {
            vec![Step::Head, Step::Reasoning("Hm".into()), Step::Close]
        }),
    ]
}

/// Streams that end without any text.
fn before_text() -> Vec<Scenario> {
    vec![
        once("an empty stream", cut(), |_| vec![Step::Head, Step::Close]),
        once("comments and no event", cut(), |_| {
            vec![Step::Head, raw(": PROCESSING\n\n".repeat(9))]
        })
        .only(EVENTS),
        once(
            "an end mark alone",
            interrupted("empty_answer", "empty answer"),
            |_| vec![Step::Head, Step::Done],
        )
        .only(&[Protocol::OpenAi, Protocol::Anthropic]),
        once("204 and no content", cut(), |_| {
            vec![raw("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")]
        })
        .only(EVENTS),
        once("a finish reason and no text", empty("empty answer"), |_| {
            vec![Step::Head, finish("stop"), Step::Done]
        }),
    ]
}

/// Connections without a response.
fn without_answer() -> Vec<Scenario> {
    let refused = failed(
        "provider_unreachable",
        "Nothing is listening at http://127.0.0.1",
    );
    let unreachable = || failed("provider_unreachable", "A connection to http://127.0.0.1");
    vec![
        once("no listener", refused.after(0), |_| Vec::new()).user(User::ProviderDown),
        once("closed without a word", unreachable(), |_| {
            vec![Step::Close]
        }),
        once("reset without a word", unreachable(), |_| vec![Step::Reset]),
        once("cut in the head", unreachable(), |_| {
            vec![raw("HTTP/1.1 200 OK\r\ncontent-ty")]
        }),
        once("no HTTP at all", unreachable(), |_| {
            vec![raw("SSH-2.0-OpenSSH_9.6\r\n")]
        }),
        once("a body in the head's place", unreachable(), |protocol| {
            vec![raw(body(protocol))]
        }),
    ]
}
