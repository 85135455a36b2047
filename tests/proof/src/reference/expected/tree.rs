//! The tree: which version a branch shows, forks, and deleted branches.

use conch_core::model::{Entity, MessageStatus};

use super::{Expected, Generation, Outcome};

/// The number of `main`.
const MAIN: usize = 0;

impl Expected {
    /// Gives a branch its version from before this generation back, if what it wrote is worse.
    pub(super) fn restore_previous(&mut self, branch: usize, tried: &Generation) {
        let Some(previous) = tried.previous else {
            return;
        };
        let (before, after) = (&self.messages[previous], &self.messages[tried.message]);
        let is_better = (!before.text.is_empty() || after.text.is_empty())
            && (before.status == MessageStatus::Complete
                || (!before.text.is_empty() && after.text.is_empty()));
        if before.exists
            && has_ended_badly(after.status, &after.text)
            && is_better
            && self.branches[branch].head == Some(tried.message)
        {
            self.branches[branch].head = Some(previous);
        }
    }

    /// Returns whether a message is a version that was tried in vain: its branch showed a better one before.
    fn is_vain(&self, message: usize) -> bool {
        let is = &self.messages[message];
        let tried = |generation: &Generation| {
            generation.message == message && generation.previous.is_some()
        };
        has_ended_badly(is.status, &is.text) && self.generations.iter().any(tried)
    }

    fn exists_on_live_branch(&self, message: usize) -> bool {
        let is = &self.messages[message];
        is.exists && !self.branches[is.branch].is_deleted
    }

    /// Shows a version: its branch ends with the newest message below it, on the same branch if there is one, and not
    /// with one that was tried in vain.
    pub(super) fn select(&mut self, message: usize) -> Outcome {
        if !self.exists_on_live_branch(message) {
            return Outcome::NotFound(Entity::Message);
        }
        let branch = self.messages[message].branch;
        if self.branches[branch].held.is_some() {
            return Outcome::Busy { branch };
        }
        let mut below = vec![message];
        for child in message + 1..self.messages.len() {
            let is = &self.messages[child];
            if is.exists && is.parent.is_some_and(|parent| below.contains(&parent)) {
                below.push(child);
            }
        }
        let rank = |&at: &usize| {
            let is_elsewhere = self.messages[at].branch != branch;
            // The selected one is shown, whatever became of it.
            let is_vain = at != message && self.is_vain(at);
            (!is_elsewhere, !is_vain, at)
        };
        let head = below.into_iter().max_by_key(rank).unwrap_or(message);
        self.branches[branch].head = Some(head);
        Outcome::Shown { branch, head }
    }

    pub(super) fn fork(&mut self, message: usize) -> Outcome {
        if !self.exists_on_live_branch(message) {
            return Outcome::NotFound(Entity::Message);
        }
        let is = &self.messages[message];
        if is.status == MessageStatus::Generating {
            return Outcome::Busy { branch: is.branch };
        }
        self.new_branch(message);
        Outcome::Forked
    }

    pub(super) fn delete_branch(&mut self, branch: usize, is_lost: bool) -> Outcome {
        if self.branches[branch].is_deleted {
            return Outcome::NotFound(Entity::Branch);
        }
        if branch == MAIN {
            return Outcome::Main;
        }
        if self.branches[branch].held.is_some() && !is_lost {
            return Outcome::Busy { branch };
        }
        self.free(branch, MessageStatus::Interrupted);
        for item in self.branches[branch].line.clone() {
            self.forget(item);
        }
        self.branches[branch].is_deleted = true;
        self.branches[branch].head = None;
        Outcome::Deleted
    }

    /// Deletes the messages of deleted branches, but for those that another branch continues from or ends with: these
    /// become its own.
    pub(super) fn purge_branches(&mut self) -> Outcome {
        for branch in 0..self.branches.len() {
            if !self.branches[branch].is_deleted {
                continue;
            }
            for message in (0..self.messages.len()).rev() {
                let is = &self.messages[message];
                if is.exists && is.branch == branch {
                    match self.heir(message) {
                        Some(heir) => self.messages[message].branch = heir,
                        None => self.messages[message].exists = false,
                    }
                }
            }
        }
        Outcome::None
    }

    fn heir(&self, message: usize) -> Option<usize> {
        let continues = |child: &usize| {
            let is = &self.messages[*child];
            is.exists && is.parent == Some(message)
        };
        let child = (message + 1..self.messages.len()).rev().find(continues);
        let ends = |branch: &usize| self.branches[*branch].head == Some(message);
        child
            .map(|child| self.messages[child].branch)
            .or_else(|| (0..self.branches.len()).find(ends))
    }
}

fn has_ended_badly(status: MessageStatus, text: &str) -> bool {
    match status {
        MessageStatus::Failed | MessageStatus::Interrupted => true,
        MessageStatus::Stopped => text.is_empty(),
        MessageStatus::Complete | MessageStatus::Generating => false,
    }
}
