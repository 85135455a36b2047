//! Error statuses, and the bodies that come with them.

use conch_fault_server::{Protocol, Script, Step};

use crate::bodies::raw;
use crate::fixture::{KEY, LOCAL};
use crate::scenario::{EVENTS, Expected, HELLO, Scenario, complete, failed, once, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [final_ones(), redirects(), transient(), bodies()]
        .into_iter()
        .flatten()
        .collect()
}

/// Refusals that a retry would not change: one request, and the provider's reason.
fn final_ones() -> Vec<Scenario> {
    let refusals = [
        (400, "request_rejected"),
        (401, "wrong_key"),
        (402, "out_of_credit"),
        (403, "wrong_key"),
        (404, "unknown_model"),
        (405, "request_rejected"),
        (413, "context_too_long"),
        (415, "request_rejected"),
        (422, "request_rejected"),
        (451, "request_rejected"),
    ];
    let refused = |(status, code): (u16, _)| {
        once(status.to_string(), failed(code, "this is why"), move |_| {
            vec![Step::refusal(status, &[], "this is why")]
        })
    };
    refusals.into_iter().map(refused).collect()
}

/// A key is sent only to the address that it was entered for, so redirects are not followed.
fn redirects() -> Vec<Scenario> {
    let redirect = |status: u16| {
        let expected = failed("unexpected_response", "http://elsewhere.invalid/v1");
        once(format!("{status}: a redirect"), expected, move |_| {
            let to = ("location", "http://elsewhere.invalid/v1");
            vec![Step::status(status, &[to], "")]
        })
    };
    [301, 302, 307, 308].map(redirect).into()
}

/// Transient refusals: retried up to twice.
fn transient() -> Vec<Scenario> {
    let statuses = [408, 409, 500, 502, 503, 504, 520, 529];
    let passes = statuses.map(|status| {
        scenario(
            format!("{status}, then an answer"),
            complete(HELLO).after(2),
            move |_| {
                let quick = [("retry-after-ms", "1")];
                let refusal = Step::refusal(status, &quick, "this is why");
                vec![Script::new([refusal]), Script::answer(HELLO)]
            },
        )
    });
    let stays = [408, 503, 529].map(|status| {
        let code = match status {
            408 => "request_rejected",
            _ => "provider_fault",
        };
        let expected = failed(code, "this is why").after(3);
        scenario(format!("{status}, three times"), expected, move |_| {
            let quick = [("retry-after", "0")];
            vec![Script::new([Step::refusal(status, &quick, "this is why")]); 3]
        })
    });
    let real = scenario(
        "500 twice, with the application's own pauses",
        complete(HELLO).after(3),
        |_| {
            let refusal = Script::new([Step::refusal(500, &[], "this is why")]);
            vec![refusal.clone(), refusal, Script::answer(HELLO)]
        },
    );
    let local = once(
        "503 of a server of one's own",
        failed("provider_fault", "this is why"),
        |_| vec![Step::refusal(503, &[], "this is why")],
    )
    .with_provider(LOCAL);
    passes
        .into_iter()
        .chain(stays)
        .chain([real, local])
        .collect()
}

fn bodies() -> Vec<Scenario> {
    let page = "<html><head><title>400 Bad Request</title></head><body>nginx</body></html>";
    vec![
        once("a refusal that is a web page", failed("request_rejected", "Bad Request"), move |_| {
            vec![Step::status(400, &[("content-type", "text/html")], page)]
        }),
        once("404 that is a web page", failed("unknown_path", "base URL"), move |_| {
            vec![Step::status(404, &[("content-type", "text/html")], page)]
        }),
        once("a refusal without a body", failed("wrong_key", "Unauthorized"), |_| {
            vec![Step::status(401, &[], "")]
        }),
        once("a refusal whose body is cut", failed("wrong_key", "rejected the API key"), |_| {
            vec![raw("HTTP/1.1 401 Unauthorized\r\ncontent-length: 999\r\n\r\n{\"error\":{")]
        }),
        once("a refusal whose body is endless", failed("request_rejected", "Bad Request"), |_| {
            let head = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n";
            vec![raw(head), raw(vec![b'x'; 1024 * 1024]), Step::Hang]
        }),
        once("a refusal in a list", failed("request_rejected", "this is why"), |protocol| {
            let body = format!("[{}]", protocol.error_body(400, "this is why"));
            vec![Step::status(400, &[], &body)]
        })
        .only(&[Protocol::Gemini]),
        once("a refusal in other words", failed("request_rejected", "this is why"), |_| {
            vec![Step::status(400, &[], r#"{"detail":"this is why"}"#)]
        }),
        // A check after every scenario ensures that no message contains the key.
        once("a refusal that quotes the key", failed("wrong_key", "Incorrect key"), |_| {
            let reason = format!("Incorrect key provided: {KEY}");
            vec![Step::refusal(401, &[], &reason)]
        }),
        distinguished("a conversation that is too long", failed("context_too_long", "too long"), |protocol| {
            match protocol {
                Protocol::OpenAi => r#"{"error":{"message":"maximum context length is 8192 tokens","code":"context_length_exceeded"}}"#,
                Protocol::Anthropic => r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}"#,
                _ => r#"{"error":{"code":400,"message":"The input token count (1100000) exceeds the maximum number of tokens allowed (1048575).","status":"INVALID_ARGUMENT"}}"#,
            }
        })
        .only(EVENTS),
        distinguished("a wrong key with status 400", failed("wrong_key", "not valid"), |_| {
            r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#
        })
        .only(&[Protocol::Gemini]),
        distinguished("no credit with status 400", failed("out_of_credit", "credit"), |_| {
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low"}}"#
        })
        .only(&[Protocol::Anthropic]),
    ]
}

fn distinguished(
    name: &'static str,
    expected: Expected,
    body: impl Fn(Protocol) -> &'static str + Send + Sync + 'static,
) -> Scenario {
    once(name, expected, move |protocol| {
        vec![Step::status(400, &[], body(protocol))]
    })
}
