//! Conversations and the views of them.

#![expect(missing_docs, reason = "field names say it")]

use serde::Serialize;
use specta::Type;

use super::{
    AttachmentSummary, Branch, BranchId, ConversationId, LockStatus, Message, Parameters, Queue,
    SendPolicy, Timestamp,
};

/// A conversation's own row, without its messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Conversation {
    pub id: ConversationId,
    /// Null until it is named, by the user or after its first message.
    pub title: Option<String>,
    /// `provider/model`; null means the default at the time of the next send.
    pub model_id: Option<String>,
    /// The branch that every conversation starts with.
    pub main_branch_id: BranchId,
    /// When it was created, epoch ms.
    pub created_at: Timestamp,
    /// When its last message was written, epoch ms.
    pub updated_at: Timestamp,
}

/// A row of the conversation list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ConversationSummary {
    pub id: ConversationId,
    /// Null until it is named.
    pub title: Option<String>,
    /// `provider/model`; null means the default at the time of the next send.
    pub model_id: Option<String>,
    /// The branch that every conversation starts with.
    pub main_branch_id: BranchId,
    /// When it was created, epoch ms.
    pub created_at: Timestamp,
    /// When its last message was written, epoch ms.
    pub updated_at: Timestamp,
    /// An answer is being generated in it, on any branch.
    pub busy: bool,
}

/// One branch of a conversation: a page of its messages and its lock.
#[derive(Debug, Clone, PartialEq)]
pub struct ConversationView {
    pub id: ConversationId,
    /// Null until it is named.
    pub title: Option<String>,
    /// `provider/model`; null means the default at the time of the next send.
    pub model_id: Option<String>,
    /// The branch that every conversation starts with.
    pub main_branch_id: BranchId,
    /// The branch shown here.
    pub branch_id: BranchId,
    /// All of its branches, `main` first and then the oldest.
    pub branches: Vec<Branch>,
    /// How many of them may answer at the same time.
    pub max_parallel: u32,
    /// When it was created, epoch ms.
    pub created_at: Timestamp,
    /// When its last message was written, epoch ms.
    pub updated_at: Timestamp,
    /// Its request parameters; the defaults fill in those that are not set.
    pub parameters: Parameters,
    /// What a send does while an answer is running; null for the default of all conversations.
    pub send_policy: Option<SendPolicy>,
    /// Of the shown branch.
    pub queue: Queue,
    /// Text typed but not sent, on the shown branch.
    pub draft: String,
    /// Files attached but not sent, on the shown branch.
    pub attachments: Vec<AttachmentSummary>,
    /// Oldest first.
    pub messages: Vec<Message>,
    /// Whether the branch has messages before the first of these.
    pub has_earlier: bool,
    /// Of the shown branch.
    pub lock: LockStatus,
}

/// A conversation was created, changed, deleted or restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ConversationChange {
    pub conversation_id: ConversationId,
    pub deleted: bool,
    /// Its row of the list after the change; null if it is deleted or not known, so that the list has to be read.
    pub conversation: Option<ConversationSummary>,
    /// What a window shows of the conversation is stale and has to be read: its parameters, or its messages.
    pub stale: bool,
}

impl ConversationChange {
    /// A deletion.
    pub fn deleted(conversation_id: ConversationId) -> Self {
        Self {
            conversation_id,
            deleted: true,
            conversation: None,
            stale: true,
        }
    }

    /// A change of which only the id is known.
    pub fn unknown(conversation_id: ConversationId) -> Self {
        Self {
            conversation_id,
            deleted: false,
            conversation: None,
            stale: true,
        }
    }
}
