//! The nouns of a chat as they cross the bridge to the page: conversations, messages, and what a
//! send returns. Plain data; what may happen to them is in [`store`](crate::store) and
//! [`turn`](super::turn).

use conch_markdown::Block;
use serde::{Deserialize, Deserializer, Serialize};
use specta::Type;

use super::parameters::Parameters;
use crate::attachments::AttachmentSummary;
use crate::clock::Timestamp;
use crate::ids::{BranchId, ConversationId, GenerationId, MessageId};
use crate::lock::LockStatus;

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Type)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$variant_doc])* $variant),+
        }

        impl $name {
            /// The name in the database, which is also the name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            pub(crate) fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

named! {
    /// Who speaks.
    Role {
        /// Instructions to the model.
        System = "system",
        /// The person.
        User = "user",
        /// The model.
        Assistant = "assistant",
    }
}

named! {
    /// How far a message has come. Only an assistant's is ever anything but `complete`.
    MessageStatus {
        /// All of it is there.
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
        /// It had said all, or came to a stop sequence.
        Stop = "stop",
        /// It reached the longest answer, or the end of its context.
        Length = "length",
        /// The provider's filter ended it.
        ContentFilter = "content_filter",
        /// The model refused.
        Refusal = "refusal",
    }
}

named! {
    /// Where an attempt to start a generation came from.
    AttemptSource {
        /// The send button.
        Button = "button",
        /// The Enter key.
        Enter = "enter",
        /// A click on the locked composer.
        Composer = "composer",
        /// Retry beside a failed answer.
        Retry = "retry",
        /// Regenerate beside an answer.
        Regenerate = "regenerate",
        /// A program that names no source.
        Program = "program",
    }
}

/// A source that we do not know is some program's; an attempt counts all the same.
impl<'de> Deserialize<'de> for AttemptSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Ok(Self::from_name(&name).unwrap_or(Self::Program))
    }
}

/// A conversation as it stands in the list's head row or after its creation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// Null until it is named, by the user or after its first message.
    pub title: Option<String>,
    /// `provider/model`; null means the default at the time of the next send.
    pub model_id: Option<String>,
    /// The branch that every conversation starts with.
    pub main_branch_id: BranchId,
    /// When it was created, epoch ms.
    pub created_at: Timestamp,
    /// When somebody last wrote in it, epoch ms.
    pub updated_at: Timestamp,
}

/// A row of the conversation list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ConversationSummary {
    /// Its id.
    pub id: ConversationId,
    /// Null until it is named.
    pub title: Option<String>,
    /// The branch that every conversation starts with.
    pub main_branch_id: BranchId,
    /// When it was created, epoch ms.
    pub created_at: Timestamp,
    /// When somebody last wrote in it, epoch ms.
    pub updated_at: Timestamp,
    /// An answer is being written in it, on any branch.
    pub busy: bool,
}

/// One branch of a conversation: a page of its messages and its lock.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ConversationView {
    /// The conversation's id.
    pub id: ConversationId,
    /// Null until it is named.
    pub title: Option<String>,
    /// `provider/model`; null means the default at the time of the next send.
    pub model_id: Option<String>,
    /// The branch that every conversation starts with.
    pub main_branch_id: BranchId,
    /// The branch shown here.
    pub branch_id: BranchId,
    /// When it was created, epoch ms.
    pub created_at: Timestamp,
    /// When somebody last wrote in it, epoch ms.
    pub updated_at: Timestamp,
    /// What its requests ask of the model; the defaults fill in what is not set.
    pub parameters: Parameters,
    /// Text typed but not sent.
    pub draft: String,
    /// Files attached but not sent.
    pub attachments: Vec<AttachmentSummary>,
    /// Oldest first.
    pub messages: Vec<Message>,
    /// There are messages before the first of these.
    pub has_earlier: bool,
    /// The branch's lock.
    pub lock: LockStatus,
}

/// Which part of a branch is meant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Type)]
#[serde(tag = "type", content = "messageId", rename_all = "camelCase")]
pub enum PageQuery {
    /// Its end.
    Latest,
    /// What comes before a message.
    Before(MessageId),
    /// What follows a message.
    After(MessageId),
    /// A message with what comes before and what follows.
    Around(MessageId),
}

/// A part of a branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct MessagePage {
    /// Oldest first.
    pub messages: Vec<Message>,
    /// There are messages before the first of these.
    pub has_earlier: bool,
    /// There are messages after the last of these.
    pub has_later: bool,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The message that it follows; null for the first.
    pub parent_id: Option<MessageId>,
    /// The branch that it was written on.
    pub branch_id: BranchId,
    /// Who speaks.
    pub role: Role,
    /// How far it has come.
    pub status: MessageStatus,
    /// The Markdown source, also of a message still being written.
    pub content: String,
    /// What the source of an answer says; empty for what the user wrote, which is shown as it is.
    pub blocks: Vec<Block>,
    /// The files that go with it, without what is in them.
    pub attachments: Vec<AttachmentSummary>,
    /// `provider/model`, for answers.
    pub model: Option<String>,
    /// What the model thought before it answered.
    pub reasoning: String,
    /// Why it failed or was interrupted.
    pub error: Option<MessageError>,
    /// Why the model stopped writing, where the provider said.
    pub finish_reason: Option<FinishReason>,
    /// Tokens, where the provider counted them.
    pub usage: Option<Usage>,
    /// So many of the oldest messages were not shown to the model, because they do not fit it.
    pub left_out: u32,
    /// When it was created, epoch ms.
    pub created_at: Timestamp,
    /// When an answer ended, epoch ms.
    pub finished_at: Option<Timestamp>,
    /// Its place among the messages that follow the same one.
    pub versions: Versions,
    /// What became of the newest version, where this one is shown again because of its end.
    pub failed_version: Option<FailedVersion>,
}

/// The messages that follow the same one, of which a branch shows one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
pub struct Versions {
    /// The place of this one, from 1.
    pub index: u32,
    /// How many there are.
    pub count: u32,
    /// All of them, oldest first.
    pub ids: Vec<MessageId>,
}

impl Versions {
    pub(crate) fn new(ids: Vec<MessageId>, own: &MessageId) -> Self {
        let number = |places: usize| u32::try_from(places).unwrap_or(u32::MAX);
        let index = ids.iter().position(|id| id == own).unwrap_or_default();
        Self {
            index: number(index + 1),
            count: number(ids.len()),
            ids,
        }
    }
}

/// A version of an answer that ended badly, so that the one before it is shown again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct FailedVersion {
    /// Which one: it can be chosen all the same.
    pub message_id: MessageId,
    /// `failed`, `interrupted`, or `stopped` before its first word.
    pub status: MessageStatus,
    /// Why.
    pub error: Option<MessageError>,
    /// Some of it came.
    pub has_text: bool,
}

/// What a branch shows after a version was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct SelectedVersion {
    /// The branch.
    pub branch_id: BranchId,
    /// Its newest message from now on.
    pub head_message_id: MessageId,
}

/// Tokens of a generation, as the provider counted them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Tokens of the conversation so far.
    pub prompt_tokens: Option<u32>,
    /// Tokens of the answer, reasoning included.
    pub completion_tokens: Option<u32>,
    /// Those of the prompt that the provider had kept from before, and bills less for.
    pub cached_tokens: Option<u32>,
}

/// Why a message failed or was interrupted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
pub struct MessageError {
    /// A stable name.
    pub code: String,
    /// For people, with the provider's reason where there is one.
    pub message: String,
}

/// A generation that was granted its lock and is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
    /// The attempt that writes the answer.
    pub generation_id: GenerationId,
    /// The message that is answered.
    pub user_message_id: MessageId,
    /// The answer.
    pub assistant_message_id: MessageId,
    /// The branch that both are on.
    pub branch_id: BranchId,
    /// The fence under which the lock was granted.
    pub fence: i64,
}

/// What became of a send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum SendOutcome {
    /// The message is stored and its answer has started.
    Accepted(Accepted),
}

/// What became of a Stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
pub struct StopOutcome {
    /// False when that generation had ended already: a stale Stop stops nothing.
    pub stopped: bool,
}

/// What a clean-up found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
pub struct CleanupOutcome {
    /// Locks that had expired and are now free.
    pub released: u32,
}

/// A conversation was created, renamed, deleted, or moved in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ConversationChange {
    /// Which one.
    pub conversation_id: ConversationId,
    /// It is gone.
    pub deleted: bool,
}

/// An answer ended; for notifications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerEnd {
    /// Where.
    pub conversation_id: ConversationId,
    /// How.
    pub status: MessageStatus,
    /// The beginning of the answer as Markdown, or the reason of its failure.
    pub excerpt: String,
}
