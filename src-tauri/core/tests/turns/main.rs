//! Turns through the core's public API, against a provider stand-in on a real socket and a database on
//! a real disk. No test sleeps: a held answer waits for its gate, a test for the event that it needs.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod deleting;
mod endings;
mod exclusion;
mod following;
#[cfg(unix)]
mod permissions;
mod queue;
mod restart;
mod store_errors;
mod versions;

use std::path::Path;
use std::sync::Arc;

use conch_core::clock::SystemClock;
use conch_core::events::CoreEvent;
use conch_core::live::TranscriptEvent;
use conch_core::model::{
    Conversation, ConversationId, ConversationView, Message, PartDelta, SendOutcome, TurnRequest,
};
use conch_core::provider::{EngineCommand, Provider};
use conch_core::{App, Config, Proxies, Result};
use conch_fault_server::FaultServer;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;
use tokio::sync::broadcast::Receiver;

struct Fixture {
    server: FaultServer,
    app: Arc<App>,
    conversation: Conversation,
    folder: TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let server = FaultServer::start().await;
        let folder = tempfile::tempdir().unwrap();
        let app = open(folder.path(), &server).await;
        let conversation = app.conversations.create(None, None).await.unwrap();
        Self {
            server,
            app,
            conversation,
            folder,
        }
    }

    async fn send(&self, content: &str) -> Result<SendOutcome> {
        send(&self.app, &self.conversation.id, content).await
    }

    /// Waits until no answer is being generated in the conversation, and returns the conversation.
    async fn settled(&self) -> ConversationView {
        settled(&self.app, &self.conversation.id).await
    }

    /// Waits until the running answer has this text.
    async fn wait_for_text(&self, text: &str) {
        let branch = &self.conversation.main_branch_id;
        let (mut read, mut of) = (String::new(), None);
        let follow = self.app.turns.follow(branch, |event| {
            if let TranscriptEvent::Part {
                delta: PartDelta::Text(text),
                message_id,
                ..
            } = event
            {
                // Events of the previous answer may still arrive.
                if of.replace(message_id.clone()) != Some(message_id) {
                    read.clear();
                }
                read.push_str(&text);
            }
            read != text
        });
        follow.await;
    }

    /// Waits until the database has this text of the running answer, read as another process would.
    async fn wait_for_saved_text(&self, text: &str) {
        let watcher = open(self.folder.path(), &self.server).await;
        loop {
            let view = watcher
                .conversations
                .get(&self.conversation.id, None)
                .await
                .unwrap();
            if view
                .messages
                .last()
                .is_some_and(|answer| answer.content() == text)
            {
                return watcher.quit().await;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Returns when the only generation's first text arrived, epoch ms, and its number of retries.
    async fn timing(&self) -> (Option<i64>, i64) {
        let mut database = SqliteConnectOptions::new()
            .filename(self.folder.path().join("conch.db"))
            .read_only(true)
            .connect()
            .await
            .unwrap();
        sqlx::query_as("SELECT first_token_at, retries FROM generations")
            .fetch_one(&mut database)
            .await
            .unwrap()
    }

    /// Returns the answer at the end of the settled conversation.
    async fn answer(&self) -> Message {
        self.settled().await.messages.pop().unwrap()
    }
}

async fn open(folder: &Path, server: &FaultServer) -> Arc<App> {
    try_open(folder, server).await.unwrap()
}

async fn try_open(folder: &Path, server: &FaultServer) -> Result<Arc<App>> {
    App::open(config(folder, server), Arc::new(SystemClock::default())).await
}

fn config(folder: &Path, server: &FaultServer) -> Config {
    Config {
        data_folder: folder.to_owned(),
        providers: vec![Provider::openai(server.base_url(), Some("test-key".into()))],
        proxies: Proxies::default(),
        engine: EngineCommand {
            program: "no-engine".into(),
            model_files: Vec::new(),
        },
    }
}

async fn send(app: &App, id: &ConversationId, content: &str) -> Result<SendOutcome> {
    app.turns.start(TurnRequest::message(id, content)).await
}

fn accepted(outcome: Result<SendOutcome>) -> conch_core::model::Accepted {
    match outcome.unwrap() {
        SendOutcome::Accepted(accepted) => accepted,
        SendOutcome::Queued(queued) => panic!("it waits: {queued:?}"),
    }
}

async fn settled(app: &App, id: &ConversationId) -> ConversationView {
    let mut events = app.subscribe();
    loop {
        let view = app.conversations.get(id, None).await.unwrap();
        if !view.lock.locked {
            return view;
        }
        next_lock_change(&mut events).await;
    }
}

async fn next_lock_change(events: &mut Receiver<CoreEvent>) -> conch_core::model::LockChange {
    loop {
        if let CoreEvent::Lock(change) = events.recv().await.unwrap() {
            return change;
        }
    }
}
