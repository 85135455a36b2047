//! Performs a turn's effects: one task for each generation, which owns its connection, its
//! heartbeat, the saving of its text, and its end.
//!
//! The heartbeat is in the same loop as the stream, so a task that makes no progress renews nothing.
//! Text goes to watchers as it comes and to the database every half second or 2 kB (`storing`). Every
//! way out (done, stopped, failed, quit, a panic) ends in the same transaction (`finish`); only a lost
//! lock ends without writing, because the answer is somebody else's then.
//!
//! The loop itself never waits for the database, so Stop is heard whatever the disk does.

mod finish;
mod storing;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until};

use self::storing::{Saved, Underway};
use super::activity::{Activity, Step};
use super::aside::SetAside;
use super::live::{Control, LiveAnswer, Phase, Registration};
use super::patience::Patience;
use super::request::{Admission, Asked, Waiting, admit, ask};
use super::turn::{Effect, Event, Turn};
use crate::clock::{Clock, Timestamp};
use crate::events::Events;
use crate::indexing::Indexer;
use crate::lock::{Fenced, HEARTBEAT, Lease};
use crate::provider::{Failure, Providers, Response, StreamEvent};
use crate::store::{Passing, Piece, Started, Store, StoreError};

pub(crate) use self::finish::supervise;
pub(super) use self::storing::STORE_AGAIN;

/// How much text a crash may cost: this long, or [`SAVE_BYTES`].
const SAVE_EVERY: Duration = Duration::from_millis(500);

/// How much unsaved text is saved at once.
const SAVE_BYTES: usize = 2 * 1024;

/// The most that is added to a pause by chance.
const MOST_JITTER: Duration = Duration::from_secs(1);

/// What a generation needs of the application.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) providers: Arc<Providers>,
    pub(crate) events: Arc<Events>,
    pub(crate) aside: Arc<SetAside>,
    pub(crate) indexer: Arc<Indexer>,
}

impl Surroundings {
    /// Takes note of an error of the store: damage is told to all, and nothing more is written.
    pub(crate) fn heed(&self, error: &StoreError) {
        heed(&self.store, &self.events, error);
    }

    /// The same of a result.
    pub(crate) fn heeded<T>(&self, done: Result<T, StoreError>) -> Result<T, StoreError> {
        done.inspect_err(|error| self.heed(error))
    }
}

/// See [`Surroundings::heed`].
pub(crate) fn heed(store: &Store, events: &Events, error: &StoreError) {
    if error.is_damage() {
        events.damage_met();
        let (store, found) = (store.clone(), error.to_string());
        // A task of its own: it waits for the writer, which the caller may hold.
        tokio::spawn(async move { store.found_damage(&found).await });
    }
}

struct Driver {
    around: Surroundings,
    lease: Lease,
    model_id: Option<String>,
    registration: Registration,
    answer: watch::Sender<LiveAnswer>,
    turn: Turn,
    activity: Activity,
    patience: Patience,
    /// The way to the provider, once it is known; its slot is held to the end.
    admission: Option<Box<Admission>>,
    /// Text that is not in the database, nor on its way there.
    unsaved: Piece,
    /// The chunk that is on its way: reading goes on meanwhile.
    saving: Option<Underway<Saved>>,
    /// The renewal that is on its way.
    renewing: Option<Underway<Result<Fenced, StoreError>>>,
    heartbeat: Interval,
    /// Whoever asked for a renewal, to see whether this lives; and when they are answered at the latest.
    doubters: Vec<oneshot::Sender<()>>,
    answer_doubters_at: Instant,
    /// The number of the next chunk of text.
    next_chunk: i64,
    save_at: Instant,
    /// When the first text came, until that is stored.
    first_token_at: Option<Timestamp>,
    retries: u32,
    /// Whoever pressed Stop and waits for it.
    stops: Vec<oneshot::Sender<()>>,
}

impl Driver {
    fn new(around: Surroundings, started: Started, registration: Registration) -> Self {
        let (turn, _) = Turn::begin();
        let answer = registration.publish(
            &started.lease.branch_id,
            LiveAnswer::new(started.lease.message_id.clone()),
        );
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            around,
            lease: started.lease,
            model_id: started.model_id,
            registration,
            answer,
            turn,
            activity: Activity::None,
            patience: Patience::new(),
            admission: None,
            unsaved: Piece::default(),
            saving: None,
            renewing: None,
            heartbeat,
            doubters: Vec::new(),
            answer_doubters_at: Instant::now(),
            next_chunk: 0,
            save_at: Instant::now(),
            first_token_at: None,
            retries: 0,
            stops: Vec::new(),
        }
    }

    async fn run(mut self) {
        let mut effect = Some(Effect::Enter);
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
            // Whoever waits for a slot waits for others, not for the provider.
            let waits = matches!(
                self.activity,
                Activity::Connecting(_) | Activity::Streaming(_)
            );
            let event = tokio::select! {
                biased;
                control = self.registration.control.recv() => match control {
                    Some(Control::Stop(done)) => {
                        self.stops.push(done);
                        Some(Event::Stop)
                    }
                    Some(Control::Heartbeat(done)) => {
                        self.doubted(done);
                        None
                    }
                    Some(Control::Woke) => {
                        // A provider that has not begun may still be thinking.
                        if matches!(self.activity, Activity::Streaming(_)) {
                            self.patience.wakes(Instant::now());
                        }
                        None
                    }
                    Some(Control::Quit) | None => Some(Event::Quit),
                },
                _ = self.heartbeat.tick() => {
                    self.renew();
                    None
                }
                renewed = Underway::end(&mut self.renewing) => self.renewed(renewed),
                saved = Underway::end(&mut self.saving) => self.saved(saved),
                () = sleep_until(self.save_at), if has_to_save => {
                    self.save();
                    None
                }
                () = sleep_until(self.answer_doubters_at), if !self.doubters.is_empty() => {
                    self.answer_doubters();
                    None
                }
                () = sleep_until(stuck_at.unwrap_or(self.save_at)), if stuck_at.is_some() => {
                    self.cannot_store(Passing::Silent);
                    None
                }
                () = at(self.patience.silent_at()), if waits => Some(Event::Silence),
                () = at(self.patience.cut_at()) => Some(Event::RanTooLong),
                step = self.activity.next() => Some(self.took(step)),
            };
            effect = event.and_then(|event| self.turn.handle(event));
        }
    }

    /// Takes what an activity led to, before the turn judges it.
    fn took(&mut self, step: Step) -> Event {
        if !self.turn.is_whole() {
            self.patience.hears(Instant::now());
        }
        let event = match step {
            Step::Admitted(admission) => {
                self.admission = Some(admission);
                Event::Admitted
            }
            Step::Asked(asked) => self.asked(asked),
            Step::Event(event) => event,
        };
        match event {
            Event::Refused(failure) => Event::Refused(self.without_key(failure)),
            Event::Stream(StreamEvent::Failed(failure)) => {
                let failure = self.without_key(failure);
                // Some providers tell of their limit inside the stream.
                if let Some(admission) = &mut self.admission {
                    admission.slot.note_in_stream(&failure);
                }
                Event::Stream(StreamEvent::Failed(failure))
            }
            Event::Stream(StreamEvent::Text(_) | StreamEvent::Reasoning(_)) => {
                self.content_comes();
                event
            }
            event => event,
        }
    }

    fn asked(&mut self, asked: Asked) -> Event {
        let Some(admission) = &mut self.admission else {
            return Event::LeaseLost;
        };
        match asked {
            Ok((stream, budget)) => {
                admission.slot.note(&Response::Accepted(budget));
                self.activity = Activity::Streaming(stream);
                Event::Opened
            }
            Err(failure) => {
                admission.slot.note(&Response::Failed(&failure));
                Event::Refused(failure)
            }
        }
    }

    fn without_key(&self, failure: Failure) -> Failure {
        match &self.admission {
            Some(admission) => admission.endpoint.provider.without_key(failure),
            None => failure,
        }
    }

    fn content_comes(&mut self) {
        if self.answer.borrow().phase != Phase::Streaming {
            self.patience.begins(Instant::now());
            self.answer
                .send_modify(|answer| answer.phase = Phase::Streaming);
            self.first_token_at = Some(self.around.clock.now());
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Enter => {
                let admitting = admit(
                    self.around.clone(),
                    self.model_id.clone(),
                    self.admission.take(),
                    self.answer.clone(),
                );
                self.activity = Activity::Waiting(admitting.boxed());
            }
            Effect::Connect => {
                if let Some(admission) = &self.admission {
                    let provider = &admission.endpoint.provider;
                    self.patience.asks(provider.whose(), Instant::now());
                    let phase = if admission.endpoint.embedded {
                        Phase::StartingModel
                    } else {
                        Phase::Connecting
                    };
                    self.answer.send_modify(|answer| answer.phase = phase);
                    let endpoint = admission.endpoint.clone();
                    let waiting = Waiting::new(admission, &self.answer);
                    let asking = ask(self.around.clone(), self.lease.clone(), endpoint, waiting);
                    self.activity = Activity::Connecting(asking.boxed());
                }
            }
            Effect::Pause {
                pause,
                attempt,
                reason,
            } => {
                // Jitter, or everybody who was refused together asks again together.
                let jitter = pause.mul_f64(fastrand::f64() * 0.25).min(MOST_JITTER);
                let pause = pause + jitter;
                self.retries += 1;
                self.activity = Activity::Pausing(Instant::now() + pause);
                let phase = Phase::Retrying {
                    until: self.around.clock.now() + pause,
                    attempt,
                    reason,
                };
                self.answer.send_modify(|answer| answer.phase = phase);
            }
            Effect::Append(text) => {
                self.answer
                    .send_modify(|answer| answer.text.push_str(&text));
                self.unsaved_grows(|unsaved| unsaved.text.push_str(&text));
                self.patience.hears(Instant::now());
            }
            Effect::Think(text) => {
                self.answer
                    .send_modify(|answer| answer.reasoning.push_str(&text));
                self.unsaved_grows(|unsaved| unsaved.reasoning.push_str(&text));
                self.patience.hears(Instant::now());
            }
            Effect::AwaitUsage => self.patience.ends(Instant::now()),
            Effect::Finish(_) | Effect::Abandon => {}
        }
    }

    fn unsaved_grows(&mut self, grow: impl FnOnce(&mut Piece)) {
        if self.unsaved.is_empty() {
            self.save_at = Instant::now() + SAVE_EVERY;
        }
        grow(&mut self.unsaved);
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
