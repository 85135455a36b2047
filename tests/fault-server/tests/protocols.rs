//! The server from a client's point of view: the same script in five protocols.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::time::Duration;

use conch_fault_server::{FaultServer, Protocol, RateHeaders, RateLimit, Script, Step};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends a request over a socket and reads the whole response.
async fn ask(server: &FaultServer, first_line: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port()))
        .await
        .unwrap();
    let request = format!("{first_line} HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

const ASKED: [(Protocol, &str); 5] = [
    (Protocol::OpenAi, "POST /v1/chat/completions"),
    (Protocol::Responses, "POST /v1/responses"),
    (Protocol::Anthropic, "POST /v1/messages"),
    (
        Protocol::Gemini,
        "POST /v1beta/models/stand-in-1:streamGenerateContent?alt=sse",
    ),
    (Protocol::Ollama, "POST /api/chat"),
];

#[tokio::test]
async fn a_script_is_encoded_in_the_protocol_of_its_path() {
    let steps = [
        Step::Head,
        Step::Reasoning("hm".into()),
        Step::Delta("Hi".into()),
        Step::Finish("length".into()),
        Step::Usage(7, 3),
        Step::Done,
    ];
    for (protocol, first_line) in ASKED {
        let server = FaultServer::start().await;
        server.push(Script::new(steps.clone()));
        let response = ask(&server, first_line, "").await;
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(protocol.content_type()), "{head}");
        let expected: &[&str] = match protocol {
            Protocol::OpenAi => &[
                r#""reasoning_content":"hm""#,
                r#""content":"Hi""#,
                r#""finish_reason":"length""#,
                r#""completion_tokens":3,"prompt_tokens":7"#,
                "data: [DONE]\n\n",
            ],
            Protocol::Responses => &[
                "event: response.created\n",
                r#""type":"response.output_item.added""#,
                r#""delta":"hm""#,
                r#""type":"response.reasoning_summary_text.delta""#,
                r#""encrypted_content":"c2VhbGVk""#,
                r#""phase":"final_answer""#,
                r#""delta":"Hi""#,
                r#""type":"response.output_text.done""#,
                r#""type":"response.output_item.done""#,
                "event: response.incomplete\n",
                r#""reason":"max_output_tokens""#,
                r#""output_tokens":3"#,
            ],
            Protocol::Anthropic => &[
                r#""input_tokens":7"#,
                r#""type":"thinking""#,
                r#""thinking":"hm""#,
                "signature_delta",
                "event: content_block_stop\n",
                r#""index":1,"type":"content_block_start""#,
                r#""text":"Hi""#,
                r#""stop_reason":"max_tokens""#,
                r#""output_tokens":3"#,
                "event: message_stop\n",
            ],
            Protocol::Gemini => &[
                r#""text":"hm","thought":true"#,
                r#""text":"Hi""#,
                r#""finishReason":"MAX_TOKENS""#,
                r#""candidatesTokenCount":3,"promptTokenCount":7"#,
            ],
            Protocol::Ollama => &[
                r#""thinking":"hm""#,
                r#""content":"Hi""#,
                r#""done":true,"done_reason":"length","eval_count":3"#,
                r#""prompt_eval_count":7"#,
            ],
        };
        let mut rest = body;
        for part in expected {
            let Some((_, after)) = rest.split_once(part) else {
                panic!("{} says no {part} in {rest}", protocol.name());
            };
            rest = after;
        }
        assert_eq!(body.as_bytes(), protocol.stream(&steps));
    }
}

#[tokio::test]
async fn models_are_listed_in_the_protocol_of_the_path() {
    let server = FaultServer::start().await;
    let key = "anthropic-version: 2023-06-01\r\n";
    let asked = [
        ("GET /v1/models", "", r#""object":"list""#),
        ("GET /v1/models?limit=1000", key, r#""has_more":false"#),
        ("GET /v1beta/models", "", r#""name":"models/stand-in-1""#),
        ("GET /api/tags", "", r#""model":"stand-in-1""#),
    ];
    for (first_line, headers, expected) in asked {
        let response = ask(&server, first_line, headers).await;
        assert!(response.contains(expected), "{first_line}: {response}");
    }
    server.refuse_lists();
    for (first_line, headers, _) in asked {
        let response = ask(&server, first_line, headers).await;
        assert!(response.starts_with("HTTP/1.1 404 "), "{response}");
    }
}

#[tokio::test]
async fn a_rate_limit_refuses_what_is_too_much_and_counts_it() {
    let server = FaultServer::start().await;
    server.limit_rate(RateLimit {
        requests: 2,
        window: Duration::from_mins(5),
        headers: RateHeaders::Full,
    });
    let mut statuses = Vec::new();
    for (_, first_line) in ASKED {
        let response = ask(&server, first_line, "").await;
        assert!(response.contains("\r\nx-ratelimit-remaining-requests: "));
        statuses.push(response[9..12].to_owned());
    }
    assert_eq!(statuses, ["200", "200", "429", "429", "429"]);
    assert_eq!(server.refusals(), 3);
    assert_eq!(server.refusals_per_window(), [3]);
    assert_eq!(server.completions().len(), 5);
}
