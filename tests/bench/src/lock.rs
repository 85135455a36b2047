//! The cost of the lock: a whole turn of the store compared with the rows that it writes, as bare statements in the
//! same two commits, on a file opened the same way.
//!
//! The other side writes everything that ours writes, but reads and decides nothing.

use conch_core::clock::{Clock, SystemClock};
use conch_core::model::{ConversationId, Ending, FencedWrite, MessageStatus};
use conch_core::store::{BeginOutcome, Store};
use conch_support::application::new_turn;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::row::{Bench, Side, millis, now};

/// Turns per sample.
const TURNS: u32 = 100;

pub(crate) fn measure(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let clock = SystemClock::default();
    let (store, bare) = bench.runtime.block_on(async {
        let ours = bench.scratch().join("ours.db");
        let store = Store::open(&ours, false, clock.now()).await?;
        let theirs = bench.scratch().join("theirs.db");
        Store::open(&theirs, false, clock.now())
            .await?
            .close()
            .await;
        let options = SqliteConnectOptions::new()
            .filename(&theirs)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let bare = SqlitePoolOptions::new()
            .max_connections(1)
            .test_before_acquire(false)
            .connect_with(options)
            .await?;
        anyhow::Ok((store, bare))
    })?;
    let conversation =
        bench
            .runtime
            .block_on(store.create_conversation(None, None, clock.now()))?;
    bench
        .runtime
        .block_on(Bare::prepare(&bare, &conversation))?;
    bench.alternate(|bench, side| {
        bench.runtime.block_on(async {
            let started = now();
            for _ in 0..TURNS {
                match side {
                    Side::Ours => turn(&store, &clock, &conversation.id).await?,
                    Side::Theirs => Bare::turn(&bare, &conversation).await?,
                }
            }
            Ok(millis(started.elapsed()) / f64::from(TURNS))
        })
    })
}

async fn turn(
    store: &Store,
    clock: &SystemClock,
    conversation_id: &ConversationId,
) -> anyhow::Result<()> {
    let turn = new_turn(conversation_id, "a question");
    let BeginOutcome::Started(started) = store.begin(&turn, clock.now()).await? else {
        anyhow::bail!("a turn did not start");
    };
    let ending = Ending::new(MessageStatus::Complete, None);
    let finished = store
        .finish(
            &started.lease,
            Some((0, &"an answer".into())),
            &ending,
            clock.now(),
        )
        .await?;
    anyhow::ensure!(finished == FencedWrite::Written, "a turn did not end");
    Ok(())
}

/// The same rows without the lock.
struct Bare;

impl Bare {
    async fn prepare(
        pool: &SqlitePool,
        conversation: &conch_core::model::Conversation,
    ) -> anyhow::Result<()> {
        sqlx::query(
            "INSERT INTO conversations (id, user_id, created_at, updated_at) SELECT ?, id, 0, 0 FROM users",
        )
        .bind(conversation.id.as_str())
        .execute(pool)
        .await?;
        sqlx::query(
            "INSERT INTO branches (id, conversation_id, name, created_at) VALUES (?, ?, 'main', 0)",
        )
        .bind(conversation.main_branch_id.as_str())
        .bind(conversation.id.as_str())
        .execute(pool)
        .await?;
        Ok(())
    }

    async fn turn(
        pool: &SqlitePool,
        conversation: &conch_core::model::Conversation,
    ) -> anyhow::Result<()> {
        let fresh = || uuid::Uuid::now_v7().to_string();
        let turn = BareTurn {
            conversation_id: conversation.id.as_str(),
            branch_id: conversation.main_branch_id.as_str(),
            user: fresh(),
            answer: fresh(),
            generation: fresh(),
            request: fresh(),
        };
        turn.begin(pool).await?;
        turn.finish(pool).await
    }
}

struct BareTurn<'a> {
    conversation_id: &'a str,
    branch_id: &'a str,
    user: String,
    answer: String,
    generation: String,
    request: String,
}

impl BareTurn<'_> {
    async fn begin(&self, pool: &SqlitePool) -> anyhow::Result<()> {
        let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query(
            "INSERT INTO generation_locks (branch_id, conversation_id, fence, generation_id, message_id, user_id,
               instance_id, locked_at, heartbeat_seq, heartbeat_at, expires_at)
             VALUES (?1, ?2, 1, ?3, ?4, 'u', 'i', 0, 0, 0, 1)
             ON CONFLICT (branch_id) DO UPDATE SET fence = fence + 1, generation_id = ?3, message_id = ?4,
               user_id = 'u', instance_id = 'i', locked_at = 0, heartbeat_seq = 0, heartbeat_at = 0, expires_at = 1",
        )
        .bind(self.branch_id)
        .bind(self.conversation_id)
        .bind(&self.generation)
        .bind(&self.answer)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "INSERT INTO generation_attempts (conversation_id, branch_id, generation_id, source, outcome, attempted_at)
             VALUES (?, ?, ?, 'program', 'started', 0)",
        )
        .bind(self.conversation_id)
        .bind(self.branch_id)
        .bind(&self.generation)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "INSERT INTO messages (id, conversation_id, branch_id, role, status, content, created_at, finished_at)
             VALUES (?, ?, ?, 'user', 'complete', 'a question', 0, 0)",
        )
        .bind(&self.user)
        .bind(self.conversation_id)
        .bind(self.branch_id)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "INSERT INTO messages (id, conversation_id, branch_id, parent_id, role, status, content, fence, created_at)
             VALUES (?, ?, ?, ?, 'assistant', 'generating', '', 1, 0)",
        )
        .bind(&self.answer)
        .bind(self.conversation_id)
        .bind(self.branch_id)
        .bind(&self.user)
        .execute(&mut *tx)
        .await?;
        sqlx::query("UPDATE branches SET head_message_id = ? WHERE id = ?")
            .bind(&self.answer)
            .bind(self.branch_id)
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "UPDATE conversations SET updated_at = updated_at + 1, title = 't' WHERE id = ?",
        )
        .bind(self.conversation_id)
        .execute(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM drafts WHERE branch_id = ? AND content = 'a question'")
            .bind(self.branch_id)
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "INSERT INTO generations (id, conversation_id, branch_id, user_message_id, message_id, instance_id,
               client_request_id, fence, started_at) VALUES (?, ?, ?, ?, ?, 'i', ?, 1, 0)",
        )
        .bind(&self.generation)
        .bind(self.conversation_id)
        .bind(self.branch_id)
        .bind(&self.user)
        .bind(&self.answer)
        .bind(&self.request)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    async fn finish(&self, pool: &SqlitePool) -> anyhow::Result<()> {
        let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query(
            "INSERT INTO message_chunks (message_id, seq, text) VALUES (?, 0, 'an answer')",
        )
        .bind(&self.answer)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "INSERT INTO message_parts (message_id, position, kind, bytes) VALUES (?, 0, 'text', 9)",
        )
        .bind(&self.answer)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "UPDATE generation_locks SET generation_id = NULL, message_id = NULL, user_id = NULL, instance_id = NULL,
               locked_at = NULL, heartbeat_seq = NULL, heartbeat_at = NULL, expires_at = NULL WHERE branch_id = ?",
        )
        .bind(self.branch_id)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "UPDATE messages SET status = 'complete', content = 'an answer', finished_at = 0 WHERE id = ?",
        )
        .bind(&self.answer)
        .execute(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM message_chunks WHERE message_id = ?")
            .bind(&self.answer)
            .execute(&mut *tx)
            .await?;
        sqlx::query("UPDATE generations SET finished_at = 0, end_reason = 'complete' WHERE id = ?")
            .bind(&self.generation)
            .execute(&mut *tx)
            .await?;
        sqlx::query("UPDATE conversations SET updated_at = updated_at + 1 WHERE id = ?")
            .bind(self.conversation_id)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}
