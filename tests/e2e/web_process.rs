//! The web process is killed, as the system does when memory is short.

use conch_fault_server::Script;
use conch_window::{Desktop, Picture, descendants};
use serde_json::json;

use crate::crash::signal;
use crate::{Scene, until};

/// The X keysym that presses a dialog's default button.
const RETURN: u32 = 0xff0d;

/// The most pixels by which a blinking caret and a spinner differ; a word differs by more.
const SMALL: usize = 500;

/// An empty window of 1100 x 760 pixels or more differs from a drawn one by more than this.
const DRAWN: usize = 20_000;

const DRAFT: &str =
    "what is typed while the answer runs, and was not sent by the time at which the page died";

impl Scene {
    /// Returns the id of the only window's web process.
    fn web_process(&self) -> Option<u32> {
        let children = descendants(self.application());
        let draws = |name: &str| name == "WebKitWebProces";
        let found = children.into_iter().find(|child| draws(&child.name));
        found.map(|child| child.id)
    }

    /// Kills the web process, and waits until a new one has drawn the same picture.
    async fn kill_web_process(&self) {
        let desktop = Desktop::of(&self.display).unwrap();
        let window = self.visible_windows().remove(0);
        let difference = |before: &Picture| desktop.picture(&window).unwrap().difference(before);
        let before = desktop.picture(&window).unwrap();
        let killed = self.web_process().unwrap();
        signal("-KILL", killed).await;
        // Killing a web process while WebKit starts it would end the application, too.
        until("the window is empty", async || difference(&before) > DRAWN).await;
        until("it shows what it did", async || difference(&before) < SMALL).await;
        assert_ne!(self.web_process(), Some(killed));
    }
}

/// WebDriver drops a session whose page has crashed, so the test relies on the window's picture and on
/// what the core has stored.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_whose_process_dies_is_restored_and_the_answer_continues() {
    let scene = Scene::open_on_own_display().await;
    scene
        .server
        .push(Script::gated("hold", "the first half", ", and the second"));
    scene.send("hello").await;
    scene.wait_for_answer("generating", "the first half").await;
    let typed = scene.window.type_text("#next-input", DRAFT);
    typed.await.unwrap();
    let id = scene.conversation().await;
    until("the draft is kept", async || {
        let arguments = json!({"conversationId": id});
        scene.invoke("get_conversation", arguments).await["draft"] == json!(DRAFT)
    })
    .await;
    for _ in 0..3 {
        scene.kill_web_process().await;
    }

    // After the fourth crash in a minute, a dialog asks the user.
    let desktop = Desktop::of(&scene.display).unwrap();
    let windows = scene.visible_windows();
    signal("-KILL", scene.web_process().unwrap()).await;
    let mut dialog = None;
    until("a dialog asks", async || {
        let mut seen = scene.visible_windows().into_iter();
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

    until("the dialog is gone", async || {
        scene.visible_windows().len() == 1
    })
    .await;
    scene.server.gate("hold").open();
    let scene = scene.close_and_reopen().await;
    scene.window.click(".conversation .open").await.unwrap();
    scene.wait_for_text(DRAFT).await;
    scene
        .wait_for_answer("complete", "the first half, and the second")
        .await;
}
