//! Every try to start a generation, with where it came from and what became of it: the source of
//! the "attempted concurrent generation" rate.

use sqlx::SqliteConnection;

use super::{Result, Store};
use crate::chat::AttemptSource;
use crate::clock::Timestamp;
use crate::ids::{BranchId, ConversationId, GenerationId};

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// It was granted the lock.
    Started,
    /// Its request id had been granted before; it got the first answer.
    Duplicate,
    /// The core refused it: the lock was held.
    Refused,
    /// The page refused it by itself while it knew the lock held.
    RefusedByPage,
}

impl AttemptOutcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Duplicate => "duplicate",
            Self::Refused => "refused",
            Self::RefusedByPage => "refused_by_page",
        }
    }
}

pub(super) struct Attempt<'a> {
    pub(super) conversation_id: &'a ConversationId,
    pub(super) branch_id: &'a BranchId,
    pub(super) generation_id: Option<&'a GenerationId>,
    pub(super) source: AttemptSource,
    pub(super) outcome: AttemptOutcome,
}

pub(super) async fn record(
    tx: &mut SqliteConnection,
    attempt: Attempt<'_>,
    now: Timestamp,
) -> Result<()> {
    let outcome = attempt.outcome.name();
    sqlx::query!(
        "INSERT INTO generation_attempts (conversation_id, branch_id, generation_id, source, outcome, attempted_at)
         VALUES (?, ?, ?, ?, ?, ?)",
        attempt.conversation_id,
        attempt.branch_id,
        attempt.generation_id,
        attempt.source,
        outcome,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes away the oldest attempts over so many, at most `limit` at once. False when there are none.
pub(super) async fn cut(tx: &mut SqliteConnection, kept: u32, limit: u32) -> Result<bool> {
    let done = sqlx::query!(
        "DELETE FROM generation_attempts WHERE id IN (
           SELECT id FROM generation_attempts
           WHERE id <= (SELECT max(id) FROM generation_attempts) - ? ORDER BY id LIMIT ?)",
        kept,
        limit
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

impl Store {
    /// Counts a send that the page refused by itself. False when there is no such branch.
    pub async fn record_refused_by_page(
        &self,
        conversation_id: &ConversationId,
        branch_id: Option<&BranchId>,
        source: AttemptSource,
        now: Timestamp,
    ) -> Result<bool> {
        let mut tx = self.write().await?;
        let Some(branch) =
            super::branches::resolve_branch(&mut tx, conversation_id, branch_id).await?
        else {
            return Ok(false);
        };
        record(
            &mut tx,
            Attempt {
                conversation_id,
                branch_id: &branch.id,
                generation_id: None,
                source,
                outcome: AttemptOutcome::RefusedByPage,
            },
            now,
        )
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// How many attempts ended so.
    pub async fn count_attempts(&self, outcome: AttemptOutcome) -> Result<u64> {
        let outcome = outcome.name();
        let count = sqlx::query_scalar!(
            "SELECT count(*) FROM generation_attempts WHERE outcome = ?",
            outcome
        )
        .fetch_one(&self.readers)
        .await?;
        Ok(count.unsigned_abs())
    }
}
