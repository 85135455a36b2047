//! What a generation stores while it runs: its text, and the renewals of its lock. Each is a separate task,
//! not a future in the loop: the loop could wait for the one writer that its own unpolled save holds, and it
//! must handle Stop while the disk hangs.
//!
//! Transient errors (a full disk, a busy file) are retried every second and shown meanwhile; permanent ones
//! end the answer.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;

use super::Driver;
use crate::model::FencedWrite;
use crate::store::{Piece, StoreError, Transient};
use crate::turns::turn::Event;

/// The delay before a failed write is retried: the disk may be full.
pub(in crate::turns) const STORE_RETRY_DELAY: Duration = Duration::from_secs(1);

/// How long the database may take before the stall is shown.
pub(super) const STALL_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a renewal may take before its caller is answered that this task is alive anyway.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// The outcome of saving a chunk.
pub(super) struct Saved {
    piece: Piece,
    outcome: Result<FencedWrite, StoreError>,
}

/// Database work in progress.
pub(super) struct StoreTask<T> {
    task: JoinHandle<T>,
    since: Instant,
}

impl<T: Send + 'static> StoreTask<T> {
    pub(super) fn begin(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self {
            task: tokio::spawn(work),
            since: Instant::now(),
        }
    }

    /// Returns when this work counts as stalled.
    pub(super) fn stuck_at(&self) -> Instant {
        self.since + STALL_TIMEOUT
    }

    /// Waits for the work to end. Cancel-safe; never resolves without work in progress.
    pub(super) async fn end(under_way: &mut Option<Self>) -> T {
        let Some(Self { task, .. }) = under_way else {
            return std::future::pending().await;
        };
        let ended = task.await;
        *under_way = None;
        match ended.map_err(JoinError::try_into_panic) {
            Ok(ended) => ended,
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            // The runtime shuts down, and this task with it.
            Err(Err(_)) => std::future::pending().await,
        }
    }
}

impl Driver {
    /// Starts to renew the lock, unless a renewal is in progress.
    pub(super) fn renew(&mut self) {
        if self.renewing.is_none() {
            let (store, lease) = (self.ctx.store.clone(), self.lease.clone());
            let now = self.ctx.clock.now();
            let renewing = async move { store.renew(&lease, now).await };
            self.renewing = Some(StoreTask::begin(renewing));
        }
    }

    /// Renews the lock, and answers the caller once that was tried.
    pub(super) fn on_probe(&mut self, done: oneshot::Sender<()>) {
        if self.probes.is_empty() {
            self.answer_probes_at = Instant::now() + PROBE_TIMEOUT;
        }
        self.probes.push(done);
        self.renew();
    }

    pub(super) fn answer_probes(&mut self) {
        for done in self.probes.drain(..) {
            let _ = done.send(());
        }
    }

    pub(super) fn renewed(&mut self, renewed: Result<FencedWrite, StoreError>) -> Option<Event> {
        self.answer_probes();
        match renewed {
            Ok(FencedWrite::Written) => {
                self.can_store();
                None
            }
            Ok(FencedWrite::Lost) => Some(Event::LeaseLost),
            Err(error) => {
                self.heartbeat.reset_after(STORE_RETRY_DELAY);
                self.failed(&error)
            }
        }
    }

    pub(super) fn save(&mut self) {
        let piece = std::mem::take(&mut self.unsaved);
        let (store, lease) = (self.ctx.store.clone(), self.lease.clone());
        let (number, noting) = (self.next_chunk, self.note_first_token());
        self.saving = Some(StoreTask::begin(async move {
            noting.await;
            let outcome = store.append(&lease, number, &piece).await;
            Saved { piece, outcome }
        }));
    }

    pub(super) fn saved(&mut self, saved: Saved) -> Option<Event> {
        match saved.outcome {
            Ok(FencedWrite::Written) => {
                self.next_chunk += 1;
                self.can_store();
                None
            }
            Ok(FencedWrite::Lost) => Some(Event::LeaseLost),
            Err(error) => {
                self.unsaved.prepend(saved.piece);
                self.save_at = Instant::now() + STORE_RETRY_DELAY;
                self.failed(&error)
            }
        }
    }

    /// Stores when the first text arrived, at most once.
    pub(super) fn note_first_token(&mut self) -> impl Future<Output = ()> + use<> {
        let (store, lease) = (self.ctx.store.clone(), self.lease.clone());
        let (first_token_at, retries) = (self.first_token_at.take(), self.retries);
        async move {
            let Some(at) = first_token_at else { return };
            if let Err(error) = store.record_first_token(&lease, retries, at).await {
                tracing::warn!(%error, "the time of the first token was not stored");
            }
        }
    }

    /// Returns when the database counts as stalled, unless a reason is already shown.
    pub(super) fn stuck_at(&self) -> Option<Instant> {
        if self.answer.borrow().unstored.is_some() {
            return None;
        }
        let saving = self.saving.as_ref().map(StoreTask::stuck_at);
        let renewing = self.renewing.as_ref().map(StoreTask::stuck_at);
        saving.into_iter().chain(renewing).min()
    }

    fn failed(&mut self, error: &StoreError) -> Option<Event> {
        self.ctx.store.report_damage(error);
        let Some(condition) = error.transient() else {
            return Some(Event::Unstorable(error.to_string()));
        };
        self.cannot_store(condition);
        None
    }

    /// Publishes why nothing can be stored at the moment.
    pub(super) fn cannot_store(&self, condition: Transient) {
        let reason = Some(condition.reason());
        let is_news = self
            .answer
            .send_if_modified(|answer| std::mem::replace(&mut answer.unstored, reason) != reason);
        if is_news {
            tracing::warn!(
                reason = condition.reason(),
                "an answer cannot be stored; retrying"
            );
        }
    }

    pub(super) fn can_store(&self) {
        let was_said = self
            .answer
            .send_if_modified(|answer| answer.unstored.take().is_some());
        if was_said {
            tracing::info!("an answer can be stored again");
        }
    }
}
