//! Durations of calls, which the racing kinds report alongside their verdict.

use std::time::Duration;

use crate::campaign::now;

/// The durations of many calls of one sort.
#[derive(Debug, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns the duration that `percent` of the calls did not exceed (nearest rank); zero without
    /// calls.
    pub(crate) fn percentile(&mut self, percent: usize) -> Duration {
        self.0.sort_unstable();
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0
            .get(rank.saturating_sub(1))
            .copied()
            .unwrap_or_default()
    }
}

/// Returns the output of a call, and how long it took.
pub(crate) async fn timed<T>(call: impl Future<Output = T>) -> (T, Duration) {
    let started = now();
    let returned = call.await;
    (returned, started.elapsed())
}

/// Returns the rate per second, rounded down.
pub(crate) fn per_second(count: usize, time: Duration) -> u64 {
    let millis = time.as_millis().max(1);
    u64::try_from(count as u128 * 1000 / millis).unwrap_or(u64::MAX)
}
