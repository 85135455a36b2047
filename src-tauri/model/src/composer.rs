//! Composers: where a message is written.

use super::{BranchId, ConversationId};

/// The place of a draft, and of files that are not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Composer {
    /// Of the conversation that does not exist yet.
    NewConversation,
    /// Of a branch.
    Branch {
        /// Its conversation.
        conversation_id: ConversationId,
        /// `None` for `main`.
        branch_id: Option<BranchId>,
    },
}

impl Composer {
    /// Returns the composer of a conversation's `main`.
    pub fn main(conversation_id: &ConversationId) -> Self {
        Self::Branch {
            conversation_id: conversation_id.clone(),
            branch_id: None,
        }
    }

    /// Returns the composer of a branch.
    pub fn branch(conversation_id: &ConversationId, branch_id: &BranchId) -> Self {
        Self::Branch {
            conversation_id: conversation_id.clone(),
            branch_id: Some(branch_id.clone()),
        }
    }
}
