//! The beginning of a turn, in one transaction: it deduplicates the request id, acquires the lock, inserts both
//! messages, binds the attachments to the first, moves the branch head and records the attempt, all or nothing (I8).
//! Where the lock is not free, the policy of the send decides in the same transaction: a refusal commits only the
//! record of the attempt, and a queued message waits.

mod place;
mod policy;

use conch_model::{
    Accepted, AttachmentId, BranchId, ConversationId, Entity, GenerationId, InstanceId, Lease,
    MessageId, Parameters, Queued, QueuedMessageId, RequestId, Timestamp, TurnRequest,
};
use sqlx::SqliteConnection;

use self::place::{Place, UserMessage, place};
use self::policy::Decision;

use super::attachments::{Owner, bind, bind_edited};
use super::attempts::{Attempt, AttemptOutcome, record};
use super::branches::{BranchContext, fork, head};
use super::busy::Occupancy;
use super::locks::{Grant, Granted, acquire};
use super::queue;
use super::write::{Change, WriteTx};
use super::{Result, Store, settings};

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
#[derive(Debug, Clone, PartialEq)]
pub struct StartedTurn {
    /// The result for the client.
    pub accepted: Accepted,
    /// The lock that was granted.
    pub lease: Lease,
    /// `provider/model`; `None` for the default.
    pub model_id: Option<String>,
    /// The parameters when the message was queued; `None` for those of the conversation.
    pub parameters: Option<Parameters>,
}

/// What becomes of the turn that a send stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takeover {
    /// It stays, with its text so far, and the new one follows it.
    Interrupt,
    /// The new one takes its place on the branch.
    Rollback,
}

impl Takeover {
    const fn outcome(self) -> AttemptOutcome {
        match self {
            Self::Interrupt => AttemptOutcome::Interrupted,
            Self::Rollback => AttemptOutcome::RolledBack,
        }
    }
}

/// Outcome of beginning a turn.
#[derive(Debug, Clone, PartialEq)]
pub enum BeginOutcome {
    /// The turn is durable and its lock is held.
    Started(Box<StartedTurn>),
    /// The request id was accepted before, with this result.
    Duplicate(Accepted),
    /// The message waits in the queue of its branch, since now or under the same request id before.
    Queued(Queued),
    /// As many messages wait on the branch as may.
    QueueFull,
    /// The lock is held, or the conversation is at its capacity.
    Busy {
        /// The branch that holds the lock.
        branch_id: BranchId,
    },
    /// The policy of the send wants the answer of its branch stopped first. Nothing is stored.
    StopFirst {
        /// The branch, which the running answer locks.
        branch_id: BranchId,
        /// The running answer's generation.
        generation_id: GenerationId,
        /// What becomes of it.
        takeover: Takeover,
    },
    /// It is not the turn of this queued message: the branch is busy, its queue is paused, another message is first,
    /// or an editor holds it back.
    NotNext,
    /// The message to edit is not the user's.
    NotEditable,
    /// An id does not exist.
    NotFound(Entity),
    /// An attachment is gone, was already sent, or waits in another composer.
    AttachmentGone,
}

impl BeginOutcome {
    /// Returns whether the transaction holds something to commit, if only the record of the attempt.
    fn is_stored(&self) -> bool {
        match self {
            Self::Started(_)
            | Self::Duplicate(_)
            | Self::Queued(_)
            | Self::QueueFull
            | Self::Busy { .. } => true,
            Self::StopFirst { .. }
            | Self::NotNext
            | Self::NotEditable
            | Self::NotFound(_)
            | Self::AttachmentGone => false,
        }
    }
}

/// The row of a new user message.
struct NewUserRow<'a> {
    id: &'a MessageId,
    parent_id: Option<MessageId>,
    content: &'a str,
}

impl Store {
    /// Begins a turn under a granted lock: stores its new message, if it has one, and an empty answer. Another
    /// answer and an edited message stay on their branch, whose head moves to them; what followed stays below the
    /// other version. Only a retry of an answer that ended badly, and that others follow, gets a branch of its own.
    /// An edited message clears the queue of its branch.
    pub async fn begin(&self, turn: &BeginTurn, now: Timestamp) -> Result<BeginOutcome> {
        let mut tx = self.write().await?;
        let begun = self.begin_in(&mut tx, turn, None, now).await?;
        if begun.is_stored() {
            tx.commit().await?;
        }
        Ok(begun)
    }

    /// Begins a turn in a transaction, which has to be committed only if it stores something. `takeover` is set if the
    /// transaction has ended the turn before.
    pub(super) async fn begin_in(
        &self,
        tx: &mut WriteTx,
        turn: &BeginTurn,
        takeover: Option<Takeover>,
        now: Timestamp,
    ) -> Result<BeginOutcome> {
        let place = match place(tx, &turn.request.target, now).await? {
            Ok(place) => place,
            Err(outcome) => return Ok(outcome),
        };
        let granted = match self.ask_for_lock(tx, &place, turn, takeover, now).await? {
            LockOutcome::Granted(granted) => granted,
            LockOutcome::Answered(begin) => return Ok(begin),
        };
        let head = if granted.took_over {
            head(tx, &granted.lease.branch_id).await?
        } else {
            place.context.head.clone()
        };
        let previous = head.clone().filter(|_| place.is_version);
        let mut row = NewAnswerRow {
            head_before: place.fork_at.clone().or_else(|| head.clone()),
            previous,
            ..NewAnswerRow::default()
        };
        let user_message_id = match place.user_message {
            UserMessage::Stored(id) => id,
            UserMessage::New(id, message) => {
                let context = &place.context;
                let new = NewUserRow {
                    id: &id,
                    parent_id: head,
                    content: &message.content,
                };
                store_message(tx, context, new, now).await?;
                if !bind(tx, context, Owner::Sent(&id), &message.attachments).await? {
                    return Ok(BeginOutcome::AttachmentGone);
                }
                self.take_draft(tx, context, &message.content).await?;
                id
            }
            UserMessage::Queued(id, leaving) => {
                let new = NewUserRow {
                    id: &id,
                    parent_id: head,
                    content: &leaving.content,
                };
                store_message(tx, &place.context, new, now).await?;
                if !queue::leave(tx, &place.context, &leaving, &id).await? {
                    return Ok(BeginOutcome::AttachmentGone);
                }
                row.model_id = leaving.model_id;
                row.parameters = Some(settings::from_json(&leaving.parameters));
                row.queued = Some((leaving.id, leaving.request_id));
                id
            }
            UserMessage::Edited {
                id,
                edited,
                parent_id,
            } => {
                let context = &place.context;
                let new = NewUserRow {
                    id: &id,
                    parent_id,
                    content: &edited.content,
                };
                store_message(tx, context, new, now).await?;
                let files: Option<&[AttachmentId]> = edited.attachments.as_deref();
                if !bind_edited(tx, context, &id, &edited.message_id, files, now).await? {
                    return Ok(BeginOutcome::AttachmentGone);
                }
                let cleared = queue::clear(tx, &context.branch_id, now).await?;
                if cleared > 0 {
                    tx.changed(Change::Queue {
                        conversation_id: context.conversation_id.clone(),
                        branch_id: context.branch_id.clone(),
                        cleared,
                    });
                }
                id
            }
        };
        let started = start(
            tx,
            place.context,
            turn,
            granted.lease,
            user_message_id,
            row,
            now,
        );
        Ok(BeginOutcome::Started(Box::new(started.await?)))
    }

    async fn ask_for_lock(
        &self,
        tx: &mut WriteTx,
        place: &Place<'_>,
        turn: &BeginTurn,
        takeover: Option<Takeover>,
        now: Timestamp,
    ) -> Result<LockOutcome> {
        let (context, request) = (&place.context, &turn.request);
        let request_id = match &place.user_message {
            UserMessage::Queued(_, leaving) => &leaving.request_id,
            _ => &request.request_id,
        };
        let attempt = |generation_id, outcome| Attempt {
            conversation_id: &context.conversation_id,
            branch_id: &context.branch_id,
            generation_id,
            source: request.source,
            outcome,
        };
        if let Some(earlier) = accepted_before(tx, &context.conversation_id, request_id).await? {
            let duplicate = attempt(Some(&earlier.generation_id), AttemptOutcome::Duplicate);
            record(tx, duplicate, now).await?;
            return Ok(LockOutcome::Answered(BeginOutcome::Duplicate(earlier)));
        }
        let occupancy =
            Occupancy::read(tx, &context.conversation_id, context.max_parallel, now).await?;
        let blocker = match &place.fork_at {
            None => occupancy.blocker(&context.branch_id),
            Some(_) => occupancy.at_capacity(),
        };
        let decision = self.decide(tx, place, request, blocker, now).await?;
        let refused = attempt(None, AttemptOutcome::Refused);
        match decision {
            Decision::Acquire => {}
            Decision::Answer(outcome) => {
                let recorded = match outcome {
                    BeginOutcome::Queued(_) => Some(AttemptOutcome::Queued),
                    BeginOutcome::QueueFull => Some(AttemptOutcome::Refused),
                    _ => None,
                };
                if let Some(recorded) = recorded {
                    record(tx, attempt(None, recorded), now).await?;
                }
                return Ok(LockOutcome::Answered(outcome));
            }
            Decision::Again(queued) => {
                record(tx, attempt(None, AttemptOutcome::Duplicate), now).await?;
                return Ok(LockOutcome::Answered(BeginOutcome::Queued(queued)));
            }
            Decision::Refuse(branch_id) => {
                record(tx, refused, now).await?;
                return Ok(LockOutcome::Answered(BeginOutcome::Busy { branch_id }));
            }
            Decision::Stop(generation_id, takeover) => {
                return Ok(LockOutcome::Answered(BeginOutcome::StopFirst {
                    branch_id: context.branch_id.clone(),
                    generation_id,
                    takeover,
                }));
            }
        }
        let branch_id = match &place.fork_at {
            None => context.branch_id.clone(),
            Some(at) => fork(tx, &context.conversation_id, at, None, now).await?,
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
        // The statement decides; what was read before it in this transaction says the same.
        let Some(granted) = acquire(tx, &grant, now).await? else {
            record(tx, refused, now).await?;
            return Ok(LockOutcome::Answered(BeginOutcome::Busy {
                branch_id: context.branch_id.clone(),
            }));
        };
        let outcome = takeover.map_or(AttemptOutcome::Started, Takeover::outcome);
        record(tx, attempt(Some(&turn.generation_id), outcome), now).await?;
        Ok(LockOutcome::Granted(granted))
    }
}

/// The other data of a new answer.
#[derive(Default)]
struct NewAnswerRow {
    /// What the branch showed before.
    head_before: Option<MessageId>,
    /// The answer that the branch shows, restored if the new one turns out worse.
    previous: Option<MessageId>,
    /// The queued message that it answers, with the request id of its send, its model and its parameters.
    queued: Option<(QueuedMessageId, RequestId)>,
    model_id: Option<String>,
    parameters: Option<Parameters>,
}

enum LockOutcome {
    Granted(Granted),
    Answered(BeginOutcome),
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

/// Stores the empty answer with its generation, and updates the branch and the conversation.
async fn start(
    tx: &mut WriteTx,
    context: BranchContext,
    turn: &BeginTurn,
    lease: Lease,
    user_message_id: MessageId,
    row: NewAnswerRow,
    now: Timestamp,
) -> Result<StartedTurn> {
    let (queued_id, request_id) = row.queued.unzip();
    let request_id = request_id.as_ref().unwrap_or(&turn.request.request_id);
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
           client_request_id, fence, started_at, previous_message_id, head_before, queued_message_id)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        lease.generation_id,
        context.conversation_id,
        lease.branch_id,
        user_message_id,
        lease.message_id,
        turn.instance_id,
        request_id,
        lease.fence,
        now,
        row.previous,
        row.head_before,
        queued_id
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
        model_id: (turn.request.model_id.clone())
            .or(row.model_id)
            .or(context.model_id),
        parameters: row.parameters,
    })
}

async fn accepted_before(
    tx: &mut SqliteConnection,
    conversation_id: &ConversationId,
    request_id: &RequestId,
) -> Result<Option<Accepted>> {
    Ok(sqlx::query_as!(
        Accepted,
        r#"SELECT id AS "generation_id: _", user_message_id AS "user_message_id: _",
             message_id AS "assistant_message_id: _", branch_id AS "branch_id: _", fence
           FROM generations WHERE conversation_id = ? AND client_request_id = ?"#,
        conversation_id,
        request_id
    )
    .fetch_optional(tx)
    .await?)
}

/// Returns the turn of a message that was sent from a queue.
pub(super) async fn sent_before(
    connection: &mut SqliteConnection,
    id: &QueuedMessageId,
) -> Result<Option<Accepted>> {
    Ok(sqlx::query_as!(
        Accepted,
        r#"SELECT id AS "generation_id: _", user_message_id AS "user_message_id: _",
             message_id AS "assistant_message_id: _", branch_id AS "branch_id: _", fence
           FROM generations WHERE queued_message_id = ?"#,
        id
    )
    .fetch_optional(connection)
    .await?)
}
