//! How much later the first text reaches a window than it reaches a bare client.

use conch_core::live::TranscriptEvent;
use conch_fault_server::{FaultServer, Script};
use conch_support::application::{open, send, wait_for_end};

use crate::bare_client::BareClient;
use crate::row::{Bench, Side, millis, now};
use crate::samples::Samples;

/// Answers per sample, which is their median.
const ANSWERS: usize = 15;

pub(crate) fn measure(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let (server, app) = bench.runtime.block_on(async {
        let server = FaultServer::start().await;
        server.set_default_script(Script::answer("Hello"));
        let app = open(bench.scratch(), &server.base_url()).await?;
        anyhow::Ok((server, app))
    })?;
    let bare = BareClient::new(&server.base_url());
    bench.alternate(|bench, side| {
        bench.runtime.block_on(async {
            let mut samples = Samples::default();
            for _ in 0..ANSWERS {
                samples.add(match side {
                    Side::Ours => ours(&app).await?,
                    Side::Theirs => theirs(&bare).await?,
                });
            }
            Ok(samples.median())
        })
    })
}

async fn ours(app: &conch_core::App) -> anyhow::Result<f64> {
    let conversation = app.conversations.create(None, None).await?;
    let mut events = app.subscribe();
    let started = now();
    let accepted = send(app, &conversation.id, "a question").await?;
    let mut took = None;
    let follow = app.turns.follow(&accepted.branch_id, |event| {
        if matches!(event, TranscriptEvent::Part { .. }) {
            took = Some(started.elapsed());
        }
        took.is_none()
    });
    follow.await;
    wait_for_end(&mut events, &accepted).await?;
    took.map(millis)
        .ok_or_else(|| anyhow::anyhow!("no text was received"))
}

async fn theirs(bare: &BareClient) -> anyhow::Result<f64> {
    let started = now();
    let mut took = None;
    bare.complete(|_| {
        took.get_or_insert(started.elapsed());
        false
    })
    .await?;
    took.map(millis)
        .ok_or_else(|| anyhow::anyhow!("no text came"))
}
