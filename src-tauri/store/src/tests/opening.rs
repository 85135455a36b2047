//! Files that are not a database of Conch, damaged or newer are distinguished and left unchanged, byte for
//! byte.

use std::fs;
use std::path::Path;

use sqlx::migrate::Migrate;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions, Connection};

use super::{Fixture, NOW};
use crate::{Store, StoreError};

async fn open_untouched(path: &Path) -> StoreError {
    let before = fs::read(path).unwrap();
    let error = Store::open(path, true, NOW).await.unwrap_err();
    assert!(before == fs::read(path).unwrap(), "the file was changed");
    error
}

#[tokio::test]
async fn a_file_that_is_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("conch.db");
    fs::write(&path, "my shopping list, for ever precious").unwrap();

    let error = open_untouched(&path).await;
    assert!(
        matches!(error, StoreError::NotADatabase { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_file_that_only_begins_like_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("conch.db");
    let mut bytes = b"SQLite format 3\0".to_vec();
    bytes.resize(4096, 0);
    fs::write(&path, bytes).unwrap();

    let error = open_untouched(&path).await;
    assert!(
        matches!(error, StoreError::NotADatabase { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_folder_that_is_not_there_and_one_that_is_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a file");
    fs::write(&file, "").unwrap();

    let missing = folder.path().join("missing").join("conch.db");
    let error = Store::open(&missing, false, NOW).await.unwrap_err();
    assert!(
        matches!(error, StoreError::DataFolderUnwritable { .. }),
        "{error:?}"
    );
    let error = Store::open(&file.join("conch.db"), false, NOW).await;
    let Err(StoreError::DataFolderUnwritable { source, .. }) = error else {
        panic!("{error:?}");
    };
    assert_eq!(source.kind(), std::io::ErrorKind::NotADirectory);
}

#[tokio::test]
async fn a_database_of_another_application() {
    let fixture = Fixture::new().await;
    fixture.store.close().await;
    let other = fixture.folder.path().join("other.db");
    let made = Store::open(&other, false, NOW).await.unwrap();
    sqlx::query("PRAGMA application_id = 1")
        .execute(&made.writer)
        .await
        .unwrap();
    made.close().await;

    let error = open_untouched(&other).await;
    assert!(
        matches!(error, StoreError::NotADatabase { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_database_of_a_newer_version() {
    let fixture = Fixture::new().await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'from the future', 1, x'00', 0)",
    )
    .execute(&fixture.store.writer)
    .await
    .unwrap();
    fixture.store.close().await;

    let error = open_untouched(&fixture.path()).await;
    assert!(
        matches!(error, StoreError::DatabaseNewer { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_damaged_database() {
    let fixture = Fixture::new().await;
    fixture.begin("some text", NOW).await;
    fixture.store.close().await;
    let mut bytes = fs::read(fixture.path()).unwrap();
    let middle = bytes.len() / 2;
    bytes[4096..middle].fill(0x5a);
    fs::write(fixture.path(), bytes).unwrap();

    let error = open_untouched(&fixture.path()).await;
    assert!(
        matches!(error, StoreError::DatabaseCorrupt { .. }),
        "{error:?}"
    );
}

/// A writable connection would checkpoint the WAL into the file when it closes, which makes salvaging a damaged
/// file harder.
#[tokio::test]
async fn a_damaged_database_with_a_log_beside_it() {
    let fixture = Fixture::new().await;
    fixture.store.close().await;
    let mut writer = SqliteConnectOptions::new()
        .filename(fixture.path())
        .pragma("wal_autocheckpoint", "0")
        .connect()
        .await
        .unwrap();
    sqlx::raw_sql("UPDATE users SET name = 'logged'")
        .execute(&mut writer)
        .await
        .unwrap();
    let left = tempfile::tempdir().unwrap();
    let path = left.path().join("conch.db");
    let log = "conch.db-wal";
    fs::copy(fixture.folder.path().join(log), left.path().join(log)).unwrap();
    let mut bytes = fs::read(fixture.path()).unwrap();
    bytes[100..4096].fill(0x5a);
    fs::write(&path, bytes).unwrap();

    let error = open_untouched(&path).await;
    assert!(
        matches!(error, StoreError::DatabaseCorrupt { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_empty_file_is_a_start_that_died_early() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("conch.db");
    fs::write(&path, "").unwrap();

    Store::open(&path, true, NOW).await.unwrap();
}

/// What a power failure may leave of the very first write: a file of one page, with only its zero sectors
/// written.
#[tokio::test]
async fn a_first_page_that_was_never_written_is_a_start_that_died_early() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("conch.db");
    fs::write(&path, [0; 4096]).unwrap();
    fs::write(folder.path().join("conch.db-journal"), [0; 512]).unwrap();

    let store = Store::open(&path, true, NOW).await.unwrap();
    store.create_conversation(None, None, NOW).await.unwrap();
}

#[tokio::test]
async fn zeros_beyond_one_page_are_not_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("conch.db");
    fs::write(&path, vec![0; 65_537]).unwrap();

    let error = open_untouched(&path).await;
    assert!(
        matches!(error, StoreError::NotADatabase { .. }),
        "{error:?}"
    );
}

/// sqlx commits its own table before the first migration.
#[tokio::test]
async fn a_start_killed_before_its_first_migration_is_continued() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("conch.db");
    let mut connection = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true)
        .connect()
        .await
        .unwrap();
    connection
        .ensure_migrations_table("_sqlx_migrations")
        .await
        .unwrap();
    connection.close().await.unwrap();

    Store::open(&path, true, NOW).await.unwrap();
}

/// What a power failure may leave of a first start: no WAL yet, but the journal of an unfinished transaction.
#[tokio::test]
async fn a_journal_that_was_left_behind_is_rolled_back() {
    let fixture = Fixture::new().await;
    fixture.store.close().await;
    let mut writer = SqliteConnectOptions::new()
        .filename(fixture.path())
        .journal_mode(SqliteJournalMode::Delete)
        .pragma("cache_size", "1")
        .connect()
        .await
        .unwrap();
    let unfinished =
        "BEGIN; CREATE TABLE filler (bytes); INSERT INTO filler VALUES (randomblob(100000))";
    sqlx::raw_sql(unfinished)
        .execute(&mut writer)
        .await
        .unwrap();
    let left = tempfile::tempdir().unwrap();
    for name in ["conch.db", "conch.db-journal"] {
        fs::copy(fixture.folder.path().join(name), left.path().join(name)).unwrap();
    }

    let store = Store::open(&left.path().join("conch.db"), true, NOW)
        .await
        .unwrap();

    let fillers: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = 'filler'")
            .fetch_one(&store.readers)
            .await
            .unwrap();
    assert_eq!(fillers, 0, "the unfinished transaction is undone");
}

#[tokio::test]
async fn the_connections_are_as_durable_as_promised() {
    let fixture = Fixture::new().await;
    let pragma = async |name: &str| -> i64 {
        let statement = sqlx::AssertSqlSafe(format!("PRAGMA {name}"));
        sqlx::query_scalar(statement)
            .fetch_one(&fixture.store.writer)
            .await
            .unwrap()
    };
    assert_eq!(pragma("synchronous").await, 2, "FULL");
    assert_eq!(pragma("foreign_keys").await, 1);
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(&fixture.store.writer)
        .await
        .unwrap();
    assert_eq!(mode, "wal");
    let refused = sqlx::query("DELETE FROM users")
        .execute(&fixture.store.readers)
        .await;
    assert!(refused.is_err(), "a reader cannot write");
}

/// A new connection would read the whole schema, and prepare each statement again.
#[tokio::test]
async fn a_transaction_that_is_dropped_leaves_its_connection_open() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    sqlx::raw_sql("PRAGMA cache_size = 777")
        .execute(&store.writer)
        .await
        .unwrap();
    for _ in 0..100 {
        drop(store.write().await.unwrap());
        let size: i64 = sqlx::query_scalar("PRAGMA cache_size")
            .fetch_one(&store.writer)
            .await
            .unwrap();
        assert_eq!(size, 777);
    }
}
