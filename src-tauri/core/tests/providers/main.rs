//! Providers as the settings configure them, through the core's public API: added, changed, tested, sent
//! requests with their keys and parameters, and throttled by their gates.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod attachments;
mod configuring;
mod consents;
mod gate;
mod last_errors;
mod local_server;
mod parameters;
mod proxies;
mod secrets;

use std::path::Path;
use std::sync::Arc;

use conch_core::clock::SystemClock;
use conch_core::events::CoreEvent;
use conch_core::model::{ConversationId, KeyPlace, Message, SendOutcome, TurnRequest};
use conch_core::provider::{EngineCommand, KeyChange, ProviderForm, ProviderInfo};
use conch_core::{App, Config, Proxies};
use conch_fault_server::FaultServer;
use tempfile::TempDir;

struct Fixture {
    server: FaultServer,
    app: Arc<App>,
    folder: TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            server: FaultServer::start().await,
            app: open(folder.path()).await,
            folder,
        }
    }

    /// A form for the stand-in, whose key is kept for the session only.
    fn form(&self, key: &str) -> ProviderForm {
        ProviderForm {
            id: None,
            preset: "custom".to_owned(),
            name: "Stand-in".to_owned(),
            base_url: self.server.base_url(),
            max_parallel: 4,
            key: KeyChange::Set {
                key: key.into(),
                place: KeyPlace::Session,
            },
            consent: None,
        }
    }

    /// Adds the stand-in as a provider.
    async fn add(&self, key: &str) -> ProviderInfo {
        self.app.providers.save(&self.form(key)).await.unwrap()
    }

    async fn conversation(&self) -> ConversationId {
        self.app.conversations.create(None, None).await.unwrap().id
    }

    /// Sends, and waits for the end of the answer.
    async fn answer(&self, id: &ConversationId, text: &str) -> Message {
        send(&self.app, id, text).await;
        answered(&self.app, id).await
    }
}

async fn open(folder: &Path) -> Arc<App> {
    let no_engine = EngineCommand {
        program: "no-engine".into(),
        model_files: Vec::new(),
    };
    open_behind(folder, Proxies::default(), no_engine).await
}

async fn open_behind(folder: &Path, proxies: Proxies, engine: EngineCommand) -> Arc<App> {
    let config = Config {
        data_folder: folder.to_owned(),
        providers: Vec::new(),
        proxies,
        engine,
    };
    App::open(config, Arc::new(SystemClock::default()))
        .await
        .unwrap()
}

async fn send(app: &App, id: &ConversationId, text: &str) {
    let sent = app.turns.start(TurnRequest::message(id, text));
    assert!(matches!(sent.await.unwrap(), SendOutcome::Accepted(_)));
}

/// Waits until no answer is being generated in the conversation, and returns the last one.
async fn answered(app: &App, id: &ConversationId) -> Message {
    let mut events = app.subscribe();
    loop {
        let mut view = app.conversations.get(id, None).await.unwrap();
        if !view.lock.locked {
            return view.messages.pop().unwrap();
        }
        while !matches!(events.recv().await.unwrap(), CoreEvent::Lock(_)) {}
    }
}
