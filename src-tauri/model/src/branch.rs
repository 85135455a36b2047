//! Branches of a conversation.

use serde::Serialize;
use specta::Type;

use super::{BranchId, ConversationId, MessageId, Timestamp};

/// The name of the branch that every conversation starts with. It cannot be renamed or deleted.
pub const MAIN_BRANCH: &str = "main";

/// How many branches of a conversation may answer at the same time, at most.
pub const MAX_PARALLEL: u32 = 8;

/// A branch: the messages from a first one to its head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "field names say it")]
pub struct Branch {
    pub id: BranchId,
    pub conversation_id: ConversationId,
    /// Unique in the conversation.
    pub name: String,
    /// Its last message; null while it is empty.
    pub head_message_id: Option<MessageId>,
    /// The message after which it goes its own way; null for `main`.
    pub forked_from: Option<MessageId>,
    /// When it was created, epoch ms.
    pub created_at: Timestamp,
    /// An answer is being generated on it.
    pub locked: bool,
}
