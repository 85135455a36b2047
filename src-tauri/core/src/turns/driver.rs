//! Performs a turn's effects: one task per generation, which owns its connection, its heartbeat, the saving
//! of its text, and its end.
//!
//! The heartbeat is in the same loop as the stream, so a task that makes no progress renews nothing. Text is
//! published to subscribers as it arrives and saved every half second or 2 kB (`storing`). Every exit (done,
//! stopped, failed, quit, a panic) ends in the same transaction (`finish`); only a lost lock ends without a
//! write, because another process owns the answer then.
//!
//! The loop itself never waits for the database, so Stop takes effect even when the disk hangs.

mod finish;
mod storing;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until};

use self::storing::{Saved, StoreTask};
use super::activity::{Activity, Step};
use super::admission::{Admission, Request, acquire_admission, open_stream};
use super::timeouts::Timeouts;
use super::turn::{Effect, Event, Turn};
use crate::clock::Clock;
use crate::indexing::Indexer;
use crate::live::aside::SetAside;
use crate::live::{Control, LiveAnswer, Phase, Registration, Successor};
use crate::model::{FencedWrite, HEARTBEAT, Lease, Parameters, PartDelta, Timestamp, append_delta};
use crate::provider::{Providers, StreamEvent};
use crate::store::{Piece, StartedTurn, Store, StoreError, Transient};

pub(crate) use self::finish::supervise;
pub(super) use self::storing::STORE_RETRY_DELAY;

/// The maximum age of unsaved text, which a crash would lose; see also [`SAVE_BYTES`].
const SAVE_EVERY: Duration = Duration::from_millis(500);

/// The size of unsaved text that triggers a save.
const SAVE_BYTES: usize = 2 * 1024;

/// Maximum jitter that is added to a pause.
const MAX_JITTER: Duration = Duration::from_secs(1);

/// What a generation needs from the application.
#[derive(Debug, Clone)]
pub(crate) struct TurnContext {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) providers: Arc<Providers>,
    pub(crate) aside: Arc<SetAside>,
    pub(crate) indexer: Arc<Indexer>,
}

struct Driver {
    ctx: TurnContext,
    lease: Lease,
    model_id: Option<String>,
    /// Of the queued message that is answered; `None` for those of the conversation.
    parameters: Option<Parameters>,
    registration: Registration,
    answer: watch::Sender<LiveAnswer>,
    turn: Turn,
    activity: Activity,
    timeouts: Timeouts,
    /// Text that is neither stored nor being saved.
    unsaved: Piece,
    /// The save in progress; reading continues meanwhile.
    saving: Option<StoreTask<Saved>>,
    /// The renewal in progress.
    renewing: Option<StoreTask<Result<FencedWrite, StoreError>>>,
    heartbeat: Interval,
    /// Callers that wait for a renewal, to check that this task is alive; they are answered by
    /// `answer_probes_at`.
    probes: Vec<oneshot::Sender<()>>,
    answer_probes_at: Instant,
    /// The number of the next chunk of text.
    next_chunk: i64,
    save_at: Instant,
    /// When the first text arrived, until that is stored.
    first_token_at: Option<Timestamp>,
    retries: u32,
    /// Callers that wait for this generation to stop.
    stops: Vec<oneshot::Sender<()>>,
    /// The turn that begins in place of this one.
    successor: Option<Box<Successor>>,
}

impl Driver {
    fn new(ctx: TurnContext, started: StartedTurn, registration: Registration) -> Self {
        let answer = registration.publish(
            &started.lease.branch_id,
            LiveAnswer::new(started.lease.message_id.clone()),
        );
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            ctx,
            lease: started.lease,
            model_id: started.model_id,
            parameters: started.parameters,
            registration,
            answer,
            turn: Turn::new(),
            activity: Activity::Idle(None),
            timeouts: Timeouts::new(),
            unsaved: Piece::default(),
            saving: None,
            renewing: None,
            heartbeat,
            probes: Vec::new(),
            answer_probes_at: Instant::now(),
            next_chunk: 0,
            save_at: Instant::now(),
            first_token_at: None,
            retries: 0,
            stops: Vec::new(),
            successor: None,
        }
    }

    async fn run(mut self) {
        let mut effect = self.turn.handle(Event::Start);
        loop {
            match effect {
                Some(Effect::Finish(ending)) => return self.finish(ending).await,
                Some(Effect::Abandon) => return,
                Some(effect) => self.perform(effect),
                None => {}
            }
            if self.turn.is_too_long() {
                effect = self.turn.handle(Event::TooLong);
                continue;
            }
            let has_to_save = !self.unsaved.is_empty() && self.saving.is_none();
            let stuck_at = self.stuck_at();
            // Waiting for a permit is waiting for other answers, not for the provider.
            let waits = matches!(
                self.activity,
                Activity::Connecting(_) | Activity::Streaming(..)
            );
            let event = tokio::select! {
                biased;
                control = self.registration.control.recv() => match control {
                    Some(Control::Stop(done)) => {
                        self.stops.push(done);
                        Some(Event::Stop)
                    }
                    Some(Control::TakeOver(successor)) => {
                        self.successor = Some(successor);
                        Some(Event::Stop)
                    }
                    Some(Control::Heartbeat(done)) => {
                        self.on_probe(done);
                        None
                    }
                    Some(Control::Woke) => {
                        // A provider that has not sent anything may still be thinking.
                        if matches!(self.activity, Activity::Streaming(..)) {
                            self.timeouts.shorten_idle_timeout(Instant::now());
                        }
                        None
                    }
                    Some(Control::Quit) | None => Some(Event::Quit),
                },
                _ = self.heartbeat.tick() => {
                    self.renew();
                    None
                }
                renewed = StoreTask::end(&mut self.renewing) => self.renewed(renewed),
                saved = StoreTask::end(&mut self.saving) => self.saved(saved),
                () = sleep_until(self.save_at), if has_to_save => {
                    self.save();
                    None
                }
                () = sleep_until(self.answer_probes_at), if !self.probes.is_empty() => {
                    self.answer_probes();
                    None
                }
                () = sleep_until(stuck_at.unwrap_or(self.save_at)), if stuck_at.is_some() => {
                    self.cannot_store(Transient::Silent);
                    None
                }
                () = at(self.timeouts.idle_deadline()), if waits => Some(Event::Silence),
                () = at(self.timeouts.run_deadline()) => Some(Event::RanTooLong),
                step = self.activity.next() => self.on_step(step),
            };
            effect = event.and_then(|event| self.turn.handle(event));
        }
    }

    /// Applies an activity's outcome before the turn handles it.
    fn on_step(&mut self, step: Step) -> Option<Event> {
        if !self.turn.is_whole() {
            self.timeouts.on_data(Instant::now());
        }
        match step {
            Step::Admitted(admission) => {
                if self.turn.admit() {
                    self.connect(admission);
                }
                None
            }
            Step::Event(event) => {
                if let Event::Stream(StreamEvent::Content(_)) = event {
                    self.on_first_content();
                }
                Some(event)
            }
        }
    }

    fn on_first_content(&mut self) {
        if self.answer.borrow().phase != Phase::Streaming {
            self.timeouts.on_first_content(Instant::now());
            self.answer
                .send_modify(|answer| answer.phase = Phase::Streaming);
            self.first_token_at = Some(self.ctx.clock.now());
        }
    }

    /// Sends the request, which the permit allows.
    fn connect(&mut self, admission: Box<Admission>) {
        self.turn
            .knows_context(admission.endpoint.record.context_tokens);
        let provider = &admission.endpoint.provider;
        self.timeouts
            .on_request(provider.locality(), Instant::now());
        let phase = if admission.endpoint.embedded {
            Phase::StartingModel
        } else {
            Phase::Connecting
        };
        self.answer.send_modify(|answer| answer.phase = phase);
        let request = Request {
            ctx: self.ctx.clone(),
            lease: self.lease.clone(),
            parameters: self.parameters.clone(),
        };
        let opening = open_stream(request, admission, self.answer.clone());
        self.activity = Activity::Connecting(opening.boxed());
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Acquire => {
                let admitting = acquire_admission(
                    self.ctx.clone(),
                    self.model_id.clone(),
                    self.activity.end(),
                    self.answer.clone(),
                );
                self.activity = Activity::Waiting(admitting.boxed());
            }
            Effect::Pause {
                pause,
                attempt,
                reason,
            } => {
                // Without jitter, all refused requests would retry at the same moment.
                let jitter = pause.mul_f64(fastrand::f64() * 0.25).min(MAX_JITTER);
                let pause = pause + jitter;
                self.retries += 1;
                self.activity = Activity::Pausing(self.activity.end(), Instant::now() + pause);
                let phase = Phase::Retrying {
                    until: self.ctx.clock.now() + pause,
                    attempt,
                    reason,
                };
                self.answer.send_modify(|answer| answer.phase = phase);
            }
            Effect::Append { part, delta } => {
                self.answer
                    .send_modify(|answer| append_delta(&mut answer.parts, part, delta.clone()));
                self.unsaved_grows(part, delta);
                self.timeouts.on_data(Instant::now());
            }
            Effect::AwaitUsage => self.timeouts.on_finish_reason(Instant::now()),
            Effect::Finish(_) | Effect::Abandon => {}
        }
    }

    fn unsaved_grows(&mut self, part: usize, delta: PartDelta) {
        if self.unsaved.is_empty() {
            self.save_at = Instant::now() + SAVE_EVERY;
        }
        self.unsaved.push(part, delta);
        if self.unsaved.len() >= SAVE_BYTES {
            self.save_at = self.save_at.min(Instant::now());
        }
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
