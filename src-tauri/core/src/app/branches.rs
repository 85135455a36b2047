//! Branches: the list, forks, names, and how many may answer at once.

use super::conversations::Conversations;
use crate::bounds;
use crate::error::{Error, Result};
use crate::model::{Branch, BranchId, ConversationId, Entity, MAX_PARALLEL, MessageId, Tree};
use crate::store::{DeleteBranchOutcome, ForkOutcome, RenameOutcome};

const NAME_TAKEN: Error =
    Error::InvalidArgument("Another branch of this conversation has that name. Choose another");

impl Conversations {
    /// Returns the branches of a conversation, `main` first and then the oldest.
    pub async fn branches(&self, id: &ConversationId) -> Result<Vec<Branch>> {
        let branches = self.store.branches(id, self.clock.now()).await;
        let mut branches = self
            .store
            .inspect_damage(branches)?
            .map_err(Error::NotFound)?;
        self.show_free(&mut branches);
        Ok(branches)
    }

    /// Returns the shape of a conversation's tree: its forks and ends, and the state of every branch.
    pub async fn tree(&self, id: &ConversationId) -> Result<Tree> {
        let tree = self.store.tree(id, self.clock.now()).await;
        let tree = self.store.inspect_damage(tree)?;
        let mut tree = tree.map_err(Error::NotFound)?;
        self.aside.show_in_tree(&mut tree);
        Ok(tree)
    }

    /// Creates a branch that goes its own way after a message.
    ///
    /// # Errors
    /// When the name is taken, and while the message is being written.
    pub async fn fork(&self, message_id: &MessageId, name: Option<&str>) -> Result<Branch> {
        let name = name.map(str::trim).filter(|name| !name.is_empty());
        bounds::BRANCH.check_any(name)?;
        let forked = self
            .store
            .fork_branch(message_id, name, self.clock.now())
            .await;
        match self.store.inspect_damage(forked)? {
            ForkOutcome::Forked(branch) => Ok(branch),
            ForkOutcome::NotFound => Err(Error::NotFound(Entity::Message)),
            ForkOutcome::Busy(branch_id) => Err(Error::GenerateWhileGenerating { branch_id }),
            ForkOutcome::NameTaken => Err(NAME_TAKEN),
        }
    }

    /// Renames a branch.
    ///
    /// # Errors
    /// When the name is empty or taken, and for `main`.
    pub async fn rename_branch(&self, id: &BranchId, name: &str) -> Result<()> {
        let name = name.trim();
        bounds::BRANCH.check(name)?;
        if name.is_empty() {
            return Err(Error::InvalidArgument("A branch needs a name"));
        }
        let renamed = self.store.rename_branch(id, name).await;
        match self.store.inspect_damage(renamed)? {
            RenameOutcome::Renamed => Ok(()),
            RenameOutcome::NotFound => Err(Error::NotFound(Entity::Branch)),
            RenameOutcome::Main => Err(Error::InvalidArgument("The branch main keeps its name")),
            RenameOutcome::NameTaken => Err(NAME_TAKEN),
        }
    }

    /// Stops what is being written on a branch, and deletes the branch with the messages that no other one continues
    /// from.
    ///
    /// # Errors
    /// For `main`, and when the branch does not exist.
    pub async fn delete_branch(&self, id: &BranchId) -> Result<()> {
        let mut is_lost = false;
        loop {
            let deleted = self
                .store
                .delete_branch(id, is_lost, self.clock.now())
                .await;
            match self.store.inspect_damage(deleted)? {
                DeleteBranchOutcome::Deleted => break,
                // Another process finds its lock lost.
                DeleteBranchOutcome::Busy(generation_id) => {
                    is_lost = !self.live.stop(&generation_id).await;
                }
                DeleteBranchOutcome::NotFound => return Err(Error::NotFound(Entity::Branch)),
                DeleteBranchOutcome::Main => {
                    return Err(Error::InvalidArgument("The branch main cannot be deleted"));
                }
            }
        }
        self.purger.branch_deleted();
        Ok(())
    }

    /// Sets how many branches of a conversation may answer at the same time, from 1 to 8.
    pub async fn set_max_parallel(&self, id: &ConversationId, max_parallel: u32) -> Result<()> {
        if !(1..=MAX_PARALLEL).contains(&max_parallel) {
            return Err(Error::InvalidArgument(
                "From 1 to 8 branches may answer at the same time",
            ));
        }
        let set = self.store.set_max_parallel(id, max_parallel).await;
        if self.store.inspect_damage(set)? {
            Ok(())
        } else {
            Err(Error::NotFound(Entity::Conversation))
        }
    }
}
