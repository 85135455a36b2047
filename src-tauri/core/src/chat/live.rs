//! Answers being written in this process: a handle to stop each, and its text so far for whoever
//! watches. A generation belongs to no window; a page that reloads asks again and goes on from there.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde::Serialize;
use specta::Type;
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::Timestamp;
use crate::ids::{BranchId, ConversationId, GenerationId, MessageId};
use crate::sync::{Mutex, MutexGuard, within};

/// What a window is told at most this often about one answer.
const FLUSH: Duration = Duration::from_millis(33);

/// How long a Stop waits for the end to be stored. It is stopped before that: nothing more is asked of its
/// provider, and what keeps the end from being stored is said by its [phase](Phase::Unstored).
const STOP_TIMEOUT: Duration = Duration::from_millis(800);

/// What happens to the answer on a followed branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum TranscriptEvent {
    /// Text that follows what was told before. At first it is all there is.
    Text {
        /// The answer.
        message_id: MessageId,
        /// What.
        text: String,
    },
    /// What the model thinks, after what was told before.
    Reasoning {
        /// The answer.
        message_id: MessageId,
        /// What.
        text: String,
    },
    /// What the answer waits for.
    Phase {
        /// The answer.
        message_id: MessageId,
        /// What it waits for.
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
    /// The embedded model's process starts or reads.
    StartingModel,
    /// The provider answers as many as it may at once, or has asked for a pause.
    WaitingForSlot {
        /// Which, for people.
        provider: String,
        /// When its pause ends, epoch ms; null when it is not known.
        until: Option<Timestamp>,
    },
    /// The provider has been asked.
    Connecting,
    /// Text comes.
    Streaming,
    /// The provider refused; it will be asked again.
    Retrying {
        /// When, epoch ms.
        until: Timestamp,
        /// Which try comes next.
        attempt: u32,
        /// Why.
        reason: String,
    },
    /// What has come, or the end, cannot be stored yet; that is tried again.
    Unstored {
        /// Why, for people, without a full stop.
        reason: String,
    },
}

/// An answer as far as it has come.
#[derive(Debug)]
pub(crate) struct LiveAnswer {
    pub(crate) message_id: MessageId,
    pub(crate) text: String,
    pub(crate) reasoning: String,
    pub(crate) phase: Phase,
    /// Why it cannot be stored at the moment, whatever else it waits for.
    pub(crate) unstored: Option<&'static str>,
}

impl LiveAnswer {
    /// An answer that has not begun.
    pub(crate) fn new(message_id: MessageId) -> Self {
        Self {
            message_id,
            text: String::new(),
            reasoning: String::new(),
            phase: Phase::Connecting,
            unstored: None,
        }
    }

    /// What it waits for, as it is shown.
    fn shown_phase(&self) -> Phase {
        self.unstored.map_or_else(
            || self.phase.clone(),
            |reason| Phase::Unstored {
                reason: reason.to_owned(),
            },
        )
    }
}

/// What others may ask of the task that writes an answer.
#[derive(Debug)]
pub(crate) enum Control {
    /// The user pressed Stop. Answered when the end is stored, and dropped when it is not this that ended
    /// the answer.
    Stop(oneshot::Sender<()>),
    /// The application quits.
    Quit,
    /// Renew the lock now: time has jumped. Answered when it was tried.
    Heartbeat(oneshot::Sender<()>),
    /// The machine slept: the connection may be gone without a word.
    Woke,
}

#[derive(Debug)]
struct Entry {
    conversation_id: ConversationId,
    branch_id: Option<BranchId>,
    control: mpsc::UnboundedSender<Control>,
    answer: Option<watch::Receiver<LiveAnswer>>,
}

/// All answers being written in this process.
#[derive(Debug)]
pub(crate) struct LiveAnswers {
    entries: Mutex<HashMap<GenerationId, Entry>>,
    changed: watch::Sender<()>,
}

/// A generation's place among the live answers; dropping it takes it out.
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
    /// Shows the answer to those who follow its branch.
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

    /// Makes a generation stoppable before it asks for its lock.
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

    /// Stops a generation and waits a moment for its end to be stored. False when it is not, or no more, live.
    pub(crate) async fn stop(&self, generation_id: &GenerationId) -> bool {
        let Some(stopped) = self.ask_to_stop(generation_id) else {
            return false;
        };
        // Whoever has not heard it by then hears it first of all when it goes on.
        within(STOP_TIMEOUT, stopped)
            .await
            .is_none_or(|stopped| stopped.is_ok())
    }

    /// What is answered when the end is stored.
    fn ask_to_stop(&self, generation_id: &GenerationId) -> Option<oneshot::Receiver<()>> {
        let (done, stopped) = oneshot::channel();
        let entries = self.entries();
        let control = &entries.get(generation_id)?.control;
        control.send(Control::Stop(done)).ok().map(|()| stopped)
    }

    /// Stops every generation of a conversation and waits a moment for their ends.
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

    /// How many are being written.
    pub(crate) fn count(&self) -> usize {
        self.entries().len()
    }

    /// Waits until none is being written.
    pub(crate) async fn all_ended(&self) {
        let mut changed = self.changed.subscribe();
        // The sender is our own.
        while self.count() > 0 && changed.changed().await.is_ok() {}
    }

    /// Has every generation of a conversation stop, and waits for none.
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

    /// Has every generation renew its lock. Returns those that are alive, whether they could renew or not.
    pub(crate) async fn heartbeat_all(&self, timeout: Duration) -> HashSet<GenerationId> {
        let waiting: Vec<_> = self
            .entries()
            .iter()
            .filter_map(|(id, entry)| {
                let (done, alive) = oneshot::channel();
                let asked = entry.control.send(Control::Heartbeat(done)).ok();
                // One that does not answer in time is not alive, and its lock may expire.
                asked.map(|()| (id.clone(), within(timeout, alive)))
            })
            .collect();
        let answers = waiting
            .into_iter()
            .map(|(id, alive)| async move { matches!(alive.await, Some(Ok(()))).then_some(id) });
        let answers = futures_util::future::join_all(answers).await;
        answers.into_iter().flatten().collect()
    }

    /// Has every generation doubt its connection.
    pub(crate) fn woke(&self) {
        for entry in self.entries().values() {
            let _ = entry.control.send(Control::Woke);
        }
    }

    /// The text and the reasoning so far of an answer being written here.
    pub(crate) fn text_of(&self, message_id: &MessageId) -> Option<(String, String)> {
        self.entries().values().find_map(|entry| {
            let answer = entry.answer.as_ref()?.borrow();
            (answer.message_id == *message_id)
                .then(|| (answer.text.clone(), answer.reasoning.clone()))
        })
    }

    fn on_branch(&self, branch_id: &BranchId) -> Option<watch::Receiver<LiveAnswer>> {
        self.entries()
            .values()
            .find(|entry| entry.branch_id.as_ref() == Some(branch_id))
            .and_then(|entry| entry.answer.clone())
    }

    /// Tells `emit` what happens to the answers on a branch, from the text so far on, until it
    /// answers false. Text is sent as it comes but no more often than every 33 ms; the first at once.
    /// While `emit` is at one event, the next gathers.
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

/// Follows one answer to its end; false when nobody listens any more.
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

/// How much of an answer somebody has been told.
#[derive(Debug, Default)]
struct SentCursor {
    /// In bytes.
    text: usize,
    /// In bytes.
    reasoning: usize,
    phase: Option<Phase>,
}

impl SentCursor {
    fn text_came(&self) -> bool {
        self.text > 0 || self.reasoning > 0
    }

    /// What was not told yet, in one piece: whoever reads it as Markdown reads it all each time.
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
        if let Some(text) = rest(&mut self.reasoning, &answer.reasoning) {
            events.push(TranscriptEvent::Reasoning {
                message_id: message_id(),
                text,
            });
        }
        if let Some(text) = rest(&mut self.text, &answer.text) {
            events.push(TranscriptEvent::Text {
                message_id: message_id(),
                text,
            });
        }
        events
    }
}

/// What a text has grown by since so many bytes of it were told.
fn rest(sent: &mut usize, text: &str) -> Option<String> {
    let rest = &text[*sent..];
    *sent = text.len();
    (!rest.is_empty()).then(|| rest.to_owned())
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    #[test]
    fn the_backlog_is_sent_at_once_and_then_only_what_was_added() {
        let mut answer = LiveAnswer {
            text: "é😀x".repeat(200_000),
            reasoning: "Hm".to_owned(),
            ..LiveAnswer::new(MessageId::fresh())
        };
        let mut sent = SentCursor::default();
        let mut read = |answer: &LiveAnswer| -> Vec<String> {
            let events = sent.catch_up(answer).into_iter();
            let text = |event| match event {
                TranscriptEvent::Text { text, .. } | TranscriptEvent::Reasoning { text, .. } => {
                    Some(text)
                }
                TranscriptEvent::Phase { .. } => None,
            };
            events.filter_map(text).collect()
        };
        assert_eq!(read(&answer), ["Hm", &answer.text]);
        answer.text.push_str("end");
        assert_eq!(read(&answer), ["end"]);
        assert!(read(&answer).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_follower_gets_the_text_so_far_and_goes_on() {
        let live = Arc::new(LiveAnswers::default());
        let branch = BranchId::fresh();
        let registration = live.register(GenerationId::fresh(), ConversationId::fresh());
        let answer = registration.publish(
            &branch,
            LiveAnswer {
                text: "so far".to_owned(),
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
                if let TranscriptEvent::Text { text: more, .. } = sent.recv().await.unwrap() {
                    text.push_str(&more);
                }
            }
        };
        read_until("so far", &mut text).await;
        answer.send_modify(|answer| answer.text.push_str(", and more"));
        read_until("and more", &mut text).await;

        assert_eq!(text, "so far, and more");
        following.abort();
    }
}
