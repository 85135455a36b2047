//! The lock's protocol as a state machine that `stateright` can search.
//!
//! One conversation with two branches. Three owners, each in a separate process, try to generate;
//! another process runs the sweeper. A transition is one transaction of the store, or one event in
//! a process or a clock. The sweeper's read and its subsequent release are two transitions, because
//! other transactions can run between them.

#![expect(
    clippy::cast_possible_truncation,
    reason = "indices below four, in states that are hashed by the million"
)]

use stateright::{Model, Property};

use super::state::{BRANCHES, CLOCK_STEP, LEASE, Lock, OWNERS, Owner, Remaining, SWEEP, State};

pub(super) const I1: &str =
    "I1 at most one live lock a branch, at most max_parallel a conversation";
const I2: &str = "I2 the fence only grows";
pub(super) const I3: &str = "I3 a write is accepted only from the current holder";
pub(super) const I4: &str = "I4 release and renew by anyone else change nothing";
const I5: &str = "I5 at most one generating message a branch";
const I6: &str = "I6 generating implies a held lock with the same fence";
const I7: &str = "I7 after start-up nothing is held by a dead instance";
const I10: &str = "I10 a lock outlives a silent holder by no longer than lease + sweep";
pub(super) const I11: &str = "I11 whatever the clock says, no more than max_parallel can write";

/// How the transactions are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variant {
    /// As in Conch.
    Conch,
    /// One transaction checks that the lock is free, another one acquires it.
    CheckThenInsert,
    /// A release frees the branch, regardless of its holder.
    ReleaseWithoutOwner,
    /// A write checks only that its message exists.
    UnfencedWrite,
    /// A grant leaves the expired locks of other branches to the sweeper, so that their holders may
    /// renew concurrently. Conch did so until this search found it.
    LeaveExpired,
}

/// Bounds of the search; everything else is finite.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Grants per branch.
    grants: u8,
    /// Renewals per grant.
    heartbeats: u8,
    /// Ticks.
    ticks: u8,
    /// Crashes, of all owners together.
    crashes: u8,
    /// Steps of the wall clock.
    steps: u8,
}

/// Bounds of a search that takes minutes.
pub(super) const WIDE: Bounds = Bounds {
    grants: 2,
    heartbeats: 1,
    ticks: 4,
    crashes: 1,
    steps: 2,
};

/// Bounds of a search that takes seconds.
pub(super) const NARROW: Bounds = Bounds {
    grants: 2,
    heartbeats: 1,
    ticks: 3,
    crashes: 1,
    steps: 1,
};

/// The protocol under search.
#[derive(Debug, Clone, Copy)]
pub(super) struct Protocol {
    pub(super) variant: Variant,
    pub(super) capacity: usize,
    pub(super) bounds: Bounds,
}

/// A transaction, or an event in a process or a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Action {
    /// The send transaction.
    Acquire {
        owner: usize,
        branch: usize,
    },
    /// The first half of a naive send.
    Check {
        owner: usize,
        branch: usize,
    },
    /// The second half of a naive send.
    Insert {
        owner: usize,
    },
    Renew {
        owner: usize,
    },
    Write {
        owner: usize,
    },
    Finish {
        owner: usize,
    },
    Crash {
        owner: usize,
    },
    /// The process starts again and recovers.
    Restart {
        owner: usize,
    },
    SweepReads,
    SweepFrees {
        branch: usize,
    },
    Tick,
    ClockForward,
    ClockBack,
}

impl Protocol {
    fn acquire(&self, state: &mut State, owner: usize, branch: usize) -> bool {
        let wall = state.wall;
        let takes = |lock: &Lock| lock.holder.is_none_or(|holder| holder.expires <= wall);
        let live_elsewhere = (0..BRANCHES)
            .filter(|&other| other != branch)
            .filter(|&other| !takes(&state.locks[other]))
            .count();
        if live_elsewhere >= self.capacity || !takes(&state.locks[branch]) {
            return false;
        }
        state.interrupt(branch);
        state.grant(owner, branch);
        if self.variant != Variant::LeaveExpired {
            for other in 0..BRANCHES {
                if other != branch && takes(&state.locks[other]) {
                    state.vacate(other);
                }
            }
        }
        true
    }

    fn act(&self, state: &mut State, action: Action) -> bool {
        match action {
            Action::Acquire { owner, branch } => self.acquire(state, owner, branch),
            Action::Check { owner, branch } => {
                let free = state.locks.iter().all(|lock| lock.holder.is_none());
                state.owners[owner].saw_free = free.then_some(branch as u8);
                free
            }
            Action::Insert { owner } => {
                let Some(branch) = state.owners[owner].saw_free.take() else {
                    return false;
                };
                state.grant(owner, branch as usize);
                true
            }
            Action::Renew { owner } => self.renew(state, owner),
            Action::Write { owner } => self.write(state, owner),
            Action::Finish { owner } => self.finish(state, owner),
            Action::Crash { owner } => {
                state.remaining.crashes -= 1;
                let owner = &mut state.owners[owner];
                owner.dead = true;
                owner.saw_free = None;
                owner.lease = None;
                true
            }
            Action::Restart { owner } => {
                state.owners[owner].dead = false;
                state.owners[owner].life += 1;
                state.recover();
                true
            }
            Action::SweepReads => {
                state.sweep();
                true
            }
            Action::SweepFrees { branch } => {
                let Some((fence, heartbeat)) = state.sweeper.frees[branch].take() else {
                    return false;
                };
                let lock = &state.locks[branch];
                if lock.fence == fence
                    && lock
                        .holder
                        .is_some_and(|holder| holder.heartbeat == heartbeat)
                {
                    state.vacate(branch);
                }
                true
            }
            Action::Tick => {
                state.remaining.ticks -= 1;
                state.wall += 1;
                state.sweeper.idle += 1;
                for lock in &mut state.locks {
                    if let Some(holder) = &mut lock.holder {
                        holder.silence += 1;
                    }
                }
                for (_, _, still) in state.sweeper.observed.iter_mut().flatten() {
                    *still += 1;
                }
                true
            }
            Action::ClockForward => {
                state.remaining.steps -= 1;
                state.wall += CLOCK_STEP;
                true
            }
            Action::ClockBack => {
                state.remaining.steps -= 1;
                state.wall -= CLOCK_STEP;
                true
            }
        }
    }

    fn renew(&self, state: &mut State, owner: usize) -> bool {
        if !state.is_current(owner) {
            state.owners[owner].lease = None;
            return true;
        }
        let Some((branch, _)) = state.owners[owner].lease else {
            return false;
        };
        let expires = state.wall + LEASE;
        match &mut state.locks[branch as usize].holder {
            Some(holder) if holder.heartbeat < self.bounds.heartbeats => {
                holder.heartbeat += 1;
                holder.expires = expires;
                holder.silence = 0;
                true
            }
            _ => false,
        }
    }

    /// An accepted write changes nothing in this model; a refused one makes its owner drop the
    /// lease.
    fn write(&self, state: &mut State, owner: usize) -> bool {
        let current = state.is_current(owner);
        let accepted = current || self.variant == Variant::UnfencedWrite;
        state.broken.foreign_write |= accepted && !current;
        if !accepted {
            state.owners[owner].lease = None;
        }
        !accepted || state.broken.foreign_write
    }

    fn finish(&self, state: &mut State, owner: usize) -> bool {
        let current = state.is_current(owner);
        let Some((branch, _)) = state.owners[owner].lease.take() else {
            return false;
        };
        let branch = branch as usize;
        if current {
            state.vacate(branch);
        } else if self.variant == Variant::ReleaseWithoutOwner {
            state.broken.foreign_release |= state.locks[branch].holder.is_some();
            state.vacate(branch);
        }
        true
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::initial(Remaining {
            ticks: self.bounds.ticks,
            crashes: self.bounds.crashes,
            steps: self.bounds.steps,
        })]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let naive_send = self.variant == Variant::CheckThenInsert;
        for (owner, is) in state.owners.iter().enumerate() {
            if is.dead {
                actions.push(Action::Restart { owner });
                continue;
            }
            if state.remaining.crashes > 0 {
                actions.push(Action::Crash { owner });
            }
            if is.lease.is_some() {
                actions.extend([
                    Action::Renew { owner },
                    Action::Write { owner },
                    Action::Finish { owner },
                ]);
            } else if is.saw_free.is_some() {
                actions.push(Action::Insert { owner });
            } else if is.generating.is_none() {
                for branch in 0..BRANCHES {
                    if state.locks[branch].fence < self.bounds.grants {
                        actions.push(if naive_send {
                            Action::Check { owner, branch }
                        } else {
                            Action::Acquire { owner, branch }
                        });
                    }
                }
            }
        }
        let mut sweeping = false;
        for branch in 0..BRANCHES {
            if state.sweeper.frees[branch].is_some() {
                sweeping = true;
                actions.push(Action::SweepFrees { branch });
            }
        }
        if !sweeping {
            actions.push(Action::SweepReads);
            if state.remaining.ticks > 0 && state.sweeper.idle < SWEEP {
                actions.push(Action::Tick);
            }
        }
        if state.remaining.steps > 0 {
            actions.push(Action::ClockForward);
            if state.wall >= CLOCK_STEP {
                actions.push(Action::ClockBack);
            }
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        if !self.act(&mut state, action) {
            return None;
        }
        state.broken.fence_fell |=
            (0..BRANCHES).any(|branch| state.locks[branch].fence < before.locks[branch].fence);
        Some(state.canonical())
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(I1, |protocol: &Self, state: &State| {
                let live = |lock: &&Lock| {
                    lock.holder
                        .is_some_and(|holder| holder.expires > state.wall)
                };
                !state.broken.granted_over_live
                    && state.locks.iter().filter(live).count() <= protocol.capacity
            }),
            Property::always(I2, |_, state: &State| !state.broken.fence_fell),
            Property::always(I3, |_, state: &State| !state.broken.foreign_write),
            Property::always(I4, |_, state: &State| !state.broken.foreign_release),
            Property::always(I5, |_, state: &State| {
                (0..BRANCHES).all(|branch| {
                    let here = |owner: &&Owner| {
                        owner
                            .generating
                            .is_some_and(|(on, _)| on as usize == branch)
                    };
                    state.owners.iter().filter(here).count() <= 1
                })
            }),
            Property::always(I6, |_, state: &State| {
                state.owners.iter().all(|owner| {
                    owner.generating.is_none_or(|(branch, fence)| {
                        let lock = &state.locks[branch as usize];
                        lock.holder.is_some() && lock.fence == fence
                    })
                })
            }),
            Property::always(I7, |_, state: &State| {
                !state.broken.held_by_dead_after_start
            }),
            Property::always(I10, |_, state: &State| {
                state.locks.iter().all(|lock| {
                    lock.holder
                        .is_none_or(|holder| holder.silence <= LEASE + SWEEP)
                })
            }),
            Property::always(I11, |protocol: &Self, state: &State| {
                let writers = (0..OWNERS).filter(|&owner| state.is_current(owner)).count();
                writers <= protocol.capacity
            }),
        ]
    }
}
