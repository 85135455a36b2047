//! The clock.
//!
//! All other code takes `now` as an argument, so that tests choose it; only loops and the entry points of
//! `App` hold a [`Clock`]. Wall time decides when a lease expires; the monotonic time only
//! distinguishes a suspend or a stepped clock from elapsed time.

use crate::Timestamp;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A source of time.
pub trait Clock: std::fmt::Debug + Send + Sync + 'static {
    /// Returns wall time. It may step in either direction.
    fn now(&self) -> Timestamp;

    /// Returns the time since a fixed point in this process. It never decreases, and may stop while the machine
    /// sleeps.
    fn monotonic(&self) -> Duration;
}

/// The operating system's clock.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl Default for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
    fn default() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
    fn now(&self) -> Timestamp {
        let millis = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
        };
        Timestamp::from_millis(millis)
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A clock for tests that moves only on request.
#[derive(Debug)]
pub struct ManualClock {
    reading: Mutex<(Timestamp, Duration)>,
}

impl ManualClock {
    /// Creates a clock set to `now`.
    pub fn at(now: Timestamp) -> Self {
        Self {
            reading: Mutex::new((now, Duration::ZERO)),
        }
    }

    /// Advances both wall and monotonic time.
    pub fn advance(&self, duration: Duration) {
        let mut reading = self.lock();
        *reading = (reading.0 + duration, reading.1 + duration);
    }

    /// Steps wall time alone, as a suspend, NTP or the user does.
    pub fn step_to(&self, now: Timestamp) {
        self.lock().0 = now;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Timestamp, Duration)> {
        self.reading
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.lock().0
    }

    fn monotonic(&self) -> Duration {
        self.lock().1
    }
}
