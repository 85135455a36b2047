//! Deleting in the window: immediate, with Undo for ten seconds, then permanent.

use std::path::{Path, PathBuf};

use conch_fault_server::Script;
use serde_json::json;

use crate::{Scene, until};

/// A word that occurs nowhere else, in the form that the search index stores.
const CANARY: &str = "zanzibarfish";

const ROWS: &str = "document.querySelectorAll('.conversation').length";
const UNDO: &str = "#notices .toast-action";

async fn press_delete(scene: &Scene, title: &str) {
    let button = format!(
        "document.querySelector({:?}).click();",
        format!("[aria-label='Delete {title}']")
    );
    scene.run(&button).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_conversation_is_gone_at_once_and_undo_brings_it_back() {
    let scene = Scene::open().await;
    scene.server.push(Script::answer("First answer"));
    scene.send("first").await;
    scene.wait_for_answer("complete", "First answer").await;
    scene.window.click("#new-conversation").await.unwrap();
    scene.server.push(Script::gated("never", "Half", ""));
    scene.send("second").await;
    scene.wait_for_answer("generating", "Half").await;
    let second = scene.conversation().await;

    scene.window.click("#open-window").await.unwrap();
    let client = scene.window.client();
    let first_window = client.window().await.unwrap();
    until("there is a second window", async || {
        client.windows().await.unwrap().len() == 2
    })
    .await;
    let handles = client.windows().await.unwrap();
    let other = handles.into_iter().find(|handle| *handle != first_window);
    client
        .switch_to_window(other.clone().unwrap())
        .await
        .unwrap();
    scene.wait_for_answer("generating", "Half").await;
    scene
        .wait_until(&format!("{ROWS} === 2"), "the list is drawn")
        .await;
    client.switch_to_window(first_window.clone()).await.unwrap();

    press_delete(&scene, "second").await;
    scene
        .wait_until(&format!("{ROWS} === 1"), "it is gone")
        .await;
    scene.wait_for_answer("complete", "First answer").await;
    let toast = scene.window.find("#notices .toast").await.unwrap();
    assert!(toast.text().await.unwrap().contains("Deleted “second”"));
    let dialogs = "return document.querySelectorAll('dialog').length;";
    assert_eq!(scene.run(dialogs).await, json!(0), "nothing is asked");
    client.switch_to_window(other.unwrap()).await.unwrap();
    scene
        .wait_until(&format!("{ROWS} === 1"), "it is gone there")
        .await;
    scene.wait_for_answer("complete", "First answer").await;
    let offers = "return document.querySelectorAll('.toast').length;";
    assert_eq!(
        scene.run(offers).await,
        json!(0),
        "who deleted it may undo it"
    );

    client.switch_to_window(first_window).await.unwrap();
    scene.window.click(UNDO).await.unwrap();
    scene.wait_for_answer("stopped", "Half").await;
    assert_eq!(scene.conversation().await, second, "it is shown again");
    scene
        .wait_until(&format!("{ROWS} === 2"), "and listed")
        .await;
    assert!(!scene.is_disabled().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_ten_seconds_nothing_of_it_is_left() {
    let scene = Scene::open().await;
    scene
        .server
        .push(Script::answer(&format!("{CANARY} answers")));
    scene.send(CANARY).await;
    scene
        .wait_for_answer("complete", &format!("{CANARY} answers"))
        .await;
    let id = scene.conversation().await;
    assert!(!found_in(scene.folder.path()).is_empty());
    press_delete(&scene, CANARY).await;
    scene.window.find(UNDO).await.unwrap();
    until("no file holds it", async || {
        found_in(scene.folder.path()).is_empty()
    })
    .await;
    let again = scene
        .window
        .invoke("restore_conversation", json!({"conversationId": id}));
    let refused = again.await.unwrap().unwrap_err();
    assert_eq!(refused["code"], "not_found");
    scene.window.close().await.unwrap();
    assert_eq!(found_in(scene.folder.path()), Vec::<PathBuf>::new());
}

/// Returns the files that contain the canary, in the folder and its subfolders. The log is read before the database: a
/// checkpoint in between moves what is in the log to the database.
fn found_in(folder: &Path) -> Vec<PathBuf> {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else {
            continue;
        };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort_by_key(|path| !path.to_string_lossy().ends_with("-wal"));
    files.retain(|path| {
        std::fs::read(path).is_ok_and(|bytes| {
            let mut words = bytes.windows(CANARY.len());
            words.any(|word| word == CANARY.as_bytes())
        })
    });
    files
}
