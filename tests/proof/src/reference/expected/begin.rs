//! What becomes of a turn: it begins, waits, is refused, or ends another one first.

use conch_core::model::{Entity, MessageStatus, SendPolicy};
use conch_core::store::Takeover;

use super::{Branch, Expected, Generation, Holder, Item, Message, Outcome, Waits, lease, text_of};

/// What a turn is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::reference) enum Target {
    Message { branch: usize, text: String },
    Edit { message: usize, text: String },
    Answer(usize),
    Queued { item: usize, is_next: bool },
}

/// Where a turn goes.
struct Place {
    branch: usize,
    message: UserMessage,
    fork_at: Option<usize>,
    is_version: bool,
}

enum UserMessage {
    Stored(usize),
    New { text: String },
    Edited { text: String, parent: Option<usize> },
    Queued { item: usize },
}

/// What a turn does.
enum Decision {
    Acquire,
    Answer(Outcome),
    StopFirst(Takeover),
}

impl Expected {
    /// Begins a turn; one that wants the answer of its branch stopped gets that.
    pub(super) fn turn(
        &mut self,
        target: Target,
        instance: usize,
        policy: Option<SendPolicy>,
    ) -> Outcome {
        let place = match self.place(&target) {
            Ok(place) => place,
            Err(outcome) => return outcome,
        };
        match self.decide(&place, &target, policy) {
            Decision::Acquire => self.acquire(place, target, instance),
            Decision::Answer(outcome) => outcome,
            Decision::StopFirst(takeover) => {
                let Some(held) = self.branches[place.branch].held else {
                    return Outcome::None;
                };
                self.succeed(held.generation, takeover, target, instance, policy)
            }
        }
    }

    /// Ends a generation and begins the next turn in its place, both or neither.
    fn succeed(
        &mut self,
        generation: usize,
        takeover: Takeover,
        target: Target,
        instance: usize,
        policy: Option<SendPolicy>,
    ) -> Outcome {
        let before = self.clone();
        let Generation {
            branch,
            head_before,
            ..
        } = self.generations[generation];
        self.free(branch, MessageStatus::Stopped);
        if takeover == Takeover::Rollback {
            self.branches[branch].head = head_before;
        }
        let begun = match self.place(&target) {
            Ok(place) => match self.decide(&place, &target, policy) {
                Decision::Acquire => self.acquire(place, target, instance),
                Decision::Answer(outcome) => outcome,
                Decision::StopFirst(_) => Outcome::None,
            },
            Err(outcome) => outcome,
        };
        if !matches!(begun, Outcome::Granted { .. } | Outcome::Duplicate { .. }) {
            *self = before;
        }
        begun
    }

    pub(super) fn take_over(&mut self, generation: usize, takeover: Takeover) -> Outcome {
        let Generation {
            branch, instance, ..
        } = self.generations[generation];
        let target = Target::Message {
            branch,
            text: text_of(self.number),
        };
        self.succeed(generation, takeover, target, instance, None)
    }

    pub(super) fn send_again(&self, generation: usize) -> Outcome {
        match self.place(&self.generations[generation].target) {
            Ok(_) => Outcome::Duplicate { generation },
            Err(outcome) => outcome,
        }
    }

    fn place(&self, target: &Target) -> Result<Place, Outcome> {
        let live = |branch: usize| {
            let is_deleted = self.branches[branch].is_deleted;
            (!is_deleted).then_some(branch)
        };
        let gone = |entity| Outcome::NotFound(entity);
        let stored = |message: usize| {
            let found = self.messages.get(message);
            found.filter(|message| message.exists)
        };
        let at = |branch, message| Place {
            branch,
            message,
            fork_at: None,
            is_version: false,
        };
        match target {
            Target::Message { branch, text } => {
                let branch = live(*branch).ok_or(gone(Entity::Branch))?;
                Ok(at(branch, UserMessage::New { text: text.clone() }))
            }
            Target::Queued { item, is_next } => {
                let queued = &self.items[*item];
                match queued.place {
                    Waits::Sent(generation) if self.is_remembered(generation) => {
                        Err(Outcome::Duplicate { generation })
                    }
                    Waits::Sent(_) | Waits::Removed(_) | Waits::Gone => {
                        Err(gone(Entity::QueuedMessage))
                    }
                    Waits::InLine if *is_next && !self.is_next(*item) => Err(Outcome::NotNext),
                    Waits::InLine => Ok(at(queued.branch, UserMessage::Queued { item: *item })),
                }
            }
            Target::Edit { message, text } => {
                let edited = stored(*message).ok_or(gone(Entity::Message))?;
                if edited.is_answer {
                    return Err(Outcome::NotEditable);
                }
                let branch = live(edited.branch).ok_or(gone(Entity::Branch))?;
                let text = text.clone();
                let parent = edited.parent;
                Ok(at(branch, UserMessage::Edited { text, parent }))
            }
            Target::Answer(message) => {
                let answered = stored(*message).ok_or(gone(Entity::Message))?;
                let question = match answered.parent {
                    Some(parent) if answered.is_answer => parent,
                    _ => *message,
                };
                let branch = if answered.is_answer {
                    answered.branch
                } else {
                    self.end_branch(*message).unwrap_or(answered.branch)
                };
                let branch = live(branch).ok_or(gone(Entity::Branch))?;
                let head = self.branches[branch].head;
                let follows = head.is_some_and(|head| self.messages[head].parent == Some(question));
                let is_first = head == Some(question);
                let is_retry = answered.status != MessageStatus::Complete;
                let forks = !is_first && !follows && is_retry;
                Ok(Place {
                    branch,
                    message: UserMessage::Stored(question),
                    fork_at: forks.then_some(question),
                    is_version: !is_first && !forks,
                })
            }
        }
    }

    /// Returns the branch that ends with a message: its own before the newest other one.
    fn end_branch(&self, message: usize) -> Option<usize> {
        let ends = |branch: &usize| self.branches[*branch].head == Some(message);
        let own = self.messages[message].branch;
        let newest = (0..self.branches.len()).rev().find(ends);
        Some(own).filter(ends).or(newest)
    }

    fn decide(&mut self, place: &Place, target: &Target, policy: Option<SendPolicy>) -> Decision {
        let branch = place.branch;
        let blocker = match place.fork_at {
            None => self.blocker(branch),
            Some(_) => self.at_capacity(),
        };
        let stop = |takeover, blocker: usize| {
            if blocker == branch {
                Decision::StopFirst(takeover)
            } else {
                Decision::Answer(Outcome::Busy { branch: blocker })
            }
        };
        match (target, blocker) {
            (Target::Message { text, .. }, _) => {
                if blocker.is_none() && self.waiting(branch).is_empty() {
                    return Decision::Acquire;
                }
                let policy = policy.or(self.policy).unwrap_or_default();
                match (policy, blocker) {
                    (SendPolicy::Queue, _) => Decision::Answer(self.enqueue(branch, text.clone())),
                    (_, None) => Decision::Acquire,
                    (SendPolicy::Reject, Some(blocker)) => {
                        Decision::Answer(Outcome::Busy { branch: blocker })
                    }
                    (SendPolicy::Interrupt, Some(blocker)) => stop(Takeover::Interrupt, blocker),
                    (SendPolicy::Rollback, Some(blocker)) => stop(Takeover::Rollback, blocker),
                }
            }
            (_, None) => Decision::Acquire,
            (Target::Queued { is_next: true, .. }, Some(_)) => Decision::Answer(Outcome::NotNext),
            (Target::Queued { .. }, Some(blocker)) => stop(Takeover::Interrupt, blocker),
            (Target::Edit { .. } | Target::Answer(_), Some(blocker)) => {
                Decision::Answer(Outcome::Busy { branch: blocker })
            }
        }
    }

    /// Grants the lock and stores the turn.
    fn acquire(&mut self, place: Place, target: Target, instance: usize) -> Outcome {
        let branch = match place.fork_at {
            None => place.branch,
            Some(at) => self.new_branch(at),
        };
        // What an expired holder left there ends first, and may give the branch back.
        self.free(branch, MessageStatus::Interrupted);
        let head = self.branches[place.branch].head;
        let generation = self.generations.len();
        self.branches[branch].fence += 1;
        let fence = self.branches[branch].fence;
        self.branches[branch].held = Some(Holder {
            generation,
            since: self.now,
            heartbeat: 0,
            expires: self.now + lease(),
        });
        self.free_where(Self::is_expired);
        let question = match place.message {
            UserMessage::Stored(message) => message,
            UserMessage::New { text } => self.ask(branch, head, text),
            UserMessage::Edited { text, parent } => {
                let edited = self.ask(branch, parent, text);
                self.clear(branch);
                edited
            }
            UserMessage::Queued { item } => {
                let text = self.leave(item, generation);
                self.ask(branch, head, text)
            }
        };
        let message = self.messages.len();
        self.messages.push(Message {
            parent: Some(question),
            branch,
            is_answer: true,
            status: MessageStatus::Generating,
            text: String::new(),
            exists: true,
        });
        self.branches[branch].head = Some(message);
        self.generations.push(Generation {
            branch,
            instance,
            message,
            previous: head.filter(|_| place.is_version),
            head_before: place.fork_at.or(head),
            target,
        });
        Outcome::Granted { fence }
    }

    fn ask(&mut self, branch: usize, parent: Option<usize>, text: String) -> usize {
        self.messages.push(Message {
            parent,
            branch,
            is_answer: false,
            status: MessageStatus::Complete,
            text,
            exists: true,
        });
        self.messages.len() - 1
    }

    /// Creates a branch that goes its own way after a message.
    pub(super) fn new_branch(&mut self, at: usize) -> usize {
        self.branches.push(Branch {
            head: Some(at),
            ..Branch::default()
        });
        self.branches.len() - 1
    }

    fn enqueue(&mut self, branch: usize, text: String) -> Outcome {
        let before = self.waiting(branch).len();
        if before >= super::queue::CAP {
            return Outcome::QueueFull;
        }
        if before == 0 && self.branches[branch].paused != Some(super::PauseReason::User) {
            // What an empty queue was paused for is over.
            self.branches[branch].paused = None;
        }
        let item = self.items.len();
        self.items.push(Item {
            branch,
            text,
            place: Waits::InLine,
            held_until: None,
        });
        self.branches[branch].line.push(item);
        Outcome::Queued {
            item,
            position: u32::try_from(before + 1).unwrap_or(u32::MAX),
        }
    }
}
