//! The concurrency gate of a provider: limits concurrent answers, and the moment of the next request.
//!
//! First come, first served. A generation holds its permit from its first request to its end, its pauses
//! included, so that a refused one is not overtaken. A provider's rate limit applies to all that wait: after
//! a 429 no request is sent until its pause is over, then fewer concurrently, and one request at a time until
//! each has its response; an outage whose end the provider names is waited for, too. Successful answers
//! raise the limit again gradually (additive increase, multiplicative decrease, as in TCP: RFC 5681 §3.1).
//!
//! Times are monotonic, so a stepped clock opens no gate early. Whether a refused request is retried is
//! decided in `turns::turn`.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::failure::{Failure, FailureKind, Retry};
use super::limits::RequestBudget;
use crate::sync::{Instant, Mutex, MutexGuard, sleep_until};

/// The pause after a 429 without one; it doubles with every consecutive 429.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The maximum backoff, and the maximum wait for a reset. A longer wait is better shown to the user as a
/// failure.
const MAX_PAUSE: Duration = Duration::from_mins(2);

/// How long after a 429 requests are sent one at a time.
const CAUTION: Duration = Duration::from_mins(10);

/// How long the slot count reported by a provider is valid: the server may restart with another.
const SLOTS_TTL: Duration = Duration::from_secs(30);

/// The gate of one provider.
#[derive(Debug)]
pub struct Gate {
    state: Mutex<State>,
    /// Notified whenever a waiter may be able to proceed.
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct State {
    /// The configured maximum of permits.
    configured_max: u32,
    /// The slot count that the provider reports, and until when it is valid.
    reported_max: Option<u32>,
    reported_until: Option<Instant>,
    /// The effective maximum of permits: the lesser of the two.
    max_permits: u32,
    /// The adaptive limit, from 1 to `max_permits`.
    limit: f64,
    permits: u32,
    /// Requests without a response yet.
    unanswered: u32,
    last_ticket: u64,
    /// Tickets that wait with a permit to retry, and tickets that wait without one.
    retries: VecDeque<u64>,
    queue: VecDeque<u64>,
    /// No request is sent before this.
    closed_until: Option<Instant>,
    cautious_until: Option<Instant>,
    refusals_in_a_row: u32,
    budget: Option<Budget>,
}

/// The provider's remaining request budget until a reset.
#[derive(Debug, Clone, Copy)]
struct Budget {
    remaining: u32,
    resets_at: Instant,
}

/// The outcome of a request.
#[derive(Debug)]
pub enum Response<'a> {
    /// It was accepted; with the rate limit from its headers.
    Accepted(Option<RequestBudget>),
    /// It failed.
    Failed(&'a Failure),
}

/// The right to send requests and receive an answer. Dropping it releases it to the next waiter.
#[derive(Debug)]
pub struct Permit {
    gate: Arc<Gate>,
    /// Whether a request of it is in flight.
    asking: bool,
    /// Its ticket among the retries, held from the refusal on, through its own pause.
    ticket: Option<u64>,
}

/// An entry in the queue for a permit. Dropping it leaves the queue.
#[derive(Debug)]
pub struct QueueEntry(Ticket);

/// A place in one of the two queues. Dropping it leaves the queue.
#[derive(Debug)]
struct Ticket {
    gate: Arc<Gate>,
    number: u64,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        state.retries.retain(|number| *number != self.number);
        state.queue.retain(|number| *number != self.number);
        drop(state);
        self.gate.changed.send_replace(());
    }
}

impl Gate {
    /// Creates an open gate with `max_permits` permits, at least 1.
    pub fn new(max_permits: u32) -> Self {
        let max_permits = max_permits.max(1);
        Self {
            state: Mutex::new(State {
                configured_max: max_permits,
                reported_max: None,
                reported_until: None,
                max_permits,
                limit: f64::from(max_permits),
                permits: 0,
                unanswered: 0,
                last_ticket: 0,
                retries: VecDeque::new(),
                queue: VecDeque::new(),
                closed_until: None,
                cautious_until: None,
                refusals_in_a_row: 0,
                budget: None,
            }),
            changed: watch::Sender::new(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the maximum of permits; those that are held stay valid.
    pub fn set_max(&self, max_permits: u32) {
        let max_permits = max_permits.max(1);
        let mut state = self.state();
        state.configured_max = max_permits;
        state.fit();
        drop(state);
        self.changed.send_replace(());
    }

    /// Returns whether other answers run besides the caller's.
    pub fn is_shared(&self) -> bool {
        self.state().permits > 1
    }

    /// Appends an entry to the queue for a permit.
    pub fn queue_up(self: Arc<Self>) -> QueueEntry {
        let number = self.state().queue_up();
        QueueEntry(self.ticket(number))
    }

    async fn wait(&self, ticket: Ticket, holds: bool, waiting: impl Fn(Option<Instant>)) {
        let mut changed = self.changed.subscribe();
        let mut reported = None;
        loop {
            changed.mark_unchanged();
            let until = match self
                .state()
                .try_acquire(ticket.number, holds, Instant::now())
            {
                Ok(()) => return,
                Err(until) => until,
            };
            if reported != Some(until) {
                reported = Some(until);
                waiting(until);
            }
            let over = async {
                match until {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = changed.changed() => {}
                () = over => {}
            }
        }
    }

    fn ticket(self: &Arc<Self>, number: u64) -> Ticket {
        Ticket {
            gate: Arc::clone(self),
            number,
        }
    }
}

impl QueueEntry {
    /// Returns whether no answer runs and nothing else waits.
    pub(crate) fn is_alone(&self) -> bool {
        let state = self.0.gate.state();
        state.permits == 0 && state.queue.len() + state.retries.len() == 1
    }

    /// Returns whether the provider's slot count was queried recently.
    pub(crate) fn knows_slots(&self) -> bool {
        let until = self.0.gate.state().reported_until;
        until.is_some_and(|until| until > Instant::now())
    }

    /// Limits the permits to the slot count that the provider reports; to the configured maximum if it
    /// reports none.
    pub(crate) fn learn_slots(&self, slots: Option<u32>) {
        let mut state = self.0.gate.state();
        state.reported_max = slots;
        state.reported_until = Some(Instant::now() + SLOTS_TTL);
        state.fit();
        drop(state);
        self.0.gate.changed.send_replace(());
    }

    /// Waits for a permit and for the moment to send the request. Calls `waiting` whenever it has to wait,
    /// with the end of the provider's pause if there is one. Cancel-safe.
    pub async fn acquire(self, waiting: impl Fn(Option<Instant>)) -> Permit {
        let gate = Arc::clone(&self.0.gate);
        gate.wait(self.0, false, waiting).await;
        Permit {
            gate,
            asking: true,
            ticket: None,
        }
    }
}

impl State {
    fn fit(&mut self) {
        let max_permits = self
            .configured_max
            .min(self.reported_max.unwrap_or(u32::MAX))
            .max(1);
        if self.max_permits != max_permits {
            self.max_permits = max_permits;
            self.limit = f64::from(max_permits);
        }
    }

    fn queue_up(&mut self) -> u64 {
        self.last_ticket += 1;
        self.queue.push_back(self.last_ticket);
        self.last_ticket
    }

    fn queue_up_again(&mut self) -> u64 {
        self.last_ticket += 1;
        self.retries.push_back(self.last_ticket);
        self.last_ticket
    }

    /// Grants `ticket` a request, or returns until when it has to wait at least, if that is known.
    fn try_acquire(
        &mut self,
        ticket: u64,
        holds: bool,
        now: Instant,
    ) -> Result<(), Option<Instant>> {
        if let Some(until) = self.closed_until.filter(|until| *until > now) {
            return Err(Some(until));
        }
        let first = self.retries.front().or(self.queue.front());
        if first != Some(&ticket) {
            return Err(None);
        }
        if !holds && f64::from(self.permits) + 1.0 > self.limit.max(1.0) {
            return Err(None);
        }
        let cautious = self.cautious_until.is_some_and(|until| until > now);
        if cautious && self.unanswered > 0 {
            return Err(None);
        }
        self.budget = self.budget.filter(|budget| budget.resets_at > now);
        if let Some(budget) = &mut self.budget {
            if budget.remaining == 0 {
                return Err(Some(budget.resets_at));
            }
            budget.remaining -= 1;
        }
        self.unanswered += 1;
        if !holds {
            self.permits += 1;
        }
        Ok(())
    }

    fn accepted(&mut self, budget: Option<RequestBudget>, now: Instant) {
        self.refusals_in_a_row = 0;
        self.limit = (self.limit + 1.0 / self.limit).min(f64::from(self.max_permits));
        let Some(budget) = budget.filter(|budget| budget.resets_in <= MAX_PAUSE) else {
            return;
        };
        // The provider may not have counted the requests in flight yet.
        let remaining = budget.remaining.saturating_sub(self.unanswered);
        let resets_at = now + budget.resets_in;
        let known = self.budget.filter(|known| known.resets_at > now);
        self.budget = Some(Budget {
            // Responses arrive out of order: within a window the remaining budget never rises.
            remaining: known.map_or(remaining, |known| known.remaining.min(remaining)),
            resets_at: known.map_or(resets_at, |known| known.resets_at.max(resets_at)),
        });
    }

    fn refused(&mut self, retry: Retry, now: Instant) {
        let doubled = FIRST_PAUSE * 2_u32.saturating_pow(self.refusals_in_a_row.min(8));
        let pause = match retry {
            Retry::After(pause) => pause,
            Retry::Backoff | Retry::Never => doubled,
        };
        self.refusals_in_a_row += 1;
        self.limit = (self.limit / 2.0).max(1.0);
        self.budget = None;
        self.cautious_until = Some(now + CAUTION);
        self.close_for(pause, now);
    }

    fn close_for(&mut self, pause: Duration, now: Instant) {
        let until = now + pause.min(MAX_PAUSE);
        self.closed_until = self.closed_until.max(Some(until));
    }
}

impl Permit {
    /// Returns the gate that granted it.
    pub fn gate(&self) -> Arc<Gate> {
        Arc::clone(&self.gate)
    }

    /// Waits for the moment to retry, ahead of every queue entry without a permit. `waiting` as in
    /// [`QueueEntry::acquire`].
    pub async fn reacquire(mut self, waiting: impl Fn(Option<Instant>)) -> Self {
        self.answered(None);
        let number = self.ticket.take();
        let number = number.unwrap_or_else(|| self.gate.state().queue_up_again());
        let ticket = self.gate.ticket(number);
        self.gate.wait(ticket, true, waiting).await;
        self.asking = true;
        self
    }

    /// Notes the response to a request.
    pub fn note(&mut self, response: &Response<'_>) {
        self.answered(Some(response));
    }

    /// Notes a refusal inside an answer's stream.
    pub fn note_in_stream(&self, failure: &Failure) {
        if failure.kind == FailureKind::RateLimited {
            self.gate.state().refused(failure.retry, Instant::now());
        }
    }

    fn answered(&mut self, response: Option<&Response<'_>>) {
        if !std::mem::take(&mut self.asking) {
            return;
        }
        let now = Instant::now();
        let mut state = self.gate.state();
        state.unanswered -= 1;
        match response {
            Some(Response::Accepted(budget)) => state.accepted(*budget, now),
            Some(Response::Failed(failure)) if failure.kind == FailureKind::RateLimited => {
                state.refused(failure.retry, now);
                self.ticket = Some(state.queue_up_again());
            }
            // An outage whose end the provider names, RFC 9110 section 10.2.3.
            Some(Response::Failed(Failure {
                retry: Retry::After(pause),
                ..
            })) if *pause <= MAX_PAUSE => state.close_for(*pause, now),
            Some(Response::Failed(_)) | None => {}
        }
        drop(state);
        self.gate.changed.send_replace(());
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.answered(None);
        let ticket = self.ticket.take().map(|number| self.gate.ticket(number));
        self.gate.state().permits -= 1;
        drop(ticket);
        self.gate.changed.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::FutureExt;

    use super::*;

    fn gate(max_permits: u32) -> Arc<Gate> {
        Arc::new(Gate::new(max_permits))
    }

    fn acquire(gate: &Arc<Gate>) -> impl Future<Output = Permit> + use<> {
        Arc::clone(gate).queue_up().acquire(|_| {})
    }

    fn refusal(retry: Retry) -> Failure {
        Failure::new(FailureKind::RateLimited, "slow down").retrying(retry)
    }

    fn accept(permit: &mut Permit) {
        permit.note(&Response::Accepted(None));
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_the_most_run_at_once_and_the_first_who_waits_is_next() {
        let gate = gate(2);
        let mut slots = vec![acquire(&gate).await, acquire(&gate).await];
        let (mut third, mut fourth) = (Box::pin(acquire(&gate)), Box::pin(acquire(&gate)));
        assert!((&mut third).now_or_never().is_none(), "both slots are held");
        assert!((&mut fourth).now_or_never().is_none());

        slots.pop();
        assert!(
            (&mut fourth).now_or_never().is_none(),
            "the third came before"
        );
        let third = third.now_or_never().expect("a slot is free");
        drop(third);
        assert!(fourth.now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_with_fewer_slots_than_the_user_set_is_asked_for_no_more() {
        let gate = gate(4);
        let first = Arc::clone(&gate).queue_up();
        assert!(first.is_alone());
        let first = first.acquire(|_| {}).await;
        let second = Arc::clone(&gate).queue_up();
        assert!(!second.is_alone() && !second.knows_slots());
        second.learn_slots(Some(1));
        assert!(second.knows_slots());
        let mut second = Box::pin(second.acquire(|_| {}));
        assert!(
            (&mut second).now_or_never().is_none(),
            "the only slot is held"
        );
        // The settings are read for each answer.
        gate.set_max(4);
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        let _second = second.now_or_never().expect("the slot is free");

        tokio::time::advance(SLOTS_TTL).await;
        let third = Arc::clone(&gate).queue_up();
        assert!(!third.knows_slots(), "it is asked again");
        third.learn_slots(None);
        assert!(
            third.acquire(|_| {}).now_or_never().is_some(),
            "as the user set it"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_waiter_does_not_block_the_queue() {
        let gate = gate(1);
        let permit = acquire(&gate).await;
        let mut left = Box::pin(acquire(&gate));
        let mut next = Box::pin(acquire(&gate));
        assert!((&mut left).now_or_never().is_none());
        assert!((&mut next).now_or_never().is_none());
        drop(left);
        drop(permit);
        assert!(next.now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_closes_the_gate_for_its_pause_and_the_refused_goes_first() {
        let gate = gate(2);
        let (mut refused, mut other) = (acquire(&gate).await, acquire(&gate).await);
        accept(&mut other);
        refused.note(&Response::Failed(&refusal(Retry::After(
            Duration::from_secs(7),
        ))));
        drop(other);
        let began = Instant::now();
        let reported = AtomicU32::new(0);
        let newcomer = async {
            let permit = Arc::clone(&gate)
                .queue_up()
                .acquire(|until| {
                    reported.fetch_add(u32::from(until.is_some()), Ordering::Relaxed);
                })
                .await;
            (permit, began.elapsed())
        };
        let again = async {
            let mut permit = refused.reacquire(|_| {}).await;
            let at = began.elapsed();
            tokio::time::sleep(Duration::from_secs(1)).await;
            accept(&mut permit);
            drop(permit);
            at
        };
        let ((_slot, newcomer_at), again_at) = tokio::join!(newcomer, again);
        assert_eq!(again_at.as_secs(), 7, "as the provider asked");
        assert_eq!(
            newcomer_at.as_secs(),
            8,
            "one at a time, until each has its response"
        );
        assert!(
            reported.into_inner() >= 1,
            "the end of the pause is reported"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_that_is_not_waited_for_closes_no_gate() {
        let gate = gate(8);
        let outage = Failure::new(FailureKind::ProviderFault, "Service Unavailable");
        let outage = outage.retrying(Retry::After(Duration::from_hours(1)));
        let mut permit = acquire(&gate).await;
        permit.note(&Response::Failed(&outage));
        drop(permit);
        let began = Instant::now();
        acquire(&gate).await;
        assert_eq!(began.elapsed().as_secs(), 0, "the user may ask at once");
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_closes_the_gate_until_the_provider_expects_to_be_back() {
        let gate = gate(8);
        let outage = Failure::new(FailureKind::ProviderFault, "Service Unavailable");
        let outage = outage.retrying(Retry::After(Duration::from_secs(3)));
        let mut permit = acquire(&gate).await;
        permit.note(&Response::Failed(&outage));
        drop(permit);
        let began = Instant::now();
        acquire(&gate).await;
        assert_eq!(began.elapsed().as_secs(), 3);
        assert!(
            (gate.state().limit - 8.0).abs() < f64::EPSILON,
            "no rate limit"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_narrow_the_gate_and_answers_open_it_again() {
        let gate = gate(8);
        let mut permit = acquire(&gate).await;
        permit.note(&Response::Failed(&refusal(Retry::After(Duration::ZERO))));
        assert!((gate.state().limit - 4.0).abs() < f64::EPSILON);
        drop(permit);
        for _ in 0..60 {
            let mut permit = acquire(&gate).await;
            accept(&mut permit);
        }
        assert!((gate.state().limit - 8.0).abs() < f64::EPSILON);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_permit_of_a_refused_request_does_not_block_the_queue() {
        let gate = gate(2);
        let mut refused = acquire(&gate).await;
        refused.note(&Response::Failed(&refusal(Retry::After(Duration::ZERO))));
        let mut next = Box::pin(acquire(&gate));
        assert!((&mut next).now_or_never().is_none(), "the refused is first");
        drop(refused);
        assert!(next.now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_without_a_pause_wait_longer_each_time() {
        let gate = gate(1);
        let mut permit = acquire(&gate).await;
        let mut waits = Vec::new();
        for _ in 0..4 {
            permit.note(&Response::Failed(&refusal(Retry::Backoff)));
            let asked = Instant::now();
            permit = permit.reacquire(|_| {}).await;
            waits.push(asked.elapsed().as_secs());
        }
        assert_eq!(waits, [1, 2, 4, 8]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_provider_says_is_left_is_not_overdrawn() {
        let gate = gate(4);
        let mut first = acquire(&gate).await;
        first.note(&Response::Accepted(Some(RequestBudget {
            remaining: 2,
            resets_in: Duration::from_secs(30),
        })));
        let began = Instant::now();
        let (_second, _third) = (acquire(&gate).await, acquire(&gate).await);
        assert!(began.elapsed().is_zero());
        let _fourth = acquire(&gate).await;
        assert_eq!(began.elapsed().as_secs(), 30, "it waits for the reset");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reset_in_hours_is_not_waited_for() {
        let gate = gate(1);
        let mut permit = acquire(&gate).await;
        permit.note(&Response::Accepted(Some(RequestBudget {
            remaining: 0,
            resets_in: Duration::from_hours(3),
        })));
        drop(permit);
        assert!(
            acquire(&gate).now_or_never().is_some(),
            "the provider says better than we why it refuses"
        );
    }
}
