//! The one definition of busy: which locks are live, and which of them prevents an answer on a branch. The send, its
//! policy, the queue, the lock's status, the list of branches and the list of conversations all ask here. The
//! statement that grants a lock (`locks::acquire`) has the same condition, and decides last.

use conch_model::{BranchId, ConversationId, GenerationId, Timestamp};
use sqlx::SqliteConnection;

use super::Result;

/// For a reader that has no clock: an expired lock counts until the sweeper frees it.
pub(super) const AT_ANY_TIME: Timestamp = Timestamp::from_millis(0);

/// A held lock that has not expired.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "these are ids")]
pub(super) struct LiveLock {
    pub(super) branch_id: BranchId,
    pub(super) conversation_id: ConversationId,
    pub(super) generation_id: GenerationId,
}

/// The live locks of a conversation.
#[derive(Debug)]
pub(super) struct Occupancy {
    /// The one that is held longest first.
    live: Vec<LiveLock>,
    max_parallel: i64,
}

impl Occupancy {
    /// Reads the live locks of a conversation that may answer on `max_parallel` branches at once.
    pub(super) async fn read(
        connection: &mut SqliteConnection,
        conversation_id: &ConversationId,
        max_parallel: i64,
        now: Timestamp,
    ) -> Result<Self> {
        Ok(Self {
            live: live_locks(connection, Some(conversation_id), now).await?,
            max_parallel,
        })
    }

    /// Returns the lock of this branch.
    pub(super) fn of_branch(&self, branch_id: &BranchId) -> Option<&LiveLock> {
        self.live.iter().find(|lock| lock.branch_id == *branch_id)
    }

    /// Returns the lock that prevents an answer on a free branch: the one that is held longest, when the conversation
    /// is at its capacity.
    pub(super) fn at_capacity(&self) -> Option<&LiveLock> {
        let count = i64::try_from(self.live.len()).unwrap_or(i64::MAX);
        self.live.first().filter(|_| count >= self.max_parallel)
    }

    /// Returns the lock that prevents an answer on this branch: its own, or another that uses up the capacity.
    pub(super) fn blocker(&self, branch_id: &BranchId) -> Option<&LiveLock> {
        self.of_branch(branch_id).or_else(|| self.at_capacity())
    }
}

/// Returns all live locks, or those of a conversation, the one that is held longest first.
pub(super) async fn live_locks(
    connection: &mut SqliteConnection,
    conversation_id: Option<&ConversationId>,
    now: Timestamp,
) -> Result<Vec<LiveLock>> {
    Ok(sqlx::query_as!(
        LiveLock,
        r#"SELECT branch_id AS "branch_id: _", conversation_id AS "conversation_id: _",
             generation_id AS "generation_id!: _"
           FROM generation_locks
           WHERE generation_id IS NOT NULL AND expires_at > ?1 AND (?2 IS NULL OR conversation_id = ?2)
           ORDER BY locked_at, branch_id"#,
        now,
        conversation_id
    )
    .fetch_all(connection)
    .await?)
}
