//! What a power failure or a drive may leave in place of the database: nothing of it is deleted.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Fixture, NOW};
use crate::{Store, StoreError};

/// A first session that was killed: the main file has one page, and the rest is in the WAL.
async fn first_session() -> (tempfile::TempDir, PathBuf) {
    let fixture = Fixture::new().await;
    fixture.talk("precious", "yes").await;
    let left = tempfile::tempdir().unwrap();
    for name in ["conch.db", "conch.db-wal"] {
        fs::copy(fixture.folder.path().join(name), left.path().join(name)).unwrap();
    }
    let path = left.path().join("conch.db");
    (left, path)
}

async fn is_whole(path: &Path) {
    let store = Store::open(path, true, NOW).await.unwrap();
    let texts: Vec<String> = sqlx::query_scalar("SELECT content FROM messages WHERE role = 'user'")
        .fetch_all(&store.readers)
        .await
        .unwrap();
    assert_eq!(texts, ["precious"]);
    store.create_conversation(None, None, NOW).await.unwrap();
    store.close().await;
    Store::open(path, true, NOW).await.unwrap().close().await;
}

#[tokio::test]
async fn a_first_page_of_zeros_with_a_log_is_read_through_the_log() {
    let (_folder, path) = first_session().await;
    assert_eq!(
        fs::metadata(&path).unwrap().len(),
        4096,
        "all is in the log"
    );
    fs::write(&path, [0; 4096]).unwrap();
    is_whole(&path).await;
}

#[tokio::test]
async fn a_first_page_of_something_else_with_a_log_is_read_through_the_log() {
    let (_folder, path) = first_session().await;
    fs::write(&path, [0x5a; 4096]).unwrap();
    is_whole(&path).await;
}

#[tokio::test]
async fn an_empty_file_with_a_log_is_read_through_the_log() {
    let (_folder, path) = first_session().await;
    fs::write(&path, "").unwrap();
    is_whole(&path).await;
}

#[tokio::test]
async fn a_log_without_its_file_is_read() {
    let (_folder, path) = first_session().await;
    fs::remove_file(&path).unwrap();
    is_whole(&path).await;
}

/// A WAL that starts after earlier checkpoints does not contain the whole database.
#[tokio::test]
async fn an_incomplete_wal_is_kept_and_reported() {
    let fixture = Fixture::new().await;
    fixture.store.close().await;
    let store = Store::open(&fixture.path(), false, NOW).await.unwrap();
    store.create_conversation(None, None, NOW).await.unwrap();
    let log = fs::read(fixture.folder.path().join("conch.db-wal")).unwrap();
    for main in [None, Some(Vec::new()), Some(vec![0; 4096])] {
        let left = tempfile::tempdir().unwrap();
        let path = left.path().join("conch.db");
        fs::write(left.path().join("conch.db-wal"), &log).unwrap();
        if let Some(main) = &main {
            fs::write(&path, main).unwrap();
        }
        for start in 0..3 {
            let error = Store::open(&path, start == 0, NOW).await.unwrap_err();
            assert!(
                matches!(error, StoreError::DatabaseCorrupt { .. }),
                "{error:?}"
            );
            assert!(fs::read(left.path().join("conch.db-wal")).unwrap() == log);
            assert_eq!(fs::read(&path).ok(), main);
        }
        let mut names: Vec<_> = fs::read_dir(left.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert!(!names.contains(&"looked-at".to_owned()), "{names:?}");
    }
}

/// An invalid WAL header with content after it: SQLite would delete the file.
#[tokio::test]
async fn a_log_that_sqlite_cannot_read_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("conch.db");
    let mut log = vec![0; 8192];
    log[5000] = 7;
    fs::write(folder.path().join("conch.db-wal"), &log).unwrap();
    let error = Store::open(&path, false, NOW).await.unwrap_err();
    assert!(matches!(error, StoreError::DatabaseCorrupt { .. }));
    assert!(fs::read(folder.path().join("conch.db-wal")).unwrap() == log);
}

fn journal(pages: u8) -> Vec<u8> {
    let mut journal = vec![0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    journal.resize(512, 0);
    journal[19] = pages;
    journal
}

#[tokio::test]
async fn a_journal_without_its_database_is_kept_and_reported() {
    for main in [None, Some(vec![0; 4096])] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("conch.db");
        if let Some(main) = &main {
            fs::write(&path, main).unwrap();
        }
        fs::write(folder.path().join("conch.db-journal"), journal(9)).unwrap();
        let error = Store::open(&path, false, NOW).await.unwrap_err();
        assert!(matches!(error, StoreError::DatabaseCorrupt { .. }));
        assert_eq!(
            fs::read(folder.path().join("conch.db-journal")).unwrap(),
            journal(9)
        );
    }
}

#[tokio::test]
async fn what_a_first_start_never_wrote_is_moved_aside_not_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("conch.db");
    fs::write(&path, [0; 4096]).unwrap();
    fs::write(folder.path().join("conch.db-journal"), journal(0)).unwrap();
    Store::open(&path, true, NOW).await.unwrap().close().await;

    let aside = folder.path().join("aside").join(NOW.to_name());
    assert_eq!(fs::read(aside.join("conch.db")).unwrap(), [0; 4096]);
    assert_eq!(
        fs::read(aside.join("conch.db-journal")).unwrap(),
        journal(0)
    );
}
