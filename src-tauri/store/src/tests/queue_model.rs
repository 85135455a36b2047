//! Random steps on a queue beside a list in memory: nothing is lost, doubled, merged or reordered.

use conch_model::{MessageStatus, QueuedMessageId, QueuedTurn};

use super::queue::{queued, queueing, started};
use super::{Fixture, NOW};
use crate::{BeginOutcome, HOLD, RestoreOutcome, StartedTurn};

#[derive(Default)]
struct Expected {
    /// All rows in their order, each with its text and whether it is removed.
    rows: Vec<(QueuedMessageId, String, bool)>,
    held: Option<QueuedMessageId>,
    paused: bool,
    /// What was sent, in order.
    sent: Vec<String>,
}

impl Expected {
    fn waiting(&self) -> Vec<&(QueuedMessageId, String, bool)> {
        self.rows.iter().filter(|row| !row.2).collect()
    }

    /// Returns the message that may be sent while the branch is free.
    fn next(&self) -> Option<QueuedMessageId> {
        let first = self.waiting().first().map(|row| row.0.clone())?;
        (!self.paused && self.held.as_ref() != Some(&first)).then_some(first)
    }

    fn take(&mut self, id: &QueuedMessageId) {
        let index = self.rows.iter().position(|row| row.0 == *id).unwrap();
        let (_, text, _) = self.rows.remove(index);
        self.sent.push(text);
        self.held = self.held.take().filter(|held| held != id);
    }

    fn move_to(&mut self, id: &QueuedMessageId, position: usize) {
        let index = self.rows.iter().position(|row| row.0 == *id).unwrap();
        let row = self.rows.remove(index);
        let places = self.rows.iter().enumerate();
        let mut before = places.filter(|(_, row)| !row.2).map(|(index, _)| index);
        let index = before.nth(position - 1);
        self.rows.insert(index.unwrap_or(self.rows.len()), row);
    }
}

async fn follow(seed: u64) {
    let mut fixture = Fixture::new().await;
    let mut random = fastrand::Rng::with_seed(seed);
    let mut expected = Expected::default();
    let mut running: Option<StartedTurn> = None;
    for step in 0..120 {
        let place = format!("seed {seed}, step {step}");
        let id = fixture.conversation.id.clone();
        let waiting: Vec<_> = expected.waiting().iter().map(|row| row.0.clone()).collect();
        let any = (!waiting.is_empty()).then(|| waiting[random.usize(..waiting.len())].clone());
        match (random.usize(..12), any) {
            (0..=3, _) => {
                let text = format!("{place} ");
                let turn = queueing(fixture.message(&text));
                match fixture.store.begin(&turn, NOW).await.unwrap() {
                    BeginOutcome::Started(turn) => {
                        assert!(running.is_none() && waiting.is_empty(), "{place}");
                        expected.sent.push(text);
                        running = Some(*turn);
                    }
                    BeginOutcome::QueueFull => assert_eq!(waiting.len(), 10, "{place}"),
                    begun => {
                        let queued = queued(begun);
                        assert_eq!(
                            usize::try_from(queued.position).unwrap(),
                            waiting.len() + 1,
                            "{place}"
                        );
                        expected.paused &= !waiting.is_empty();
                        expected.rows.push((queued.queued_message_id, text, false));
                    }
                }
            }
            (4 | 5, _) => {
                let ready = fixture.ready(NOW).await;
                let next = expected.next().filter(|_| running.is_none());
                assert_eq!(ready.first().map(|next| next.id.clone()), next, "{place}");
                if let Some(next) = next {
                    let begun = fixture.begin_queued(QueuedTurn::Next(next.clone()), NOW);
                    running = Some(started(begun.await));
                    expected.take(&next);
                }
            }
            (6 | 7, _) => {
                if let Some(turn) = running.take() {
                    let status = [MessageStatus::Complete, MessageStatus::Stopped];
                    let status = status[random.usize(..2)];
                    fixture.end_as(&turn, status).await;
                    expected.paused |= status == MessageStatus::Stopped && !waiting.is_empty();
                }
            }
            (8, Some(id)) => {
                let position = random.usize(1..=12);
                let to = u32::try_from(position).unwrap();
                assert!(fixture.store.move_queued(&id, to).await.unwrap());
                expected.move_to(&id, position);
            }
            (9, Some(id)) => {
                assert!(fixture.store.remove_queued(&id, NOW).await.unwrap());
                expected.held = expected.held.take().filter(|held| *held != id);
                expected.rows.iter_mut().find(|row| row.0 == id).unwrap().2 = true;
            }
            (10, _) => {
                let removed = expected.rows.iter_mut().find(|row| row.2);
                if let Some(row) = removed {
                    let restored = fixture.store.restore_queued(&row.0).await.unwrap();
                    assert_eq!(restored == RestoreOutcome::Full, waiting.len() == 10);
                    row.2 = restored == RestoreOutcome::Full;
                }
            }
            (11, Some(id)) if expected.held.is_none() => {
                let held = fixture.store.hold_queued(&id, true, NOW).await;
                assert!(held.unwrap());
                expected.held = Some(id);
            }
            _ => {
                fixture = fixture.reopen().await;
                if let Some(held) = expected.held.take() {
                    let free = fixture.store.hold_queued(&held, false, NOW).await;
                    assert!(free.unwrap(), "{place}");
                }
                let resumed = fixture.store.pause_queue(&id, None, false).await;
                assert!(resumed.unwrap());
                expected.paused = false;
            }
        }
        let texts: Vec<_> = expected.waiting().iter().map(|row| row.1.clone()).collect();
        assert_eq!(fixture.waiting().await, texts, "{place}");
        let paused = expected.paused && !texts.is_empty();
        assert_eq!(fixture.queue().await.paused, paused, "{place}");
    }
    let sent: Vec<String> =
        sqlx::query_scalar("SELECT content FROM messages WHERE role = 'user' ORDER BY search_key")
            .fetch_all(&fixture.store.readers)
            .await
            .unwrap();
    assert_eq!(sent, expected.sent, "seed {seed}: each once, in order");
    assert!(fixture.ready(NOW + HOLD).await.len() <= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn random_steps_lose_double_and_reorder_nothing() {
    let runs = (1..=24).map(|seed| tokio::spawn(follow(seed)));
    for run in runs.collect::<Vec<_>>() {
        run.await.unwrap();
    }
}
