//! Why a provider returned no answer, in words for the user, and whether a retry may help.

use std::fmt::Write as _;
use std::time::Duration;

use conch_model::{MessageError, Timestamp};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::limits::retry_after;
use super::protocol::protocols;
use super::reasons::reason_in;
use super::tls::{self, TlsFault};
use crate::network::{NotOwnNetwork, Proxy, Route, RouteError};

/// Maximum bytes of a reason that are shown and stored.
const REASON_LIMIT: usize = 4 * 1024;

/// A failed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The stable error code.
    pub kind: FailureKind,
    /// The message for the user: the provider's reason if there is one, and what to do.
    pub message: String,
    /// Whether a retry may help, as long as no text has arrived.
    pub retry: Retry,
    /// The HTTP status of a refusal.
    pub status: Option<u16>,
    /// The provider's own words, if it gave a reason.
    pub reason: Option<String>,
}

/// The stable code of a failure; [`name`](Self::name) is stored with the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "variant names say it")]
pub enum FailureKind {
    Unreachable,
    WrongKey,
    UnknownModel,
    UnknownPath,
    RateLimited,
    OutOfCredit,
    ContextTooLong,
    ContentFiltered,
    EmptyAnswer,
    Rejected,
    ProviderFault,
    UnexpectedResponse,
    TooLarge,
    Timeout,
    StreamCut,
    InsecureUrl,
    /// The certificate is from an unknown authority; the user may trust it.
    UntrustedCertificate,
    /// The user trusts another certificate of this server.
    ChangedCertificate,
    /// The embedded model's process could not start or failed.
    EmbeddedModel,
    /// Its file cannot be used.
    ModelFile(ModelFault),
    Internal,
}

impl FailureKind {
    /// Returns the name in the database and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "provider_unreachable",
            Self::WrongKey => "wrong_key",
            Self::UnknownModel => "unknown_model",
            Self::UnknownPath => "unknown_path",
            Self::RateLimited => "rate_limited",
            Self::OutOfCredit => "out_of_credit",
            Self::ContextTooLong => "context_too_long",
            Self::ContentFiltered => "content_filtered",
            Self::EmptyAnswer => "empty_answer",
            Self::Rejected => "request_rejected",
            Self::ProviderFault => "provider_fault",
            Self::UnexpectedResponse => "unexpected_response",
            Self::TooLarge => "response_too_large",
            Self::Timeout => "timed_out",
            Self::StreamCut => "stream_cut",
            Self::InsecureUrl => "insecure_url",
            Self::UntrustedCertificate => "untrusted_certificate",
            Self::ChangedCertificate => "changed_certificate",
            Self::EmbeddedModel => "embedded_model",
            Self::ModelFile(fault) => fault.name(),
            Self::Internal => "internal",
        }
    }
}

/// Why the embedded model's file cannot be used, by the codes of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "variant names say it")]
pub enum ModelFault {
    Missing,
    NotGguf,
    Damaged,
    Incomplete,
    NotForChat,
    Unsupported,
    OutOfMemory,
    CpuUnsupported,
}

impl ModelFault {
    const ALL: [Self; 8] = [
        Self::Missing,
        Self::NotGguf,
        Self::Damaged,
        Self::Incomplete,
        Self::NotForChat,
        Self::Unsupported,
        Self::OutOfMemory,
        Self::CpuUnsupported,
    ];

    /// Returns the code.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "model_missing",
            Self::NotGguf => "model_not_gguf",
            Self::Damaged => "model_damaged",
            Self::Incomplete => "model_incomplete",
            Self::NotForChat => "model_not_for_chat",
            Self::Unsupported => "model_unsupported",
            Self::OutOfMemory => "out_of_memory",
            Self::CpuUnsupported => "cpu_unsupported",
        }
    }

    /// Returns the fault with this code; `None` for others.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }

    /// Returns the fault that a file's header shows.
    pub fn of(fault: &conch_gguf::Fault) -> Self {
        Self::from_name(fault.code()).unwrap_or(Self::Damaged)
    }
}

impl From<RouteError> for Failure {
    fn from(error: RouteError) -> Self {
        let kind = match error {
            RouteError::Address(_) | RouteError::Proxy(_) => FailureKind::Unreachable,
            RouteError::NotPublic(_) | RouteError::Client(_) => FailureKind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}

/// Whether a retry may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// A retry would fail the same way, or could produce a second answer.
    Never,
    /// After a pause from Conch's own backoff.
    Backoff,
    /// After the pause that the provider requested.
    After(Duration),
}

impl Failure {
    /// Creates a failure that is not retried.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            retry: Retry::Never,
            status: None,
            reason: None,
        }
    }

    /// Returns the failure with another decision about a retry.
    #[must_use]
    pub fn retrying(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// Returns the failure with each of its texts changed.
    #[must_use]
    pub(super) fn map_texts(self, change: impl Fn(String) -> String) -> Self {
        Self {
            message: change(self.message),
            reason: self.reason.map(change),
            ..self
        }
    }

    /// Returns the error that is stored with the message.
    pub fn to_error(&self) -> MessageError {
        MessageError {
            code: self.kind.name().to_owned(),
            message: bounded(self.message.clone()),
        }
    }

    /// Truncates the texts: a provider may send megabytes of reason.
    pub(super) fn bounded(self) -> Self {
        self.map_texts(bounded)
    }

    /// A connection to `base_url` by this route that was not established, or broke.
    pub(super) fn unreachable(base_url: &str, error: &reqwest::Error, route: &Route) -> Self {
        let url = reqwest::Url::parse(base_url).ok();
        let host = url.as_ref().and_then(reqwest::Url::host_str);
        let host = host.unwrap_or(base_url);
        if has_cause::<NotOwnNetwork>(error) {
            return Self::new(
                FailureKind::InsecureUrl,
                format!(
                    "Nothing was sent: {host} is an address on the internet, and {base_url} is not encrypted. Use https"
                ),
            );
        }
        let obstacle = Obstacle::of(error);
        let cause = root_cause(error);
        let fault = TlsFault::of(error);
        let kind = fault
            .as_ref()
            .map_or(FailureKind::Unreachable, TlsFault::kind);
        let mut message = match (fault, route.proxy()) {
            (Some(fault), proxy) => fault.message(host, proxy),
            (None, Some(proxy)) => behind(proxy, host, obstacle, &cause),
            (None, None) => before(base_url, host, obstacle, &cause),
        };
        let is_plain = url.as_ref().is_some_and(|url| url.scheme() == "http");
        if obstacle == Obstacle::Other && is_plain {
            message.push_str(". If the server expects encryption, change http:// to https://");
        }
        if let Some(variable) = route.bypassed_proxy() {
            let _ = write!(
                message,
                ". The proxy in {variable} was not used, because it could read unencrypted requests"
            );
        }
        Self::new(kind, message)
    }

    /// An HTTP error status, with the reason from the body.
    pub fn from_status(
        status: StatusCode,
        headers: &HeaderMap,
        body: &str,
        now: Timestamp,
    ) -> Self {
        let stated = reason_in(body);
        let reason = stated.clone().unwrap_or_else(|| {
            status
                .canonical_reason()
                .unwrap_or("no reason given")
                .to_owned()
        });
        let code = status.as_u16();
        let kind = kind_of(code, body, stated.as_deref());
        let message = match kind {
            FailureKind::WrongKey => {
                format!("The provider rejected the API key ({code}): {reason}")
            }
            FailureKind::UnknownModel => {
                format!("The provider does not have this model or address (404): {reason}")
            }
            FailureKind::UnknownPath => {
                "There is no chat endpoint at the provider's base URL (404). Check its path"
                    .to_owned()
            }
            FailureKind::RateLimited => {
                format!("The provider's rate limit was exceeded ({code}): {reason}")
            }
            FailureKind::OutOfCredit => {
                format!("The provider account has no credit left ({code}): {reason}")
            }
            FailureKind::ContextTooLong => {
                format!("The conversation is too long for the model ({code}): {reason}")
            }
            FailureKind::ContentFiltered => {
                format!("The provider's content filter refused the message ({code}): {reason}")
            }
            FailureKind::ProviderFault => format!("The provider failed ({code}): {reason}"),
            FailureKind::UnexpectedResponse => {
                let to = headers
                    .get("location")
                    .and_then(|location| location.to_str().ok())
                    .unwrap_or("another address");
                format!("The provider's base URL redirects to {to} ({code}). Use that URL")
            }
            _ if tls::expects_https(body) => format!(
                "The server expects encryption ({code}). Change http:// to https:// in the base URL"
            ),
            _ => format!("The provider rejected the request ({code}): {reason}"),
        };
        let may_pass = kind == FailureKind::ProviderFault
            || kind == FailureKind::RateLimited
            || matches!(code, 408 | 409);
        let retry = if may_pass {
            let reported = || protocols().find_map(|protocol| protocol.pause(body));
            let pause = retry_after(headers, now).or_else(reported);
            pause.map_or(Retry::Backoff, Retry::After)
        } else {
            Retry::Never
        };
        Self {
            status: Some(code),
            reason: stated,
            ..Self::new(kind, message).retrying(retry)
        }
    }
}

/// Explains why a direct connection to the host failed, and what to do.
fn before(base_url: &str, host: &str, obstacle: Obstacle, cause: &str) -> String {
    match obstacle {
        Obstacle::UnknownHost | Obstacle::UnknownBehind => {
            format!(
                "The host {host} could not be found. Check the provider's base URL and the network"
            )
        }
        Obstacle::Refused => format!(
            "Nothing is listening at {base_url}. Start the server, or check the base URL and its port"
        ),
        Obstacle::Insecure => format!(
            "A secure connection to {host} could not be established: {cause}. Check that the server supports https, and that this machine's clock is right"
        ),
        Obstacle::Slow => format!(
            "{host} did not respond in time. Check the base URL and the network, or try again later"
        ),
        Obstacle::Other => format!(
            "A connection to {base_url} could not be established: {cause}. Check the network, and that the provider is running"
        ),
    }
}

/// Explains why a connection to the host through a proxy failed, and what to do.
fn behind(proxy: &Proxy, host: &str, obstacle: Obstacle, cause: &str) -> String {
    let remedy = proxy.remedy();
    match obstacle {
        Obstacle::UnknownBehind => {
            format!(
                "The host {host} could not be found. Check the provider's base URL and the network"
            )
        }
        Obstacle::UnknownHost => format!(
            "The proxy {proxy} could not be found: {remedy}, or add {host} to NO_PROXY, and restart Conch"
        ),
        Obstacle::Refused => format!(
            "The proxy {proxy} does not accept connections: start it, or {remedy} or add {host} to NO_PROXY and restart Conch"
        ),
        Obstacle::Insecure => format!(
            "A secure connection to {host} through the proxy {proxy} could not be established: {cause}. Check the proxy and this machine's clock"
        ),
        Obstacle::Slow => format!(
            "{host} did not respond in time through the proxy {proxy}. Check the proxy and the network, or try again later"
        ),
        Obstacle::Other if cause.contains("authorization required") => format!(
            "The proxy {proxy} requires a user name and a password: {remedy} by adding user:password@ before its host, and restart Conch"
        ),
        Obstacle::Other => format!(
            "The proxy {proxy} could not connect to {host}: {cause}. Check the proxy, or {remedy} or add {host} to NO_PROXY and restart Conch"
        ),
    }
}

/// Why a provider is unreachable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Obstacle {
    UnknownHost,
    /// The name was resolved for a proxy that accepts IP addresses only.
    UnknownBehind,
    Refused,
    Insecure,
    Slow,
    Other,
}

impl Obstacle {
    /// Classifies an error. The HTTP client distinguishes most of these only in its messages.
    fn of(error: &reqwest::Error) -> Self {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = cause {
            let io = error.downcast_ref::<std::io::Error>();
            if io.is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionRefused) {
                return Self::Refused;
            }
            let words = error.to_string();
            if words.contains("resolving for socks proxy") {
                return Self::UnknownBehind;
            }
            // It hides the reason why the proxy itself was not reached.
            if words.contains("SOCKS error: failed to create underlying connection") {
                return Self::Refused;
            }
            if words.contains("dns error") || words.contains("failed to lookup address") {
                return Self::UnknownHost;
            }
            let of_tls = ["certificate", "corrupt message", "handshake", "tls", "TLS"];
            if error.source().is_none() && of_tls.iter().any(|word| words.contains(word)) {
                return Self::Insecure;
            }
            cause = error.source();
        }
        if error.is_timeout() {
            Self::Slow
        } else {
            Self::Other
        }
    }
}

/// Classifies a refusal: by what a protocol recognises in its body, else by its status.
fn kind_of(status: u16, body: &str, reason: Option<&str>) -> FailureKind {
    // A web server says in plain text that it has no such path.
    let is_json = body.trim_start().starts_with(['{', '[']);
    let says_why = reason.is_some_and(|reason| is_json || reason.contains("model"));
    if let Some(kind) = protocols().find_map(|protocol| protocol.refusal(status, body)) {
        return kind;
    }
    match status {
        300..=399 => FailureKind::UnexpectedResponse,
        401 | 403 => FailureKind::WrongKey,
        402 => FailureKind::OutOfCredit,
        404 if says_why => FailureKind::UnknownModel,
        404 => FailureKind::UnknownPath,
        413 => FailureKind::ContextTooLong,
        429 => FailureKind::RateLimited,
        500.. => FailureKind::ProviderFault,
        _ => FailureKind::Rejected,
    }
}

fn bounded(mut message: String) -> String {
    if message.len() > REASON_LIMIT {
        message.truncate(message.floor_char_boundary(REASON_LIMIT - '…'.len_utf8()));
        message.push('…');
    }
    message
}

/// Returns whether an error of the HTTP client was caused by an error of this type.
pub(super) fn has_cause<E: std::error::Error + 'static>(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<E>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Returns the last cause of an error, which is more specific than "error sending request".
pub(super) fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(cause) = error.source() {
        error = cause;
    }
    error.to_string()
}

#[cfg(test)]
mod tests;
