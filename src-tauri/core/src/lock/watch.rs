//! Notices what other processes on the same data folder do to the locks, and tells the windows.
//!
//! The database is the truth for every process; this only shortens the time until the windows of
//! this one show it. Asking SQLite for its data version several times a second costs less than
//! watching the file would, and works the same everywhere.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Lease, LockChange, LockReason};
use crate::events::Events;
use crate::ids::{BranchId, ConversationId, InstanceId};
use crate::store::{Changes, Store, StoreError};

/// How often it looks.
const EVERY: Duration = Duration::from_millis(300);

/// Watches the locks of other processes.
#[derive(Debug)]
pub(crate) struct Watch {
    store: Store,
    events: Arc<Events>,
    instance_id: InstanceId,
    /// What the others held when it last looked.
    held: HashMap<BranchId, Lease>,
}

impl Watch {
    pub(crate) fn new(store: Store, events: Arc<Events>, instance_id: InstanceId) -> Self {
        Self {
            store,
            events,
            instance_id,
            held: HashMap::new(),
        }
    }

    /// Watches until it is cancelled.
    pub(crate) async fn run(mut self, cancelled: CancellationToken) {
        let watching = async {
            let mut changes = self.store.changes().await?;
            self.look(&mut changes).await?;
            loop {
                tokio::time::sleep(EVERY).await;
                if changes.came().await? {
                    self.look(&mut changes).await?;
                }
            }
        };
        let ended: Option<Result<(), StoreError>> = cancelled.run_until_cancelled(watching).await;
        if let Some(Err(error)) = ended {
            tracing::warn!(%error, "locks of other processes are no longer shown at once");
        }
    }

    async fn look(&mut self, changes: &mut Changes) -> Result<(), StoreError> {
        let mut touched: HashSet<ConversationId> = changes
            .turns_of_others(&self.instance_id)
            .await?
            .into_iter()
            .collect();
        let holders = self.store.holders().await?.into_iter();
        let now: HashMap<BranchId, Lease> = holders
            .filter(|holder| holder.instance_id != self.instance_id)
            .map(|holder| (holder.lease.branch_id.clone(), holder.lease))
            .collect();
        for (branch, lease) in &self.held {
            if now.get(branch) != Some(lease) {
                let reason = self.store.freed_how(lease).await?;
                self.events.lock_changed(LockChange::of(lease, reason));
                touched.insert(lease.conversation_id.clone());
            }
        }
        for lease in now.values() {
            self.events
                .lock_changed(LockChange::of(lease, LockReason::Acquired));
            // Its text grows with what its process saves.
            touched.insert(lease.conversation_id.clone());
        }
        for conversation_id in &touched {
            self.events.conversation_changed(conversation_id, false);
        }
        self.held = now;
        Ok(())
    }
}
