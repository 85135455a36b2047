//! The whole application without its window, on a data folder of the campaign.

use std::path::Path;
use std::sync::Arc;

use conch_core::clock::{Clock, SystemClock};
use conch_core::events::CoreEvent;
use conch_core::model::{Accepted, AttemptSource, ConversationId, RequestId, SendOutcome};
use conch_core::provider::{EngineCommand, Provider};
use conch_core::{App, Config, Result};
use tokio::sync::broadcast::Receiver;

/// Address of a provider that refuses every connection.
pub(crate) const NO_PROVIDER: &str = "http://127.0.0.1:9/v1";

/// Opens the data folder as a start of Conch does, with the fault server as its only provider.
pub(crate) async fn open(folder: &Path, base_url: &str) -> Result<Arc<App>> {
    open_at(folder, base_url, Arc::new(SystemClock::default())).await
}

/// Like [`open`], on the given clock.
pub(crate) async fn open_at(
    folder: &Path,
    base_url: &str,
    clock: Arc<dyn Clock>,
) -> Result<Arc<App>> {
    let config = Config {
        data_folder: folder.to_owned(),
        providers: vec![Provider::openai(base_url.to_owned(), None)],
        proxies: conch_core::Proxies::default(),
        engine: EngineCommand {
            program: "no-engine".into(),
            model_files: Vec::new(),
        },
    };
    App::open(config, clock).await
}

/// Sends a message under a fresh request id.
pub(crate) async fn send(app: &App, id: &ConversationId, content: &str) -> Result<Accepted> {
    let request_id = RequestId::fresh();
    let SendOutcome::Accepted(accepted) = app
        .send_message(id, None, content, &[], &request_id, AttemptSource::Program)
        .await?;
    Ok(accepted)
}

/// Waits until an answer has ended: stored and its lock event published.
pub(crate) async fn wait_for_end(
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
