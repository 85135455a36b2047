//! A database like that of somebody who has chatted for years: 10,000 conversations, 1,000,000 messages. It is
//! made once, by SQL in bulk on a schema that the product makes, and kept beside the binaries.

use std::path::{Path, PathBuf};

use conch_core::clock::{Clock, SystemClock};
use conch_core::ids::ConversationId;
use conch_core::store::Store;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use crate::row::Bench;

const CONVERSATIONS: i64 = 10_000;
const MESSAGES: i64 = 100;

/// Conversations of another length, newer than all others.
const LONG: i64 = 10_000;
const SHORT: i64 = 10;

/// Changes with what is written below, so that an older file is not used.
const EDITION: u32 = 1;

/// The data folder with the database, and two conversations in it.
pub(crate) struct BigDatabase {
    pub(crate) folder: PathBuf,
    pub(crate) long: ConversationId,
    pub(crate) short: ConversationId,
}

impl BigDatabase {
    /// The database, made if it is not there.
    pub(crate) fn get(bench: &Bench<'_>) -> anyhow::Result<Self> {
        let folder = bench
            .place
            .cache()?
            .join(format!("conversations-{EDITION}"));
        if !folder.is_dir() {
            bench.bar.set_message("making 1,000,000 messages, once");
            let unfinished = folder.with_extension("unfinished");
            if unfinished.is_dir() {
                std::fs::remove_dir_all(&unfinished)?;
            }
            std::fs::create_dir_all(&unfinished)?;
            bench.runtime.block_on(make(&unfinished.join("conch.db")))?;
            std::fs::rename(&unfinished, &folder)?;
            bench.bar.set_message("");
        }
        Ok(Self {
            folder,
            long: conversation_id(CONVERSATIONS + 1),
            short: conversation_id(CONVERSATIONS + 2),
        })
    }
}

async fn make(path: &Path) -> anyhow::Result<()> {
    Store::open(path, false, SystemClock::default().now())
        .await?
        .close()
        .await;
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(false)
        .pragma("synchronous", "OFF")
        .pragma("cache_size", "-400000")
        .connect()
        .await?;
    for (first, count, messages) in [
        (1, CONVERSATIONS, MESSAGES),
        (CONVERSATIONS + 1, 1, LONG),
        (CONVERSATIONS + 2, 1, SHORT),
    ] {
        fill(&mut connection, first, count, messages).await?;
    }
    sqlx::query("PRAGMA optimize")
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    Ok(())
}

/// Ids as long as the product's, and in order as the product's are.
fn conversation_id(number: i64) -> ConversationId {
    format!("{number:08}-0000-7000-8000-000000000000").into()
}

/// Adds `count` conversations from number `first` on, with so many messages each.
async fn fill(
    connection: &mut SqliteConnection,
    first: i64,
    count: i64,
    messages: i64,
) -> anyhow::Result<()> {
    const NUMBERS: &str = "WITH RECURSIVE numbers(n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1 + ?2 - 1)";
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
               CASE k % 2 WHEN 1 THEN 'user' ELSE 'assistant' END, 'complete',
               'Message ' || k || ' of conversation ' || n || ' says something of no great length, and ends here.',
               1700000000000 + n * 1000 + k, 1700000000000 + n * 1000 + k
             FROM numbers CROSS JOIN places"
        ),
    ];
    for statement in statements {
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(first)
            .bind(count)
            .bind(messages)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
