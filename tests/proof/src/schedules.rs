//! Random schedules of what the tasks of one process share: the event bus, the registry of live answers, and
//! the sweeper's judgement of their locks. All are the product's own source, compiled with
//! [shuttle](https://docs.rs/shuttle)'s locks.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner, future, thread};

use crate::campaign::{Finding, Run};
use crate::clock::Timestamp;
use crate::due::{Verdict, verdict};
use crate::events::{CoreEvent, Events};
use crate::ids::{BranchId, ConversationId, GenerationId, InstanceId, MessageId};
use crate::live::{Control, LiveAnswers, Registration};
use crate::lock::{LEASE, Lease, LockChange, LockReason};
use crate::report::grouped;
use crate::store::Holder;
use crate::sync::{Mutex, MutexGuard};

/// How many turns a writer takes.
const TURNS: usize = 2;

/// How many preemptions the second scheduler spends where they hurt most,
/// <https://www.microsoft.com/en-us/research/publication/a-randomized-scheduler-with-probabilistic-guarantees-of-finding-bugs/>.
const DEPTH: usize = 3;

/// Something that several tasks do at once, and what must be true whenever they have done it.
type Scenario = (&'static str, fn());

const SCENARIOS: [Scenario; 3] = [
    ("events", events_end_as_the_database),
    ("stop", no_stop_is_lost),
    ("sweep", no_living_generation_loses_its_lock),
];

/// Tries every scenario under both schedulers.
#[expect(clippy::unnecessary_wraps, reason = "as every kind")]
pub(crate) fn prove(run: &Run) -> anyhow::Result<Finding> {
    let amount = run.choose(25_000, 250);
    let schedules = 2 * SCENARIOS.len() * amount;
    run.expect(schedules as u64);
    let seed = fastrand::u64(..);
    let mut violations = Vec::new();
    for (name, scenario) in SCENARIOS {
        let random = move || {
            let chance = RandomScheduler::new_from_seed(seed, amount);
            Runner::new(chance, Config::default()).run(scenario);
        };
        let adversarial = move || {
            let priority = PctScheduler::new_from_seed(seed, DEPTH, amount);
            Runner::new(priority, Config::default()).run(scenario);
        };
        violations.extend(broken_by(random).map(|what| format!("{name}, seed {seed:#x}: {what}")));
        run.did(amount as u64);
        violations
            .extend(broken_by(adversarial).map(|what| format!("{name}, seed {seed:#x}: {what}")));
        run.did(amount as u64);
    }
    Ok(Finding {
        amount: format!("{} schedules", grouped(schedules as u64)),
        violations,
        figures: format!("seed {seed:#x}"),
    })
}

fn broken_by(schedules: impl FnOnce()) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(schedules)).err()?;
    let said = |panic: &dyn Any| {
        panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
    };
    Some(said(panic.as_ref()).unwrap_or_else(|| "a task panicked".to_owned()))
}

/// A branch's lock: the fence, and whether it is held.
type Row = (i64, bool);

/// Writers take and free the lock and tell it after they have let go of the database, as commits do;
/// a watch tells what it read, as the one over other processes does.
fn events_end_as_the_database() {
    let (database, bus) = (
        Arc::new(Mutex::new((0, false))),
        Arc::new(Events::default()),
    );
    let mut listener = bus.subscribe();
    let mut tasks = Vec::new();
    for _ in 0..2 {
        let (database, bus) = (Arc::clone(&database), Arc::clone(&bus));
        tasks.push(thread::spawn(move || {
            for _ in 0..TURNS {
                let Some(fence) = acquire(&database) else {
                    continue;
                };
                bus.lock_changed(change(fence, LockReason::Acquired));
                release(&database, fence);
                bus.lock_changed(change(fence, LockReason::Released));
            }
        }));
    }
    tasks.push(thread::spawn({
        let (database, bus) = (Arc::clone(&database), Arc::clone(&bus));
        move || {
            for _ in 0..TURNS {
                let (fence, held) = read(&database);
                let reason = if held {
                    LockReason::Acquired
                } else {
                    LockReason::Released
                };
                if fence > 0 {
                    bus.lock_changed(change(fence, reason));
                }
            }
        }
    }));
    for task in tasks {
        assert!(task.join().is_ok(), "a task panicked");
    }

    let mut last = (0, false);
    while let Ok(CoreEvent::Lock(told)) = listener.try_recv() {
        let place = |row: Row| (row.0, !row.1);
        let told = (told.fence, told.locked);
        assert!(
            last == (0, false) || place(told) > place(last),
            "{told:?} was told after {last:?} (I9)"
        );
        last = told;
    }
    assert_eq!(
        last,
        read(&database),
        "the last event is not the database's state (I9)"
    );
}

fn read(database: &Mutex<Row>) -> Row {
    *locked(database)
}

fn acquire(database: &Mutex<Row>) -> Option<i64> {
    let mut row = locked(database);
    if row.1 {
        return None;
    }
    *row = (row.0 + 1, true);
    Some(row.0)
}

fn release(database: &Mutex<Row>, fence: i64) {
    let mut row = locked(database);
    if *row == (fence, true) {
        row.1 = false;
    }
}

fn locked(database: &Mutex<Row>) -> MutexGuard<'_, Row> {
    database
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn change(fence: i64, reason: LockReason) -> LockChange {
    LockChange {
        conversation_id: ConversationId::from("conversation".to_owned()),
        branch_id: BranchId::from("branch".to_owned()),
        locked: reason == LockReason::Acquired,
        generation_id: None,
        message_id: None,
        fence,
        reason,
    }
}

/// A generation is registered before it asks for its lock. Two presses of Stop come at any moment from
/// then on: before it runs, while it does, after its end.
fn no_stop_is_lost() {
    let live = Arc::new(LiveAnswers::default());
    let generation_id = GenerationId::from("generation".to_owned());
    let conversation_id = ConversationId::from("conversation".to_owned());
    let mut registration = live.register(generation_id.clone(), conversation_id);
    let stopped = Arc::new(Mutex::new((0, false)));
    let answer = future::spawn({
        let stopped = Arc::clone(&stopped);
        async move {
            let mut stops = Vec::new();
            for _token in 0..2 {
                future::yield_now().await;
                while let Ok(Control::Stop(done)) = registration.control.try_recv() {
                    stops.push(done);
                }
                if !stops.is_empty() {
                    *locked(&stopped) = (0, true);
                    break;
                }
            }
            for done in stops {
                let _ = done.send(());
            }
        }
    });
    let presses: Vec<_> = (0..2)
        .map(|_| {
            let (live, generation_id) = (Arc::clone(&live), generation_id.clone());
            let stopped = Arc::clone(&stopped);
            future::spawn(async move {
                let told = live.stop(&generation_id).await;
                assert!(
                    !told || locked(&stopped).1,
                    "told stopped before its end was stored"
                );
                told
            })
        })
        .collect();
    future::block_on(async move {
        assert!(answer.await.is_ok());
        let mut told = false;
        for press in presses {
            told |= press.await.unwrap_or(false);
        }
        assert_eq!(
            told,
            locked(&stopped).1,
            "a generation was stopped, and nobody was told so"
        );
        assert!(
            !live.contains(&generation_id),
            "an ended generation is still registered"
        );
    });
}

/// A lock as the database has it, and the wall clock.
struct Place {
    holder: Option<Holder>,
    now: Timestamp,
    /// How many writes are refused from now on.
    refusals: u32,
}

const BEGIN: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A generation renews in time or late, while writes may be refused, the machine may sleep, and two sweeps come
/// at any moment. As long as it answers, its lock is never freed; once it is gone, the next sweep that
/// finds the lease run out frees it.
fn no_living_generation_loses_its_lock() {
    let live = Arc::new(LiveAnswers::default());
    let lease = Lease {
        branch_id: BranchId::from("branch".to_owned()),
        conversation_id: ConversationId::from("conversation".to_owned()),
        generation_id: GenerationId::from("generation".to_owned()),
        message_id: MessageId::from("message".to_owned()),
        fence: 1,
    };
    let place = Arc::new(Mutex::new(Place {
        holder: Some(Holder {
            lease: lease.clone(),
            instance_id: InstanceId::from("instance".to_owned()),
            heartbeat_seq: 0,
            expires_at: BEGIN + LEASE,
        }),
        now: BEGIN,
        refusals: 1,
    }));
    let registration = live.register(lease.generation_id, lease.conversation_id);
    let generation = future::spawn(generate(registration, Arc::clone(&place)));
    let sweeps: Vec<_> = (0..2)
        .map(|_| future::spawn(sweep(Arc::clone(&live), Arc::clone(&place))))
        .collect();
    let sleep = thread::spawn({
        let place = Arc::clone(&place);
        move || {
            let mut place = at(&place);
            place.now = place.now + LEASE;
        }
    });
    assert!(sleep.join().is_ok());
    future::block_on(async move {
        for sweep in sweeps {
            assert!(sweep.await.is_ok());
        }
        assert!(
            generation.await.is_ok(),
            "a living generation lost its lock"
        );
        {
            let mut place = at(&place);
            place.now = place.now + LEASE;
        }
        sweep(live, Arc::clone(&place)).await;
        assert!(at(&place).holder.is_none(), "the dead keep a lock (I10)");
    });
}

/// Answers whoever doubts that it lives, and renews, for a few turns of the loop.
async fn generate(mut registration: Registration, place: Arc<Mutex<Place>>) {
    for _ in 0..4 {
        future::yield_now().await;
        let mut doubters = Vec::new();
        while let Ok(control) = registration.control.try_recv() {
            if let Control::Heartbeat(done) = control {
                doubters.push(done);
            }
        }
        renew(&place);
        for done in doubters {
            let _ = done.send(());
        }
    }
    assert!(at(&place).holder.is_some(), "its lock was freed (I3)");
}

fn renew(place: &Mutex<Place>) {
    let mut place = at(place);
    if place.refusals > 0 {
        place.refusals -= 1;
        return;
    }
    let expires_at = place.now + LEASE;
    let holder = place.holder.as_mut();
    assert!(
        holder.is_some(),
        "the lock of a living generation was freed (I3)"
    );
    if let Some(holder) = holder {
        holder.heartbeat_seq += 1;
        holder.expires_at = expires_at;
    }
}

/// What a sweep does, on this place instead of a database.
async fn sweep(live: Arc<LiveAnswers>, place: Arc<Mutex<Place>>) {
    let read = || {
        let place = at(&place);
        (place.holder.clone(), place.now)
    };
    let (Some(holder), now) = read() else { return };
    if verdict(&holder, false, false, now) != Verdict::Expire {
        return;
    }
    let alive = live.heartbeat_all(std::time::Duration::ZERO).await;
    let (Some(holder), _) = read() else { return };
    let is_alive = alive.contains(&holder.lease.generation_id);
    if verdict(&holder, false, is_alive, now) == Verdict::Expire {
        let mut place = at(&place);
        // As the statement does: not if it was renewed since.
        if place.holder.as_ref() == Some(&holder) {
            place.holder = None;
        }
    }
}

fn at(place: &Mutex<Place>) -> MutexGuard<'_, Place> {
    place
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
