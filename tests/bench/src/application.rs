//! The core without a window, with the fault server as its provider.

use std::path::Path;
use std::sync::Arc;

use anyhow::bail;
use conch_core::clock::SystemClock;
use conch_core::events::CoreEvent;
use conch_core::model::{Accepted, AttemptSource, ConversationId, RequestId, SendOutcome};
use conch_core::provider::{EngineCommand, Provider};
use conch_core::{App, Config, Proxies};
use tokio::sync::broadcast::Receiver;

pub(crate) async fn open(folder: &Path, base_url: &str) -> anyhow::Result<Arc<App>> {
    let config = Config {
        data_folder: folder.to_owned(),
        providers: vec![Provider::openai(base_url.to_owned(), None)],
        proxies: Proxies::default(),
        engine: EngineCommand {
            program: "no-engine".into(),
            model_files: Vec::new(),
        },
    };
    Ok(App::open(config, Arc::new(SystemClock::default())).await?)
}

pub(crate) async fn send(app: &App, id: &ConversationId) -> anyhow::Result<Accepted> {
    let request_id = RequestId::fresh();
    let SendOutcome::Accepted(accepted) = app
        .send_message(
            id,
            None,
            "a question",
            &[],
            &request_id,
            AttemptSource::Program,
        )
        .await?;
    Ok(accepted)
}

/// Waits until the turn is over: stored and its lock event published.
pub(crate) async fn wait_for_end(
    events: &mut Receiver<CoreEvent>,
    accepted: &Accepted,
) -> anyhow::Result<()> {
    loop {
        if let CoreEvent::Lock(change) = events.recv().await?
            && change.branch_id == accepted.branch_id
            && change.fence == accepted.fence
            && !change.locked
        {
            return Ok(());
        }
    }
}

/// A minimal client: sends a request, and passes on the text as its decoder finds it.
pub(crate) struct BareClient {
    client: reqwest::Client,
    url: String,
}

impl BareClient {
    pub(crate) fn new(base_url: &str) -> Self {
        Self {
            client: reqwest::Client::new(),
            url: format!("{base_url}/chat/completions"),
        }
    }

    /// Sends the request, and calls `on_text` for each piece of text until it returns true.
    pub(crate) async fn complete(
        &self,
        body: &serde_json::Value,
        mut on_text: impl FnMut(&str) -> bool,
    ) -> anyhow::Result<()> {
        use futures_util::StreamExt;

        let response = self.client.post(&self.url).json(body).send().await?;
        if !response.status().is_success() {
            bail!("the server answered {}", response.status());
        }
        let mut events = sse_stream::SseByteStream::new(response.bytes_stream());
        while let Some(event) = events.next().await {
            let Some(data) = event?.data else { continue };
            if data == "[DONE]" {
                break;
            }
            let chunk: serde_json::Value = serde_json::from_str(&data)?;
            let text = chunk
                .pointer("/choices/0/delta/content")
                .and_then(serde_json::Value::as_str);
            if let Some(text) = text
                && !text.is_empty()
                && on_text(text)
            {
                break;
            }
        }
        Ok(())
    }
}
