//! The sweeper: a live generation keeps its lock, regardless of the clock and the disk; a silent or dead one loses
//! it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use shuttle::rand::Rng;
use shuttle::{future, rand};
use tokio::sync::oneshot;

use super::instance::DEAD;
use super::store::Store;
use crate::clock::{Clock, ManualClock};
use crate::due::Memory;
use crate::live::{Control, LiveAnswers};
use crate::model::{
    ConversationId, FencedWrite, GenerationId, InstanceId, LEASE, Lease, Timestamp,
};
use crate::sweeper::Sweeper;
use crate::sync;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// This process.
const OWN: &str = "own";

/// The branch of the live generations.
const BRANCH: &str = "own";

/// Consecutive generations on a branch.
const TURNS: usize = 2;

/// One generation renews when asked to, if the store accepts it, ends, and is followed by another on the same branch;
/// one is silent; the process of one is dead. Two sweepers run concurrently, while the clock steps over whole leases.
///
/// No wait for a renewal is too long here: the sweeper must never free a lock that was renewed.
pub(super) fn a_renewing_holder_keeps_the_lock_and_a_silent_one_loses_it() {
    sync::begin(false);
    let clock = Arc::new(ManualClock::at(NOW));
    let store = Store::default();
    let live = Arc::new(LiveAnswers::default());
    let sweeper = Arc::new(Sweeper {
        store: store.clone(),
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        live: Arc::clone(&live),
        aside: Arc::default(),
        instances: PathBuf::new(),
        instance_id: InstanceId::from(OWN.to_owned()),
        memory: tokio::sync::Mutex::new(Memory::default()),
    });
    let silent = store
        .grant("silent", OWN, &GenerationId::from("silent".to_owned()), NOW)
        .expect("it is free");
    let dead = store
        .grant("dead", DEAD, &GenerationId::from("dead".to_owned()), NOW)
        .expect("it is free");

    let generations = future::spawn({
        let (store, live, clock) = (store.clone(), Arc::clone(&live), Arc::clone(&clock));
        async move {
            for turn in 0..TURNS {
                generation(turn, &store, &live, &clock).await;
            }
        }
    });
    let time = future::spawn({
        let clock = Arc::clone(&clock);
        async move {
            clock.step_to(NOW + 3 * LEASE);
            future::yield_now().await;
            clock.advance(2 * LEASE);
            future::yield_now().await;
            clock.step_to(NOW);
        }
    });
    let sweeps: Vec<_> = (0..2)
        .map(|_| {
            let sweeper = Arc::clone(&sweeper);
            future::spawn(async move {
                for _ in 0..2 {
                    sweeper.sweep().await.expect("the store is in memory");
                    future::yield_now().await;
                }
            })
        })
        .collect();
    future::block_on(async move {
        for task in sweeps.into_iter().chain([generations, time]) {
            assert!(task.await.is_ok());
        }
        assert!(!store.holds(&dead), "a dead process holds a lock (I7)");
        // Its heartbeat does not change for a whole lease of running time, regardless of the wall clock (I10, I11).
        for _ in 0..2 {
            clock.advance(LEASE + Duration::from_secs(1));
            sweeper.sweep().await.expect("the store is in memory");
        }
        assert!(!store.holds(&silent), "a silent holder holds a lock");
    });
}

/// Holds the branch, renews on request, and releases it.
async fn generation(turn: usize, store: &Store, live: &Arc<LiveAnswers>, clock: &ManualClock) {
    // As in a send: registered before it requests its lock.
    let id = GenerationId::from(format!("turn {turn}"));
    let mut registration = live.register(id.clone(), ConversationId::from(BRANCH.to_owned()));
    let Some(lease) = store.grant(BRANCH, OWN, &id, clock.now()) else {
        panic!("a lock that was given back is held");
    };
    for _ in 0..3 {
        future::yield_now().await;
        answer_all(store, &lease, clock, &mut registration.control);
        assert!(
            store.holds(&lease),
            "a lock was freed whose holder lives (I1, I3)"
        );
    }
    assert_eq!(
        store.release(&lease),
        FencedWrite::Written,
        "it was lost (I4)"
    );
    // A caller that waits for a renewal requested after the last poll learns that the generation is over.
    drop(registration);
}

fn answer_all(
    store: &Store,
    lease: &Lease,
    clock: &ManualClock,
    control: &mut tokio::sync::mpsc::UnboundedReceiver<Control>,
) {
    let mut renewed: Vec<oneshot::Sender<()>> = Vec::new();
    while let Ok(asked) = control.try_recv() {
        if let Control::Heartbeat(done) = asked {
            // A full disk refuses the renewal; the generation is alive regardless.
            if !rand::thread_rng().gen_ratio(1, 3) {
                assert_eq!(store.renew(lease, clock.now()), FencedWrite::Written);
            }
            renewed.push(done);
        }
    }
    for done in renewed {
        let _ = done.send(());
    }
}
