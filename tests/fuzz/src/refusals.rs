//! Refusals: an error status with arbitrary headers and body.

use conch_core::provider::fuzzing;
use http::StatusCode;

use crate::limits::{NOWS, headers};

/// Shorter keys are not redacted.
const MIN_KEY_LENGTH: usize = 8;

/// The first line is the status, the second the key that was sent; then headers, an empty line and a body.
///
/// The message is not empty, of limited length, and does not contain the key.
pub fn refusals(data: &[u8]) {
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let (Some(status), Some(key), Some(rest)) = (lines.next(), lines.next(), lines.next()) else {
        return;
    };
    let status = std::str::from_utf8(status).ok();
    let status = status.and_then(|status| status.parse::<StatusCode>().ok());
    let Some(status) = status.filter(|status| !status.is_success()) else {
        return;
    };
    // Only what may be saved as a key.
    let key = std::str::from_utf8(key).unwrap_or_default().trim();
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return;
    }
    let end = rest.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = end.map_or((rest, &b""[..]), |at| (&rest[..at], &rest[at + 2..]));
    let (headers, body) = (headers(head), String::from_utf8_lossy(body));
    for now in NOWS {
        let (failure, effect) = fuzzing::refusal(status, &headers, &body, key, now);
        let message = &failure.message;
        assert!(!message.trim().is_empty());
        assert!(message.len() <= 4 * data.len() + 512, "{message}");
        assert!(
            key.len() < MIN_KEY_LENGTH || !message.contains(key),
            "the key stands in {message}"
        );
        assert!(effect.is_some(), "the turn goes on or ends: {failure:?}");
    }
}
