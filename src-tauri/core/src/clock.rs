//! The clock.
//!
//! All other code takes `now` as an argument, so that tests choose it; only loops and the entry points of
//! [`App`](crate::App) hold a [`Clock`]. Wall time decides when a lease expires; the monotonic time only
//! distinguishes a suspend or a stepped clock from elapsed time.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A point in wall time, in milliseconds since the Unix epoch.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, specta::Type,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Creates a timestamp from milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Formats the time for a file name that sorts by time: `2027-01-15T08-00-00Z`.
    pub(crate) fn to_name(self) -> String {
        /// The end of the year 9999, the last that the format can express.
        const LAST: u64 = 253_402_300_799_000;

        let millis = u64::try_from(self.0).unwrap_or(0).min(LAST);
        let since_epoch = Duration::from_millis(millis);
        let text = humantime::format_rfc3339_seconds(UNIX_EPOCH + since_epoch).to_string();
        // Some file systems do not allow colons.
        text.replace(':', "-")
    }

    /// Parses such a name, to the second.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let (day, time) = name.split_once('T')?;
        let text = format!("{day}T{}", time.replace('-', ":"));
        let time = humantime::parse_rfc3339(&text).ok()?;
        let since_epoch = time.duration_since(UNIX_EPOCH).ok()?;
        Some(Self(i64::try_from(since_epoch.as_millis()).ok()?))
    }

    /// Returns the time elapsed since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

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
        Timestamp(millis)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_as_a_name_is_in_order_and_can_be_read_again() {
        let time = Timestamp::from_millis(1_800_000_000_000);
        assert_eq!(time.to_name(), "2027-01-15T08-00-00Z");
        assert_eq!(Timestamp::from_name(&time.to_name()), Some(time));
        assert!((time + Duration::from_secs(1)).to_name() > time.to_name());
        assert_eq!(Timestamp::from_name("yesterday"), None);
        for far in [i64::MIN, -1, i64::MAX] {
            assert!(Timestamp::from_name(&Timestamp::from_millis(far).to_name()).is_some());
        }
    }
}
