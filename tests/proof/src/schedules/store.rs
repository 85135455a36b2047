//! Replaces the core's module of that name: the locks in memory, each of the statements in one step.
//!
//! The rules are those of `store/locks.rs`; the kind `reference` shows that SQLite follows them.

use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) use conch_core::store::{BeginOutcome, Holder, NextTurn, StoreError};

use super::locked;
use crate::events::Events;
use crate::model::{
    BranchId, ConversationId, FencedWrite, GenerationId, InstanceId, LEASE, Lease, MessageId,
    Timestamp,
};
use crate::sync::Mutex;

/// The locks by branch; free ones keep their fence.
#[derive(Debug, Clone, Default)]
pub(crate) struct Store {
    locks: Arc<Mutex<BTreeMap<String, Lock>>>,
    events: Arc<Events>,
}

#[derive(Debug, Default)]
struct Lock {
    fence: i64,
    holder: Option<Holder>,
}

impl Store {
    /// Grants a lock that is free, for a whole lease.
    pub(crate) fn grant(
        &self,
        branch: &str,
        instance: &str,
        generation: &GenerationId,
        now: Timestamp,
    ) -> Option<Lease> {
        let mut locks = locked(&self.locks);
        let lock = locks.entry(branch.to_owned()).or_default();
        if lock.holder.is_some() {
            return None;
        }
        lock.fence += 1;
        let lease = Lease {
            branch_id: BranchId::from(branch.to_owned()),
            conversation_id: ConversationId::from(branch.to_owned()),
            generation_id: generation.clone(),
            message_id: MessageId::from(format!("{branch} {}", lock.fence)),
            fence: lock.fence,
        };
        lock.holder = Some(Holder {
            lease: lease.clone(),
            instance_id: InstanceId::from(instance.to_owned()),
            heartbeat_seq: 0,
            expires_at: now + LEASE,
        });
        Some(lease)
    }

    /// The heartbeat.
    pub(crate) fn renew(&self, lease: &Lease, now: Timestamp) -> FencedWrite {
        self.change(lease, |lock| {
            if let Some(holder) = &mut lock.holder {
                holder.heartbeat_seq += 1;
                holder.expires_at = now + LEASE;
            }
        })
    }

    /// Releases the lock.
    pub(crate) fn release(&self, lease: &Lease) -> FencedWrite {
        self.change(lease, |lock| lock.holder = None)
    }

    fn change(&self, lease: &Lease, change: impl FnOnce(&mut Lock)) -> FencedWrite {
        let mut locks = locked(&self.locks);
        let lock = locks.values_mut().find(|lock| {
            lock.holder
                .as_ref()
                .is_some_and(|holder| holder.lease == *lease)
        });
        match lock {
            Some(lock) => {
                change(lock);
                FencedWrite::Written
            }
            None => FencedWrite::Lost,
        }
    }

    /// Whether the lock is held under this lease.
    pub(crate) fn holds(&self, lease: &Lease) -> bool {
        self.change(lease, |_| {}) == FencedWrite::Written
    }

    #[expect(clippy::unused_async, reason = "as the core's")]
    pub(crate) async fn holders(&self) -> Result<Vec<Holder>, StoreError> {
        let locks = locked(&self.locks);
        Ok(locks
            .values()
            .filter_map(|lock| lock.holder.clone())
            .collect())
    }

    /// Frees a lock that was not renewed since it was read.
    #[expect(clippy::unused_async, reason = "as the core's")]
    pub(crate) async fn expire(
        &self,
        read: &Holder,
        _now: Timestamp,
    ) -> Result<FencedWrite, StoreError> {
        let mut locks = locked(&self.locks);
        let lock = locks.values_mut().find(|lock| {
            lock.holder.as_ref().is_some_and(|holder| {
                holder.lease == read.lease && holder.heartbeat_seq == read.heartbeat_seq
            })
        });
        Ok(match lock {
            Some(lock) => {
                lock.holder = None;
                FencedWrite::Written
            }
            None => FencedWrite::Lost,
        })
    }

    /// Does nothing: memory is not damaged.
    #[expect(clippy::unused_self, reason = "as the core's")]
    pub(crate) fn report_damage(&self, _error: &StoreError) {}

    pub(crate) fn events(&self) -> &Arc<Events> {
        &self.events
    }

    pub(crate) async fn recover(
        &self,
        read: &Holder,
        now: Timestamp,
    ) -> Result<FencedWrite, StoreError> {
        self.expire(read, now).await
    }
}
