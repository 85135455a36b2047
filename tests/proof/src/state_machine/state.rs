//! The state of the protocol: the lock's rows, the owners and the sweeper with what each believes, and the clocks.
//!
//! Time is in ticks of running time. No owner is forced to act, so a suspended process, a slow one and one without
//! network are all the same: an owner that does nothing while time passes. Only the sweeper is forced: it runs at
//! least every [`SWEEP`] ticks.

#![expect(
    clippy::cast_possible_truncation,
    reason = "indices below four, in states that are hashed by the million"
)]

pub(super) const OWNERS: usize = 3;
pub(super) const BRANCHES: usize = 2;

/// How long a lock outlives its last heartbeat, in ticks.
pub(super) const LEASE: u8 = 2;

/// The longest interval between two sweeps, in ticks.
pub(super) const SWEEP: u8 = 1;

/// Size of a clock step, in ticks: longer than any lease.
pub(super) const CLOCK_STEP: u8 = LEASE + 1;

/// Initial wall time, so that the clock can be set back.
const START_TIME: u8 = 2 * CLOCK_STEP;

/// The database, the processes and the clocks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct State {
    pub(super) wall: u8,
    pub(super) locks: [Lock; BRANCHES],
    pub(super) owners: [Owner; OWNERS],
    pub(super) sweeper: Sweeper,
    pub(super) remaining: Remaining,
    pub(super) broken: Broken,
}

/// A row of `generation_locks`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Lock {
    pub(super) fence: u8,
    pub(super) holder: Option<Holder>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Holder {
    pub(super) owner: u8,
    /// Number of the process's life: a restarted one has another instance id.
    pub(super) life: u8,
    pub(super) heartbeat: u8,
    pub(super) expires: u8,
    /// Ticks of running time since the last heartbeat. No process in the protocol can read it.
    pub(super) silence: u8,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Owner {
    pub(super) dead: bool,
    pub(super) life: u8,
    /// The branch that it read as free, and may be about to acquire.
    pub(super) saw_free: Option<u8>,
    /// The grant that it believes it holds: branch and fence.
    pub(super) lease: Option<(u8, u8)>,
    /// Its message that is `generating`: branch and fence. It stays when its writer dies.
    pub(super) generating: Option<(u8, u8)>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Sweeper {
    /// Ticks since it last read the locks.
    pub(super) idle: u8,
    /// What it read and is about to free: fence and heartbeat, by branch.
    pub(super) frees: [Option<(u8, u8)>; BRANCHES],
    /// Fence, heartbeat, and the number of ticks for which they have not changed.
    pub(super) observed: [Option<(u8, u8, u8)>; BRANCHES],
}

/// What may still happen before the search ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Remaining {
    pub(super) ticks: u8,
    pub(super) crashes: u8,
    pub(super) steps: u8,
}

/// Invariants of transitions, which no single state shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "one for each invariant of a transition"
)]
pub(super) struct Broken {
    pub(super) granted_over_live: bool,
    pub(super) fence_fell: bool,
    pub(super) foreign_write: bool,
    pub(super) foreign_release: bool,
    pub(super) held_by_dead_after_start: bool,
}

impl State {
    /// Returns the initial state: no lock is held, every process lives, and `remaining` may happen.
    pub(super) fn initial(remaining: Remaining) -> Self {
        Self {
            wall: START_TIME,
            locks: Default::default(),
            owners: Default::default(),
            sweeper: Sweeper::default(),
            remaining,
            broken: Broken::default(),
        }
    }

    pub(super) fn is_dead(&self, holder: Holder) -> bool {
        let owner = &self.owners[holder.owner as usize];
        owner.dead || owner.life != holder.life
    }

    pub(super) fn is_current(&self, owner: usize) -> bool {
        self.owners[owner].lease.is_some_and(|(branch, fence)| {
            let lock = &self.locks[branch as usize];
            lock.fence == fence
                && lock
                    .holder
                    .is_some_and(|holder| holder.owner as usize == owner)
        })
    }

    /// Interrupts the `generating` message of a branch, as the transaction that frees or acquires it does.
    pub(super) fn interrupt(&mut self, branch: usize) {
        for owner in &mut self.owners {
            if owner
                .generating
                .is_some_and(|(on, _)| on as usize == branch)
            {
                owner.generating = None;
            }
        }
    }

    pub(super) fn vacate(&mut self, branch: usize) {
        self.locks[branch].holder = None;
        self.interrupt(branch);
    }

    pub(super) fn grant(&mut self, owner: usize, branch: usize) {
        let lock = &mut self.locks[branch];
        self.broken.granted_over_live |=
            lock.holder.is_some_and(|holder| holder.expires > self.wall);
        lock.fence += 1;
        lock.holder = Some(Holder {
            owner: owner as u8,
            life: self.owners[owner].life,
            heartbeat: 0,
            expires: self.wall + LEASE,
            silence: 0,
        });
        let fence = lock.fence;
        let owner = &mut self.owners[owner];
        owner.lease = Some((branch as u8, fence));
        owner.generating = Some((branch as u8, fence));
    }

    pub(super) fn sweep(&mut self) {
        self.sweeper.idle = 0;
        for branch in 0..BRANCHES {
            let lock = self.locks[branch];
            let Some(holder) = lock.holder else {
                self.sweeper.observed[branch] = None;
                continue;
            };
            let seen = (lock.fence, holder.heartbeat);
            let still = match self.sweeper.observed[branch] {
                Some((fence, heartbeat, still)) if (fence, heartbeat) == seen => still,
                _ => 0,
            };
            self.sweeper.observed[branch] = Some((seen.0, seen.1, still));
            if self.is_dead(holder) || holder.expires <= self.wall || still >= LEASE {
                self.sweeper.frees[branch] = Some(seen);
            }
        }
    }

    pub(super) fn recover(&mut self) {
        for branch in 0..BRANCHES {
            if self.locks[branch]
                .holder
                .is_some_and(|holder| self.is_dead(holder))
            {
                self.vacate(branch);
            }
        }
        self.broken.held_by_dead_after_start |= self
            .locks
            .iter()
            .any(|lock| lock.holder.is_some_and(|holder| self.is_dead(holder)));
    }
}

/// Owners differ only in their number, so states that are equal up to renumbering are searched once.
const NUMBERINGS: [[usize; OWNERS]; 6] = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
];

impl State {
    pub(super) fn canonical(self) -> Self {
        NUMBERINGS
            .into_iter()
            .flat_map(|numbers| {
                let state = self.renumbered(numbers);
                let mirrored = state.mirrored();
                [state, mirrored]
            })
            .min()
            .unwrap_or(self)
    }

    /// Renumbers the owners: `numbers[i]` becomes owner `i`.
    fn renumbered(&self, numbers: [usize; OWNERS]) -> Self {
        let mut state = self.clone();
        state.owners = numbers.map(|old| self.owners[old]);
        for holder in state
            .locks
            .iter_mut()
            .filter_map(|lock| lock.holder.as_mut())
        {
            if let Some(new) = numbers.iter().position(|&old| old == holder.owner as usize) {
                holder.owner = new as u8;
            }
        }
        state
    }

    /// Swaps the two branches.
    fn mirrored(&self) -> Self {
        let mut state = self.clone();
        state.locks.reverse();
        state.sweeper.frees.reverse();
        state.sweeper.observed.reverse();
        for owner in &mut state.owners {
            let other = |branch: u8| BRANCHES as u8 - 1 - branch;
            owner.saw_free = owner.saw_free.map(other);
            owner.lease = owner.lease.map(|(branch, fence)| (other(branch), fence));
            owner.generating = owner
                .generating
                .map(|(branch, fence)| (other(branch), fence));
        }
        state
    }
}
