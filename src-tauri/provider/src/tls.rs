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
    AnotherCertificate(AnotherCertificate),
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
            Self::AnotherCertificate(_) => FailureKind::ChangedCertificate,
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
                "The certificate of {host} expired{}. Renew it on the server. If it is not that old, correct this machine's clock",
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
            Self::AnotherCertificate(AnotherCertificate { trusted, presented }) => format!(
                "{host} has another certificate than the one that you trust. It has the fingerprint {presented}, and you trust {trusted}. If the server was set up again, test the connection in the provider's settings; otherwise, something else may be answering in its place"
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
            CertificateError::UnknownIssuer => Self::UnknownAuthority,
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
            CertificateError::Other(error) if error.0.is::<AnotherCertificate>() => error
                .0
                .downcast_ref()
                .copied()
                .map_or_else(|| Self::Refused(error.to_string()), Self::AnotherCertificate),
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
mod tests {
    use std::process::Command;
    use std::sync::Arc;

    use conch_model::Timestamp;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

    use super::*;
    use crate::endpoint::Provider;
    use crate::models;
    use crate::network::{Network, Proxies};

    const LIST: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 21\r\n\r\n{\"data\":[{\"id\":\"m\"}]}";

    fn params(name: &str) -> CertificateParams {
        CertificateParams::new([name.to_owned()]).unwrap()
    }

    /// Serves one model over TLS with this certificate, and returns the base URL.
    async fn serve(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> String {
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let _ = stream.read(&mut [0; 4096]).await;
                    let _ = stream.write_all(LIST).await;
                    let _ = stream.shutdown().await;
                }
            }
        });
        format!("https://localhost:{port}/v1")
    }

    async fn serve_own(params: CertificateParams) -> String {
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        serve(vec![certificate.der().clone()], &key).await
    }

    /// Returns the message of the failed request.
    async fn failure(base_url: &str) -> String {
        listed(base_url).await.unwrap_err()
    }

    async fn listed(base_url: &str) -> Result<usize, String> {
        let network = Network::new(Proxies::default());
        let provider = Provider::openai(base_url, None);
        let timeout = Duration::from_mins(1);
        let found = models::fetch(&network, &provider, timeout, Timestamp::from_millis(0)).await;
        found
            .map(|models| models.len())
            .map_err(|failure| failure.message)
    }

    #[tokio::test]
    async fn an_unknown_authority_is_named_with_the_store_to_add_it_to() {
        let base_url = serve_own(params("localhost")).await;
        let message = failure(&base_url).await;
        assert!(
            message.contains("authority that this machine does not trust"),
            "{message}"
        );
        assert!(!message.contains("clock"), "{message}");
    }

    #[tokio::test]
    #[cfg_attr(
        not(target_os = "linux"),
        ignore = "the system's verifier gives no date"
    )]
    async fn a_certificate_outside_of_its_time_is_reported_with_the_date() {
        let mut old = params("localhost");
        old.not_before = rcgen::date_time_ymd(2019, 1, 1);
        old.not_after = rcgen::date_time_ymd(2020, 3, 4);
        let message = failure(&serve_own(old).await).await;
        assert!(message.contains("expired on 2020-03-04"), "{message}");

        let mut new = params("localhost");
        new.not_before = rcgen::date_time_ymd(2890, 1, 2);
        new.not_after = rcgen::date_time_ymd(2899, 1, 1);
        let message = failure(&serve_own(new).await).await;
        assert!(
            message.contains("not valid yet, but from 2890-01-02"),
            "{message}"
        );
        assert!(message.contains("clock"), "{message}");
    }

    #[tokio::test]
    async fn a_server_without_tls_is_told_from_a_bad_certificate() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            }
        });
        let message = failure(&format!("https://localhost:{port}/v1")).await;
        assert!(message.contains("answered without encryption"), "{message}");
        assert!(message.contains("http://"), "{message}");
    }

    #[tokio::test]
    async fn plain_http_to_a_server_with_tls_says_to_use_https() {
        let base_url = serve_own(params("localhost")).await;
        let message = failure(&base_url.replace("https", "http")).await;
        assert!(message.contains("https://"), "{message}");

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 4096]).await;
                let go = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
                let _ = stream.write_all(go).await;
            }
        });
        let message = failure(&format!("http://localhost:{port}/v1")).await;
        assert!(message.contains("https://"), "{message}");
    }

    /// Runs an ignored test in a process of its own, with this file as `SSL_CERT_FILE`: a variable is the process's.
    fn run_with(file: &std::path::Path, test: &str) {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--ignored", "--nocapture"])
            .env("SSL_CERT_FILE", file)
            .env_remove("SSL_CERT_DIR")
            .output()
            .unwrap();
        let written = [output.stdout, output.stderr].concat();
        let written = String::from_utf8_lossy(&written);
        assert!(
            output.status.success() && written.contains("1 passed"),
            "{written}"
        );
    }

    #[test]
    #[cfg_attr(not(target_os = "linux"), ignore = "the variable counts on Linux only")]
    fn the_certificates_of_ssl_cert_file_are_trusted() {
        let folder = tempfile::tempdir().unwrap();
        run_with(
            &folder.path().join("authority.pem"),
            "tls::tests::with_own_authority",
        );
    }

    #[test]
    #[cfg_attr(not(target_os = "linux"), ignore = "the variable counts on Linux only")]
    fn without_certificates_this_machine_is_reached_and_nobody_is_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("empty.pem");
        std::fs::write(&file, "").unwrap();
        run_with(&file, "tls::tests::without_authorities");
    }

    #[tokio::test]
    #[ignore = "run by without_certificates_this_machine_is_reached_and_nobody_is_trusted"]
    async fn without_authorities() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(LIST).await;
            }
        });
        assert_eq!(listed(&format!("http://localhost:{port}/v1")).await, Ok(1));
        let message = failure(&serve_own(params("localhost")).await).await;
        assert!(
            message.contains("authority that this machine does not trust"),
            "{message}"
        );
    }

    #[tokio::test]
    #[ignore = "run by the_certificates_of_ssl_cert_file_are_trusted"]
    async fn with_own_authority() {
        let mut authority = params("Authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().unwrap();
        let certificate = authority.self_signed(&authority_key).unwrap();
        // A self-signed certificate as openssl makes it, which is trusted, too.
        let mut own = params("localhost");
        own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own_key = KeyPair::generate().unwrap();
        let own = own.self_signed(&own_key).unwrap();
        let file = std::env::var("SSL_CERT_FILE").unwrap();
        std::fs::write(file, certificate.pem() + &own.pem()).unwrap();

        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate().unwrap();
        let leaf = |name: &str| params(name).signed_by(&key, &issuer).unwrap();
        let good = serve(vec![leaf("localhost").der().clone()], &key).await;
        assert_eq!(listed(&good).await, Ok(1));

        let other = serve(vec![leaf("box.example").der().clone()], &key).await;
        let message = failure(&other).await;
        assert!(
            message.contains("is for box.example. Use that name"),
            "{message}"
        );

        let own = serve(vec![own.der().clone()], &own_key).await;
        let message = failure(&own).await;
        assert!(message.contains("CA:FALSE"), "{message}");
    }
}
