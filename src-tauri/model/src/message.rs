//! Messages and their states.

#![expect(missing_docs, reason = "field names say it")]

use serde::{Deserialize, Serialize};
use specta::Type;

use super::{
    AttachmentSummary, BranchId, MessageId, Parameter, Part, Timestamp, named, reasoning_of,
    text_of,
};

named! {
    /// The author of a message.
    Role {
        /// Instructions to the model.
        System = "system",
        User = "user",
        Assistant = "assistant",
    }
}

named! {
    /// The state of a message. Only an assistant's is ever anything but `complete`.
    MessageStatus {
        Complete = "complete",
        /// It is being written, under a held lock.
        Generating = "generating",
        /// The user stopped it; the text so far is kept.
        Stopped = "stopped",
        /// The provider or the network failed; the text so far is kept.
        Failed = "failed",
        /// It was cut off: by a crash, a quit, a lost lock or a stream that ended early.
        Interrupted = "interrupted",
    }
}

named! {
    /// Why a model stopped writing, where the provider said.
    FinishReason {
        /// It finished, or produced a stop sequence.
        Stop = "stop",
        /// It reached the maximum answer length.
        Length = "length",
        /// The conversation and the answer together fill the model's context.
        ContextFull = "context_full",
        /// The provider's content filter ended it.
        ContentFilter = "content_filter",
        Refusal = "refusal",
    }
}

/// Selects a page of a branch.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Type)]
#[serde(tag = "type", content = "messageId", rename_all = "camelCase")]
pub enum PageQuery {
    Latest,
    /// The messages before this one.
    Before(MessageId),
    /// The messages after this one.
    After(MessageId),
    /// A message with those before and after it.
    Around(MessageId),
}

/// A page of the messages of a branch, or of those that selecting a version would show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessagePage {
    /// Oldest first.
    pub messages: Vec<Message>,
    /// Whether there are messages before the first of these.
    pub has_earlier: bool,
    /// Whether there are messages after the last of these.
    pub has_later: bool,
    /// Whether the branch itself shows these messages; false for those of another version.
    pub of_branch: bool,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub id: MessageId,
    /// The preceding message; null for the first.
    pub parent_id: Option<MessageId>,
    /// The branch on which it was written.
    pub branch_id: BranchId,
    pub role: Role,
    pub status: MessageStatus,
    /// What was written, in order; also of a message still being generated.
    pub parts: Vec<Part>,
    /// The attached files, without their content.
    pub attachments: Vec<AttachmentSummary>,
    /// `provider/model`, for answers.
    pub model: Option<String>,
    /// Why it failed or was interrupted.
    pub error: Option<MessageError>,
    /// Why the model stopped writing, where the provider said.
    pub finish_reason: Option<FinishReason>,
    /// Tokens, where the provider counted them.
    pub usage: Option<Usage>,
    /// How many of the oldest messages were omitted from the request, because they exceed the context.
    pub left_out: u32,
    /// The parameters that were set for this answer and not sent, because the model does not take them.
    pub not_sent: Vec<Parameter>,
    /// Their tokens, estimated where nothing counted them.
    pub left_out_tokens: u32,
    /// When it was created, epoch ms.
    pub created_at: Timestamp,
    /// When an answer ended, epoch ms.
    pub finished_at: Option<Timestamp>,
    /// Its position among the messages with the same parent.
    pub versions: Versions,
    /// The newest version's end, if it failed and this one is shown in its place.
    pub failed_version: Option<FailedVersion>,
}

impl Message {
    /// Returns its text: the Markdown source of an answer.
    pub fn content(&self) -> String {
        text_of(&self.parts)
    }

    /// Returns the model's reasoning.
    pub fn reasoning(&self) -> String {
        reasoning_of(&self.parts)
    }
}

/// The messages with the same parent, of which a branch shows one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
pub struct Versions {
    /// Of this one, from 1.
    pub index: u32,
    pub count: u32,
    /// All of them, oldest first.
    pub ids: Vec<MessageId>,
}

impl Versions {
    pub fn new(ids: Vec<MessageId>, own: &MessageId) -> Self {
        let number = |places: usize| u32::try_from(places).unwrap_or(u32::MAX);
        let index = ids.iter().position(|id| id == own).unwrap_or_default();
        Self {
            index: number(index + 1),
            count: number(ids.len()),
            ids,
        }
    }
}

/// A version of an answer that ended badly, so that the one before it is shown in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct FailedVersion {
    /// Its id; it can still be selected.
    pub message_id: MessageId,
    /// `failed`, `interrupted`, or `stopped` before its first text.
    pub status: MessageStatus,
    pub error: Option<MessageError>,
    pub has_text: bool,
}

/// What a branch shows after a version was selected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct SelectedVersion {
    pub branch_id: BranchId,
    /// Its new head.
    pub head_message_id: MessageId,
}

/// Token counts of a generation, as the provider reported them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: Option<u32>,
    /// Tokens of the answer, reasoning included.
    pub completion_tokens: Option<u32>,
    /// Prompt tokens that the provider read from its cache, which cost less.
    pub cached_tokens: Option<u32>,
    /// Prompt tokens that the provider wrote to its cache, which may cost more.
    pub cache_written_tokens: Option<u32>,
    /// Tokens of the answer that are reasoning.
    pub reasoning_tokens: Option<u32>,
}

/// Why a message failed or was interrupted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
pub struct MessageError {
    /// A stable error code.
    pub code: String,
    /// A message for the user, with the provider's reason if there is one.
    pub message: String,
}
