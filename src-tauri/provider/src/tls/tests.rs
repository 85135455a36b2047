use std::process::Command;
use std::sync::Arc;

use conch_model::{Consent, Fingerprint, Timestamp};
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
    serve_with(config).await
}

async fn serve_with(config: ServerConfig) -> String {
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
    listed_with(&Network::new(Proxies::default()), base_url, None).await
}

async fn listed_with(
    network: &Network,
    base_url: &str,
    consent: Option<Consent>,
) -> Result<usize, String> {
    let provider = Provider {
        consent,
        ..Provider::openai(base_url, None)
    };
    let timeout = Duration::from_mins(1);
    let found = models::fetch(network, &provider, timeout, Timestamp::from_millis(0)).await;
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

    // It has the name of a trusted certificate, but another key, of the same kind or of another.
    for kind in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ED25519] {
        let key = KeyPair::generate_for(kind).unwrap();
        let renewed = params("localhost").self_signed(&key).unwrap();
        let renewed = serve(vec![renewed.der().clone()], &key).await;
        let message = failure(&renewed).await;
        assert!(
            message.contains("authority that this machine does not trust"),
            "{message}"
        );
    }

    let own = serve(vec![own.der().clone()], &own_key).await;
    let message = failure(&own).await;
    assert!(message.contains("CA:FALSE"), "{message}");
}

/// A server whose certificate no authority signed, and the fingerprint of that.
async fn serve_pinned(params: CertificateParams) -> (String, Fingerprint) {
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let fingerprint = pinned::fingerprint(certificate.der());
    (
        serve(vec![certificate.der().clone()], &key).await,
        fingerprint,
    )
}

fn trust(base_url: &str, fingerprint: Fingerprint) -> Option<Consent> {
    Consent::to_certificate(base_url, fingerprint)
}

#[tokio::test]
async fn a_certificate_that_the_user_trusts_is_enough_and_only_that_one() {
    let network = Network::new(Proxies::default());
    // As openssl makes it, for another name, and expired.
    let mut params = params("elsewhere.example");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_after = rcgen::date_time_ymd(2020, 3, 4);
    let (base_url, fingerprint) = serve_pinned(params).await;
    assert!(listed_with(&network, &base_url, None).await.is_err());
    assert_eq!(network.certificate_at(&base_url).await, Some(fingerprint));
    let consent = trust(&base_url, fingerprint);
    assert_eq!(listed_with(&network, &base_url, consent).await, Ok(1));

    let other = Fingerprint::new([7; 32]);
    let refused = listed_with(&network, &base_url, trust(&base_url, other)).await;
    let message = refused.unwrap_err();
    assert!(message.contains("another certificate"), "{message}");
}

#[tokio::test]
async fn trust_in_one_server_weakens_no_check_of_another() {
    let network = Network::new(Proxies::default());
    let (trusted, fingerprint) = serve_pinned(params("localhost")).await;
    let (other, _) = serve_pinned(params("localhost")).await;
    let consent = trust(&trusted, fingerprint);
    assert_eq!(
        listed_with(&network, &trusted, consent.clone()).await,
        Ok(1)
    );
    let message = listed_with(&network, &other, consent.clone())
        .await
        .unwrap_err();
    assert!(
        message.contains("does not trust"),
        "another port is another server: {message}"
    );
    let message = listed_with(&network, &trusted, None).await.unwrap_err();
    assert!(
        message.contains("does not trust"),
        "another provider does not trust it: {message}"
    );
}

#[tokio::test]
async fn a_trusted_certificate_without_its_private_key_is_refused() {
    use rustls::client::danger::ServerCertVerifier as _;
    use tokio_rustls::rustls::crypto::aws_lc_rs;
    use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
    use tokio_rustls::rustls::sign::CertifiedKey;

    /// Presents a certificate whose key it does not have.
    #[derive(Debug)]
    struct Impostor(Arc<CertifiedKey>);

    impl ResolvesServerCert for Impostor {
        fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }

    let certificate = params("localhost")
        .self_signed(&KeyPair::generate().unwrap())
        .unwrap();
    let fingerprint = pinned::fingerprint(certificate.der());
    let own_key = PrivateKeyDer::Pkcs8(KeyPair::generate().unwrap().serialize_der().into());
    let signing = aws_lc_rs::sign::any_supported_type(&own_key).unwrap();
    let chain = vec![certificate.der().clone()];
    let impostor = Impostor(Arc::new(CertifiedKey::new(chain, signing)));
    for version in [
        &tokio_rustls::rustls::version::TLS12,
        &tokio_rustls::rustls::version::TLS13,
    ] {
        let config = ServerConfig::builder_with_protocol_versions(&[version])
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Impostor(Arc::clone(&impostor.0))));
        let base_url = serve_with(config).await;
        let network = Network::new(Proxies::default());
        let refused = listed_with(&network, &base_url, trust(&base_url, fingerprint)).await;
        let message = refused.unwrap_err();
        assert!(message.contains("private key"), "{version:?}: {message}");
    }
    assert!(
        !pinned::PinnedVerifier::default()
            .supported_verify_schemes()
            .is_empty()
    );
}

#[tokio::test]
async fn looking_at_a_certificate_sends_nothing() {
    let key = KeyPair::generate().unwrap();
    let certificate = params("localhost").self_signed(&key).unwrap();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let accepted = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        acceptor.accept(stream).await.is_ok()
    });
    let network = Network::new(Proxies::default());
    let presented = network
        .certificate_at(&format!("https://localhost:{port}/v1"))
        .await;
    assert_eq!(presented, Some(pinned::fingerprint(certificate.der())));
    assert!(!accepted.await.unwrap(), "the handshake does not end");
}
