//! No typed text is lost, whatever the timing.

use conch_fault_server::Script;
use serde_json::{Value, json};

use crate::Scene;

/// The two fields: their text, which one is disabled, and the caret's position.
const FIELDS: &str =
    "const [chat, next] = ['chat-input', 'next-input'].map((id) => document.getElementById(id));
    const active = document.activeElement;
    return { chat: chat.value, disabled: chat.disabled, placeholder: chat.placeholder,
      next: next && next.value, focus: active.id, caret: active.selectionStart };";

const NEXT: &str = "document.activeElement.id === 'next-input'";
const FREE: &str =
    "document.activeElement.id === 'chat-input' && !document.querySelector('#chat-input').disabled";

impl Scene {
    async fn fields(&self) -> Value {
        self.run(FIELDS).await
    }

    async fn wait_for_next(&self, text: &str) {
        let holds = format!(
            "document.querySelector('#next-input')?.value === {}",
            json!(text)
        );
        self.wait_until(&holds, &format!("the next message is {text:?}"))
            .await;
    }

    pub(crate) async fn wait_for_text(&self, text: &str) {
        let holds = format!(
            "{FREE} && document.querySelector('#chat-input').value === {}",
            json!(text)
        );
        self.wait_until(&holds, &format!("the composer holds {text:?}"))
            .await;
    }

    /// Sends to the shown conversation as a program, and waits until that has locked the page.
    async fn send_by_program(&self, gate: &str, id: &Value) {
        self.server.push(Script::gated(gate, "An ", "answer"));
        let message =
            json!({"conversationId": id, "content": "by a program", "clientRequestId": gate});
        self.invoke("send_message", message).await;
        self.wait_until(NEXT, "the next message takes the keys")
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn real_keys_through_lock_stream_and_release_arrive_all_and_in_order() {
    let scene = Scene::open_on_own_display().await;
    scene.server.push(Script::gated("first", "An ", "answer"));
    // Types on right after Enter, without a pause.
    scene.type_keys("hello\nand").await;
    scene.wait_for_next("and").await;
    scene.wait_for_answer("generating", "An ").await;
    let conversation = scene.conversation().await;
    let text = " the quick brown fox jumps over the lazy dog 0123456789".repeat(6);
    let mut typing = scene.begin_to_type(&text);
    scene.server.gate("first").open();
    scene.wait_until(FREE, "the first answer has ended").await;
    for gate in ["second", "third", "fourth"] {
        scene.send_by_program(gate, &conversation).await;
        scene.server.gate(gate).open();
        scene.wait_until(FREE, "the answer has ended").await;
    }
    assert!(
        typing.try_wait().unwrap().is_none(),
        "it was typed through all of them"
    );
    assert!(typing.wait().await.unwrap().success());
    let whole = format!("and{text}");
    // Each lock starts a new line.
    let all_there = format!(
        "document.querySelector('#chat-input').value.replaceAll('\\n', '').length >= {}",
        whole.len()
    );
    scene.wait_until(&all_there, "all of it is there").await;
    let fields = scene.fields().await;
    let typed = fields["chat"].as_str().unwrap().replace('\n', "");
    assert_eq!(typed, whole);
    assert_eq!(
        fields["caret"],
        json!(fields["chat"].as_str().unwrap().len()),
        "and the caret goes with it"
    );
    assert_eq!(
        scene.server.completions().len(),
        4,
        "no key pressed a button"
    );
    scene
        .wait_until(
            "document.querySelector('.toast') === null",
            "and nothing was refused",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_message_waits_in_its_own_field_and_is_not_sent() {
    let scene = Scene::open().await;
    scene.server.push(Script::gated("hold", "An ", "answer"));
    scene.send("hello").await;
    scene.wait_for_answer("generating", "An ").await;
    assert_eq!(
        scene.fields().await,
        json!({"chat": "", "disabled": true, "placeholder": "Waiting for response...", "next": "",
            "focus": "next-input", "caret": 0})
    );
    // Enter is refused and counted, and Shift+Enter inserts a line break.
    crate::keyboard::press(&scene, "one\u{e007}").await;
    let refused = "document.querySelector('.toast-error')?.innerText.includes('Generation in progress, please wait...')";
    scene.wait_until(refused, "Enter is refused").await;
    crate::keyboard::press(&scene, "\u{e008}\u{e007}\u{e000}two").await;
    scene.wait_for_next("one\ntwo").await;
    scene.window.click("#send-button").await.unwrap();
    let seen = scene
        .run(
            "return [document.querySelectorAll('.toast-error').length, document.activeElement.id];",
        )
        .await;
    assert_eq!(
        seen,
        json!([1, "next-input"]),
        "nor does a press take the keys"
    );
    // The toast covers nothing that can be pressed.
    let covered = scene
        .run(
            "const { top, bottom, left, right } = document.querySelector('.toast-error').getBoundingClientRect();
             return [...document.querySelectorAll('button:not(.toast *)')].filter((button) => {
               const b = button.getBoundingClientRect();
               return b.width > 0 && b.top < bottom && b.bottom > top && b.left < right && b.right > left;
             }).length;",
        )
        .await;
    assert_eq!(covered, json!(0));

    scene.server.gate("hold").open();
    scene.wait_for_answer("complete", "An answer").await;
    scene.wait_for_text("one\ntwo").await;
    let toasts = "return document.querySelectorAll('.toast').length;";
    assert_eq!(scene.run(toasts).await, json!(0), "it goes with the lock");
    assert_eq!(scene.fields().await["next"], Value::Null);
    assert_eq!(scene.server.completions().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_message_survives_a_switch_a_reload_and_a_kill() {
    let scene = Scene::open().await;
    scene.server.push(Script::gated("hold", "An ", "answer"));
    scene.send("hello").await;
    scene.wait_for_answer("generating", "An ").await;
    let type_next = async |scene: &Scene, text: &str| {
        scene.window.type_text("#next-input", text).await.unwrap();
    };
    type_next(&scene, "half a").await;
    scene.window.click("#new-conversation").await.unwrap();
    scene.wait_for_text("").await;
    scene.window.click(".conversation .open").await.unwrap();
    scene.wait_for_next("half a").await;
    type_next(&scene, " thou").await;
    // In mid-word, before the autosave is due.
    scene.window.reload().await.unwrap();
    scene.wait_for_next("half a thou").await;
    assert_eq!(scene.fields().await["caret"], json!(11));
    type_next(&scene, "ght").await;
    let id = scene.conversation().await;
    crate::until("the core keeps it", async || {
        let kept = scene
            .invoke("get_conversation", json!({"conversationId": id}))
            .await;
        kept["draft"] == json!("half a thought")
    })
    .await;
    let scene = scene.kill_and_reopen().await;
    scene.wait_for_text("half a thought").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_stays_in_the_window_that_typed_it() {
    let scene = Scene::open().await;
    scene.server.push(Script::gated("hold", "An ", "answer"));
    scene.send("hello").await;
    scene.wait_for_answer("generating", "An ").await;
    let client = scene.window.client();
    let first = client.window().await.unwrap();
    scene.window.click("#open-window").await.unwrap();
    crate::until("there is a second window", async || {
        client.windows().await.unwrap().len() == 2
    })
    .await;
    let handles = client.windows().await.unwrap();
    let second = handles.into_iter().find(|handle| *handle != first).unwrap();
    client.switch_to_window(second.clone()).await.unwrap();
    scene.wait_for_answer("generating", "An ").await;
    scene.wait_for_next("").await;
    client.switch_to_window(first.clone()).await.unwrap();
    scene.window.type_text("#next-input", "mine").await.unwrap();
    client.switch_to_window(second).await.unwrap();
    scene
        .window
        .type_text("#next-input", "yours")
        .await
        .unwrap();
    scene.server.gate("hold").open();
    scene.wait_for_answer("complete", "An answer").await;
    let text = "return document.querySelector('#chat-input').value;";
    let holds = "!document.querySelector('#chat-input').disabled";
    scene.wait_until(holds, "the second window is free").await;
    assert_eq!(scene.run(text).await, json!("yours"));
    client.switch_to_window(first).await.unwrap();
    scene.wait_until(holds, "the first window is free").await;
    assert_eq!(scene.run(text).await, json!("mine"));
}

/// The toolkit's Unicode input (Ctrl+Shift+U) uses composition, as an input method does.
#[tokio::test(flavor = "multi_thread")]
async fn text_in_composition_moves_to_the_composer_when_it_is_committed() {
    let scene = Scene::open_on_own_display().await;
    scene.server.push(Script::gated("hold", "An ", "answer"));
    scene.type_keys("hello\ncaf").await;
    scene.wait_for_answer("generating", "An ").await;
    scene.press_keys(&["ctrl+shift+u", "e", "9"]).await;
    scene.wait_for_next("cafue9").await;
    scene.server.gate("hold").open();
    scene.wait_for_answer("complete", "An answer").await;
    scene.wait_for_next("cafue9").await;
    scene.press_keys(&["space"]).await;
    scene.wait_for_text("café").await;
    scene.type_keys(" au lait").await;
    scene.wait_for_text("café au lait").await;

    // And the reverse: the lock is acquired during a composition.
    scene
        .press_keys(&["ctrl+a", "ctrl+shift+u", "e", "8"])
        .await;
    scene.wait_for_text("ue8").await;
    scene.server.push(Script::gated("again", "An ", "answer"));
    let id = scene.conversation().await;
    let message = json!({"conversationId": id, "content": "by a program", "clientRequestId": "p"});
    scene.invoke("send_message", message).await;
    scene.wait_for_answer("generating", "An ").await;
    scene.wait_for_text("ue8").await;
    scene.press_keys(&["space"]).await;
    scene
        .wait_until(NEXT, "the next message takes the keys")
        .await;
    scene.type_keys("next").await;
    scene.wait_for_next("next").await;
    assert_eq!(scene.fields().await["chat"], json!("è"));
    scene.server.gate("again").open();
    scene.wait_for_text("è\nnext").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suggestion_overwrites_nothing_and_is_taken_back_by_a_key() {
    let scene = Scene::open_on_own_display().await;
    let chips = "return document.querySelectorAll('.suggestions button').length;";
    assert_eq!(scene.run(chips).await, json!(3));
    scene.type_keys("mine").await;
    scene.wait_for_text("mine").await;
    assert_eq!(scene.run(chips).await, json!(0));
    scene.press_keys(&["ctrl+a", "BackSpace"]).await;
    scene.window.click(".suggestions button").await.unwrap();
    scene
        .wait_until(
            "document.querySelector('#chat-input').value.startsWith('Explain')",
            "it is chosen",
        )
        .await;
    assert_eq!(scene.run(chips).await, json!(0));
    scene.press_keys(&["ctrl+z"]).await;
    scene.wait_for_text("").await;
    assert_eq!(scene.run(chips).await, json!(3));
    scene.press_keys(&["ctrl+z"]).await;
    scene.wait_for_text("mine").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn typing_without_a_focused_field_goes_to_the_composer() {
    let scene = Scene::open_on_own_display().await;
    scene.server.push(Script::gated("hold", "An ", "answer"));
    scene.window.click("#send-button").await.unwrap();
    scene.type_keys("a").await;
    scene.wait_for_text("a").await;
    scene.run("document.activeElement.blur();").await;
    scene.type_keys("b c").await;
    scene.wait_for_text("ab c").await;
    scene.press_keys(&["Return"]).await;
    scene.wait_for_answer("generating", "An ").await;
    scene
        .window
        .click(".message[data-role=assistant] .text")
        .await
        .unwrap();
    scene.type_keys("d e").await;
    scene.wait_for_next("d e").await;
    // Space presses a button that was focused with Tab; a letter does not.
    scene.press_keys(&["Tab"]).await;
    scene
        .wait_until(
            "document.activeElement.id === 'stop-button'",
            "Stop has the focus",
        )
        .await;
    scene.type_keys("f").await;
    scene.wait_for_next("d ef").await;
    scene.run("document.activeElement.blur();").await;
    scene.copy("UTF8_STRING", b" and pasted").await;
    scene.press_keys(&["ctrl+v"]).await;
    scene.wait_for_next("d ef and pasted").await;
    scene.server.gate("hold").open();
    scene.wait_for_text("d ef and pasted").await;
}

/// The field is measured at each key: the messages above it stay in place.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_stays_in_sight_while_a_message_of_several_lines_is_typed() {
    let scene = Scene::open().await;
    let answer = "A line.\n\n".repeat(60);
    scene.server.push(Script::answer(&answer));
    scene.send("hello").await;
    let at_end = "(() => { const t = document.querySelector('#transcript');
        return t.scrollHeight > 2 * t.clientHeight && t.scrollHeight - t.scrollTop - t.clientHeight < 2; })()";
    scene.wait_until(at_end, "the end is shown").await;
    let new_line = "\u{e008}\u{e007}\u{e000}";
    let lines = ["one", "two", "three", "four"].join(new_line);
    scene.window.type_text("#chat-input", &lines).await.unwrap();
    scene.wait_until(at_end, "the field has grown").await;
    for key in ["a", "b", "\u{e003}"] {
        scene.window.type_text("#chat-input", key).await.unwrap();
        let frames =
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))";
        scene
            .run(&format!("return {frames}.then(() => {at_end});"))
            .await;
        assert_eq!(scene.run(&format!("return {at_end};")).await, json!(true));
    }
}
