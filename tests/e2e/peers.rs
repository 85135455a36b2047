//! The window against `llmock`, a third-party server that fails on demand and reports what its client did wrong.
//!
//! `cargo xtask peers-test` installs it. Without it, the test is skipped with a line.

use conch_support::peers::{LLMOCK, PROVIDERS, Peer, installed};
use serde_json::{Value, json};

use crate::Scene;

/// A window whose only provider is the server.
struct Session {
    scene: Scene,
    peer: Peer,
    provider: &'static str,
    answers: usize,
}

impl Session {
    async fn open(number: usize) -> Option<Self> {
        let folder = installed()?;
        let provider = &PROVIDERS[number];
        // Slowly: it would have sent all before it sees that a connection was closed.
        let arguments = [
            "serve",
            "--log-level",
            "error",
            "--stream-chunk-delay-ms",
            "60",
            "--port",
        ];
        let peer = Peer::python(&folder, LLMOCK, &arguments).await.unwrap();
        let base_url = format!("{}{}", peer.address, provider.path);
        let environment = [
            (provider.address.to_owned(), base_url),
            (provider.key.to_owned(), "a-key".to_owned()),
        ];
        let session = Self {
            scene: Scene::open_only_with(&environment).await,
            peer,
            provider: provider.name,
            answers: 0,
        };
        let listed = "document.querySelector('#model-picker').value";
        session
            .scene
            .wait_until(listed, "the models are listed")
            .await;
        Some(session)
    }

    /// Sends a message while the server behaves so, and waits for the answer's status.
    async fn ask(&mut self, behavior: &Value, status: &str) {
        let behaviors = json!({"behaviors": [behavior]});
        self.peer
            .post("/_llmock/scenario", &behaviors)
            .await
            .unwrap();
        self.answers += 1;
        self.scene.send("Tell me about shells.").await;
        self.wait_for(status, behavior).await;
    }

    /// Presses *Try again* under the last answer, which is then complete.
    async fn retry(&self, after: &Value) {
        self.scene.window.click(".retry").await.unwrap();
        self.wait_for("complete", after).await;
    }

    async fn wait_for(&self, status: &str, what: &Value) {
        let answer = format!(
            "(() => {{ const all = [...document.querySelectorAll('.message[data-role=assistant]')];
               return all.length === {} && all.at(-1).dataset.status === {}
                 && !document.querySelector('#chat-input').disabled; }})()",
            self.answers,
            json!(status)
        );
        let what = format!("{}: {what} is {status}", self.provider);
        self.scene.wait_until(&answer, &what).await;
    }

    /// Returns the text of the last answer.
    async fn text(&self) -> String {
        let text = "return [...document.querySelectorAll('.message[data-role=assistant]')].at(-1)
            .querySelector('.text')?.textContent.trim() ?? '';";
        self.scene.run(text).await.as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_judges_its_client_finds_nothing() {
    for number in 0..PROVIDERS.len() {
        let Some(mut session) = Session::open(number).await else {
            return;
        };
        let reply = json!({"type": "reply", "text": "Grüße, 世界 🐚."});
        session.ask(&reply, "complete").await;
        assert_eq!(
            session.text().await,
            "Grüße, 世界 🐚.",
            "{}",
            session.provider
        );

        for passing in [
            json!({"type": "fail", "status": 429, "retry_after": 1}),
            json!({"type": "fail", "status": 503}),
            json!({"type": "slow_first_token", "seconds": 0.5}),
            json!({"type": "stream_fault", "kind": "stall", "after_chunks": 3, "stall_seconds": 0.5}),
        ] {
            session.ask(&passing, "complete").await;
        }
        // Shown at once: a user who pressed Retry would be taken for the client.
        for lasting in [401, 404, 422] {
            let lasting = json!({"type": "fail", "status": lasting});
            session.ask(&lasting, "failed").await;
        }
        for (kind, status) in [
            ("truncate", "interrupted"),
            ("disconnect", "interrupted"),
            ("malformed", "failed"),
        ] {
            // Gemini's answers have few chunks, and text in each.
            let chunks = if session.provider == "gemini" { 2 } else { 4 };
            let broken = json!({"type": "stream_fault", "kind": kind, "after_chunks": chunks});
            session.ask(&broken, status).await;
            assert_ne!(session.text().await, "", "{}: {kind}", session.provider);
            session.retry(&broken).await;
        }

        // What `llmock report --strict` checks: neither an error nor a warning.
        let verdict = session.peer.get("/_llmock/verdict").await.unwrap();
        assert_eq!(verdict["findings"], json!([]), "{}", session.provider);
        assert!(verdict["faults_injected"].as_u64() > Some(0), "{verdict}");
    }
}
