//! A provider's rate limit: a maximum of requests in a fixed window, which begins with its first request.

use std::time::Duration;

use tokio::time::Instant;

/// A fixed-window rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// The maximum number of requests in one window; others are refused.
    pub requests: u32,
    /// The length of a window. It begins with the first request after the previous window has ended.
    pub window: Duration,
    /// The headers that report it.
    pub headers: RateHeaders,
}

/// The headers that report a rate limit to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateHeaders {
    /// None, only the 429.
    None,
    /// `Retry-After` with a 429, in whole seconds, as most providers send it.
    RetryAfter,
    /// `Retry-After` with a 429, in seconds with a fraction.
    RetryAfterFraction,
    /// `x-ratelimit-*-requests` with every response, and `Retry-After` in whole seconds with a 429.
    Full,
}

/// The state of a rate limit.
#[derive(Debug)]
pub(crate) struct Rate {
    limit: RateLimit,
    ends: Option<Instant>,
    taken: u32,
    refused: Vec<usize>,
}

/// The outcome of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Whether it is answered.
    pub(crate) allowed: bool,
    /// Additional headers of its response.
    pub(crate) headers: Vec<(String, String)>,
}

impl Rate {
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self {
            limit,
            ends: None,
            taken: 0,
            refused: Vec::new(),
        }
    }

    /// Counts a request that arrives at `now`.
    pub(crate) fn ask(&mut self, now: Instant) -> Verdict {
        let ends = match self.ends {
            Some(ends) if now < ends => ends,
            _ => {
                self.taken = 0;
                self.refused.push(0);
                now + self.limit.window
            }
        };
        self.ends = Some(ends);
        let allowed = self.taken < self.limit.requests;
        if allowed {
            self.taken += 1;
        } else if let Some(refused) = self.refused.last_mut() {
            *refused += 1;
        }
        Verdict {
            allowed,
            headers: self.headers(allowed, ends - now),
        }
    }

    /// Returns how many requests were refused in each window that has begun.
    pub(crate) fn refused(&self) -> &[usize] {
        &self.refused
    }

    fn headers(&self, allowed: bool, left: Duration) -> Vec<(String, String)> {
        let header = |name: &str, value: String| (name.to_owned(), value);
        let whole = || header("retry-after", (left.as_secs_f64().ceil()).to_string());
        let mut headers = Vec::new();
        if self.limit.headers == RateHeaders::Full {
            let rest = self.limit.requests - self.taken;
            headers = vec![
                header(
                    "x-ratelimit-limit-requests",
                    self.limit.requests.to_string(),
                ),
                header("x-ratelimit-remaining-requests", rest.to_string()),
                header("x-ratelimit-reset-requests", go_duration(left)),
            ];
        }
        match self.limit.headers {
            _ if allowed => {}
            RateHeaders::None => {}
            RateHeaders::RetryAfter | RateHeaders::Full => headers.push(whole()),
            RateHeaders::RetryAfterFraction => {
                // Rounded up, or a client that waits exactly this long would still retry too early.
                let millis = left.as_micros().div_ceil(1000);
                let seconds = format!("{}.{:03}", millis / 1000, millis % 1000);
                headers.push(header("retry-after", seconds));
            }
        }
        headers
    }
}

/// Formats a duration as Go does, and OpenAI its resets: `17ms`, `1.2s`, `6m0s`.
fn go_duration(left: Duration) -> String {
    let millis = left.as_micros().div_ceil(1000);
    let (minutes, rest) = (millis / 60_000, millis % 60_000);
    let seconds = format!("{}.{:03}", rest / 1000, rest % 1000);
    let seconds = seconds.trim_end_matches('0').trim_end_matches('.');
    match (minutes, rest) {
        (0, ..1000) => format!("{rest}ms"),
        (0, _) => format!("{seconds}s"),
        _ => format!("{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(requests: u32, headers: RateHeaders) -> Rate {
        Rate::new(RateLimit {
            requests,
            window: Duration::from_secs(10),
            headers,
        })
    }

    #[test]
    fn a_window_begins_with_its_first_request_and_refuses_what_is_too_much() {
        let mut rate = rate(2, RateHeaders::None);
        let start = Instant::now();
        let mut ask = |seconds| rate.ask(start + Duration::from_secs(seconds)).allowed;
        let allowed = [3, 4, 5, 12, 13, 14, 15, 40].map(&mut ask);
        assert_eq!(allowed, [true, true, false, false, true, true, false, true]);
        assert_eq!(rate.refused(), [2, 1, 0]);
    }

    #[test]
    fn each_kind_of_headers_says_when_to_come_again() {
        let said = |headers, after: u64| {
            let mut rate = rate(1, headers);
            let start = Instant::now();
            let first = rate.ask(start).headers;
            let refused = rate.ask(start + Duration::from_millis(after)).headers;
            let text = |headers: Vec<(String, String)>| {
                let lines = headers
                    .into_iter()
                    .map(|(name, value)| format!("{name}: {value}"));
                lines.collect::<Vec<_>>().join("\n")
            };
            (text(first), text(refused))
        };
        let nothing = String::new();
        assert_eq!(
            said(RateHeaders::None, 1),
            (nothing.clone(), nothing.clone())
        );
        let (first, refused) = said(RateHeaders::RetryAfter, 1);
        assert_eq!((first.as_str(), refused.as_str()), ("", "retry-after: 10"));
        let (first, refused) = said(RateHeaders::RetryAfterFraction, 8_750);
        assert_eq!(
            (first.as_str(), refused.as_str()),
            ("", "retry-after: 1.250")
        );
        let (first, refused) = said(RateHeaders::Full, 8_800);
        assert!(first.contains("remaining-requests: 0\nx-ratelimit-reset-requests: 10s"));
        assert!(refused.contains("x-ratelimit-limit-requests: 1\n"));
        assert!(refused.ends_with("x-ratelimit-reset-requests: 1.2s\nretry-after: 2"));
    }

    #[test]
    fn durations_are_written_as_openai_writes_them() {
        let written = |millis| go_duration(Duration::from_millis(millis));
        assert_eq!(written(17), "17ms");
        assert_eq!(written(1_200), "1.2s");
        assert_eq!(written(360_000), "6m0s");
        assert_eq!(written(90_050), "1m30.05s");
    }
}
