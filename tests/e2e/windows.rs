//! Several views of the same answer: a reloaded page, a second window, another process.

use std::time::Duration;

use conch_core::model::{ConversationId, TurnRequest};
use conch_fault_server::{Script, Step};
use conch_support::application;
use serde_json::{Value, json};

use crate::{Scene, until};

/// What a window shows of the answer and its lock.
const SHOWN: &str = "const input = document.querySelector('#chat-input');
    return [[...document.querySelectorAll('.message')].map((m) =>
        [m.dataset.messageId, m.dataset.role, m.dataset.status, m.querySelector('.text').textContent]),
      input.disabled, input.placeholder, !!document.querySelector('#stop-button'),
      document.querySelector('.conversation .busy') !== null];";

fn in_three_parts() -> Script {
    Script::new(vec![
        Step::Head,
        Step::Delta("one ".to_owned()),
        Step::Wait("two".to_owned()),
        Step::Delta("two ".to_owned()),
        Step::Wait("three".to_owned()),
        Step::Delta("three".to_owned()),
        Step::Finish("stop".to_owned()),
        Step::Done,
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_reloads_during_an_answer_continues_from_there() {
    let scene = Scene::open().await;
    scene.server.push(in_three_parts());
    scene.send("Count").await;
    scene.wait_for_answer("generating", "one ").await;
    let before = scene.run(SHOWN).await;

    scene.window.reload().await.unwrap();
    scene.wait_for_answer("generating", "one ").await;
    assert_eq!(scene.run(SHOWN).await, before);
    scene.server.gate("two").open();
    scene.wait_for_answer("generating", "one two ").await;
    scene.server.gate("three").open();
    scene.wait_for_answer("complete", "one two three").await;
    assert!(!scene.is_disabled().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_window_shows_the_same_as_the_first() {
    let scene = Scene::open().await;
    scene.server.push(in_three_parts());
    scene.send("Count").await;
    scene.wait_for_answer("generating", "one ").await;
    scene.window.click("#open-window").await.unwrap();
    let client = scene.window.client();
    let first = client.window().await.unwrap();
    until("there is a second window", async || {
        client.windows().await.unwrap().len() == 2
    })
    .await;
    let handles = client.windows().await.unwrap();
    let second = handles.into_iter().find(|handle| *handle != first).unwrap();

    let shown_in_both = async |status: &str, text: &str| -> Value {
        let mut shown = Vec::new();
        for window in [&first, &second] {
            client.switch_to_window(window.clone()).await.unwrap();
            // A new window draws its list a frame after the answer.
            scene
                .wait_until(
                    "document.querySelector('.conversation')",
                    "the list is drawn",
                )
                .await;
            scene.wait_for_answer(status, text).await;
            shown.push(scene.run(SHOWN).await);
        }
        assert_eq!(shown[0], shown[1], "{status}: {text}");
        shown.remove(0)
    };
    shown_in_both("generating", "one ").await;
    scene.server.gate("two").open();
    let locked = shown_in_both("generating", "one two ").await;
    assert_eq!(locked[1], json!(true), "both inputs are locked");
    client.switch_to_window(second.clone()).await.unwrap();
    scene.window.click("#send-button").await.unwrap();
    scene.window.find(".toast-error").await.unwrap();

    scene.server.gate("three").open();
    let free = shown_in_both("complete", "one two three").await;
    assert_eq!(free[1], json!(false), "and both are free again");
    assert_eq!(scene.server.completions().len(), 1);
}

/// The test process itself is the other process.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_another_process_takes_shows_within_a_second() {
    let scene = Scene::open().await;
    scene.server.push(Script::answer("first"));
    scene.send("Hello").await;
    scene.wait_for_answer("complete", "first").await;
    let conversation = scene.conversation().await.as_str().unwrap().to_owned();
    let other = application::open(scene.folder.path(), &scene.server.base_url())
        .await
        .unwrap();
    let saw_lock = scene.run(
        "window.sawLock = new Promise((resolve) => new MutationObserver((_, observer) => {
           if (document.querySelector('#chat-input').disabled) { observer.disconnect(); resolve(Date.now()); }
         }).observe(document.body, { subtree: true, childList: true, attributes: true }));",
    );
    saw_lock.await;
    scene.server.push(in_three_parts());
    let id = ConversationId::from(conversation);
    let accepted = other
        .turns
        .start(TurnRequest::message(&id, "From elsewhere"))
        .await
        .unwrap();
    let taken_at = scene.run("return Date.now();").await.as_i64().unwrap();
    let seen_at = scene
        .window
        .client()
        .execute_async("window.sawLock.then(arguments[0]);", vec![])
        .await
        .unwrap();
    let within =
        Duration::from_millis((seen_at.as_i64().unwrap() - taken_at).max(0).unsigned_abs());
    assert!(
        within < Duration::from_secs(1),
        "{accepted:?} was shown after {within:?}"
    );

    let refused = scene
        .window
        .invoke(
            "send_message",
            json!({"conversationId": id, "content": "Me too", "clientRequestId": "r"}),
        )
        .await
        .unwrap();
    assert_eq!(refused.unwrap_err()["code"], "generation_in_progress");
    scene.wait_for_answer("generating", "one ").await;
    scene.server.gate("two").open();
    scene.server.gate("three").open();
    scene.wait_for_answer("complete", "one two three").await;
    assert!(!scene.is_disabled().await);
    other.quit().await;
}
