//! What a send does while an answer is running: its own policy, the conversation's, or the default of all.

use std::time::Duration;

use conch_model::{
    Ending, FencedWrite, LEASE, MessageStatus, NewMessage, QueuedTurn, SendPolicy, TurnRequest,
};

use super::queue::{queued, queueing, started};
use super::{Fixture, NOW, complete, instance, turn_with};
use crate::{
    AttemptOutcome, BeginOutcome, BeginTurn, NextTurn, Piece, StartedTurn, Succession, Takeover,
};

const ALL: [SendPolicy; 4] = [
    SendPolicy::Reject,
    SendPolicy::Queue,
    SendPolicy::Interrupt,
    SendPolicy::Rollback,
];

impl Fixture {
    async fn send_as(&self, content: &str, policy: Option<SendPolicy>) -> BeginOutcome {
        let mut turn = self.turn(content);
        turn.request.policy = policy;
        self.store.begin(&turn, NOW).await.unwrap()
    }

    /// Ends a turn that has this text, and begins another in its place.
    async fn succeed(&self, turn: &StartedTurn, text: &str, next: NextTurn) -> BeginOutcome {
        let rest = Piece::from(text);
        let rest = (!text.is_empty()).then_some((0, &rest));
        let ending = Ending::new(MessageStatus::Stopped, None);
        let ended = self
            .store
            .finish_and_begin(&turn.lease, rest, &ending, &next, NOW);
        match ended.await.unwrap() {
            Succession::Begun(begun) => begun,
            other => panic!("{other:?}"),
        }
    }

    fn next(&self, content: &str, takeover: Takeover) -> NextTurn {
        NextTurn {
            turn: self.turn(content),
            takeover,
        }
    }

    async fn attempts(&self, outcome: AttemptOutcome) -> u64 {
        self.store.count_attempts(outcome).await.unwrap()
    }
}

fn kind(begun: &BeginOutcome) -> SendPolicy {
    match begun {
        BeginOutcome::Busy { .. } => SendPolicy::Reject,
        BeginOutcome::Queued(_) => SendPolicy::Queue,
        BeginOutcome::StopFirst { takeover, .. } => match takeover {
            Takeover::Interrupt => SendPolicy::Interrupt,
            Takeover::Rollback => SendPolicy::Rollback,
        },
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_send_follows_its_own_policy_then_the_conversations_then_the_default() {
    let fixture = Fixture::new().await;
    let (store, id) = (&fixture.store, &fixture.conversation.id);
    fixture.begin("first", NOW).await;
    assert_eq!(kind(&fixture.send_as("x", None).await), SendPolicy::Reject);
    for default in ALL {
        store.profile().set_send_policy(default).await.unwrap();
        assert!(store.set_send_policy(id, None).await.unwrap());
        assert_eq!(kind(&fixture.send_as("x", None).await), default);
        for own in ALL {
            assert!(store.set_send_policy(id, Some(own)).await.unwrap());
            let view = store.get_conversation(id, None, NOW).await.unwrap();
            assert_eq!(view.unwrap().send_policy, Some(own));
            assert_eq!(kind(&fixture.send_as("x", None).await), own);
            for of_send in ALL {
                let sent = fixture.send_as("x", Some(of_send)).await;
                assert_eq!(kind(&sent), of_send, "{default:?} {own:?}");
                assert!(store.clear_queue(id, None, NOW).await.unwrap());
                store.purge_removed(NOW, Duration::ZERO).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn every_policy_sends_at_once_while_nothing_is_in_the_way() {
    for policy in ALL {
        let fixture = Fixture::new().await;
        for _ in 0..2 {
            let turn = started(fixture.send_as("hello", Some(policy)).await);
            fixture.end_as(&turn, MessageStatus::Complete).await;
        }
        assert_eq!(fixture.attempts(AttemptOutcome::Started).await, 2);
    }
}

#[tokio::test]
async fn a_queueing_send_never_overtakes_what_waits() {
    let fixture = Fixture::new().await;
    let first = fixture.begin("first", NOW).await;
    fixture.enqueue("second").await;
    fixture.end_as(&first, MessageStatus::Complete).await;
    let third = fixture.send_as("third", Some(SendPolicy::Queue)).await;
    assert_eq!(queued(third).position, 2, "the branch is free");
    assert_eq!(fixture.waiting().await, ["second", "third"]);
}

#[tokio::test]
async fn an_answer_and_an_edit_are_refused_under_every_policy() {
    let fixture = Fixture::new().await;
    let (store, id) = (&fixture.store, &fixture.conversation.id);
    let first = fixture.begin("first", NOW).await;
    for policy in ALL {
        assert!(store.set_send_policy(id, Some(policy)).await.unwrap());
        for request in [
            TurnRequest::answer(&first.accepted.user_message_id),
            TurnRequest::edit(&first.accepted.user_message_id, "x"),
        ] {
            let turn = BeginTurn::new(request, instance());
            let begun = store.begin(&turn, NOW).await.unwrap();
            assert_eq!(kind(&begun), SendPolicy::Reject);
        }
    }
}

/// The answer of another branch is not in the way; the capacity is, and only waiting helps.
#[tokio::test]
async fn no_policy_stops_the_answer_of_another_branch() {
    let fixture = Fixture::new().await;
    let lane = fixture.second_branch().await;
    let first = fixture.begin("first", NOW).await;
    for (policy, waits) in ALL.into_iter().zip([false, true, false, false]) {
        let mut turn = turn_with(NewMessage {
            branch_id: Some(lane.clone()),
            ..fixture.message("on the lane")
        });
        turn.request.policy = Some(policy);
        let begun = fixture.store.begin(&turn, NOW).await.unwrap();
        if waits {
            queued(begun);
        } else {
            let branch_id = first.lease.branch_id.clone();
            assert_eq!(begun, BeginOutcome::Busy { branch_id });
        }
    }
}

#[tokio::test]
async fn interrupt_keeps_the_part_and_pauses_nothing() {
    let fixture = Fixture::new().await;
    let first = fixture.begin("first", NOW).await;
    fixture.enqueue("waits").await;
    let next = fixture.next("second", Takeover::Interrupt);
    let second = started(fixture.succeed(&first, "half of it", next).await);
    assert_eq!(
        fixture.contents().await,
        ["first", "half of it", "second", ""]
    );
    assert_eq!(second.lease.fence, first.lease.fence + 1);
    assert_eq!(fixture.waiting().await, ["waits"]);
    assert_eq!(fixture.reason().await, None);
    assert_eq!(fixture.attempts(AttemptOutcome::Interrupted).await, 1);
    let late = Ending::new(MessageStatus::Complete, None);
    let late = fixture.store.finish(&first.lease, None, &late, NOW).await;
    assert_eq!(late.unwrap(), FencedWrite::Lost);
}

#[tokio::test]
async fn rollback_takes_the_whole_turn_out_and_keeps_it_as_a_version() {
    let fixture = Fixture::new().await;
    fixture.talk("before", "answer").await;
    let wrong = fixture.begin("wrong", NOW).await;
    let next = fixture.next("right", Takeover::Rollback);
    let right = started(fixture.succeed(&wrong, "half", next).await);
    assert_eq!(fixture.contents().await, ["before", "answer", "right", ""]);
    assert_eq!(fixture.attempts(AttemptOutcome::RolledBack).await, 1);
    fixture.end_as(&right, MessageStatus::Complete).await;
    let id = &fixture.conversation.id;
    let view = fixture.store.get_conversation(id, None, NOW).await.unwrap();
    let versions = &view.unwrap().messages[2].versions;
    assert_eq!((versions.index, versions.count), (2, 2));
    let old = &wrong.accepted.user_message_id;
    fixture.store.select_version(old).await.unwrap();
    assert_eq!(fixture.contents().await[2..], ["wrong", "half"]);
    let reason: String = sqlx::query_scalar("SELECT end_reason FROM generations WHERE id = ?")
        .bind(&wrong.lease.generation_id)
        .fetch_one(&fixture.store.readers)
        .await
        .unwrap();
    assert_eq!(reason, "rolled_back");
}

#[tokio::test]
async fn rollback_returns_to_what_the_branch_showed_before_the_turn() {
    // The first message of a conversation.
    let fixture = Fixture::new().await;
    let wrong = fixture.begin("wrong", NOW).await;
    let next = fixture.next("right", Takeover::Rollback);
    let right = started(fixture.succeed(&wrong, "", next).await);
    assert_eq!(fixture.contents().await, ["right", ""]);
    fixture.end_as(&right, MessageStatus::Complete).await;

    // Another version of an answer: the older one is shown again, and followed.
    let fixture = Fixture::new().await;
    fixture.talk("question", "good").await;
    let id = &fixture.conversation.id;
    let view = fixture.store.get_conversation(id, None, NOW).await.unwrap();
    let good = view.unwrap().messages[1].id.clone();
    let again = BeginTurn::new(TurnRequest::answer(&good), instance());
    let again = started(fixture.store.begin(&again, NOW).await.unwrap());
    let next = fixture.next("right", Takeover::Rollback);
    started(fixture.succeed(&again, "half", next).await);
    assert_eq!(fixture.contents().await, ["question", "good", "right", ""]);

    // An edited message: its older version with what followed.
    let fixture = Fixture::new().await;
    fixture.talk("question", "good").await;
    let id = &fixture.conversation.id;
    let view = fixture.store.get_conversation(id, None, NOW).await.unwrap();
    let question = view.unwrap().messages[0].id.clone();
    let edit = BeginTurn::new(TurnRequest::edit(&question, "edited"), instance());
    let edit = started(fixture.store.begin(&edit, NOW).await.unwrap());
    let next = fixture.next("right", Takeover::Rollback);
    started(fixture.succeed(&edit, "half", next).await);
    assert_eq!(fixture.contents().await, ["question", "good", "right", ""]);
}

/// F5: stopping what runs and sending what was chosen are one transaction, so nothing drains between them.
#[tokio::test]
async fn f5_send_now_takes_the_branch_over_and_leaves_the_others_waiting() {
    let fixture = Fixture::new().await;
    let first = fixture.begin("first", NOW).await;
    fixture.enqueue("a").await;
    let b = fixture.enqueue("b").await;
    let now = QueuedTurn::Now(b.clone());
    let begun = fixture.begin_queued(now.clone(), NOW).await;
    let generation_id = first.lease.generation_id.clone();
    let branch_id = first.lease.branch_id.clone();
    assert_eq!(
        begun,
        BeginOutcome::StopFirst {
            branch_id,
            generation_id,
            takeover: Takeover::Interrupt
        }
    );
    assert_eq!(fixture.waiting().await, ["a", "b"], "nothing changed yet");
    let next = NextTurn {
        turn: BeginTurn::new(TurnRequest::queued(now), instance()),
        takeover: Takeover::Interrupt,
    };
    let sent = started(fixture.succeed(&first, "half", next).await);
    assert_eq!(fixture.contents().await, ["first", "half", "b", ""]);
    assert_eq!(fixture.waiting().await, ["a"]);
    assert_eq!(fixture.reason().await, None);
    let again = fixture.begin_queued(QueuedTurn::Now(b), NOW).await;
    assert_eq!(again, BeginOutcome::Duplicate(sent.accepted.clone()));

    fixture.end_as(&sent, MessageStatus::Stopped).await;
    assert!(fixture.ready(NOW).await.is_empty(), "Stop paused it");
    let a = fixture.queue().await.items.remove(0).id;
    started(fixture.begin_queued(QueuedTurn::Now(a), NOW).await);
}

#[tokio::test]
async fn a_turn_that_cannot_follow_changes_nothing() {
    let fixture = Fixture::new().await;
    let first = fixture.begin("first", NOW).await;
    let gone = NewMessage {
        attachments: vec!["gone".to_owned().into()],
        ..fixture.message("second")
    };
    let next = NextTurn {
        turn: turn_with(gone),
        takeover: Takeover::Interrupt,
    };
    let ending = Ending::new(MessageStatus::Stopped, None);
    let ended = fixture
        .store
        .finish_and_begin(&first.lease, None, &ending, &next, NOW);
    let ended = ended.await.unwrap();
    assert!(matches!(
        ended,
        Succession::Refused(BeginOutcome::AttachmentGone)
    ));
    let locked = fixture
        .store
        .lock_status(&fixture.conversation.id, None, NOW);
    assert!(locked.await.unwrap().unwrap().locked, "it still runs");
    fixture.end_as(&first, MessageStatus::Complete).await;
}

/// F3: whatever asks whether a branch is busy gets the answer that a send gets.
#[tokio::test]
async fn f3_button_queue_lists_and_send_agree_on_busy() {
    for (parallel, expired) in [(1, false), (2, false), (1, true), (2, true)] {
        let fixture = Fixture::new().await;
        let (store, id) = (&fixture.store, &fixture.conversation.id);
        let lane = fixture.second_branch().await;
        assert!(store.set_max_parallel(id, parallel).await.unwrap());
        let first = fixture.begin("first", NOW).await;
        let now = if expired { NOW + LEASE } else { NOW };
        let listed = store.list_conversations(None, 9, now).await.unwrap();
        assert_eq!(listed[0].busy, !expired);
        let branches = store.branches(id, now).await.unwrap().unwrap();
        for branch in branches {
            let branch_id = Some(&branch.id);
            let lock = store.lock_status(id, branch_id, now).await;
            let lock = lock.unwrap().unwrap();
            assert_eq!(branch.locked, lock.locked);
            assert_eq!(lock.locked, !expired && branch.id != lane);
            let waits = queueing(NewMessage {
                branch_id: Some(branch.id.clone()),
                ..fixture.message("waits")
            });
            let sent = store.begin(&waits, now).await.unwrap();
            assert_eq!(
                matches!(sent, BeginOutcome::Started(_)),
                lock.can_send,
                "{parallel} {expired} {}",
                branch.name
            );
            if let BeginOutcome::Started(turn) = sent {
                // The other branch is asked in the same state.
                let ending = complete();
                let ended = store.finish(&turn.lease, None, &ending, now).await;
                assert_eq!(ended.unwrap(), FencedWrite::Written);
            } else {
                let ready = store.ready_in_queues(now).await.unwrap();
                assert!(ready.next.is_empty());
                assert!(store.clear_queue(id, branch_id, now).await.unwrap());
            }
        }
        drop(first);
    }
}
