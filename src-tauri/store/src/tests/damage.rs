//! Damage is remembered until the database is repaired or replaced, and nothing is written to it.

use std::fs;
use std::path::{Path, PathBuf};

use conch_model::{Composer, FencedWrite, MessageId, PageQuery};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::backups::older;
use super::{Fixture, NOW, complete};
use crate::damage::mark_of;
use crate::open::MIGRATOR;
use crate::{DATABASE, Store, StoreError};

/// A database with some messages, closed cleanly.
async fn filled() -> (tempfile::TempDir, PathBuf) {
    let fixture = Fixture::new().await;
    for number in 0..20 {
        fixture.talk(&format!("message {number}"), "yes").await;
    }
    fixture.store.close().await;
    let path = fixture.path();
    (fixture.folder, path)
}

/// Causes damage that `quick_check` finds, and a start without it does not.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 8192].fill(0x5a);
    fs::write(path, bytes).unwrap();
}

async fn is_refused(path: &Path, after_crash: bool) -> bool {
    let before = fs::read(path).unwrap();
    let opened = Store::open(path, after_crash, NOW).await;
    assert!(before == fs::read(path).unwrap(), "the file was changed");
    match opened {
        Err(StoreError::DatabaseCorrupt { .. }) => true,
        Ok(store) => {
            store.close().await;
            false
        }
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn a_verdict_stands_over_any_number_of_starts() {
    let (_folder, path) = filled().await;
    damage(&path);
    assert!(is_refused(&path, true).await, "the start after a crash");
    for start in 0..3 {
        assert!(is_refused(&path, false).await, "start {start}");
    }
}

#[tokio::test]
async fn a_database_that_was_replaced_or_mended_is_opened_again() {
    let (folder, path) = filled().await;
    let whole = fs::read(&path).unwrap();
    damage(&path);
    assert!(is_refused(&path, true).await);

    // Overwritten, so that it remains the same file with the same name.
    fs::write(&path, &whole).unwrap();
    Store::open(&path, false, NOW).await.unwrap().close().await;
    assert!(!mark_of(&path).exists(), "what is whole has no mark");

    damage(&path);
    assert!(is_refused(&path, true).await);
    damage(&path);
    let other = folder.path().join("other.db");
    fs::write(&other, &whole).unwrap();
    fs::rename(&other, &path).unwrap();
    Store::open(&path, false, NOW).await.unwrap().close().await;

    damage(&path);
    assert!(is_refused(&path, true).await);
    fs::rename(&path, folder.path().join("aside.db")).unwrap();
    let store = Store::open(&path, false, NOW).await.unwrap();
    store.create_conversation(None, None, NOW).await.unwrap();
}

/// Touching the file, or moving the folder to another disk, repairs nothing.
#[tokio::test]
async fn a_damaged_database_that_was_only_touched_is_still_damaged() {
    let (_folder, path) = filled().await;
    damage(&path);
    assert!(is_refused(&path, true).await);
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, bytes).unwrap();
    assert!(
        is_refused(&path, false).await,
        "it is checked, and found out"
    );
    assert!(is_refused(&path, false).await);
    fs::write(mark_of(&path), "not what it was").unwrap();
    assert!(
        is_refused(&path, false).await,
        "a mark without words counts"
    );
}

#[tokio::test]
async fn damage_that_is_met_while_running_stops_all_writes_and_the_next_start() {
    let fixture = Fixture::new().await;
    fixture.begin("before", NOW).await;
    let log = fixture.folder.path().join("conch.db-wal");
    fixture.store.mark_damaged("a page that is none").await;
    let state = || (fs::read(fixture.path()).unwrap(), fs::read(&log).unwrap());
    let before = state();

    assert!(fixture.store.is_damaged());
    let refused = fixture.store.create_conversation(None, None, NOW).await;
    assert!(matches!(refused, Err(StoreError::FoundDamage { .. })));
    let draft = fixture
        .store
        .profile()
        .save_draft(&Composer::main(&fixture.conversation.id), "text", NOW)
        .await;
    assert!(
        matches!(draft, Err(StoreError::FoundDamage { .. })),
        "what needs no transaction is refused, too, and for the true reason"
    );
    assert!(
        fixture.store.holders().await.is_ok(),
        "what can be read is read"
    );
    fixture.store.close().await;
    assert!(before == state(), "the end wrote nothing either");

    let again = Store::open(&fixture.path(), false, NOW).await;
    assert!(matches!(again, Err(StoreError::DatabaseCorrupt { .. })));
    assert!(before == state());
}

#[tokio::test]
async fn another_process_that_found_damage_stops_this_ones_writes() {
    let fixture = Fixture::new().await;
    let other = Store::open(&fixture.path(), false, NOW).await.unwrap();
    other.mark_damaged("a page that is none").await;
    let refused = fixture.store.create_conversation(None, None, NOW).await;
    assert!(matches!(refused, Err(StoreError::FoundDamage { .. })));
}

#[tokio::test]
async fn a_damaged_full_text_index_is_no_damage_of_the_conversations() {
    let (folder, _) = filled().await;
    let path = folder.path().join(DATABASE);
    let store = Store::open(&path, false, NOW).await.unwrap();
    sqlx::query("UPDATE messages_fts_data SET block = x'ffff' WHERE id > 10")
        .execute(&store.writer)
        .await
        .unwrap();
    store.close().await;
    Store::open(&path, true, NOW).await.unwrap().close().await;
    assert!(!mark_of(&path).exists());
}

/// Changes a database outside Conch.
async fn change(path: &Path, statements: &str) {
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .pragma("writable_schema", "ON")
        .connect()
        .await
        .unwrap();
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned()))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

/// SQLite's integrity check detects neither.
#[tokio::test]
async fn a_schema_or_a_record_of_migrations_that_is_not_what_conch_wrote_is_damage() {
    let of_schema = |from: &str, to: &str| {
        format!("UPDATE sqlite_schema SET sql = replace(sql, '{from}', '{to}')")
    };
    for (what, statements, after_crash) in [
        (
            "a checksum",
            "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 3".to_owned(),
            false,
        ),
        (
            "a record that is gone",
            "DELETE FROM _sqlx_migrations WHERE version = 3".to_owned(),
            false,
        ),
        (
            "a record that is not done",
            "UPDATE _sqlx_migrations SET success = 0 WHERE version = 3".to_owned(),
            false,
        ),
        (
            "a record of other types",
            "UPDATE _sqlx_migrations SET success = 'yes' WHERE version = 3".to_owned(),
            false,
        ),
        (
            "a version that is no number",
            "UPDATE _sqlx_migrations SET version = 'three' WHERE version = 3".to_owned(),
            false,
        ),
        (
            "a checksum that is a number",
            "UPDATE _sqlx_migrations SET checksum = 3 WHERE version = 3".to_owned(),
            false,
        ),
        (
            "the table of records",
            of_schema("checksum BLOB", "cheksum BLOB"),
            false,
        ),
        (
            "a column that the start reads",
            of_schema("created_at INTEGER", "created_an INTEGER"),
            false,
        ),
        ("a rule", of_schema("position >= 1", "position >= 9"), true),
        (
            "a trigger",
            of_schema(
                "OLD.status <> ''generating''",
                "OLD.status <> ''generatinh''",
            ),
            true,
        ),
        (
            "an index that is gone",
            "DELETE FROM sqlite_schema WHERE name = 'messages_by_parent'".to_owned(),
            true,
        ),
    ] {
        let (_folder, path) = filled().await;
        let before = fs::read(&path).unwrap();
        change(&path, &statements).await;
        assert!(before != fs::read(&path).unwrap(), "{what} was changed");
        for start in 0..2 {
            assert!(
                is_refused(&path, after_crash).await,
                "{what}, start {start}"
            );
        }
    }
}

#[tokio::test]
async fn older_schemas_and_added_tables_are_no_damage() {
    for count in 1..=MIGRATOR.iter().count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("conch.db");
        older(&path, count).await;
        let added = "CREATE TABLE notes (text); CREATE INDEX own ON messages(role)";
        change(&path, added).await;
        Store::open(&path, true, NOW).await.unwrap().close().await;
    }
}

#[tokio::test]
async fn a_path_that_does_not_lead_to_the_first_message_is_damage() {
    for parent in ["(SELECT id FROM messages WHERE search_key = 4)", "'gone'"] {
        let fixture = Fixture::new().await;
        let mut last = fixture.begin("first", NOW).await;
        for question in ["second", "third"] {
            let ending = complete();
            let done = fixture.store.finish(&last.lease, None, &ending, NOW).await;
            assert_eq!(done.unwrap(), FencedWrite::Written);
            last = fixture.begin(question, NOW).await;
        }
        let options = SqliteConnectOptions::new()
            .filename(fixture.path())
            .foreign_keys(false);
        let mut connection = options.connect().await.unwrap();
        let second = format!("UPDATE messages SET parent_id = {parent} WHERE search_key = 2");
        sqlx::query(AssertSqlSafe(second))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();

        let (store, id) = (&fixture.store, &fixture.conversation.id);
        let ids: Vec<MessageId> =
            sqlx::query_scalar("SELECT id FROM messages ORDER BY search_key LIMIT 3")
                .fetch_all(&store.readers)
                .await
                .unwrap();
        let [first, second, third] = &ids[..] else {
            panic!("{ids:?}");
        };
        for part in [
            PageQuery::Latest,
            PageQuery::Before(second.clone()),
            PageQuery::Before(third.clone()),
            PageQuery::After(first.clone()),
            PageQuery::Around(third.clone()),
        ] {
            let page = store.messages(id, None, &part).await;
            assert!(
                matches!(page, Err(StoreError::BrokenPath(_))),
                "{parent}: {part:?} gave {page:?}"
            );
        }
        let after = PageQuery::After(second.clone());
        let after = store.messages(id, None, &after).await;
        assert_eq!(after.unwrap().unwrap().messages.len(), 4, "{parent}");
        let found = store.find(id, None, "first").await;
        assert!(
            matches!(found, Err(StoreError::BrokenPath(_))),
            "{parent}: {found:?}"
        );
        let history = store.history(&last.lease.message_id).await;
        assert!(
            matches!(history, Err(StoreError::BrokenPath(_))),
            "{parent}: {history:?}"
        );
        let done = store.finish(&last.lease, None, &complete(), NOW).await;
        assert_eq!(done.unwrap(), FencedWrite::Written);
        assert!(store.select_version(second).await.is_ok(), "{parent}");
    }
}
