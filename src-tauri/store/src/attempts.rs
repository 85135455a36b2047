//! Every attempt to start a generation, with its source and outcome: the data for the rate of attempted
//! concurrent generations.

use conch_model::{AttemptSource, BranchId, ConversationId, GenerationId, Timestamp};
use sqlx::SqliteConnection;

use super::{Result, Store};

/// Outcome of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The lock was granted.
    Started,
    /// The request id had been granted before, so the first answer was returned.
    Duplicate,
    /// The core refused it because the lock was held.
    Refused,
    /// The page refused it without calling the core, because it knew that the lock was held.
    RefusedByPage,
    /// The message waits in the queue of its branch.
    Queued,
    /// A running answer was stopped for it, and stayed.
    Interrupted,
    /// It took the place of a running turn.
    RolledBack,
}

impl AttemptOutcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Duplicate => "duplicate",
            Self::Refused => "refused",
            Self::RefusedByPage => "refused_by_page",
            Self::Queued => "queued",
            Self::Interrupted => "interrupted",
            Self::RolledBack => "rolled_back",
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

/// Deletes up to `limit` of the oldest attempts beyond the newest `kept`. Returns false if there are none.
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
    /// Records a send that the page refused without calling the core. Returns false if there is no such branch.
    pub async fn record_refused_by_page(
        &self,
        conversation_id: &ConversationId,
        branch_id: Option<&BranchId>,
        source: AttemptSource,
        now: Timestamp,
    ) -> Result<bool> {
        let outcome = AttemptOutcome::RefusedByPage;
        self.record_alone(conversation_id, branch_id, source, outcome, now)
            .await
    }

    /// Records a send that was refused because the answer in its way could not be stopped.
    pub async fn record_refused(
        &self,
        conversation_id: &ConversationId,
        branch_id: &BranchId,
        source: AttemptSource,
        now: Timestamp,
    ) -> Result<()> {
        let outcome = AttemptOutcome::Refused;
        self.record_alone(conversation_id, Some(branch_id), source, outcome, now)
            .await
            .map(drop)
    }

    async fn record_alone(
        &self,
        conversation_id: &ConversationId,
        branch_id: Option<&BranchId>,
        source: AttemptSource,
        outcome: AttemptOutcome,
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
                outcome,
            },
            now,
        )
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Returns the number of attempts with this outcome.
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
