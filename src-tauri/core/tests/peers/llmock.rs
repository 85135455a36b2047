//! `llmock` (PyPI): OpenAI, Anthropic and Gemini with every fault that it offers, and its verdict on the client.
//!
//! A user stands in for what Conch leaves to people: one presses Retry under an answer that a stream's end cut off,
//! because a retry after the first word would cost another answer.

use std::path::Path;

use conch_core::model::{
    ConversationId, FinishReason, Message, MessageStatus, Parameters, PartContent, TurnRequest,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{Conch, code};
use conch_support::peers::{LLMOCK, PROVIDERS, Peer, installed};

/// The server would have sent all before it sees that a connection was closed.
const SLOWLY: [&str; 2] = ["--stream-chunk-delay-ms", "20"];

/// The statuses after which a client tries again.
const TRANSIENT: [u16; 7] = [408, 409, 500, 502, 503, 504, 529];

/// Those that no retry changes, with Conch's code.
const PERMANENT: [(u16, &str); 5] = [
    (400, "request_rejected"),
    (401, "wrong_key"),
    (403, "wrong_key"),
    (404, "unknown_model"),
    (422, "request_rejected"),
];

struct Session {
    server: Peer,
    conch: Conch,
    provider: &'static str,
    id: ConversationId,
}

impl Session {
    async fn new(folder: &Path, number: usize, options: &[&str]) -> Self {
        let provider = &PROVIDERS[number];
        let arguments = [&["serve", "--log-level", "error"], options, &["--port"]].concat();
        let server = Peer::python(folder, LLMOCK, &arguments).await.unwrap();
        let base_url = format!("{}{}", server.address, provider.path);
        let conch = Conch::with(&[(provider.address, &base_url), (provider.key, "a-key")]).await;
        // Otherwise the first answer would begin with a request for the list, to which faults apply, too.
        conch.app.providers.models(true).await.unwrap();
        let id = conch.conversation(Parameters::default()).await;
        Self {
            server,
            conch,
            provider: provider.name,
            id,
        }
    }

    /// Asks while the server behaves in these ways.
    async fn ask(&self, behaviors: Value) -> Message {
        self.behave(behaviors).await;
        let answer = self.conch.ask(&self.id, "Tell me about shells.").await;
        assert_eq!(self.pending().await, json!([]), "{}", self.provider);
        answer
    }

    async fn behave(&self, behaviors: Value) {
        if behaviors == json!([]) {
            return;
        }
        let body = json!({"behaviors": behaviors});
        self.server.post("/_llmock/scenario", &body).await.unwrap();
    }

    async fn pending(&self) -> Value {
        let queued = self.server.get("/_llmock/scenario").await.unwrap();
        queued["pending"].clone()
    }

    async fn retry(&self, answer: &Message) -> Message {
        self.conch.retry(&self.id, answer).await
    }

    async fn requests(&self) -> usize {
        let requests = self.server.get("/_llmock/requests").await.unwrap();
        requests["requests"].as_array().unwrap().len()
    }

    fn is_complete(&self, answer: &Message, what: &str) {
        let (provider, status) = (self.provider, answer.status);
        assert_eq!(
            status,
            MessageStatus::Complete,
            "{provider}: {what}: {answer:?}"
        );
        assert!(!answer.content().is_empty(), "{provider}: {what}");
    }

    /// What `llmock report --strict` checks: neither an error nor a warning.
    async fn is_resilient(&self) {
        let verdict = self.server.get("/_llmock/verdict").await.unwrap();
        assert_eq!(verdict["findings"], json!([]), "{}", self.provider);
        assert!(verdict["faults_injected"].as_u64() > Some(0), "{verdict}");
    }
}

#[tokio::test]
async fn refusals_are_retried_as_the_provider_asks_or_shown_at_once() {
    let Some(folder) = installed() else { return };
    for number in 0..PROVIDERS.len() {
        let session = Session::new(&folder, number, &[]).await;
        let answer = session.ask(json!([])).await;
        session.is_complete(&answer, "no fault");

        let began = Instant::now();
        let limited = json!([{"type": "fail", "status": 429, "retry_after": 1, "times": 2}]);
        let answer = session.ask(limited).await;
        session.is_complete(&answer, "a rate limit");
        assert!(began.elapsed().as_secs() >= 2, "{:?}", began.elapsed());

        for status in TRANSIENT {
            let once = json!([{"type": "fail", "status": status}]);
            let answer = session.ask(once).await;
            session.is_complete(&answer, &status.to_string());
        }
        for (status, expected) in PERMANENT {
            let before = session.requests().await;
            let answer = session
                .ask(json!([{"type": "fail", "status": status}]))
                .await;
            assert_eq!(answer.status, MessageStatus::Failed, "{status}: {answer:?}");
            assert_eq!(code(&answer), expected, "{status}: {answer:?}");
            assert_eq!(session.requests().await, before + 1, "{status}");
        }
        session.is_resilient().await;
    }
}

#[tokio::test]
async fn an_outage_ends_and_retry_goes_on() {
    let Some(folder) = installed() else { return };
    for number in 0..PROVIDERS.len() {
        let session = Session::new(&folder, number, &[]).await;
        let before = session.requests().await;
        session
            .behave(json!([{"type": "fail", "status": 503, "times": 3}]))
            .await;
        let failed = session.conch.ask(&session.id, "Hello").await;
        assert_eq!(failed.status, MessageStatus::Failed, "{failed:?}");
        assert_eq!(code(&failed), "provider_fault");
        assert_eq!(session.requests().await, before + 3);
        let answer = session.retry(&failed).await;
        session.is_complete(&answer, "after the outage");
        session.is_resilient().await;
    }
}

#[tokio::test]
async fn slow_answers_are_waited_for_and_a_stall_can_be_stopped() {
    let Some(folder) = installed() else { return };
    for number in 0..PROVIDERS.len() {
        let session = Session::new(&folder, number, &[]).await;
        for slow in [
            json!({"type": "delay", "seconds": 0.5}),
            json!({"type": "slow_first_token", "seconds": 0.5}),
            json!({"type": "stream_fault", "kind": "stall", "after_chunks": 3, "stall_seconds": 0.5}),
        ] {
            let answer = session.ask(json!([slow])).await;
            session.is_complete(&answer, &slow.to_string());
        }
        session
            .behave(json!([{"type": "stream_fault", "kind": "stall", "after_chunks": 4}]))
            .await;
        let request = TurnRequest::message(&session.id, "And now?");
        let accepted = session.conch.start(request).await;
        session.conch.begun(&session.id).await;
        let stopped = session.conch.app.turns.stop(&accepted.generation_id).await;
        assert!(stopped.stopped);
        let answer = session.conch.answered(&session.id).await;
        assert_eq!(answer.status, MessageStatus::Stopped);
        assert!(!answer.content().is_empty());
        session.is_resilient().await;
    }
}

#[tokio::test]
async fn a_broken_stream_is_no_answer_and_its_text_is_kept() {
    let Some(folder) = installed() else { return };
    for number in 0..PROVIDERS.len() {
        let session = Session::new(&folder, number, &SLOWLY).await;
        for kind in ["truncate", "disconnect", "malformed"] {
            let fault = json!({"type": "stream_fault", "kind": kind, "after_chunks": 4});
            let broken = session.ask(json!([fault])).await;
            let expected = match kind {
                "malformed" => MessageStatus::Failed,
                _ => MessageStatus::Interrupted,
            };
            let provider = session.provider;
            assert_eq!(broken.status, expected, "{provider}: {kind}: {broken:?}");
            assert!(!broken.content().is_empty(), "{kind}");
            let answer = session.retry(&broken).await;
            session.is_complete(&answer, kind);
        }
        session.is_resilient().await;
    }
}

#[tokio::test]
async fn a_stream_that_breaks_before_its_first_word_is_asked_again() {
    let Some(folder) = installed() else { return };
    for number in 0..PROVIDERS.len() {
        let session = Session::new(&folder, number, &SLOWLY).await;
        for kind in ["truncate", "disconnect", "malformed"] {
            let fault = json!({"type": "stream_fault", "kind": kind, "after_chunks": 0});
            let mut answer = session.ask(json!([fault])).await;
            if answer.status != MessageStatus::Complete {
                answer = session.retry(&answer).await;
            }
            session.is_complete(&answer, kind);
        }
        session.is_resilient().await;
    }
}

#[tokio::test]
async fn scripted_answers_are_shown_as_they_are() {
    let Some(folder) = installed() else { return };
    for number in 0..PROVIDERS.len() {
        let session = Session::new(&folder, number, &[]).await;
        let text = "Grüße, 世界 🐚 and a `code`.";
        let answer = session.ask(json!([{"type": "reply", "text": text}])).await;
        session.is_complete(&answer, "a text");
        assert_eq!(answer.content(), text);

        let cut = json!({"type": "reply", "text": "Once upon", "finish_reason": "length"});
        let answer = session.ask(json!([cut])).await;
        assert_eq!(
            answer.finish_reason,
            Some(FinishReason::Length),
            "{answer:?}"
        );

        let call = json!({"type": "reply", "text": "I look.", "tool_calls": [
            {"name": "weather", "arguments": {"city": "Bern"}}
        ]});
        let answer = session.ask(json!([call])).await;
        let called = answer.parts.iter().find_map(|part| match &part.content {
            PartContent::ToolCall(call) => Some(call),
            _ => None,
        });
        let called = called.unwrap_or_else(|| panic!("{}: {answer:?}", session.provider));
        let input: Value = serde_json::from_str(&called.input).unwrap();
        assert_eq!((&*called.name, input), ("weather", json!({"city": "Bern"})));
    }
}

#[tokio::test]
async fn a_context_that_is_too_small_is_named() {
    let Some(folder) = installed() else { return };
    for number in 0..PROVIDERS.len() {
        let session = Session::new(&folder, number, &["--context-window", "50"]).await;
        let long = "The quick brown fox. ".repeat(60);
        let refused = session.conch.ask(&session.id, &long).await;
        assert_eq!(refused.status, MessageStatus::Failed);
        let provider = session.provider;
        assert_eq!(
            code(&refused),
            "context_too_long",
            "{provider}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn a_quota_is_respected() {
    let Some(folder) = installed() else { return };
    for number in 0..PROVIDERS.len() {
        // Two at once, and one more each second.
        let session = Session::new(&folder, number, &["--rpm", "60"]).await;
        for _ in 0..3 {
            let answer = session.conch.ask(&session.id, "Hello").await;
            session.is_complete(&answer, "a quota");
        }
        let verdict = session.server.get("/_llmock/verdict").await.unwrap();
        assert_eq!(verdict["findings"], json!([]), "{verdict}");
    }
}
