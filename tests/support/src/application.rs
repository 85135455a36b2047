//! The whole application without its window.

use std::path::Path;
use std::sync::Arc;

use conch_core::clock::{Clock, SystemClock};
use conch_core::events::CoreEvent;
use conch_core::model::{
    Accepted, ConversationId, InstanceId, NewMessage, SendOutcome, TurnRequest,
};
use conch_core::provider::{EngineCommand, Provider};
use conch_core::store::BeginTurn;
use conch_core::{App, Config, Proxies, Result};
use tokio::sync::broadcast::Receiver;

/// Address of a provider that refuses every connection.
pub const NO_PROVIDER: &str = "http://127.0.0.1:9/v1";

/// Returns the configuration of a data folder with the server at an address as its only provider, and without the
/// embedded model.
pub fn config(folder: &Path, base_url: String) -> Config {
    Config {
        data_folder: folder.to_owned(),
        providers: vec![Provider::openai(base_url, None)],
        proxies: Proxies::default(),
        engine: EngineCommand {
            program: "no-engine".into(),
            model_files: Vec::new(),
        },
    }
}

/// Opens the data folder as a start of Conch does.
pub async fn open(folder: &Path, base_url: &str) -> Result<Arc<App>> {
    open_at(folder, base_url, Arc::new(SystemClock::default())).await
}

/// Like [`open`], on the given clock.
pub async fn open_at(folder: &Path, base_url: &str, clock: Arc<dyn Clock>) -> Result<Arc<App>> {
    App::open(config(folder, base_url.to_owned()), clock).await
}

/// Returns a turn for the store, under fresh ids.
pub fn new_turn(conversation_id: &ConversationId, content: &str) -> BeginTurn {
    let message = NewMessage::new(conversation_id, content);
    BeginTurn {
        title: Some(content.to_owned()),
        ..BeginTurn::new(message.into(), InstanceId::fresh())
    }
}

/// Sends a message under a fresh request id.
pub async fn send(app: &App, id: &ConversationId, content: &str) -> Result<Accepted> {
    let sent = app.turns.start(TurnRequest::message(id, content)).await?;
    Ok(accepted(sent))
}

/// Returns the turn that a send has started.
///
/// # Panics
/// When it waits in a queue, which nothing here asks for.
pub fn accepted(sent: SendOutcome) -> Accepted {
    match sent {
        SendOutcome::Accepted(accepted) => accepted,
        SendOutcome::Queued(queued) => panic!("it waits: {queued:?}"),
    }
}

/// Waits until an answer has ended: stored and its lock event published.
pub async fn wait_for_end(
    events: &mut Receiver<CoreEvent>,
    accepted: &Accepted,
) -> anyhow::Result<()> {
    loop {
        // A lagged receiver is an error: the end may be among the lost events.
        if let CoreEvent::Lock(change) = events.recv().await?
            && change.branch_id == accepted.branch_id
            && change.fence == accepted.fence
            && !change.locked
        {
            return Ok(());
        }
    }
}
