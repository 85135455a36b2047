//! The concurrency gate of a provider, with real requests.

use conch_core::live::{Phase, TranscriptEvent};
use conch_core::model::{ConversationId, MessageStatus};
use conch_fault_server::{Script, Step};

use crate::{Fixture, answered, send};

#[tokio::test]
async fn concurrent_answers_stay_within_the_limit_and_waiting_is_reported() {
    let fixture = Fixture::new().await;
    let mut form = fixture.form("key-abcd1234");
    form.max_parallel = 2;
    fixture.app.providers.save(&form).await.unwrap();
    fixture
        .server
        .set_default_script(Script::gated("all", "so ", "far"));
    let mut conversations = Vec::new();
    for _ in 0..5 {
        let created = fixture.app.conversations.create(None, None).await.unwrap();
        send(&fixture.app, &created.id, "hello").await;
        conversations.push(created);
    }
    fixture.server.wait_for_requests(2).await;
    let third = &conversations[2].main_branch_id;
    let mut waits_for = None;
    let follow = fixture.app.turns.follow(third, |event| {
        if let TranscriptEvent::Phase {
            phase: Phase::WaitingForSlot { provider, .. },
            ..
        } = event
        {
            waits_for = Some(provider);
        }
        waits_for.is_none()
    });
    follow.await;
    assert_eq!(waits_for.as_deref(), Some("Stand-in"));

    fixture.server.gate("all").open();
    for conversation in &conversations {
        let answer = answered(&fixture.app, &conversation.id).await;
        assert_eq!(answer.status, MessageStatus::Complete);
    }
    assert_eq!(fixture.server.completions().len(), 5);
    assert_eq!(fixture.server.peak_completions(), 2);
}

/// Waits until the answer on this branch reports that it waits for a slot, and returns the provider's name.
async fn waits_for_slot(fixture: &Fixture, conversation: &ConversationId) -> Option<String> {
    let branch = fixture
        .app
        .conversations
        .branch(conversation, None)
        .await
        .unwrap();
    let mut waits_for = None;
    let follow = fixture.app.turns.follow(&branch, |event| {
        if let TranscriptEvent::Phase {
            phase: Phase::WaitingForSlot { provider, .. },
            ..
        } = event
        {
            waits_for = Some(provider);
        }
        waits_for.is_none()
    });
    follow.await;
    waits_for
}

#[tokio::test]
async fn a_server_with_fewer_slots_than_answers_is_queued_for_and_said_so() {
    let fixture = Fixture::new().await;
    fixture.add("key-abcd1234").await;
    fixture.server.set_slots(1);
    fixture
        .server
        .set_default_script(Script::gated("all", "so ", "far"));
    let conversations = [
        fixture.conversation().await,
        fixture.conversation().await,
        fixture.conversation().await,
    ];
    send(&fixture.app, &conversations[0], "hello").await;
    fixture.server.wait_for_requests(1).await;
    assert_eq!(
        fixture.server.slot_requests(),
        0,
        "one answer needs no more than a slot"
    );
    for conversation in &conversations[1..] {
        send(&fixture.app, conversation, "hello").await;
        let waits_for = waits_for_slot(&fixture, conversation).await;
        assert_eq!(waits_for.as_deref(), Some("Stand-in"));
    }
    assert_eq!(
        fixture.server.completions().len(),
        1,
        "the others wait here"
    );
    assert_eq!(
        fixture.server.slot_requests(),
        1,
        "and it is known for a while"
    );

    fixture.server.gate("all").open();
    for conversation in &conversations {
        let answer = answered(&fixture.app, conversation).await;
        assert_eq!(answer.status, MessageStatus::Complete);
    }
    assert_eq!(fixture.server.peak_completions(), 1);
}

#[tokio::test]
async fn a_busy_server_that_says_nothing_of_its_slots_is_waited_for_and_said_so() {
    let fixture = Fixture::new().await;
    fixture.add("key-abcd1234").await;
    // It sends no head until the first answer has ended.
    fixture.server.push(Script::gated("first", "so ", "far"));
    fixture.server.push(Script::new([
        Step::Wait("second".to_owned()),
        Step::Head,
        Step::Delta("And now you.".to_owned()),
        Step::Finish("stop".to_owned()),
        Step::Done,
    ]));
    let (first, second) = (fixture.conversation().await, fixture.conversation().await);
    send(&fixture.app, &first, "hello").await;
    fixture.server.wait_for_requests(1).await;
    send(&fixture.app, &second, "me too").await;
    let waits_for = waits_for_slot(&fixture, &second).await;
    assert_eq!(waits_for.as_deref(), Some("Stand-in"));

    fixture.server.gate("first").open();
    answered(&fixture.app, &first).await;
    fixture.server.gate("second").open();
    let answer = answered(&fixture.app, &second).await;
    assert_eq!(answer.content(), "And now you.");
}

#[tokio::test]
async fn a_generation_waiting_for_a_slot_can_be_stopped_without_a_request() {
    let fixture = Fixture::new().await;
    let mut form = fixture.form("key-abcd1234");
    form.max_parallel = 1;
    fixture.app.providers.save(&form).await.unwrap();
    fixture.server.push(Script::gated("first", "so ", "far"));
    let (first, second) = (fixture.conversation().await, fixture.conversation().await);
    send(&fixture.app, &first, "hello").await;
    fixture.server.wait_for_requests(1).await;
    send(&fixture.app, &second, "me too").await;
    let lock = fixture.app.turns.lock_status(&second, None).await.unwrap();
    let stopped = fixture.app.turns.stop(&lock.generation_id.unwrap()).await;
    assert!(stopped.stopped);
    assert_eq!(
        answered(&fixture.app, &second).await.status,
        MessageStatus::Stopped
    );

    fixture.server.gate("first").open();
    assert_eq!(
        answered(&fixture.app, &first).await.status,
        MessageStatus::Complete
    );
    assert_eq!(fixture.server.completions().len(), 1);
}

#[tokio::test]
async fn one_refusal_holds_all_who_wait_back_until_its_pause_is_over() {
    let fixture = Fixture::new().await;
    fixture.add("key-abcd1234").await;
    let refusal = Step::status(
        429,
        &[("retry-after-ms", "400")],
        r#"{"error":"slow down"}"#,
    );
    fixture.server.push(Script::new([refusal]));
    let refused = fixture.conversation().await;
    send(&fixture.app, &refused, "first").await;
    fixture.server.wait_for_requests(1).await;
    // By the time the answer reports the retry, the gate has recorded the refusal.
    let branch = fixture
        .app
        .conversations
        .branch(&refused, None)
        .await
        .unwrap();
    let follow = fixture.app.turns.follow(&branch, |event| {
        !matches!(
            event,
            TranscriptEvent::Phase {
                phase: Phase::Retrying { .. } | Phase::WaitingForSlot { .. },
                ..
            }
        )
    });
    tokio::select! {
        () = follow => {}
        // On a busy machine the pause may be over before the subscription.
        _ = answered(&fixture.app, &refused) => {}
    }
    let others = [fixture.conversation().await, fixture.conversation().await];
    for other in &others {
        send(&fixture.app, other, "another").await;
    }
    assert_eq!(
        answered(&fixture.app, &refused).await.status,
        MessageStatus::Complete
    );
    for other in &others {
        assert_eq!(
            answered(&fixture.app, other).await.status,
            MessageStatus::Complete
        );
    }
    let asked = fixture.server.completions();
    let first_words: Vec<_> = asked
        .iter()
        .map(|request| request.body["messages"][0]["content"].as_str().unwrap())
        .collect();
    assert_eq!(
        first_words[..2],
        ["first", "first"],
        "nobody overtook the refused one"
    );
    assert_eq!(asked.len(), 4);
}
