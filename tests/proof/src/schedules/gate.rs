//! The per-provider concurrency gate: never more permits than its limit, first come first served, and no waiter
//! starved, even when others give up, fail or are rate-limited.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use shuttle::future;
use shuttle::rand::{Rng, thread_rng};

use super::locked;
use crate::failure::{Failure, FailureKind, Retry};
use crate::gate::{Gate, Permit, Response};
use crate::sync::{self, Instant, Mutex};

/// The number of permits.
const LIMIT: usize = 2;

/// The `Retry-After` of the provider.
const PAUSE: Duration = Duration::from_secs(7);

async fn acquire(gate: &Arc<Gate>) -> Permit {
    Arc::clone(gate).queue_up().acquire(|_| {}).await
}

/// Waits for a permit, and gives up after `patience` yields.
async fn acquire_or_give_up(gate: &Arc<Gate>, patience: usize) -> Option<Permit> {
    let leaving = async {
        for _ in 0..patience {
            future::yield_now().await;
        }
    };
    let entering = Box::pin(acquire(gate));
    match select(entering, Box::pin(leaving)).await {
        Either::Left((permit, _)) => Some(permit),
        Either::Right(_) => None,
    }
}

/// Concurrent answers, some of which give up before their turn, while the limit is set to its present value. That all
/// of them end shows that no wake-up is lost; otherwise the schedule would deadlock.
pub(super) fn the_limit_holds_and_no_waiter_is_forgotten() {
    sync::begin(true);
    let gate = Arc::new(Gate::new(2));
    let running = Arc::new(Mutex::new(0));
    let answers: Vec<_> = (0..5)
        .map(|number| {
            let (gate, running) = (Arc::clone(&gate), Arc::clone(&running));
            future::spawn(async move {
                let permit = if number % 2 == 1 {
                    acquire_or_give_up(&gate, number).await
                } else {
                    Some(acquire(&gate).await)
                };
                let Some(mut permit) = permit else { return };
                {
                    let mut running = locked(&running);
                    *running += 1;
                    assert!(
                        *running <= LIMIT,
                        "{running} answers run at once",
                        running = *running
                    );
                }
                future::yield_now().await;
                permit.note(&Response::Accepted(None));
                *locked(&running) -= 1;
            })
        })
        .collect();
    future::block_on(async move {
        gate.set_max(2);
        for answer in answers {
            assert!(answer.await.is_ok());
        }
        let rest = (acquire(&gate).now_or_never(), acquire(&gate).now_or_never());
        assert!(rest.0.is_some() && rest.1.is_some(), "a slot was lost");
    });
}

/// Answers queued one after the other, of which one gives up while the permit ahead of it is released.
pub(super) fn first_come_first_served() {
    sync::begin(true);
    let gate = Arc::new(Gate::new(1));
    let order = Arc::new(Mutex::new(Vec::new()));
    let held = acquire(&gate).now_or_never();
    assert!(held.is_some(), "an open gate lets one in");
    let waiting: Vec<_> = (0..4)
        .map(|number| {
            let mut entering = Box::pin(Arc::clone(&gate).queue_up().acquire(|_| {}));
            // It is queued from here on.
            assert!((&mut entering).now_or_never().is_none(), "no slot is free");
            let order = Arc::clone(&order);
            future::spawn(async move {
                if number == 1 {
                    future::yield_now().await;
                    return;
                }
                let mut permit = entering.await;
                locked(&order).push(number);
                permit.note(&Response::Accepted(None));
            })
        })
        .collect();
    let leaving = future::spawn(async move { drop(held) });
    future::block_on(async move {
        assert!(leaving.await.is_ok());
        for one in waiting {
            assert!(one.await.is_ok());
        }
        assert_eq!(*locked(&order), [0, 2, 3], "first come, first served");
    });
}

/// One answer is rate-limited with a pause, and retries or gives up. An answer that comes later is not admitted
/// before the pause is over; all waiters are admitted eventually.
pub(super) fn a_refusal_pauses_every_waiter_and_starves_none() {
    sync::begin(true);
    let gate = Arc::new(Gate::new(2));
    let closed_until = Arc::new(Mutex::new(None));
    let refused = future::spawn({
        let (gate, closed_until) = (Arc::clone(&gate), Arc::clone(&closed_until));
        async move {
            let mut permit = acquire(&gate).await;
            let failure = Failure::new(FailureKind::RateLimited, "slow down");
            let failure = failure.retrying(Retry::After(PAUSE));
            let until = Instant::now() + PAUSE;
            permit.note(&Response::Failed(&failure));
            *locked(&closed_until) = Some(until);
            if thread_rng().gen_ratio(1, 2) {
                return;
            }
            let mut permit = permit.reacquire(|_| {}).await;
            assert!(
                Instant::now() >= until,
                "it asked again before its pause was over"
            );
            permit.note(&Response::Accepted(None));
        }
    });
    let others: Vec<_> = (0..3)
        .map(|_| {
            let (gate, closed_until) = (Arc::clone(&gate), Arc::clone(&closed_until));
            future::spawn(async move {
                let until = *locked(&closed_until);
                let mut permit = acquire(&gate).await;
                assert!(
                    until.is_none_or(|until| Instant::now() >= until),
                    "it asked while the gate was closed"
                );
                permit.note(&Response::Accepted(None));
            })
        })
        .collect();
    future::block_on(async move {
        assert!(refused.await.is_ok());
        for other in others {
            assert!(other.await.is_ok());
        }
    });
}
