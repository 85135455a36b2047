//! Decides which locks are due to be released, for the `sweeper`, without a database, clock or task.
//! `tests/proof` compiles it a second time and tests it against holders that renew.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::model::{BranchId, LEASE, Timestamp};
use crate::store::Holder;

/// The longest pause between two sweeps.
pub(crate) const MAX_SLEEP: Duration = Duration::from_secs(15);

/// If wall time advances by more than this beyond monotonic time between two sweeps, the machine slept.
pub(crate) const SUSPEND_THRESHOLD: Duration = Duration::from_secs(5);

/// The decision about a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The holder stopped renewing.
    Expire,
    /// Not due yet; check again within this time.
    Wait(Duration),
}

/// Decides about a lock, given whether its heartbeat has not changed for a whole lease and whether its
/// generation just responded in this process. A live generation that cannot renew, because nothing can be
/// stored, keeps its lock: it will renew, and its text exists nowhere else.
pub(crate) fn verdict(holder: &Holder, is_still: bool, is_alive: bool, now: Timestamp) -> Verdict {
    if holder.expires_at > now && !is_still {
        Verdict::Wait(holder.expires_at.since(now).min(MAX_SLEEP))
    } else if is_alive {
        Verdict::Wait(MAX_SLEEP)
    } else {
        Verdict::Expire
    }
}

/// The sweeper's state between sweeps.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The last sweep, in wall and monotonic time.
    last: Option<(Timestamp, Duration)>,
    /// Since when each holder's heartbeat has not changed, in this process's monotonic time. It releases a
    /// lease that a clock set back would keep in the future forever.
    unchanged: HashMap<BranchId, Observation>,
}

impl Memory {
    /// Records a sweep; returns whether the machine slept since the previous one.
    pub(crate) fn woke(&mut self, now: Timestamp, monotonic: Duration) -> bool {
        let last = self.last.replace((now, monotonic));
        last.is_some_and(|(wall, running)| {
            now.since(wall) > monotonic.saturating_sub(running) + SUSPEND_THRESHOLD
        })
    }

    /// Returns the branches whose heartbeat has not changed for a whole lease of monotonic time.
    pub(crate) fn stalled(&mut self, holders: &[Holder], monotonic: Duration) -> HashSet<BranchId> {
        let before = std::mem::take(&mut self.unchanged);
        for holder in holders {
            let branch = &holder.lease.branch_id;
            let seen = Observation {
                fence: holder.lease.fence,
                heartbeat_seq: holder.heartbeat_seq,
                since: monotonic,
            };
            let same = |first: &&Observation| {
                (first.fence, first.heartbeat_seq) == (seen.fence, seen.heartbeat_seq)
            };
            let first = before.get(branch).filter(same).copied().unwrap_or(seen);
            self.unchanged.insert(branch.clone(), first);
        }
        let still = |first: &Observation| monotonic.saturating_sub(first.since) >= LEASE;
        self.unchanged
            .iter()
            .filter(|(_, first)| still(first))
            .map(|(branch, _)| branch.clone())
            .collect()
    }
}

/// A holder's heartbeat and when it was first observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Observation {
    fence: i64,
    heartbeat_seq: i64,
    since: Duration,
}
