//! The effect of a provider's rate limit: twenty conversations that send concurrently, with the
//! gate and without it.

use std::sync::Arc;
use std::time::Duration;

use conch_core::App;
use conch_core::model::MessageStatus;
use conch_fault_server::{FaultServer, RateHeaders, RateLimit, Script};
use conch_support::application::{open, send, wait_for_end};
use futures_util::future::try_join_all;

use crate::bare_client::BareClient;
use crate::row::{Bench, Side};

const CONVERSATIONS: usize = 20;

/// Sends per conversation, one after the other.
const SENDS: usize = 25;

const LIMIT: RateLimit = RateLimit {
    requests: 50,
    window: Duration::from_millis(200),
    // The worst case among providers: no header reports the remaining requests.
    headers: RateHeaders::RetryAfterFraction,
};

/// Outcome of all sends.
struct Outcome {
    /// Percent of the answers.
    failed: f64,
    /// 429 responses per window, on average.
    refused: f64,
}

pub(crate) fn measure_failures(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    measure(bench, |outcome| outcome.failed)
}

pub(crate) fn measure_refusals(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    measure(bench, |outcome| outcome.refused)
}

fn measure(bench: &mut Bench<'_>, figure: fn(&Outcome) -> f64) -> anyhow::Result<()> {
    bench.alternate(|bench, side| {
        bench.runtime.block_on(async {
            let server = FaultServer::start().await;
            server.set_default_script(Script::answer("Hello"));
            server.limit_rate(LIMIT);
            let failed = match side {
                Side::Ours => {
                    // A new application each time: what the gate has to learn is part of the
                    // measurement.
                    let folder = tempfile::tempdir_in(bench.scratch())?;
                    let app = open(folder.path(), &server.base_url()).await?;
                    let failed = ours(&app).await?;
                    app.quit().await;
                    failed
                }
                Side::Theirs => theirs(&server.base_url()).await,
            };
            let windows = server.refusals_per_window();
            #[expect(clippy::cast_precision_loss, reason = "some hundreds")]
            let outcome = Outcome {
                failed: failed as f64 * 100.0 / (CONVERSATIONS * SENDS) as f64,
                refused: server.refusals() as f64 / windows.len() as f64,
            };
            Ok(figure(&outcome))
        })
    })
}

async fn ours(app: &Arc<App>) -> anyhow::Result<usize> {
    let conversations = (0..CONVERSATIONS).map(|_| async {
        let conversation = app.conversations.create(None, None).await?;
        let mut failed = 0;
        for _ in 0..SENDS {
            let mut events = app.subscribe();
            let accepted = send(app, &conversation.id, "a question").await?;
            wait_for_end(&mut events, &accepted).await?;
            let view = app.conversations.get(&conversation.id, None).await?;
            let last = view.messages.last().map(|message| message.status);
            failed += usize::from(last != Some(MessageStatus::Complete));
        }
        anyhow::Ok(failed)
    });
    Ok(try_join_all(conversations).await?.into_iter().sum())
}

/// An application without a gate: every conversation sends at any time, and a 429 is a failed
/// answer.
async fn theirs(base_url: &str) -> usize {
    let conversations = (0..CONVERSATIONS).map(|_| async {
        let client = BareClient::new(base_url);
        let mut failed = 0;
        for _ in 0..SENDS {
            failed += usize::from(client.complete(|_| true).await.is_err());
        }
        failed
    });
    let failed = futures_util::future::join_all(conversations).await;
    failed.into_iter().sum()
}
