//! Generations: how they are requested, what a client gets, and how they end.

#![expect(missing_docs, reason = "field names say it")]

use serde::{Deserialize, Deserializer, Serialize};
use specta::Type;

use super::{
    BranchId, ConversationId, FinishReason, GenerationId, MessageError, MessageId, MessageStatus,
    Queued, Usage, named,
};

/// A generation that holds its lock and is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
    /// The attempt that generates the answer.
    pub generation_id: GenerationId,
    /// The message to be answered.
    pub user_message_id: MessageId,
    pub assistant_message_id: MessageId,
    /// The branch of both messages.
    pub branch_id: BranchId,
    /// The fence under which the lock was granted.
    pub fence: i64,
}

/// The outcome of a send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum SendOutcome {
    /// The message is stored and its answer has started.
    Accepted(Accepted),
    /// The message waits in the queue of its branch.
    Queued(Queued),
}

/// The outcome of a Stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
pub struct StopOutcome {
    /// False when that generation had already ended: a stale Stop has no effect.
    pub stopped: bool,
}

/// The outcome of stopping all generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
pub struct StopAllOutcome {
    /// How many were running.
    pub stopped: u32,
}

/// The outcome of a clean-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
pub struct CleanupOutcome {
    /// Number of expired locks that were released.
    pub released: u32,
}

/// The end of an answer, for notifications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerEnd {
    pub conversation_id: ConversationId,
    /// Anything but `generating`.
    pub status: MessageStatus,
    /// The beginning of the answer as Markdown, or the reason of its failure.
    pub excerpt: String,
}

named! {
    /// What triggered an attempt to start a generation.
    AttemptSource {
        Button = "button",
        Enter = "enter",
        /// A click on the locked composer.
        Composer = "composer",
        /// The Retry button of a failed answer.
        Retry = "retry",
        /// The Regenerate button of an answer.
        Regenerate = "regenerate",
        /// The queue of a branch, whose turn it was.
        Queue = "queue",
        /// A client that names no source.
        Program = "program",
    }
}

/// An unknown source counts as a program's; the attempt is recorded all the same.
impl<'de> Deserialize<'de> for AttemptSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Ok(Self::from_name(&name).unwrap_or(Self::Program))
    }
}

/// Error code of an answer that could not be stored.
pub const NOT_STORED: &str = "not_stored";

/// How a generation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Anything but `generating`.
    pub status: MessageStatus,
    /// Why, for `failed` and `interrupted`.
    pub error: Option<MessageError>,
    /// Token usage, if the provider reported it.
    pub usage: Usage,
    /// Finish reason, if the provider reported it.
    pub finish_reason: Option<FinishReason>,
    pub omitted: Omitted,
}

/// What a request leaves out, because it exceeds the model's context.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Omitted {
    /// How many of the oldest messages.
    pub messages: u32,
    /// Their tokens, estimated where nothing counted them.
    pub tokens: u32,
}

impl Omitted {
    /// Returns what two places leave out, one after the other.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            messages: self.messages.saturating_add(other.messages),
            tokens: self.tokens.saturating_add(other.tokens),
        }
    }
}

impl Ending {
    /// Creates an ending without usage.
    pub fn new(status: MessageStatus, error: Option<MessageError>) -> Self {
        Self {
            status,
            error,
            usage: Usage::default(),
            finish_reason: None,
            omitted: Omitted::default(),
        }
    }

    /// Returns this ending for an answer that could not be stored completely.
    #[must_use]
    pub fn unstored(&self, reason: &str) -> Self {
        Self {
            status: MessageStatus::Failed,
            error: Some(MessageError {
                code: NOT_STORED.to_owned(),
                message: format!("Not all of this answer could be stored. {reason}"),
            }),
            ..self.clone()
        }
    }

    pub fn reason(&self) -> (Option<&str>, Option<&str>) {
        let error = self.error.as_ref();
        error
            .map(|error| (error.code.as_str(), error.message.as_str()))
            .unzip()
    }

    /// Creates the ending of a holder whose lock is taken away by another.
    pub fn interrupted(code: &str, message: &str) -> Self {
        Self::new(
            MessageStatus::Interrupted,
            Some(MessageError {
                code: code.to_owned(),
                message: message.to_owned(),
            }),
        )
    }
}
