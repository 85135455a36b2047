//! How a message enters a queue and leaves it, in the transactions of its send and of its turn.

use conch_model::{
    AttachmentId, BranchId, MAX_QUEUED, MessageId, Parameters, Queued, QueuedMessageId, RequestId,
    Timestamp,
};
use sqlx::SqliteConnection;

use super::count;
use crate::branches::BranchContext;
use crate::write::{Change, WriteTx};
use crate::{Result, attachments, settings};

/// What a send finds in the queue of its branch.
pub(crate) struct FoundQueue {
    /// The message that was queued under its request id and has not been sent.
    pub(crate) before: Option<QueuedBefore>,
    /// How many messages wait.
    pub(crate) waiting: u32,
}

/// A message that was queued under a request id.
pub(crate) enum QueuedBefore {
    Waiting(Queued),
    Removed,
}

/// Reads what a send under this request id finds.
pub(crate) async fn found(
    tx: &mut SqliteConnection,
    context: &BranchContext,
    request_id: &RequestId,
) -> Result<FoundQueue> {
    let row = sqlx::query!(
        r#"SELECT q.id AS "id: QueuedMessageId", q.removed_at IS NOT NULL AS "is_removed!: bool",
             (SELECT count(*) FROM queued_messages n
               WHERE n.branch_id = q.branch_id AND n.removed_at IS NULL AND n.position <= q.position) AS "position!: u32",
             (SELECT count(*) FROM queued_messages w
               WHERE w.branch_id = ?1 AND w.removed_at IS NULL) AS "waiting!: u32"
           FROM (SELECT 1) LEFT JOIN queued_messages q ON q.conversation_id = ?2 AND q.client_request_id = ?3"#,
        context.branch_id,
        context.conversation_id,
        request_id
    )
    .fetch_one(tx)
    .await?;
    let before = row.id.map(|queued_message_id| {
        if row.is_removed {
            return QueuedBefore::Removed;
        }
        QueuedBefore::Waiting(Queued {
            queued_message_id,
            position: row.position,
        })
    });
    Ok(FoundQueue {
        before,
        waiting: row.waiting,
    })
}

/// A message to queue.
pub(crate) struct Enqueued<'a> {
    pub(crate) content: &'a str,
    pub(crate) attachments: &'a [AttachmentId],
    pub(crate) model_id: Option<&'a str>,
    pub(crate) request_id: &'a RequestId,
}

/// Outcome of queueing a message.
pub(crate) enum EnqueueOutcome {
    Queued(Queued),
    Full,
    AttachmentGone,
}

/// Appends a message to the queue of a branch, with the model and the parameters of this moment.
pub(crate) async fn enqueue(
    tx: &mut WriteTx,
    context: &BranchContext,
    message: &Enqueued<'_>,
    now: Timestamp,
) -> Result<EnqueueOutcome> {
    let branch_id = &context.branch_id;
    let before = count(tx, branch_id).await?;
    if before >= MAX_QUEUED {
        return Ok(EnqueueOutcome::Full);
    }
    if before == 0 {
        end_past_pause(tx, branch_id).await?;
    }
    let defaults = settings::read(tx).await?;
    let own = sqlx::query_scalar!(
        "SELECT parameters FROM conversations WHERE id = ?",
        context.conversation_id
    )
    .fetch_one(&mut **tx)
    .await?;
    let own: Parameters = settings::from_json(&own);
    let parameters = settings::to_json(&own.or(&defaults.parameters));
    let model_id = message.model_id.or(context.model_id.as_deref());
    let model_id = model_id.or(defaults.default_model_id.as_deref());
    let files = i64::try_from(message.attachments.len()).unwrap_or(i64::MAX);
    let id = QueuedMessageId::fresh();
    sqlx::query!(
        "INSERT INTO queued_messages (id, conversation_id, branch_id, position, content, model_id, parameters, files,
           client_request_id, created_at)
         SELECT ?1, ?2, ?3, coalesce(max(position), 0) + 1, ?4, ?5, ?6, ?7, ?8, ?9
         FROM queued_messages WHERE branch_id = ?3",
        id,
        context.conversation_id,
        branch_id,
        message.content,
        model_id,
        parameters,
        files,
        message.request_id,
        now
    )
    .execute(&mut **tx)
    .await?;
    if !attachments::bind(
        tx,
        context,
        attachments::Owner::Queued(&id),
        message.attachments,
    )
    .await?
    {
        return Ok(EnqueueOutcome::AttachmentGone);
    }
    tx.changed(Change::queue(&context.conversation_id, branch_id));
    Ok(EnqueueOutcome::Queued(Queued {
        queued_message_id: id,
        position: before + 1,
    }))
}

/// Ends the pause of an empty queue: what it was for is over, unless the user set it.
pub(crate) async fn end_past_pause(tx: &mut SqliteConnection, branch_id: &BranchId) -> Result<()> {
    sqlx::query!(
        "UPDATE branches SET queue_paused = NULL, queue_notice = NULL
             WHERE id = ? AND queue_paused <> 'user'",
        branch_id
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// A message that leaves its queue.
pub(crate) struct Leaving {
    pub(crate) id: QueuedMessageId,
    pub(crate) content: String,
    pub(crate) model_id: Option<String>,
    pub(crate) parameters: String,
    pub(crate) files: i64,
    pub(crate) request_id: RequestId,
}

/// Takes a message out of its queue, and gives its files to the message that it becomes. Returns false if a file is
/// gone; the caller must then roll back.
pub(crate) async fn leave(
    tx: &mut WriteTx,
    context: &BranchContext,
    leaving: &Leaving,
    message_id: &MessageId,
) -> Result<bool> {
    let moved = sqlx::query!(
        "UPDATE attachments SET message_id = ?, queued_message_id = NULL WHERE queued_message_id = ?",
        message_id,
        leaving.id
    )
    .execute(&mut **tx)
    .await?;
    if i64::try_from(moved.rows_affected()) != Ok(leaving.files) {
        return Ok(false);
    }
    sqlx::query!("DELETE FROM queued_messages WHERE id = ?", leaving.id)
        .execute(&mut **tx)
        .await?;
    tx.changed(Change::queue(&context.conversation_id, &context.branch_id));
    Ok(true)
}
