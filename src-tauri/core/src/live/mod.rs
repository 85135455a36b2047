//! Answers being generated in this process: a control handle for each, and its text so far for subscribers
//! ([`follow`]).

pub(crate) mod aside;
mod follow;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde::Serialize;
use specta::Type;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

pub use self::follow::TranscriptEvent;
use crate::model::{BranchId, ConversationId, GenerationId, MessageId, Part, Timestamp};
use crate::store::{BeginOutcome, NextTurn, StoreError};
use crate::sync::{Mutex, MutexGuard, within};

/// How long a Stop waits for the end to be stored. The generation itself stops before that: its connection is
/// closed, and what prevents the end from being stored is published as its [phase](Phase::Unstored).
const STOP_TIMEOUT: Duration = Duration::from_millis(800);

/// What an answer waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Phase {
    /// The embedded model's process starts or loads the model.
    StartingModel,
    /// The provider has its maximum of concurrent answers, or has requested a pause.
    WaitingForSlot {
        /// The provider's display name.
        provider: String,
        /// When its pause ends, epoch ms; null if unknown.
        until: Option<Timestamp>,
    },
    /// The request was sent, and no response has come.
    Connecting,
    /// Text arrives.
    Streaming,
    /// The provider refused; the request will be retried.
    Retrying {
        /// When the next attempt starts, epoch ms.
        until: Timestamp,
        /// Of the next attempt; the first was 1.
        attempt: u32,
        /// Why the last attempt failed, for the user.
        reason: String,
    },
    /// Text, or the end, cannot be stored yet; the write is retried.
    Unstored {
        /// The reason as a sentence for the user, without a full stop.
        reason: String,
    },
}

/// The state of an answer being generated.
#[derive(Debug)]
pub(crate) struct LiveAnswer {
    pub(crate) message_id: MessageId,
    pub(crate) parts: Vec<Part>,
    pub(crate) phase: Phase,
    /// Why it cannot be stored at the moment, in any phase.
    pub(crate) unstored: Option<&'static str>,
}

impl LiveAnswer {
    /// An answer without text.
    pub(crate) fn new(message_id: MessageId) -> Self {
        Self {
            message_id,
            parts: Vec::new(),
            phase: Phase::Connecting,
            unstored: None,
        }
    }

    /// Returns the phase to show: [`Phase::Unstored`] takes precedence.
    fn shown_phase(&self) -> Phase {
        self.unstored.map_or_else(
            || self.phase.clone(),
            |reason| Phase::Unstored {
                reason: reason.to_owned(),
            },
        )
    }
}

/// A control message to the task that generates an answer.
#[derive(Debug)]
pub(crate) enum Control {
    /// The user pressed Stop. Answered when the end is stored, and dropped when something else ended the
    /// answer.
    Stop(oneshot::Sender<()>),
    /// Another turn of the branch begins in place of this answer: stop, and store both in one transaction.
    TakeOver(Box<Successor>),
    /// The application quits.
    Quit,
    /// Renew the lock now: the clock has jumped. Answered once that was tried.
    Heartbeat(oneshot::Sender<()>),
    /// The machine slept: the connection may be dead without an error.
    Woke,
}

/// The turn that takes over a branch, and who waits for it.
#[derive(Debug)]
pub(crate) struct Successor {
    pub(crate) next: NextTurn,
    /// Answered once it has begun, or cannot; dropped when the answer has ended without it.
    pub(crate) done: oneshot::Sender<Result<BeginOutcome, StoreError>>,
}

#[derive(Debug)]
struct Entry {
    conversation_id: ConversationId,
    control: mpsc::UnboundedSender<Control>,
    published: Option<Published>,
}

/// An answer with its branch.
#[derive(Debug, Clone)]
struct Published {
    branch_id: BranchId,
    answer: watch::Receiver<LiveAnswer>,
}

/// How many answers may begin while a follower handles an event.
const BACKLOG: usize = 64;

/// All answers being generated in this process.
#[derive(Debug)]
pub(crate) struct LiveAnswers {
    entries: Mutex<HashMap<GenerationId, Entry>>,
    changed: watch::Sender<()>,
    begun: broadcast::Sender<Published>,
}

/// A generation's entry among the live answers, removed on drop.
#[derive(Debug)]
pub(crate) struct Registration {
    live: Arc<LiveAnswers>,
    generation_id: GenerationId,
    pub(crate) control: mpsc::UnboundedReceiver<Control>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.live.entries().remove(&self.generation_id);
        self.live.changed.send_replace(());
    }
}

impl Registration {
    /// Publishes the answer to the subscribers of its branch.
    pub(crate) fn publish(
        &self,
        branch_id: &BranchId,
        answer: LiveAnswer,
    ) -> watch::Sender<LiveAnswer> {
        let (sender, receiver) = watch::channel(answer);
        let published = Published {
            branch_id: branch_id.clone(),
            answer: receiver,
        };
        if let Some(entry) = self.live.entries().get_mut(&self.generation_id) {
            entry.published = Some(published.clone());
        }
        // Nobody may be following.
        let _ = self.live.begun.send(published);
        sender
    }
}

impl Default for LiveAnswers {
    fn default() -> Self {
        Self {
            entries: Mutex::default(),
            changed: watch::Sender::new(()),
            begun: broadcast::Sender::new(BACKLOG),
        }
    }
}

impl LiveAnswers {
    fn entries(&self) -> MutexGuard<'_, HashMap<GenerationId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a generation stoppable before it acquires its lock.
    pub(crate) fn register(
        self: &Arc<Self>,
        generation_id: GenerationId,
        conversation_id: ConversationId,
    ) -> Registration {
        let (sender, control) = mpsc::unbounded_channel();
        let entry = Entry {
            conversation_id,
            control: sender,
            published: None,
        };
        self.entries().insert(generation_id.clone(), entry);
        Registration {
            live: Arc::clone(self),
            generation_id,
            control,
        }
    }

    pub(crate) fn contains(&self, generation_id: &GenerationId) -> bool {
        self.entries().contains_key(generation_id)
    }

    /// Stops a generation and waits up to [`STOP_TIMEOUT`] for its end to be stored. Returns false if it is
    /// not live.
    pub(crate) async fn stop(&self, generation_id: &GenerationId) -> bool {
        let Some(stopped) = self.ask_to_stop(generation_id) else {
            return false;
        };
        // A task that has not handled the message by then handles it before anything else.
        within(STOP_TIMEOUT, stopped)
            .await
            .is_none_or(|stopped| stopped.is_ok())
    }

    /// Stops a generation and begins the next turn of its branch in its place. The receiver resolves when that is
    /// stored, and fails when the generation ended without it. `None` if it is not live in this process.
    pub(crate) fn take_over(
        &self,
        generation_id: &GenerationId,
        next: NextTurn,
    ) -> Option<oneshot::Receiver<Result<BeginOutcome, StoreError>>> {
        let (done, begun) = oneshot::channel();
        let entries = self.entries();
        let control = &entries.get(generation_id)?.control;
        let successor = Box::new(Successor { next, done });
        let sent = control.send(Control::TakeOver(successor));
        sent.ok().map(|()| begun)
    }

    /// Waits up to [`STOP_TIMEOUT`] until a generation has ended.
    pub(crate) async fn ended(&self, generation_id: &GenerationId) {
        let mut changed = self.changed.subscribe();
        let ended =
            async { while self.contains(generation_id) && changed.changed().await.is_ok() {} };
        let _: Option<()> = within(STOP_TIMEOUT, ended).await;
    }

    /// Sends Stop. The receiver resolves when the end is stored.
    fn ask_to_stop(&self, generation_id: &GenerationId) -> Option<oneshot::Receiver<()>> {
        let (done, stopped) = oneshot::channel();
        let entries = self.entries();
        let control = &entries.get(generation_id)?.control;
        control.send(Control::Stop(done)).ok().map(|()| stopped)
    }

    /// Stops every generation of a conversation and waits up to [`STOP_TIMEOUT`] for their ends.
    pub(crate) async fn stop_all(&self, conversation_id: &ConversationId) {
        let generations: Vec<_> = self
            .entries()
            .iter()
            .filter(|(_, entry)| entry.conversation_id == *conversation_id)
            .map(|(id, _)| id.clone())
            .collect();
        let stops = generations.iter().map(|id| self.stop(id));
        futures_util::future::join_all(stops).await;
    }

    /// Stops every generation; returns how many were running.
    pub(crate) async fn stop_everything(&self) -> u32 {
        let generations: Vec<_> = self.entries().keys().cloned().collect();
        let stops = generations.iter().map(|id| self.stop(id));
        let stopped = futures_util::future::join_all(stops).await;
        let stopped = stopped.into_iter().filter(|stopped| *stopped).count();
        u32::try_from(stopped).unwrap_or(u32::MAX)
    }

    /// Returns how many answers are being generated.
    pub(crate) fn count(&self) -> usize {
        self.entries().len()
    }

    /// Waits until no answer is being generated.
    pub(crate) async fn all_ended(&self) {
        let mut changed = self.changed.subscribe();
        // `self` owns the sender, so this cannot fail.
        while self.count() > 0 && changed.changed().await.is_ok() {}
    }

    /// Sends Stop to every generation of a conversation, without waiting.
    pub(crate) fn begin_stop_all(&self, conversation_id: &ConversationId) {
        for entry in self.entries().values() {
            if entry.conversation_id == *conversation_id {
                let (done, _) = oneshot::channel();
                let _ = entry.control.send(Control::Stop(done));
            }
        }
    }

    pub(crate) fn quit_all(&self) {
        for entry in self.entries().values() {
            let _ = entry.control.send(Control::Quit);
        }
    }

    /// Makes every generation renew its lock. Returns those that are alive, whether the renewal succeeded or
    /// not.
    pub(crate) async fn heartbeat_all(&self, timeout: Duration) -> HashSet<GenerationId> {
        let waiting: Vec<_> = self
            .entries()
            .iter()
            .filter_map(|(id, entry)| {
                let (done, alive) = oneshot::channel();
                let asked = entry.control.send(Control::Heartbeat(done)).ok();
                // One that does not answer in time is dead, and its lock may expire.
                asked.map(|()| (id.clone(), within(timeout, alive)))
            })
            .collect();
        let answers = waiting
            .into_iter()
            .map(|(id, alive)| async move { matches!(alive.await, Some(Ok(()))).then_some(id) });
        let answers = futures_util::future::join_all(answers).await;
        answers.into_iter().flatten().collect()
    }

    /// Notifies every generation that its connection may be dead.
    pub(crate) fn woke(&self) {
        for entry in self.entries().values() {
            let _ = entry.control.send(Control::Woke);
        }
    }

    /// Returns the parts so far of an answer generated here.
    pub(crate) fn parts_of(&self, message_id: &MessageId) -> Option<Vec<Part>> {
        self.entries().values().find_map(|entry| {
            let answer = entry.published.as_ref()?.answer.borrow();
            (answer.message_id == *message_id).then(|| answer.parts.clone())
        })
    }
}
