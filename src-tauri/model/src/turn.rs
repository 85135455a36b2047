//! The request that starts a turn, from a person or a program.

use super::{
    AttachmentId, AttemptSource, BranchId, ConversationId, MessageId, QueuedMessageId, RequestId,
    SendPolicy,
};

/// A request for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "field names say it")]
pub struct TurnRequest {
    pub target: TurnTarget,
    /// `provider/model`; `None` for the conversation's model.
    pub model_id: Option<String>,
    /// The client's id for this request: a request that arrives twice starts one turn.
    pub request_id: RequestId,
    pub source: AttemptSource,
    /// What a new message does while an answer is running; `None` for the conversation's policy.
    pub policy: Option<SendPolicy>,
}

/// What is to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnTarget {
    /// A new message at the end of a branch.
    Message(NewMessage),
    /// A stored message: a user message that has no answer, or that gets another one, or an answer that gets
    /// another version.
    Answer(MessageId),
    /// A new version of a user message, beside the old one, and its answer.
    Edit(EditedMessage),
    /// A message that waits in a queue; its request id is that of the send that queued it.
    Queued(QueuedTurn),
}

/// The turn of a queued message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueuedTurn {
    /// If it is the next of a queue that is not paused, and no editor holds it back.
    Next(QueuedMessageId),
    /// The user sends it, whatever its place.
    Now(QueuedMessageId),
}

impl QueuedTurn {
    /// Returns the message.
    pub fn id(&self) -> &QueuedMessageId {
        let (Self::Next(id) | Self::Now(id)) = self;
        id
    }
}

/// A new version of a user message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "field names say it")]
pub struct EditedMessage {
    /// The version that it is made of.
    pub message_id: MessageId,
    pub content: String,
    /// Files of that version, or attached since, in the order in which they are shown; `None` for all of that
    /// version.
    pub attachments: Option<Vec<AttachmentId>>,
}

/// A user message to store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "field names say it")]
pub struct NewMessage {
    pub conversation_id: ConversationId,
    /// `None` for `main`.
    pub branch_id: Option<BranchId>,
    /// The user's text.
    pub content: String,
    /// In the order in which they are shown.
    pub attachments: Vec<AttachmentId>,
}

impl NewMessage {
    /// A message without files, on the branch `main`.
    pub fn new(conversation_id: &ConversationId, content: &str) -> Self {
        Self {
            conversation_id: conversation_id.clone(),
            branch_id: None,
            content: content.to_owned(),
            attachments: Vec::new(),
        }
    }
}

impl From<NewMessage> for TurnRequest {
    /// A program's request to send the message.
    fn from(message: NewMessage) -> Self {
        Self::of(TurnTarget::Message(message))
    }
}

impl TurnRequest {
    /// A program's request to send a message without files, on the branch `main`.
    pub fn message(conversation_id: &ConversationId, content: &str) -> Self {
        NewMessage::new(conversation_id, content).into()
    }

    /// A program's request to answer a stored message.
    pub fn answer(message_id: &MessageId) -> Self {
        Self::of(TurnTarget::Answer(message_id.clone()))
    }

    /// A program's request for a new version of a user message, with the same files.
    pub fn edit(message_id: &MessageId, content: &str) -> Self {
        Self::of(TurnTarget::Edit(EditedMessage {
            message_id: message_id.clone(),
            content: content.to_owned(),
            attachments: None,
        }))
    }

    /// The request to send a queued message.
    pub fn queued(turn: QueuedTurn) -> Self {
        Self {
            source: AttemptSource::Queue,
            ..Self::of(TurnTarget::Queued(turn))
        }
    }

    fn of(target: TurnTarget) -> Self {
        Self {
            target,
            model_id: None,
            request_id: RequestId::fresh(),
            source: AttemptSource::Program,
            policy: None,
        }
    }
}
