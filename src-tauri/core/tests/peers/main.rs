//! Conch against third-party servers: `llmock`, which fails on demand and reports what its client did wrong,
//! llama.cpp's own server, and `aimock`, which speaks Ollama's protocol.
//!
//! `cargo xtask peers-test` installs them, pinned, and names their folder in `CONCH_PEERS`. Without it each test is
//! skipped with a line.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod aimock;
mod llama_cpp;
mod llmock;

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use conch_core::clock::SystemClock;
use conch_core::model::{
    Accepted, ConversationId, Message, MessageStatus, Parameters, ProtocolKind, TurnRequest,
};
use conch_core::provider::Provider;
use conch_core::{App, Config};
use conch_support::application;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

/// Longer than anything here takes: it turns a hang into a failure.
const PATIENCE: Duration = Duration::from_mins(2);

/// The interval at which a state is polled.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// An application whose providers the environment names.
struct Conch {
    app: Arc<App>,
    _folder: TempDir,
}

impl Conch {
    async fn with(variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let variable = |name: &str| {
            if name == "CONCH_DATA_DIR" {
                return Some(OsString::from(folder.path()));
            }
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let user_data = Some(folder.path().join("user"));
        let config = Config::from_environment(variable, user_data, "no-engine".into());
        Self::open(folder, config).await
    }

    /// An application with a provider that speaks this protocol, which the environment cannot choose.
    async fn speaking(protocol: ProtocolKind, base_url: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let provider = Provider {
            protocol,
            ..Provider::openai(base_url, None)
        };
        let config = Config {
            providers: vec![provider],
            ..application::config(folder.path(), String::new())
        };
        Self::open(folder, config).await
    }

    async fn open(folder: TempDir, config: Config) -> Self {
        let clock = Arc::new(SystemClock::default());
        Self {
            app: App::open(config, clock).await.unwrap(),
            _folder: folder,
        }
    }

    async fn conversation(&self, parameters: Parameters) -> ConversationId {
        let conversations = &self.app.conversations;
        let id = conversations.create(None, None).await.unwrap().id;
        conversations.set_parameters(&id, parameters).await.unwrap();
        id
    }

    async fn start(&self, request: TurnRequest) -> Accepted {
        application::accepted(self.app.turns.start(request).await.unwrap())
    }

    /// Sends, and waits for the end of the answer.
    async fn ask(&self, id: &ConversationId, text: &str) -> Message {
        self.start(TurnRequest::message(id, text)).await;
        self.answered(id).await
    }

    /// Presses Retry under an answer, and waits for the end of the next one.
    async fn retry(&self, id: &ConversationId, answer: &Message) -> Message {
        self.start(TurnRequest::answer(&answer.id)).await;
        self.answered(id).await
    }

    async fn answered(&self, id: &ConversationId) -> Message {
        let ended = async {
            loop {
                let answer = self.last(id).await;
                if answer.status != MessageStatus::Generating {
                    return answer;
                }
                sleep(LOOK_EVERY).await;
            }
        };
        timeout(PATIENCE, ended).await.expect("the answer ends")
    }

    /// Waits until some of the answer is stored.
    async fn begun(&self, id: &ConversationId) {
        let begun = async {
            while self.last(id).await.content().is_empty() {
                sleep(LOOK_EVERY).await;
            }
        };
        timeout(PATIENCE, begun).await.expect("the answer begins");
    }

    async fn last(&self, id: &ConversationId) -> Message {
        let mut view = self.app.conversations.get(id, None).await.unwrap();
        view.messages.pop().unwrap()
    }
}

/// Returns the code of a failed answer's error.
fn code(answer: &Message) -> &str {
    answer.error.as_ref().map_or("none", |error| &error.code)
}
