//! Crashes and kills of the process.

use std::process::Stdio;

use conch_fault_server::Script;
use conch_window::Display;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::{Scene, open, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_mid_answer_keeps_the_text_and_frees_the_lock() {
    let scene = Scene::open().await;
    // Text over 2 kB is saved immediately, so a kill must not lose it.
    let text = "word ".repeat(600);
    scene.server.push(Script::gated("never", &text, "lost"));
    scene.send("hello").await;
    scene.wait_for_answer("generating", &text).await;
    let saved = scene.folder.path().join("conch.db");
    wait_for_saved(&saved, &text).await;

    let scene = scene.kill_and_reopen().await;
    scene.wait_for_answer("interrupted", &text).await;
    assert!(!scene.is_disabled().await);
    assert_eq!(scene.lock().await["canSend"], json!(true));
    let asks_to_retry = "document.querySelector('.message[data-status=interrupted] .retry')";
    scene.wait_until(asks_to_retry, "Retry is offered").await;

    scene.server.push(Script::answer("from the start"));
    scene.window.click(".retry").await.unwrap();
    scene.wait_for_answer("complete", "from the start").await;
}

/// Waits until the text is in the database's write-ahead log, which survives a kill.
async fn wait_for_saved(database: &std::path::Path, text: &str) {
    let log = database.with_extension("db-wal");
    // SQLite splits a row that is longer than a page, so only a page's worth of it is searched for.
    let part = &text.as_bytes()[..1000];
    until("the text is in the database", async || {
        let bytes = tokio::fs::read(&log).await.unwrap_or_default();
        bytes.windows(part.len()).any(|window| window == part)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_survives_a_kill() {
    let scene = Scene::open().await;
    scene.server.push(Script::answer("first"));
    scene.send("hello").await;
    scene.wait_for_answer("complete", "first").await;
    scene
        .window
        .type_text("#chat-input", "not sent yet")
        .await
        .unwrap();
    let conversation = scene.conversation().await;
    let arguments = json!({"conversationId": conversation});
    until("the draft is saved", async || {
        let view = scene.invoke("get_conversation", arguments.clone()).await;
        view["draft"] == json!("not sent yet")
    })
    .await;

    let scene = scene.kill_and_reopen().await;
    scene
        .wait_until(
            "document.querySelector('#chat-input').value === 'not sent yet'",
            "the draft is back",
        )
        .await;
}

/// A second start asks the first process to show its window. When that process dies before it responds,
/// the second must open a window itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_calls_up_a_dying_conch_opens_a_window_itself() {
    let scene = Scene::open().await;
    let first = scene.window.application().unwrap();
    signal("-STOP", first).await;
    let (_monitor, mut calls) = calls_to_the_first(&scene.display).await;

    let second = open(&scene.display, scene.folder.path(), Some(&scene.server));
    let kill = async {
        while let Some(line) = calls.next_line().await.unwrap() {
            if line.contains("ExecuteCallback") {
                return signal("-KILL", first).await;
            }
        }
        panic!("the second start did not raise the window");
    };
    let (second, ()) = tokio::join!(second, kill);

    let usable = "!document.querySelector('#chat-input').disabled";
    second.wait_until(usable, "it is usable").await.unwrap();
}

pub(crate) async fn signal(name: &str, process: u32) {
    let mut kill = Command::new("kill");
    let status = kill.args([name, &process.to_string()]).status().await;
    assert!(status.unwrap().success());
}

/// Returns the D-Bus calls of other starts to the running application, line by line.
async fn calls_to_the_first(display: &Display) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut monitor = Command::new("dbus-monitor")
        .args(["--session", "interface='org.SingleInstance.DBus'"])
        .envs(display.environment().iter().cloned())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(monitor.stdout.take().unwrap()).lines();
    // dbus-monitor prints its first line once it listens.
    lines.next_line().await.unwrap();
    (monitor, lines)
}
