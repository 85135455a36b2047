//! Deleting: hidden from everything at once, given back whole, and purged in portions to the last byte.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::backups::older;
use super::{NOW, Place, complete};
use crate::chat::{AttemptSource, MessageStatus, Parameters, Part};
use crate::error::Entity;
use crate::ids::{AttachmentId, ConversationId, GenerationId, InstanceId, RequestId};
use crate::lock::Fenced;
use crate::store::open::MIGRATOR;
use crate::store::salvage;
use crate::store::{Begin, Chosen, Ending, NewAnswer, Purge, Store};

/// A word that stands nowhere else, as the search index has it.
const CANARY: &str = "zanzibarfish";

async fn answered(place: &Place, question: &str, answer: &str) {
    let started = place.begin(question, NOW).await;
    let done = place
        .store
        .finish(&started.lease, Some((0, &answer.into())), &complete(), NOW)
        .await;
    assert_eq!(done.unwrap(), Fenced::Written);
}

async fn count(store: &Store, what: &str) -> i64 {
    let count = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {what}")));
    count.fetch_one(&store.writer).await.unwrap()
}

/// A backup of it as it is now.
async fn copied(place: &Place) -> PathBuf {
    copied_to(place, "backup.db").await
}

async fn copied_to(place: &Place, name: &str) -> PathBuf {
    let backup = place.folder.path().join(name);
    std::fs::create_dir_all(backup.parent().unwrap()).unwrap();
    let copy = format!("VACUUM INTO '{}'", backup.display());
    let copied = sqlx::query(AssertSqlSafe(copy)).execute(&place.store.writer);
    copied.await.unwrap();
    backup
}

/// Everything that has to do with a conversation.
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
    let place = Place::new().await;
    answered(&place, "question", "answer").await;
    let (store, id) = (&place.store, &place.conversation.id);
    store.save_draft(id, "half a thought", NOW).await.unwrap();
    let view = store.get_conversation(id, None, NOW).await.unwrap();
    let answer = view.as_ref().unwrap().messages[1].id.clone();
    let main = place.conversation.main_branch_id.clone();

    assert!(store.delete_conversation(id, NOW).await.unwrap());
    assert!(!store.delete_conversation(id, NOW).await.unwrap(), "once");
    assert!(store.list_conversations(None, 9).await.unwrap().is_empty());
    assert_eq!(store.get_conversation(id, None, NOW).await.unwrap(), None);
    let page = store.messages(id, Some(&main), &Part::Latest).await;
    assert_eq!(page.unwrap(), None);
    assert_eq!(store.find(id, None, "answer").await.unwrap(), None);
    assert_eq!(store.branch(id, None).await.unwrap(), None);
    assert_eq!(store.lock_status(id, None, NOW).await.unwrap(), None);
    assert_eq!(store.conversation_of(&answer).await.unwrap(), None);
    assert!(!store.rename_conversation(id, "x").await.unwrap());
    assert!(!store.set_conversation_model(id, "x/y").await.unwrap());
    let parameters = Parameters::default();
    assert!(!store.set_parameters(id, &parameters).await.unwrap());
    assert!(!store.save_draft(id, "x", NOW).await.unwrap());
    let chosen = store.select_version(&answer).await.unwrap();
    assert_eq!(chosen, Chosen::NotFound);
    let refused = AttemptSource::Enter;
    let refused = store.record_refused_by_page(id, None, refused, NOW).await;
    assert!(!refused.unwrap());
    let no_files: [AttachmentId; 0] = [];
    assert!(
        store.adopt_attachments(id, &no_files).await.unwrap(),
        "none"
    );
    let sent = store.begin_turn(&place.turn("more"), NOW).await.unwrap();
    assert_eq!(sent, Begin::NotFound(Entity::Conversation));
    let again = NewAnswer {
        message_id: answer,
        model_id: None,
        request_id: RequestId::fresh(),
        source: AttemptSource::Retry,
        generation_id: GenerationId::fresh(),
        instance_id: InstanceId::fresh(),
    };
    let sent = store.begin_answer(&again, NOW).await.unwrap();
    assert!(matches!(sent, Begin::NotFound(_)));
    let deleted = store.deleted_conversations().await.unwrap();
    assert_eq!((&deleted[0].id, deleted[0].at, deleted.len()), (id, NOW, 1));

    assert!(store.restore_conversation(id).await.unwrap());
    let restored = store.get_conversation(id, None, NOW).await.unwrap();
    assert_eq!(restored, view);
    assert!(store.deleted_conversations().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_purged_leaves_no_row_and_cannot_be_given_back() {
    let place = Place::new().await;
    let (store, id) = (&place.store, &place.conversation.id);
    for n in 0..40 {
        answered(&place, &format!("q{n}"), &"a long answer ".repeat(40)).await;
    }
    store.save_draft(id, "half a thought", NOW).await.unwrap();
    // An answer that is still being written, by another process for all we know.
    let writing = place.begin("last", NOW).await;
    let saved = store.append(&writing.lease, 0, &"text".into()).await;
    assert_eq!(saved.unwrap(), Fenced::Written);
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
    while place.purge_some(16).await == Purge::GoesOn {
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
    assert_eq!(ended.unwrap(), Fenced::Lost);
    assert!(!store.restore_conversation(id).await.unwrap());
}

/// SQLite follows a chain of references down to a depth of a thousand, and fails there.
#[tokio::test]
async fn a_chain_of_any_length_and_any_order_is_purged() {
    for later in [1, 0, -1] {
        let place = Place::new().await;
        let chain = "WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < 2500)
             INSERT INTO messages (id, conversation_id, branch_id, parent_id, role, status, content, created_at, finished_at)
             SELECT printf('m%05d', k), ?1, ?2, CASE k WHEN 1 THEN NULL ELSE printf('m%05d', k - 1) END,
               'user', 'complete', 'text', 100000 + k * ?3, 0 FROM n";
        sqlx::query(chain)
            .bind(place.conversation.id.as_str())
            .bind(place.conversation.main_branch_id.as_str())
            .bind(later)
            .execute(&place.store.writer)
            .await
            .unwrap();
        place.purge().await;
        assert_eq!(count(&place.store, "messages").await, 0);
    }
}

/// A portion is so much text, too, and one message is always taken.
#[tokio::test]
async fn a_portion_of_long_messages_is_a_small_one() {
    let place = Place::new().await;
    for n in 0..6 {
        answered(&place, &format!("q{n}"), &"x".repeat(100_000)).await;
    }
    let (store, id) = (&place.store, &place.conversation.id);
    assert!(store.delete_conversation(id, NOW).await.unwrap());
    assert!(store.begin_purge(id).await.unwrap());
    while count(store, "generations").await > 0 {
        assert_eq!(place.purge_some(500).await, Purge::GoesOn);
    }
    let before = count(store, "messages").await;
    assert_eq!(place.purge_some(1).await, Purge::GoesOn);
    assert_eq!(count(store, "messages").await, before - 1, "the least");
    assert_eq!(place.purge_some(500).await, Purge::GoesOn);
    assert_eq!(
        count(store, "messages").await,
        before - 4,
        "as much as it may"
    );
}

#[tokio::test]
async fn nothing_of_it_is_in_any_file_while_the_database_is_open() {
    let place = Place::new().await;
    let (store, id) = (&place.store, &place.conversation.id);
    for n in 0..30 {
        answered(&place, &format!("{CANARY} {n}"), &CANARY.repeat(500)).await;
    }
    let id = id.clone();
    store.rename_conversation(&id, CANARY).await.unwrap();
    store.save_draft(&id, CANARY, NOW).await.unwrap();
    store.index_answers().await.unwrap();
    assert_ne!(found_in(place.folder.path()), Vec::<String>::new());
    place.purge().await;
    store.index_answers().await.unwrap();
    let mut log = store.log().await.unwrap();
    assert!(log.empty().await.unwrap());
    log.close().await.unwrap();
    assert_eq!(found_in(place.folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_log_that_somebody_reads_is_emptied_the_next_time() {
    let place = Place::new().await;
    answered(&place, "question", "answer").await;
    let mut log = place.store.log().await.unwrap();
    let mut reader = place.store.readers.begin().await.unwrap();
    let _: i64 = sqlx::query_scalar("SELECT count(*) FROM messages")
        .fetch_one(&mut *reader)
        .await
        .unwrap();
    answered(&place, "question", "answer").await;
    assert!(!log.empty().await.unwrap(), "it does not wait");
    reader.rollback().await.unwrap();
    assert!(log.empty().await.unwrap());
    let length = place.folder.path().join("conch.db-wal").metadata().unwrap();
    assert_eq!(length.len(), 0);
}

#[tokio::test]
async fn a_backup_forgets_as_the_database_does() {
    let place = Place::new().await;
    answered(&place, CANARY, CANARY).await;
    place.store.index_answers().await.unwrap();
    let kept = place.store.create_conversation(Some("kept"), None, NOW);
    let kept = kept.await.unwrap();
    let backup = copied(&place).await;
    assert!(found_in_file(&backup));
    let ids = [place.conversation.id.clone(), ConversationId::fresh()];
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
        // It is updated as any other is.
        let store = Store::open(&path, true, NOW).await.unwrap();
        assert!(store.list_conversations(None, 9).await.unwrap().is_empty());
        store.close().await;
    }
}

#[tokio::test]
async fn a_backup_that_was_made_meanwhile_keeps_nothing() {
    let place = Place::new().await;
    answered(&place, CANARY, CANARY).await;
    let kept = place.store.create_conversation(Some("kept"), None, NOW);
    kept.await.unwrap();
    let backup = copied(&place).await;
    place.store.purge_gone_in(&backup).await.unwrap();
    assert!(found_in_file(&backup), "it is not deleted");
    let id = &place.conversation.id;
    assert!(place.store.delete_conversation(id, NOW).await.unwrap());
    place.store.purge_gone_in(&backup).await.unwrap();
    assert!(found_in_file(&backup), "it can be given back");
    assert!(place.store.begin_purge(id).await.unwrap());
    place.store.purge_gone_in(&backup).await.unwrap();
    assert!(!found_in_file(&backup));
}

#[tokio::test]
async fn what_was_saved_of_a_damaged_database_forgets_too() {
    let place = Place::new().await;
    answered(&place, CANARY, CANARY).await;
    let kept = place.store.create_conversation(Some("kept"), None, NOW);
    kept.await.unwrap();
    let folder = salvage::new_folder(place.folder.path(), NOW).unwrap();
    let saved = salvage::salvage(&place.path(), &folder, NOW).await.unwrap();
    assert_eq!(saved.conversations, 2);
    let texts = folder.join("conversations");
    assert_eq!(found_in(&texts).len(), 1);
    let id = &place.conversation.id;
    place.store.purge_in_copies(id).await.unwrap();
    assert!(!found_in_file(&folder.join("conch.db")));
    assert_eq!(std::fs::read_dir(texts).unwrap().count(), 1);
}

#[tokio::test]
async fn a_file_that_is_nowhere_any_more_leaves_the_backups() {
    let place = Place::new().await;
    let attached = place.attach_text(CANARY).await;
    let backup = copied_to(&place, "backups/conch-2026-01-01T00-00-00Z.db").await;
    place.store.forget_unsent_in_copies().await.unwrap();
    assert!(found_in_file(&backup), "it is still attached");
    place.store.detach(&attached).await.unwrap();
    place.store.forget_unsent_in_copies().await.unwrap();
    assert!(!found_in_file(&backup));
}

/// The names of the files in this folder that hold the canary.
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
    let place = Place::new().await;
    let mut changes = place.store.changes().await.unwrap();
    let us = InstanceId::fresh();
    answered(&place, "one", "first").await;
    assert_eq!(changes.turns_of_others(&us).await.unwrap().len(), 1);
    place.purge().await;
    assert!(changes.turns_of_others(&us).await.unwrap().is_empty());
    let conversation = place
        .store
        .create_conversation(None, None, NOW + Duration::from_secs(1));
    let place = Place {
        conversation: conversation.await.unwrap(),
        ..place
    };
    answered(&place, "two", "second").await;
    assert_eq!(changes.turns_of_others(&us).await.unwrap().len(), 1);
}
