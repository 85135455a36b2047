//! The headers in which providers report their rate limits.

use conch_core::model::Timestamp;
use conch_core::provider::fuzzing;
use http::{HeaderMap, HeaderName, HeaderValue};

/// A realistic time, and the extremes.
pub(crate) const NOWS: [Timestamp; 3] = [
    Timestamp::from_millis(1_800_000_000_000),
    Timestamp::from_millis(i64::MIN),
    Timestamp::from_millis(i64::MAX),
];

/// Lines of `name: value`, at any time: the gate accepts the parsed limits.
pub fn limits(data: &[u8]) {
    let headers = headers(data);
    for now in NOWS {
        let limits = fuzzing::limits(&headers, now);
        assert_eq!(limits, fuzzing::limits(&headers, now));
    }
}

/// Parses headers, skipping invalid lines.
pub(crate) fn headers(lines: &[u8]) -> HeaderMap {
    let header = |line: &[u8]| {
        let at = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..at]).ok()?;
        let value = HeaderValue::from_bytes(line[at + 1..].trim_ascii()).ok()?;
        Some((name, value))
    };
    // hyper limits a response head to a few kilobytes.
    let lines = lines.split(|byte| *byte == b'\n').take(100);
    lines.filter_map(header).collect()
}
