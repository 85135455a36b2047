//! Keyboard shortcuts, and what of their effects is kept across a restart.

use conch_fault_server::Script;
use serde_json::json;

use crate::settings::keys;
use crate::{Scene, until};

const INPUT: &str = "document.querySelector('#chat-input')";
const UP: &str = "\u{e013}";
const DOWN: &str = "\u{e015}";
const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";

/// Returns a key with Ctrl held down.
fn ctrl(key: &str) -> String {
    format!("\u{e009}{key}\u{e000}")
}

impl Scene {
    async fn wait_for_input(&self, text: &str) {
        let holds = format!("{INPUT}.value === {}", json!(text));
        self.wait_until(&holds, &format!("the input holds {text:?}"))
            .await;
    }

    async fn wait_for_focus(&self, css: &str) {
        let has_focus = format!("document.activeElement?.matches({})", json!(css));
        self.wait_until(&has_focus, &format!("{css} has the focus"))
            .await;
    }

    async fn width(&self) -> f64 {
        self.run("return innerWidth;").await.as_f64().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_keyboard_chose_is_there_after_a_kill() {
    let scene = Scene::open().await;
    scene.server.push(Script::answer("first"));
    keys(&scene, &format!("hello{ENTER}")).await;
    scene.wait_for_answer("complete", "first").await;
    scene.wait_for_focus("#chat-input").await;
    keys(&scene, UP).await;
    scene.wait_for_input("hello").await;
    keys(&scene, DOWN).await;
    scene.wait_for_input("").await;

    keys(&scene, &ctrl("/")).await;
    scene.window.find("#shortcuts[open]").await.unwrap();
    keys(&scene, ESCAPE).await;
    scene.wait_for_focus("#chat-input").await;

    keys(&scene, &ctrl("b")).await;
    let folded = "document.querySelector('#sidebar').checkVisibility() === false";
    scene.wait_until(folded, "the sidebar is folded").await;

    keys(&scene, &ctrl(",")).await;
    scene.press(".sections [data-section=writing]").await;
    scene
        .press("[name=settings-send-key][value=modEnter]")
        .await;
    let titled = "document.querySelector('#send-button').title === 'Send (Ctrl+Enter)'";
    scene.wait_until(titled, "Send says its key").await;
    keys(&scene, ESCAPE).await;
    scene.wait_for_focus("#chat-input").await;
    // WebDriver's pointer misses its target on a zoomed page: from here on, only keys.
    let width = scene.width().await;
    keys(&scene, &ctrl("=")).await;
    let is_larger = format!("innerWidth < {width}");
    scene.wait_until(&is_larger, "everything is larger").await;

    keys(&scene, &ctrl("n")).await;
    scene
        .wait_until("location.hash === ''", "a new conversation is begun")
        .await;
    scene.wait_for_focus("#chat-input").await;
    keys(&scene, &format!("half{ENTER}a thought")).await;
    scene.wait_for_input("half\na thought").await;
    until("the draft is saved", async || {
        scene.invoke("get_new_draft", json!({})).await == json!("half\na thought")
    })
    .await;

    let scene = scene.kill_and_reopen().await;
    scene.wait_for_answer("complete", "first").await;
    scene.wait_for_input("").await;
    scene
        .wait_until(folded, "the sidebar is still folded")
        .await;
    scene.wait_until(&is_larger, "it is still larger").await;
    scene.wait_for_focus("#chat-input").await;
    keys(&scene, &ctrl("n")).await;
    scene.wait_for_input("half\na thought").await;
    scene.server.push(Script::answer("second"));
    keys(&scene, &ctrl(ENTER)).await;
    scene.wait_for_answer("complete", "second").await;
    scene.wait_for_input("").await;
    let left = scene.invoke("get_new_draft", json!({})).await;
    assert_eq!(left, json!(""), "what was sent is no draft any more");
}
