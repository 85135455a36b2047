//! The queue of a branch: messages that wait until it is free, as the user manages them. A message enters it in the
//! transaction that finds the branch busy, and leaves it in the one that begins its turn ([`mod@super::begin`]); what
//! is sent next is in [`mod@super::queue_next`].
//!
//! `position` only orders: it has gaps. What was removed keeps its row for a while, so that it can be restored.

mod entry;

use std::time::Duration;

use conch_model::{
    BranchId, ConversationId, MAX_QUEUED, MessageStatus, PauseReason, Queue, QueuedMessage,
    QueuedMessageId, SendPolicy, Timestamp,
};
use sqlx::SqliteConnection;

pub(super) use self::entry::{
    EnqueueOutcome, Enqueued, Leaving, QueuedBefore, end_past_pause, enqueue, found, leave,
};
use super::branches::resolve_branch;
use super::write::{Change, WriteTx};
use super::{Result, Store, attachments};

/// How long an open editor holds its message back, unless it asks again.
pub const HOLD: Duration = Duration::from_mins(1);

/// Outcome of restoring a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestoreOutcome {
    /// It waits again, at its place.
    Restored,
    /// It was never there, or is gone for good.
    NotFound,
    /// Others have taken its place.
    Full,
}

/// What a purge of removed messages did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemovedPurge {
    /// How many were purged.
    pub purged: u64,
    /// When the next one is due.
    pub next: Option<Timestamp>,
}

impl Store {
    /// Returns the queue of a branch; `None` if there is no such branch.
    pub async fn queue(
        &self,
        conversation_id: &ConversationId,
        branch_id: Option<&BranchId>,
        now: Timestamp,
    ) -> Result<Option<Queue>> {
        let mut reader = self.readers.begin().await?;
        let Some(branch) = resolve_branch(&mut reader, conversation_id, branch_id).await? else {
            return Ok(None);
        };
        queue_of(&mut reader, &branch.id, now).await.map(Some)
    }

    /// Changes the text of a message that waits, and its model if one is given, and ends its hold. Its files are those
    /// that it has now. Returns false if it does not wait.
    pub async fn edit_queued(
        &self,
        id: &QueuedMessageId,
        content: &str,
        model_id: Option<&str>,
    ) -> Result<bool> {
        let mut tx = self.write().await?;
        let Some(place) = waiting(&mut tx, id).await? else {
            return Ok(false);
        };
        sqlx::query!(
            "UPDATE queued_messages SET content = ?2, model_id = coalesce(?3, model_id), held_until = NULL,
               files = (SELECT count(*) FROM attachments WHERE queued_message_id = ?1), revision = revision + 1
             WHERE id = ?1",
            id,
            content,
            model_id
        )
        .execute(&mut *tx)
        .await?;
        tx.changed(place.change());
        tx.commit().await?;
        Ok(true)
    }

    /// Holds a message back until [`HOLD`] from `now`, or no longer. Returns false if it does not wait.
    pub async fn hold_queued(
        &self,
        id: &QueuedMessageId,
        held: bool,
        now: Timestamp,
    ) -> Result<bool> {
        let mut tx = self.write().await?;
        let Some(place) = waiting(&mut tx, id).await? else {
            return Ok(false);
        };
        let until = held.then_some(now + HOLD);
        sqlx::query!(
            "UPDATE queued_messages SET held_until = ?, revision = revision + 1 WHERE id = ?",
            until,
            id
        )
        .execute(&mut *tx)
        .await?;
        tx.changed(place.change());
        tx.commit().await?;
        Ok(true)
    }

    /// Moves a message to this place of its queue, from 1; beyond the end is the last. Returns false if it does not
    /// wait.
    pub async fn move_queued(&self, id: &QueuedMessageId, position: u32) -> Result<bool> {
        let mut tx = self.write().await?;
        let Some(place) = waiting(&mut tx, id).await? else {
            return Ok(false);
        };
        let rows = sqlx::query!(
            r#"SELECT id AS "id: QueuedMessageId", removed_at IS NOT NULL AS "is_removed!: bool"
               FROM queued_messages WHERE branch_id = ? ORDER BY position"#,
            place.branch_id
        )
        .fetch_all(&mut *tx)
        .await?;
        let mut order: Vec<_> = rows.into_iter().filter(|row| row.id != *id).collect();
        // The place counts the messages that wait; what was removed stays where it was among them.
        let before = usize::try_from(position.saturating_sub(1)).unwrap_or(usize::MAX);
        let follows = order.iter().enumerate().filter(|(_, row)| !row.is_removed);
        let index = follows.map(|(index, _)| index).nth(before);
        let index = index.unwrap_or(order.len());
        let mut ids: Vec<_> = order.drain(..).map(|row| row.id).collect();
        ids.insert(index, id.clone());
        // Out of the way first: two rows never have the same position.
        sqlx::query!(
            "UPDATE queued_messages SET position = position + 1000000 WHERE branch_id = ?",
            place.branch_id
        )
        .execute(&mut *tx)
        .await?;
        for (index, id) in ids.iter().enumerate() {
            let position = i64::try_from(index).unwrap_or(i64::MAX).saturating_add(1);
            sqlx::query!(
                "UPDATE queued_messages SET position = ? WHERE id = ?",
                position,
                id
            )
            .execute(&mut *tx)
            .await?;
        }
        tx.changed(place.change());
        tx.commit().await?;
        Ok(true)
    }

    /// Removes a message from its queue. Returns false if it is not there; one that was removed before counts as
    /// removed.
    pub async fn remove_queued(&self, id: &QueuedMessageId, now: Timestamp) -> Result<bool> {
        let mut tx = self.write().await?;
        let Some(place) = place(&mut tx, id).await? else {
            return Ok(false);
        };
        if !place.is_removed {
            sqlx::query!(
                "UPDATE queued_messages SET removed_at = ?, held_until = NULL WHERE id = ?",
                now,
                id
            )
            .execute(&mut *tx)
            .await?;
            tx.changed(place.change());
            tx.commit().await?;
        }
        Ok(true)
    }

    /// Restores a removed message at its place.
    pub async fn restore_queued(&self, id: &QueuedMessageId) -> Result<RestoreOutcome> {
        let mut tx = self.write().await?;
        let Some(place) = place(&mut tx, id).await? else {
            return Ok(RestoreOutcome::NotFound);
        };
        if !place.is_removed {
            return Ok(RestoreOutcome::Restored);
        }
        if count(&mut tx, &place.branch_id).await? >= MAX_QUEUED {
            return Ok(RestoreOutcome::Full);
        }
        sqlx::query!(
            "UPDATE queued_messages SET removed_at = NULL WHERE id = ?",
            id
        )
        .execute(&mut *tx)
        .await?;
        tx.changed(place.change());
        tx.commit().await?;
        Ok(RestoreOutcome::Restored)
    }

    /// Removes all messages from the queue of a branch. Returns false if there is no such branch.
    pub async fn clear_queue(
        &self,
        conversation_id: &ConversationId,
        branch_id: Option<&BranchId>,
        now: Timestamp,
    ) -> Result<bool> {
        let mut tx = self.write().await?;
        let Some(branch) = resolve_branch(&mut tx, conversation_id, branch_id).await? else {
            return Ok(false);
        };
        if clear(&mut tx, &branch.id, now).await? > 0 {
            tx.changed(Change::queue(conversation_id, &branch.id));
            tx.commit().await?;
        }
        Ok(true)
    }

    /// Pauses the queue of a branch as the user, or resumes it, whatever paused it. Returns false if there is no such
    /// branch.
    pub async fn pause_queue(
        &self,
        conversation_id: &ConversationId,
        branch_id: Option<&BranchId>,
        paused: bool,
    ) -> Result<bool> {
        let mut tx = self.write().await?;
        let Some(branch) = resolve_branch(&mut tx, conversation_id, branch_id).await? else {
            return Ok(false);
        };
        if paused && count(&mut tx, &branch.id).await? == 0 {
            // It would hide the user's, and go with the next message that waits.
            end_past_pause(&mut tx, &branch.id).await?;
        }
        let reason = paused.then_some(PauseReason::User);
        let done = sqlx::query!(
            "UPDATE branches SET queue_paused = ?1, queue_notice = NULL
             WHERE id = ?2 AND (?1 IS NULL) = (queue_paused IS NOT NULL)",
            reason,
            branch.id
        )
        .execute(&mut *tx)
        .await?;
        let change = Change::queue(conversation_id, &branch.id);
        let _is_new: bool = tx.commit_if_affected(done.rows_affected(), change).await?;
        Ok(true)
    }

    /// Pauses every queue in which messages wait, for this reason; one that is paused keeps its reason.
    pub async fn pause_queues(&self, reason: PauseReason) -> Result<()> {
        // A start that has nothing to write must not wait for the writer.
        let waiting = sqlx::query_scalar!(
            "SELECT count(*) FROM queued_messages CROSS JOIN branches b ON b.id = queued_messages.branch_id
             WHERE removed_at IS NULL AND b.queue_paused IS NULL"
        )
        .fetch_one(&self.readers)
        .await?;
        if waiting == 0 {
            return Ok(());
        }
        let mut tx = self.write().await?;
        let paused = sqlx::query!(
            r#"UPDATE branches SET queue_paused = ?
               WHERE queue_paused IS NULL AND id IN (
                 SELECT branch_id FROM queued_messages WHERE removed_at IS NULL)
               RETURNING id AS "id!: BranchId", conversation_id AS "conversation_id!: ConversationId""#,
            reason
        )
        .fetch_all(&mut *tx)
        .await?;
        if paused.is_empty() {
            return Ok(());
        }
        for branch in paused {
            tx.changed(Change::queue(&branch.conversation_id, &branch.id));
        }
        tx.commit().await
    }

    /// Sets what a send does in a conversation while an answer is running; `None` for the default of all. Returns
    /// false if it does not exist.
    pub async fn set_send_policy(
        &self,
        id: &ConversationId,
        policy: Option<SendPolicy>,
    ) -> Result<bool> {
        let mut tx = self.write().await?;
        let done = sqlx::query!(
            "UPDATE conversations SET send_policy = ? WHERE id = ? AND deleted_at IS NULL",
            policy,
            id
        )
        .execute(&mut *tx)
        .await?;
        tx.commit_if_affected(done.rows_affected(), Change::View(id.clone()))
            .await
    }

    /// Deletes for good what was removed `undo` or longer before `now`, and what a clock set back would keep.
    pub async fn purge_removed(&self, now: Timestamp, undo: Duration) -> Result<RemovedPurge> {
        let oldest = sqlx::query_scalar!(
            r#"SELECT min(removed_at) AS "at: Timestamp" FROM queued_messages WHERE removed_at IS NOT NULL"#
        )
        .fetch_one(&self.readers)
        .await?;
        if oldest.is_none() {
            return Ok(RemovedPurge {
                purged: 0,
                next: None,
            });
        }
        let undo = i64::try_from(undo.as_millis()).unwrap_or(i64::MAX);
        let mut tx = self.write().await?;
        let done = sqlx::query!(
            "DELETE FROM queued_messages
             WHERE removed_at IS NOT NULL AND (removed_at <= ?1 - ?2 OR removed_at > ?1)",
            now,
            undo
        )
        .execute(&mut *tx)
        .await?;
        let next = sqlx::query_scalar!(
            r#"SELECT min(removed_at) + ? AS "at: Timestamp" FROM queued_messages WHERE removed_at IS NOT NULL"#,
            undo
        )
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(RemovedPurge {
            purged: done.rows_affected(),
            next,
        })
    }
}

/// Where a message is.
struct Place {
    conversation_id: ConversationId,
    branch_id: BranchId,
    is_removed: bool,
}

impl Place {
    fn change(&self) -> Change {
        Change::queue(&self.conversation_id, &self.branch_id)
    }
}

async fn place(tx: &mut SqliteConnection, id: &QueuedMessageId) -> Result<Option<Place>> {
    Ok(sqlx::query_as!(
        Place,
        r#"SELECT q.conversation_id AS "conversation_id: _", q.branch_id AS "branch_id: _",
             q.removed_at IS NOT NULL AS "is_removed!: bool"
           FROM queued_messages q JOIN conversations c ON c.id = q.conversation_id
           WHERE q.id = ? AND c.deleted_at IS NULL"#,
        id
    )
    .fetch_optional(tx)
    .await?)
}

async fn waiting(tx: &mut SqliteConnection, id: &QueuedMessageId) -> Result<Option<Place>> {
    Ok(place(tx, id).await?.filter(|place| !place.is_removed))
}

/// Returns how many messages wait on a branch.
pub(super) async fn count(connection: &mut SqliteConnection, branch_id: &BranchId) -> Result<u32> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!: u32" FROM queued_messages WHERE branch_id = ? AND removed_at IS NULL"#,
        branch_id
    )
    .fetch_one(connection)
    .await?)
}

/// Returns the queue of a branch that exists.
pub(super) async fn queue_of(
    reader: &mut SqliteConnection,
    branch_id: &BranchId,
    now: Timestamp,
) -> Result<Queue> {
    let until = now + HOLD;
    let rows = sqlx::query!(
        r#"SELECT id AS "id: QueuedMessageId", content, model_id, created_at AS "created_at: Timestamp",
             coalesce(held_until > ?2 AND held_until <= ?3, 0) AS "held!: bool"
           FROM queued_messages WHERE branch_id = ?1 AND removed_at IS NULL ORDER BY position"#,
        branch_id,
        now,
        until
    )
    .fetch_all(&mut *reader)
    .await?;
    let mut items = Vec::with_capacity(rows.len());
    for (position, row) in (1..).zip(rows) {
        let attachments = attachments::of_queued(reader, &row.id).await?;
        items.push(QueuedMessage {
            id: row.id,
            position,
            content: row.content,
            model_id: row.model_id,
            attachment_ids: attachments.iter().map(|file| file.id.clone()).collect(),
            attachments,
            held: row.held,
            created_at: row.created_at,
        });
    }
    let pause = sqlx::query!(
        r#"SELECT queue_paused AS "reason: PauseReason", queue_notice FROM branches WHERE id = ?"#,
        branch_id
    )
    .fetch_optional(reader)
    .await?;
    let (reason, notice) = pause.map_or((None, None), |row| (row.reason, row.queue_notice));
    let pause_reason = effective(reason, items.len());
    Ok(Queue {
        paused: pause_reason.is_some(),
        pause_message: pause_reason.and(notice),
        pause_reason,
        items,
    })
}

/// Returns the pause that a queue of this length shows: one that nothing waits for is over, unless the user set it.
fn effective(reason: Option<PauseReason>, waiting: usize) -> Option<PauseReason> {
    reason.filter(|reason| *reason == PauseReason::User || waiting > 0)
}

/// Returns how many messages wait on a branch, and whether they are paused.
pub(super) async fn state(
    connection: &mut SqliteConnection,
    branch_id: &BranchId,
) -> Result<(u32, bool)> {
    let waiting = count(connection, branch_id).await?;
    let reason = sqlx::query_scalar!(
        r#"SELECT queue_paused AS "reason: PauseReason" FROM branches WHERE id = ?"#,
        branch_id
    )
    .fetch_optional(connection)
    .await?;
    let shown = effective(reason.flatten(), usize::try_from(waiting).unwrap_or(0));
    Ok((waiting, shown.is_some()))
}

/// Removes all messages of a queue, and returns how many there were.
pub(super) async fn clear(tx: &mut WriteTx, branch_id: &BranchId, now: Timestamp) -> Result<u32> {
    let done = sqlx::query!(
        "UPDATE queued_messages SET removed_at = ?, held_until = NULL WHERE branch_id = ? AND removed_at IS NULL",
        now,
        branch_id
    )
    .execute(&mut **tx)
    .await?;
    Ok(u32::try_from(done.rows_affected()).unwrap_or(u32::MAX))
}

/// Pauses the queue of a branch after an answer that the user stopped or that failed, if anything waits there.
pub(super) async fn pause_after(
    tx: &mut WriteTx,
    conversation_id: &ConversationId,
    branch_id: &BranchId,
    ended: MessageStatus,
) -> Result<()> {
    let reason = match ended {
        MessageStatus::Stopped => PauseReason::Stopped,
        MessageStatus::Failed => PauseReason::Failed,
        MessageStatus::Complete | MessageStatus::Interrupted | MessageStatus::Generating => {
            return Ok(());
        }
    };
    let done = sqlx::query!(
        "UPDATE branches SET queue_paused = ?1
         WHERE id = ?2 AND queue_paused IS NULL
           AND EXISTS (SELECT 1 FROM queued_messages WHERE branch_id = ?2 AND removed_at IS NULL)",
        reason,
        branch_id
    )
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() > 0 {
        tx.changed(Change::queue(conversation_id, branch_id));
    }
    Ok(())
}
