//! The gate before a provider, with real requests.

use conch_core::chat::{MessageStatus, Phase, TranscriptEvent};
use conch_core::ids::ConversationId;
use conch_fault_server::{Script, Step};

use crate::{Scene, answered, send};

#[tokio::test]
async fn no_more_answers_run_at_once_than_the_provider_may_have_and_waiting_is_told() {
    let scene = Scene::new().await;
    let mut form = scene.form("key-abcd1234");
    form.max_parallel = 2;
    scene.app.save_provider(&form).await.unwrap();
    scene.server.always(Script::held("all", "so ", "far"));
    let mut conversations = Vec::new();
    for _ in 0..5 {
        let created = scene.app.create_conversation(None, None).await.unwrap();
        send(&scene.app, &created.id, "hello").await;
        conversations.push(created);
    }
    scene.server.wait_for_requests(2).await;
    let third = &conversations[2].main_branch_id;
    let mut waits_for = None;
    let follow = scene.app.follow(third, |event| {
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

    scene.server.gate("all").open();
    for conversation in &conversations {
        let answer = answered(&scene.app, &conversation.id).await;
        assert_eq!(answer.status, MessageStatus::Complete);
    }
    assert_eq!(scene.server.completions().len(), 5);
    assert_eq!(scene.server.peak_completions(), 2);
}

/// Waits until the answer on this branch says that it waits for a slot, and returns at whom.
async fn waits_for_slot(scene: &Scene, conversation: &ConversationId) -> Option<String> {
    let branch = scene.app.branch(conversation, None).await.unwrap();
    let mut waits_for = None;
    let follow = scene.app.follow(&branch, |event| {
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
    let scene = Scene::new().await;
    scene.add("key-abcd1234").await;
    scene.server.tell_slots(1);
    scene.server.always(Script::held("all", "so ", "far"));
    let conversations = [
        scene.conversation().await,
        scene.conversation().await,
        scene.conversation().await,
    ];
    send(&scene.app, &conversations[0], "hello").await;
    scene.server.wait_for_requests(1).await;
    assert_eq!(
        scene.server.slots_asked(),
        0,
        "one answer needs no more than a slot"
    );
    for conversation in &conversations[1..] {
        send(&scene.app, conversation, "hello").await;
        let waits_for = waits_for_slot(&scene, conversation).await;
        assert_eq!(waits_for.as_deref(), Some("Stand-in"));
    }
    assert_eq!(scene.server.completions().len(), 1, "the others wait here");
    assert_eq!(scene.server.slots_asked(), 1, "and it is known for a while");

    scene.server.gate("all").open();
    for conversation in &conversations {
        let answer = answered(&scene.app, conversation).await;
        assert_eq!(answer.status, MessageStatus::Complete);
    }
    assert_eq!(scene.server.peak_completions(), 1);
}

#[tokio::test]
async fn a_busy_server_that_says_nothing_of_its_slots_is_waited_for_and_said_so() {
    let scene = Scene::new().await;
    scene.add("key-abcd1234").await;
    // It sends no head before the first answer has ended.
    scene.server.push(Script::held("first", "so ", "far"));
    scene.server.push(Script::new([
        Step::Wait("second".to_owned()),
        Step::Head,
        Step::Delta("And now you.".to_owned()),
        Step::Finish("stop".to_owned()),
        Step::Done,
    ]));
    let (first, second) = (scene.conversation().await, scene.conversation().await);
    send(&scene.app, &first, "hello").await;
    scene.server.wait_for_requests(1).await;
    send(&scene.app, &second, "me too").await;
    let waits_for = waits_for_slot(&scene, &second).await;
    assert_eq!(waits_for.as_deref(), Some("Stand-in"));

    scene.server.gate("first").open();
    answered(&scene.app, &first).await;
    scene.server.gate("second").open();
    let answer = answered(&scene.app, &second).await;
    assert_eq!(answer.content, "And now you.");
}

#[tokio::test]
async fn who_waits_for_a_slot_can_be_stopped_and_asks_nobody() {
    let scene = Scene::new().await;
    let mut form = scene.form("key-abcd1234");
    form.max_parallel = 1;
    scene.app.save_provider(&form).await.unwrap();
    scene.server.push(Script::held("first", "so ", "far"));
    let (first, second) = (scene.conversation().await, scene.conversation().await);
    send(&scene.app, &first, "hello").await;
    scene.server.wait_for_requests(1).await;
    send(&scene.app, &second, "me too").await;
    let lock = scene.app.is_locked(&second, None).await.unwrap();
    let stopped = scene
        .app
        .stop_generation(&lock.generation_id.unwrap())
        .await;
    assert!(stopped.stopped);
    assert_eq!(
        answered(&scene.app, &second).await.status,
        MessageStatus::Stopped
    );

    scene.server.gate("first").open();
    assert_eq!(
        answered(&scene.app, &first).await.status,
        MessageStatus::Complete
    );
    assert_eq!(scene.server.completions().len(), 1);
}

#[tokio::test]
async fn one_refusal_holds_all_who_wait_back_until_its_pause_is_over() {
    let scene = Scene::new().await;
    scene.add("key-abcd1234").await;
    let refusal = Step::status(
        429,
        &[("retry-after-ms", "400")],
        r#"{"error":"slow down"}"#,
    );
    scene.server.push(Script::new([refusal]));
    let refused = scene.conversation().await;
    send(&scene.app, &refused, "first").await;
    scene.server.wait_for_requests(1).await;
    // The refusal has been noted when the answer says that it will be tried again.
    let branch = scene.app.branch(&refused, None).await.unwrap();
    let follow = scene.app.follow(&branch, |event| {
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
        // On a busy machine the pause may be over before it is looked at.
        _ = answered(&scene.app, &refused) => {}
    }
    let others = [scene.conversation().await, scene.conversation().await];
    for other in &others {
        send(&scene.app, other, "another").await;
    }
    assert_eq!(
        answered(&scene.app, &refused).await.status,
        MessageStatus::Complete
    );
    for other in &others {
        assert_eq!(
            answered(&scene.app, other).await.status,
            MessageStatus::Complete
        );
    }
    let asked = scene.server.completions();
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
