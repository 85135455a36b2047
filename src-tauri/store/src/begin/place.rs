//! Where a turn goes: its branch, and the message that it answers.

use conch_model::{
    BranchId, ConversationId, EditedMessage, Entity, MessageId, NewMessage, QueuedTurn, RequestId,
    Role, Timestamp, TurnTarget,
};

use super::{BeginOutcome, sent_before};
use crate::Result;
use crate::branches::{BranchContext, context, missing};
use crate::queue::{self, Leaving};
use crate::versions::{AnswerPlacement, placement};
use crate::write::WriteTx;

/// Where a turn goes.
pub(super) struct Place<'a> {
    pub(super) context: BranchContext,
    pub(super) user_message: UserMessage<'a>,
    /// The answer gets a branch of its own, which forks there.
    pub(super) fork_at: Option<MessageId>,
    /// It is another version of the answer that the branch shows.
    pub(super) is_version: bool,
}

/// The message to answer.
pub(super) enum UserMessage<'a> {
    /// Its id is older than its answer's, because ids sort by age.
    New(MessageId, &'a NewMessage),
    /// A message that waits.
    Queued(MessageId, Box<Leaving>),
    /// A new version of a stored message, beside it.
    Edited {
        id: MessageId,
        edited: &'a EditedMessage,
        parent_id: Option<MessageId>,
    },
    Stored(MessageId),
}

/// Finds where a turn goes; the error is why it has no place.
pub(super) async fn place<'a>(
    tx: &mut WriteTx,
    target: &'a TurnTarget,
    now: Timestamp,
) -> Result<std::result::Result<Place<'a>, BeginOutcome>> {
    let message_id = match target {
        TurnTarget::Message(message) => {
            let id = &message.conversation_id;
            let Some(context) = context(tx, id, message.branch_id.as_ref()).await? else {
                return Ok(Err(BeginOutcome::NotFound(missing(tx, id).await?)));
            };
            return Ok(Ok(Place {
                context,
                user_message: UserMessage::New(MessageId::fresh(), message),
                fork_at: None,
                is_version: false,
            }));
        }
        TurnTarget::Queued(turn) => return queued_place(tx, turn, now).await,
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
        return Ok(Err(BeginOutcome::NotFound(Entity::Message)));
    };
    if let TurnTarget::Edit(edited) = target {
        if stored.role != Role::User {
            return Ok(Err(BeginOutcome::NotEditable));
        }
        let context = context(tx, &stored.conversation_id, Some(&stored.branch_id)).await?;
        let Some(context) = context else {
            return Ok(Err(BeginOutcome::NotFound(Entity::Branch)));
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
        return Ok(Err(BeginOutcome::NotFound(Entity::Branch)));
    };
    let placement = placement(tx, &context, &user_message_id, stored.is_incomplete).await?;
    Ok(Ok(Place {
        context,
        fork_at: (placement == AnswerPlacement::Fork).then(|| user_message_id.clone()),
        is_version: placement == AnswerPlacement::Beside,
        user_message: UserMessage::Stored(user_message_id),
    }))
}

/// Finds the place of a message that waits, if it is its turn.
async fn queued_place<'a>(
    tx: &mut WriteTx,
    turn: &QueuedTurn,
    now: Timestamp,
) -> Result<std::result::Result<Place<'a>, BeginOutcome>> {
    let id = turn.id();
    let until = now + queue::HOLD;
    let row = sqlx::query!(
        r#"SELECT q.conversation_id AS "conversation_id: ConversationId", q.branch_id AS "branch_id: BranchId",
             q.content, q.model_id, q.parameters, q.files, q.client_request_id AS "request_id: RequestId",
             b.queue_paused IS NULL AND coalesce(q.held_until <= ?2 OR q.held_until > ?3, 1)
               AND q.position = (SELECT min(n.position) FROM queued_messages n
                 WHERE n.branch_id = q.branch_id AND n.removed_at IS NULL) AS "is_next!: bool"
           FROM queued_messages q CROSS JOIN branches b ON b.id = q.branch_id
           WHERE q.id = ?1 AND q.removed_at IS NULL"#,
        id,
        now,
        until
    )
    .fetch_optional(&mut **tx)
    .await?;
    let Some(row) = row else {
        let sent = sent_before(tx, id).await?;
        let gone = BeginOutcome::NotFound(Entity::QueuedMessage);
        return Ok(Err(sent.map_or(gone, BeginOutcome::Duplicate)));
    };
    if matches!(turn, QueuedTurn::Next(_)) && !row.is_next {
        return Ok(Err(BeginOutcome::NotNext));
    }
    let context = context(tx, &row.conversation_id, Some(&row.branch_id)).await?;
    let Some(context) = context else {
        return Ok(Err(BeginOutcome::NotFound(Entity::QueuedMessage)));
    };
    let leaving = Leaving {
        id: id.clone(),
        content: row.content,
        model_id: row.model_id,
        parameters: row.parameters,
        files: row.files,
        request_id: row.request_id,
    };
    Ok(Ok(Place {
        context,
        user_message: UserMessage::Queued(MessageId::fresh(), Box::new(leaving)),
        fork_at: None,
        is_version: false,
    }))
}
