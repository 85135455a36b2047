//! The answers on a branch as a stream of events. A generation belongs to no window: a page that reloads follows
//! again, and continues from the text so far.

use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use super::{LiveAnswer, LiveAnswers, Phase, Published};
use crate::model::{BranchId, MessageId, PartContent, PartDelta};

/// Minimum interval between two text events of one answer to a subscriber.
const FLUSH: Duration = Duration::from_millis(33);

/// An event of the answers on a followed branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TranscriptEvent {
    /// An answer began: it is stored, and so is the message that it answers. Not sent for an answer that is already
    /// running.
    Started {
        /// Of the answer.
        message_id: MessageId,
    },
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
    /// The answer ended. Its end is stored, except after an internal error, when it is about to be.
    Ended {
        /// Of the answer.
        message_id: MessageId,
    },
    /// Answers began and ended that the follower was too slow to see: read the branch again.
    Missed,
}

impl LiveAnswers {
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
        let mut begun = self.begun.subscribe();
        // The last answer that was followed. Ids sort by age.
        let mut last = None;
        let mut announces = false;
        let mut catches_up = true;
        loop {
            // Answers that began before the subscription, or while it lagged.
            while catches_up && let Some(running) = self.running(branch_id, last.as_ref()) {
                last = Some(message_of(&running));
                if !follow_one(running, announces, &mut emit).await {
                    return;
                }
                announces = true;
            }
            (announces, catches_up) = (true, false);
            match begun.recv().await {
                Ok(published) if published.branch_id == *branch_id => {
                    let message_id = message_of(&published);
                    if last.as_ref() >= Some(&message_id) {
                        continue;
                    }
                    last = Some(message_id);
                    if !follow_one(published, true, &mut emit).await {
                        return;
                    }
                }
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => {
                    if !emit(TranscriptEvent::Missed).await {
                        return;
                    }
                    catches_up = true;
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Returns the first answer on a branch that is newer than `last`. One that has ended is here until its task has.
    fn running(&self, branch_id: &BranchId, last: Option<&MessageId>) -> Option<Published> {
        let entries = self.entries();
        let published = entries
            .values()
            .filter_map(|entry| entry.published.as_ref());
        published
            .filter(|published| published.branch_id == *branch_id)
            .filter(|published| Some(&message_of(published)) > last)
            .min_by_key(|published| message_of(published))
            .cloned()
    }
}

/// Follows one answer from its start, if that is announced, to its end; returns false when `emit` did.
async fn follow_one<Answered>(
    published: Published,
    announces: bool,
    emit: &mut (impl FnMut(TranscriptEvent) -> Answered + Send),
) -> bool
where
    Answered: Future<Output = bool> + Send,
{
    let message_id = message_of(&published);
    (!announces || emit(TranscriptEvent::Started { message_id }).await)
        && follow_answer(published.answer, emit).await
}

fn message_of(published: &Published) -> MessageId {
    published.answer.borrow().message_id.clone()
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
        if sent.text_came() {
            tokio::time::sleep(FLUSH).await;
        }
        if answer.changed().await.is_err() {
            let mut rest = sent.catch_up(&answer.borrow());
            let message_id = answer.borrow().message_id.clone();
            rest.push(TranscriptEvent::Ended { message_id });
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
    use std::pin::Pin;
    use std::sync::Arc;

    use futures_util::poll;
    use tokio::sync::mpsc;

    use super::super::{BACKLOG, Registration};
    use super::*;
    use crate::model::{ConversationId, GenerationId, Part, append_delta};

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

    /// An answer that runs until this is dropped.
    type Running = (Registration, watch::Sender<LiveAnswer>);

    fn publish(live: &Arc<LiveAnswers>, branch: &BranchId) -> (MessageId, Running) {
        let registration = live.register(GenerationId::fresh(), ConversationId::fresh());
        let id = MessageId::fresh();
        let answer = registration.publish(branch, LiveAnswer::new(id.clone()));
        (id, (registration, answer))
    }

    fn started(message_id: &MessageId) -> TranscriptEvent {
        let message_id = message_id.clone();
        TranscriptEvent::Started { message_id }
    }

    fn ended(message_id: &MessageId) -> TranscriptEvent {
        let message_id = message_id.clone();
        TranscriptEvent::Ended { message_id }
    }

    /// A follower that notes the starts and ends.
    fn follower<'a>(
        live: &'a LiveAnswers,
        branch: &'a BranchId,
    ) -> (
        Pin<Box<dyn Future<Output = ()> + 'a>>,
        mpsc::UnboundedReceiver<TranscriptEvent>,
    ) {
        let (sender, noted) = mpsc::unbounded_channel();
        let following = live.follow(branch, move |event| {
            let is_phase = matches!(event, TranscriptEvent::Phase { .. });
            ready(is_phase || sender.send(event).is_ok())
        });
        (Box::pin(following), noted)
    }

    fn all(noted: &mut mpsc::UnboundedReceiver<TranscriptEvent>) -> Vec<TranscriptEvent> {
        std::iter::from_fn(|| noted.try_recv().ok()).collect()
    }

    #[tokio::test]
    async fn each_answer_starts_and_ends_even_one_that_is_over_before_it_is_seen() {
        let live = Arc::new(LiveAnswers::default());
        let branch = BranchId::fresh();
        let (running, first) = publish(&live, &branch);
        let (mut following, mut noted) = follower(&live, &branch);
        // It subscribes, and follows the running answer.
        assert!(poll!(&mut following).is_pending());
        let (second, answer) = publish(&live, &branch);
        drop(answer);
        drop(publish(&live, &BranchId::fresh()));
        drop(first);
        assert!(poll!(&mut following).is_pending());
        let expected = [ended(&running), started(&second), ended(&second)];
        assert_eq!(all(&mut noted), expected);
    }

    #[tokio::test]
    async fn a_follower_that_comes_between_two_answers_sees_both() {
        let live = Arc::new(LiveAnswers::default());
        let branch = BranchId::fresh();
        // The first has ended, and its task has not.
        let (first, (_registration, answer)) = publish(&live, &branch);
        drop(answer);
        let (second, running) = publish(&live, &branch);
        let (mut following, mut noted) = follower(&live, &branch);
        assert!(poll!(&mut following).is_pending());
        assert_eq!(all(&mut noted), [ended(&first), started(&second)]);
        drop(running);
        assert!(poll!(&mut following).is_pending());
        assert_eq!(all(&mut noted), [ended(&second)]);
    }

    #[tokio::test]
    async fn a_follower_that_lags_is_notified_and_follows_what_runs() {
        let live = Arc::new(LiveAnswers::default());
        let branch = BranchId::fresh();
        let (mut following, mut noted) = follower(&live, &branch);
        assert!(poll!(&mut following).is_pending());
        let elsewhere = BranchId::fresh();
        // Over before it is seen, and the next one is still running.
        drop(publish(&live, &branch));
        let (last, running) = publish(&live, &branch);
        for _ in 0..=BACKLOG {
            drop(publish(&live, &elsewhere));
        }
        assert!(poll!(&mut following).is_pending());
        assert_eq!(all(&mut noted), [TranscriptEvent::Missed, started(&last)]);
        drop(running);
        assert!(poll!(&mut following).is_pending());
        assert_eq!(all(&mut noted), [ended(&last)], "it is followed once");
    }
}
