//! The queue of a branch: what enters it, how it is managed, and that each message leaves it once, in its turn.

use std::time::Duration;

use conch_model::{
    AttachmentId, BranchId, Composer, Ending, Entity, FencedWrite, LEASE, MAX_QUEUED,
    MessageStatus, NewMessage, Parameters, PauseReason, Queue, Queued, QueuedMessageId, QueuedTurn,
    SendPolicy, Timestamp, TurnRequest,
};

use super::{Fixture, NOW, instance, turn_with};
use crate::events::CoreEvent;
use crate::{
    AttemptOutcome, BeginOutcome, BeginTurn, HOLD, NextQueued, RestoreOutcome, StartedTurn, Store,
};

const UNDO: Duration = Duration::from_secs(10);

impl Fixture {
    pub(super) async fn enqueue(&self, content: &str) -> QueuedMessageId {
        let turn = queueing(self.message(content));
        queued(self.store.begin(&turn, NOW).await.unwrap()).queued_message_id
    }

    pub(super) async fn queue(&self) -> Queue {
        let queue = self.store.queue(&self.conversation.id, None, NOW).await;
        queue.unwrap().unwrap()
    }

    pub(super) async fn waiting(&self) -> Vec<String> {
        let queue = self.queue().await;
        let places: Vec<_> = queue.items.iter().map(|item| item.position).collect();
        let count = u32::try_from(places.len()).unwrap();
        assert_eq!(places, (1..=count).collect::<Vec<_>>());
        queue.items.into_iter().map(|item| item.content).collect()
    }

    pub(super) async fn reason(&self) -> Option<PauseReason> {
        let queue = self.queue().await;
        assert_eq!(queue.paused, queue.pause_reason.is_some());
        queue.pause_reason
    }

    pub(super) async fn ready(&self, now: Timestamp) -> Vec<NextQueued> {
        self.store.ready_in_queues(now).await.unwrap().next
    }

    pub(super) async fn begin_queued(&self, turn: QueuedTurn, now: Timestamp) -> BeginOutcome {
        let turn = BeginTurn::new(TurnRequest::queued(turn), instance());
        self.store.begin(&turn, now).await.unwrap()
    }

    /// Begins the turn of what is ready, as the drainer does.
    pub(super) async fn drain_one(&self) -> StartedTurn {
        let next = self.ready(NOW).await.remove(0);
        started(self.begin_queued(QueuedTurn::Next(next.id), NOW).await)
    }

    pub(super) async fn end_as(&self, turn: &StartedTurn, status: MessageStatus) {
        let ending = Ending::new(status, None);
        let ended = self.store.finish(&turn.lease, None, &ending, NOW).await;
        assert_eq!(ended.unwrap(), FencedWrite::Written);
    }

    pub(super) async fn contents(&self) -> Vec<String> {
        let view = self
            .store
            .get_conversation(&self.conversation.id, None, NOW);
        let messages = view.await.unwrap().unwrap().messages;
        messages.iter().map(conch_model::Message::content).collect()
    }
}

/// Sends a message under the policy `queue`.
pub(super) fn queueing(message: NewMessage) -> BeginTurn {
    let mut turn = turn_with(message);
    turn.request.policy = Some(SendPolicy::Queue);
    turn
}

pub(super) fn queued(begun: BeginOutcome) -> Queued {
    match begun {
        BeginOutcome::Queued(queued) => queued,
        other => panic!("expected a place in the queue, got {other:?}"),
    }
}

pub(super) fn started(begun: BeginOutcome) -> StartedTurn {
    match begun {
        BeginOutcome::Started(started) => *started,
        other => panic!("expected the lock, got {other:?}"),
    }
}

#[tokio::test]
async fn messages_wait_in_their_order_and_each_begins_its_own_turn() {
    let fixture = Fixture::new().await;
    let first = fixture.begin("first", NOW).await;
    for content in ["second", "third"] {
        fixture.enqueue(content).await;
    }
    assert_eq!(fixture.waiting().await, ["second", "third"]);
    assert!(fixture.ready(NOW).await.is_empty(), "the branch is busy");
    fixture.end_as(&first, MessageStatus::Complete).await;
    let second = fixture.drain_one().await;
    assert_eq!(fixture.waiting().await, ["third"]);
    assert!(fixture.ready(NOW).await.is_empty(), "one at a time");
    fixture.end_as(&second, MessageStatus::Complete).await;
    let third = fixture.drain_one().await;
    fixture.end_as(&third, MessageStatus::Complete).await;
    assert!(fixture.ready(NOW).await.is_empty());
    assert_eq!(
        fixture.contents().await,
        ["first", "", "second", "", "third", ""],
        "never merged, never reordered"
    );
    let count = fixture.store.count_attempts(AttemptOutcome::Queued).await;
    assert_eq!(count.unwrap(), 2);
}

/// F11: the message leaves the queue in the transaction that begins its turn, or not at all.
#[tokio::test]
async fn f11_a_message_that_cannot_begin_stays_where_it_is() {
    let fixture = Fixture::new().await;
    let first = fixture.begin("first", NOW).await;
    let id = fixture.enqueue("second").await;
    fixture.end_as(&first, MessageStatus::Complete).await;
    fixture
        .store
        .execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON generations BEGIN SELECT RAISE(ABORT, 'no'); END",
        )
        .await;
    let turn = BeginTurn::new(
        TurnRequest::queued(QueuedTurn::Next(id.clone())),
        instance(),
    );
    assert!(fixture.store.begin(&turn, NOW).await.is_err());
    assert_eq!(fixture.waiting().await, ["second"]);
    fixture.store.execute("DROP TRIGGER refuse").await;
    started(fixture.begin_queued(QueuedTurn::Next(id), NOW).await);
    assert_eq!(fixture.contents().await.len(), 4);
}

/// F4: what is ready is read from what is stored; nothing has to have been seen.
#[tokio::test]
async fn f4_a_branch_that_was_freed_unseen_is_ready() {
    let fixture = Fixture::new().await;
    let abandoned = fixture.begin("first", NOW).await;
    fixture.enqueue("second").await;
    let later = NOW + LEASE + Duration::from_secs(1);
    assert_eq!(
        fixture.ready(later).await.len(),
        1,
        "an expired lock is none"
    );
    let holder = fixture.store.holders().await.unwrap().remove(0);
    assert_eq!(holder.lease, abandoned.lease);
    let freed = fixture.store.expire(&holder, later).await.unwrap();
    assert_eq!(freed, FencedWrite::Written);
    assert_eq!(fixture.reason().await, None, "only Stop and errors pause");
    assert_eq!(fixture.ready(NOW).await.len(), 1);
}

/// F13: Stop pauses the queue in the transaction that frees the branch, and it shows.
#[tokio::test]
async fn f13_stop_and_errors_pause_the_queue_until_it_is_resumed() {
    for (status, reason) in [
        (MessageStatus::Stopped, Some(PauseReason::Stopped)),
        (MessageStatus::Failed, Some(PauseReason::Failed)),
        (MessageStatus::Interrupted, None),
        (MessageStatus::Complete, None),
    ] {
        let fixture = Fixture::new().await;
        let first = fixture.begin("first", NOW).await;
        fixture.enqueue("second").await;
        let mut events = fixture.store.events().subscribe();
        fixture.end_as(&first, status).await;
        assert_eq!(fixture.reason().await, reason, "{status:?}");
        assert_eq!(
            fixture.ready(NOW).await.len(),
            usize::from(reason.is_none())
        );
        let mut said = None;
        while let Ok(event) = events.try_recv() {
            if let CoreEvent::Queue(change) = event {
                said = Some((change.count, change.paused));
            }
        }
        assert_eq!(said, reason.map(|_| (1, true)), "{status:?}");
        let id = &fixture.conversation.id;
        assert!(fixture.store.pause_queue(id, None, false).await.unwrap());
        assert_eq!(fixture.reason().await, None);
        assert_eq!(fixture.ready(NOW).await.len(), 1);
    }
}

#[tokio::test]
async fn an_empty_queue_is_paused_only_by_the_user() {
    let fixture = Fixture::new().await;
    let id = &fixture.conversation.id;
    let first = fixture.begin("first", NOW).await;
    fixture.end_as(&first, MessageStatus::Stopped).await;
    assert_eq!(fixture.reason().await, None);
    let second = fixture.begin("second", NOW).await;
    let waits = fixture.enqueue("third").await;
    fixture.end_as(&second, MessageStatus::Stopped).await;
    assert_eq!(fixture.reason().await, Some(PauseReason::Stopped));
    assert!(fixture.store.remove_queued(&waits, NOW).await.unwrap());
    assert_eq!(fixture.reason().await, None, "nothing waits");
    let restored = fixture.store.restore_queued(&waits).await.unwrap();
    assert_eq!(restored, RestoreOutcome::Restored);
    assert_eq!(
        fixture.reason().await,
        Some(PauseReason::Stopped),
        "as before"
    );

    assert!(fixture.store.remove_queued(&waits, NOW).await.unwrap());
    fixture.begin("fourth", NOW).await;
    fixture.enqueue("fifth").await;
    assert_eq!(fixture.reason().await, None, "an old pause is over");
    for _ in 0..2 {
        assert!(fixture.store.pause_queue(id, None, true).await.unwrap());
        assert_eq!(fixture.reason().await, Some(PauseReason::User));
    }
    assert!(fixture.store.clear_queue(id, None, NOW).await.unwrap());
    assert_eq!(fixture.reason().await, Some(PauseReason::User));
}

#[tokio::test]
async fn the_user_can_pause_a_queue_that_an_old_pause_left_empty() {
    let fixture = Fixture::new().await;
    let id = &fixture.conversation.id;
    let first = fixture.begin("first", NOW).await;
    fixture.enqueue("second").await;
    fixture.end_as(&first, MessageStatus::Stopped).await;
    assert!(fixture.store.clear_queue(id, None, NOW).await.unwrap());
    assert_eq!(fixture.reason().await, None, "nothing waits");
    assert!(fixture.store.pause_queue(id, None, true).await.unwrap());
    assert_eq!(fixture.reason().await, Some(PauseReason::User));
    fixture.begin("third", NOW).await;
    fixture.enqueue("fourth").await;
    assert_eq!(fixture.reason().await, Some(PauseReason::User));
}

#[tokio::test]
async fn a_start_pauses_what_waits_and_keeps_other_reasons() {
    let fixture = Fixture::new().await;
    fixture.begin("first", NOW).await;
    fixture.enqueue("second").await;
    let fixture = fixture.reopen().await;
    assert_eq!(fixture.waiting().await, ["second"]);
    for _ in 0..2 {
        let paused = fixture.store.pause_queues(PauseReason::Restarted).await;
        paused.unwrap();
        assert_eq!(fixture.reason().await, Some(PauseReason::Restarted));
        let paused = fixture.store.pause_queues(PauseReason::Stopped).await;
        paused.unwrap();
    }
}

/// Exactly once: whatever happens after the claim, the message is in the branch and not in the queue.
#[tokio::test]
async fn a_message_is_sent_once_also_when_the_process_dies_after_its_claim() {
    let fixture = Fixture::new().await;
    let first = fixture.begin("first", NOW).await;
    let turn = queueing(fixture.message("second"));
    let id = queued(fixture.store.begin(&turn, NOW).await.unwrap()).queued_message_id;
    fixture.end_as(&first, MessageStatus::Complete).await;
    let claimed = fixture.drain_one().await;
    let fixture = fixture.reopen().await;
    let holder = fixture.store.holders().await.unwrap().remove(0);
    let recovered = fixture.store.recover(&holder, NOW).await.unwrap();
    assert_eq!(recovered, FencedWrite::Written);

    assert!(fixture.waiting().await.is_empty());
    assert!(fixture.ready(NOW).await.is_empty());
    for turn in [QueuedTurn::Next(id.clone()), QueuedTurn::Now(id.clone())] {
        let again = fixture.begin_queued(turn, NOW).await;
        assert_eq!(again, BeginOutcome::Duplicate(claimed.accepted.clone()));
    }
    let again = fixture.store.begin(&turn, NOW).await.unwrap();
    assert_eq!(again, BeginOutcome::Duplicate(claimed.accepted.clone()));
    assert_eq!(fixture.contents().await, ["first", "", "second", ""]);
    // The data refuses a second time even where the code is wrong.
    let twice = format!(
        "INSERT INTO generations (id, conversation_id, branch_id, user_message_id, message_id, instance_id,
           client_request_id, fence, started_at, queued_message_id)
         SELECT 'x', conversation_id, branch_id, user_message_id, message_id, 'i', 'x', 1, 0, '{id}'
         FROM generations LIMIT 1"
    );
    let twice = sqlx::query(sqlx::AssertSqlSafe(twice))
        .execute(&fixture.store.writer)
        .await;
    assert!(twice.unwrap_err().to_string().contains("UNIQUE"));
}

#[tokio::test]
async fn a_request_id_waits_once_and_is_accepted_once() {
    let fixture = Fixture::new().await;
    let first = fixture.begin("first", NOW).await;
    let turn = queueing(fixture.message("second"));
    let waits = fixture.store.begin(&turn, NOW).await.unwrap();
    fixture.enqueue("third").await;
    for policy in [SendPolicy::Queue, SendPolicy::Reject, SendPolicy::Interrupt] {
        let mut again = turn.clone();
        again.request.policy = Some(policy);
        assert_eq!(fixture.store.begin(&again, NOW).await.unwrap(), waits);
    }
    assert_eq!(fixture.waiting().await, ["second", "third"]);
    fixture.end_as(&first, MessageStatus::Complete).await;
    assert_eq!(
        fixture.store.begin(&turn, NOW).await.unwrap(),
        waits,
        "also while the branch is free"
    );
    let sent = fixture.drain_one().await;
    let again = fixture.store.begin(&turn, NOW).await.unwrap();
    assert_eq!(again, BeginOutcome::Duplicate(sent.accepted));

    let third = fixture.queue().await.items.remove(0).id;
    let mut retried = queueing(fixture.message("third"));
    let request = sqlx::query_scalar("SELECT client_request_id FROM queued_messages")
        .fetch_one(&fixture.store.readers);
    let request: String = request.await.unwrap();
    retried.request.request_id = request.into();
    assert!(fixture.store.remove_queued(&third, NOW).await.unwrap());
    let again = fixture.store.begin(&retried, NOW).await.unwrap();
    assert_eq!(
        again,
        BeginOutcome::NotFound(Entity::QueuedMessage),
        "a late retry does not bring back what was removed"
    );
}

#[tokio::test]
async fn an_eleventh_message_is_refused_and_stores_nothing() {
    let fixture = Fixture::new().await;
    fixture.begin("first", NOW).await;
    for n in 0..MAX_QUEUED {
        fixture.enqueue(&format!("message {n}")).await;
    }
    let file = fixture.attach_text("a.txt").await;
    let profile = fixture.store.profile();
    let id = &fixture.conversation.id;
    profile
        .save_draft(&Composer::main(id), "one more", NOW)
        .await
        .unwrap();
    let message = NewMessage {
        attachments: vec![file.clone()],
        ..fixture.message("one more")
    };
    let turn = queueing(message);
    assert_eq!(
        fixture.store.begin(&turn, NOW).await.unwrap(),
        BeginOutcome::QueueFull
    );
    assert_eq!(fixture.waiting().await.len(), 10);
    let view = fixture.store.get_conversation(id, None, NOW).await;
    let view = view.unwrap().unwrap();
    assert_eq!(view.draft, "one more");
    assert_eq!(view.attachments[0].id, file);
    let gone = fixture.queue().await.items.remove(3).id;
    assert!(fixture.store.remove_queued(&gone, NOW).await.unwrap());
    queued(fixture.store.begin(&turn, NOW).await.unwrap());
    let restored = fixture.store.restore_queued(&gone).await.unwrap();
    assert_eq!(restored, RestoreOutcome::Full);
}

#[tokio::test]
async fn of_two_sends_for_the_last_place_one_gets_it() {
    let fixture = Fixture::new().await;
    fixture.begin("first", NOW).await;
    for n in 1..MAX_QUEUED {
        fixture.enqueue(&format!("message {n}")).await;
    }
    let turns = ["one", "other"].map(|text| queueing(fixture.message(text)));
    let (one, other) = tokio::join!(
        fixture.store.begin(&turns[0], NOW),
        fixture.store.begin(&turns[1], NOW)
    );
    let outcomes = [one.unwrap(), other.unwrap()];
    let full = outcomes
        .iter()
        .filter(|outcome| **outcome == BeginOutcome::QueueFull);
    assert_eq!(full.count(), 1);
    assert_eq!(fixture.waiting().await.len(), 10);
}

#[tokio::test]
async fn messages_are_moved_removed_and_restored_at_their_places() {
    let fixture = Fixture::new().await;
    fixture.begin("first", NOW).await;
    let mut ids = Vec::new();
    for content in ["a", "b", "c", "d"] {
        ids.push(fixture.enqueue(content).await);
    }
    let store = &fixture.store;
    for (index, position, expected) in [
        (3, 1, "dabc"),
        (3, 1, "dabc"),
        (3, 2, "adbc"),
        (0, 9, "dbca"),
        (0, u32::MAX, "dbca"),
        (1, 3, "dcba"),
    ] {
        assert!(store.move_queued(&ids[index], position).await.unwrap());
        assert_eq!(fixture.waiting().await.concat(), expected);
    }
    for _ in 0..2 {
        assert!(store.remove_queued(&ids[2], NOW).await.unwrap());
        assert_eq!(fixture.waiting().await.concat(), "dba");
    }
    assert!(!store.move_queued(&ids[2], 1).await.unwrap());
    assert!(!store.edit_queued(&ids[2], "x", None).await.unwrap());
    assert!(!store.hold_queued(&ids[2], true, NOW).await.unwrap());
    assert!(store.move_queued(&ids[0], 2).await.unwrap());
    assert_eq!(fixture.waiting().await.concat(), "dab");
    for _ in 0..2 {
        let restored = store.restore_queued(&ids[2]).await.unwrap();
        assert_eq!(restored, RestoreOutcome::Restored);
        assert_eq!(fixture.waiting().await.len(), 4);
        assert_eq!(fixture.waiting().await[0], "d");
    }
    let nowhere = QueuedMessageId::fresh();
    assert!(!store.remove_queued(&nowhere, NOW).await.unwrap());
    assert!(!store.move_queued(&nowhere, 1).await.unwrap());
    let restored = store.restore_queued(&nowhere).await.unwrap();
    assert_eq!(restored, RestoreOutcome::NotFound);
}

#[tokio::test]
async fn an_open_editor_holds_its_message_back_and_expires() {
    let fixture = Fixture::new().await;
    let first = fixture.begin("first", NOW).await;
    let (held, _next) = (fixture.enqueue("a").await, fixture.enqueue("b").await);
    let store = &fixture.store;
    assert!(store.hold_queued(&held, true, NOW).await.unwrap());
    assert!(fixture.queue().await.items[0].held);
    fixture.end_as(&first, MessageStatus::Complete).await;
    let ready = store.ready_in_queues(NOW).await.unwrap();
    assert_eq!(ready.next, [], "and nothing overtakes it");
    assert_eq!(ready.held_until, Some(NOW + HOLD));
    let early = fixture
        .begin_queued(QueuedTurn::Next(held.clone()), NOW)
        .await;
    assert_eq!(early, BeginOutcome::NotNext);
    assert_eq!(fixture.ready(NOW + HOLD).await[0].id, held, "a dead editor");
    let set_back = Timestamp::from_millis(NOW.as_millis() - 60_001);
    assert_eq!(
        fixture.ready(set_back).await[0].id,
        held,
        "a clock that was set back holds nothing for ever"
    );

    assert!(store.hold_queued(&held, false, NOW).await.unwrap());
    assert_eq!(fixture.ready(NOW).await[0].id, held);
    assert!(store.hold_queued(&held, true, NOW).await.unwrap());
    for _ in 0..2 {
        let edited = store.edit_queued(&held, "better", Some("p/other")).await;
        assert!(edited.unwrap());
    }
    let next = &fixture.ready(NOW).await[0];
    assert_eq!(
        (next.content.as_str(), next.model_id.as_deref()),
        ("better", Some("p/other")),
        "its place stays, and the editor is closed"
    );
    fixture.drain_one().await;
    assert!(!store.edit_queued(&held, "late", None).await.unwrap());
    assert_eq!(fixture.contents().await[2], "better");
}

#[tokio::test]
async fn model_and_parameters_are_those_at_the_time_of_queueing() {
    let fixture = Fixture::new().await;
    let (store, id) = (&fixture.store, &fixture.conversation.id);
    let parameters = |temperature| Parameters {
        temperature: Some(temperature),
        ..Parameters::default()
    };
    store.set_conversation_model(id, "p/before").await.unwrap();
    store.set_parameters(id, &parameters(0.5)).await.unwrap();
    let mut settings = store.profile().settings().await.unwrap();
    settings.parameters.max_tokens = Some(7);
    store.profile().save_settings(&settings).await.unwrap();
    let first = fixture.begin("first", NOW).await;
    assert_eq!(first.parameters, None);
    fixture.enqueue("second").await;
    store.set_conversation_model(id, "p/after").await.unwrap();
    store.set_parameters(id, &parameters(1.5)).await.unwrap();
    settings.parameters.max_tokens = Some(8);
    store.profile().save_settings(&settings).await.unwrap();
    fixture.end_as(&first, MessageStatus::Complete).await;
    let second = fixture.drain_one().await;
    assert_eq!(second.model_id.as_deref(), Some("p/before"));
    let expected = Parameters {
        max_tokens: Some(7),
        ..parameters(0.5)
    };
    assert_eq!(second.parameters, Some(expected));
}

#[tokio::test]
async fn files_wait_with_their_message_and_leave_the_composer() {
    let fixture = Fixture::new().await;
    let (store, id) = (&fixture.store, &fixture.conversation.id);
    let first = fixture.begin("first", NOW).await;
    let (a, b) = (
        fixture.attach_text("a.txt").await,
        fixture.attach_text("b.txt").await,
    );
    let with = |attachments: Vec<AttachmentId>| {
        queueing(NewMessage {
            attachments,
            ..fixture.message("second")
        })
    };
    store
        .profile()
        .save_draft(&Composer::main(id), "second", NOW)
        .await
        .unwrap();
    let turn = with(vec![b.clone(), a.clone()]);
    queued(store.begin(&turn, NOW).await.unwrap());
    let view = store.get_conversation(id, None, NOW).await.unwrap();
    let view = view.unwrap();
    assert_eq!((view.draft.as_str(), view.attachments.len()), ("", 0));
    let item = &view.queue.items[0];
    assert_eq!(item.attachment_ids, [b.clone(), a.clone()]);
    assert_eq!(item.attachments[0].name, "b.txt");
    store.detach(&a).await.unwrap();
    assert_eq!(fixture.queue().await.items[0].attachments.len(), 2);
    let twice = store.begin(&with(vec![a.clone()]), NOW).await.unwrap();
    assert_eq!(twice, BeginOutcome::AttachmentGone);
    fixture.end_as(&first, MessageStatus::Complete).await;
    fixture.drain_one().await;
    let view = store.get_conversation(id, None, NOW).await.unwrap();
    let sent = &view.unwrap().messages[2];
    let names: Vec<_> = sent.attachments.iter().map(|file| &*file.name).collect();
    assert_eq!(names, ["b.txt", "a.txt"]);
}

#[tokio::test]
async fn a_file_that_vanished_stops_its_message_until_it_is_edited() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let first = fixture.begin("first", NOW).await;
    let file = fixture.attach_text("a.txt").await;
    let turn = queueing(NewMessage {
        attachments: vec![file],
        ..fixture.message("second")
    });
    let id = queued(store.begin(&turn, NOW).await.unwrap()).queued_message_id;
    fixture.end_as(&first, MessageStatus::Complete).await;
    store.execute("DELETE FROM attachments").await;
    let next = fixture.ready(NOW).await.remove(0);
    let begun = fixture
        .begin_queued(QueuedTurn::Next(id.clone()), NOW)
        .await;
    assert_eq!(begun, BeginOutcome::AttachmentGone);
    store.pause_at(&next, "A file is gone").await.unwrap();
    let queue = fixture.queue().await;
    assert_eq!(queue.pause_reason, Some(PauseReason::Failed));
    assert_eq!(queue.pause_message.as_deref(), Some("A file is gone"));
    assert_eq!(queue.items.len(), 1, "it is kept");
    assert!(store.edit_queued(&id, "without", None).await.unwrap());
    assert!(
        store
            .pause_queue(&fixture.conversation.id, None, false)
            .await
            .unwrap()
    );
    fixture.drain_one().await;
    assert_eq!(fixture.contents().await[2], "without");
}

/// F12: a message waits on its branch, and goes there whatever is shown.
#[tokio::test]
async fn f12_each_branch_has_a_queue_of_its_own() {
    let fixture = Fixture::new().await;
    let lane = fixture.second_branch().await;
    let id = &fixture.conversation.id;
    let first = fixture.begin("on main", NOW).await;
    let on_lane = queueing(NewMessage {
        branch_id: Some(lane.clone()),
        ..fixture.message("for the lane")
    });
    queued(fixture.store.begin(&on_lane, NOW).await.unwrap());
    fixture.enqueue("for main").await;
    let on = async |branch: &BranchId| {
        let queue = fixture.store.queue(id, Some(branch), NOW).await;
        let items = queue.unwrap().unwrap().items;
        items
            .into_iter()
            .map(|item| item.content)
            .collect::<String>()
    };
    assert_eq!(on(&lane).await, "for the lane");
    assert_eq!(fixture.waiting().await, ["for main"]);

    fixture.end_as(&first, MessageStatus::Stopped).await;
    assert_eq!(fixture.reason().await, Some(PauseReason::Stopped));
    let ready = fixture.ready(NOW).await;
    assert_eq!(ready.len(), 1, "the other branch goes on");
    let sent = fixture.drain_one().await;
    assert_eq!(sent.lease.branch_id, lane);
    assert!(
        fixture.ready(NOW).await.is_empty(),
        "the capacity is used up"
    );
}

#[tokio::test]
async fn an_edit_of_an_earlier_message_clears_the_queue_and_says_so() {
    let fixture = Fixture::new().await;
    let first = fixture.begin("first", NOW).await;
    let waits = fixture.enqueue("second").await;
    let edit = TurnRequest::edit(&first.accepted.user_message_id, "better");
    let edit = BeginTurn::new(edit, instance());
    let busy = fixture.store.begin(&edit, NOW).await.unwrap();
    assert!(matches!(busy, BeginOutcome::Busy { .. }));
    assert_eq!(fixture.waiting().await.len(), 1, "nothing changed");
    fixture.end_as(&first, MessageStatus::Stopped).await;
    let mut events = fixture.store.events().subscribe();
    started(fixture.store.begin(&edit, NOW).await.unwrap());
    assert!(fixture.waiting().await.is_empty());
    let mut cleared = 0;
    while let Ok(event) = events.try_recv() {
        if let CoreEvent::Queue(change) = event {
            cleared += change.cleared;
            assert_eq!((change.count, change.paused), (0, false));
        }
    }
    assert_eq!(cleared, 1);
    let restored = fixture.store.restore_queued(&waits).await.unwrap();
    assert_eq!(restored, RestoreOutcome::Restored, "with Undo");
}

#[tokio::test]
async fn what_was_removed_is_purged_after_the_time_for_undo() {
    let fixture = Fixture::new().await;
    fixture.begin("first", NOW).await;
    let file = fixture.attach_text("a.txt").await;
    let turn = queueing(NewMessage {
        attachments: vec![file.clone()],
        ..fixture.message("second")
    });
    let store = &fixture.store;
    let id = queued(store.begin(&turn, NOW).await.unwrap()).queued_message_id;
    assert!(store.remove_queued(&id, NOW).await.unwrap());
    let early = store.purge_removed(NOW, UNDO).await.unwrap();
    assert_eq!((early.purged, early.next), (0, Some(NOW + UNDO)));
    let due = store.purge_removed(NOW + UNDO, UNDO).await.unwrap();
    assert_eq!((due.purged, due.next), (1, None));
    let restored = store.restore_queued(&id).await.unwrap();
    assert_eq!(restored, RestoreOutcome::NotFound);
    assert_eq!(store.attachment(&file).await.unwrap(), None);

    let id = fixture.enqueue("third").await;
    let later = NOW + Duration::from_mins(1);
    assert!(store.remove_queued(&id, later).await.unwrap());
    let set_back = store.purge_removed(NOW, UNDO).await.unwrap();
    assert_eq!(set_back.purged, 1, "a clock set back keeps nothing");
}

/// A restored backup must not send again what was sent since, nor show what was removed.
#[tokio::test]
async fn backups_hold_only_what_still_waits() {
    let fixture = Fixture::new().await;
    let first = fixture.begin("first", NOW).await;
    let file = fixture.attach_text("a.txt").await;
    let sent = queueing(NewMessage {
        attachments: vec![file],
        ..fixture.message("sent since")
    });
    fixture.store.begin(&sent, NOW).await.unwrap();
    let removed = fixture.enqueue("removed since").await;
    let edited = fixture.enqueue("edited since").await;
    fixture.enqueue("still waiting").await;
    let store = &fixture.store;
    let cancelled = tokio_util::sync::CancellationToken::new();
    store.back_up_daily(NOW, cancelled).await.unwrap();
    fixture.end_as(&first, MessageStatus::Complete).await;
    fixture.drain_one().await;
    assert!(store.remove_queued(&removed, NOW).await.unwrap());
    assert!(
        store
            .edit_queued(&edited, "other text", None)
            .await
            .unwrap()
    );
    store.purge_unsent_in_copies().await.unwrap();
    let backup = crate::backups(fixture.folder.path()).remove(0).path;
    let bytes = std::fs::read(&backup).unwrap();
    let holds = |text: &str| {
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    assert!(holds("still waiting"));
    for gone in ["sent since", "removed since", "edited since", "in a.txt"] {
        assert!(!holds(gone), "{gone}");
    }
    let copy = Store::open(&backup, true, NOW).await.unwrap();
    let queue = copy.queue(&fixture.conversation.id, None, NOW).await;
    assert_eq!(queue.unwrap().unwrap().items.len(), 1);
}

#[tokio::test]
async fn a_deleted_conversation_takes_its_queue() {
    let fixture = Fixture::new().await;
    let (store, id) = (&fixture.store, &fixture.conversation.id);
    let first = fixture.begin("first", NOW).await;
    let waits = fixture.enqueue("second").await;
    fixture.end_as(&first, MessageStatus::Complete).await;
    assert!(store.delete_conversation(id, NOW).await.unwrap());
    assert!(fixture.ready(NOW).await.is_empty());
    assert_eq!(store.queue(id, None, NOW).await.unwrap(), None);
    assert!(!store.edit_queued(&waits, "x", None).await.unwrap());
    assert!(!store.remove_queued(&waits, NOW).await.unwrap());
    assert!(!store.pause_queue(id, None, true).await.unwrap());
    let now = fixture
        .begin_queued(QueuedTurn::Now(waits.clone()), NOW)
        .await;
    assert_eq!(now, BeginOutcome::NotFound(Entity::QueuedMessage));
    assert!(store.restore_conversation(id).await.unwrap());
    assert_eq!(fixture.ready(NOW).await.len(), 1);
    fixture.purge().await;
    let left = sqlx::query_scalar("SELECT count(*) FROM queued_messages");
    let left: i64 = left.fetch_one(&store.readers).await.unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn other_processes_see_every_change_of_a_queue() {
    let fixture = Fixture::new().await;
    let (store, id) = (&fixture.store, &fixture.conversation.id);
    fixture.begin("first", NOW).await;
    let theirs = Store::open(&fixture.path(), false, NOW).await.unwrap();
    let mut seen = vec![theirs.queue_marks().await.unwrap()];
    assert_eq!(seen[0], []);
    let (a, b) = (fixture.enqueue("a").await, fixture.enqueue("b").await);
    for change in 0..6 {
        match change {
            0 => {}
            1 => assert!(store.edit_queued(&a, "x", None).await.unwrap()),
            2 => assert!(store.move_queued(&b, 1).await.unwrap()),
            3 => assert!(store.hold_queued(&b, true, NOW).await.unwrap()),
            4 => assert!(store.pause_queue(id, None, true).await.unwrap()),
            _ => assert!(store.remove_queued(&a, NOW).await.unwrap()),
        }
        let marks = theirs.queue_marks().await.unwrap();
        assert!(!seen.contains(&marks), "{change}: {marks:?}");
        seen.push(marks);
    }
    let last = &seen.last().unwrap()[0];
    assert_eq!((last.count, last.paused), (1, true));
}

/// F1: the transaction that takes the message out of its queue decides, in whichever process.
#[tokio::test(flavor = "multi_thread")]
async fn f1_of_many_drainers_one_sends_a_message() {
    let fixture = Fixture::new().await;
    let first = fixture.begin("first", NOW).await;
    let ids = [fixture.enqueue("a").await, fixture.enqueue("b").await];
    fixture.end_as(&first, MessageStatus::Complete).await;
    let other = Store::open(&fixture.path(), false, NOW).await.unwrap();
    let mut begins = Vec::new();
    for n in 0..20 {
        let store = if n % 2 == 0 { &fixture.store } else { &other };
        let request = TurnRequest::queued(QueuedTurn::Next(ids[n / 10].clone()));
        let turn = BeginTurn::new(request, instance());
        begins.push(async move { store.begin(&turn, NOW).await.unwrap() });
    }
    let begun = futures_util::future::join_all(begins).await;
    let started: Vec<_> = begun
        .iter()
        .filter(|begun| matches!(begun, BeginOutcome::Started(_)))
        .collect();
    assert_eq!(started.len(), 1);
    assert_eq!(fixture.contents().await, ["first", "", "a", ""]);
    assert_eq!(fixture.waiting().await, ["b"]);
}

#[tokio::test]
async fn what_waits_is_salvaged_also_without_its_branch_or_its_conversation() {
    let fixture = Fixture::new().await;
    let lane = fixture.second_branch().await;
    fixture.begin("first", NOW).await;
    let file = fixture.attach_text("a.txt").await;
    let with_file = NewMessage {
        attachments: vec![file],
        ..fixture.message("on main")
    };
    queued(
        fixture
            .store
            .begin(&queueing(with_file), NOW)
            .await
            .unwrap(),
    );
    let on_lane = NewMessage {
        branch_id: Some(lane.clone()),
        ..fixture.message("on the lane")
    };
    queued(fixture.store.begin(&queueing(on_lane), NOW).await.unwrap());
    let other = fixture.store.create_conversation(None, None, NOW);
    let other = other.await.unwrap();
    let elsewhere = NewMessage::new(&other.id, "elsewhere");
    started(
        fixture
            .store
            .begin(&turn_with(elsewhere.clone()), NOW)
            .await
            .unwrap(),
    );
    queued(
        fixture
            .store
            .begin(&queueing(elsewhere), NOW)
            .await
            .unwrap(),
    );
    let folder = crate::new_folder(fixture.folder.path(), NOW).unwrap();
    let lost = format!(
        "PRAGMA foreign_keys = OFF; DELETE FROM branches WHERE id = '{lane}';
         DELETE FROM conversations WHERE id = '{}'; PRAGMA foreign_keys = ON",
        other.id
    );
    fixture.store.execute(&lost).await;
    crate::salvage(&fixture.path(), &folder, NOW).await.unwrap();
    let saved = Store::open(&folder.join("conch.db"), true, NOW).await;
    let saved = saved.unwrap();
    let on = async |id| {
        let queue = saved.queue(id, None, NOW).await.unwrap().unwrap();
        let items = queue.items.into_iter();
        items
            .map(|item| (item.content, item.attachments.len()))
            .collect::<Vec<_>>()
    };
    let expected = [("on main".to_owned(), 1), ("on the lane".to_owned(), 0)];
    assert_eq!(on(&fixture.conversation.id).await, expected);
    assert_eq!(on(&other.id).await, [("elsewhere".to_owned(), 0)]);
}
