//! An estimate of how many tokens a text costs.

/// Minimum bytes of UTF-8 per token: three in English prose and code, and in most other scripts, whose
/// characters have two or three bytes each.
pub(crate) const BYTES_PER_TOKEN: usize = 3;

/// Estimates the tokens of a text.
pub(crate) fn text_tokens(text: &str) -> u32 {
    u32::try_from(text.len().div_ceil(BYTES_PER_TOKEN)).unwrap_or(u32::MAX)
}
