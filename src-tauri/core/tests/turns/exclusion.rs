//! One answer at a time.

use conch_core::model::{LockReason, MessageStatus, TurnRequest};
use conch_core::{App, ErrorCode};
use conch_fault_server::Script;

use crate::{Fixture, accepted, next_lock_change, send, settled};

async fn is_locked(app: &App, fixture: &Fixture) -> bool {
    app.turns
        .lock_status(&fixture.conversation.id, None)
        .await
        .unwrap()
        .locked
}

/// The work item's first unit test.
#[tokio::test]
async fn should_prevent_concurrent_generation() {
    let fixture = Fixture::new().await;
    fixture
        .server
        .push(Script::gated("hold", "first ", "answer"));
    let first = accepted(fixture.send("message 1").await);

    let refused = fixture.send("message 2").await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::GenerationInProgress);
    assert_eq!(
        refused.to_string(),
        "Please wait for the current response to complete before sending another message"
    );
    let again = fixture
        .app
        .turns
        .start(TurnRequest::answer(&first.user_message_id))
        .await
        .unwrap_err();
    assert_eq!(again.code(), ErrorCode::GenerationInProgress);
    assert_eq!(
        again.to_string(),
        "A generation is already in progress for this conversation"
    );

    fixture.server.gate("hold").open();
    assert_eq!(fixture.answer().await.content(), "first answer");

    fixture.server.push(Script::answer("second answer"));
    accepted(fixture.send("message 2").await);
    assert_eq!(fixture.answer().await.content(), "second answer");
    assert_eq!(
        fixture.server.peak_completions(),
        1,
        "the provider never saw two at once"
    );
}

/// The work item's second unit test.
#[tokio::test]
async fn should_release_lock_on_error() {
    let fixture = Fixture::new().await;
    fixture.server.push(Script::status(
        400,
        r#"{"error":{"message":"mocked failure"}}"#,
    ));
    accepted(fixture.send("message 1").await);

    let failed = fixture.answer().await;
    assert_eq!(failed.status, MessageStatus::Failed);
    assert!(failed.error.unwrap().message.contains("mocked failure"));
    assert!(!is_locked(&fixture.app, &fixture).await);

    fixture.server.push(Script::answer("it works"));
    accepted(fixture.send("message 2").await);
    assert_eq!(fixture.answer().await.status, MessageStatus::Complete);
}

#[tokio::test]
async fn two_conversations_answer_side_by_side() {
    let fixture = Fixture::new().await;
    let other = fixture.app.conversations.create(None, None).await.unwrap();
    fixture.server.push(Script::gated("one", "a", "b"));
    fixture.server.push(Script::gated("two", "c", "d"));
    accepted(fixture.send("first").await);
    fixture.server.wait_for_requests(1).await;
    accepted(send(&fixture.app, &other.id, "second").await);
    fixture.server.wait_for_requests(2).await;
    assert_eq!(fixture.server.peak_completions(), 2);

    fixture.server.gate("two").open();
    assert_eq!(
        settled(&fixture.app, &other.id).await.messages[1].content(),
        "cd"
    );
    assert!(
        is_locked(&fixture.app, &fixture).await,
        "the first still writes"
    );
    fixture.server.gate("one").open();
    assert_eq!(fixture.answer().await.content(), "ab");
}

#[tokio::test]
async fn lock_changes_are_published_in_order() {
    let fixture = Fixture::new().await;
    let mut events = fixture.app.subscribe();
    let mut received = Vec::new();
    for text in ["one", "two"] {
        fixture.server.push(Script::answer(text));
        accepted(fixture.send(text).await);
        for _ in 0..2 {
            let change = next_lock_change(&mut events).await;
            received.push((change.fence, change.reason));
        }
        fixture.settled().await;
    }
    let expected = [
        (1, LockReason::Acquired),
        (1, LockReason::Released),
        (2, LockReason::Acquired),
        (2, LockReason::Released),
    ];
    assert_eq!(received, expected);
}

#[tokio::test]
async fn bad_input_stores_nothing_and_says_why() {
    let fixture = Fixture::new().await;
    let code = async |content: &str| fixture.send(content).await.unwrap_err().code();
    assert_eq!(code(" \n\t ").await, ErrorCode::EmptyMessage);
    assert_eq!(code(&"é".repeat(600_000)).await, ErrorCode::MessageTooLong);
    assert!(fixture.settled().await.messages.is_empty());

    let nowhere = "nowhere".to_owned();
    let unknown = send(&fixture.app, &nowhere.clone().into(), "hello")
        .await
        .unwrap_err();
    assert_eq!(unknown.code(), ErrorCode::NotFound);
    let unknown = fixture
        .app
        .turns
        .start(TurnRequest::answer(&nowhere.into()))
        .await
        .unwrap_err();
    assert_eq!(unknown.to_string(), "Message not found");
}
