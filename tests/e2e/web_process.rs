//! The process that draws the window is killed, as the system does where memory is short.

use conch_fault_server::Script;
use conch_window::{Desktop, Picture, descendants};
use serde_json::json;

use crate::crash::signal;
use crate::{Scene, until};

/// The key that presses a dialog's default button.
const RETURN: u32 = 0xff0d;

/// As many pixels as a blinking caret and a turning sign may differ by; a word is more.
const SMALL: usize = 500;

/// A window of 1100 x 760 pixels and more that is empty differs by more from one that is not.
const DRAWN: usize = 20_000;

const DRAFT: &str =
    "what is typed while the answer runs, and was not sent by the time at which the page died";

impl Scene {
    /// The process that draws the only window.
    fn web_process(&self) -> Option<u32> {
        let children = descendants(self.application());
        let draws = |name: &str| name == "WebKitWebProces";
        let found = children.into_iter().find(|child| draws(&child.name));
        found.map(|child| child.id)
    }

    /// Kills it, and waits until another one has drawn the same.
    async fn kill_web_process(&self) {
        let desktop = Desktop::of(&self.display).unwrap();
        let window = self.visible_windows().remove(0);
        let difference = |before: &Picture| desktop.picture(&window).unwrap().difference(before);
        let before = desktop.picture(&window).unwrap();
        let killed = self.web_process().unwrap();
        signal("-KILL", killed).await;
        // A process that is killed while WebKit starts it takes the application with it.
        until("the window is empty", async || difference(&before) > DRAWN).await;
        until("it shows what it did", async || difference(&before) < SMALL).await;
        assert_ne!(self.web_process(), Some(killed));
    }
}

/// WebDriver gives a session up whose page has crashed, so that what goes on is seen by the window's picture and by
/// what the core keeps.
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

    // The fourth time in a minute the user is asked.
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
