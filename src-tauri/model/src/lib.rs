//! The domain: plain data without I/O, and the clock. All other crates of the core may import it; it imports none of
//! them.
//!
//! Most of it crosses the IPC bridge to the page. The rules about it are in the crates above: what is stored and
//! when in `conch-store`, what a turn does in `turns` of `conch-core`.

mod address;
mod attachment;
mod branch;
pub mod clock;
mod composer;
mod consent;
mod conversation;
mod error;
mod generation;
mod ids;
mod key;
mod lock;
mod message;
mod parameters;
mod part;
mod provider;
mod queue;
mod settings;
#[cfg(feature = "sqlite")]
mod sqlite;
mod time;
mod tree;
mod turn;

/// Defines an enum whose variants have the same name in the database and on the wire.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Type)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant),+
        }

        impl $name {
            /// Returns the name in the database, which is also the name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Returns the variant of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

use named;

pub use address::web_address;
pub use attachment::{
    AttachmentContent, AttachmentKind, AttachmentSummary, MAX_ATTACHMENTS, NewAttachment,
};
pub use branch::{Branch, MAIN_BRANCH, MAX_PARALLEL};
pub use composer::Composer;
pub use consent::{Consent, Fingerprint, NoFingerprint};
pub use conversation::{Conversation, ConversationChange, ConversationSummary, ConversationView};
pub use error::{Entity, ErrorCode};
pub use generation::NOT_STORED;
pub use generation::{
    Accepted, AnswerEnd, AttemptSource, CleanupOutcome, Ending, Omitted, SendOutcome,
    StopAllOutcome, StopOutcome,
};
pub use ids::{
    AttachmentId, BranchId, ConversationId, GenerationId, InstanceId, MessageId, QueuedMessageId,
    RequestId, UserId,
};
pub use key::{KeyName, KeyPlace};
pub use lock::{FencedWrite, HEARTBEAT, LEASE, Lease, LockChange, LockReason, LockStatus};
pub use lock::{LEASE_EXPIRED, PROCESS_ENDED};
pub use message::{
    FailedVersion, FinishReason, Message, MessageError, MessagePage, MessageStatus, PageQuery,
    Role, SelectedVersion, Usage, Versions,
};
pub use parameters::{Parameter, Parameters, ReasoningEffort};
pub use part::{
    Part, PartContent, PartDelta, PartKind, ProviderData, ToolCall, ToolResult, append_delta,
    reasoning_of, text_of,
};
pub use provider::ProtocolKind;
pub use queue::{MAX_QUEUED, PauseReason, Queue, QueueChange, Queued, QueuedMessage, SendPolicy};
pub use settings::{Appearance, OnClose, SendKey, Settings, ZOOM};
pub use time::Timestamp;
pub use tree::{Tree, TreeBranch, TreeNode};
pub use turn::{EditedMessage, NewMessage, QueuedTurn, TurnRequest, TurnTarget};
