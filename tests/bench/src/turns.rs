//! Stop and the queue: how soon a branch is free, and how soon what waits is sent; beside the commits alone.

use std::sync::Arc;

use anyhow::{bail, ensure};
use conch_core::App;
use conch_core::clock::{Clock, SystemClock};
use conch_core::events::CoreEvent;
use conch_core::live::TranscriptEvent;
use conch_core::model::{
    Accepted, ConversationId, Ending, FencedWrite, MessageStatus, SendOutcome, SendPolicy,
    TurnRequest,
};
use conch_core::store::{BeginOutcome, StartedTurn, Store};
use conch_fault_server::{FaultServer, Script};
use conch_support::application::{new_turn, open, send, wait_for_end};

use crate::row::{Bench, Side, millis, now};
use crate::samples::Samples;

/// Turns per sample, which is their median.
const TURNS: usize = 15;

/// An application, a provider, and a store beside them for bare commits.
struct Stand {
    server: FaultServer,
    app: Arc<App>,
    store: Store,
    clock: SystemClock,
}

impl Stand {
    async fn open(bench: &Bench<'_>) -> anyhow::Result<Self> {
        let clock = SystemClock::default();
        let server = FaultServer::start().await;
        let app = open(&bench.scratch().join("data"), &server.base_url()).await?;
        let store = Store::open(&bench.scratch().join("bare.db"), false, clock.now()).await?;
        Ok(Self {
            server,
            app,
            store,
            clock,
        })
    }

    /// Starts an answer that comes in part and waits for the gate, and returns when the part is there.
    async fn hold(&self, gate: &str) -> anyhow::Result<(ConversationId, Accepted)> {
        self.server.push(Script::gated(gate, "An ", "answer"));
        let id = self.app.conversations.create(None, None).await?.id;
        let accepted = send(&self.app, &id, "a question").await?;
        let follow = self.app.turns.follow(&accepted.branch_id, |event| {
            !matches!(event, TranscriptEvent::Part { .. })
        });
        follow.await;
        Ok((id, accepted))
    }

    async fn begin(&self) -> anyhow::Result<StartedTurn> {
        let id = self
            .store
            .create_conversation(None, None, self.clock.now())
            .await?
            .id;
        let turn = new_turn(&id, "a question");
        match self.store.begin(&turn, self.clock.now()).await? {
            BeginOutcome::Started(started) => Ok(*started),
            _ => bail!("a turn did not start"),
        }
    }
}

/// From Stop to the event of the free lock, of an answer that streams.
pub(crate) fn measure_stop(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let stand = bench.runtime.block_on(Stand::open(bench))?;
    bench.alternate(|bench, side| {
        bench.runtime.block_on(async {
            let mut samples = Samples::default();
            for _ in 0..TURNS {
                samples.add(match side {
                    Side::Ours => stop(&stand).await?,
                    Side::Theirs => finish(&stand).await?,
                });
            }
            Ok(samples.median())
        })
    })
}

async fn stop(stand: &Stand) -> anyhow::Result<f64> {
    let (_, accepted) = stand.hold("never").await?;
    let mut events = stand.app.subscribe();
    let began = now();
    let stopped = stand.app.turns.stop(&accepted.generation_id).await;
    ensure!(stopped.stopped, "nothing was stopped");
    wait_for_end(&mut events, &accepted).await?;
    Ok(millis(began.elapsed()))
}

async fn finish(stand: &Stand) -> anyhow::Result<f64> {
    let started = stand.begin().await?;
    let ending = Ending::new(MessageStatus::Stopped, None);
    let began = now();
    let text = Some((0, &"An ".into()));
    let finished = stand
        .store
        .finish(&started.lease, text, &ending, stand.clock.now())
        .await?;
    let took = millis(began.elapsed());
    ensure!(finished == FencedWrite::Written, "a turn did not end");
    Ok(took)
}

/// From the end of an answer to the provider's receipt of the message that waited for it.
pub(crate) fn measure_next(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let stand = bench.runtime.block_on(Stand::open(bench))?;
    let mut rounds = 0_u32;
    bench.alternate(|bench, side| {
        bench.runtime.block_on(async {
            let mut samples = Samples::default();
            for _ in 0..TURNS {
                rounds += 1;
                samples.add(match side {
                    Side::Ours => next(&stand, &format!("end {rounds}")).await?,
                    Side::Theirs => {
                        let began = now();
                        stand.begin().await?;
                        millis(began.elapsed())
                    }
                });
            }
            Ok(samples.median())
        })
    })
}

async fn next(stand: &Stand, gate: &str) -> anyhow::Result<f64> {
    let (id, first) = stand.hold(gate).await?;
    let queued = TurnRequest {
        policy: Some(SendPolicy::Queue),
        ..TurnRequest::message(&id, "the next question")
    };
    let queued = stand.app.turns.start(queued).await?;
    ensure!(matches!(queued, SendOutcome::Queued(_)), "it does not wait");
    stand.server.push(Script::answer("Hello"));
    let mut events = stand.app.subscribe();
    let asked = stand.server.completions().len();
    stand.server.gate(gate).open();
    wait_for_end(&mut events, &first).await?;
    let began = now();
    stand.server.wait_for_requests(asked + 1).await;
    let took = millis(began.elapsed());
    wait_for_release(&mut events).await?;
    Ok(took)
}

/// Waits until the next answer has ended.
async fn wait_for_release(
    events: &mut tokio::sync::broadcast::Receiver<CoreEvent>,
) -> anyhow::Result<()> {
    loop {
        if let CoreEvent::Lock(change) = events.recv().await?
            && !change.locked
        {
            return Ok(());
        }
    }
}

/// Versions of one answer.
const VERSIONS: u32 = 1_000;

/// Messages of a page.
const PAGE: usize = 50;

/// How often a page is read in a sample.
const READS: u32 = 50;

/// A page of a branch whose last answer has [`VERSIONS`] versions, beside one of a branch where it has one.
pub(crate) fn measure_versions(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let (stand, many, one) = bench.runtime.block_on(async {
        let stand = Stand::open(bench).await?;
        stand.server.set_default_script(Script::answer("Hello"));
        let mut ids = Vec::new();
        for versions in [VERSIONS, 1] {
            let id = stand.app.conversations.create(None, None).await?.id;
            let mut events = stand.app.subscribe();
            let mut accepted = send(&stand.app, &id, "a question").await?;
            wait_for_end(&mut events, &accepted).await?;
            for _ in 2..=PAGE / 2 {
                accepted = send(&stand.app, &id, "a question").await?;
                wait_for_end(&mut events, &accepted).await?;
            }
            bench.bar.set_message("writing the versions");
            for _ in 1..versions {
                let again = TurnRequest::answer(&accepted.assistant_message_id);
                let SendOutcome::Accepted(next) = stand.app.turns.start(again).await? else {
                    bail!("a version did not start");
                };
                accepted = next;
                wait_for_end(&mut events, &accepted).await?;
            }
            bench.bar.set_message("");
            ids.push(id);
        }
        anyhow::Ok((stand, ids.swap_remove(0), ids.swap_remove(0)))
    })?;
    bench.alternate(|bench, side| {
        let id = match side {
            Side::Ours => &many,
            Side::Theirs => &one,
        };
        bench.runtime.block_on(async {
            let began = now();
            for _ in 0..READS {
                let view = stand.app.conversations.get(id, None).await?;
                ensure!(view.messages.len() == PAGE, "the page is full");
            }
            Ok(millis(began.elapsed()) / f64::from(READS))
        })
    })
}
