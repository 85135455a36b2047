//! The reference model: the lock's rules in plain Rust, without SQL, disk or concurrency.

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

use conch_core::model::LEASE;

/// Branches of the one conversation.
pub(super) const BRANCHES: usize = 3;

/// Processes that send.
pub(super) const INSTANCES: usize = 2;

/// Start of every sequence, epoch ms.
pub(super) const START_TIME: i64 = 1_800_000_000_000;

const HOUR: i64 = 3_600_000;

/// An action of a process, or an event.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Send {
        branch: usize,
        instance: usize,
    },
    /// The request of that generation arrives again.
    SendAgain {
        generation: usize,
    },
    Renew {
        generation: usize,
    },
    Append {
        generation: usize,
        text: String,
    },
    Finish {
        generation: usize,
        rest: String,
    },
    /// Frees every expired lock.
    Sweep,
    /// A sweeper that read this generation's row right after the grant acts on it now.
    LateSweep {
        generation: usize,
    },
    /// Wall time moves, in either direction, ms.
    Clock {
        by: i64,
    },
    Capacity {
        max_parallel: usize,
    },
    /// All processes shut down cleanly and start again.
    Reopen,
    /// The process crashes mid-operation; another start recovers what it held.
    Crash {
        instance: usize,
    },
}

/// Outcome of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    None,
    Granted { fence: i64 },
    Busy,
    Duplicate { generation: usize },
    Written,
    Lost,
    Freed(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Generating,
    Complete,
    Interrupted,
}

/// A generation that was granted its lock.
#[derive(Debug, Clone)]
pub(super) struct Generation {
    pub(super) branch: usize,
    pub(super) instance: usize,
    pub(super) fence: i64,
    pub(super) status: Status,
    pub(super) text: String,
}

/// The holder of a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) generation: usize,
    pub(super) heartbeat: i64,
    pub(super) expires: i64,
}

/// The expected state of the whole conversation.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) now: i64,
    pub(super) max_parallel: usize,
    pub(super) fences: [i64; BRANCHES],
    pub(super) held: [Option<Holder>; BRANCHES],
    pub(super) generations: Vec<Generation>,
    pub(super) outcome: Outcome,
}

impl Expected {
    fn is_expired(&self, held: &Holder) -> bool {
        held.expires <= self.now
    }

    fn holds(&self, generation: usize) -> bool {
        let branch = self.generations[generation].branch;
        self.held[branch].is_some_and(|held| held.generation == generation)
    }

    fn free(&mut self, branch: usize, status: Status) {
        if let Some(held) = self.held[branch].take() {
            self.generations[held.generation].status = status;
        }
    }

    fn free_where(&mut self, is_due: impl Fn(&Self, &Holder) -> bool) -> usize {
        let due: Vec<usize> = (0..BRANCHES)
            .filter(|&branch| self.held[branch].is_some_and(|held| is_due(self, &held)))
            .collect();
        for &branch in &due {
            self.free(branch, Status::Interrupted);
        }
        due.len()
    }

    fn send(&mut self, branch: usize, instance: usize) -> Outcome {
        let unexpired = |at: &usize| self.held[*at].is_some_and(|held| !self.is_expired(&held));
        let elsewhere = (0..BRANCHES)
            .filter(|at| *at != branch)
            .filter(unexpired)
            .count();
        if unexpired(&branch) || elsewhere >= self.max_parallel {
            return Outcome::Busy;
        }
        self.free_where(Self::is_expired);
        self.fences[branch] += 1;
        let fence = self.fences[branch];
        self.held[branch] = Some(Holder {
            generation: self.generations.len(),
            heartbeat: 0,
            expires: self.now + lease(),
        });
        self.generations.push(Generation {
            branch,
            instance,
            fence,
            status: Status::Generating,
            text: String::new(),
        });
        Outcome::Granted { fence }
    }

    fn act(&mut self, step: &Step) -> Outcome {
        match step {
            Step::Send { branch, instance } => self.send(*branch, *instance),
            Step::SendAgain { generation } => Outcome::Duplicate {
                generation: *generation,
            },
            Step::Renew { generation } if self.holds(*generation) => {
                let expires = self.now + lease();
                if let Some(held) = &mut self.held[self.generations[*generation].branch] {
                    held.heartbeat += 1;
                    held.expires = expires;
                }
                Outcome::Written
            }
            Step::Append { generation, text } if self.holds(*generation) => {
                self.generations[*generation].text.push_str(text);
                Outcome::Written
            }
            Step::Finish { generation, rest } if self.holds(*generation) => {
                self.generations[*generation].text.push_str(rest);
                self.free(self.generations[*generation].branch, Status::Complete);
                Outcome::Written
            }
            Step::LateSweep { generation } if self.holds(*generation) => {
                let branch = self.generations[*generation].branch;
                if self.held[branch].is_some_and(|held| held.heartbeat > 0) {
                    return Outcome::Lost;
                }
                self.free(branch, Status::Interrupted);
                Outcome::Written
            }
            Step::Renew { .. }
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
                Outcome::None
            }
            Step::Reopen => Outcome::None,
            Step::Crash { instance } => Outcome::Freed(self.free_where(|expected, held| {
                expected.generations[held.generation].instance == *instance
            })),
        }
    }
}

fn lease() -> i64 {
    i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX)
}

impl ReferenceStateMachine for Expected {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self {
            now: START_TIME,
            max_parallel: 1,
            fences: [0; BRANCHES],
            held: [None; BRANCHES],
            generations: Vec::new(),
            outcome: Outcome::None,
        })
        .boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Step> {
        let send = (0..BRANCHES, 0..INSTANCES)
            .prop_map(|(branch, instance)| Step::Send { branch, instance });
        let clock = prop_oneof![
            4 => 0..lease() / 2,
            2 => lease() - 1..=lease() + 1,
            1 => Just(HOUR),
            1 => Just(-HOUR),
            1 => -lease()..0,
        ]
        .prop_map(|by| Step::Clock { by });
        let to_all = prop_oneof![
            12 => send,
            8 => clock,
            4 => Just(Step::Sweep),
            2 => (1..=BRANCHES).prop_map(|max_parallel| Step::Capacity { max_parallel }),
            1 => (0..INSTANCES).prop_map(|instance| Step::Crash { instance }),
        ];
        let generations = state.generations.len();
        if generations == 0 {
            return to_all.boxed();
        }
        // Late and foreign generations as often as current ones.
        let generation = prop_oneof![generations.saturating_sub(3)..generations, 0..generations];
        let to_one =
            (generation, 0..10_u8, "[a-zé ]{0,12}").prop_map(|(generation, choice, text)| {
                match choice {
                    0 => Step::SendAgain { generation },
                    1 => Step::LateSweep { generation },
                    2..=4 => Step::Renew { generation },
                    5..=7 => Step::Append { generation, text },
                    _ => Step::Finish {
                        generation,
                        rest: text,
                    },
                }
            });
        prop_oneof![40 => to_all, 40 => to_one, 1 => Just(Step::Reopen)].boxed()
    }

    fn preconditions(state: &Self, step: &Step) -> bool {
        match step {
            Step::SendAgain { generation }
            | Step::Renew { generation }
            | Step::Append { generation, .. }
            | Step::Finish { generation, .. }
            | Step::LateSweep { generation } => *generation < state.generations.len(),
            _ => true,
        }
    }

    fn apply(mut state: Self, step: &Step) -> Self {
        state.outcome = state.act(step);
        state
    }
}
