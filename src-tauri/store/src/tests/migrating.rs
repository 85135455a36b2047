//! Databases of earlier versions: nothing in them is lost or changed by an update.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use conch_model::{MessageStatus, PageQuery, Part};
use flate2::read::GzDecoder;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row, SqliteConnection};

use super::NOW;
use crate::Store;

/// Written by `tests/support/examples/fixture.rs` with the version before messages had parts: 10,000 messages of
/// ordinary conversations, and an answer of each status with and without reasoning, versions, files, drafts, a
/// deleted conversation, a provider, settings, and an answer that a killed process was writing.
const BEFORE_PARTS: &[u8] = include_bytes!("../../tests/fixtures/before_parts.db.gz");

fn before_parts() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("conch.db");
    let mut bytes = Vec::new();
    GzDecoder::new(BEFORE_PARTS)
        .read_to_end(&mut bytes)
        .unwrap();
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

async fn raw(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    options.connect().await.unwrap()
}

/// Returns every row of every table as JSON, by table; `columns` holds the columns of each.
async fn rows(path: &Path, columns: &[(String, Vec<String>)]) -> Vec<(String, Vec<String>)> {
    let mut connection = raw(path).await;
    let mut all = Vec::new();
    for (table, columns) in columns {
        let values: Vec<_> = columns
            .iter()
            .map(|name| format!("CASE typeof({name}) WHEN 'blob' THEN hex({name}) ELSE {name} END"))
            .collect();
        let query = format!(
            "SELECT json_array({}) FROM {table} ORDER BY 1",
            values.join(", ")
        );
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_all(&mut connection)
            .await
            .unwrap();
        all.push((table.clone(), rows));
    }
    connection.close().await.unwrap();
    all
}

/// Returns the tables of the product with their columns, without what every start changes.
async fn tables(path: &Path) -> Vec<(String, Vec<String>)> {
    let mut connection = raw(path).await;
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
           AND name NOT LIKE 'messages\\_fts%' ESCAPE '\\' AND name <> '_sqlx_migrations' ORDER BY name",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let mut tables = Vec::new();
    for name in names {
        let columns = format!("SELECT name FROM pragma_table_info('{name}')");
        let columns: Vec<String> = sqlx::query_scalar(AssertSqlSafe(columns))
            .fetch_all(&mut connection)
            .await
            .unwrap();
        // Every conversation had the policy that no user had chosen; now it has none of its own.
        let columns = columns
            .into_iter()
            .filter(|column| column != "send_policy")
            .collect();
        tables.push((name, columns));
    }
    connection.close().await.unwrap();
    tables
}

#[tokio::test]
async fn messages_get_parts_and_nothing_is_lost() {
    let (_folder, path) = before_parts();
    let columns = tables(&path).await;
    let before = rows(&path, &columns).await;
    let messages = before.iter().find(|(table, _)| table == "messages");
    assert!(messages.unwrap().1.len() > 10_000);

    let store = Store::open(&path, true, NOW).await.unwrap();
    store.close().await;
    let after = rows(&path, &columns).await;
    // A checked start compares the schema, which the update changed in place, with the migrations.
    Store::open(&path, true, NOW).await.unwrap().close().await;
    for ((table, before), (_, after)) in before.iter().zip(&after) {
        assert_eq!(before.len(), after.len(), "{table}");
        for (before, after) in before.iter().zip(after) {
            assert_eq!(before, after, "{table}");
        }
    }
}

#[tokio::test]
async fn an_older_message_is_its_reasoning_and_its_text() {
    let (_folder, path) = before_parts();
    let mut connection = raw(&path).await;
    let old = sqlx::query(
        "SELECT m.id, m.conversation_id, m.branch_id, m.reasoning || coalesce(group_concat(c.reasoning, ''), '') AS reasoning,
           m.content || coalesce(group_concat(c.text, ''), '') AS text
         FROM messages m LEFT JOIN message_chunks c ON c.message_id = m.id
         WHERE m.id IN (SELECT head_message_id FROM branches) GROUP BY m.id",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    assert!(old.len() > 120);

    let store = Store::open(&path, true, NOW).await.unwrap();
    let (mut with_reasoning, mut deleted) = (0, 0);
    for row in old {
        let id: String = row.get("id");
        let (conversation, branch): (String, String) =
            (row.get("conversation_id"), row.get("branch_id"));
        let (reasoning, text): (String, String) = (row.get("reasoning"), row.get("text"));
        let (conversation, branch) = (conversation.into(), branch.into());
        let page = store.messages(&conversation, Some(&branch), &PageQuery::Latest);
        let Some(page) = page.await.unwrap() else {
            deleted += 1;
            continue;
        };
        let message = page.messages.last().unwrap();
        assert_eq!(message.id.as_str(), id);
        let mut expected = Vec::new();
        if !reasoning.is_empty() {
            with_reasoning += 1;
            expected.push(Part::reasoning(reasoning));
        }
        if !text.is_empty() {
            expected.push(Part::text(text));
        }
        assert_eq!(message.parts, expected, "{id}");
    }
    assert_eq!(with_reasoning, 10);
    assert_eq!(deleted, 1, "the deleted conversation");
}

#[tokio::test]
async fn an_answer_of_a_killed_process_is_recovered_after_the_update() {
    let (_folder, path) = before_parts();
    let store = Store::open(&path, true, NOW).await.unwrap();
    let holders = store.holders().await.unwrap();
    let [holder] = &holders[..] else {
        panic!("{holders:?}");
    };
    let _ = store.recover(holder, NOW).await.unwrap();
    let lease = &holder.lease;
    let page = store.messages(
        &lease.conversation_id,
        Some(&lease.branch_id),
        &PageQuery::Latest,
    );
    let answer = page.await.unwrap().unwrap().messages.pop().unwrap();
    assert_eq!(answer.status, MessageStatus::Interrupted);
    assert_eq!(answer.parts, [Part::text("Cut off")]);
}

#[tokio::test]
async fn an_older_conversation_follows_the_default_policy() {
    let (_folder, path) = before_parts();
    let store = Store::open(&path, true, NOW).await.unwrap();
    let own: i64 =
        sqlx::query_scalar("SELECT count(*) FROM conversations WHERE send_policy IS NOT NULL")
            .fetch_one(&store.readers)
            .await
            .unwrap();
    assert_eq!(own, 0);
}

#[tokio::test]
async fn what_later_versions_need_can_be_stored() {
    let (_folder, path) = before_parts();
    Store::open(&path, true, NOW).await.unwrap().close().await;
    let mut connection = SqliteConnectOptions::new()
        .filename(&path)
        .connect()
        .await
        .unwrap();
    for (statement, is_valid) in [
        ("UPDATE conversations SET send_policy = 'rollback'", true),
        ("UPDATE conversations SET send_policy = 'merge'", false),
        ("UPDATE branches SET queue_paused = 'restarted'", true),
        ("UPDATE branches SET queue_paused = 'bored'", false),
        (
            "INSERT INTO generation_attempts (source, outcome, attempted_at) VALUES ('program', 'queued', 0)",
            true,
        ),
        (
            "INSERT INTO generation_attempts (source, outcome, attempted_at) VALUES ('program', 'rolled_back', 0)",
            true,
        ),
        (
            "INSERT INTO generation_attempts (source, outcome, attempted_at) VALUES ('program', 'other', 0)",
            false,
        ),
        (
            "UPDATE messages SET role = 'tool' WHERE search_key = 1",
            true,
        ),
        (
            "UPDATE messages SET role = 'other' WHERE search_key = 1",
            false,
        ),
        (
            "UPDATE generations SET end_reason = 'rolled_back' WHERE end_reason = 'stopped'",
            true,
        ),
        (
            "UPDATE generations SET end_reason = 'other' WHERE end_reason = 'failed'",
            false,
        ),
    ] {
        let done = sqlx::query(statement).execute(&mut connection).await;
        assert_eq!(done.is_ok(), is_valid, "{statement}: {done:?}");
    }
    let check: String = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(check, "ok");
}

/// Returns what waits in the composer of `main` of the conversation with these files.
async fn composer_of_main(store: &Store) -> (String, Vec<String>) {
    let id: String = sqlx::query_scalar("SELECT id FROM conversations WHERE title = 'With files'")
        .fetch_one(&store.readers)
        .await
        .unwrap();
    let view = store.get_conversation(&id.into(), None, NOW).await.unwrap();
    let view = view.unwrap();
    let files = view.attachments.into_iter().map(|file| file.name);
    (view.draft, files.collect())
}

fn kept() -> (String, Vec<String>) {
    ("a draft".to_owned(), vec!["file 3".to_owned()])
}

#[tokio::test]
async fn what_waits_in_a_conversation_goes_to_its_main() {
    let (_folder, path) = before_parts();
    let store = Store::open(&path, true, NOW).await.unwrap();
    assert_eq!(composer_of_main(&store).await, kept());
    let nowhere: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM attachments WHERE branch_id IS NULL AND conversation_id IS NOT NULL
           AND message_id IS NULL AND queued_message_id IS NULL",
    )
    .fetch_one(&store.readers)
    .await
    .unwrap();
    assert_eq!(nowhere, 0);
}

#[tokio::test]
async fn salvage_of_an_older_version_keeps_what_waits() {
    let (folder, path) = before_parts();
    let saved = crate::new_folder(folder.path(), NOW).unwrap();
    crate::salvage(&path, &saved, NOW).await.unwrap();
    let store = Store::open(&saved.join("conch.db"), true, NOW).await;
    let store = store.unwrap();
    assert_eq!(composer_of_main(&store).await, kept());
}

#[tokio::test]
async fn an_older_backup_keeps_the_draft_that_main_still_has() {
    let (folder, path) = before_parts();
    let backup = folder.path().join("backups/conch-2026-01-01T00-00-00Z.db");
    fs::create_dir(backup.parent().unwrap()).unwrap();
    fs::copy(&path, &backup).unwrap();
    let store = Store::open(&path, true, NOW).await.unwrap();
    let drafts = async || {
        let mut copy = raw(&backup).await;
        let drafts: Vec<String> = sqlx::query_scalar("SELECT content FROM drafts")
            .fetch_all(&mut copy)
            .await
            .unwrap();
        copy.close().await.unwrap();
        drafts
    };
    store.purge_unsent_in_copies().await.unwrap();
    assert_eq!(drafts().await, ["a draft"]);
    store.execute("UPDATE drafts SET content = 'another'").await;
    store.purge_unsent_in_copies().await.unwrap();
    assert!(drafts().await.is_empty());
}
