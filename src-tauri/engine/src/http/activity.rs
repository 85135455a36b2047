//! Tracks how many requests are in flight, and how long there has been none.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// Counts requests in flight. Clones share the count.
#[derive(Debug, Clone)]
pub(crate) struct Activity {
    in_flight: watch::Sender<usize>,
}

/// A request in flight until this is dropped.
#[derive(Debug)]
pub(super) struct ActivityGuard(watch::Sender<usize>);

impl Default for Activity {
    fn default() -> Self {
        Self {
            in_flight: watch::Sender::new(0),
        }
    }
}

impl Activity {
    /// Counts a request until the returned guard is dropped.
    pub(super) fn begin(&self) -> ActivityGuard {
        self.in_flight.send_modify(|requests| *requests += 1);
        ActivityGuard(self.in_flight.clone())
    }

    /// Waits until no request was in flight for `limit`, counted from now at the earliest.
    pub(crate) fn idle_for(&self, limit: Duration) -> impl Future<Output = ()> + use<> {
        let mut in_flight = self.in_flight.subscribe();
        // The watch never closes while this future holds a sender.
        let keep = self.in_flight.clone();
        async move {
            let _keep = keep;
            while in_flight.wait_for(|&requests| requests == 0).await.is_ok() {
                if timeout(limit, in_flight.changed()).await.is_err() {
                    break;
                }
            }
        }
    }
}

impl Drop for ActivityGuard {
    fn drop(&mut self) {
        self.0.send_modify(|requests| *requests -= 1);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, advance};

    use super::*;

    const LIMIT: Duration = Duration::from_mins(5);

    #[tokio::test(start_paused = true)]
    async fn without_requests_it_is_idle_after_the_limit() {
        let begin = Instant::now();
        Activity::default().idle_for(LIMIT).await;
        assert_eq!(begin.elapsed(), LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_runs_is_not_idleness_however_long() {
        let activity = Activity::default();
        let idle = tokio::spawn(activity.idle_for(LIMIT));
        let busy = activity.begin();
        tokio::task::yield_now().await;
        advance(LIMIT * 3).await;
        tokio::task::yield_now().await;
        assert!(!idle.is_finished());

        let end = Instant::now();
        drop(busy);
        idle.await.unwrap();
        assert_eq!(end.elapsed(), LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn every_request_starts_the_wait_anew() {
        let activity = Activity::default();
        let idle = tokio::spawn(activity.idle_for(LIMIT));
        tokio::task::yield_now().await;
        advance(LIMIT / 2).await;
        let last = Instant::now();
        drop(activity.begin());
        idle.await.unwrap();
        assert_eq!(last.elapsed(), LIMIT);
    }
}
