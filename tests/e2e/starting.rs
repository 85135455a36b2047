//! The window opens first, and shows what the start waits for.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use conch_window::{Display, Launch, Window};
use tokio::process::Command;

use crate::{environment, until};

const WAITS: &str = "document.querySelector('#starting')?.textContent === 'Waiting for another instance of Conch to finish starting…'";

async fn open_early(display: &Display, folder: &Path) -> Window {
    let launch = Launch {
        binary: env!("CARGO_BIN_EXE_conch").into(),
        environment: environment(display, folder),
    };
    Window::open_early(&launch).await.unwrap()
}

/// Simulates another process that is still starting.
fn another_start(folder: &Path) -> File {
    let gate = File::create(folder.join("start.lock")).unwrap();
    gate.lock().unwrap();
    gate
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_waits_for_another_shows_it_and_continues_afterwards() {
    let (folder, display) = (tempfile::tempdir().unwrap(), Display::find().unwrap());
    let gate = another_start(folder.path());
    let window = open_early(&display, folder.path()).await;
    window
        .wait_until(WAITS, "it says what it waits for")
        .await
        .unwrap();
    drop(gate);
    let usable = "document.querySelector('#chat-input')?.disabled === false";
    window.wait_until(usable, "it is usable").await.unwrap();
    let gone = "document.querySelector('#starting') === null";
    window.wait_until(gone, "it says it no more").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_waits_can_be_quit() {
    let (folder, display) = (tempfile::tempdir().unwrap(), Display::find().unwrap());
    let _gate = another_start(folder.path());
    let window = open_early(&display, folder.path()).await;
    window
        .wait_until(WAITS, "it says what it waits for")
        .await
        .unwrap();
    let process = window.application().unwrap();
    let told = Command::new("kill").arg(process.to_string()).status().await;
    assert!(told.unwrap().success());
    let status = format!("/proc/{process}/stat");
    until("the process has ended", async || {
        let status = tokio::fs::read_to_string(&status).await;
        status.is_err() || status.is_ok_and(|status| status.contains(") Z "))
    })
    .await;
    assert!(!folder.path().join("conch.db").exists(), "it never began");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_data_folder_nothing_is_left_and_others_can_enter_nothing() {
    let (others, display) = (tempfile::tempdir().unwrap(), Display::find().unwrap());
    let taken = others.path().join("taken");
    std::fs::write(&taken, "a file where the folder should be").unwrap();
    let temporary = others.path().join("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let mut environment = environment(&display, &taken);
    environment.push(("TMPDIR".to_owned(), temporary.display().to_string()));
    let window = crate::launch(environment).await;
    let page = window.find("#fatal").await.unwrap().text().await.unwrap();
    assert!(page.contains("taken"), "{page}");
    let there = || std::fs::read_dir(&temporary).unwrap().map(Result::unwrap);
    for entry in there() {
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", entry.path().display());
    }
    window.close().await.unwrap();
    until("nothing is left", async || there().count() == 0).await;
}
