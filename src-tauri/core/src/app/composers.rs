//! Composers as commands name them.

use crate::error::{Error, Result};
use crate::model::{BranchId, Composer, ConversationId, Entity};
use crate::store::Store;

/// Returns the composer of a branch, of `main` if only the conversation is named, or of the conversation that does
/// not exist yet if none is.
///
/// # Errors
/// When a branch is named without its conversation.
pub fn composer(
    conversation_id: Option<ConversationId>,
    branch_id: Option<BranchId>,
) -> Result<Composer> {
    match (conversation_id, branch_id) {
        (Some(conversation_id), branch_id) => Ok(Composer::Branch {
            conversation_id,
            branch_id,
        }),
        (None, None) => Ok(Composer::NewConversation),
        (None, Some(_)) => Err(Error::InvalidArgument(
            "A branch is named without its conversation. Name both",
        )),
    }
}

/// Returns the error for a composer that does not exist.
pub(super) async fn missing(store: &Store, composer: &Composer) -> Error {
    let Composer::Branch {
        conversation_id, ..
    } = composer
    else {
        return Error::NotFound(Entity::Conversation);
    };
    match store.missing(conversation_id).await {
        Ok(entity) => Error::NotFound(entity),
        Err(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_is_named_with_its_conversation() {
        let (conversation, branch) = (ConversationId::fresh(), BranchId::fresh());
        assert_eq!(composer(None, None).unwrap(), Composer::NewConversation);
        let main = composer(Some(conversation.clone()), None).unwrap();
        assert_eq!(main, Composer::main(&conversation));
        let named = composer(Some(conversation.clone()), Some(branch.clone())).unwrap();
        assert_eq!(named, Composer::branch(&conversation, &branch));
        let refused = composer(None, Some(branch)).unwrap_err();
        assert_eq!(refused.code(), crate::ErrorCode::InvalidArgument);
    }
}
