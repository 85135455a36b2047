//! The queue and the send policies in the window.

use conch_fault_server::Script;
use serde_json::{Value, json};

use crate::Scene;

const QUEUED: &str = "[...document.querySelectorAll('.queued-message .text')].map((text) => text.innerText.trim()).join('|')";

impl Scene {
    /// Sends a message whose answer waits for the gate `hold`, and waits until it is being written.
    pub(crate) async fn hold(&self, text: &str) {
        self.server.push(Script::gated("hold", "An ", "answer"));
        self.send(text).await;
        self.wait_for_answer("generating", "An ").await;
    }

    pub(crate) async fn wait_for_queue(&self, texts: &str) {
        let shown = format!("{QUEUED} === {texts:?}");
        self.wait_until(&shown, &format!("the queue is {texts:?}"))
            .await;
    }

    /// Types into the composer's field that has the focus, and presses Enter.
    pub(crate) async fn enter(&self, text: &str) {
        let in_composer = "['chat-input', 'next-input'].includes(document.activeElement.id)";
        self.wait_until(in_composer, "the composer has the focus")
            .await;
        let field = self.run("return '#' + document.activeElement.id;").await;
        let keys = format!("{text}\u{e007}");
        self.window
            .type_text(field.as_str().unwrap(), &keys)
            .await
            .unwrap();
    }

    pub(crate) async fn set_policy(&self, policy: &str) {
        let id = self.run("return location.hash.slice(1);").await;
        let policy = json!({"conversationId": id, "policy": policy});
        self.invoke("set_send_policy", policy).await;
        self.wait_until(
            "!document.querySelector('#chat-input').disabled",
            "the input is open",
        )
        .await;
    }

    /// Returns the questions that the provider was asked, in their order.
    pub(crate) fn asked(&self) -> Vec<String> {
        let last = |body: &Value| body["messages"].as_array().unwrap().last().cloned();
        let bodies = self.server.completions();
        let asked = bodies.iter().map(|request| last(&request.body).unwrap());
        asked
            .map(|message| message["content"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// F10: a refusal loses no text, and offers two ways out.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_message_is_queued_with_one_click_and_sent_when_the_answer_has_ended() {
    let scene = Scene::open().await;
    scene.hold("one").await;
    scene.enter("two").await;
    scene.window.find(".toast-error").await.unwrap();
    let typed = "return document.querySelector('#next-input').value;";
    assert_eq!(scene.run(typed).await, json!("two"), "nothing is lost");
    scene
        .window
        .click(".toast-action[data-action=queue]")
        .await
        .unwrap();
    scene.wait_for_queue("two").await;
    // The queue's event may come before the send's own result.
    let left = "[document.querySelector('#chat-input').value, document.querySelector('#next-input').value,
        document.querySelectorAll('.toast-error').length, document.activeElement.id].join() === ',,0,next-input'";
    scene
        .wait_until(left, "the composer is empty and has the focus")
        .await;
    scene.server.push(Script::answer("Second"));
    scene.server.gate("hold").open();
    scene.wait_for_answer("complete", "Second").await;
    scene
        .wait_until(
            "document.querySelector('#queue') === null",
            "the queue is empty",
        )
        .await;
    assert_eq!(scene.asked(), ["one", "two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_and_send_keeps_the_part_of_the_answer_and_sends() {
    let scene = Scene::open().await;
    scene.hold("one").await;
    scene.enter("two").await;
    scene.server.push(Script::answer("Second"));
    scene
        .window
        .click(".toast-action[data-action=stop-and-send]")
        .await
        .unwrap();
    scene.wait_for_answer("complete", "Second").await;
    let answers = "return [...document.querySelectorAll('.message[data-role=assistant]')].map((answer) => answer.dataset.status);";
    assert_eq!(scene.run(answers).await, json!(["stopped", "complete"]));
    let is_empty = "document.querySelector('#chat-input').value === ''";
    scene.wait_until(is_empty, "the composer is empty").await;
    assert_eq!(scene.asked(), ["one", "two"]);
}

/// F13: Stop does not send the next queued message; the pause is visible, and resumed with one click.
#[tokio::test(flavor = "multi_thread")]
async fn stop_pauses_the_queue_visibly() {
    let scene = Scene::open().await;
    scene.hold("one").await;
    scene.set_policy("queue").await;
    scene.enter("two").await;
    scene.enter("three").await;
    scene.wait_for_queue("two|three").await;
    scene.window.click("#stop-button").await.unwrap();
    scene
        .wait_until(
            "document.querySelector('#queue[data-paused] #resume-queue') !== null",
            "the queue is paused",
        )
        .await;
    assert_eq!(scene.asked(), ["one"]);

    for answer in ["Second", "Third"] {
        scene.server.push(Script::answer(answer));
    }
    scene.window.click("#resume-queue").await.unwrap();
    scene.wait_for_answer("complete", "Third").await;
    assert_eq!(scene.asked(), ["one", "two", "three"]);
}

/// The queue is edited by keyboard alone: moved, changed, removed and restored.
#[tokio::test(flavor = "multi_thread")]
async fn queued_messages_are_moved_edited_removed_and_restored() {
    let scene = Scene::open().await;
    scene.hold("one").await;
    scene.set_policy("queue").await;
    for text in ["a", "b", "c"] {
        scene.enter(text).await;
    }
    scene.wait_for_queue("a|b|c").await;
    scene
        .run("document.querySelectorAll('.queued-message .handle')[2].focus();")
        .await;
    scene
        .window
        .type_text(".queued-message:last-child .handle", "\u{e013}")
        .await
        .unwrap();
    scene.wait_for_queue("a|c|b").await;
    let held = "document.activeElement.closest('.queued-message')?.querySelector('.text').innerText.trim() === 'c'";
    scene.wait_until(held, "the focus moves with it").await;

    scene.window.click(".edit-queued").await.unwrap();
    scene
        .window
        .type_text(".queued-input", " and more\u{e007}")
        .await
        .unwrap();
    scene.wait_for_queue("a and more|c|b").await;

    scene
        .window
        .click(".queued-message:last-child .remove-queued")
        .await
        .unwrap();
    scene.wait_for_queue("a and more|c").await;
    scene.window.click(".toast .toast-action").await.unwrap();
    scene.wait_for_queue("a and more|c|b").await;

    scene.window.click("#clear-queue").await.unwrap();
    scene
        .wait_until(
            "document.querySelector('#queue') === null",
            "the queue is empty",
        )
        .await;
    scene.server.gate("hold").open();
    scene.wait_for_answer("complete", "An answer").await;
    assert_eq!(scene.asked(), ["one"]);
}

/// F11, F13: a queue survives kill -9, and waits visibly for the user then.
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_survives_kill_9_and_waits_for_resume() {
    let scene = Scene::open().await;
    scene.hold("one").await;
    scene.set_policy("queue").await;
    scene.enter("two").await;
    scene.wait_for_queue("two").await;
    let scene = scene.kill_and_reopen().await;
    scene.wait_for_queue("two").await;
    scene.server.push(Script::answer("Second"));
    scene.window.click("#resume-queue").await.unwrap();
    scene.wait_for_answer("complete", "Second").await;
    let asked = scene.asked();
    assert_eq!(asked.len(), 2);
    // The turn before may have no answer to stand between them.
    assert!(asked[1].ends_with("two"), "{asked:?}");
}

/// The event `queue-changed`, as a page gets it: how many wait, whether they are paused, and how many an edit cleared.
#[tokio::test(flavor = "multi_thread")]
async fn every_change_of_a_queue_reaches_the_page_as_an_event() {
    let scene = Scene::open().await;
    scene
        .run(
            "window.received = [];
             const { invoke, transformCallback } = window.__TAURI_INTERNALS__;
             const handler = transformCallback(({ payload }) => window.received.push(payload));
             invoke('plugin:event|listen', { event: 'queue-changed', target: { kind: 'Any' }, handler });",
        )
        .await;
    scene.hold("one").await;
    let id = scene.conversation().await;
    let on = json!({"conversationId": id});
    let receive = async |count: u32, paused: bool, cleared: u32| {
        let like = format!(
            "event.count === {count} && event.paused === {paused} && event.cleared === {cleared}"
        );
        let is_received = format!(
            "(window.received.at(-1) ? ((event) => {like})(window.received.at(-1)) : false)"
        );
        scene.wait_until(&is_received, &like).await;
    };
    for (count, text) in [(1, "two"), (2, "three")] {
        let message = json!({
            "conversationId": id, "content": text, "clientRequestId": text, "policy": "queue",
        });
        scene.invoke("send_message", message).await;
        receive(count, false, 0).await;
    }
    scene.invoke("pause_queue", on.clone()).await;
    receive(2, true, 0).await;
    scene.server.gate("hold").open();
    scene.wait_for_answer("complete", "An answer").await;
    let view = scene.invoke("get_conversation", on.clone()).await;
    assert_eq!(
        scene.run("return window.received.at(-1);").await,
        json!({
            "conversationId": id, "branchId": view["branchId"], "count": 2, "paused": true, "cleared": 0,
        })
    );
    scene.server.push(Script::answer("Other"));
    let edit = json!({
        "messageId": view["messages"][0]["id"], "content": "another one", "clientRequestId": "edit",
    });
    scene.invoke("edit_message", edit).await;
    // The watch over other processes may report the same state once more.
    let like =
        "window.received.some((event) => event.count === 0 && event.paused && event.cleared === 2)";
    scene.wait_until(like, "two are cleared").await;
}
