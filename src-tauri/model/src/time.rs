//! Points in time.

use std::time::{Duration, UNIX_EPOCH};

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
    pub fn to_name(self) -> String {
        /// The end of the year 9999, the last that the format can express.
        const LAST: u64 = 253_402_300_799_000;

        let millis = u64::try_from(self.0).unwrap_or(0).min(LAST);
        let since_epoch = Duration::from_millis(millis);
        let text = humantime::format_rfc3339_seconds(UNIX_EPOCH + since_epoch).to_string();
        // Some file systems do not allow colons.
        text.replace(':', "-")
    }

    /// Parses such a name, to the second.
    pub fn from_name(name: &str) -> Option<Self> {
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
