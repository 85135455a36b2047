//! What is sent next from the queues, decided from what is stored: the first message of a branch that is free and not
//! paused. The transaction that begins its turn decides again.

use conch_model::{
    Accepted, AttachmentSummary, BranchId, ConversationId, PauseReason, QueuedMessageId, Timestamp,
};
use sqlx::SqliteConnection;

use super::busy::Occupancy;
use super::queue::HOLD;
use super::write::Change;
use super::{Result, Store, attachments, begin};

/// A message in a queue, with what has to be checked before it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "field names say it")]
pub struct NextQueued {
    pub id: QueuedMessageId,
    pub conversation_id: ConversationId,
    pub branch_id: BranchId,
    pub content: String,
    /// `provider/model`; `None` for the default.
    pub model_id: Option<String>,
    pub attachments: Vec<AttachmentSummary>,
}

/// What the queues are ready for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// The first message of each free queue, the oldest first.
    pub next: Vec<NextQueued>,
    /// When the first hold ends that keeps a message back.
    pub held_until: Option<Timestamp>,
}

/// The queue of a branch, as other processes compare it with what they last saw.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "field names say it")]
pub struct QueueMark {
    pub conversation_id: ConversationId,
    pub branch_id: BranchId,
    /// Differs after every change of what waits there.
    pub mark: String,
    pub count: u32,
    pub paused: bool,
}

impl Store {
    /// Returns the messages that can be sent now.
    pub async fn ready_in_queues(&self, now: Timestamp) -> Result<Ready> {
        let mut reader = self.readers.begin().await?;
        let until = now + HOLD;
        let first = sqlx::query!(
            r#"SELECT queued_messages.id AS "id!: QueuedMessageId",
                 queued_messages.conversation_id AS "conversation_id!: ConversationId",
                 queued_messages.branch_id AS "branch_id!: BranchId", c.max_parallel AS "max_parallel!: i64",
                 CASE WHEN held_until > ?1 AND held_until <= ?2 THEN held_until END AS "held_until: Timestamp"
               FROM queued_messages
                 CROSS JOIN branches b ON b.id = queued_messages.branch_id
                 CROSS JOIN conversations c ON c.id = queued_messages.conversation_id
               WHERE removed_at IS NULL AND b.queue_paused IS NULL AND b.deleted_at IS NULL
                 AND c.deleted_at IS NULL
                 AND position = (SELECT min(n.position) FROM queued_messages n
                   WHERE n.branch_id = queued_messages.branch_id AND n.removed_at IS NULL)
               ORDER BY queued_messages.id"#,
            now,
            until
        )
        .fetch_all(&mut *reader)
        .await?;
        let mut ready = Ready::default();
        for row in first {
            if let Some(until) = row.held_until {
                ready.held_until = Some(ready.held_until.map_or(until, |first| first.min(until)));
                continue;
            }
            let occupancy =
                Occupancy::read(&mut reader, &row.conversation_id, row.max_parallel, now).await?;
            if occupancy.blocker(&row.branch_id).is_none()
                && let Some(next) = queued(&mut reader, &row.id).await?
            {
                ready.next.push(next);
            }
        }
        Ok(ready)
    }

    /// Returns a message that waits.
    pub async fn queued_message(&self, id: &QueuedMessageId) -> Result<Option<NextQueued>> {
        let mut reader = self.readers.acquire().await?;
        queued(&mut reader, id).await
    }

    /// Returns the turn of a message that was sent from a queue.
    pub async fn sent_from_queue(&self, id: &QueuedMessageId) -> Result<Option<Accepted>> {
        let mut reader = self.readers.acquire().await?;
        begin::sent_before(&mut reader, id).await
    }

    /// Pauses a queue whose first message is this one, because it cannot be sent, and says why.
    pub async fn pause_at(&self, next: &NextQueued, notice: &str) -> Result<()> {
        let mut tx = self.write().await?;
        let reason = PauseReason::Failed;
        let done = sqlx::query!(
            "UPDATE branches SET queue_paused = ?1, queue_notice = ?2
             WHERE id = ?3 AND queue_paused IS NULL
               AND ?4 = (SELECT id FROM queued_messages
                 WHERE branch_id = ?3 AND removed_at IS NULL ORDER BY position LIMIT 1)",
            reason,
            notice,
            next.branch_id,
            next.id
        )
        .execute(&mut *tx)
        .await?;
        let change = Change::queue(&next.conversation_id, &next.branch_id);
        tx.commit_if_affected(done.rows_affected(), change)
            .await
            .map(drop)
    }

    /// Returns the queues in which messages wait.
    pub async fn queue_marks(&self) -> Result<Vec<QueueMark>> {
        Ok(sqlx::query_as!(
            QueueMark,
            r#"SELECT b.conversation_id AS "conversation_id: _", b.id AS "branch_id: _",
                 group_concat(q.id || ' ' || q.revision, ',' ORDER BY q.position) || coalesce(b.queue_paused, '')
                   AS "mark!: String",
                 count(*) AS "count!: u32", b.queue_paused IS NOT NULL AS "paused!: bool"
               FROM (SELECT id, revision, position, branch_id FROM queued_messages WHERE removed_at IS NULL) AS q
                 CROSS JOIN branches b ON b.id = q.branch_id
               GROUP BY b.id"#
        )
        .fetch_all(&self.readers)
        .await?)
    }
}

async fn queued(reader: &mut SqliteConnection, id: &QueuedMessageId) -> Result<Option<NextQueued>> {
    let row = sqlx::query!(
        r#"SELECT q.conversation_id AS "conversation_id: ConversationId", q.branch_id AS "branch_id: BranchId",
             q.content, q.model_id
           FROM queued_messages q JOIN conversations c ON c.id = q.conversation_id
           WHERE q.id = ? AND q.removed_at IS NULL AND c.deleted_at IS NULL"#,
        id
    )
    .fetch_optional(&mut *reader)
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(NextQueued {
        id: id.clone(),
        conversation_id: row.conversation_id,
        branch_id: row.branch_id,
        content: row.content,
        model_id: row.model_id,
        attachments: attachments::of_queued(reader, id).await?,
    }))
}
