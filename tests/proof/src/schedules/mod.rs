//! Random schedules of what the tasks of one process share: the event bus, the registry of live answers, the
//! per-provider gate, the key keeper and the lock sweeper. All are the product's own source, compiled with
//! [shuttle](https://docs.rs/shuttle)'s locks.

mod events;
mod gate;
pub(crate) mod instance;
mod keeper;
mod stop;
pub(crate) mod store;
mod sweeper;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};

use crate::campaign::{Finding, Run};
use crate::report::grouped;
use crate::sync::{Mutex, MutexGuard};

/// Number of preemptions that the PCT scheduler spends,
/// <https://www.microsoft.com/en-us/research/publication/a-randomized-scheduler-with-probabilistic-guarantees-of-finding-bugs/>.
const DEPTH: usize = 3;

/// Concurrent tasks, and the assertions that must hold afterwards.
type Scenario = (&'static str, fn());

const SCENARIOS: [Scenario; 7] = [
    ("events", events::the_last_event_matches_the_database),
    ("stop", stop::no_stop_is_lost),
    ("gate", gate::the_limit_holds_and_no_waiter_is_forgotten),
    ("queue", gate::first_come_first_served),
    (
        "refusals",
        gate::a_refusal_pauses_every_waiter_and_starves_none,
    ),
    (
        "keeper",
        keeper::a_hanging_keychain_blocks_only_its_own_callers,
    ),
    (
        "sweeper",
        sweeper::a_renewing_holder_keeps_the_lock_and_a_silent_one_loses_it,
    ),
];

/// Runs every scenario under both schedulers.
#[expect(clippy::unnecessary_wraps, reason = "as every kind")]
pub(crate) fn prove(run: &Run) -> anyhow::Result<Finding> {
    // Half of the schedules run under each scheduler.
    let amount = run.choose(50_000, 250);
    let all = 2 * amount as u64 * SCENARIOS.len() as u64;
    run.expect(all);
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
        run.advance(amount as u64);
        violations
            .extend(broken_by(adversarial).map(|what| format!("{name}, seed {seed:#x}: {what}")));
        run.advance(amount as u64);
    }
    Ok(Finding {
        amount: format!(
            "{} schedules of each of {} scenarios",
            grouped(2 * amount as u64),
            SCENARIOS.len()
        ),
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

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
