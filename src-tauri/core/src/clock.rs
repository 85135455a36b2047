//! Time, read in one place.
//!
//! Everything else takes `now` as an argument, so that tests choose it; only loops and the entry
//! points of [`App`](crate::App) hold a [`Clock`]. Wall time decides when a lease expires; the
//! monotonic reading only tells a suspended or stepped clock from one that simply went on.

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
    /// The instant `millis` milliseconds after the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// As a part of a file's name, in the order of time: `2027-01-15T08-00-00Z`.
    pub(crate) fn to_name(self) -> String {
        /// The end of the year 9999, where the form ends.
        const LAST: u64 = 253_402_300_799_000;

        let millis = u64::try_from(self.0).unwrap_or(0).min(LAST);
        let since_epoch = Duration::from_millis(millis);
        let text = humantime::format_rfc3339_seconds(UNIX_EPOCH + since_epoch).to_string();
        // Not every file system takes colons.
        text.replace(':', "-")
    }

    /// The time in such a name, to the second.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let (day, time) = name.split_once('T')?;
        let text = format!("{day}T{}", time.replace('-', ":"));
        let time = humantime::parse_rfc3339(&text).ok()?;
        let since_epoch = time.duration_since(UNIX_EPOCH).ok()?;
        Some(Self(i64::try_from(since_epoch.as_millis()).ok()?))
    }

    /// How long after `earlier` this is; zero when it is not after.
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

/// Reads the time.
pub trait Clock: std::fmt::Debug + Send + Sync + 'static {
    /// Wall time. It may step in either direction.
    fn now(&self) -> Timestamp;

    /// Time since some fixed point in this process. It never goes back, and may stand still while
    /// the machine sleeps.
    fn monotonic(&self) -> Duration;
}

/// The clock of the operating system.
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

/// A clock that moves only when it is told to, for tests.
#[derive(Debug)]
pub struct ManualClock {
    reading: Mutex<(Timestamp, Duration)>,
}

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self {
            reading: Mutex::new((now, Duration::ZERO)),
        }
    }

    /// Lets `duration` pass, on both readings.
    pub fn advance(&self, duration: Duration) {
        let mut reading = self.lock();
        *reading = (reading.0 + duration, reading.1 + duration);
    }

    /// Steps wall time alone, as a suspend, an NTP correction or the user does.
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
