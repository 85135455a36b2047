//! The application with stand-ins as its providers.

use std::path::Path;
use std::sync::Arc;

use conch_core::clock::SystemClock;
use conch_core::events::CoreEvent;
use conch_core::live::{Phase, TranscriptEvent};
use conch_core::model::{
    Accepted, Conversation, Message, PartDelta, ProtocolKind, SendOutcome, TurnRequest,
};
use conch_core::provider::{EngineCommand, Provider};
use conch_core::{App, Config, Proxies};
use conch_fault_server::Protocol;
use tempfile::TempDir;

/// The API key, which no message may ever show.
pub(crate) const KEY: &str = "sk-test-0123456789abcdef";

/// More than the parallel requests of any test.
const MAX_PARALLEL: u32 = 64;

pub(crate) struct Fixture {
    pub(crate) app: Arc<App>,
    /// Kept while the application runs.
    _folder: TempDir,
}

impl Fixture {
    /// Opens the application with providers for the protocols that have an address.
    pub(crate) async fn with(address: impl Fn(Protocol) -> Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let providers = Protocol::ALL
            .into_iter()
            .filter_map(|protocol| Some(providers(protocol, &address(protocol)?)));
        Self {
            app: open(folder.path(), providers.flatten().collect()).await,
            _folder: folder,
        }
    }

    pub(crate) async fn conversation(&self, provider: &str, protocol: Protocol) -> Conversation {
        let model = model(provider, protocol);
        self.app
            .conversations
            .create(None, Some(&model))
            .await
            .unwrap()
    }

    pub(crate) async fn send(&self, conversation: &Conversation, content: &str) -> Accepted {
        let request = TurnRequest::message(&conversation.id, content);
        let sent = self.app.turns.start(request);
        match sent.await.unwrap() {
            SendOutcome::Accepted(accepted) => accepted,
            SendOutcome::Queued(queued) => panic!("it waits: {queued:?}"),
        }
    }

    /// Returns the last message, once no answer is being generated.
    pub(crate) async fn answer(&self, conversation: &Conversation) -> Message {
        let mut events = self.app.subscribe();
        loop {
            let view = self.app.conversations.get(&conversation.id, None);
            let mut view = view.await.unwrap();
            if !view.lock.locked {
                return view.messages.pop().unwrap();
            }
            while !matches!(events.recv().await.unwrap(), CoreEvent::Lock(_)) {}
        }
    }

    /// Waits until the running answer has this text, or has ended.
    pub(crate) async fn wait_for_text(&self, conversation: &Conversation, text: &str) {
        let mut read = String::new();
        let more = |event| {
            if let TranscriptEvent::Part {
                delta: PartDelta::Text(text),
                ..
            } = event
            {
                read.push_str(&text);
            }
            read != text
        };
        self.follow(conversation, more).await;
    }

    /// Passes the branch's events to `more` until it returns false or the answer has ended. An answer that
    /// ended before the subscription publishes no events.
    async fn follow(
        &self,
        conversation: &Conversation,
        more: impl FnMut(TranscriptEvent) -> bool + Send,
    ) {
        tokio::select! {
            () = self.app.turns.follow(&conversation.main_branch_id, more) => {}
            _ = self.answer(conversation) => {}
        }
    }

    /// Waits until the application pauses before a retry, or the answer has ended.
    pub(crate) async fn wait_for_pause(&self, conversation: &Conversation) {
        let more = |event| {
            let phase = match event {
                TranscriptEvent::Phase { phase, .. } => Some(phase),
                _ => None,
            };
            !matches!(phase, Some(Phase::Retrying { .. }))
        };
        self.follow(conversation, more).await;
    }
}

/// The provider of most scenarios.
pub(crate) const USUAL: &str = "usual";

/// A local model server.
pub(crate) const LOCAL: &str = "local";

/// The provider for the next message when the usual one asked for a pause.
pub(crate) const OTHER: &str = "other";

/// Returns the id of this provider's model in this protocol.
pub(crate) fn model(provider: &str, protocol: Protocol) -> String {
    format!("{provider}-{}/stand-in-1", protocol.name())
}

fn providers(protocol: Protocol, base_url: &str) -> [Provider; 3] {
    [USUAL, LOCAL, OTHER].map(|provider| Provider {
        id: format!("{provider}-{}", protocol.name()),
        name: provider.to_owned(),
        protocol: kind(protocol),
        base_url: base_url.to_owned(),
        key: Some(KEY.into()),
        max_parallel: MAX_PARALLEL,
        local: provider == LOCAL,
    })
}

async fn open(folder: &Path, providers: Vec<Provider>) -> Arc<App> {
    let config = Config {
        data_folder: folder.to_owned(),
        providers,
        proxies: Proxies::default(),
        engine: EngineCommand {
            program: "no-engine".into(),
            model_files: Vec::new(),
        },
    };
    App::open(config, Arc::new(SystemClock::default()))
        .await
        .unwrap()
}

fn kind(protocol: Protocol) -> ProtocolKind {
    match protocol {
        Protocol::OpenAi => ProtocolKind::OpenAi,
        Protocol::Anthropic => ProtocolKind::Anthropic,
        Protocol::Gemini => ProtocolKind::Gemini,
        Protocol::Ollama => ProtocolKind::Ollama,
    }
}
