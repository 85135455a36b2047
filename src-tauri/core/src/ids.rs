//! Identifiers: `UUIDv7` text ([RFC 9562](https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7)), one type
//! for each kind of thing, made by whoever creates the thing.
//!
//! An id that comes in from outside is any text: one that names nothing is *not found*, whatever
//! its form, so nothing is validated here.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(
            Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, specta::Type,
        )]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// A new id, later in order than those made before it by this process.
            pub fn fresh() -> Self {
                Self(uuid::Uuid::now_v7().to_string())
            }

            /// The id's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

ids! {
    /// A conversation: a tree of messages.
    ConversationId,
    /// A named pointer to a leaf of a conversation's tree.
    BranchId,
    /// One message.
    MessageId,
    /// A file that goes with a message.
    AttachmentId,
    /// One attempt to produce one assistant message.
    GenerationId,
    /// A local profile.
    UserId,
    /// One running process of the application.
    InstanceId,
    /// What a client calls one press of Send, so that a request that arrives twice acts once.
    RequestId,
}
