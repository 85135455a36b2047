//! Errors and other bodies that arrive with `200 OK` instead of an answer.

use conch_fault_server::{Protocol, Script, Step};
use serde_json::json;

use crate::bodies::{delta, error, finish, head, raw};
use crate::scenario::{EVENTS, HELLO, Scenario, complete, cut, failed, once, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [in_streams(), in_place_of_streams()]
        .into_iter()
        .flatten()
        .collect()
}

fn in_streams() -> Vec<Scenario> {
    let overloaded = || failed("provider_fault", "overloaded");
    vec![
        once("an error after text", overloaded().with("half"), |_| {
            vec![Step::Head, delta("half"), error("overloaded")]
        }),
        once(
            "an error after reasoning",
            overloaded().thinking("Hm"),
            |_| {
                vec![
                    Step::Head,
                    Step::Reasoning("Hm".into()),
                    error("overloaded"),
                ]
            },
        ),
        scenario(
            "an error before text is asked about again",
            complete(HELLO).after(2),
            |_| {
                let error = Script::new([Step::Head, error("overloaded")]);
                vec![error, Script::answer(HELLO)]
            },
        ),
        scenario(
            "an error before text, three times",
            overloaded().after(3),
            |_| vec![Script::new([Step::Head, error("overloaded")]); 3],
        ),
        once(
            "an error that is a mere text",
            overloaded().with("half"),
            |_| {
                let error = Step::Error(json!({"error": "overloaded"}));
                vec![Step::Head, delta("half"), error]
            },
        )
        .only(&[Protocol::OpenAi, Protocol::Ollama]),
        once(
            "an error with a choice beside it",
            overloaded().with("half"),
            |_| {
                let error = Step::Error(json!({
                    "error": {"code": 502, "message": "overloaded"},
                    "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
                }));
                vec![Step::Head, delta("half"), error]
            },
        )
        .only(&[Protocol::OpenAi]),
        scenario(
            "a rate limit inside the stream",
            complete(HELLO).after(2),
            |protocol| {
                let reason = "slow down";
                let error = match protocol {
                    Protocol::Anthropic => json!({
                        "type": "error",
                        "error": {"type": "rate_limit_error", "message": reason},
                    }),
                    Protocol::Gemini => json!({
                        "error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": reason},
                    }),
                    _ => json!({"error": {"code": 429, "message": reason}}),
                };
                let error = Script::new([Step::Head, raw(event(protocol, &error))]);
                vec![error, Script::answer(HELLO)]
            },
        )
        .only(EVENTS),
    ]
}

/// Returns an event verbatim, which the stand-in would translate.
fn event(protocol: Protocol, value: &serde_json::Value) -> String {
    match protocol {
        Protocol::Anthropic => format!("event: error\ndata: {value}\n\n"),
        _ => format!("data: {value}\n\n"),
    }
}

fn in_place_of_streams() -> Vec<Scenario> {
    let page = "<html><body>Please log in</body></html>";
    vec![
        scenario(
            "an error object with 200",
            complete(HELLO).after(2),
            |protocol| {
                let error = protocol.error_body(503, "overloaded");
                vec![Script::status(200, &error), Script::answer(HELLO)]
            },
        ),
        once(
            "a web page",
            failed("unexpected_response", "text/html"),
            move |_| {
                vec![Step::status(
                    200,
                    &[("content-type", "text/html; charset=utf-8")],
                    page,
                )]
            },
        ),
        once(
            "a web page that says it is a stream",
            failed("unexpected_response", "a web page"),
            move |_| vec![Step::Head, raw(page)],
        ),
        once(
            "JSON that is no answer",
            failed("unexpected_response", "Check its base URL"),
            |_| vec![Step::status(200, &[], r#"{"status":"ok"}"#)],
        ),
        once(
            "JSON without an end",
            failed("unexpected_response", ""),
            |_| vec![Step::status(200, &[], r#"{"choices":["#)],
        ),
        once(
            "an event that is no JSON",
            failed("unexpected_response", "not an answer").with("half"),
            |protocol| {
                let odd = match protocol {
                    Protocol::Ollama => "half an object\n",
                    _ => "data: half an object\n\n",
                };
                vec![Step::Head, delta("half"), raw(odd)]
            },
        ),
        once(
            "an event of another shape",
            cut().with("half"),
            |protocol| {
                let odd = match protocol {
                    Protocol::OpenAi => "data: {\"choices\":\"many\"}\n\n",
                    Protocol::Responses => {
                        "data: {\"type\":\"response.output_text.delta\",\"delta\":7}\n\n"
                    }
                    Protocol::Anthropic => {
                        "data: {\"type\":\"content_block_delta\",\"delta\":7}\n\n"
                    }
                    Protocol::Gemini => "data: {\"candidates\":\"many\"}\n\n",
                    Protocol::Ollama => "{\"message\":\"Hi\",\"done\":false}\n",
                };
                vec![Step::Head, delta("half"), raw(odd)]
            },
        ),
        once(
            "another protocol's stream",
            failed("unexpected_response", ""),
            |protocol| {
                let other = match protocol {
                    Protocol::Ollama => Protocol::OpenAi,
                    _ => Protocol::Ollama,
                };
                let content_type = format!("content-type: {}", other.content_type());
                let head = head(&["HTTP/1.1 200 OK", &content_type]);
                let steps = [delta("half"), finish("stop")];
                vec![raw(head), raw(other.stream(&steps))]
            },
        ),
        once(
            "a file to download",
            failed("unexpected_response", "octet-stream"),
            |_| {
                let head = head(&["HTTP/1.1 200 OK", "content-type: application/octet-stream"]);
                vec![raw(head), raw(b"\x7fELF\x02\x01\0\0\xff\n\0\n")]
            },
        ),
    ]
}
