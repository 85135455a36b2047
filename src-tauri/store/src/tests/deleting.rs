//! Deletion: hidden from everything immediately, restored completely, and purged in batches to the last byte.

use std::path::{Path, PathBuf};
use std::time::Duration;

use conch_model::{
    AttachmentId, AttemptSource, Composer, ConversationId, Ending, Entity, FencedWrite, InstanceId,
    MessageStatus, PageQuery, Parameters,
};
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::answering;
use super::backups::older;
use super::{Fixture, NOW, complete};
use crate::open::MIGRATOR;
use crate::salvage;
use crate::{BeginOutcome, PurgeProgress, SelectOutcome, Store};

/// A word that occurs nowhere else, as the search index stores it.
const CANARY: &str = "zanzibarfish";

async fn answered(fixture: &Fixture, question: &str, answer: &str) {
    let started = fixture.begin(question, NOW).await;
    let done = fixture
        .store
        .finish(&started.lease, Some((0, &answer.into())), &complete(), NOW)
        .await;
    assert_eq!(done.unwrap(), FencedWrite::Written);
}

async fn count(store: &Store, what: &str) -> i64 {
    let count = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {what}")));
    count.fetch_one(&store.writer).await.unwrap()
}

/// Copies the current database.
async fn copied(fixture: &Fixture) -> PathBuf {
    copied_to(fixture, "backup.db").await
}

async fn copied_to(fixture: &Fixture, name: &str) -> PathBuf {
    let backup = fixture.folder.path().join(name);
    std::fs::create_dir_all(backup.parent().unwrap()).unwrap();
    let copy = format!("VACUUM INTO '{}'", backup.display());
    let copied = sqlx::query(AssertSqlSafe(copy)).execute(&fixture.store.writer);
    copied.await.unwrap();
    backup
}

/// All tables with rows of a conversation.
const TABLES: [&str; 10] = [
    "conversations",
    "branches",
    "messages",
    "message_chunks",
    "generation_locks",
    "generations",
    "queued_messages",
    "drafts",
    "attachments",
    "generation_attempts WHERE conversation_id IS NOT NULL OR branch_id IS NOT NULL",
];

#[tokio::test]
async fn a_deleted_conversation_is_nowhere_until_it_is_given_back() {
    let fixture = Fixture::new().await;
    answered(&fixture, "question", "answer").await;
    let (store, id) = (&fixture.store, &fixture.conversation.id);
    store
        .profile()
        .save_draft(&Composer::main(id), "half a thought", NOW)
        .await
        .unwrap();
    let view = store.get_conversation(id, None, NOW).await.unwrap();
    let answer = view.as_ref().unwrap().messages[1].id.clone();
    let main = fixture.conversation.main_branch_id.clone();

    assert!(store.delete_conversation(id, NOW).await.unwrap());
    assert!(!store.delete_conversation(id, NOW).await.unwrap(), "once");
    assert!(
        store
            .list_conversations(None, 9, NOW)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(store.get_conversation(id, None, NOW).await.unwrap(), None);
    let page = store.messages(id, Some(&main), &PageQuery::Latest).await;
    assert_eq!(page.unwrap(), None);
    assert_eq!(store.find(id, None, "answer").await.unwrap(), None);
    assert_eq!(store.branch(id, None).await.unwrap(), None);
    assert_eq!(store.lock_status(id, None, NOW).await.unwrap(), None);
    assert_eq!(store.conversation_of(&answer).await.unwrap(), None);
    assert!(!store.rename_conversation(id, "x").await.unwrap());
    assert!(!store.set_conversation_model(id, "x/y").await.unwrap());
    let parameters = Parameters::default();
    assert!(!store.set_parameters(id, &parameters).await.unwrap());
    assert!(
        !store
            .profile()
            .save_draft(&Composer::main(id), "x", NOW)
            .await
            .unwrap()
    );
    let chosen = store.select_version(&answer).await.unwrap();
    assert_eq!(chosen, SelectOutcome::NotFound);
    let refused = AttemptSource::Enter;
    let refused = store.record_refused_by_page(id, None, refused, NOW).await;
    assert!(!refused.unwrap());
    let no_files: [AttachmentId; 0] = [];
    assert!(
        store.adopt_attachments(id, &no_files).await.unwrap(),
        "none"
    );
    let sent = store.begin(&fixture.turn("more"), NOW).await.unwrap();
    assert_eq!(sent, BeginOutcome::NotFound(Entity::Conversation));
    let again = answering(&answer);
    let sent = store.begin(&again, NOW).await.unwrap();
    assert!(matches!(sent, BeginOutcome::NotFound(_)));
    let deleted = store.deleted_conversations().await.unwrap();
    assert_eq!((&deleted[0].id, deleted[0].at, deleted.len()), (id, NOW, 1));

    assert!(store.restore_conversation(id).await.unwrap());
    let restored = store.get_conversation(id, None, NOW).await.unwrap();
    assert_eq!(restored, view);
    assert!(store.deleted_conversations().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_purged_leaves_no_row_and_cannot_be_given_back() {
    let fixture = Fixture::new().await;
    let (store, id) = (&fixture.store, &fixture.conversation.id);
    for n in 0..40 {
        answered(&fixture, &format!("q{n}"), &"a long answer ".repeat(40)).await;
    }
    store
        .profile()
        .save_draft(&Composer::main(id), "half a thought", NOW)
        .await
        .unwrap();
    // An answer that is still being written, perhaps by another process.
    let writing = fixture.begin("last", NOW).await;
    let saved = store.append(&writing.lease, 0, &"text".into()).await;
    assert_eq!(saved.unwrap(), FencedWrite::Written);
    for table in TABLES
        .into_iter()
        .filter(|table| !["queued_messages", "attachments"].contains(table))
    {
        assert_ne!(count(store, table).await, 0, "{table}");
    }

    assert!(!store.begin_purge(id).await.unwrap(), "it is not deleted");
    assert!(store.delete_conversation(id, NOW).await.unwrap());
    assert!(store.begin_purge(id).await.unwrap());
    assert!(!store.restore_conversation(id).await.unwrap());
    let (mut portions, mut most) = (0, count(store, "messages").await);
    while fixture.purge_some(16).await == PurgeProgress::Remaining {
        let left = count(store, "messages").await;
        assert!(most - left <= 16, "a portion took {}", most - left);
        (most, portions) = (left, portions + 1);
    }
    assert!(portions > 10, "it was one of {portions}");
    assert!(!store.restore_conversation(id).await.unwrap());
    store.end_purge(id).await.unwrap();
    let dangling = sqlx::query("PRAGMA foreign_key_check");
    let dangling = dangling.fetch_all(&store.writer).await.unwrap();
    assert_eq!(dangling.len(), 0);
    for table in TABLES {
        assert_eq!(count(store, table).await, 0, "{table}");
    }
    assert_ne!(count(store, "generation_attempts").await, 0, "they count");
    let end = Ending::new(MessageStatus::Complete, None);
    let ended = store.finish(&writing.lease, None, &end, NOW).await;
    assert_eq!(ended.unwrap(), FencedWrite::Lost);
    assert!(!store.restore_conversation(id).await.unwrap());
}

/// SQLite follows a chain of references to a depth of a thousand, and then fails.
#[tokio::test]
async fn a_chain_of_any_length_and_any_order_is_purged() {
    for later in [1, 0, -1] {
        let fixture = Fixture::new().await;
        let chain = "WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < 2500)
             INSERT INTO messages (id, conversation_id, branch_id, parent_id, role, status, content, created_at, finished_at)
             SELECT printf('m%05d', k), ?1, ?2, CASE k WHEN 1 THEN NULL ELSE printf('m%05d', k - 1) END,
               'user', 'complete', 'text', 100000 + k * ?3, 0 FROM n";
        sqlx::query(chain)
            .bind(fixture.conversation.id.as_str())
            .bind(fixture.conversation.main_branch_id.as_str())
            .bind(later)
            .execute(&fixture.store.writer)
            .await
            .unwrap();
        fixture.purge().await;
        assert_eq!(count(&fixture.store, "messages").await, 0);
    }
}

/// A batch is also limited by text length, and always deletes at least one message.
#[tokio::test]
async fn a_portion_of_long_messages_is_a_small_one() {
    let fixture = Fixture::new().await;
    for n in 0..6 {
        answered(&fixture, &format!("q{n}"), &"x".repeat(100_000)).await;
    }
    let (store, id) = (&fixture.store, &fixture.conversation.id);
    assert!(store.delete_conversation(id, NOW).await.unwrap());
    assert!(store.begin_purge(id).await.unwrap());
    while count(store, "generations").await > 0 {
        assert_eq!(fixture.purge_some(500).await, PurgeProgress::Remaining);
    }
    let before = count(store, "messages").await;
    assert_eq!(fixture.purge_some(1).await, PurgeProgress::Remaining);
    assert_eq!(count(store, "messages").await, before - 1, "the least");
    assert_eq!(fixture.purge_some(500).await, PurgeProgress::Remaining);
    assert_eq!(
        count(store, "messages").await,
        before - 4,
        "as much as it may"
    );
}

#[tokio::test]
async fn nothing_of_it_is_in_any_file_while_the_database_is_open() {
    let fixture = Fixture::new().await;
    let (store, id) = (&fixture.store, &fixture.conversation.id);
    for n in 0..30 {
        answered(&fixture, &format!("{CANARY} {n}"), &CANARY.repeat(500)).await;
    }
    let id = id.clone();
    store.rename_conversation(&id, CANARY).await.unwrap();
    store
        .profile()
        .save_draft(&Composer::main(&id), CANARY, NOW)
        .await
        .unwrap();
    store.index_answers().await.unwrap();
    assert_ne!(found_in(fixture.folder.path()), Vec::<String>::new());
    fixture.purge().await;
    store.index_answers().await.unwrap();
    assert!(store.truncate_wal().await.unwrap());
    assert_eq!(found_in(fixture.folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_wal_with_an_active_reader_is_truncated_on_retry() {
    let fixture = Fixture::new().await;
    answered(&fixture, "question", "answer").await;
    let store = &fixture.store;
    let mut reader = store.readers.begin().await.unwrap();
    let _: i64 = sqlx::query_scalar("SELECT count(*) FROM messages")
        .fetch_one(&mut *reader)
        .await
        .unwrap();
    answered(&fixture, "question", "answer").await;
    assert!(!store.truncate_wal().await.unwrap(), "it does not wait");
    reader.rollback().await.unwrap();
    assert!(store.truncate_wal().await.unwrap());
    let length = fixture
        .folder
        .path()
        .join("conch.db-wal")
        .metadata()
        .unwrap();
    assert_eq!(length.len(), 0);
}

#[tokio::test]
async fn a_backup_forgets_as_the_database_does() {
    let fixture = Fixture::new().await;
    answered(&fixture, CANARY, CANARY).await;
    fixture.store.index_answers().await.unwrap();
    let kept = fixture.store.create_conversation(Some("kept"), None, NOW);
    let kept = kept.await.unwrap();
    let backup = copied(&fixture).await;
    assert!(found_in_file(&backup));
    let ids = [fixture.conversation.id.clone(), ConversationId::fresh()];
    Store::purge_in(&backup, &ids).await.unwrap();
    assert!(!found_in_file(&backup));
    let mut file = SqliteConnectOptions::new()
        .filename(&backup)
        .connect()
        .await
        .unwrap();
    let left: Vec<String> = sqlx::query_scalar("SELECT id FROM conversations")
        .fetch_all(&mut file)
        .await
        .unwrap();
    assert_eq!(left, [kept.id.as_str()]);
    let sound: String = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_one(&mut file)
        .await
        .unwrap();
    assert_eq!(sound, "ok");
    file.close().await.unwrap();
}

#[tokio::test]
async fn a_backup_of_each_older_schema_forgets_too() {
    for count in 1..=MIGRATOR.iter().count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("conch.db");
        older(&path, count).await;
        let mut file = SqliteConnectOptions::new()
            .filename(&path)
            .connect()
            .await
            .unwrap();
        sqlx::query("UPDATE messages SET content = ?")
            .bind(CANARY)
            .execute(&mut file)
            .await
            .unwrap();
        file.close().await.unwrap();
        assert!(found_in_file(&path), "schema {count}");
        let ids = [ConversationId::from("c".to_owned())];
        Store::purge_in(&path, &ids).await.unwrap();
        assert!(!found_in_file(&path), "schema {count}");
        // It is migrated like any other.
        let store = Store::open(&path, true, NOW).await.unwrap();
        assert!(
            store
                .list_conversations(None, 9, NOW)
                .await
                .unwrap()
                .is_empty()
        );
        store.close().await;
    }
}

#[tokio::test]
async fn a_backup_that_was_made_meanwhile_keeps_nothing() {
    let fixture = Fixture::new().await;
    answered(&fixture, CANARY, CANARY).await;
    let kept = fixture.store.create_conversation(Some("kept"), None, NOW);
    kept.await.unwrap();
    let backup = copied(&fixture).await;
    fixture.store.purge_gone_in(&backup).await.unwrap();
    assert!(found_in_file(&backup), "it is not deleted");
    let id = &fixture.conversation.id;
    assert!(fixture.store.delete_conversation(id, NOW).await.unwrap());
    fixture.store.purge_gone_in(&backup).await.unwrap();
    assert!(found_in_file(&backup), "it can be given back");
    assert!(fixture.store.begin_purge(id).await.unwrap());
    fixture.store.purge_gone_in(&backup).await.unwrap();
    assert!(!found_in_file(&backup));
}

#[tokio::test]
async fn what_was_saved_of_a_damaged_database_forgets_too() {
    let fixture = Fixture::new().await;
    answered(&fixture, CANARY, CANARY).await;
    let kept = fixture.store.create_conversation(Some("kept"), None, NOW);
    kept.await.unwrap();
    let folder = salvage::new_folder(fixture.folder.path(), NOW).unwrap();
    let saved = salvage::salvage(&fixture.path(), &folder, NOW)
        .await
        .unwrap();
    assert_eq!(saved.conversations, 2);
    let texts = folder.join("conversations");
    assert_eq!(found_in(&texts).len(), 1);
    let id = &fixture.conversation.id;
    fixture.store.purge_in_copies(id).await.unwrap();
    assert!(!found_in_file(&folder.join("conch.db")));
    assert_eq!(std::fs::read_dir(texts).unwrap().count(), 1);
}

#[tokio::test]
async fn a_file_that_is_nowhere_any_more_leaves_the_backups() {
    let fixture = Fixture::new().await;
    let attached = fixture.attach_text(CANARY).await;
    let backup = copied_to(&fixture, "backups/conch-2026-01-01T00-00-00Z.db").await;
    fixture.store.purge_unsent_in_copies().await.unwrap();
    assert!(found_in_file(&backup), "it is still attached");
    fixture.store.detach(&attached).await.unwrap();
    fixture.store.purge_unsent_in_copies().await.unwrap();
    assert!(!found_in_file(&backup));
}

/// Returns the names of the files in this folder that contain the canary.
fn found_in(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    files
        .filter(|path| found_in_file(path))
        .map(|path| path.display().to_string())
        .collect()
}

fn found_in_file(path: &Path) -> bool {
    let bytes = std::fs::read(path).unwrap();
    let mut words = bytes.windows(CANARY.len());
    words.any(|word| word == CANARY.as_bytes())
}

#[tokio::test]
async fn a_turn_after_a_purge_of_the_newest_is_noticed() {
    let fixture = Fixture::new().await;
    let mut changes = fixture.store.changes().await.unwrap();
    let us = InstanceId::fresh();
    answered(&fixture, "one", "first").await;
    assert_eq!(changes.poll_foreign_turns(&us).await.unwrap().len(), 1);
    fixture.purge().await;
    assert!(changes.poll_foreign_turns(&us).await.unwrap().is_empty());
    let conversation = fixture
        .store
        .create_conversation(None, None, NOW + Duration::from_secs(1));
    let fixture = Fixture {
        conversation: conversation.await.unwrap(),
        ..fixture
    };
    answered(&fixture, "two", "second").await;
    assert_eq!(changes.poll_foreign_turns(&us).await.unwrap().len(), 1);
}
