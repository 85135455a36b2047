//! Turns: one transaction begins a turn, fenced appends store its text, one transaction ends it.
//!
//! Beginning a turn deduplicates the request id, acquires the lock, inserts both messages, binds the
//! attachments to the first, moves the branch head and records the attempt, all or nothing (I8). A refusal also
//! commits, but only the record of the attempt.

use sqlx::SqliteConnection;

use super::attachments::bind;
use super::attempts::{Attempt, AttemptOutcome, record};
use super::branches::{BranchContext, context, fork, head, missing};
use super::chunks::{Piece, append};
use super::finalize::{TextLayout, finalize};
use super::locks::{Grant, acquire, has_room, release};
use super::versions::{AnswerPlacement, placement};
use super::{Result, Store};
use crate::model::{
    Accepted, AttachmentId, AttemptSource, BranchId, ConversationId, Ending, Entity, FencedWrite,
    GenerationId, InstanceId, Lease, MessageId, RequestId, Role, Timestamp,
};

/// A user message to store and answer.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "field names say it")]
pub struct NewTurn {
    pub conversation_id: ConversationId,
    /// `None` for `main`.
    pub branch_id: Option<BranchId>,
    /// The user's text.
    pub content: String,
    /// In the order in which they are shown.
    pub attachments: Vec<AttachmentId>,
    /// The title for a conversation without one.
    pub title: String,
    /// The client's id for this send.
    pub request_id: RequestId,
    pub source: AttemptSource,
    /// The generation that will answer, already registered so that it can be stopped.
    pub generation_id: GenerationId,
    /// The id of this process.
    pub instance_id: InstanceId,
}

/// A new answer: to a user message, or as another version of an existing answer.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "field names say it")]
pub struct NewAnswer {
    /// A user message, or an answer.
    pub message_id: MessageId,
    /// `provider/model`; `None` for the conversation's model.
    pub model_id: Option<String>,
    /// The client's id for this request.
    pub request_id: RequestId,
    pub source: AttemptSource,
    /// The generation that will answer.
    pub generation_id: GenerationId,
    /// The id of this process.
    pub instance_id: InstanceId,
}

/// A started turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedTurn {
    /// The result for the client.
    pub accepted: Accepted,
    /// The lock that was granted.
    pub lease: Lease,
    /// `provider/model`; `None` for the default.
    pub model_id: Option<String>,
    /// Expired locks of the conversation's other branches, released by the grant.
    pub freed: Vec<Lease>,
}

/// Outcome of beginning a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BeginOutcome {
    /// The turn is durable and its lock is held.
    Started(Box<StartedTurn>),
    /// The request id was accepted before, with this result.
    Duplicate(Accepted),
    /// The lock is held, or the conversation is at its capacity.
    Busy,
    /// An id does not exist.
    NotFound(Entity),
    /// An attachment is gone, was already sent, or belongs to another conversation.
    AttachmentGone,
}

/// A request for the lock.
struct LockRequest<'a> {
    request_id: &'a RequestId,
    source: AttemptSource,
    generation_id: &'a GenerationId,
    instance_id: &'a InstanceId,
    /// Where to fork a new branch for the answer from the branch of the context.
    fork_at: Option<&'a MessageId>,
}

impl Store {
    /// Stores a user message and its empty answer, under a granted lock.
    pub async fn begin_turn(&self, turn: &NewTurn, now: Timestamp) -> Result<BeginOutcome> {
        let mut tx = self.write().await?;
        let context = context(&mut tx, &turn.conversation_id, turn.branch_id.as_ref()).await?;
        let Some(context) = context else {
            return Ok(BeginOutcome::NotFound(
                missing(&mut tx, &turn.conversation_id).await?,
            ));
        };
        let request = LockRequest {
            request_id: &turn.request_id,
            source: turn.source,
            generation_id: &turn.generation_id,
            instance_id: &turn.instance_id,
            fork_at: None,
        };
        let user_message_id = MessageId::fresh();
        let acquired = match self.ask_for_lock(&mut tx, &context, &request, now).await? {
            LockOutcome::Granted(acquired) => acquired,
            LockOutcome::Answered(begin) => {
                tx.commit().await?;
                return Ok(begin);
            }
        };
        sqlx::query!(
            "INSERT INTO messages (id, conversation_id, branch_id, parent_id, role, status, content, created_at, finished_at)
             VALUES (?, ?, ?, ?, 'user', 'complete', ?, ?, ?)",
            user_message_id, context.conversation_id, context.branch_id, acquired.head, turn.content, now, now
        )
        .execute(&mut *tx)
        .await?;
        if !bind(&mut tx, &context, &user_message_id, &turn.attachments).await? {
            return Ok(BeginOutcome::AttachmentGone);
        }
        let (id, is_first) = (&context.conversation_id, context.head.is_none());
        self.take_draft(&mut tx, id, &turn.content, is_first)
            .await?;
        let row = NewAnswerRow {
            user_message_id,
            previous: None,
            title: Some(&turn.title),
            model_id: None,
        };
        let started = start(&mut tx, &context, &request, acquired, row, now).await?;
        tx.commit().await?;
        Ok(started)
    }

    /// Stores an empty answer to a message, or another version of one, under a granted lock. If other messages
    /// follow, it gets its own branch: on theirs, its head would hide them.
    pub async fn begin_answer(&self, answer: &NewAnswer, now: Timestamp) -> Result<BeginOutcome> {
        let mut tx = self.write().await?;
        let target = sqlx::query!(
            r#"SELECT conversation_id AS "conversation_id: ConversationId", branch_id AS "branch_id: BranchId",
                 parent_id AS "parent_id: MessageId", role AS "role: Role"
               FROM messages WHERE id = ?"#,
            answer.message_id
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(target) = target else {
            return Ok(BeginOutcome::NotFound(Entity::Message));
        };
        let user_message_id = match (target.role, target.parent_id) {
            (Role::Assistant, Some(parent_id)) => parent_id,
            _ => answer.message_id.clone(),
        };
        let context = context(&mut tx, &target.conversation_id, Some(&target.branch_id)).await?;
        let Some(context) = context else {
            return Ok(BeginOutcome::NotFound(Entity::Branch));
        };
        let placement = placement(&mut tx, &context, &user_message_id).await?;
        let request = LockRequest {
            request_id: &answer.request_id,
            source: answer.source,
            generation_id: &answer.generation_id,
            instance_id: &answer.instance_id,
            fork_at: (placement == AnswerPlacement::Fork).then_some(&user_message_id),
        };
        let acquired = match self.ask_for_lock(&mut tx, &context, &request, now).await? {
            LockOutcome::Granted(acquired) => acquired,
            LockOutcome::Answered(begin) => {
                tx.commit().await?;
                return Ok(begin);
            }
        };
        let row = NewAnswerRow {
            previous: acquired
                .head
                .clone()
                .filter(|_| placement == AnswerPlacement::Beside),
            user_message_id: user_message_id.clone(),
            title: None,
            model_id: answer.model_id.clone(),
        };
        let started = start(&mut tx, &context, &request, acquired, row, now).await?;
        tx.commit().await?;
        Ok(started)
    }

    async fn ask_for_lock(
        &self,
        tx: &mut SqliteConnection,
        context: &BranchContext,
        request: &LockRequest<'_>,
        now: Timestamp,
    ) -> Result<LockOutcome> {
        let attempt = |generation_id, outcome| Attempt {
            conversation_id: &context.conversation_id,
            branch_id: &context.branch_id,
            generation_id,
            source: request.source,
            outcome,
        };
        if let Some(earlier) =
            accepted_before(tx, &context.conversation_id, request.request_id).await?
        {
            let duplicate = attempt(Some(&earlier.generation_id), AttemptOutcome::Duplicate);
            record(tx, duplicate, now).await?;
            return Ok(LockOutcome::Answered(BeginOutcome::Duplicate(earlier)));
        }
        let message_id = MessageId::fresh();
        let branch_id = match request.fork_at {
            None => context.branch_id.clone(),
            Some(at)
                if has_room(tx, &context.conversation_id, context.max_parallel, now).await? =>
            {
                fork(tx, context, at, now).await?
            }
            Some(_) => {
                record(tx, attempt(None, AttemptOutcome::Refused), now).await?;
                return Ok(LockOutcome::Answered(BeginOutcome::Busy));
            }
        };
        let grant = Grant {
            branch_id: &branch_id,
            conversation_id: &context.conversation_id,
            generation_id: request.generation_id,
            message_id: &message_id,
            user_id: &self.user_id,
            instance_id: request.instance_id,
            max_parallel: context.max_parallel,
        };
        let Some(granted) = acquire(tx, &grant, now).await? else {
            record(tx, attempt(None, AttemptOutcome::Refused), now).await?;
            return Ok(LockOutcome::Answered(BeginOutcome::Busy));
        };
        record(
            tx,
            attempt(Some(request.generation_id), AttemptOutcome::Started),
            now,
        )
        .await?;
        let lease = Lease {
            branch_id,
            conversation_id: context.conversation_id.clone(),
            generation_id: request.generation_id.clone(),
            message_id,
            fence: granted.fence,
        };
        let head = if granted.took_over {
            head(tx, &lease.branch_id).await?
        } else {
            context.head.clone()
        };
        Ok(LockOutcome::Granted(AcquiredLock {
            lease,
            head,
            freed: granted.freed,
        }))
    }

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
        let written = append(&mut tx, lease, seq, piece).await?;
        tx.commit().await?;
        Ok(written)
    }

    /// Ends a turn: stores the rest of its text and its status, and releases its lock, in one transaction.
    /// `rest` is a chunk with its number. If the chunks cannot be joined, the text remains in pieces.
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
        if let Some((seq, piece)) = rest
            && append(&mut tx, lease, seq, piece).await? == FencedWrite::Lost
        {
            return Ok(FencedWrite::Lost);
        }
        if release(&mut tx, lease).await? == FencedWrite::Lost {
            return Ok(FencedWrite::Lost);
        }
        finalize(&mut tx, &lease.message_id, ending, TextLayout::Joined, now).await?;
        sqlx::query!(
            "UPDATE conversations SET updated_at = ? WHERE id = ?",
            now,
            lease.conversation_id
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(FencedWrite::Written)
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

/// The acquired lock of a new turn.
struct AcquiredLock {
    lease: Lease,
    /// The current head of the context's branch.
    head: Option<MessageId>,
    freed: Vec<Lease>,
}

/// The other data of a new turn.
struct NewAnswerRow<'a> {
    user_message_id: MessageId,
    /// The answer that the branch shows, restored if the new one turns out worse.
    previous: Option<MessageId>,
    /// For a conversation without a title.
    title: Option<&'a str>,
    model_id: Option<String>,
}

enum LockOutcome {
    Granted(AcquiredLock),
    Answered(BeginOutcome),
}

/// Stores the empty answer with its generation, and updates the branch and the conversation.
async fn start(
    tx: &mut SqliteConnection,
    context: &BranchContext,
    request: &LockRequest<'_>,
    acquired: AcquiredLock,
    row: NewAnswerRow<'_>,
    now: Timestamp,
) -> Result<BeginOutcome> {
    let AcquiredLock { lease, freed, .. } = acquired;
    let NewAnswerRow {
        user_message_id,
        previous,
        title,
        model_id,
    } = row;
    sqlx::query!(
        "INSERT INTO messages (id, conversation_id, branch_id, parent_id, role, status, content, fence, created_at)
         VALUES (?, ?, ?, ?, 'assistant', 'generating', '', ?, ?)",
        lease.message_id,
        context.conversation_id,
        lease.branch_id,
        user_message_id,
        lease.fence,
        now
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "UPDATE branches SET head_message_id = ? WHERE id = ?",
        lease.message_id,
        lease.branch_id
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "UPDATE conversations SET updated_at = ?, title = coalesce(title, ?) WHERE id = ?",
        now,
        title,
        context.conversation_id
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "INSERT INTO generations (id, conversation_id, branch_id, user_message_id, message_id, instance_id,
           client_request_id, fence, started_at, previous_message_id)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        lease.generation_id,
        context.conversation_id,
        lease.branch_id,
        user_message_id,
        lease.message_id,
        request.instance_id,
        request.request_id,
        lease.fence,
        now,
        previous
    )
    .execute(&mut *tx)
    .await?;
    Ok(BeginOutcome::Started(Box::new(StartedTurn {
        accepted: Accepted {
            generation_id: lease.generation_id.clone(),
            user_message_id,
            assistant_message_id: lease.message_id.clone(),
            branch_id: lease.branch_id.clone(),
            fence: lease.fence,
        },
        lease,
        model_id: model_id.or_else(|| context.model_id.clone()),
        freed,
    })))
}

async fn accepted_before(
    tx: &mut SqliteConnection,
    conversation_id: &ConversationId,
    request_id: &RequestId,
) -> Result<Option<Accepted>> {
    let row = sqlx::query!(
        r#"SELECT id AS "id: GenerationId", user_message_id AS "user_message_id: MessageId",
             message_id AS "message_id: MessageId", branch_id AS "branch_id: BranchId", fence
           FROM generations WHERE conversation_id = ? AND client_request_id = ?"#,
        conversation_id,
        request_id
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| Accepted {
        generation_id: row.id,
        user_message_id: row.user_message_id,
        assistant_message_id: row.message_id,
        branch_id: row.branch_id,
        fence: row.fence,
    }))
}
