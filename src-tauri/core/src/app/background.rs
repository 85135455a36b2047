//! The tasks that run for as long as the application does. Each has a keeper, which restarts it after an error or a
//! panic.

use std::sync::Arc;

use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::daily;
use super::purger::Purger;
use crate::clock::Clock;
use crate::indexing::Indexer;
use crate::keeper::keep;
use crate::lock::watch::Watch;
use crate::store::{Store, StoreError};
use crate::turns::Turns;
use crate::turns::drainer::Drainer;

/// What the background tasks work on.
pub(super) struct Background {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) indexer: Arc<Indexer>,
    pub(super) purger: Arc<Purger>,
    pub(super) tasks: TaskTracker,
    pub(super) quitting: CancellationToken,
}

impl Background {
    /// Starts all tasks.
    pub(super) fn start(&self, turns: &Turns) {
        let (sweeper, live) = (Arc::clone(&turns.sweeper), Arc::clone(&turns.live));
        let (own, committed) = (turns.instance_id.clone(), Arc::new(Notify::new()));
        let watch = Watch::new(self.store.clone(), live, own, Arc::clone(&committed));
        let purger = Arc::clone(&self.purger);
        let drainer = Drainer {
            turns: turns.clone(),
            woken: committed,
            on_sent: Box::new(move || purger.schedule_wal_truncation()),
        };
        self.keep("sweeper", move || {
            let sweeper = Arc::clone(&sweeper);
            async move { sweeper.run().await }
        });
        let watch = Arc::new(Mutex::new(watch));
        self.keep("watch", move || {
            let watch = Arc::clone(&watch);
            async move { watch.lock().await.run().await }
        });
        let drainer = Arc::new(drainer);
        self.keep("queues", move || {
            let drainer = Arc::clone(&drainer);
            async move { drainer.run().await }
        });
        let indexer = Arc::clone(&self.indexer);
        self.keep("search index", move || {
            let indexer = Arc::clone(&indexer);
            async move { indexer.run().await }
        });
        let (purger, quitting) = (Arc::clone(&self.purger), self.quitting.clone());
        self.keep("purge", move || {
            let (purger, quitting) = (Arc::clone(&purger), quitting.clone());
            async move {
                purger.run(quitting).await;
                Ok(())
            }
        });
        let (store, clock) = (self.store.clone(), Arc::clone(&self.clock));
        let quitting = self.quitting.clone();
        self.keep("daily backup", move || {
            let backing_up = daily::run(store.clone(), Arc::clone(&clock), quitting.clone());
            async move {
                backing_up.await;
                Ok(())
            }
        });
    }

    /// Runs a task until the application quits; damage that it finds is reported.
    fn keep<Run>(&self, name: &'static str, run: impl Fn() -> Run + Send + 'static)
    where
        Run: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        let store = self.store.clone();
        self.tasks.spawn(keep(name, self.quitting.clone(), move || {
            let (running, store) = (run(), store.clone());
            async move { store.inspect_damage(running.await) }
        }));
    }
}
