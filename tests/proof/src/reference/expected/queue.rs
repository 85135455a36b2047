//! The queues: what waits, in which order, what holds it back, and what may be sent next.

use conch_core::model::{Entity, MAX_QUEUED, MessageStatus, PauseReason};
use conch_core::store::{HOLD, RestoreOutcome};

use super::{Expected, Item, Outcome, Target, Waits, text_of};
use crate::reference::steps::{ItemAction, QueueAction, UNDO};

/// How many messages may wait on a branch.
pub(super) const CAP: usize = MAX_QUEUED as usize;

impl Item {
    /// Returns whether nothing is left by which a repeated send of it could be recognized.
    pub(in crate::reference) fn is_forgotten(&self, state: &Expected) -> bool {
        match self.place {
            Waits::InLine | Waits::Removed(_) => false,
            Waits::Sent(generation) => !state.is_remembered(generation),
            Waits::Gone => true,
        }
    }
}

impl Expected {
    pub(super) fn is_remembered(&self, generation: usize) -> bool {
        self.messages[self.generations[generation].message].exists
    }

    /// Returns what waits on a branch, in order.
    pub(in crate::reference) fn waiting(&self, branch: usize) -> Vec<usize> {
        let line = self.branches[branch].line.iter().copied();
        line.filter(|&item| self.items[item].place == Waits::InLine)
            .collect()
    }

    /// Returns the pause that a queue shows: one that nothing waits for is over, unless the user set it.
    pub(in crate::reference) fn pause(&self, branch: usize) -> Option<PauseReason> {
        let waits = !self.waiting(branch).is_empty();
        let paused = self.branches[branch].paused;
        paused.filter(|reason| *reason == PauseReason::User || waits)
    }

    /// Returns whether an open editor holds a message back; none does for longer than [`HOLD`].
    pub(in crate::reference) fn is_held(&self, item: usize) -> bool {
        let longest = i64::try_from(HOLD.as_millis()).unwrap_or(i64::MAX);
        let until = self.items[item].held_until;
        until.is_some_and(|until| until > self.now && until <= self.now + longest)
    }

    fn is_first(&self, item: usize) -> bool {
        self.waiting(self.items[item].branch).first() == Some(&item)
    }

    pub(super) fn is_next(&self, item: usize) -> bool {
        let is_paused = self.pause(self.items[item].branch).is_some();
        !is_paused && self.is_first(item) && !self.is_held(item)
    }

    /// Takes a message out of its queue for the generation that answers it.
    pub(super) fn leave(&mut self, item: usize, generation: usize) -> String {
        let queued = &mut self.items[item];
        queued.place = Waits::Sent(generation);
        let text = queued.text.clone();
        let line = &mut self.branches[queued.branch].line;
        line.retain(|other| *other != item);
        text
    }

    /// Removes everything that waits on a branch.
    pub(super) fn clear(&mut self, branch: usize) {
        for item in self.waiting(branch) {
            self.remove(item);
        }
    }

    fn remove(&mut self, item: usize) {
        let item = &mut self.items[item];
        item.place = Waits::Removed(self.now);
        item.held_until = None;
    }

    pub(super) fn pause_after(&mut self, branch: usize, ended: MessageStatus) {
        let reason = match ended {
            MessageStatus::Stopped => PauseReason::Stopped,
            MessageStatus::Failed => PauseReason::Failed,
            _ => return,
        };
        self.pause_for(branch, reason);
    }

    fn pause_for(&mut self, branch: usize, reason: PauseReason) {
        if !self.waiting(branch).is_empty() {
            self.branches[branch].paused.get_or_insert(reason);
        }
    }

    pub(super) fn pause_queues(&mut self) -> Outcome {
        for branch in 0..self.branches.len() {
            self.pause_for(branch, PauseReason::Restarted);
        }
        Outcome::None
    }

    pub(super) fn act_on_item(&mut self, item: usize, action: &ItemAction) -> Outcome {
        let place = self.items[item].place;
        let waits = place == Waits::InLine;
        match action {
            ItemAction::SendNow(instance) | ItemAction::BeginNext(instance) => {
                let is_next = matches!(action, ItemAction::BeginNext(_));
                self.turn(Target::Queued { item, is_next }, *instance, None)
            }
            ItemAction::SendAgain => self.queue_again(item),
            ItemAction::Restore => self.restore(item),
            ItemAction::Remove => {
                if waits {
                    self.remove(item);
                }
                Outcome::Done(matches!(place, Waits::InLine | Waits::Removed(_)))
            }
            ItemAction::PauseAt => {
                if waits && self.is_first(item) {
                    self.pause_for(self.items[item].branch, PauseReason::Failed);
                }
                Outcome::Done(waits)
            }
            _ if !waits => Outcome::Done(false),
            ItemAction::Edit => {
                self.items[item].text = text_of(self.number);
                self.items[item].held_until = None;
                Outcome::Done(true)
            }
            ItemAction::Hold(held) => {
                let longest = i64::try_from(HOLD.as_millis()).unwrap_or(i64::MAX);
                self.items[item].held_until = held.then_some(self.now + longest);
                Outcome::Done(true)
            }
            ItemAction::Move(position) => {
                self.move_to(item, *position);
                Outcome::Done(true)
            }
        }
    }

    /// Moves a message before the one that has its new place; what was removed stays where it was.
    fn move_to(&mut self, item: usize, position: u32) {
        let branch = self.items[item].branch;
        let before = usize::try_from(position.saturating_sub(1)).unwrap_or(usize::MAX);
        let mut others = self.waiting(branch);
        others.retain(|other| *other != item);
        let follower = others.get(before).copied();
        let line = &mut self.branches[branch].line;
        line.retain(|other| *other != item);
        let follower = line.iter().position(|other| Some(*other) == follower);
        line.insert(follower.unwrap_or(line.len()), item);
    }

    fn restore(&mut self, item: usize) -> Outcome {
        let branch = self.items[item].branch;
        Outcome::Restored(match self.items[item].place {
            Waits::InLine => RestoreOutcome::Restored,
            Waits::Sent(_) | Waits::Gone => RestoreOutcome::NotFound,
            Waits::Removed(_) if self.waiting(branch).len() >= CAP => RestoreOutcome::Full,
            Waits::Removed(_) => {
                self.items[item].place = Waits::InLine;
                RestoreOutcome::Restored
            }
        })
    }

    /// The send of a queued message arrives again, and has the first one's outcome.
    fn queue_again(&self, item: usize) -> Outcome {
        let branch = self.items[item].branch;
        if self.branches[branch].is_deleted {
            return Outcome::NotFound(Entity::Branch);
        }
        match self.items[item].place {
            Waits::Sent(generation) => Outcome::Duplicate { generation },
            Waits::Removed(_) | Waits::Gone => Outcome::NotFound(Entity::QueuedMessage),
            Waits::InLine => {
                let place = self.waiting(branch).iter().position(|at| *at == item);
                let position = place.map_or(0, |place| place + 1);
                Outcome::Queued {
                    item,
                    position: u32::try_from(position).unwrap_or(u32::MAX),
                }
            }
        }
    }

    pub(super) fn act_on_queue(&mut self, branch: usize, action: QueueAction) -> Outcome {
        if self.branches[branch].is_deleted {
            return Outcome::Done(false);
        }
        match action {
            QueueAction::Clear => self.clear(branch),
            QueueAction::Pause(false) => self.branches[branch].paused = None,
            QueueAction::Pause(true) => {
                // A pause that shows keeps its reason.
                if self.pause(branch).is_none() {
                    self.branches[branch].paused = Some(PauseReason::User);
                }
            }
        }
        Outcome::Done(true)
    }

    /// A drainer reads what is ready, the oldest first, and then begins each.
    pub(super) fn drain(&mut self, instance: usize) -> Outcome {
        let first = |item: &usize| {
            let queued = &self.items[*item];
            queued.place == Waits::InLine
                && self.is_first(*item)
                && self.pause(queued.branch).is_none()
        };
        let first: Vec<usize> = (0..self.items.len()).filter(first).collect();
        let held = first.iter().filter(|&&item| self.is_held(item));
        let held_until = held.filter_map(|&item| self.items[item].held_until).min();
        let is_ready =
            |item: &usize| !self.is_held(*item) && self.blocker(self.items[*item].branch).is_none();
        let ready: Vec<usize> = first.iter().copied().filter(is_ready).collect();
        let mut begun = Vec::new();
        for item in ready {
            let target = Target::Queued {
                item,
                is_next: true,
            };
            begun.push((item, self.turn(target, instance, None)));
        }
        Outcome::Drained { held_until, begun }
    }

    /// Deletes for good what was removed long ago, and what a clock set back would keep.
    pub(super) fn purge_removed(&mut self) -> Outcome {
        let now = self.now;
        let mut purged = 0;
        for item in 0..self.items.len() {
            if let Waits::Removed(at) = self.items[item].place
                && (at <= now - UNDO || at > now)
            {
                self.forget(item);
                purged += 1;
            }
        }
        Outcome::Purged(purged)
    }

    /// Deletes a queued message for good.
    pub(super) fn forget(&mut self, item: usize) {
        let queued = &mut self.items[item];
        queued.place = Waits::Gone;
        let line = &mut self.branches[queued.branch].line;
        line.retain(|other| *other != item);
    }
}
