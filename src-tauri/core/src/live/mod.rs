//! Answers being generated in this process: a control handle for each, and its text so far for subscribers. A
//! generation belongs to no window; a page that reloads subscribes again and continues from the text so far.

pub(crate) mod aside;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde::Serialize;
use specta::Type;
use tokio::sync::{mpsc, oneshot, watch};

use crate::model::{
    BranchId, ConversationId, GenerationId, MessageId, Part, PartContent, PartDelta, Timestamp,
};
use crate::sync::{Mutex, MutexGuard, within};

/// Minimum interval between two text events of one answer to a subscriber.
const FLUSH: Duration = Duration::from_millis(33);

/// How long a Stop waits for the end to be stored. The generation itself stops before that: its connection is
/// closed, and what prevents the end from being stored is published as its [phase](Phase::Unstored).
const STOP_TIMEOUT: Duration = Duration::from_millis(800);

/// An event of the answer on a followed branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TranscriptEvent {
    /// An addition to a part that follows what was sent of it before. The first has all of it.
    Part {
        /// Of the answer.
        message_id: MessageId,
        /// The part's position.
        part: usize,
        /// What to append.
        delta: PartDelta,
    },
    /// What the answer waits for.
    Phase {
        /// Of the answer.
        message_id: MessageId,
        /// Replaces the phase sent before.
        phase: Phase,
    },
}

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
    /// The application quits.
    Quit,
    /// Renew the lock now: the clock has jumped. Answered once that was tried.
    Heartbeat(oneshot::Sender<()>),
    /// The machine slept: the connection may be dead without an error.
    Woke,
}

#[derive(Debug)]
struct Entry {
    conversation_id: ConversationId,
    branch_id: Option<BranchId>,
    control: mpsc::UnboundedSender<Control>,
    answer: Option<watch::Receiver<LiveAnswer>>,
}

/// All answers being generated in this process.
#[derive(Debug)]
pub(crate) struct LiveAnswers {
    entries: Mutex<HashMap<GenerationId, Entry>>,
    changed: watch::Sender<()>,
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
        if let Some(entry) = self.live.entries().get_mut(&self.generation_id) {
            entry.branch_id = Some(branch_id.clone());
            entry.answer = Some(receiver);
        }
        self.live.changed.send_replace(());
        sender
    }
}

impl Default for LiveAnswers {
    fn default() -> Self {
        Self {
            entries: Mutex::default(),
            changed: watch::Sender::new(()),
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
            branch_id: None,
            control: sender,
            answer: None,
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
            let answer = entry.answer.as_ref()?.borrow();
            (answer.message_id == *message_id).then(|| answer.parts.clone())
        })
    }

    fn on_branch(&self, branch_id: &BranchId) -> Option<watch::Receiver<LiveAnswer>> {
        self.entries()
            .values()
            .find(|entry| entry.branch_id.as_ref() == Some(branch_id))
            .and_then(|entry| entry.answer.clone())
    }

    /// Passes the events of the answers on a branch to `emit`, starting with the text so far, until it
    /// returns false. Text is passed as it arrives but at most every 33 ms; the first immediately. While
    /// `emit` runs, further text accumulates into one event.
    pub(crate) async fn follow<Answered>(
        &self,
        branch_id: &BranchId,
        mut emit: impl FnMut(TranscriptEvent) -> Answered + Send,
    ) where
        Answered: Future<Output = bool> + Send,
    {
        let mut changed = self.changed.subscribe();
        loop {
            changed.mark_unchanged();
            if let Some(answer) = self.on_branch(branch_id)
                && !follow_answer(answer, &mut emit).await
            {
                return;
            }
            if changed.changed().await.is_err() {
                return;
            }
        }
    }
}

/// Follows one answer to its end; returns false when `emit` did.
async fn follow_answer<Answered>(
    mut answer: watch::Receiver<LiveAnswer>,
    emit: &mut (impl FnMut(TranscriptEvent) -> Answered + Send),
) -> bool
where
    Answered: Future<Output = bool> + Send,
{
    let mut sent = SentCursor::default();
    loop {
        let events = sent.catch_up(&answer.borrow_and_update());
        if !emit_all(events, emit).await {
            return false;
        }
        if !sent.text_came() {
            if answer.changed().await.is_err() {
                return true;
            }
            continue;
        }
        tokio::time::sleep(FLUSH).await;
        if answer.changed().await.is_err() {
            let rest = sent.catch_up(&answer.borrow());
            return emit_all(rest, emit).await;
        }
    }
}

async fn emit_all<Answered>(
    events: Vec<TranscriptEvent>,
    emit: &mut (impl FnMut(TranscriptEvent) -> Answered + Send),
) -> bool
where
    Answered: Future<Output = bool> + Send,
{
    for event in events {
        if !emit(event).await {
            return false;
        }
    }
    true
}

/// How much of an answer was sent to a subscriber.
#[derive(Debug, Default)]
struct SentCursor {
    /// Of each part, in bytes.
    parts: Vec<usize>,
    phase: Option<Phase>,
}

impl SentCursor {
    fn text_came(&self) -> bool {
        !self.parts.is_empty()
    }

    /// Returns what was not sent yet, in one piece: a subscriber that renders Markdown parses all of it each
    /// time.
    fn catch_up(&mut self, answer: &LiveAnswer) -> Vec<TranscriptEvent> {
        let mut events = Vec::new();
        let message_id = || answer.message_id.clone();
        let phase = answer.shown_phase();
        if self.phase.as_ref() != Some(&phase) {
            self.phase = Some(phase.clone());
            events.push(TranscriptEvent::Phase {
                message_id: message_id(),
                phase,
            });
        }
        for (position, part) in answer.parts.iter().enumerate() {
            let is_new = position >= self.parts.len();
            if is_new {
                self.parts.push(0);
            }
            let sent = &mut self.parts[position];
            let delta = match &part.content {
                PartContent::Text(text) => rest(sent, text).map(PartDelta::Text),
                PartContent::Reasoning(text) => rest(sent, text).map(PartDelta::Reasoning),
                PartContent::ToolCall(call) => is_new.then(|| PartDelta::ToolCall(call.clone())),
                PartContent::ToolResult(_) | PartContent::Attachment(_) => None,
            };
            events.extend(delta.map(|delta| TranscriptEvent::Part {
                message_id: message_id(),
                part: position,
                delta,
            }));
        }
        events
    }
}

/// Returns the part of `text` after the first `sent` bytes, and advances `sent`.
fn rest(sent: &mut usize, text: &str) -> Option<String> {
    let rest = &text[*sent..];
    *sent = text.len();
    (!rest.is_empty()).then(|| rest.to_owned())
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;
    use crate::model::append_delta;

    #[test]
    fn the_backlog_is_sent_at_once_and_then_only_what_was_added() {
        let long = "é😀x".repeat(200_000);
        let mut answer = LiveAnswer {
            parts: vec![Part::reasoning("Hm"), Part::text(&long)],
            ..LiveAnswer::new(MessageId::fresh())
        };
        let mut sent = SentCursor::default();
        let mut read = |answer: &LiveAnswer| -> Vec<String> {
            let events = sent.catch_up(answer).into_iter();
            let text = |event| match event {
                TranscriptEvent::Part {
                    delta: PartDelta::Text(text) | PartDelta::Reasoning(text),
                    ..
                } => Some(text),
                _ => None,
            };
            events.filter_map(text).collect()
        };
        assert_eq!(read(&answer), ["Hm", &long]);
        append_delta(&mut answer.parts, 1, PartDelta::Text("end".to_owned()));
        assert_eq!(read(&answer), ["end"]);
        append_delta(&mut answer.parts, 2, PartDelta::Reasoning("Hm?".to_owned()));
        append_delta(&mut answer.parts, 3, PartDelta::Text("more".to_owned()));
        assert_eq!(read(&answer), ["Hm?", "more"]);
        assert!(read(&answer).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_follower_gets_the_text_so_far_and_what_follows() {
        let live = Arc::new(LiveAnswers::default());
        let branch = BranchId::fresh();
        let registration = live.register(GenerationId::fresh(), ConversationId::fresh());
        let answer = registration.publish(
            &branch,
            LiveAnswer {
                parts: vec![Part::text("so far")],
                ..LiveAnswer::new(MessageId::fresh())
            },
        );
        let (sender, mut sent) = mpsc::unbounded_channel();
        let following = tokio::spawn({
            let (live, branch) = (Arc::clone(&live), branch.clone());
            async move {
                live.follow(&branch, |event| ready(sender.send(event).is_ok()))
                    .await;
            }
        });
        let mut text = String::new();
        let mut read_until = async |end: &str, text: &mut String| {
            while !text.ends_with(end) {
                if let TranscriptEvent::Part {
                    delta: PartDelta::Text(more),
                    ..
                } = sent.recv().await.unwrap()
                {
                    text.push_str(&more);
                }
            }
        };
        read_until("so far", &mut text).await;
        let more = PartDelta::Text(", and more".to_owned());
        answer.send_modify(|answer| append_delta(&mut answer.parts, 0, more));
        read_until("and more", &mut text).await;

        assert_eq!(text, "so far, and more");
        following.abort();
    }
}
