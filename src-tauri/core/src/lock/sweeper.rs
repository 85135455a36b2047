//! Releases locks whose holder stopped renewing or died, while the application runs.
//!
//! Sleeps until the next lease expires, but never longer than [`MAX_SLEEP`], so that a suspend or a stepped
//! clock is noticed. Before it releases anything it makes the generations of this process renew their leases:
//! after a resume or a clock step these look expired, or stalled, although their generations are alive.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::due::{MAX_SLEEP, Memory, Verdict, verdict};
use super::instance;
use crate::clock::Clock;
use crate::live::LiveAnswers;
use crate::live::aside::{Aside, SetAside, publish_aside};
use crate::model::{FencedWrite, InstanceId, LockReason, Timestamp};
use crate::store::{Holder, Store, StoreError};

/// How long the generations of this process have to renew before a sweep.
const RENEWAL_TIMEOUT: Duration = Duration::from_secs(2);

/// Releases locks whose holders are dead or stopped renewing.
#[derive(Debug)]
pub(crate) struct Sweeper {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) live: Arc<LiveAnswers>,
    pub(crate) aside: Arc<SetAside>,
    /// The folder of the instances' files.
    pub(crate) instances: PathBuf,
    pub(crate) instance_id: InstanceId,
    /// Held for a whole sweep, so that a concurrent sweep waits and then reads the result of the first.
    pub(crate) memory: tokio::sync::Mutex<Memory>,
}

impl Sweeper {
    /// Sweeps until dropped.
    ///
    /// # Errors
    /// When the locks cannot be read. It can be called again.
    pub(crate) async fn run(&self) -> Result<(), StoreError> {
        loop {
            let pause = self.sweep().await?.next_in;
            tokio::time::sleep(pause).await;
        }
    }

    /// Releases every lock that is due and publishes the change. One that cannot be released does not block the
    /// others: its answer is set aside, and the next sweep retries.
    pub(crate) async fn sweep(&self) -> Result<Sweep, StoreError> {
        let mut memory = self.memory.lock().await;
        let (now, monotonic) = (self.clock.now(), self.clock.monotonic());
        if memory.woke(now, monotonic) {
            self.live.woke();
        }
        let mut holders = self.store.holders().await?;
        let mut stalled = memory.stalled(&holders, monotonic);
        let mut alive = HashSet::new();
        let is_due = |holder: &Holder| {
            let is_still = stalled.contains(&holder.lease.branch_id);
            matches!(verdict(holder, is_still, false, now), Verdict::Expire)
        };
        // A holder whose heartbeat changed since the first read is alive, even if a clock set back meanwhile
        // makes its lease look expired.
        let mut moved = HashSet::new();
        if holders.iter().any(is_due) {
            alive = self.live.heartbeat_all(RENEWAL_TIMEOUT).await;
            let first = std::mem::replace(&mut holders, self.store.holders().await?);
            let has_moved = |holder: &&Holder| {
                let same = |seen: &Holder| {
                    (&seen.lease, seen.heartbeat_seq) == (&holder.lease, holder.heartbeat_seq)
                };
                !first.iter().any(same)
            };
            let branch = |holder: &Holder| holder.lease.branch_id.clone();
            moved = holders.iter().filter(has_moved).map(branch).collect();
            stalled = memory.stalled(&holders, monotonic);
        }
        let mut sweep = Sweep {
            freed: 0,
            next_in: MAX_SLEEP,
        };
        for holder in holders {
            let lease = &holder.lease;
            let is_still = stalled.contains(&lease.branch_id);
            let is_alive = alive.contains(&lease.generation_id) || moved.contains(&lease.branch_id);
            let reason = match verdict(&holder, is_still, is_alive, now) {
                _ if self.is_dead(&holder) => LockReason::Recovered,
                Verdict::Expire => LockReason::Expired,
                Verdict::Wait(due) => {
                    sweep.next_in = sweep.next_in.min(due);
                    continue;
                }
            };
            if self.free(&holder, reason, now).await {
                sweep.freed += 1;
            }
        }
        Ok(sweep)
    }

    /// Returns true if this call released the lock.
    async fn free(&self, holder: &Holder, reason: LockReason, now: Timestamp) -> bool {
        let lease = &holder.lease;
        let freed = match reason {
            LockReason::Recovered => self.store.recover(holder, now).await,
            _ => self.store.expire(holder, now).await,
        };
        let freed = match freed {
            Ok(freed) => freed,
            Err(error) => {
                self.store.report_damage(&error);
                if self
                    .aside
                    .set(Aside::new(lease.clone(), reason.ending(), None))
                {
                    tracing::warn!(%error, branch = %lease.branch_id, "a lock cannot be released; its answer is set aside");
                    publish_aside(self.store.events(), lease, reason);
                }
                return false;
            }
        };
        self.aside.take_back(&lease.message_id);
        freed == FencedWrite::Written
    }

    fn is_dead(&self, holder: &Holder) -> bool {
        if holder.instance_id == self.instance_id {
            return false;
        }
        instance::is_dead(&self.instances, &holder.instance_id)
    }
}

/// The result of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sweep {
    /// Number of locks released.
    pub(crate) freed: u32,
    /// Time until the next sweep is due.
    pub(crate) next_in: Duration,
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinHandle;

    use super::*;
    use crate::clock::ManualClock;
    use crate::events::CoreEvent;
    use crate::live::Control;
    use crate::lock::due::SUSPEND_THRESHOLD;
    use crate::lock::instance::Instance;
    use crate::model::{GenerationId, LEASE, Lease, TurnRequest};
    use crate::store::{BeginOutcome, BeginTurn};

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    struct Fixture {
        folder: tempfile::TempDir,
        clock: Arc<ManualClock>,
        sweeper: Sweeper,
    }

    impl Fixture {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let clock = Arc::new(ManualClock::at(NOW));
            let sweeper = Sweeper {
                store: Store::open(&folder.path().join("conch.db"), false, NOW)
                    .await
                    .unwrap(),
                clock: Arc::clone(&clock) as Arc<dyn Clock>,
                live: Arc::default(),
                aside: Arc::default(),
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
            let request = TurnRequest::message(&conversation.id, "hello");
            let turn = BeginTurn::new(request, instance_id);
            match store.begin(&turn, self.clock.now()).await.unwrap() {
                BeginOutcome::Started(started) => started.lease,
                other => panic!("{other:?}"),
            }
        }

        async fn refuse_the_end_of(&self, lease: &Lease) {
            let refuse = format!(
                "CREATE TRIGGER refuse BEFORE UPDATE OF status ON messages WHEN OLD.id = '{}'
                 BEGIN SELECT RAISE(ABORT, 'refused'); END",
                lease.message_id
            );
            self.sweeper.store.execute(&refuse).await;
        }

        async fn allow_all_ends(&self) {
            self.sweeper.store.execute("DROP TRIGGER refuse").await;
        }

        fn own(&self) -> InstanceId {
            self.sweeper.instance_id.clone()
        }

        async fn freed(&self) -> u32 {
            self.sweeper.sweep().await.unwrap().freed
        }

        /// Spawns a generation that renews on request, after calling `first`.
        fn renewing(&self, lease: Lease, first: fn(&ManualClock)) -> JoinHandle<()> {
            let mut registration = self
                .sweeper
                .live
                .register(lease.generation_id.clone(), lease.conversation_id.clone());
            let (store, clock) = (self.sweeper.store.clone(), Arc::clone(&self.clock));
            tokio::spawn(async move {
                while let Some(Control::Heartbeat(done)) = registration.control.recv().await {
                    first(&clock);
                    let _ = store.renew(&lease, clock.now()).await.unwrap();
                    done.send(()).unwrap();
                }
            })
        }
    }

    #[tokio::test]
    async fn an_expired_lease_is_freed_and_published() {
        let fixture = Fixture::new().await;
        let lease = fixture.lock_of(fixture.own()).await;
        let mut events = fixture.sweeper.store.events().subscribe();

        fixture
            .clock
            .advance(LEASE.checked_sub(Duration::from_secs(1)).unwrap());
        let sweep = fixture.sweeper.sweep().await.unwrap();
        assert_eq!(sweep.freed, 0);
        assert_eq!(
            sweep.next_in,
            Duration::from_secs(1),
            "the next is due when it runs out"
        );

        fixture.clock.advance(Duration::from_secs(1));
        assert_eq!(fixture.freed().await, 1);
        let Ok(CoreEvent::Lock(change)) = events.try_recv() else {
            panic!("a lock change is published");
        };
        assert_eq!(
            (change.fence, change.reason),
            (lease.fence, LockReason::Expired)
        );
    }

    #[tokio::test]
    async fn it_sweeps_as_soon_as_it_runs() {
        let fixture = Fixture::new().await;
        fixture.lock_of(fixture.own()).await;
        fixture.clock.advance(LEASE);
        let mut events = fixture.sweeper.store.events().subscribe();
        tokio::select! {
            ended = fixture.sweeper.run() => panic!("{ended:?}"),
            events = events.recv() => drop(events.unwrap()),
        }
        assert!(fixture.sweeper.store.holders().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_lock_that_cannot_be_freed_keeps_no_other_locked() {
        let fixture = Fixture::new().await;
        let (bad, good) = (
            fixture.lock_of(fixture.own()).await,
            fixture.lock_of(fixture.own()).await,
        );
        fixture.refuse_the_end_of(&bad).await;
        fixture.clock.advance(LEASE);
        let mut events = fixture.sweeper.store.events().subscribe();

        let sweep = fixture.sweeper.sweep().await.unwrap();
        assert_eq!(sweep.freed, 1);
        assert_eq!(sweep.next_in, MAX_SLEEP, "it does not try again at once");
        let mut freed = HashSet::new();
        while let Ok(event) = events.try_recv() {
            if let CoreEvent::Lock(change) = event {
                freed.insert(change.branch_id);
            }
        }
        let both = HashSet::from([bad.branch_id.clone(), good.branch_id]);
        assert_eq!(freed, both, "to whoever looks, both have ended");
        let aside = || fixture.sweeper.aside.of(&bad.conversation_id).len();
        assert_eq!(aside(), 1);
        assert_eq!(fixture.freed().await, 0);
        assert!(events.try_recv().is_err(), "it is published once");

        fixture.allow_all_ends().await;
        assert_eq!(fixture.freed().await, 1);
        assert_eq!(aside(), 0);
    }

    #[tokio::test]
    async fn a_generation_that_lives_and_cannot_renew_keeps_its_lock() {
        let fixture = Fixture::new().await;
        let lease = fixture.lock_of(fixture.own()).await;
        let mut registration = fixture
            .sweeper
            .live
            .register(lease.generation_id.clone(), lease.conversation_id.clone());
        let generation = tokio::spawn(async move {
            while let Some(Control::Heartbeat(done)) = registration.control.recv().await {
                done.send(()).unwrap();
            }
        });
        fixture.clock.advance(LEASE);
        assert_eq!(fixture.freed().await, 0);
        generation.abort();
        let _ = generation.await;
        assert_eq!(fixture.freed().await, 1);
    }

    #[tokio::test]
    async fn after_a_sleep_every_generation_here_doubts_its_connection() {
        let fixture = Fixture::new().await;
        let mut registration = fixture
            .sweeper
            .live
            .register(GenerationId::fresh(), crate::model::ConversationId::fresh());
        fixture.freed().await;
        fixture.clock.step_to(NOW + Duration::from_hours(8));
        fixture.freed().await;
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
        let just_not = NOW + 61 * second + SUSPEND_THRESHOLD;
        assert!(!memory.woke(just_not, 62 * second), "a step of a clock");
        let slept = just_not + second + SUSPEND_THRESHOLD + Duration::from_millis(1);
        assert!(memory.woke(slept, 63 * second));
    }

    #[tokio::test]
    async fn a_living_generation_renews_before_the_sweep_that_follows_a_suspend() {
        let fixture = Fixture::new().await;
        let lease = fixture.lock_of(fixture.own()).await;
        let generation = fixture.renewing(lease, |_| {});

        fixture.clock.step_to(NOW + Duration::from_hours(8));
        assert_eq!(fixture.freed().await, 0, "it lives");
        generation.abort();
    }

    #[tokio::test]
    async fn a_clock_set_back_in_a_sweep_frees_no_lock_that_was_just_renewed() {
        let fixture = Fixture::new().await;
        let lease = fixture.lock_of(fixture.own()).await;
        let generation = fixture.renewing(lease, |clock| clock.step_to(NOW));

        fixture.clock.step_to(NOW + Duration::from_hours(8));
        assert_eq!(fixture.freed().await, 0, "it lives");
        generation.abort();
    }

    #[tokio::test]
    async fn a_clock_set_back_does_not_keep_a_dead_lease_for_ever() {
        let fixture = Fixture::new().await;
        fixture.lock_of(fixture.own()).await;
        fixture
            .clock
            .step_to(Timestamp::from_millis(NOW.as_millis() - 86_400_000));

        assert_eq!(fixture.freed().await, 0, "first seen now");
        fixture.clock.advance(LEASE);
        assert_eq!(
            fixture.freed().await,
            1,
            "its heartbeat stood still for a whole lease"
        );
    }

    #[tokio::test]
    async fn the_lock_of_a_dead_process_is_freed_at_once_and_of_a_living_one_never() {
        let fixture = Fixture::new().await;
        let other = Instance::start(&fixture.folder.path().join("instances")).unwrap();
        fixture.lock_of(other.id().clone()).await;

        assert_eq!(fixture.freed().await, 0, "its process holds its file");
        drop(other);
        assert_eq!(fixture.freed().await, 1, "no lease has to run out");
    }
}
