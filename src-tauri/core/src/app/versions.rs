//! Which version of a message a branch shows.

use super::App;
use crate::error::{Error, Result};
use crate::model::{Entity, MessageId, SelectedVersion};
use crate::store::SelectOutcome;

impl App {
    /// Moves the head of a message's branch to the newest leaf below that version.
    ///
    /// # Errors
    /// While an answer is being generated on the branch, and when there is no such message. Nothing changes
    /// then.
    pub async fn select_version(&self, id: &MessageId) -> Result<SelectedVersion> {
        let selected = self.ctx.store.select_version(id).await;
        match self.ctx.inspect_damage(selected)? {
            SelectOutcome::Shown {
                conversation_id,
                branch_id,
                head,
            } => {
                self.changed(&conversation_id);
                Ok(SelectedVersion {
                    branch_id,
                    head_message_id: head,
                })
            }
            SelectOutcome::Busy => Err(Error::GenerateWhileGenerating),
            SelectOutcome::NotFound => Err(Error::NotFound(Entity::Message)),
        }
    }
}
