//! Frees locks whose holder went silent or died, while the application runs.
//!
//! Driven by deadlines: it sleeps until the next lease runs out, but never longer than
//! [`LONGEST_SLEEP`], so that a suspended machine or a stepped clock is noticed. Before it frees
//! anything it has the generations of this process renew their leases: after a resume or a step of
//! the clock they look expired, or silent, although they live.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Fenced, LEASE, LockChange, LockReason, instance};
use crate::chat::live::LiveAnswers;
use crate::clock::{Clock, Timestamp};
use crate::events::Events;
use crate::ids::{BranchId, InstanceId};
use crate::store::{Holder, Store, StoreError};

/// The longest pause between two sweeps.
pub(crate) const LONGEST_SLEEP: Duration = Duration::from_secs(15);

/// How long the generations of this process have to renew before a sweep.
const PATIENCE: Duration = Duration::from_secs(2);

/// Wall time that ran ahead of running time by more than this between two sweeps: the machine slept.
const SLEPT: Duration = Duration::from_secs(5);

/// Frees locks.
#[derive(Debug)]
pub(crate) struct Sweeper {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) events: Arc<Events>,
    pub(crate) live: Arc<LiveAnswers>,
    /// Where the instances' files are, and which is ours.
    pub(crate) instances: PathBuf,
    pub(crate) instance_id: InstanceId,
    /// Held for a whole sweep: a second one waits, and then sees what the first one did.
    pub(crate) memory: tokio::sync::Mutex<Memory>,
}

/// What a sweeper remembers from one sweep to the next.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// When it last swept, in wall and in running time.
    last: Option<(Timestamp, Duration)>,
    /// Since when, on our own monotonic clock, each holder's heartbeat has stood still. It frees a
    /// lease that a clock set back would keep in the future for ever.
    unchanged: HashMap<BranchId, Observation>,
}

impl Memory {
    /// Whether the machine slept since the last sweep.
    fn woke(&mut self, now: Timestamp, monotonic: Duration) -> bool {
        let last = self.last.replace((now, monotonic));
        last.is_some_and(|(wall, running)| {
            now.since(wall) > monotonic.saturating_sub(running) + SLEPT
        })
    }

    /// The branches whose holder's heartbeat has stood still for a whole lease of running time.
    fn stood_still(&mut self, holders: &[Holder], monotonic: Duration) -> HashSet<BranchId> {
        let before = std::mem::take(&mut self.unchanged);
        for holder in holders {
            let branch = &holder.lease.branch_id;
            let seen = Observation {
                fence: holder.lease.fence,
                heartbeat_seq: holder.heartbeat_seq,
                since: monotonic,
            };
            let same = |first: &&Observation| {
                (first.fence, first.heartbeat_seq) == (seen.fence, seen.heartbeat_seq)
            };
            let first = before.get(branch).filter(same).copied().unwrap_or(seen);
            self.unchanged.insert(branch.clone(), first);
        }
        let still = |first: &Observation| monotonic.saturating_sub(first.since) >= LEASE;
        self.unchanged
            .iter()
            .filter(|(_, first)| still(first))
            .map(|(branch, _)| branch.clone())
            .collect()
    }
}

/// A holder as it was first seen with this heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Observation {
    fence: i64,
    heartbeat_seq: i64,
    since: Duration,
}

impl Sweeper {
    /// Sweeps until it is cancelled. A pass that fails is logged, and the next one comes.
    pub(crate) async fn run(&self, cancelled: CancellationToken) {
        loop {
            let pause = match self.sweep().await {
                Ok(sweep) => sweep.next_in,
                Err(error) => {
                    tracing::warn!(%error, "a sweep failed");
                    LONGEST_SLEEP
                }
            };
            tokio::select! {
                () = cancelled.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Frees every lock that is due and tells everybody.
    pub(crate) async fn sweep(&self) -> Result<Sweep, StoreError> {
        let mut memory = self.memory.lock().await;
        let (now, monotonic) = (self.clock.now(), self.clock.monotonic());
        if memory.woke(now, monotonic) {
            self.live.woke();
        }
        let mut holders = self.store.holders().await?;
        let mut stood_still = memory.stood_still(&holders, monotonic);
        let is_due = |holder: &Holder, still: &HashSet<BranchId>| {
            holder.expires_at <= now || still.contains(&holder.lease.branch_id)
        };
        // Who moved since the first look lives, whatever a clock that was set back meanwhile makes of its lease.
        let mut moved = HashSet::new();
        if holders.iter().any(|holder| is_due(holder, &stood_still)) {
            self.live.heartbeat_all(PATIENCE).await;
            let first = std::mem::replace(&mut holders, self.store.holders().await?);
            let has_moved = |holder: &&Holder| {
                let same = |seen: &Holder| {
                    (&seen.lease, seen.heartbeat_seq) == (&holder.lease, holder.heartbeat_seq)
                };
                !first.iter().any(same)
            };
            let branch = |holder: &Holder| holder.lease.branch_id.clone();
            moved = holders.iter().filter(has_moved).map(branch).collect();
            stood_still = memory.stood_still(&holders, monotonic);
        }
        let mut sweep = Sweep {
            freed: 0,
            next_in: LONGEST_SLEEP,
        };
        for holder in holders {
            let (freed, reason) = if self.is_dead(&holder) {
                (
                    self.store.recover(&holder, now).await?,
                    LockReason::Recovered,
                )
            } else if is_due(&holder, &stood_still) && !moved.contains(&holder.lease.branch_id) {
                (self.store.expire(&holder, now).await?, LockReason::Expired)
            } else {
                let due = holder.expires_at.since(now).min(LONGEST_SLEEP);
                sweep.next_in = sweep.next_in.min(due);
                continue;
            };
            if freed == Fenced::Written {
                sweep.freed += 1;
                self.events
                    .lock_changed(LockChange::of(&holder.lease, reason));
                self.events
                    .conversation_changed(&holder.lease.conversation_id, false);
            }
        }
        Ok(sweep)
    }

    fn is_dead(&self, holder: &Holder) -> bool {
        if holder.instance_id == self.instance_id {
            return false;
        }
        instance::is_dead(&self.instances, &holder.instance_id)
    }
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sweep {
    /// Locks freed.
    pub(crate) freed: u32,
    /// When the next one is due.
    pub(crate) next_in: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::AttemptSource;
    use crate::chat::live::Control;
    use crate::clock::ManualClock;
    use crate::events::CoreEvent;
    use crate::ids::{GenerationId, RequestId};
    use crate::lock::Lease;
    use crate::lock::instance::Instance;
    use crate::store::{Begin, NewTurn};

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    struct Scene {
        folder: tempfile::TempDir,
        clock: Arc<ManualClock>,
        sweeper: Sweeper,
    }

    impl Scene {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let clock = Arc::new(ManualClock::at(NOW));
            let sweeper = Sweeper {
                store: Store::open(&folder.path().join("conch.db"), false, NOW)
                    .await
                    .unwrap(),
                clock: Arc::clone(&clock) as Arc<dyn Clock>,
                events: Arc::default(),
                live: Arc::default(),
                instances: folder.path().join("instances"),
                instance_id: InstanceId::from("own".to_owned()),
                memory: tokio::sync::Mutex::default(),
            };
            Self {
                folder,
                clock,
                sweeper,
            }
        }

        async fn lock_of(&self, instance_id: InstanceId) -> Lease {
            let store = &self.sweeper.store;
            let conversation = store.create_conversation(None, None, NOW).await.unwrap();
            let turn = NewTurn {
                conversation_id: conversation.id,
                branch_id: None,
                content: "hello".to_owned(),
                attachments: Vec::new(),
                title: "hello".to_owned(),
                request_id: RequestId::fresh(),
                source: AttemptSource::Program,
                generation_id: GenerationId::fresh(),
                instance_id,
            };
            match store.begin_turn(&turn, self.clock.now()).await.unwrap() {
                Begin::Started(started) => started.lease,
                other => panic!("{other:?}"),
            }
        }

        fn own(&self) -> InstanceId {
            self.sweeper.instance_id.clone()
        }

        async fn freed(&self) -> u32 {
            self.sweeper.sweep().await.unwrap().freed
        }
    }

    #[tokio::test]
    async fn a_lease_is_freed_when_it_runs_out_and_everybody_is_told() {
        let scene = Scene::new().await;
        let lease = scene.lock_of(scene.own()).await;
        let mut told = scene.sweeper.events.subscribe();

        scene
            .clock
            .advance(LEASE.checked_sub(Duration::from_secs(1)).unwrap());
        let sweep = scene.sweeper.sweep().await.unwrap();
        assert_eq!(sweep.freed, 0);
        assert_eq!(
            sweep.next_in,
            Duration::from_secs(1),
            "the next is due when it runs out"
        );

        scene.clock.advance(Duration::from_secs(1));
        assert_eq!(scene.freed().await, 1);
        let Ok(CoreEvent::Lock(change)) = told.try_recv() else {
            panic!("a lock change is told");
        };
        assert_eq!(
            (change.fence, change.reason),
            (lease.fence, LockReason::Expired)
        );
    }

    #[tokio::test]
    async fn it_sweeps_as_soon_as_it_runs() {
        let scene = Scene::new().await;
        scene.lock_of(scene.own()).await;
        scene.clock.advance(LEASE);
        let mut told = scene.sweeper.events.subscribe();
        let cancelled = CancellationToken::new();
        let (running, stop) = (scene.sweeper.run(cancelled.clone()), async {
            told.recv().await.unwrap();
            cancelled.cancel();
        });
        tokio::join!(running, stop);
        assert!(scene.sweeper.store.holders().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_sweep_that_fails_is_not_the_last() {
        let scene = Scene::new().await;
        scene.sweeper.store.close().await;
        assert!(scene.sweeper.sweep().await.is_err());
        let cancelled = CancellationToken::new();
        let mut running = Box::pin(scene.sweeper.run(cancelled.clone()));
        let ended = tokio::time::timeout(Duration::from_millis(50), &mut running).await;
        assert!(ended.is_err(), "it waits for the next");
        cancelled.cancel();
        running.await;
    }

    #[tokio::test]
    async fn after_a_sleep_every_generation_here_doubts_its_connection() {
        let scene = Scene::new().await;
        let mut registration = scene
            .sweeper
            .live
            .register(GenerationId::fresh(), crate::ids::ConversationId::fresh());
        scene.freed().await;
        scene.clock.step_to(NOW + Duration::from_hours(8));
        scene.freed().await;
        assert!(matches!(
            registration.control.recv().await,
            Some(Control::Woke)
        ));
    }

    #[test]
    fn a_sleep_is_wall_time_without_running_time() {
        let second = Duration::from_secs(1);
        let mut memory = Memory::default();
        assert!(!memory.woke(NOW, second), "there was nothing before");
        assert!(!memory.woke(NOW + 60 * second, 61 * second), "both ran");
        let just_not = NOW + 61 * second + SLEPT;
        assert!(!memory.woke(just_not, 62 * second), "a step of a clock");
        let slept = just_not + second + SLEPT + Duration::from_millis(1);
        assert!(memory.woke(slept, 63 * second));
    }

    #[tokio::test]
    async fn a_living_generation_renews_before_the_sweep_that_follows_a_suspend() {
        let scene = Scene::new().await;
        let lease = scene.lock_of(scene.own()).await;
        let mut registration = scene
            .sweeper
            .live
            .register(lease.generation_id.clone(), lease.conversation_id.clone());
        let (store, clock) = (scene.sweeper.store.clone(), Arc::clone(&scene.clock));
        let generation = tokio::spawn(async move {
            while let Some(Control::Heartbeat(done)) = registration.control.recv().await {
                let _ = store.renew(&lease, clock.now()).await.unwrap();
                done.send(()).unwrap();
            }
        });

        scene.clock.step_to(NOW + Duration::from_hours(8));
        assert_eq!(scene.freed().await, 0, "it lives");
        generation.abort();
    }

    #[tokio::test]
    async fn a_clock_set_back_in_a_sweep_frees_no_lock_that_was_just_renewed() {
        let scene = Scene::new().await;
        let lease = scene.lock_of(scene.own()).await;
        let mut registration = scene
            .sweeper
            .live
            .register(lease.generation_id.clone(), lease.conversation_id.clone());
        let (store, clock) = (scene.sweeper.store.clone(), Arc::clone(&scene.clock));
        let generation = tokio::spawn(async move {
            while let Some(Control::Heartbeat(done)) = registration.control.recv().await {
                clock.step_to(NOW);
                let _ = store.renew(&lease, clock.now()).await.unwrap();
                done.send(()).unwrap();
            }
        });

        scene.clock.step_to(NOW + Duration::from_hours(8));
        assert_eq!(scene.freed().await, 0, "it lives");
        generation.abort();
    }

    #[tokio::test]
    async fn a_clock_set_back_does_not_keep_a_dead_lease_for_ever() {
        let scene = Scene::new().await;
        scene.lock_of(scene.own()).await;
        scene
            .clock
            .step_to(Timestamp::from_millis(NOW.as_millis() - 86_400_000));

        assert_eq!(scene.freed().await, 0, "first seen now");
        scene.clock.advance(LEASE);
        assert_eq!(
            scene.freed().await,
            1,
            "its heartbeat stood still for a whole lease"
        );
    }

    #[tokio::test]
    async fn the_lock_of_a_dead_process_is_freed_at_once_and_of_a_living_one_never() {
        let scene = Scene::new().await;
        let other = Instance::start(&scene.folder.path().join("instances")).unwrap();
        scene.lock_of(other.id().clone()).await;

        assert_eq!(scene.freed().await, 0, "its process holds its file");
        drop(other);
        assert_eq!(scene.freed().await, 1, "no lease has to run out");
    }
}
