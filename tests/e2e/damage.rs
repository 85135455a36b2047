//! A database that cannot be opened, and the recovery options on the page.

use std::fs;
use std::path::{Path, PathBuf};

use conch_support::seed::Conversations;
use conch_window::{Display, Window};
use tempfile::TempDir;

use crate::open;

const KIND: Conversations = Conversations {
    first: 1,
    count: 3,
    messages: 200,
    content: "'message ' || k || ' of ' || n",
};

/// Returns a data folder with conversations, a backup of them, and a damaged first page.
async fn damaged() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("conch.db");
    conch_support::seed::make(&database, &[KIND]).await.unwrap();
    let backups = folder.path().join("backups");
    fs::create_dir(&backups).unwrap();
    fs::copy(&database, backups.join("conch-2026-11-20T08-30-00Z.db")).unwrap();
    damage(&database, 100..4096);
    (folder, database)
}

fn damage(database: &Path, range: std::ops::Range<usize>) {
    let mut bytes = fs::read(database).unwrap();
    bytes[range].fill(0x5a);
    fs::write(database, bytes).unwrap();
}

async fn wait_for_conversations(window: &Window, count: usize) {
    let there = format!("document.querySelectorAll('.conversation').length === {count}");
    window
        .wait_until(&there, "the conversations are there")
        .await
        .unwrap();
    window
        .wait_until(
            "!document.querySelector('#chat-input').disabled",
            "it is usable",
        )
        .await
        .unwrap();
}

fn moved_aside(folder: &Path) -> PathBuf {
    let mut aside = fs::read_dir(folder.join("aside")).unwrap();
    aside.next().unwrap().unwrap().path().join("conch.db")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_of_a_button_starts_with_the_backup() {
    let (folder, database) = damaged().await;
    let bytes = fs::read(&database).unwrap();
    let display = Display::find().unwrap();
    let window = open(&display, folder.path(), None).await;

    let page = window.find("#fatal").await.unwrap().text().await.unwrap();
    assert!(page.contains("is damaged"), "{page}");
    let offered =
        "document.querySelector('.start-with-backup.primary')?.textContent.includes('2026')";
    window
        .wait_until(offered, "the backup is offered")
        .await
        .unwrap();
    assert!(fs::read(&database).unwrap() == bytes, "it was not changed");
    window.click(".start-with-backup").await.unwrap();
    wait_for_conversations(&window, 3).await;
    assert!(fs::read(moved_aside(folder.path())).unwrap() == bytes);

    window.kill().await.unwrap();
    let window = open(&display, folder.path(), None).await;
    wait_for_conversations(&window, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_read_is_saved_and_started_with() {
    let (folder, database) = damaged().await;
    fs::remove_dir_all(folder.path().join("backups")).unwrap();
    reseed_with_damage(&database).await;
    let display = Display::find().unwrap();
    let window = open(&display, folder.path(), None).await;
    let offered = "document.querySelector('#save-readable')";
    window
        .wait_until(offered, "saving is offered")
        .await
        .unwrap();
    window.click("#save-readable").await.unwrap();
    let saved = "document.querySelector('#fatal-outcome').textContent.startsWith('Saved ')";
    window.wait_until(saved, "it is saved").await.unwrap();
    window.click("#start-with-saved").await.unwrap();
    wait_for_conversations(&window, 3).await;
    assert!(moved_aside(folder.path()).exists());
}

/// Seeds the same conversations, with damage that leaves most of them readable. Only a start after a crash detects it.
async fn reseed_with_damage(database: &Path) {
    fs::remove_file(database).unwrap();
    conch_support::seed::make(database, &[KIND]).await.unwrap();
    let pages = usize::try_from(fs::metadata(database).unwrap().len()).unwrap() / 4096;
    let middle = pages / 3 * 4096;
    damage(database, middle..middle + 4096);
    let instances = database.with_file_name("instances");
    fs::create_dir_all(&instances).unwrap();
    let dead = conch_core::model::InstanceId::fresh();
    fs::write(instances.join(format!("{dead}.lock")), "").unwrap();
}
