//! Sends what waits in the queues. It decides from what is stored, never from an event: events, and the watch over
//! other processes, only wake it, and it looks again after [`LOOK_EVERY`] even if nothing did. So a lost event delays a
//! message, and a lock that the sweeper or another process freed serves its queue like any other. Each process has one;
//! the transaction that begins a turn takes the message out of the queue, so only one of them sends it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until};

use super::Turns;
use crate::error::Error;
use crate::events::CoreEvent;
use crate::store::{NextQueued, StoreError};

/// The longest pause between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// How soon it looks again after the database could not be written.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// What runs after a message has left its queue: its text may still be in files where it no longer belongs.
pub(crate) type OnSent = Box<dyn Fn() + Send + Sync>;

/// Sends queued messages, one of each branch at a time.
pub(crate) struct Drainer {
    pub(crate) turns: Turns,
    /// Notified after a commit of any process.
    pub(crate) woken: Arc<Notify>,
    pub(crate) on_sent: OnSent,
}

impl Drainer {
    /// Drains until dropped.
    ///
    /// # Errors
    /// When the queues cannot be read. It can be called again.
    pub(crate) async fn run(&self) -> Result<(), StoreError> {
        let mut events = self.turns.ctx.store.events().subscribe();
        loop {
            let next_in = self.drain().await?;
            self.wait(&mut events, Instant::now() + next_in).await;
        }
    }

    /// Waits until there may be something to send.
    async fn wait(&self, events: &mut Receiver<CoreEvent>, until: Instant) {
        let concerns = |event: &CoreEvent| {
            matches!(
                event,
                CoreEvent::Lock(_) | CoreEvent::Queue(_) | CoreEvent::Conversation(_)
            )
        };
        let event = async {
            loop {
                match events.recv().await {
                    Ok(event) if !concerns(&event) => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => return,
                    Err(RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        tokio::select! {
            () = event => {}
            () = self.woken.notified() => {}
            () = sleep_until(until) => {}
        }
        // One look for all that happened until now.
        while events.try_recv().is_ok() {}
    }

    /// Sends all that can be sent now, and returns the time until the next look.
    async fn drain(&self) -> Result<Duration, StoreError> {
        let (store, clock) = (&self.turns.ctx.store, &self.turns.ctx.clock);
        let ready = store.ready_in_queues(clock.now()).await?;
        let mut next_in = LOOK_EVERY;
        for next in &ready.next {
            if !self.send(next).await {
                next_in = RETRY_DELAY;
            }
        }
        let held = ready.held_until.map(|until| until.since(clock.now()));
        Ok(held.map_or(next_in, |held| next_in.min(held)))
    }

    /// Returns false if it has to be tried again soon.
    async fn send(&self, next: &NextQueued) -> bool {
        let store = &self.turns.ctx.store;
        // A task of its own: if it were cut off between the commit and the start of its answer, the message would be sent
        // but never answered.
        let (turns, queued) = (self.turns.clone(), next.clone());
        let starting = async move { turns.start_next(&queued).await };
        let error = match self.turns.tasks.spawn(starting).await {
            Ok(Ok(started)) => {
                if started {
                    (self.on_sent)();
                }
                return true;
            }
            Ok(Err(Error::ShuttingDown)) => return true,
            Ok(Err(error)) => error,
            Err(error) => {
                tracing::error!(%error, "a queued message could not be sent");
                return false;
            }
        };
        if let Error::Store(error) = &error
            && error.is_transient()
        {
            tracing::warn!(%error, "a queued message cannot be sent at the moment");
            return false;
        }
        tracing::warn!(%error, "a queued message cannot be sent; its queue is paused");
        if let Err(error) = store.pause_at(next, &error.to_string()).await {
            store.report_damage(&error);
            tracing::warn!(%error, "its queue could not be paused");
            return false;
        }
        true
    }
}
