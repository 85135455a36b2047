//! Generating another version: a good answer is never lost, and nothing that follows it is hidden.

use conch_core::ErrorCode;
use conch_core::model::{Accepted, MessageId, MessageStatus, TurnRequest};
use conch_fault_server::{Script, Step};

use crate::{Fixture, accepted, open, settled};

impl Fixture {
    async fn answer_again(&self, id: &MessageId) -> Accepted {
        accepted(self.app.turns.start(TurnRequest::answer(id)).await)
    }

    async fn answered(&self, question: &str, answer: &str) -> Accepted {
        self.server.push(Script::answer(answer));
        let sent = accepted(self.send(question).await);
        self.settled().await;
        sent
    }
}

#[tokio::test]
async fn answering_again_that_fails_leaves_the_good_answer_and_says_why() {
    let fixture = Fixture::new().await;
    let good = fixture.answered("hello", "good").await;
    let refusal = r#"{"error":{"message":"Incorrect API key provided"}}"#;
    fixture.server.push(Script::status(401, refusal));
    let tried = fixture.answer_again(&good.assistant_message_id).await;
    let shown = fixture.answer().await;
    assert_eq!(
        (shown.status, shown.content().as_str()),
        (MessageStatus::Complete, "good")
    );
    let failed = shown.failed_version.unwrap();
    assert_eq!(failed.message_id, tried.assistant_message_id);
    assert!(failed.error.unwrap().message.contains("Incorrect API key"));
    assert!(!failed.has_text);

    let half = Script::new([Step::Head, Step::Delta("half".into()), Step::Close]);
    fixture.server.push(half);
    let tried = fixture.answer_again(&good.assistant_message_id).await;
    let shown = fixture.answer().await;
    assert_eq!(shown.content(), "good");
    assert!(shown.failed_version.unwrap().has_text);
    let chosen = fixture
        .app
        .conversations
        .select_version(&tried.assistant_message_id)
        .await;
    assert_eq!(chosen.unwrap().head_message_id, tried.assistant_message_id);
    assert_eq!(
        fixture.answer().await.content(),
        "half",
        "what came is there"
    );

    fixture.server.push(Script::answer("better"));
    fixture.answer_again(&tried.assistant_message_id).await;
    let shown = fixture.answer().await;
    assert_eq!(
        (shown.content().as_str(), shown.versions.count),
        ("better", 4)
    );
}

#[tokio::test]
async fn a_stop_before_the_first_word_leaves_the_good_answer() {
    let fixture = Fixture::new().await;
    let good = fixture.answered("hello", "good").await;
    fixture.server.push(Script::gated("never", "", "too late"));
    let tried = fixture.answer_again(&good.assistant_message_id).await;
    let busy = fixture
        .app
        .conversations
        .select_version(&good.assistant_message_id)
        .await;
    assert_eq!(busy.unwrap_err().code(), ErrorCode::GenerationInProgress);
    assert!(fixture.app.turns.stop(&tried.generation_id).await.stopped);
    let shown = fixture.answer().await;
    assert_eq!(shown.content(), "good");
    let failed = shown.failed_version.unwrap();
    assert_eq!(failed.status, MessageStatus::Stopped);
}

#[tokio::test]
async fn a_quit_in_the_middle_of_answering_again_leaves_the_good_answer() {
    let fixture = Fixture::new().await;
    let good = fixture.answered("hello", "good").await;
    fixture.server.push(Script::gated("never", "half", "lost"));
    fixture.answer_again(&good.assistant_message_id).await;
    fixture.wait_for_text("half").await;
    fixture.app.quit().await;
    let app = open(fixture.folder.path(), &fixture.server).await;
    let shown = settled(&app, &fixture.conversation.id)
        .await
        .messages
        .remove(1);
    assert_eq!(
        (shown.status, shown.content().as_str()),
        (MessageStatus::Complete, "good")
    );
    let failed = shown.failed_version.unwrap();
    assert_eq!(
        (failed.status, failed.has_text),
        (MessageStatus::Interrupted, true)
    );
}

#[tokio::test]
async fn a_retry_of_an_earlier_turn_hides_nothing_that_follows() {
    let fixture = Fixture::new().await;
    fixture
        .server
        .push(Script::status(401, r#"{"error":{"message":"no"}}"#));
    let first = accepted(fixture.send("one").await);
    fixture.settled().await;
    fixture.answered("two", "second").await;
    let before = fixture.settled().await.messages;
    assert_eq!(before.len(), 4);

    fixture.server.push(Script::answer("at last"));
    let retried = fixture.answer_again(&first.assistant_message_id).await;
    let app = &fixture.app;
    assert_ne!(retried.branch_id, fixture.conversation.main_branch_id);
    assert_eq!(fixture.settled().await.messages.len(), 4);
    let id = &fixture.conversation.id;
    let there = loop {
        let view = app
            .conversations
            .get(id, Some(&retried.branch_id))
            .await
            .unwrap();
        if !view.lock.locked {
            break view;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(there.messages.len(), 2);
    assert_eq!(there.messages[1].content(), "at last");
    let shown = fixture.settled().await.messages;
    assert_eq!(shown[1].versions.ids, there.messages[1].versions.ids);
    let ids = |messages: &[conch_core::model::Message]| {
        messages.iter().map(|m| m.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&shown), ids(&before));
}
