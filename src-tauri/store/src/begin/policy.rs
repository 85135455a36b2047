//! What a turn does when it may not begin at once: the policy of a send, and the rule of a queue.

use conch_model::{
    BranchId, Entity, GenerationId, NewMessage, Queued, QueuedTurn, SendPolicy, Timestamp,
    TurnRequest, TurnTarget,
};
use sqlx::SqliteConnection;

use super::place::{Place, UserMessage};
use super::{BeginOutcome, Takeover};
use crate::branches::BranchContext;
use crate::busy::LiveLock;
use crate::queue::{self, EnqueueOutcome, Enqueued, QueuedBefore};
use crate::write::WriteTx;
use crate::{Result, Store, settings};

/// What a turn does.
pub(super) enum Decision {
    /// It asks for the lock.
    Acquire,
    /// It is refused: this branch holds the lock.
    Refuse(BranchId),
    /// It stops this generation first.
    Stop(GenerationId, Takeover),
    /// It waits already, under the same request id.
    Again(Queued),
    /// It has this outcome: it waits, or cannot.
    Answer(BeginOutcome),
}

impl Decision {
    /// Decides about a turn that this lock prevents. Only the answer of the branch itself can be stopped for it: that
    /// of another branch is not in its way, but the capacity is.
    fn of(blocker: &LiveLock, context: &BranchContext, takeover: Option<Takeover>) -> Self {
        match takeover {
            Some(takeover) if blocker.branch_id == context.branch_id => {
                Self::Stop(blocker.generation_id.clone(), takeover)
            }
            _ => Self::Refuse(blocker.branch_id.clone()),
        }
    }
}

impl Store {
    /// Decides what a turn does that `blocker` may prevent.
    pub(super) async fn decide(
        &self,
        tx: &mut WriteTx,
        place: &Place<'_>,
        request: &TurnRequest,
        blocker: Option<&LiveLock>,
        now: Timestamp,
    ) -> Result<Decision> {
        let context = &place.context;
        Ok(match (&place.user_message, &request.target, blocker) {
            (UserMessage::New(_, message), ..) => {
                self.decide_send(tx, context, message, request, blocker, now)
                    .await?
            }
            (_, _, None) => Decision::Acquire,
            (_, TurnTarget::Queued(QueuedTurn::Next(_)), Some(_)) => {
                Decision::Answer(BeginOutcome::NotNext)
            }
            (_, TurnTarget::Queued(QueuedTurn::Now(_)), Some(lock)) => {
                Decision::of(lock, context, Some(Takeover::Interrupt))
            }
            (_, _, Some(lock)) => Decision::of(lock, context, None),
        })
    }

    /// Decides what a new message does. Under the policy `queue`, it also waits behind those that wait already.
    async fn decide_send(
        &self,
        tx: &mut WriteTx,
        context: &BranchContext,
        message: &NewMessage,
        request: &TurnRequest,
        blocker: Option<&LiveLock>,
        now: Timestamp,
    ) -> Result<Decision> {
        let queue = queue::found(tx, context, &request.request_id).await?;
        match queue.before {
            Some(QueuedBefore::Waiting(queued)) => return Ok(Decision::Again(queued)),
            // A late repetition must not bring back what the user removed.
            Some(QueuedBefore::Removed) => {
                let gone = BeginOutcome::NotFound(Entity::QueuedMessage);
                return Ok(Decision::Answer(gone));
            }
            None => {}
        }
        if blocker.is_none() && queue.waiting == 0 {
            return Ok(Decision::Acquire);
        }
        let takeover = match (policy(tx, context, request.policy).await?, blocker) {
            (SendPolicy::Queue, _) => {
                let outcome = self.enqueue(tx, context, message, request, now).await?;
                return Ok(Decision::Answer(outcome));
            }
            (_, None) => return Ok(Decision::Acquire),
            (SendPolicy::Reject, _) => None,
            (SendPolicy::Interrupt, _) => Some(Takeover::Interrupt),
            (SendPolicy::Rollback, _) => Some(Takeover::Rollback),
        };
        Ok(blocker.map_or(Decision::Acquire, |lock| {
            Decision::of(lock, context, takeover)
        }))
    }

    async fn enqueue(
        &self,
        tx: &mut WriteTx,
        context: &BranchContext,
        message: &NewMessage,
        request: &TurnRequest,
        now: Timestamp,
    ) -> Result<BeginOutcome> {
        let enqueued = Enqueued {
            content: &message.content,
            attachments: &message.attachments,
            model_id: request.model_id.as_deref(),
            request_id: &request.request_id,
        };
        let queued = match queue::enqueue(tx, context, &enqueued, now).await? {
            EnqueueOutcome::Queued(queued) => queued,
            EnqueueOutcome::Full => return Ok(BeginOutcome::QueueFull),
            EnqueueOutcome::AttachmentGone => return Ok(BeginOutcome::AttachmentGone),
        };
        self.take_draft(tx, context, &message.content).await?;
        Ok(BeginOutcome::Queued(queued))
    }
}

/// Returns the policy of a send: its own, the conversation's, or the default of all.
async fn policy(
    tx: &mut SqliteConnection,
    context: &BranchContext,
    own: Option<SendPolicy>,
) -> Result<SendPolicy> {
    match own.or(context.send_policy) {
        Some(policy) => Ok(policy),
        None => Ok(settings::read(tx).await?.send_policy),
    }
}
