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
use futures_util::future::BoxFuture;
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until};

use super::live::{Control, LiveAnswer, Phase, Registration};
use super::model::{AnswerEnd, MessageError, MessageStatus};
use super::turn::{Effect, Event, Turn};
use crate::clock::{Clock, Timestamp};
use crate::events::Events;
use crate::lock::{Fenced, HEARTBEAT, Lease, LockChange, LockReason};
use crate::provider::{AnswerStream, Catalogue, Failure, FailureKind, StreamEvent};
use crate::store::{Ending, Started, Store, StoreError};

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

/// How much of an answer a notification shows, in characters.
const EXCERPT: usize = 140;

/// What a generation needs of the application.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) catalogue: Arc<Catalogue>,
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
        Ok(Fenced::Written) => tell_end(&surroundings, &lease, &ending, ""),
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
    /// Text that is not in the database, nor on its way there.
    unsaved: String,
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

enum Activity {
    None,
    Connecting(BoxFuture<'static, Result<AnswerStream, Failure>>),
    Pausing(Instant),
    Streaming(AnswerStream),
}

impl Activity {
    /// What it leads to next. Safe to drop and call again.
    async fn next(&mut self) -> Event {
        match self {
            Self::None => std::future::pending().await,
            Self::Pausing(until) => {
                sleep_until(*until).await;
                Event::PauseOver
            }
            Self::Streaming(stream) => Event::Stream(stream.next().await),
            Self::Connecting(opening) => match opening.await {
                Ok(stream) => {
                    *self = Self::Streaming(stream);
                    Event::Opened
                }
                Err(failure) => {
                    *self = Self::None;
                    Event::Refused(failure)
                }
            },
        }
    }
}

impl Driver {
    fn new(around: Surroundings, started: Started, registration: Registration) -> Self {
        let (turn, _) = Turn::begin();
        let phase = waiting_phase(&around.catalogue, started.model_id.as_deref());
        let answer = registration.publish(
            &started.lease.branch_id,
            LiveAnswer {
                message_id: started.lease.message_id.clone(),
                text: String::new(),
                phase,
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
            unsaved: String::new(),
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
        let mut effect = Some(Effect::Connect);
        loop {
            match effect {
                Some(Effect::Finish(ending)) => return self.finish(&ending).await,
                Some(Effect::Abandon) => return,
                Some(effect) => self.perform(effect),
                None => {}
            }
            let saves = !self.unsaved.is_empty() && self.saving.is_none();
            let waits = !matches!(self.activity, Activity::Pausing(_) | Activity::None);
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
                event = self.activity.next() => Some(self.heard(event)),
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

    /// Notes what an event says about the provider, before the turn judges it.
    fn heard(&mut self, event: Event) -> Event {
        if !self.turn.is_whole() {
            self.silence_at = Instant::now() + PATIENCE_WITHIN;
        }
        let first = self.answer.borrow().text.is_empty();
        if first && matches!(event, Event::Stream(StreamEvent::Text(_))) {
            self.answer
                .send_modify(|answer| answer.phase = Phase::Streaming);
            self.first_token_at = Some(self.around.clock.now());
        }
        event
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Connect => {
                let phase = waiting_phase(&self.around.catalogue, self.model_id.as_deref());
                self.answer.send_modify(|answer| answer.phase = phase);
                self.silence_at = Instant::now() + PATIENCE_BEFORE;
                self.activity = Activity::Connecting(
                    open(
                        self.around.clone(),
                        self.lease.clone(),
                        self.model_id.clone(),
                    )
                    .boxed(),
                );
            }
            Effect::Pause {
                pause,
                attempt,
                reason,
            } => {
                // Jitter, or everybody who was refused together asks again together.
                let pause = pause + pause.mul_f64(fastrand::f64() * 0.25);
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
                if self.unsaved.is_empty() {
                    self.save_at = Instant::now() + SAVE_EVERY;
                }
                self.unsaved.push_str(&text);
                if self.unsaved.len() >= SAVE_BYTES {
                    self.save_at = self.save_at.min(Instant::now());
                }
            }
            Effect::AwaitUsage => self.silence_at = Instant::now() + PATIENCE_AFTER,
            Effect::Finish(_) | Effect::Abandon => {}
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
        let text = std::mem::take(&mut self.unsaved);
        let (store, lease) = (self.around.store.clone(), self.lease.clone());
        let (number, noting) = (self.next_chunk, self.note_first_token());
        let saving = async move {
            noting.await;
            let outcome = store.append(&lease, number, &text).await;
            Saved { text, outcome }
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
                self.unsaved.insert_str(0, &saved.text);
                self.save_at = Instant::now() + STORE_AGAIN;
                None
            }
        }
    }

    async fn finish(mut self, ending: &Ending) {
        // The provider is told to stop before anything is stored.
        self.activity = Activity::None;
        if self.saving.is_some() {
            let saved = end_of(&mut self.saving).await;
            if self.saved(saved) == Some(Event::LeaseLost) {
                return;
            }
        }
        self.note_first_token().await;
        loop {
            let rest = (!self.unsaved.is_empty()).then_some((self.next_chunk, &*self.unsaved));
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
        tell_end(
            &self.around,
            &self.lease,
            ending,
            &self.answer.borrow().text,
        );
        if ending.status == MessageStatus::Stopped {
            for done in self.stops {
                let _ = done.send(());
            }
        }
        if let Err(error) = self.around.store.index_answers().await {
            tracing::warn!(%error, "an answer was not indexed; the next one's end tries again");
        }
    }
}

/// What became of a chunk.
struct Saved {
    text: String,
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

fn waiting_phase(catalogue: &Catalogue, model_id: Option<&str>) -> Phase {
    if catalogue.is_embedded(model_id) {
        Phase::StartingModel
    } else {
        Phase::Connecting
    }
}

/// Finds the model, notes it on the answer, and asks it.
async fn open(
    around: Surroundings,
    lease: Lease,
    model_id: Option<String>,
) -> Result<AnswerStream, Failure> {
    let endpoint = around
        .catalogue
        .endpoint(model_id.as_deref(), around.clock.now())
        .await?;
    let stored = |error: StoreError| Failure::new(FailureKind::Internal, error.to_string());
    let note = async {
        // A lost lock shows at the next heartbeat or save; here it only means that nothing was noted.
        let noted = around.store.set_model(&lease, &endpoint.model_id).await;
        noted.map_err(stored)
    };
    let ask = async {
        let messages = around.store.messages_before(&lease.message_id).await;
        let (client, now) = (around.catalogue.client(), around.clock.now());
        AnswerStream::open(client, &endpoint, &messages.map_err(stored)?, now).await
    };
    let (_, answer) = tokio::try_join!(note, ask)?;
    Ok(answer)
}

fn tell_end(around: &Surroundings, lease: &Lease, ending: &Ending, text: &str) {
    around
        .events
        .lock_changed(LockChange::of(lease, LockReason::Released));
    around
        .events
        .conversation_changed(&lease.conversation_id, false);
    let reason = |error: &MessageError| error.message.clone();
    around.events.answer_ended(AnswerEnd {
        conversation_id: lease.conversation_id.clone(),
        status: ending.status,
        excerpt: ending
            .error
            .as_ref()
            .map_or_else(|| text.chars().take(EXCERPT).collect(), reason),
    });
}
