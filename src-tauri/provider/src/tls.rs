//! Why a secure connection was not established, and what the user can do about it.
//!
//! Certificates are verified with the system's store by `rustls-platform-verifier`: on Linux the store's files, or
//! `SSL_CERT_FILE` and `SSL_CERT_DIR` instead of them, on macOS and Windows the system's own verifier.

pub(crate) mod pinned;

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use rustls::{CertificateError, InvalidMessage};

use self::pinned::AnotherCertificate;
use crate::failure::FailureKind;
use crate::network::Proxy;

/// How many of a certificate's names are shown.
const MAX_NAMES: usize = 3;

/// Why a TLS handshake failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TlsFault {
    /// The certificate is from an authority that the system does not trust, or is its own.
    UnknownAuthority,
    /// With the date of its end, if that is known.
    Expired(Option<String>),
    /// With the date of its beginning, if that is known.
    NotYetValid(Option<String>),
    /// The certificate is another host's; its names, if they are known.
    WrongName(Vec<String>),
    /// The certificate is an authority's own, as `openssl req -x509` makes it.
    AuthorityAsServer,
    /// The user trusts another certificate of this server.
    AnotherCertificate,
    /// The peer does not speak TLS.
    NoTls,
    /// The peer refused the handshake, in rustls' words.
    Refused(String),
}

impl TlsFault {
    /// Returns the fault that caused an error of the HTTP client, if it was one of TLS.
    pub(super) fn of(error: &reqwest::Error) -> Option<Self> {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = cause {
            if let Some(error) = rustls_error(error) {
                return Some(Self::from(error));
            }
            cause = error.source();
        }
        None
    }

    /// Returns the kind of the failure: some of them the user can settle by a consent.
    pub(super) const fn kind(&self) -> FailureKind {
        match self {
            Self::UnknownAuthority | Self::AuthorityAsServer => FailureKind::UntrustedCertificate,
            Self::AnotherCertificate => FailureKind::ChangedCertificate,
            _ => FailureKind::Unreachable,
        }
    }

    /// Explains the fault to the user, with the next step.
    pub(super) fn message(&self, host: &str, proxy: Option<&Proxy>) -> String {
        let mut message = match self {
            Self::UnknownAuthority if cfg!(target_os = "linux") => format!(
                "The certificate of {host} is from an authority that this machine does not trust. If you trust it, add the authority's certificate to the system's store, or name a file with it in SSL_CERT_FILE, and restart Conch. For a single server, test the connection in the provider's settings and compare its fingerprint"
            ),
            Self::UnknownAuthority => format!(
                "The certificate of {host} is from an authority that this machine does not trust. If you trust it, add the authority's certificate to the system's store and restart Conch. For a single server, test the connection in the provider's settings and compare its fingerprint"
            ),
            Self::Expired(date) => format!(
                "The certificate of {host} expired{}. Renew it on the server. If it should still be valid, correct this machine's clock",
                on(" on ", date.as_deref())
            ),
            Self::NotYetValid(date) => format!(
                "The certificate of {host} is not valid yet{}. Correct this machine's clock",
                on(", but from ", date.as_deref())
            ),
            Self::WrongName(names) if names.is_empty() => format!(
                "The certificate of {host} is for another name. Use the name that it is for in the base URL"
            ),
            Self::WrongName(names) => format!(
                "The certificate of {host} is for {}. Use that name in the base URL",
                names.join(", ")
            ),
            Self::AuthorityAsServer => format!(
                "The certificate of {host} is an authority's, which no server may use. Make one with basicConstraints=CA:FALSE on the server, or test the connection in the provider's settings and compare its fingerprint"
            ),
            // The connection test shows both fingerprints where they are compared.
            Self::AnotherCertificate => format!(
                "{host} has another certificate than the one that you trust. If the server was set up again, test the connection in the provider's settings and compare the fingerprints; otherwise, something else may be answering in its place"
            ),
            Self::NoTls => format!(
                "{host} answered without encryption. Change https:// to http:// if the server is on this machine or in your network, or check the port"
            ),
            Self::Refused(reason) => format!(
                "A secure connection to {host} could not be established: {reason}. Check the base URL, its port and the server's TLS settings"
            ),
        };
        if let Some(proxy) = proxy {
            let _ = write!(message, ". The connection went through the proxy {proxy}");
        }
        message
    }
}

impl From<&rustls::Error> for TlsFault {
    fn from(error: &rustls::Error) -> Self {
        use rustls::Error::{InvalidCertificate, InvalidMessage as Invalid};

        match error {
            InvalidCertificate(error) => Self::from(error),
            Invalid(
                InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
            ) => Self::NoTls,
            other => Self::Refused(other.to_string()),
        }
    }
}

impl From<&CertificateError> for TlsFault {
    fn from(error: &CertificateError) -> Self {
        match error {
            // The last two: a trusted authority has the issuer's name, but another key. So it is where an earlier
            // certificate of a self-signed server is in the store.
            CertificateError::UnknownIssuer
            | CertificateError::BadSignature
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                Self::UnknownAuthority
            }
            CertificateError::Expired => Self::Expired(None),
            CertificateError::ExpiredContext { not_after, .. } => {
                Self::Expired(date(not_after.as_secs()))
            }
            CertificateError::NotValidYet => Self::NotYetValid(None),
            CertificateError::NotValidYetContext { not_before, .. } => {
                Self::NotYetValid(date(not_before.as_secs()))
            }
            CertificateError::NotValidForName => Self::WrongName(Vec::new()),
            CertificateError::NotValidForNameContext { presented, .. } => Self::WrongName(
                presented
                    .iter()
                    .take(MAX_NAMES)
                    .map(|name| plain(name))
                    .collect(),
            ),
            CertificateError::Other(error) if error.0.is::<AnotherCertificate>() => {
                Self::AnotherCertificate
            }
            // It is no variant of rustls, and only its own debug text names it.
            other if format!("{other:?}").contains("CaUsedAsEndEntity") => Self::AuthorityAsServer,
            other => Self::Refused(other.to_string()),
        }
    }
}

/// Returns whether the body of an error response says that the server expects https: the sentences of nginx, Apache
/// and Go.
pub(super) fn expects_https(body: &str) -> bool {
    [
        "plain HTTP request was sent to HTTPS port",
        "speaking plain HTTP to an SSL-enabled server port",
        "sent an HTTP request to an HTTPS server",
    ]
    .iter()
    .any(|sentence| body.contains(sentence))
}

/// Returns the error of rustls in this error. An I/O error hides it from `source`.
fn rustls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(error) = error.downcast_ref() {
        return Some(error);
    }
    let inner = error.downcast_ref::<std::io::Error>()?.get_ref()?;
    rustls_error(inner)
}

/// Returns the date of a time in seconds since 1970: `2026-11-30`. `None` if it is out of range.
fn date(seconds: u64) -> Option<String> {
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
    // Nothing later has four digits, and `humantime` panics.
    if seconds > 253_402_300_799 {
        return None;
    }
    let text = humantime::format_rfc3339_seconds(time).to_string();
    text.split_once('T').map(|(date, _)| date.to_owned())
}

fn on(word: &str, date: Option<&str>) -> String {
    date.map_or_else(String::new, |date| format!("{word}{date}"))
}

/// Returns the name in rustls' debug form: `DnsName("example.com")`.
fn plain(name: &str) -> String {
    let inner = name.split_once('(').map_or(name, |(_, inner)| inner);
    inner.trim_end_matches(')').trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests;
