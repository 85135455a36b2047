//! Rate limits in a provider's response headers: when to retry, and how many requests are left until the
//! reset.

use std::time::Duration;

use conch_model::Timestamp;
use reqwest::header::HeaderMap;

use super::protocol::{Protocol, protocols};

/// The requests that a provider still accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestBudget {
    /// Requests left.
    pub remaining: u32,
    /// Time until the reset.
    pub resets_in: Duration,
}

/// The names of the headers with such a budget.
#[derive(Debug)]
pub struct BudgetHeaders {
    /// The header with the number of requests left.
    pub(crate) remaining: &'static str,
    /// The header with the time of the reset, in any form that is parsed here.
    pub(crate) reset: &'static str,
}

impl RequestBudget {
    /// Reads the budget from a response's headers, if they have one.
    pub fn read(headers: &HeaderMap, now: Timestamp) -> Option<Self> {
        let mut names = protocols().flat_map(Protocol::budget_headers);
        names.find_map(|names| {
            Some(Self {
                remaining: text(headers, names.remaining)?.parse().ok()?,
                resets_in: reset_in(text(headers, names.reset)?, now)?,
            })
        })
    }
}

/// Returns the pause that the provider requests: `retry-after-ms`, or `retry-after` in seconds or as a date
/// ([RFC 9110 §10.2.3](https://www.rfc-editor.org/rfc/rfc9110#name-retry-after)).
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    if let Some(millis) = text(headers, "retry-after-ms").and_then(|text| text.parse::<f64>().ok())
    {
        return Duration::try_from_secs_f64(millis / 1000.0).ok();
    }
    let value = text(headers, "retry-after")?;
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = httpdate::parse_http_date(value).ok()?;
    since_epoch(date).map(|date| date.since(now))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Parses a reset: `1m30.5s`, an RFC 3339 date, seconds from now, or epoch seconds or milliseconds.
fn reset_in(value: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(number) = value.parse::<f64>() {
        let millis = Duration::try_from_secs_f64(number / 1000.0).ok()?;
        return match number {
            ..1e8 => Duration::try_from_secs_f64(number).ok(),
            1e8..1e11 => Some(epoch(millis.checked_mul(1000)?)?.since(now)),
            _ => Some(epoch(millis)?.since(now)),
        };
    }
    if let Ok(date) = humantime::parse_rfc3339(value) {
        return since_epoch(date).map(|date| date.since(now));
    }
    spans(value)
}

/// Parses Go's duration format: `6m0s`, `1.2s`, `20ms`.
pub(super) fn spans(mut value: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    while !value.is_empty() {
        let unit_at = value.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = value[..unit_at].parse().ok()?;
        let rest = &value[unit_at..];
        let unit_end = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let seconds = match &rest[..unit_end] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        // The value is untrusted: a sum that overflows is ignored.
        total = total.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        value = &rest[unit_end..];
    }
    Some(total)
}

fn since_epoch(date: std::time::SystemTime) -> Option<Timestamp> {
    epoch(date.duration_since(std::time::UNIX_EPOCH).ok()?)
}

fn epoch(since: Duration) -> Option<Timestamp> {
    Some(Timestamp::from_millis(
        i64::try_from(since.as_millis()).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(784_111_777_000);

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|&(name, value)| {
            (
                reqwest::header::HeaderName::from_static(name),
                reqwest::header::HeaderValue::from_static(value),
            )
        });
        pairs.collect()
    }

    #[test]
    fn every_form_of_retry_after_is_read() {
        let wait = |name, value| retry_after(&headers(&[(name, value)]), NOW);

        assert_eq!(wait("retry-after", "2"), Some(Duration::from_secs(2)));
        assert_eq!(wait("retry-after", "0.5"), Some(Duration::from_millis(500)));
        assert_eq!(
            wait("retry-after-ms", "250"),
            Some(Duration::from_millis(250))
        );
        assert_eq!(
            wait("retry-after", "Sun, 06 Nov 1994 08:49:40 GMT"),
            Some(Duration::from_secs(3)),
            "a date counts from now"
        );
        assert_eq!(wait("retry-after", "soon"), None);
        assert_eq!(wait("retry-after", "-1"), None);
        assert_eq!(wait("retry-after", "1e300"), None);
        assert_eq!(wait("retry-after-ms", "inf"), None);
        assert_eq!(wait("retry-after", "18446744073709551615"), None);
        assert!(wait("retry-after", "9999999999999999").is_some());
    }

    #[test]
    fn every_form_of_a_reset_is_read() {
        let millis = |value| reset_in(value, NOW).map(|reset| reset.as_millis());
        assert_eq!(millis("1s"), Some(1000));
        assert_eq!(millis("6m0s"), Some(360_000));
        assert_eq!(millis("1m30.5s"), Some(90_500));
        assert_eq!(millis("20ms"), Some(20));
        assert_eq!(millis("12"), Some(12_000));
        assert_eq!(millis("784111780000"), Some(3000), "epoch milliseconds");
        assert_eq!(millis("1994-11-06T08:49:40Z"), Some(3000));
        assert_eq!(millis("soon"), None);
        assert_eq!(millis("5x"), None);
        for endless in [
            // Each fits into a duration, and their sum does not.
            "18446744073709549568s18446744073709549568s",
            "18446744073709551615s1s",
            "213503982334601d1h",
            "1e300",
            "99999999999999999999999999",
            "inf",
            "NaN",
            "-1",
            "9999-12-31T23:59:59Z",
        ] {
            let read = millis(endless);
            assert!(read.is_none_or(|millis| millis > 0), "{endless}: {read:?}");
        }
    }

    #[test]
    fn the_budget_is_read_under_each_providers_names() {
        let names: Vec<_> = protocols().flat_map(Protocol::budget_headers).collect();
        assert!(names.len() >= 3);
        for &BudgetHeaders { remaining, reset } in names {
            let budget = RequestBudget::read(&headers(&[(remaining, "3"), (reset, "2s")]), NOW);
            let expected = RequestBudget {
                remaining: 3,
                resets_in: Duration::from_secs(2),
            };
            assert_eq!(budget, Some(expected), "{remaining}");
        }
        assert_eq!(RequestBudget::read(&HeaderMap::new(), NOW), None);
    }
}
