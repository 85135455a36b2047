//! Turns: one transaction begins a turn, fenced appends store its text, one transaction ends it.
//!
//! Beginning a turn deduplicates the request id, acquires the lock, inserts both messages, binds the
//! attachments to the first, moves the branch head and records the attempt, all or nothing (I8). A refusal also
//! commits, but only the record of the attempt.

use conch_model::{
    Accepted, AttachmentId, BranchId, ConversationId, EditedMessage, Ending, Entity, FencedWrite,
    GenerationId, InstanceId, Lease, LockReason, MessageId, NewMessage, RequestId, Role, Timestamp,
    TurnRequest, TurnTarget,
};
use sqlx::SqliteConnection;

use super::attachments::{bind, bind_edited};
use super::attempts::{Attempt, AttemptOutcome, record};
use super::branches::{BranchContext, context, fork, head, missing};
use super::chunks::{Piece, append};
use super::finalize::{TextLayout, finalize};
use super::locks::{Grant, Granted, acquire, busy_branch, has_room, release};
use super::versions::{AnswerPlacement, placement};
use super::write::WriteTx;
use super::{Result, Store};

/// What a turn begins with.
#[derive(Debug, Clone)]
pub struct BeginTurn {
    /// A request whose values are valid.
    pub request: TurnRequest,
    /// The title for a conversation without one.
    pub title: Option<String>,
    /// The generation that will answer, already registered so that it can be stopped.
    pub generation_id: GenerationId,
    /// The id of this process.
    pub instance_id: InstanceId,
}

impl BeginTurn {
    /// A turn of a new generation, which names no conversation.
    pub fn new(request: TurnRequest, instance_id: InstanceId) -> Self {
        Self {
            request,
            title: None,
            generation_id: GenerationId::fresh(),
            instance_id,
        }
    }
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
}

/// Outcome of beginning a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BeginOutcome {
    /// The turn is durable and its lock is held.
    Started(Box<StartedTurn>),
    /// The request id was accepted before, with this result.
    Duplicate(Accepted),
    /// The lock is held, or the conversation is at its capacity.
    Busy {
        /// The branch that holds the lock.
        branch_id: BranchId,
    },
    /// The message to edit is not the user's.
    NotEditable,
    /// An id does not exist.
    NotFound(Entity),
    /// An attachment is gone, was already sent, or belongs to another conversation.
    AttachmentGone,
}

/// Where a turn goes.
struct Place<'a> {
    context: BranchContext,
    user_message: UserMessage<'a>,
    /// The answer gets a branch of its own, which forks there.
    fork_at: Option<MessageId>,
    /// It is another version of the answer that the branch shows.
    is_version: bool,
}

/// The message to answer.
enum UserMessage<'a> {
    /// Its id is older than its answer's, because ids sort by age.
    New(MessageId, &'a NewMessage),
    /// A new version of a stored message, beside it.
    Edited {
        id: MessageId,
        edited: &'a EditedMessage,
        parent_id: Option<MessageId>,
    },
    Stored(MessageId),
}

/// The row of a new user message.
struct NewUserRow<'a> {
    id: &'a MessageId,
    parent_id: Option<MessageId>,
    content: &'a str,
}

/// Why a turn has no place.
enum NoPlace {
    Missing(Entity),
    NotEditable,
}

impl Store {
    /// Begins a turn under a granted lock: stores its new message, if it has one, and an empty answer. Another
    /// answer and an edited message stay on their branch, whose head moves to them; what followed stays below the
    /// other version. Only a retry of an answer that ended badly, and that others follow, gets a branch of its own.
    pub async fn begin(&self, turn: &BeginTurn, now: Timestamp) -> Result<BeginOutcome> {
        let mut tx = self.write().await?;
        let place = match place(&mut tx, &turn.request.target).await? {
            Ok(place) => place,
            Err(NoPlace::Missing(entity)) => return Ok(BeginOutcome::NotFound(entity)),
            Err(NoPlace::NotEditable) => return Ok(BeginOutcome::NotEditable),
        };
        let granted = match self.ask_for_lock(&mut tx, &place, turn, now).await? {
            LockOutcome::Granted(granted) => granted,
            LockOutcome::Answered(begin) => {
                tx.commit().await?;
                return Ok(begin);
            }
        };
        let head = if granted.took_over {
            head(&mut tx, &granted.lease.branch_id).await?
        } else {
            place.context.head.clone()
        };
        let previous = head.clone().filter(|_| place.is_version);
        let user_message_id = match place.user_message {
            UserMessage::Stored(id) => id,
            UserMessage::New(id, message) => {
                let (tx, context) = (&mut tx, &place.context);
                let row = NewUserRow {
                    id: &id,
                    parent_id: head,
                    content: &message.content,
                };
                store_message(tx, context, row, now).await?;
                if !bind(tx, context, &id, &message.attachments).await? {
                    return Ok(BeginOutcome::AttachmentGone);
                }
                let is_first = context.head.is_none();
                self.take_draft(tx, &context.conversation_id, &message.content, is_first)
                    .await?;
                id
            }
            UserMessage::Edited {
                id,
                edited,
                parent_id,
            } => {
                let (tx, context) = (&mut tx, &place.context);
                let row = NewUserRow {
                    id: &id,
                    parent_id,
                    content: &edited.content,
                };
                store_message(tx, context, row, now).await?;
                let files: Option<&[AttachmentId]> = edited.attachments.as_deref();
                if !bind_edited(tx, context, &id, &edited.message_id, files, now).await? {
                    return Ok(BeginOutcome::AttachmentGone);
                }
                id
            }
        };
        let row = NewAnswerRow {
            user_message_id,
            previous,
        };
        let started = start(&mut tx, place.context, turn, granted.lease, row, now).await?;
        tx.commit().await?;
        Ok(BeginOutcome::Started(Box::new(started)))
    }

    async fn ask_for_lock(
        &self,
        tx: &mut WriteTx,
        place: &Place<'_>,
        turn: &BeginTurn,
        now: Timestamp,
    ) -> Result<LockOutcome> {
        let (context, request) = (&place.context, &turn.request);
        let attempt = |generation_id, outcome| Attempt {
            conversation_id: &context.conversation_id,
            branch_id: &context.branch_id,
            generation_id,
            source: request.source,
            outcome,
        };
        if let Some(earlier) =
            accepted_before(tx, &context.conversation_id, &request.request_id).await?
        {
            let duplicate = attempt(Some(&earlier.generation_id), AttemptOutcome::Duplicate);
            record(tx, duplicate, now).await?;
            return Ok(LockOutcome::Answered(BeginOutcome::Duplicate(earlier)));
        }
        let refused = attempt(None, AttemptOutcome::Refused);
        let branch_id = match &place.fork_at {
            None => context.branch_id.clone(),
            Some(at)
                if has_room(tx, &context.conversation_id, context.max_parallel, now).await? =>
            {
                fork(tx, &context.conversation_id, at, None, now).await?
            }
            Some(_) => {
                record(tx, refused, now).await?;
                return Ok(LockOutcome::Answered(busy(tx, context, now).await?));
            }
        };
        let grant = Grant {
            branch_id: &branch_id,
            conversation_id: &context.conversation_id,
            generation_id: &turn.generation_id,
            message_id: &MessageId::fresh(),
            user_id: &self.user_id,
            instance_id: &turn.instance_id,
            max_parallel: context.max_parallel,
        };
        let Some(granted) = acquire(tx, &grant, now).await? else {
            record(tx, refused, now).await?;
            return Ok(LockOutcome::Answered(busy(tx, context, now).await?));
        };
        let started = attempt(Some(&turn.generation_id), AttemptOutcome::Started);
        record(tx, started, now).await?;
        Ok(LockOutcome::Granted(granted))
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
        if release(&mut tx, lease, LockReason::Released).await? == FencedWrite::Lost {
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

/// The other data of a new answer.
struct NewAnswerRow {
    user_message_id: MessageId,
    /// The answer that the branch shows, restored if the new one turns out worse.
    previous: Option<MessageId>,
}

enum LockOutcome {
    Granted(Granted),
    Answered(BeginOutcome),
}

/// Returns the refusal, with the branch that holds the lock: its own, or one that uses up the capacity.
async fn busy(
    tx: &mut SqliteConnection,
    context: &BranchContext,
    now: Timestamp,
) -> Result<BeginOutcome> {
    let holder = busy_branch(tx, &context.conversation_id, &context.branch_id, now).await?;
    Ok(BeginOutcome::Busy {
        branch_id: holder.unwrap_or_else(|| context.branch_id.clone()),
    })
}

async fn store_message(
    tx: &mut WriteTx,
    context: &BranchContext,
    row: NewUserRow<'_>,
    now: Timestamp,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO messages (id, conversation_id, branch_id, parent_id, role, status, content, created_at, finished_at)
         VALUES (?, ?, ?, ?, 'user', 'complete', ?, ?, ?)",
        row.id, context.conversation_id, context.branch_id, row.parent_id, row.content, now, now
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Finds where a turn goes.
async fn place<'a>(
    tx: &mut WriteTx,
    target: &'a TurnTarget,
) -> Result<std::result::Result<Place<'a>, NoPlace>> {
    let message_id = match target {
        TurnTarget::Message(message) => {
            let id = &message.conversation_id;
            let Some(context) = context(tx, id, message.branch_id.as_ref()).await? else {
                return Ok(Err(NoPlace::Missing(missing(tx, id).await?)));
            };
            return Ok(Ok(Place {
                context,
                user_message: UserMessage::New(MessageId::fresh(), message),
                fork_at: None,
                is_version: false,
            }));
        }
        TurnTarget::Answer(message_id) => message_id,
        TurnTarget::Edit(edited) => &edited.message_id,
    };
    // A user message at the end of a branch is answered there, also where it was written on another.
    let stored = sqlx::query!(
        r#"SELECT m.conversation_id AS "conversation_id: ConversationId",
             (SELECT coalesce(max(b.id) FILTER (WHERE b.id = m.branch_id), max(b.id), m.branch_id)
               FROM branches b WHERE b.head_message_id = m.id AND m.role = 'user') AS "end_branch_id!: BranchId",
             m.branch_id AS "branch_id: BranchId", m.parent_id AS "parent_id: MessageId", m.role AS "role: Role",
             m.status <> 'complete' AS "is_incomplete!: bool"
           FROM messages m WHERE m.id = ?"#,
        message_id
    )
    .fetch_optional(&mut **tx)
    .await?;
    let Some(stored) = stored else {
        return Ok(Err(NoPlace::Missing(Entity::Message)));
    };
    if let TurnTarget::Edit(edited) = target {
        if stored.role != Role::User {
            return Ok(Err(NoPlace::NotEditable));
        }
        let context = context(tx, &stored.conversation_id, Some(&stored.branch_id)).await?;
        let Some(context) = context else {
            return Ok(Err(NoPlace::Missing(Entity::Branch)));
        };
        return Ok(Ok(Place {
            context,
            user_message: UserMessage::Edited {
                id: MessageId::fresh(),
                edited,
                parent_id: stored.parent_id,
            },
            fork_at: None,
            is_version: false,
        }));
    }
    let user_message_id = match (stored.role, stored.parent_id) {
        (Role::Assistant, Some(parent_id)) => parent_id,
        _ => message_id.clone(),
    };
    let context = context(tx, &stored.conversation_id, Some(&stored.end_branch_id)).await?;
    let Some(context) = context else {
        return Ok(Err(NoPlace::Missing(Entity::Branch)));
    };
    let placement = placement(tx, &context, &user_message_id, stored.is_incomplete).await?;
    Ok(Ok(Place {
        context,
        fork_at: (placement == AnswerPlacement::Fork).then(|| user_message_id.clone()),
        is_version: placement == AnswerPlacement::Beside,
        user_message: UserMessage::Stored(user_message_id),
    }))
}

/// Stores the empty answer with its generation, and updates the branch and the conversation.
async fn start(
    tx: &mut WriteTx,
    context: BranchContext,
    turn: &BeginTurn,
    lease: Lease,
    row: NewAnswerRow,
    now: Timestamp,
) -> Result<StartedTurn> {
    let NewAnswerRow {
        user_message_id,
        previous,
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
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "UPDATE branches SET head_message_id = ? WHERE id = ?",
        lease.message_id,
        lease.branch_id
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "UPDATE conversations SET updated_at = ?, title = coalesce(title, ?) WHERE id = ?",
        now,
        turn.title,
        context.conversation_id
    )
    .execute(&mut **tx)
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
        turn.instance_id,
        turn.request.request_id,
        lease.fence,
        now,
        previous
    )
    .execute(&mut **tx)
    .await?;
    Ok(StartedTurn {
        accepted: Accepted {
            generation_id: lease.generation_id.clone(),
            user_message_id,
            assistant_message_id: lease.message_id.clone(),
            branch_id: lease.branch_id.clone(),
            fence: lease.fence,
        },
        lease,
        model_id: turn.request.model_id.clone().or(context.model_id),
    })
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
