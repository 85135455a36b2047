//! Which locks are due to be freed: the judgement of the `sweeper`, without a database, a
//! clock or a task. `tests/proof` compiles it a second time, and tries it against holders that renew.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::ids::BranchId;
use crate::lock::LEASE;
use crate::store::Holder;

/// The longest pause between two sweeps.
pub(crate) const MAX_SLEEP: Duration = Duration::from_secs(15);

/// Wall time that ran ahead of running time by more than this between two sweeps: the machine slept.
pub(crate) const SUSPEND_THRESHOLD: Duration = Duration::from_secs(5);

/// What becomes of a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Its holder went silent.
    Expire,
    /// Nothing yet; look again by then.
    Wait(Duration),
}

/// Judges a lock whose heartbeat may have stood still for a whole lease, and whose generation may have answered
/// this process a moment ago. One that lives and could not renew, because nothing can be stored, keeps its
/// lock: it will renew, and its text is in no other place.
pub(crate) fn verdict(holder: &Holder, is_still: bool, is_alive: bool, now: Timestamp) -> Verdict {
    if holder.expires_at > now && !is_still {
        Verdict::Wait(holder.expires_at.since(now).min(MAX_SLEEP))
    } else if is_alive {
        Verdict::Wait(MAX_SLEEP)
    } else {
        Verdict::Expire
    }
}

/// What a sweeper remembers from one sweep to the next.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// When it last swept, in wall and in running time.
    last: Option<(Timestamp, Duration)>,
    /// Since when, on our own monotonic clock, each holder's heartbeat has stood still. It frees a
    /// lease that a clock set back would keep in the future for ever.
    unchanged: HashMap<BranchId, Observation>,
}

impl Memory {
    /// Whether the machine slept since the last sweep.
    pub(crate) fn woke(&mut self, now: Timestamp, monotonic: Duration) -> bool {
        let last = self.last.replace((now, monotonic));
        last.is_some_and(|(wall, running)| {
            now.since(wall) > monotonic.saturating_sub(running) + SUSPEND_THRESHOLD
        })
    }

    /// The branches whose holder's heartbeat has stood still for a whole lease of running time.
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

/// A holder as it was first seen with this heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Observation {
    fence: i64,
    heartbeat_seq: i64,
    since: Duration,
}
