//! Turns under way: fenced appends store their text, and one transaction ends each. How one begins is in
//! [`mod@super::begin`].

use conch_model::{Ending, FencedWrite, GenerationId, Lease, LockReason, Timestamp};

use super::begin::{BeginOutcome, BeginTurn, Takeover};
use super::chunks::{self, Chunk, Piece};
use super::finalize::{TextLayout, finalize};
use super::locks::release;
use super::queue::pause_after;
use super::write::{Change, WriteTx};
use super::{Result, Store};

/// The turn that takes over a branch from the one that is stopped for it.
#[derive(Debug, Clone)]
pub struct NextTurn {
    /// It begins in the transaction that ends the other one.
    pub turn: BeginTurn,
    /// What becomes of the other one.
    pub takeover: Takeover,
}

/// Outcome of ending a turn and beginning the next in its place.
#[derive(Debug)]
pub enum Succession {
    /// The lease is lost. Nothing was stored.
    Lost,
    /// Both are stored.
    Begun(BeginOutcome),
    /// The next turn cannot begin. Nothing was stored, and the other one still has to end.
    Refused(BeginOutcome),
}

impl Store {
    /// Records which model answers, once it is known: on the answer, on the generation, and on a conversation
    /// without a model.
    pub async fn set_model(&self, lease: &Lease, model: &str) -> Result<FencedWrite> {
        let mut tx = self.write().await?;
        let done = sqlx::query!(
            "UPDATE messages SET model = ?1 WHERE id = ?2 AND EXISTS (SELECT 1 FROM generation_locks
               WHERE branch_id = ?3 AND generation_id = ?4 AND fence = ?5)",
            model,
            lease.message_id,
            lease.branch_id,
            lease.generation_id,
            lease.fence
        )
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(FencedWrite::Lost);
        }
        sqlx::query!(
            "UPDATE generations SET model = ? WHERE id = ?",
            model,
            lease.generation_id
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "UPDATE conversations SET model_id = coalesce(model_id, ?) WHERE id = ?",
            model,
            lease.conversation_id
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(FencedWrite::Written)
    }

    /// Appends `piece` as chunk number `seq` of the answer.
    pub async fn append(&self, lease: &Lease, seq: i64, piece: &Piece) -> Result<FencedWrite> {
        let mut tx = self.write().await?;
        let written = chunks::append(&mut tx, lease, Chunk { seq, piece }).await?;
        tx.commit().await?;
        Ok(written)
    }

    /// Ends a turn: stores the rest of its text and its status, and releases its lock, in one transaction.
    /// `rest` is a chunk with its number. If the chunks cannot be joined, the text remains in pieces. The queue of its
    /// branch is paused if the user stopped it, and if it failed.
    ///
    /// # Errors
    /// A [transient](super::StoreError::is_transient) error may be retried; a permanent one refuses even that
    /// end.
    pub async fn finish(
        &self,
        lease: &Lease,
        rest: Option<(i64, &Piece)>,
        ending: &Ending,
        now: Timestamp,
    ) -> Result<FencedWrite> {
        let mut tx = self.write().await?;
        if end(&mut tx, lease, rest, ending, now).await? == FencedWrite::Lost {
            return Ok(FencedWrite::Lost);
        }
        let (conversation, branch) = (&lease.conversation_id, &lease.branch_id);
        pause_after(&mut tx, conversation, branch, ending.status).await?;
        tx.commit().await?;
        Ok(FencedWrite::Written)
    }

    /// Ends a turn as [`finish`](Self::finish) does, and begins the next one in the same transaction, so that no other
    /// can begin between them. The queue is not paused.
    ///
    /// # Errors
    /// As for [`finish`](Self::finish).
    pub async fn finish_and_begin(
        &self,
        lease: &Lease,
        rest: Option<(i64, &Piece)>,
        ending: &Ending,
        next: &NextTurn,
        now: Timestamp,
    ) -> Result<Succession> {
        let mut tx = self.write().await?;
        if end(&mut tx, lease, rest, ending, now).await? == FencedWrite::Lost {
            return Ok(Succession::Lost);
        }
        if next.takeover == Takeover::Rollback {
            take_back(&mut tx, lease, &lease.generation_id).await?;
        }
        let begun = self
            .begin_in(&mut tx, &next.turn, Some(next.takeover), now)
            .await?;
        if !matches!(begun, BeginOutcome::Started(_) | BeginOutcome::Duplicate(_)) {
            return Ok(Succession::Refused(begun));
        }
        tx.commit().await?;
        Ok(Succession::Begun(begun))
    }

    /// Records when the first text of an answer arrived, and how often the request was retried before.
    pub async fn record_first_token(
        &self,
        lease: &Lease,
        retries: u32,
        now: Timestamp,
    ) -> Result<()> {
        sqlx::query!(
            "UPDATE generations SET first_token_at = ?, retries = ? WHERE id = ? AND finished_at IS NULL",
            now,
            retries,
            lease.generation_id
        )
        .execute(self.writer()?)
        .await?;
        Ok(())
    }
}

/// Stores the end of a turn and releases its lock.
async fn end(
    tx: &mut WriteTx,
    lease: &Lease,
    rest: Option<(i64, &Piece)>,
    ending: &Ending,
    now: Timestamp,
) -> Result<FencedWrite> {
    if release(tx, lease, LockReason::Released).await? == FencedWrite::Lost {
        return Ok(FencedWrite::Lost);
    }
    let last = rest.map(|(seq, piece)| Chunk { seq, piece });
    if let Some(last) = last {
        chunks::grow_parts(tx, &lease.message_id, last.piece).await?;
    }
    let text = TextLayout::Joined(last);
    finalize(tx, &lease.message_id, ending, text, now).await?;
    sqlx::query!(
        "UPDATE conversations SET updated_at = ? WHERE id = ?",
        now,
        lease.conversation_id
    )
    .execute(&mut **tx)
    .await?;
    Ok(FencedWrite::Written)
}

/// Takes the messages of an ended turn out of their branch, which shows again what it showed before. They remain as
/// versions.
async fn take_back(tx: &mut WriteTx, lease: &Lease, id: &GenerationId) -> Result<()> {
    sqlx::query!(
        "UPDATE branches SET head_message_id = g.head_before
         FROM generations g WHERE g.id = ? AND branches.id = ?",
        id,
        lease.branch_id
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "UPDATE generations SET end_reason = 'rolled_back' WHERE id = ?",
        id
    )
    .execute(&mut **tx)
    .await?;
    tx.changed(Change::View(lease.conversation_id.clone()));
    Ok(())
}
