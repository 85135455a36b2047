//! Answering again: a good answer is never lost by it, and nothing that follows is hidden.

use conch_core::ErrorCode;
use conch_core::chat::{Accepted, AttemptSource, MessageStatus};
use conch_core::ids::{MessageId, RequestId};
use conch_fault_server::{Script, Step};

use crate::{Scene, accepted, open, settled};

impl Scene {
    async fn answer_again(&self, id: &MessageId) -> Accepted {
        let (request, source) = (RequestId::fresh(), AttemptSource::Regenerate);
        let begun = self.app.generate_response(id, None, &request, source);
        accepted(begun.await)
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
    let scene = Scene::new().await;
    let good = scene.answered("hello", "good").await;
    let refusal = r#"{"error":{"message":"Incorrect API key provided"}}"#;
    scene.server.push(Script::status(401, refusal));
    let tried = scene.answer_again(&good.assistant_message_id).await;
    let shown = scene.answer().await;
    assert_eq!(
        (shown.status, shown.content.as_str()),
        (MessageStatus::Complete, "good")
    );
    let failed = shown.failed_version.unwrap();
    assert_eq!(failed.message_id, tried.assistant_message_id);
    assert!(failed.error.unwrap().message.contains("Incorrect API key"));
    assert!(!failed.has_text);

    let half = Script::new([Step::Head, Step::Delta("half".into()), Step::Close]);
    scene.server.push(half);
    let tried = scene.answer_again(&good.assistant_message_id).await;
    let shown = scene.answer().await;
    assert_eq!(shown.content, "good");
    assert!(shown.failed_version.unwrap().has_text);
    let chosen = scene.app.select_version(&tried.assistant_message_id).await;
    assert_eq!(chosen.unwrap().head_message_id, tried.assistant_message_id);
    assert_eq!(scene.answer().await.content, "half", "what came is there");

    scene.server.push(Script::answer("better"));
    scene.answer_again(&tried.assistant_message_id).await;
    let shown = scene.answer().await;
    assert_eq!(
        (shown.content.as_str(), shown.versions.count),
        ("better", 4)
    );
}

#[tokio::test]
async fn a_stop_before_the_first_word_leaves_the_good_answer() {
    let scene = Scene::new().await;
    let good = scene.answered("hello", "good").await;
    scene.server.push(Script::held("never", "", "too late"));
    let tried = scene.answer_again(&good.assistant_message_id).await;
    let busy = scene.app.select_version(&good.assistant_message_id).await;
    assert_eq!(busy.unwrap_err().code(), ErrorCode::GenerationInProgress);
    assert!(
        scene
            .app
            .stop_generation(&tried.generation_id)
            .await
            .stopped
    );
    let shown = scene.answer().await;
    assert_eq!(shown.content, "good");
    let failed = shown.failed_version.unwrap();
    assert_eq!(failed.status, MessageStatus::Stopped);
}

#[tokio::test]
async fn a_quit_in_the_middle_of_answering_again_leaves_the_good_answer() {
    let scene = Scene::new().await;
    let good = scene.answered("hello", "good").await;
    scene.server.push(Script::held("never", "half", "lost"));
    scene.answer_again(&good.assistant_message_id).await;
    scene.wait_for_text("half").await;
    scene.app.quit().await;
    let app = open(scene.folder.path(), &scene.server).await;
    let shown = settled(&app, &scene.conversation.id)
        .await
        .messages
        .remove(1);
    assert_eq!(
        (shown.status, shown.content.as_str()),
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
    let scene = Scene::new().await;
    scene
        .server
        .push(Script::status(401, r#"{"error":{"message":"no"}}"#));
    let first = accepted(scene.send("one").await);
    scene.settled().await;
    scene.answered("two", "second").await;
    let before = scene.settled().await.messages;
    assert_eq!(before.len(), 4);

    scene.server.push(Script::answer("at last"));
    let retried = scene.answer_again(&first.assistant_message_id).await;
    let app = &scene.app;
    assert_ne!(retried.branch_id, scene.conversation.main_branch_id);
    assert_eq!(scene.settled().await.messages.len(), 4);
    let id = &scene.conversation.id;
    let there = loop {
        let view = app
            .get_conversation(id, Some(&retried.branch_id))
            .await
            .unwrap();
        if !view.lock.locked {
            break view;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(there.messages.len(), 2);
    assert_eq!(there.messages[1].content, "at last");
    let shown = scene.settled().await.messages;
    assert_eq!(shown[1].versions.ids, there.messages[1].versions.ids);
    let ids = |messages: &[conch_core::chat::Message]| {
        messages.iter().map(|m| m.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&shown), ids(&before));
}
