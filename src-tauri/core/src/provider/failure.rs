//! Why a provider gave no answer, in words for the user, and whether asking again may help.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use crate::chat::MessageError;
use crate::clock::Timestamp;

/// A failed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its stable name.
    pub kind: FailureKind,
    /// For people: the provider's reason where there is one, and what to do.
    pub message: String,
    /// Whether asking again may help, as long as no text has come.
    pub retry: Retry,
}

/// The stable name of a failure; [`name`](Self::name) is what is stored with the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each says itself")]
pub enum FailureKind {
    Unreachable,
    WrongKey,
    UnknownModel,
    RateLimited,
    Rejected,
    ProviderFault,
    UnexpectedResponse,
    TooLarge,
    Timeout,
    StreamCut,
    InsecureUrl,
    EmbeddedModel,
    Internal,
}

impl FailureKind {
    /// The name in the database and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "provider_unreachable",
            Self::WrongKey => "wrong_key",
            Self::UnknownModel => "unknown_model",
            Self::RateLimited => "rate_limited",
            Self::Rejected => "request_rejected",
            Self::ProviderFault => "provider_fault",
            Self::UnexpectedResponse => "unexpected_response",
            Self::TooLarge => "response_too_large",
            Self::Timeout => "timed_out",
            Self::StreamCut => "stream_cut",
            Self::InsecureUrl => "insecure_url",
            Self::EmbeddedModel => "embedded_model",
            Self::Internal => "internal",
        }
    }
}

/// Whether asking again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It would fail the same way, or could answer twice.
    Never,
    /// After a pause of our choice.
    Backoff,
    /// After the pause that the provider asked for.
    After(Duration),
}

impl Failure {
    /// A failure that asking again would not mend.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            retry: Retry::Never,
        }
    }

    pub(crate) fn retrying(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// What is stored with the message.
    pub fn to_error(&self) -> MessageError {
        MessageError {
            code: self.kind.name().to_owned(),
            message: self.message.clone(),
        }
    }

    /// No connection to `base_url`, or none that held.
    pub(super) fn unreachable(base_url: &str, error: &reqwest::Error) -> Self {
        Self::new(
            FailureKind::Unreachable,
            format!(
                "No connection to {base_url}: {}. Check the network and that the provider runs",
                root_cause(error)
            ),
        )
    }

    /// A refusal by status, with the reason that the body gives.
    pub(super) fn from_status(
        status: StatusCode,
        headers: &HeaderMap,
        body: &str,
        now: Timestamp,
    ) -> Self {
        let reason = reason_in(body).unwrap_or_else(|| {
            status
                .canonical_reason()
                .unwrap_or("no reason given")
                .to_owned()
        });
        let code = status.as_u16();
        let (kind, message) = match code {
            401 | 403 => (
                FailureKind::WrongKey,
                format!("The provider refused the key ({code}): {reason}"),
            ),
            404 => (
                FailureKind::UnknownModel,
                format!("The provider does not know this model or address (404): {reason}"),
            ),
            429 => (
                FailureKind::RateLimited,
                format!("The provider's rate limit is reached (429): {reason}"),
            ),
            413 => (
                FailureKind::Rejected,
                format!("The conversation is too long for the provider (413): {reason}"),
            ),
            500.. => (
                FailureKind::ProviderFault,
                format!("The provider failed ({code}): {reason}"),
            ),
            _ => (
                FailureKind::Rejected,
                format!("The provider rejected the request ({code}): {reason}"),
            ),
        };
        let retry = match code {
            408 | 409 | 429 | 500.. => {
                retry_after(headers, now).map_or(Retry::Backoff, Retry::After)
            }
            _ => Retry::Never,
        };
        Self::new(kind, message).retrying(retry)
    }
}

/// The last cause of an error, which says more than "error sending request".
pub(super) fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(cause) = error.source() {
        error = cause;
    }
    error.to_string()
}

/// The message in an error body: `{"error":{"message":…}}`, `{"error":"…"}` or `{"message":…}`.
pub(super) fn reason_in(body: &str) -> Option<String> {
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    let error = body.get("error").filter(|error| !error.is_null());
    let reason = match error {
        Some(error) => error.get("message").unwrap_or(error),
        None => body.get("message").or_else(|| body.get("detail"))?,
    };
    match reason {
        serde_json::Value::String(text) if text.trim().is_empty() => None,
        serde_json::Value::String(text) => Some(text.trim().to_owned()),
        other => Some(other.to_string()),
    }
}

/// The pause that the provider asks for: `retry-after-ms`, or `retry-after` in seconds or as a date
/// ([RFC 9110 §10.2.3](https://www.rfc-editor.org/rfc/rfc9110#name-retry-after)).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(millis) = text("retry-after-ms").and_then(|text| text.parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(millis / 1000.0).ok();
    }
    let value = text("retry-after")?;
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = httpdate::parse_http_date(value).ok()?;
    let date = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    let date = Timestamp::from_millis(i64::try_from(date.as_millis()).ok()?);
    Some(date.since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(784_111_777_000);

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(
            reqwest::header::HeaderName::from_static(name),
            reqwest::header::HeaderValue::from_static(value),
        )])
    }

    #[test]
    fn every_form_of_retry_after_is_read() {
        let wait = |name, value| retry_after(&headers(name, value), NOW);

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
    }

    #[test]
    fn the_providers_own_reason_is_told() {
        for body in [
            r#"{"error":{"message":"no such key","type":"x"}}"#,
            r#"{"error":"no such key"}"#,
            r#"{"message":"no such key"}"#,
            r#"{"error":null,"detail":"no such key"}"#,
        ] {
            let failure =
                Failure::from_status(StatusCode::UNAUTHORIZED, &HeaderMap::new(), body, NOW);
            assert_eq!(failure.kind, FailureKind::WrongKey);
            assert!(
                failure.message.ends_with("no such key"),
                "{body}: {failure:?}"
            );
            assert_eq!(failure.retry, Retry::Never, "a wrong key stays wrong");
        }
    }

    #[test]
    fn only_passing_faults_are_asked_again() {
        let retry = |code: u16| {
            let status = StatusCode::from_u16(code).unwrap();
            Failure::from_status(status, &HeaderMap::new(), "", NOW).retry
        };
        for code in [408, 409, 429, 500, 502, 503, 529] {
            assert_eq!(retry(code), Retry::Backoff, "{code}");
        }
        for code in [301, 400, 401, 403, 404, 413, 422] {
            assert_eq!(retry(code), Retry::Never, "{code}");
        }
    }
}
