//! The process that draws the window is killed, as the system does where memory is short.

use conch_fault_server::Script;
use conch_window::{Desktop, descendants};
use serde_json::json;

use crate::crash::signal;
use crate::{Scene, until};

/// The key that presses a dialog's default button.
const RETURN: u32 = 0xff0d;

impl Scene {
    /// The process that draws the only window.
    fn web_process(&self) -> Option<u32> {
        let children = descendants(self.application());
        let draws = |name: &str| name == "WebKitWebProces";
        let found = children.into_iter().find(|child| draws(&child.name));
        found.map(|child| child.id)
    }

    /// Kills it, and waits until another one draws the page.
    async fn kill_web_process(&self) {
        let killed = self.web_process().unwrap();
        signal("-KILL", killed).await;
        until("another process draws the window", async || {
            self.web_process().is_some_and(|other| other != killed)
        })
        .await;
    }
}

/// WebDriver gives a session up whose page has crashed, so that the page goes on is seen by what the core keeps.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_whose_process_dies_gets_another_and_the_answer_goes_on() {
    let scene = Scene::open().await;
    scene
        .server
        .push(Script::held("hold", "the first half", ", and the second"));
    scene.send("hello").await;
    scene.wait_for_answer("generating", "the first half").await;
    scene.window.click("#new-conversation").await.unwrap();
    let typed = scene.window.type_text("#chat-input", "half a thought");
    typed.await.unwrap();
    until("the draft is kept", async || {
        scene.invoke("get_new_draft", json!({})).await == json!("half a thought")
    })
    .await;
    for _ in 0..3 {
        scene.kill_web_process().await;
    }

    // The fourth time in a minute the user is asked.
    let desktop = Desktop::of(&scene.display).unwrap();
    let windows = scene.seen();
    signal("-KILL", scene.web_process().unwrap()).await;
    let mut dialog = None;
    until("a dialog asks", async || {
        let mut seen = scene.seen().into_iter();
        dialog = seen.find(|window| !windows.contains(window));
        dialog.is_some()
    })
    .await;
    assert_eq!(scene.web_process(), None);
    desktop.press(&dialog.unwrap(), RETURN).unwrap();
    until("the page is loaded again", async || {
        scene.web_process().is_some()
    })
    .await;

    until("the dialog is gone", async || scene.seen().len() == 1).await;
    scene.server.gate("hold").open();
    let scene = scene.reopen_in_order().await;
    let draft = scene.invoke("get_new_draft", json!({})).await;
    assert_eq!(draft, json!("half a thought"));
    scene.window.click(".conversation .open").await.unwrap();
    scene
        .wait_for_answer("complete", "the first half, and the second")
        .await;
}
