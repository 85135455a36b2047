//! Performs a turn's effects: one task for each generation, which owns its connection, its
//! heartbeat, the saving of its text, and its end.
//!
//! The heartbeat is in the same loop as the stream, so a task that makes no progress renews nothing.
//! Text goes to watchers as it comes and to the database every half second or 2 kB. Every way out
//! (done, stopped, failed, quit, a panic) ends in the same transaction; only a lost lock ends without
//! writing, because the answer is somebody else's then.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until};

use super::activity::{Activity, Step};
use super::live::{Control, LiveAnswer, Phase, Registration};
use super::model::{AnswerEnd, MessageError, MessageStatus};
use super::request::{Admission, Asked, admit, ask};
use super::turn::{Effect, Event, Turn};
use crate::clock::{Clock, Timestamp};
use crate::events::Events;
use crate::lock::{Fenced, HEARTBEAT, Lease, LockChange, LockReason};
use crate::provider::{Failure, FailureKind, Providers, Response, StreamEvent};
use crate::store::{Ending, Piece, Started, Store, StoreError};

/// How much text a crash may cost: this long, or [`SAVE_BYTES`].
const SAVE_EVERY: Duration = Duration::from_millis(500);

/// How much unsaved text is saved at once.
const SAVE_BYTES: usize = 2 * 1024;

/// No answer runs for longer, however lively.
const LONGEST_RUN: Duration = Duration::from_hours(1);

/// How long a provider may take to begin; a local one may have to load a model.
const PATIENCE_BEFORE: Duration = Duration::from_mins(5);

/// How long a stream may be silent.
const PATIENCE_WITHIN: Duration = Duration::from_mins(2);

/// How long a stream may be silent after the machine slept: the other end has most likely given up.
const PATIENCE_AWAKE: Duration = Duration::from_secs(10);

/// How long usage may take to follow a finish reason.
const PATIENCE_AFTER: Duration = Duration::from_secs(5);

/// How long to wait before an end that could not be stored is tried again: the disk may be full.
const STORE_AGAIN: Duration = Duration::from_secs(1);

/// The most that is added to a pause by chance.
const MOST_JITTER: Duration = Duration::from_secs(1);

/// How much of an answer's source a notification is made of, in characters.
const EXCERPT: usize = 1000;

/// What a generation needs of the application.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) providers: Arc<Providers>,
    pub(crate) events: Arc<Events>,
}

/// Writes the answer of a turn that has begun, and ends it, whatever happens.
pub(crate) async fn supervise(
    surroundings: Surroundings,
    started: Started,
    registration: Registration,
) {
    let lease = started.lease.clone();
    let driver = Driver::new(surroundings.clone(), started, registration);
    let Err(error) = tokio::spawn(driver.run()).await else {
        return;
    };
    tracing::error!(%error, generation = %lease.generation_id, "a generation's task failed");
    let fault = Failure::new(
        FailureKind::Internal,
        "Conch made a mistake while it wrote this answer",
    );
    let ending = Ending::new(MessageStatus::Failed, Some(fault.to_error()));
    let now = surroundings.clock.now();
    match surroundings.store.finish(&lease, None, &ending, now).await {
        Ok(Fenced::Written) => tell_end(&surroundings, &lease, &ending, String::new()).await,
        Ok(Fenced::Lost) => {}
        Err(error) => tracing::error!(%error, "its end could not be stored"),
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
    /// When silence becomes too long.
    silence_at: Instant,
    /// The way to the provider, once it is known; its slot is held to the end.
    admission: Option<Box<Admission>>,
    /// Text that is not in the database, nor on its way there.
    unsaved: Piece,
    /// The chunk that is on its way: reading goes on meanwhile. A task, not a future of this loop,
    /// or the loop could wait for the one writer that its own unpolled save holds.
    saving: Option<JoinHandle<Saved>>,
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
            LiveAnswer {
                message_id: started.lease.message_id.clone(),
                text: String::new(),
                reasoning: String::new(),
                phase: Phase::Connecting,
            },
        );
        Self {
            around,
            lease: started.lease,
            model_id: started.model_id,
            registration,
            answer,
            turn,
            activity: Activity::None,
            silence_at: Instant::now() + PATIENCE_BEFORE,
            admission: None,
            unsaved: Piece::default(),
            saving: None,
            next_chunk: 0,
            save_at: Instant::now(),
            first_token_at: None,
            retries: 0,
            stops: Vec::new(),
        }
    }

    async fn run(mut self) {
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let cap = sleep(LONGEST_RUN);
        tokio::pin!(cap);
        let mut effect = Some(Effect::Enter);
        loop {
            match effect {
                Some(Effect::Finish(ending)) => return self.finish(&ending).await,
                Some(Effect::Abandon) => return,
                Some(effect) => self.perform(effect),
                None => {}
            }
            let saves = !self.unsaved.is_empty() && self.saving.is_none();
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
                        let lost = self.renew().await;
                        let _ = done.send(());
                        lost
                    }
                    Some(Control::Woke) => {
                        self.doubt_the_stream();
                        None
                    }
                    Some(Control::Quit) | None => Some(Event::Quit),
                },
                _ = heartbeat.tick() => self.renew().await,
                chunk = end_of(&mut self.saving) => self.saved(chunk),
                () = sleep_until(self.save_at), if saves => {
                    self.save();
                    None
                }
                () = sleep_until(self.silence_at), if waits => Some(Event::Silence),
                () = &mut cap => Some(Event::RanTooLong),
                step = self.activity.next() => Some(self.took(step)),
            };
            effect = event.and_then(|event| self.turn.handle(event));
        }
    }

    /// A provider that has not begun may still be thinking; one that had, goes on soon or never.
    fn doubt_the_stream(&mut self) {
        if matches!(self.activity, Activity::Streaming(_)) {
            self.silence_at = self.silence_at.min(Instant::now() + PATIENCE_AWAKE);
        }
    }

    /// Takes what an activity led to, before the turn judges it.
    fn took(&mut self, step: Step) -> Event {
        if !self.turn.is_whole() {
            // A head may come long before the first word: a local model reads its prompt meanwhile.
            let begun = self.answer.borrow().phase == Phase::Streaming;
            let patience = if begun {
                PATIENCE_WITHIN
            } else {
                PATIENCE_BEFORE
            };
            self.silence_at = Instant::now() + patience;
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
                self.silence_at = Instant::now() + PATIENCE_BEFORE;
                if let Some(admission) = &self.admission {
                    let phase = if admission.endpoint.embedded {
                        Phase::StartingModel
                    } else {
                        Phase::Connecting
                    };
                    self.answer.send_modify(|answer| answer.phase = phase);
                    let endpoint = admission.endpoint.clone();
                    let asking = ask(self.around.clone(), self.lease.clone(), endpoint);
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
            }
            Effect::Think(text) => {
                self.answer
                    .send_modify(|answer| answer.reasoning.push_str(&text));
                self.unsaved_grows(|unsaved| unsaved.reasoning.push_str(&text));
            }
            Effect::AwaitUsage => self.silence_at = Instant::now() + PATIENCE_AFTER,
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

    async fn renew(&mut self) -> Option<Event> {
        let now = self.around.clock.now();
        match self.around.store.renew(&self.lease, now).await {
            Ok(Fenced::Written) => None,
            Ok(Fenced::Lost) => Some(Event::LeaseLost),
            Err(error) => {
                tracing::warn!(%error, "a heartbeat failed; the next one is due in time");
                None
            }
        }
    }

    fn save(&mut self) {
        let piece = std::mem::take(&mut self.unsaved);
        let (store, lease) = (self.around.store.clone(), self.lease.clone());
        let (number, noting) = (self.next_chunk, self.note_first_token());
        let saving = async move {
            noting.await;
            let outcome = store.append(&lease, number, &piece).await;
            Saved { piece, outcome }
        };
        self.saving = Some(tokio::spawn(saving));
    }

    /// Stores when the first text came, the first time that it is awaited after that.
    fn note_first_token(&mut self) -> impl Future<Output = ()> + use<> {
        let (store, lease) = (self.around.store.clone(), self.lease.clone());
        let (first_token_at, retries) = (self.first_token_at.take(), self.retries);
        async move {
            let Some(at) = first_token_at else { return };
            if let Err(error) = store.record_first_token(&lease, retries, at).await {
                tracing::warn!(%error, "the first token's time was not stored");
            }
        }
    }

    fn saved(&mut self, saved: Saved) -> Option<Event> {
        match saved.outcome {
            Ok(Fenced::Written) => {
                self.next_chunk += 1;
                None
            }
            Ok(Fenced::Lost) => Some(Event::LeaseLost),
            Err(error) => {
                tracing::warn!(%error, "text was not saved; it is kept and tried again");
                self.unsaved.text.insert_str(0, &saved.piece.text);
                self.unsaved.reasoning.insert_str(0, &saved.piece.reasoning);
                self.save_at = Instant::now() + STORE_AGAIN;
                None
            }
        }
    }

    async fn finish(mut self, ending: &Ending) {
        // The provider is told to stop before anything is stored, and the next may ask it.
        self.activity = Activity::None;
        self.admission = None;
        if self.saving.is_some() {
            let saved = end_of(&mut self.saving).await;
            if self.saved(saved) == Some(Event::LeaseLost) {
                return;
            }
        }
        self.note_first_token().await;
        loop {
            let rest = (!self.unsaved.is_empty()).then_some((self.next_chunk, &self.unsaved));
            let now = self.around.clock.now();
            match self
                .around
                .store
                .finish(&self.lease, rest, ending, now)
                .await
            {
                Ok(Fenced::Written) => break,
                Ok(Fenced::Lost) => return,
                Err(error) => {
                    tracing::error!(%error, "an answer's end was not stored; trying again");
                }
            }
            let _ = self.renew().await;
            tokio::select! {
                () = sleep(STORE_AGAIN) => {}
                control = self.registration.control.recv() => match control {
                    Some(Control::Stop(done)) => self.stops.push(done),
                    Some(Control::Heartbeat(_) | Control::Woke) => {}
                    // The next start finds the lock's holder dead and keeps what was saved.
                    Some(Control::Quit) | None => return,
                },
            }
        }
        let text = self.answer.borrow().text.chars().take(EXCERPT).collect();
        tell_end(&self.around, &self.lease, ending, text).await;
        if ending.status == MessageStatus::Stopped {
            for done in self.stops {
                let _ = done.send(());
            }
        }
        if let Err(error) = self.around.store.index_answers().await {
            tracing::warn!(%error, "an answer was not indexed; the next one's end tries again");
        }
        if let Err(error) = self.around.store.fold_log().await {
            tracing::warn!(%error, "the log was not folded; the next answer's end tries again");
        }
    }
}

/// What became of a chunk.
struct Saved {
    piece: Piece,
    outcome: Result<Fenced, StoreError>,
}

/// The end of a save that is under way. Safe to drop and call again.
async fn end_of(saving: &mut Option<JoinHandle<Saved>>) -> Saved {
    let Some(under_way) = saving else {
        return std::future::pending().await;
    };
    let ended = under_way.await;
    *saving = None;
    match ended.map_err(JoinError::try_into_panic) {
        Ok(saved) => saved,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // The runtime ends, and this task with it.
        Err(Err(_)) => std::future::pending().await,
    }
}

async fn tell_end(around: &Surroundings, lease: &Lease, ending: &Ending, excerpt: String) {
    around
        .events
        .lock_changed(LockChange::of(lease, LockReason::Released));
    around
        .events
        .conversation_changed(&lease.conversation_id, false);
    if !around
        .store
        .settings()
        .await
        .unwrap_or_default()
        .notifications
    {
        return;
    }
    let reason = |error: &MessageError| error.message.clone();
    around.events.answer_ended(AnswerEnd {
        conversation_id: lease.conversation_id.clone(),
        status: ending.status,
        excerpt: ending.error.as_ref().map_or(excerpt, reason),
    });
}
