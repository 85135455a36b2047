//! The close button, with and without running answers.

use std::process::Stdio;

use conch_fault_server::Script;
use conch_window::{Desktop, TopLevel, has_ended};
use serde_json::json;
use tokio::process::Command;

use crate::{Scene, environment, open, until};

impl Scene {
    pub(crate) fn application(&self) -> u32 {
        self.window.application().unwrap()
    }

    /// Returns the visible windows.
    pub(crate) fn visible_windows(&self) -> Vec<TopLevel> {
        let desktop = Desktop::of(&self.display).unwrap();
        let windows = desktop.windows_of(self.application()).unwrap();
        windows
            .into_iter()
            .filter(|window| window.visible)
            .collect()
    }

    /// Presses the close button of the only window.
    pub(crate) fn press_close(&self) {
        let seen = self.visible_windows();
        assert_eq!(seen.len(), 1, "{seen:?}");
        let desktop = Desktop::of(&self.display).unwrap();
        desktop.close(&seen[0]).unwrap();
    }

    async fn until_ended(&self) {
        let application = self.application();
        until("the application ends", async || has_ended(application)).await;
    }

    /// Closes the last window, waits until running answers and the application have ended, and opens it again.
    pub(crate) async fn close_and_reopen(self) -> Self {
        self.press_close();
        self.until_ended().await;
        self.reopen().await
    }

    async fn reopen(self) -> Self {
        let window = open(&self.display, self.folder.path(), Some(&self.server)).await;
        Self { window, ..self }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_answer_ends_out_of_sight_before_the_application_does() {
    let scene = Scene::open().await;
    scene
        .server
        .push(Script::gated("hold", "the first half", ", and the second"));
    scene.send("hello").await;
    scene.wait_for_answer("generating", "the first half").await;
    scene.press_close();
    until("the window is hidden", async || {
        scene.visible_windows().is_empty()
    })
    .await;
    assert!(!has_ended(scene.application()), "the answer still runs");

    // A second start shows the hidden window again, and the window then stays.
    let mut start = Command::new(env!("CARGO_BIN_EXE_conch"));
    start
        .envs(environment(&scene.display, scene.folder.path()))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    assert!(
        start.status().await.unwrap().success(),
        "it only calls up the first"
    );
    until("the window is shown", async || {
        scene.visible_windows().len() == 1
    })
    .await;
    scene.wait_for_answer("generating", "the first half").await;

    scene.press_close();
    until("the window is hidden", async || {
        scene.visible_windows().is_empty()
    })
    .await;
    scene.server.gate("hold").open();
    scene.until_ended().await;
    let left = std::fs::read_dir(scene.folder.path().join("instances")).unwrap();
    assert_eq!(left.count(), 0, "it ended well");
    let scene = scene.reopen().await;
    scene
        .wait_for_answer("complete", "the first half, and the second")
        .await;

    // With no answer running it exits immediately, and keeps the draft.
    scene
        .window
        .type_text("#chat-input", "not sent")
        .await
        .unwrap();
    let arguments = json!({"conversationId": scene.conversation().await});
    until("the draft is kept", async || {
        scene.invoke("get_conversation", arguments.clone()).await["draft"] == json!("not sent")
    })
    .await;
    scene.press_close();
    scene.until_ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_windows_just_closes_and_the_last_quits_at_once_where_that_is_chosen() {
    let scene = Scene::open().await;
    let mut settings = scene.invoke("get_settings", json!({})).await;
    assert_eq!(settings["onClose"], json!("finishAnswers"), "the default");
    settings["onClose"] = json!("quitAtOnce");
    scene
        .invoke("save_settings", json!({"settings": settings}))
        .await;
    scene
        .server
        .push(Script::gated("never", "the first half", "lost"));
    scene.send("hello").await;
    scene.wait_for_answer("generating", "the first half").await;
    scene.window.click("#open-window").await.unwrap();
    until("there are two windows", async || {
        scene.visible_windows().len() == 2
    })
    .await;
    let desktop = Desktop::of(&scene.display).unwrap();
    desktop.close(&scene.visible_windows()[1]).unwrap();
    until("one window is closed", async || {
        let all = desktop.windows_of(scene.application()).unwrap();
        all.iter()
            .filter(|window| window.title.starts_with("Conch"))
            .count()
            == 1
    })
    .await;
    assert!(!has_ended(scene.application()));

    scene.press_close();
    scene.until_ended().await;
    let scene = scene.reopen().await;
    scene.wait_for_answer("interrupted", "the first half").await;
}

/// What waits when the window closes is not sent behind the user's back: it waits, visibly, in the next start.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_when_the_window_closes_is_sent_by_the_user_in_the_next_start() {
    let scene = Scene::open().await;
    scene.hold("one").await;
    scene.set_policy("queue").await;
    scene.enter("two").await;
    scene.wait_for_queue("two").await;
    scene.press_close();
    until("the window is hidden", async || {
        scene.visible_windows().is_empty()
    })
    .await;
    scene.server.gate("hold").open();
    scene.until_ended().await;
    assert_eq!(scene.asked(), ["one"], "only the running answer ended");

    let scene = scene.reopen().await;
    scene.wait_for_queue("two").await;
    scene
        .wait_until(
            "document.querySelector('#queue').hasAttribute('data-paused')",
            "the queue is paused",
        )
        .await;
    scene.server.push(Script::answer("Second"));
    scene.window.click("#resume-queue").await.unwrap();
    scene.wait_for_answer("complete", "Second").await;
    assert_eq!(scene.asked(), ["one", "two"]);
}
