//! Databases of any size: filled in seconds by bulk SQL, on a schema that the product creates.
//!
//! The caller chooses the content of messages; ids have the same length and order as the product's.

use std::path::Path;

use conch_core::clock::{Clock, SystemClock};
use conch_core::model::{ConversationId, MessageId};
use conch_core::store::{Store, StoreError};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

/// Conversations of one kind.
#[derive(Debug, Clone, Copy)]
pub struct Conversations {
    /// The number of the first conversation: a higher one is newer.
    pub first: i64,
    /// Number of conversations.
    pub count: i64,
    /// Number of messages in each, alternately of the user and of the model.
    pub messages: i64,
    /// The text of a message as an SQL expression over `n`, the conversation's number, and `k`, the message's
    /// number from 1.
    pub content: &'static str,
}

/// An error while creating a database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database could not be created.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database could not be filled.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
}

/// Creates a database with these conversations.
pub async fn make(path: &Path, kinds: &[Conversations]) -> Result<(), Error> {
    Store::open(path, false, SystemClock::default().now())
        .await?
        .close()
        .await;
    fill(path, kinds).await?;
    let store = Store::open(path, false, SystemClock::default().now()).await?;
    store.index_answers().await?;
    store.close().await;
    Ok(())
}

/// Adds conversations to a closed database of this version or an earlier one. They are not in the search index.
///
/// # Errors
/// When the database cannot be written.
pub async fn fill(path: &Path, kinds: &[Conversations]) -> Result<(), Error> {
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(false)
        .pragma("synchronous", "OFF")
        // As in the product: a page split leaves no text behind.
        .pragma("secure_delete", "ON")
        .pragma("cache_size", "-400000")
        .connect()
        .await?;
    for kind in kinds {
        insert(&mut connection, kind).await?;
    }
    sqlx::query("PRAGMA optimize")
        .execute(&mut connection)
        .await?;
    Ok(connection.close().await?)
}

/// Returns the id of the conversation with this number.
pub fn conversation_id(number: i64) -> ConversationId {
    format!("{number:08}-0000-7000-8000-000000000000").into()
}

/// Returns the id of a message in a conversation, counted from 1.
pub fn message_id(conversation: i64, number: i64) -> MessageId {
    format!("{conversation:08}-0002-7000-8000-{number:012}").into()
}

/// Turns a conversation of one path, in a closed database, into a tree: its messages become runs of `run` messages,
/// and each run but the first forks from the middle of an earlier one and is the end of a branch.
///
/// # Errors
/// When the database cannot be written.
pub async fn branch_out(path: &Path, conversation: i64, run: i64) -> Result<(), Error> {
    // Run r begins after the middle of run r / 2, as in a heap: half of the runs have forks.
    const PARENT: &str = "printf('%08d-0002-7000-8000-%012d', ?1, (k - 1) / ?2 / 2 * ?2 + ?2 / 2)";
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(false)
        .connect()
        .await?;
    let statements = [
        format!(
            "UPDATE messages SET parent_id = {PARENT}
             FROM (SELECT id AS first, CAST(substr(id, -12) AS INTEGER) AS k FROM messages
               WHERE conversation_id = printf('%08d-0000-7000-8000-000000000000', ?1))
             WHERE id = first AND k > 1 AND k % ?2 = 1"
        ),
        "INSERT INTO branches (id, conversation_id, name, head_message_id, forked_from, created_at)
             SELECT printf('%08d-0003-7000-8000-%012d', ?1, k), conversation_id, 'Branch ' || ((k - 1) / ?2 + 1),
               printf('%08d-0002-7000-8000-%012d', ?1, k + ?2 - 1), parent_id, created_at
             FROM (SELECT *, CAST(substr(id, -12) AS INTEGER) AS k FROM messages
               WHERE conversation_id = printf('%08d-0000-7000-8000-000000000000', ?1))
             WHERE k > 1 AND k % ?2 = 1".to_owned(),
    ];
    for statement in statements {
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(conversation)
            .bind(run)
            .execute(&mut connection)
            .await?;
    }
    sqlx::query("PRAGMA optimize")
        .execute(&mut connection)
        .await?;
    Ok(connection.close().await?)
}

async fn insert(connection: &mut SqliteConnection, kind: &Conversations) -> Result<(), Error> {
    const NUMBERS: &str = "WITH RECURSIVE numbers(n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1 + ?2 - 1)";
    let content = kind.content;
    let statements = [
        format!(
            "{NUMBERS} INSERT INTO conversations (id, user_id, title, created_at, updated_at)
             SELECT printf('%08d-0000-7000-8000-000000000000', n), (SELECT id FROM users), 'Conversation ' || n,
               1700000000000 + n * 1000, 1700000000000 + n * 1000 + ?3 FROM numbers"
        ),
        format!(
            "{NUMBERS} INSERT INTO branches (id, conversation_id, name, head_message_id, created_at)
             SELECT printf('%08d-0001-7000-8000-000000000000', n), printf('%08d-0000-7000-8000-000000000000', n),
               'main', printf('%08d-0002-7000-8000-%012d', n, ?3), 1700000000000 + n * 1000 FROM numbers"
        ),
        format!(
            "{NUMBERS}, places(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM places WHERE k < ?3)
             INSERT INTO messages (id, conversation_id, branch_id, parent_id, role, status, content, created_at, finished_at)
             SELECT printf('%08d-0002-7000-8000-%012d', n, k), printf('%08d-0000-7000-8000-000000000000', n),
               printf('%08d-0001-7000-8000-000000000000', n),
               CASE k WHEN 1 THEN NULL ELSE printf('%08d-0002-7000-8000-%012d', n, k - 1) END,
               CASE k % 2 WHEN 1 THEN 'user' ELSE 'assistant' END, 'complete', {content},
               1700000000000 + n * 1000 + k, 1700000000000 + n * 1000 + k
             FROM numbers CROSS JOIN places"
        ),
    ];
    for statement in statements {
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(kind.first)
            .bind(kind.count)
            .bind(kind.messages)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_conversation_that_is_branched_out_has_an_end_for_each_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("conch.db");
        let kind = Conversations {
            first: 1,
            count: 1,
            messages: 10_000,
            content: "'Message ' || k",
        };
        make(&path, &[kind]).await.unwrap();
        branch_out(&path, 1, 50).await.unwrap();
        let now = SystemClock::default().now();
        let store = Store::open(&path, false, now).await.unwrap();
        let tree = store.tree(&conversation_id(1), now).await.unwrap().unwrap();
        assert_eq!(tree.branches.len(), 200);
        let messages: u32 = tree.nodes.iter().map(|node| node.count).sum();
        assert_eq!(messages, 10_000);
        let hidden = tree.nodes.iter().filter(|node| node.hidden);
        assert_eq!(
            hidden.count(),
            1,
            "the end of the first run is on no branch"
        );
        store.close().await;
    }
}
