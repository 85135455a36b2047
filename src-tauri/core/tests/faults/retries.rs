//! 429, and every format of a retry delay.

use conch_fault_server::{Protocol, Script, Step};

use crate::bodies::{hello, ok_head};
use crate::scenario::{HELLO, Scenario, complete, failed, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [heeded(), limits()].into_iter().flatten().collect()
}

fn busy(headers: &[(&str, &str)]) -> Script {
    Script::new([Step::refusal(429, headers, "this is why")])
}

fn heeded() -> Vec<Scenario> {
    let forms = [
        ("Retry-After: 0", "retry-after", "0"),
        (
            "Retry-After in fractions of a second",
            "retry-after",
            "0.02",
        ),
        ("Retry-After in milliseconds", "retry-after-ms", "15"),
        (
            "Retry-After: a date that is past",
            "retry-after",
            "Sun, 06 Nov 1994 08:49:37 GMT",
        ),
        ("Retry-After that is no time", "retry-after", "soon"),
        ("Retry-After below zero", "retry-after", "-1"),
    ];
    let waits = forms.map(|(name, header, value)| {
        scenario(
            format!("429, {name}"),
            complete(HELLO).after(2),
            move |_| vec![busy(&[(header, value)]), Script::answer(HELLO)],
        )
    });
    let too_long = [
        (429, "Retry-After of hours", "7200"),
        (
            429,
            "Retry-After: a date in 2399",
            "Fri, 31 Dec 2399 23:59:59 GMT",
        ),
        (503, "Retry-After of hours", "7200"),
    ];
    let gives_up = too_long.map(|(status, name, value)| {
        let code = match status {
            429 => "rate_limited",
            _ => "provider_fault",
        };
        scenario(
            format!("{status}, {name}"),
            failed(code, "this is why"),
            move |_| {
                vec![Script::new([Step::refusal(
                    status,
                    &[("retry-after", value)],
                    "this is why",
                )])]
            },
        )
        .closed()
    });
    waits.into_iter().chain(gives_up).collect()
}

fn limits() -> Vec<Scenario> {
    let quick = [("retry-after-ms", "1")];
    vec![
        scenario("429 without a word, with the application's own pause", complete(HELLO).after(2), |_| {
            vec![busy(&[]), Script::answer(HELLO)]
        }),
        scenario("429 five times, then an answer", complete(HELLO).after(6), move |_| {
            let busy = vec![busy(&quick); 5];
            [busy, vec![Script::answer(HELLO)]].concat()
        }),
        scenario("429 six times", failed("rate_limited", "this is why").after(6), move |_| {
            vec![busy(&quick); 6]
        }),
        scenario("429, then 503, then an answer", complete(HELLO).after(3), move |_| {
            let down = Script::new([Step::refusal(503, &quick, "down")]);
            vec![busy(&quick), down, Script::answer(HELLO)]
        }),
        scenario("429 because no credit is left", failed("out_of_credit", "credit"), |_| {
            let body = r#"{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}"#;
            vec![Script::status(429, body)]
        })
        .only(&[Protocol::OpenAi]),
        scenario("429 that says when in its body", failed("rate_limited", "this is why"), |_| {
            let body = r#"{"error":{"code":429,"message":"this is why","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"3600s"}]}}"#;
            vec![Script::status(429, body)]
        })
        .only(&[Protocol::Gemini])
        .closed(),
        scenario("limits in the headers of an answer", complete(HELLO), |protocol| {
            let lines = [
                "x-ratelimit-limit-requests: 60",
                "x-ratelimit-remaining-requests: 59",
                "x-ratelimit-reset-requests: 1.2s",
                "anthropic-ratelimit-requests-remaining: 59",
                "anthropic-ratelimit-requests-reset: 2030-01-01T00:00:00Z",
                "retry-after: 7200",
            ];
            let head = Step::Raw(ok_head(protocol, &lines));
            vec![Script::new([vec![head], hello()].concat())]
        }),
    ]
}
