//! The shape of a conversation's tree, without its texts.

use serde::Serialize;
use specta::Type;

use super::{BranchId, ConversationId, MessageId, MessageStatus, PauseReason, Role, Timestamp};

/// The tree of a conversation, collapsed to its forks and ends. A run of messages without a fork is one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "field names say it")]
pub struct Tree {
    pub conversation_id: ConversationId,
    /// Each after its parent, and versions oldest first. Several have no parent if the first message was edited.
    pub nodes: Vec<TreeNode>,
    /// `main` first and then the oldest.
    pub branches: Vec<TreeBranch>,
}

/// A run of messages that ends with a fork, or with an end of the tree or of a branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct TreeNode {
    /// The last message of the run.
    pub id: MessageId,
    /// The node that the run follows; null for a first message.
    pub parent_id: Option<MessageId>,
    /// The message whose words name this run: its first one of the user, otherwise its first.
    pub message_id: MessageId,
    /// Of that message.
    pub role: Role,
    /// The first words of that message; empty if it has none, or none yet.
    pub label: String,
    /// `provider/model` of that message; null for the user's.
    pub model: Option<String>,
    /// The branch that the last message was written on, which selecting it changes.
    pub branch_id: BranchId,
    /// How many messages the run has.
    pub count: u32,
    /// Of the last message.
    pub status: MessageStatus,
    /// When the last message was created, epoch ms.
    pub created_at: Timestamp,
    /// The branches that end here.
    pub branch_ids: Vec<BranchId>,
    /// An end that no branch shows: selecting its version leads there.
    pub hidden: bool,
}

/// A branch, with all that its state consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "field names say it")]
pub struct TreeBranch {
    pub id: BranchId,
    /// Unique in the conversation.
    pub name: String,
    /// Its last message; null while it is empty.
    pub head_message_id: Option<MessageId>,
    /// The first words of the user's message at its fork; empty for `main`.
    pub fork_label: String,
    /// An answer is being generated on it.
    pub locked: bool,
    /// How its latest answer ended, also one in whose place the version before it is shown; null while it is empty.
    pub status: Option<MessageStatus>,
    /// How many messages wait on it.
    pub queued: u32,
    /// Why they wait for the user; null if they do not.
    pub queue_paused: Option<PauseReason>,
}
