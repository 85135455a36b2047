//! Clocks that step, drift and stop, under every kind of holder: exclusion never breaks, and a conversation whose
//! holder is gone is free within lease + sweep of running time.
//!
//! The application is the product's own code on a manual clock. It sweeps when the scenario says so: every 15 s of
//! running time, the longest interval it allows itself, starting at a random moment.

use std::fs::File;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use conch_core::App;
use conch_core::clock::{Clock, ManualClock};
use conch_core::live::TranscriptEvent;
use conch_core::model::{
    Accepted, Conversation, Ending, FencedWrite, InstanceId, LEASE, Lease, MessageStatus, Timestamp,
};
use conch_core::store::{BeginOutcome, Store};
use conch_fault_server::{FaultServer, Script};
use conch_support::application;

use crate::campaign::{Finding, Run, runtime};
use crate::turns::new_turn;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const SWEEP: Duration = Duration::from_secs(15);
const HOUR: Duration = Duration::from_hours(1);

/// The holder of the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    /// The process under test. It lives and must keep its lock.
    Own,
    /// Another process that lives but no longer does anything.
    Silent,
    /// A process that was killed.
    Dead,
}

/// What happens to the wall clock right after the lock was acquired: steps in ms, then its rate in thousandths of
/// running time.
struct Disturbance {
    name: &'static str,
    steps: &'static [i64],
    rate: u32,
}

const fn stepped(name: &'static str, steps: &'static [i64]) -> Disturbance {
    Disturbance {
        name,
        steps,
        rate: 1000,
    }
}

const MINUTE: i64 = 60_000;

const DISTURBANCES: [Disturbance; 13] = [
    stepped("a clock that simply goes on", &[]),
    stepped("an hour forward", &[60 * MINUTE]),
    stepped("an hour back, before locked_at", &[-60 * MINUTE]),
    stepped(
        "an hour back and forward again",
        &[-60 * MINUTE, 60 * MINUTE],
    ),
    stepped(
        "an hour forward and back again",
        &[60 * MINUTE, -60 * MINUTE],
    ),
    stepped("a second back", &[-1000]),
    stepped("exactly a lease forward", &[MINUTE]),
    stepped("exactly a lease back", &[-MINUTE]),
    stepped("8 h of sleep", &[8 * 60 * MINUTE]),
    stepped(
        "five short sleeps",
        &[20_000, 20_000, 20_000, 20_000, 20_000],
    ),
    stepped("to 1970", &[-1_800_000_000_000]),
    Disturbance {
        name: "a clock 10 % fast",
        steps: &[],
        rate: 1100,
    },
    Disturbance {
        name: "a clock 10 % slow",
        steps: &[],
        rate: 900,
    },
];

/// Runs every scenario, all concurrently.
pub(crate) fn prove(run: &Run) -> anyhow::Result<Finding> {
    let scenarios: Vec<_> = [Holder::Own, Holder::Silent, Holder::Dead]
        .into_iter()
        .flat_map(|holder| {
            DISTURBANCES
                .iter()
                .map(move |disturbance| (holder, disturbance))
        })
        .collect();
    let elsewhere = own_address();
    run.expect(scenarios.len() as u64 + 1 + u64::from(elsewhere.is_some()));
    let played = runtime()?.block_on(async {
        let scenarios = scenarios.iter().map(async |(holder, disturbance)| {
            let freed_after = play(*holder, disturbance).await;
            run.advance(1);
            (
                format!("{holder:?} holder, {}", disturbance.name),
                freed_after,
            )
        });
        let within = async {
            let went_on = asleep_together().await;
            run.advance(1);
            let name = "a connection within this machine after 8 h of sleep";
            (name.to_owned(), went_on.map(|()| None))
        };
        let half_open = async {
            let noticed = half_open(elsewhere?).await;
            run.advance(1);
            let name = "a half-open connection after 8 h of sleep";
            Some((name.to_owned(), noticed.map(|()| None)))
        };
        let (mut played, within, half_open) =
            tokio::join!(futures_util::future::join_all(scenarios), within, half_open);
        played.push(within);
        played.extend(half_open);
        played
    });
    let mut finding = Finding {
        amount: format!("{} scenarios", played.len()),
        ..Finding::default()
    };
    let mut slowest = Duration::ZERO;
    for (scenario, result) in played {
        match result {
            Ok(freed_after) => slowest = slowest.max(freed_after.unwrap_or_default()),
            Err(error) => finding.violations.push(format!("{scenario}: {error:#}")),
        }
    }
    finding.figures = format!(
        "a silent holder's lock was freed after at most {} s",
        slowest.as_secs()
    );
    Ok(finding)
}

struct Scene {
    clock: Arc<ManualClock>,
    server: FaultServer,
    app: Arc<App>,
    conversation: Conversation,
    folder: TempDir,
}

impl Scene {
    async fn new() -> anyhow::Result<Self> {
        let server = FaultServer::start().await;
        let base_url = server.base_url();
        Self::with(server, &base_url).await
    }

    /// Creates a scene whose provider is reached at `base_url`.
    async fn with(server: FaultServer, base_url: &str) -> anyhow::Result<Self> {
        let clock = Arc::new(ManualClock::at(NOW));
        let folder = tempfile::tempdir()?;
        let wall = Arc::clone(&clock) as Arc<dyn Clock>;
        let app = application::open_at(folder.path(), base_url, wall).await?;
        let conversation = app.conversations.create(None, None).await?;
        Ok(Self {
            clock,
            server,
            app,
            conversation,
            folder,
        })
    }

    /// Starts an answer in this process and waits for its first text.
    async fn answer(&self) -> anyhow::Result<()> {
        self.server
            .set_default_script(Script::gated("rest", "first", " rest"));
        self.send().await?;
        let first = |event| !matches!(event, TranscriptEvent::Part { .. });
        self.app
            .turns
            .follow(&self.conversation.main_branch_id, first)
            .await;
        Ok(())
    }

    async fn send(&self) -> conch_core::Result<Accepted> {
        application::send(&self.app, &self.conversation.id, "hello").await
    }

    async fn is_locked(&self) -> anyhow::Result<bool> {
        Ok(self
            .app
            .turns
            .lock_status(&self.conversation.id, None)
            .await?
            .locked)
    }

    async fn status(&self) -> anyhow::Result<(MessageStatus, String)> {
        let view = self
            .app
            .conversations
            .get(&self.conversation.id, None)
            .await?;
        let answer = view.messages.get(1).context("there is no answer")?;
        Ok((answer.status, answer.content().clone()))
    }

    async fn wait_for_end(&self) -> anyhow::Result<(MessageStatus, String)> {
        let mut events = self.app.subscribe();
        while self.status().await?.0 == MessageStatus::Generating {
            events.recv().await?;
        }
        self.status().await
    }

    /// Lets running time pass until the next sweep, and sweeps.
    async fn sweep_after(&self, running: Duration, rate: u32) -> anyhow::Result<u32> {
        self.clock.advance(running);
        let drift = i64::try_from(running.as_millis())? * (i64::from(rate) - 1000) / 1000;
        self.step(drift);
        Ok(self.app.turns.cleanup_expired_locks().await?.released)
    }

    fn step(&self, by_millis: i64) {
        self.clock.step_to(Timestamp::from_millis(
            self.clock.now().as_millis() + by_millis,
        ));
    }
}

/// Runs a scenario; for a silent holder, returns the running time after which its lock was free.
async fn play(holder: Holder, disturbance: &Disturbance) -> anyhow::Result<Option<Duration>> {
    let scene = Scene::new().await?;
    match holder {
        Holder::Own => own(&scene, disturbance).await.map(|()| None),
        Holder::Silent => {
            let instances = scene.folder.path().join("instances");
            let alive = File::create(instances.join("silent.lock"))?;
            alive.lock()?;
            foreign(&scene, disturbance, "silent", LEASE + SWEEP)
                .await
                .map(Some)
        }
        Holder::Dead => foreign(&scene, disturbance, "dead", SWEEP)
            .await
            .map(|_| None),
    }
}

async fn own(scene: &Scene, disturbance: &Disturbance) -> anyhow::Result<()> {
    scene.answer().await?;
    for step in disturbance.steps {
        scene.step(*step);
        ensure!(
            scene.send().await.is_err(),
            "a second answer was started after a step"
        );
    }
    let mut running = Duration::ZERO;
    while running < HOUR / 6 {
        let freed = scene.sweep_after(SWEEP, disturbance.rate).await?;
        running += SWEEP;
        ensure!(
            freed == 0,
            "its lock was freed after {} s",
            running.as_secs()
        );
        ensure!(scene.send().await.is_err(), "a second answer was started");
    }
    scene.server.gate("rest").open();
    let ended = scene.wait_for_end().await?;
    ensure!(
        ended == (MessageStatus::Complete, "first rest".to_owned()),
        "it ended as {ended:?}"
    );
    ensure!(
        !scene.is_locked().await?,
        "the conversation is not free after the end"
    );
    Ok(())
}

async fn foreign(
    scene: &Scene,
    disturbance: &Disturbance,
    instance: &str,
    bound: Duration,
) -> anyhow::Result<Duration> {
    let store = Store::open(&scene.folder.path().join("conch.db"), false, NOW).await?;
    let lease = take(&store, scene, instance).await?;
    ensure!(
        store.append(&lease, 0, &"kept".into()).await? == FencedWrite::Written,
        "the holder cannot write"
    );
    for step in disturbance.steps {
        scene.step(*step);
    }
    let mut running = Duration::from_millis(fastrand::u64(0..15_000));
    let mut pause = running;
    loop {
        scene.sweep_after(pause, disturbance.rate).await?;
        // Not whether this sweep freed it: on a slow machine the application's own may come first.
        let holders = store.holders().await?;
        if !holders.iter().any(|holder| holder.lease == lease) {
            break;
        }
        ensure!(
            running <= bound,
            "its lock is still held after {} s",
            running.as_secs()
        );
        if scene.is_locked().await? {
            ensure!(scene.send().await.is_err(), "two answers at once");
        }
        pause = SWEEP;
        running += pause;
    }
    ensure!(
        running <= bound,
        "its lock was freed only after {} s",
        running.as_secs()
    );
    let ending = Ending::new(MessageStatus::Complete, None);
    let late = [
        store.append(&lease, 1, &"late".into()).await?,
        store.renew(&lease, scene.clock.now()).await?,
        store
            .finish(&lease, None, &ending, scene.clock.now())
            .await?,
    ];
    ensure!(
        late == [FencedWrite::Lost; 3],
        "the old holder could still write: {late:?}"
    );
    let ended = scene.status().await?;
    ensure!(
        ended == (MessageStatus::Interrupted, "kept".to_owned()),
        "it ended as {ended:?}"
    );
    scene.server.set_default_script(Script::answer("next"));
    scene.send().await.context("the next send was refused")?;
    store.close().await;
    Ok(running)
}

async fn take(store: &Store, scene: &Scene, instance: &str) -> anyhow::Result<Lease> {
    let conversation = &scene.conversation;
    let turn = new_turn(
        &conversation.id,
        &conversation.main_branch_id,
        &InstanceId::from(instance.to_owned()),
    );
    match store.begin(&turn, scene.clock.now()).await? {
        BeginOutcome::Started(started) => Ok(started.lease),
        other => anyhow::bail!("{other:?} on a free branch"),
    }
}

/// A provider on this machine was suspended together with Conch, and continues afterwards.
async fn asleep_together() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    scene.answer().await?;
    scene.app.turns.cleanup_expired_locks().await?;
    scene.step(8 * 60 * MINUTE);
    scene.app.turns.cleanup_expired_locks().await?;
    scene.server.gate("rest").open();
    let (status, text) = scene.wait_for_end().await?;
    ensure!(
        status == MessageStatus::Complete && text == "first rest",
        "it ended as {status:?} with {text:?}"
    );
    Ok(())
}

/// Returns a non-loopback address of this machine, routed through its network as a remote one would be, if it has
/// one.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    // Nothing is sent: the address is reserved for documentation (RFC 5737), and only the route to it is looked up.
    socket.connect(("198.51.100.1", 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback()).then_some(address)
}

/// Forwards connections from this address to `to`, and returns the listening address.
async fn forward(address: IpAddr, to: String) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((address, 0)).await?;
    let own = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            let to = to.clone();
            tokio::spawn(async move {
                let mut to = TcpStream::connect(to).await?;
                copy_bidirectional(&mut from, &mut to).await
            });
        }
    });
    Ok(own)
}

/// The provider gave up while the machine was suspended, and no packet reports it. Takes ten seconds of real time.
async fn half_open(elsewhere: IpAddr) -> anyhow::Result<()> {
    let server = FaultServer::start().await;
    let base_url = server.base_url();
    let host = base_url.split('/').nth(2).context("it has a host")?;
    let there = forward(elsewhere, host.to_owned()).await?;
    let base_url = base_url.replace(host, &there.to_string());
    let scene = Scene::with(server, &base_url).await?;
    scene.answer().await?;
    scene.app.turns.cleanup_expired_locks().await?;
    scene.step(8 * 60 * MINUTE);
    ensure!(
        scene.app.turns.cleanup_expired_locks().await?.released == 0,
        "a living holder was freed"
    );
    let noticed = tokio::time::timeout(Duration::from_secs(30), scene.wait_for_end()).await;
    let (status, text) = noticed.context("the connection was not noticed")??;
    ensure!(
        status == MessageStatus::Interrupted && text == "first",
        "it ended as {status:?} with {text:?}"
    );
    ensure!(
        !scene.is_locked().await?,
        "the conversation is not free after it"
    );
    Ok(())
}
