//! Messages that wait for their branch, and what a send does while an answer is running.

use serde::{Deserialize, Deserializer, Serialize};
use specta::Type;

use super::{
    AttachmentId, AttachmentSummary, BranchId, ConversationId, QueuedMessageId, Timestamp, named,
};

/// Maximum number of messages that wait on a branch.
pub const MAX_QUEUED: u32 = 10;

named! {
    /// What a send does while an answer is running on its branch.
    SendPolicy {
        /// It is refused.
        Reject = "reject",
        /// The message waits in the branch's queue.
        Queue = "queue",
        /// The answer is stopped, its text is kept, and the message follows it.
        Interrupt = "interrupt",
        /// The answer is stopped, and the message takes the place of the whole turn, which remains as a version.
        Rollback = "rollback",
    }
}

/// The default of all conversations, until the user chooses another.
impl Default for SendPolicy {
    fn default() -> Self {
        Self::Reject
    }
}

impl<'de> Deserialize<'de> for SendPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| {
            serde::de::Error::unknown_variant(&name, &["reject", "queue", "interrupt", "rollback"])
        })
    }
}

named! {
    /// Why a queue is paused.
    PauseReason {
        /// The user stopped an answer of the branch.
        Stopped = "stopped",
        /// An answer of the branch failed, or the next message cannot be sent.
        Failed = "failed",
        /// Conch was closed while messages were waiting.
        Restarted = "restarted",
        /// The user paused it.
        User = "user",
    }
}

/// The queue of a branch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Queue {
    /// Whether the next message waits for the user to resume the queue.
    pub paused: bool,
    /// Null while it is not paused.
    pub pause_reason: Option<PauseReason>,
    /// What prevents the next message from being sent, for the user; null for a reason that says enough.
    pub pause_message: Option<String>,
    /// In the order in which they will be sent.
    pub items: Vec<QueuedMessage>,
}

/// A message that waits for its branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "field names say it")]
pub struct QueuedMessage {
    pub id: QueuedMessageId,
    /// Its place, from 1.
    pub position: u32,
    pub content: String,
    /// `provider/model` at the time of queueing; null for the default at the time of sending.
    pub model_id: Option<String>,
    /// In the order in which they are shown.
    pub attachment_ids: Vec<AttachmentId>,
    /// The same files, without their content.
    pub attachments: Vec<AttachmentSummary>,
    /// An open editor holds it back.
    pub held: bool,
    /// When it was queued, epoch ms.
    pub created_at: Timestamp,
}

/// A send that waits in the queue of its branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Queued {
    /// The message in the queue.
    pub queued_message_id: QueuedMessageId,
    /// Its place, from 1.
    pub position: u32,
}

/// A branch's queue changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "field names say it")]
pub struct QueueChange {
    pub conversation_id: ConversationId,
    pub branch_id: BranchId,
    /// How many messages wait now.
    pub count: u32,
    pub paused: bool,
    /// How many messages this change removed because an earlier message was edited.
    pub cleared: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_policy_is_refused_and_names_the_known_ones() {
        let read = |text: &str| serde_json::from_str::<SendPolicy>(text);
        assert_eq!(read("\"rollback\"").unwrap(), SendPolicy::Rollback);
        let refused = read("\"merge\"").unwrap_err().to_string();
        assert!(
            refused.contains("merge") && refused.contains("interrupt"),
            "{refused}"
        );
    }
}
