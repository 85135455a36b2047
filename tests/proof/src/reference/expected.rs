//! The reference model: the rules of the lock, the tree and the queues in plain Rust, without SQL, disk or
//! concurrency. What becomes of a turn is in [`begin`], of a queue in [`queue`], of messages and branches in [`tree`].

mod begin;
mod queue;
mod tree;

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

use conch_core::model::{Entity, LEASE, MessageStatus, PauseReason, SendPolicy};
use conch_core::store::RestoreOutcome;

pub(super) use self::begin::Target;
use super::steps::{self, BRANCHES, Step};

/// Start of every sequence, epoch ms.
pub(super) const START_TIME: i64 = 1_800_000_000_000;

/// Outcome of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    None,
    Granted {
        fence: i64,
    },
    Busy {
        branch: usize,
    },
    Duplicate {
        generation: usize,
    },
    Queued {
        item: usize,
        position: u32,
    },
    QueueFull,
    NotNext,
    NotEditable,
    NotFound(Entity),
    Written,
    Lost,
    Freed(usize),
    /// Whether a change was made, or was not needed.
    Done(bool),
    Restored(RestoreOutcome),
    Shown {
        branch: usize,
        head: usize,
    },
    Forked,
    Main,
    Deleted,
    Drained {
        held_until: Option<i64>,
        begun: Vec<(usize, Outcome)>,
    },
    Purged(u64),
}

/// A message of the tree.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) parent: Option<usize>,
    pub(super) branch: usize,
    pub(super) is_answer: bool,
    pub(super) status: MessageStatus,
    pub(super) text: String,
    /// False once it was deleted for good.
    pub(super) exists: bool,
}

/// A branch, with its lock and its queue.
#[derive(Debug, Clone, Default)]
pub(super) struct Branch {
    pub(super) is_deleted: bool,
    pub(super) head: Option<usize>,
    pub(super) fence: i64,
    pub(super) held: Option<Holder>,
    /// The queued messages in their order, also those that were removed and can be restored.
    pub(super) line: Vec<usize>,
    /// It pauses nothing while no message waits, unless it is the user's.
    pub(super) paused: Option<PauseReason>,
}

/// A queued message.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) branch: usize,
    pub(super) text: String,
    pub(super) place: Waits,
    pub(super) held_until: Option<i64>,
}

/// Where a queued message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
    InLine,
    /// Removed at this time.
    Removed(i64),
    /// Sent, and answered by this generation.
    Sent(usize),
    /// Deleted for good.
    Gone,
}

/// A generation that was granted its lock.
#[derive(Debug, Clone)]
pub(super) struct Generation {
    pub(super) branch: usize,
    pub(super) instance: usize,
    pub(super) message: usize,
    /// The version that the branch showed, if it writes another one.
    pub(super) previous: Option<usize>,
    /// What the branch showed before the turn.
    pub(super) head_before: Option<usize>,
    pub(super) target: Target,
}

/// The holder of a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) generation: usize,
    pub(super) since: i64,
    pub(super) heartbeat: i64,
    pub(super) expires: i64,
}

/// The expected state of the whole conversation.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) now: i64,
    /// Number of the step, which makes the text of each message its own.
    pub(super) number: usize,
    pub(super) max_parallel: usize,
    pub(super) policy: Option<SendPolicy>,
    pub(super) messages: Vec<Message>,
    pub(super) branches: Vec<Branch>,
    pub(super) generations: Vec<Generation>,
    pub(super) items: Vec<Item>,
    pub(super) outcome: Outcome,
}

/// Returns the text of what is typed in a step.
pub(super) fn text_of(number: usize) -> String {
    format!("text {number}")
}

impl Expected {
    fn is_expired(&self, held: &Holder) -> bool {
        held.expires <= self.now
    }

    fn holds(&self, generation: usize) -> bool {
        let branch = self.generations[generation].branch;
        self.branches[branch]
            .held
            .is_some_and(|held| held.generation == generation)
    }

    /// Returns the live locks by branch, the one that is held longest first.
    fn live(&self) -> Vec<(usize, Holder)> {
        let held = (0..self.branches.len())
            .filter_map(|branch| Some((branch, self.branches[branch].held?)));
        let mut live: Vec<_> = held.filter(|(_, held)| !self.is_expired(held)).collect();
        live.sort_by_key(|(branch, held)| (held.since, *branch));
        live
    }

    /// Returns the branch whose lock prevents an answer on a free branch.
    fn at_capacity(&self) -> Option<usize> {
        let live = self.live();
        let (branch, _) = live.first()?;
        (live.len() >= self.max_parallel).then_some(*branch)
    }

    /// Returns the branch whose lock prevents an answer on this one.
    fn blocker(&self, branch: usize) -> Option<usize> {
        let own = self.live().into_iter().find(|(at, _)| *at == branch);
        own.map(|(branch, _)| branch).or_else(|| self.at_capacity())
    }

    /// Frees a branch, if it is held: its answer has this status.
    fn free(&mut self, branch: usize, status: MessageStatus) -> bool {
        let Some(held) = self.branches[branch].held.take() else {
            return false;
        };
        let generation = self.generations[held.generation].clone();
        self.messages[generation.message].status = status;
        if status != MessageStatus::Complete {
            self.restore_previous(branch, &generation);
        }
        true
    }

    fn free_where(&mut self, is_due: impl Fn(&Self, &Holder) -> bool) -> usize {
        let due: Vec<usize> = (0..self.branches.len())
            .filter(|&branch| {
                let held = self.branches[branch].held;
                held.is_some_and(|held| is_due(self, &held))
            })
            .collect();
        for &branch in &due {
            self.free(branch, MessageStatus::Interrupted);
        }
        due.len()
    }

    fn append(&mut self, generation: usize, text: &str) {
        let message = self.generations[generation].message;
        self.messages[message].text.push_str(text);
    }

    fn act(&mut self, step: &Step) -> Outcome {
        match step {
            Step::Send {
                branch,
                instance,
                policy,
            } => {
                let text = text_of(self.number);
                let target = Target::Message {
                    branch: *branch,
                    text,
                };
                self.turn(target, *instance, *policy)
            }
            Step::SendAgain { generation } => self.send_again(*generation),
            Step::TakeOver {
                generation,
                takeover,
            } if self.holds(*generation) => self.take_over(*generation, *takeover),
            Step::Edit { message, instance } => {
                let text = text_of(self.number);
                let target = Target::Edit {
                    message: *message,
                    text,
                };
                self.turn(target, *instance, None)
            }
            Step::Answer { message, instance } => {
                self.turn(Target::Answer(*message), *instance, None)
            }
            Step::Select { message } => self.select(*message),
            Step::Fork { message } => self.fork(*message),
            Step::DeleteBranch { branch, is_lost } => self.delete_branch(*branch, *is_lost),
            Step::PurgeBranches => self.purge_branches(),
            Step::Item { item, action } => self.act_on_item(*item, action),
            Step::Queue { branch, action } => self.act_on_queue(*branch, *action),
            Step::PauseQueues => self.pause_queues(),
            Step::Drain { instance } => self.drain(*instance),
            Step::PurgeRemoved => self.purge_removed(),
            Step::Renew { generation } if self.holds(*generation) => {
                let expires = self.now + lease();
                let branch = self.generations[*generation].branch;
                if let Some(held) = &mut self.branches[branch].held {
                    held.heartbeat += 1;
                    held.expires = expires;
                }
                Outcome::Written
            }
            Step::Append { generation, text } if self.holds(*generation) => {
                self.append(*generation, text);
                Outcome::Written
            }
            Step::Finish {
                generation,
                rest,
                status,
            } if self.holds(*generation) => {
                self.append(*generation, rest);
                let branch = self.generations[*generation].branch;
                self.free(branch, *status);
                self.pause_after(branch, *status);
                Outcome::Written
            }
            Step::LateSweep { generation } if self.holds(*generation) => {
                let branch = self.generations[*generation].branch;
                if self.branches[branch]
                    .held
                    .is_some_and(|held| held.heartbeat > 0)
                {
                    return Outcome::Lost;
                }
                self.free(branch, MessageStatus::Interrupted);
                Outcome::Written
            }
            Step::TakeOver { .. }
            | Step::Renew { .. }
            | Step::Append { .. }
            | Step::Finish { .. }
            | Step::LateSweep { .. } => Outcome::Lost,
            Step::Sweep => Outcome::Freed(self.free_where(Self::is_expired)),
            Step::Clock { by } => {
                self.now += by;
                Outcome::None
            }
            Step::Capacity { max_parallel } => {
                self.max_parallel = *max_parallel;
                Outcome::Done(true)
            }
            Step::Policy { policy } => {
                self.policy = *policy;
                Outcome::Done(true)
            }
            Step::Reopen => Outcome::None,
            Step::Crash { instance } => Outcome::Freed(self.free_where(|expected, held| {
                expected.generations[held.generation].instance == *instance
            })),
        }
    }
}

pub(super) fn lease() -> i64 {
    i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX)
}

impl ReferenceStateMachine for Expected {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self {
            now: START_TIME,
            number: 0,
            max_parallel: 1,
            policy: None,
            messages: Vec::new(),
            branches: vec![Branch::default(); BRANCHES],
            generations: Vec::new(),
            items: Vec::new(),
            outcome: Outcome::None,
        })
        .boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Step> {
        steps::after(state)
    }

    fn preconditions(state: &Self, step: &Step) -> bool {
        steps::is_possible(state, step)
    }

    fn apply(mut state: Self, step: &Step) -> Self {
        state.outcome = state.act(step);
        state.number += 1;
        state
    }
}
