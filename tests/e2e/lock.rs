//! One answer at a time, as the user meets it.

use conch_fault_server::Script;
use serde_json::json;

use crate::Scene;

/// The integration test of the original requirement: a second Send is refused until the answer has ended.
#[tokio::test(flavor = "multi_thread")]
async fn should_show_please_wait_when_user_spams_send() {
    let scene = Scene::open().await;
    scene.server.push(Script::gated("hold", "An ", "answer"));
    scene.send("Message 1").await;
    scene.wait_for_answer("generating", "An ").await;

    assert!(scene.is_disabled().await);
    let typed = scene.window.type_text("#chat-input", "Message 2").await;
    assert!(typed.is_err(), "a disabled input takes no keys");
    scene.window.click("#send-button").await.unwrap();
    let toast = scene.window.find(".toast-error").await.unwrap();
    assert!(toast.text().await.unwrap().contains("please wait"));
    scene.window.click("#send-button").await.unwrap();
    let seen = scene
        .run(
            "const input = document.querySelector('#chat-input'), send = document.querySelector('#send-button');
             return [document.querySelectorAll('.toast-error').length, input.placeholder,
               send.getAttribute('aria-disabled'), send.disabled, !!document.querySelector('#stop-button')];",
        )
        .await;
    assert_eq!(
        seen,
        json!([1, "Waiting for response...", "true", false, true])
    );

    scene.server.gate("hold").open();
    scene.wait_for_answer("complete", "An answer").await;
    scene
        .wait_until(
            "!document.querySelector('#chat-input').disabled && document.activeElement.id === 'chat-input'",
            "the input is enabled and has the focus back",
        )
        .await;
    assert_eq!(scene.server.completions().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_presses_in_one_instant_send_once() {
    let scene = Scene::open().await;
    scene.server.push(Script::gated("hold", "", "one"));
    scene
        .window
        .type_text("#chat-input", "Only once")
        .await
        .unwrap();
    scene
        .run("const send = document.querySelector('#send-button'); send.click(); send.click(); send.click();")
        .await;
    scene.window.find(".toast-error").await.unwrap();
    scene.server.gate("hold").open();
    scene.wait_for_answer("complete", "one").await;

    assert_eq!(scene.server.completions().len(), 1);
    let conversations = scene.invoke("list_conversations", json!({})).await;
    assert_eq!(
        conversations.as_array().unwrap().len(),
        1,
        "and made one conversation"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_sends_at_once_are_one_accepted_and_ninety_nine_refused() {
    let scene = Scene::open().await;
    scene.server.push(Script::gated("hold", "", "one"));
    let id = scene.invoke("create_conversation", json!({})).await["id"].clone();
    let sends = format!(
        "const done = arguments[0];
         Promise.allSettled(Array.from({{ length: 100 }}, (_, n) =>
           window.__TAURI_INTERNALS__.invoke('send_message',
             {{ conversationId: {id}, content: `message ${{n}}`, clientRequestId: `r${{n}}` }})))
           .then((all) => done([all.filter((s) => s.value?.type === 'accepted').length,
             all.filter((s) => s.reason?.code === 'generation_in_progress').length]));"
    );
    let counts = scene
        .window
        .client()
        .execute_async(&sends, Vec::new())
        .await
        .unwrap();
    assert_eq!(counts, json!([1, 99]));
    scene.server.wait_for_requests(1).await;
    scene.server.gate("hold").open();
    assert_eq!(scene.server.completions().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn typed_text_survives_a_refusal() {
    let scene = Scene::open().await;
    scene.server.push(Script::answer("first"));
    scene.send("hello").await;
    scene.wait_for_answer("complete", "first").await;
    let conversation = scene.conversation().await;

    // The draft stays in the composer when another client, here a program, acquires the lock.
    scene
        .window
        .type_text("#chat-input", "half a thought")
        .await
        .unwrap();
    scene.server.push(Script::gated("hold", "sec", "ond"));
    let message =
        json!({"conversationId": conversation, "content": "by a program", "clientRequestId": "p1"});
    scene.invoke("send_message", message).await;
    scene
        .wait_until(
            "document.querySelector('#chat-input').disabled",
            "the composer is locked",
        )
        .await;
    scene.window.click("#send-button").await.unwrap();
    scene.window.find(".toast-error").await.unwrap();
    let value = "return document.querySelector('#chat-input').value;";
    assert_eq!(
        scene.run(value).await,
        json!("half a thought"),
        "it stays visible"
    );

    scene.server.gate("hold").open();
    scene.wait_for_answer("complete", "second").await;
    assert_eq!(scene.run(value).await, json!("half a thought"));
    scene.server.push(Script::answer("third"));
    scene.window.click("#send-button").await.unwrap();
    scene.wait_for_answer("complete", "third").await;
    assert_eq!(scene.run(value).await, json!(""), "it goes when it is sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_conversations_answer_side_by_side() {
    let scene = Scene::open().await;
    scene.server.push(Script::gated("one", "a", "b"));
    scene.server.push(Script::gated("two", "c", "d"));
    scene.send("first").await;
    scene.wait_for_answer("generating", "a").await;
    scene.window.click("#new-conversation").await.unwrap();
    scene
        .wait_until(
            "!document.querySelector('#chat-input').disabled",
            "the new conversation is free",
        )
        .await;
    scene.send("second").await;
    scene.wait_for_answer("generating", "c").await;
    scene
        .wait_until(
            "document.querySelectorAll('.conversation .busy').length === 2",
            "both are busy",
        )
        .await;
    assert_eq!(scene.server.peak_completions(), 2);

    scene.server.gate("one").open();
    scene
        .wait_until(
            "document.querySelectorAll('.conversation .unread').length === 1",
            "the first has news",
        )
        .await;
    assert!(scene.is_disabled().await, "the second still writes");
    scene.server.gate("two").open();
    scene.wait_for_answer("complete", "cd").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_during_an_answer_shows_the_text_so_far_and_continues() {
    let scene = Scene::open().await;
    scene
        .server
        .push(Script::gated("hold", "so far", ", and on"));
    scene.send("hello").await;
    scene.wait_for_answer("generating", "so far").await;
    scene.window.reload().await.unwrap();
    scene.wait_for_answer("generating", "so far").await;
    assert!(scene.is_disabled().await, "the reloaded page is locked too");

    scene.server.gate("hold").open();
    scene.wait_for_answer("complete", "so far, and on").await;
    assert!(!scene.is_disabled().await);
}
