//! The turn, from a request to the stored answer.
//!
//! [`Turns`] is the one way to start an answer, also for the queues ([`drainer`]). [`turn`] decides (pure), [`driver`]
//! performs. The answers that run
//! are in [`live`](crate::live), the transactions in [`store`](crate::store).

mod activity;
mod admission;
mod attached;
mod context;
pub(crate) mod drainer;
pub(crate) mod driver;
mod request;
mod starting;
mod timeouts;
pub(crate) mod turn;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::driver::TurnContext;
use crate::error::{Error, Result};
use crate::live::aside::Aside;
use crate::live::{LiveAnswers, TranscriptEvent};
use crate::lock::sweeper::Sweeper;
use crate::model::{
    AttemptSource, BranchId, CleanupOutcome, ConversationId, Entity, FencedWrite, GenerationId,
    InstanceId, LockStatus, PauseReason, StopAllOutcome, StopOutcome,
};
use crate::store::Holder;

/// How long the generations of this process have to renew a lease that looks expired.
const RENEWAL_TIMEOUT: Duration = Duration::from_secs(1);

/// Starts, stops and follows answers.
#[derive(Debug, Clone)]
pub struct Turns {
    pub(crate) ctx: TurnContext,
    pub(crate) live: Arc<LiveAnswers>,
    pub(crate) sweeper: Arc<Sweeper>,
    /// The id of this process.
    pub(crate) instance_id: InstanceId,
    /// The running generations.
    pub(crate) tasks: TaskTracker,
    pub(crate) quitting: CancellationToken,
}

impl Turns {
    /// Stops a generation and waits less than a second for its end to be stored; it is stopped even if the wait
    /// times out. Does nothing if it has ended, even if another generation has started since.
    pub async fn stop(&self, id: &GenerationId) -> StopOutcome {
        StopOutcome {
            stopped: self.live.stop(id).await,
        }
    }

    /// Stops every generation of this process, as [`stop`](Self::stop) does, and pauses every queue, so that none
    /// begins in their place. Returns how many were stopped.
    pub async fn stop_all(&self) -> StopAllOutcome {
        let store = &self.ctx.store;
        let paused = store.pause_queues(PauseReason::Stopped).await;
        if let Err(error) = store.inspect_damage(paused) {
            // Stopping is what was asked for.
            tracing::warn!(%error, "the queues could not be paused");
        }
        StopAllOutcome {
            stopped: self.live.stop_everything().await,
        }
    }

    /// Records a send that the page refused without calling the core.
    pub async fn record_refused(
        &self,
        conversation_id: &ConversationId,
        branch_id: Option<&BranchId>,
        source: AttemptSource,
    ) -> Result<()> {
        let (store, now) = (&self.ctx.store, self.ctx.clock.now());
        let recorded = store.record_refused_by_page(conversation_id, branch_id, source, now);
        if recorded.await? {
            Ok(())
        } else {
            Err(Error::NotFound(Entity::Conversation))
        }
    }

    /// Returns the lock status of a branch.
    pub async fn lock_status(
        &self,
        conversation_id: &ConversationId,
        branch_id: Option<&BranchId>,
    ) -> Result<LockStatus> {
        let (store, now) = (&self.ctx.store, self.ctx.clock.now());
        let status = store.lock_status(conversation_id, branch_id, now).await;
        match store.inspect_damage(status)? {
            Some(status) => Ok(self.ctx.aside.show_lock(status)),
            None => Err(Error::NotFound(store.missing(conversation_id).await?)),
        }
    }

    /// Releases expired locks immediately.
    pub async fn cleanup_expired_locks(&self) -> Result<CleanupOutcome> {
        let sweep = self.sweeper.sweep().await?;
        Ok(CleanupOutcome {
            released: sweep.freed,
        })
    }

    /// Calls `notify` with the events of the answers on a branch, starting with their partial text, until it returns
    /// false or the application quits. Text is sent at most every 33 ms, the first immediately.
    pub async fn follow(
        &self,
        branch_id: &BranchId,
        notify: impl FnMut(TranscriptEvent) -> bool + Send,
    ) {
        let mut notify = notify;
        self.follow_async(branch_id, |event| std::future::ready(notify(event)))
            .await;
    }

    /// Like [`follow`](Self::follow), for a receiver that takes its time: text that arrives meanwhile is sent
    /// together.
    pub async fn follow_async<Emitted>(
        &self,
        branch_id: &BranchId,
        emit: impl FnMut(TranscriptEvent) -> Emitted + Send,
    ) where
        Emitted: Future<Output = bool> + Send,
    {
        let following = self.live.follow(branch_id, emit);
        self.quitting.run_until_cancelled(following).await;
    }

    /// Returns whether this process is writing an answer.
    pub fn is_answering(&self) -> bool {
        self.live.count() > 0
    }

    /// Waits until this process writes no answer, including those queued for a provider.
    pub async fn all_ended(&self) {
        self.live.all_ended().await;
    }

    /// Stores the endings that were set aside for a conversation, before a new turn starts in it.
    async fn take_back(&self, id: &ConversationId) -> Result<()> {
        let TurnContext { aside, store, .. } = &self.ctx;
        for Aside { lease, ending, .. } in aside.of(id) {
            let stored = store.finish(&lease, None, &ending, self.ctx.clock.now());
            let _: FencedWrite = store.inspect_damage(stored.await)?;
            aside.take_back(&lease.message_id);
        }
        Ok(())
    }

    /// Renews the conversation's leases that this process holds and that look expired because the clock jumped
    /// (resume, stepped clock), before another process can take the lock.
    async fn renew_own(&self, conversation_id: &ConversationId) -> Result<()> {
        let now = self.ctx.clock.now();
        let expired = self.ctx.store.expired_holders(conversation_id, now).await?;
        let lives = |holder: &Holder| self.live.contains(&holder.lease.generation_id);
        if expired.iter().any(lives) {
            self.live.heartbeat_all(RENEWAL_TIMEOUT).await;
        }
        Ok(())
    }
}
