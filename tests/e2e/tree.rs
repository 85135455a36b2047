//! The tree in the window: edited messages, branches, and answers side by side.

use conch_fault_server::Script;
use serde_json::json;

use crate::Scene;

const TEXTS: &str = "[...document.querySelectorAll('.message .text')].map((text) => text.innerText.trim()).join('|')";

impl Scene {
    /// Sends a question, and waits for its answer.
    pub(crate) async fn answered(&self, question: &str, answer: &str) {
        self.server.push(Script::answer(answer));
        self.send(question).await;
        self.wait_for_answer("complete", answer).await;
    }

    /// Waits until the messages have these texts, separated by `|`.
    pub(crate) async fn wait_for_texts(&self, texts: &str) {
        let shown = format!("{TEXTS} === {texts:?}");
        self.wait_until(&shown, texts).await;
    }

    async fn texts(&self) -> serde_json::Value {
        self.run(&format!("return {TEXTS};")).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_message_stands_beside_the_old_one_with_what_followed_it() {
    let scene = Scene::open().await;
    scene.answered("one", "First").await;
    scene.answered("two", "Second").await;

    scene.window.click(".message .edit-message").await.unwrap();
    scene
        .wait_until(
            "document.activeElement.className === 'edit-input'",
            "the editor has the focus",
        )
        .await;
    scene
        .window
        .type_text(".edit-input", " and a half")
        .await
        .unwrap();
    scene.server.push(Script::answer("Another first"));
    scene
        .window
        .type_text(".edit-input", "\u{e007}")
        .await
        .unwrap();
    scene.wait_for_texts("one and a half|Another first").await;
    let count = "return document.querySelector('.version-count').textContent;";
    assert_eq!(scene.run(count).await, json!("2/2"));
    scene.window.click(".version-previous").await.unwrap();
    scene.wait_for_texts("one|First|two|Second").await;

    // Escape leaves everything as it is.
    scene.window.click(".message .edit-message").await.unwrap();
    scene
        .window
        .type_text(".edit-input", " nothing\u{e00c}")
        .await
        .unwrap();
    scene
        .wait_until(
            "document.querySelector('.editor') === null",
            "the editor is gone",
        )
        .await;
    assert_eq!(scene.texts().await, json!("one|First|two|Second"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_is_refused_keeps_its_text() {
    let scene = Scene::open().await;
    scene.answered("one", "First").await;
    scene.window.click(".message .edit-message").await.unwrap();
    scene
        .window
        .type_text(".edit-input", " again")
        .await
        .unwrap();
    scene.server.push(Script::gated("hold", "", "Second"));
    let id = scene.run("return location.hash.slice(1);").await;
    let elsewhere =
        json!({"conversationId": id, "content": "from elsewhere", "clientRequestId": "r"});
    scene.invoke("send_message", elsewhere).await;
    scene
        .wait_until(
            "document.querySelector('#chat-input').disabled",
            "an answer is being written",
        )
        .await;
    scene.window.click(".send-edit").await.unwrap();
    scene
        .wait_until(
            "document.querySelector('.toast-error') !== null",
            "it is refused",
        )
        .await;
    let kept = "return document.querySelector('.edit-input').value;";
    assert_eq!(scene.run(kept).await, json!("one again"));
    scene.server.gate("hold").open();
    scene.wait_for_answer("complete", "Second").await;
    scene.server.push(Script::answer("To the edited one"));
    scene.window.click(".send-edit").await.unwrap();
    scene.wait_for_texts("one again|To the edited one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_branches_answer_side_by_side_when_they_may() {
    let scene = Scene::open().await;
    scene.answered("one", "First").await;
    let hidden = "return document.querySelector('#branch-picker');";
    assert_eq!(scene.run(hidden).await, json!(null), "there is one branch");
    scene.window.click(".fork-branch").await.unwrap();
    scene
        .wait_until(
            "document.querySelector('#branch-picker')?.innerText.trim() === 'Branch 2'",
            "it is shown",
        )
        .await;
    assert_eq!(scene.texts().await, json!("one|First"));
    scene
        .server
        .push(Script::gated("there", "", "On the branch"));
    scene.send("two").await;
    scene
        .wait_until(
            "document.querySelector('#chat-input').disabled",
            "it is locked",
        )
        .await;

    scene.window.click("#branch-picker").await.unwrap();
    scene
        .wait_until(
            "document.querySelectorAll('#branch-menu .branch')[1]?.innerText.includes('Answering')",
            "its state is shown",
        )
        .await;
    scene.window.click("#branch-menu .branch").await.unwrap();
    scene
        .wait_until(
            "document.querySelector('#branch-picker').innerText.trim() === 'main'",
            "main is shown",
        )
        .await;
    scene
        .wait_until(
            "document.querySelector('#chat-input').disabled",
            "one answer at a time is the default",
        )
        .await;
    scene.window.click("#branch-picker").await.unwrap();
    scene
        .run("const max = document.querySelector('#max-parallel'); max.value = '2'; max.dispatchEvent(new Event('change'));")
        .await;
    scene
        .wait_until(
            "!document.querySelector('#chat-input').disabled",
            "main may answer, too",
        )
        .await;
    scene
        .run("document.querySelector('#branch-menu').hidePopover();")
        .await;
    scene.answered("three", "On main").await;
    assert_eq!(scene.texts().await, json!("one|First|three|On main"));

    scene.server.gate("there").open();
    scene.window.click("#branch-picker").await.unwrap();
    scene
        .window
        .click("#branch-menu li:nth-child(2) .branch")
        .await
        .unwrap();
    scene.wait_for_texts("one|First|two|On the branch").await;
    scene.window.click("#branch-picker").await.unwrap();
    scene.window.click("#rename-branch").await.unwrap();
    scene
        .wait_until(
            "document.querySelector('dialog input') !== null",
            "the name is asked for",
        )
        .await;
    scene
        .window
        .type_text("dialog input", "Another way\u{e007}")
        .await
        .unwrap();
    scene
        .wait_until(
            "document.querySelector('#branch-picker').innerText.trim() === 'Another way'",
            "it has its name",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_versions_are_read_while_an_answer_is_being_written() {
    let scene = Scene::open().await;
    scene.answered("one", "First").await;
    scene.server.push(Script::answer("Another first"));
    let again = "[aria-label='Answer again']";
    scene.window.click(again).await.unwrap();
    scene.wait_for_answer("complete", "Another first").await;
    let hold = Script::gated("hold", "Half of it", " and the rest.");
    scene.server.push(hold);
    scene.send("two").await;
    scene
        .wait_for_texts("one|Another first|two|Half of it")
        .await;
    let id = json!({"conversationId": scene.conversation().await});
    let head = async || {
        let view = scene.invoke("get_conversation", id.clone()).await;
        let messages = view["messages"].as_array().unwrap();
        messages.last().unwrap()["content"].clone()
    };

    // By keyboard, as by pointer.
    let focus = "document.querySelector('.version-previous').focus();";
    scene.run(focus).await;
    let enter = "\u{e007}";
    let previous = ".version-previous";
    scene.window.type_text(previous, enter).await.unwrap();
    scene.wait_for_texts("one|First").await;
    scene.window.find("#back-to-answer").await.unwrap();
    scene
        .wait_until(
            "document.activeElement.className.includes('version-next')",
            "the pager has the focus",
        )
        .await;
    assert_eq!(scene.lock().await["locked"], json!(true));
    assert_eq!(head().await, json!("Half of it"));
    for needs_the_lock in ["#continue-from-version", again] {
        scene.window.click(needs_the_lock).await.unwrap();
        let refused =
            "document.querySelector('.toast-error')?.innerText.includes('please wait') === true";
        scene.wait_until(refused, needs_the_lock).await;
        assert_eq!(scene.texts().await, json!("one|First"));
    }
    scene.window.click("#back-to-answer").await.unwrap();
    scene
        .wait_for_texts("one|Another first|two|Half of it")
        .await;
    scene.window.click(previous).await.unwrap();
    scene.wait_for_texts("one|First").await;
    let next = ".version-next";
    scene.window.click(next).await.unwrap();
    scene
        .wait_for_texts("one|Another first|two|Half of it")
        .await;
    let gone = "document.querySelector('#back-to-answer') === null";
    scene
        .wait_until(gone, "a step back to the branch's own version")
        .await;

    scene.window.click(previous).await.unwrap();
    scene.wait_for_texts("one|First").await;
    scene.server.gate("hold").open();
    scene
        .wait_until(
            "document.querySelector('#announcement').textContent.includes('Half of it')",
            "its end is announced",
        )
        .await;
    scene
        .wait_until(
            "document.querySelector('#continue-from-version').ariaDisabled === 'false'",
            "the branch is free",
        )
        .await;
    assert_eq!(scene.texts().await, json!("one|First"));
    assert_eq!(head().await, json!("Half of it and the rest."));
    scene.window.click("#continue-from-version").await.unwrap();
    scene.wait_until(gone, "the version is selected").await;
    scene.wait_for_texts("one|First").await;
    assert_eq!(head().await, json!("First"));
}
