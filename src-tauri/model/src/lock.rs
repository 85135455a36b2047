//! The generation lock as data: the lease of its holder, its status, and its changes.

use std::time::Duration;

use serde::Serialize;
use specta::Type;

use super::{
    BranchId, ConversationId, ConversationSummary, Ending, GenerationId, MessageId, Timestamp,
    UserId,
};

/// How long a lock outlives its last heartbeat.
pub const LEASE: Duration = Duration::from_mins(1);

/// How often the task that writes an answer renews its lock.
pub const HEARTBEAT: Duration = Duration::from_secs(15);

/// A held lock, as known to its holder. Every write of a generation carries one, and matches no row once the
/// lock is lost (I3).
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "field names say it")]
pub struct Lease {
    pub branch_id: BranchId,
    pub conversation_id: ConversationId,
    /// The generation that holds the lock.
    pub generation_id: GenerationId,
    /// The message that the generation writes.
    pub message_id: MessageId,
    /// The fence: the sequence number of the grant.
    pub fence: i64,
}

/// Error code of an answer whose lock expired.
pub const LEASE_EXPIRED: &str = "lease_expired";

/// Error code of an answer whose process died.
pub const PROCESS_ENDED: &str = "process_ended";

/// Outcome of a write that carries a [`Lease`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum FencedWrite {
    /// The lease was current, and the write was made.
    Written,
    /// The lease is lost: the lock is free or held by another generation, and nothing was written.
    Lost,
}

impl FencedWrite {
    /// Returns the outcome of a write that affected this many rows.
    pub fn from_rows(rows: u64) -> Self {
        if rows == 0 { Self::Lost } else { Self::Written }
    }
}

/// A snapshot of a branch's lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct LockStatus {
    /// Whether an answer is being written on this branch.
    pub locked: bool,
    /// Whether a send would be accepted: the branch is free and the conversation below its capacity.
    pub can_send: bool,
    /// The generation that holds the lock.
    pub generation_id: Option<GenerationId>,
    /// The answer being written.
    pub message_id: Option<MessageId>,
    /// The user who started the generation.
    pub user_id: Option<UserId>,
    /// When the lock was granted, epoch ms.
    pub locked_at: Option<Timestamp>,
    /// When it expires unless it is renewed, epoch ms.
    pub expires_at: Option<Timestamp>,
    /// The fence of the latest grant; 0 before the first.
    pub fence: i64,
}

/// Why a lock changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum LockReason {
    /// A generation started.
    Acquired,
    /// A generation ended and released its lock.
    Released,
    /// The holder stopped renewing for longer than the lease.
    Expired,
    /// The holder's process died.
    Recovered,
}

impl LockReason {
    /// Returns the ending of an answer whose lock was taken away for this reason.
    pub fn ending(self) -> Ending {
        match self {
            Self::Recovered => {
                Ending::interrupted(PROCESS_ENDED, "Conch exited before the answer was complete")
            }
            Self::Acquired | Self::Released | Self::Expired => Ending::interrupted(
                LEASE_EXPIRED,
                "The answer stopped making progress, and its lock expired",
            ),
        }
    }
}

/// A committed change of a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "field names say it")]
pub struct LockChange {
    pub conversation_id: ConversationId,
    pub branch_id: BranchId,
    /// Whether the lock is now held.
    pub locked: bool,
    /// The generation that holds the lock, or held it until now.
    pub generation_id: Option<GenerationId>,
    /// The answer of that generation.
    pub message_id: Option<MessageId>,
    /// The fence of the grant. It only grows; a change with an older one is stale.
    pub fence: i64,
    pub reason: LockReason,
    /// The conversation's row of the list after the change; null if it is not known, so that the list has to be
    /// read.
    pub conversation: Option<ConversationSummary>,
}

impl LockChange {
    /// Describes the change of the lock under this lease, without the conversation's row.
    pub fn of(lease: &Lease, reason: LockReason) -> Self {
        Self {
            conversation_id: lease.conversation_id.clone(),
            branch_id: lease.branch_id.clone(),
            locked: reason == LockReason::Acquired,
            generation_id: Some(lease.generation_id.clone()),
            message_id: Some(lease.message_id.clone()),
            fence: lease.fence,
            reason,
            conversation: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_only_after_it_was_acquired() {
        let lease = Lease {
            branch_id: BranchId::fresh(),
            conversation_id: ConversationId::fresh(),
            generation_id: GenerationId::fresh(),
            message_id: MessageId::fresh(),
            fence: 3,
        };
        for (reason, locked) in [
            (LockReason::Acquired, true),
            (LockReason::Released, false),
            (LockReason::Expired, false),
            (LockReason::Recovered, false),
        ] {
            assert_eq!(LockChange::of(&lease, reason).locked, locked, "{reason:?}");
        }
    }

    #[test]
    fn a_write_that_matches_no_row_lost_the_lock() {
        assert_eq!(FencedWrite::from_rows(0), FencedWrite::Lost);
        assert_eq!(FencedWrite::from_rows(1), FencedWrite::Written);
    }
}
