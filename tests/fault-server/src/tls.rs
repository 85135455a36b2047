//! TLS in front of a server, with certificates that have a fault.
//!
//! Keys are made of one byte each, and Ed25519 signs without chance: a certificate is the same in every run, and so is
//! the fingerprint that a picture shows.

use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::FaultServer;

/// A PKCS #8 document with an Ed25519 key, up to the key itself (RFC 8410).
const ED25519: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

fn key(seed: u8) -> PrivatePkcs8KeyDer<'static> {
    [&ED25519[..], &[seed; 32]].concat().into()
}

fn key_pair(key: &PrivatePkcs8KeyDer<'_>) -> KeyPair {
    KeyPair::try_from(key).expect("it is an Ed25519 key")
}

fn params(name: &str) -> CertificateParams {
    let mut params =
        CertificateParams::new([name.to_owned()]).expect("the name is an ASCII host name");
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A certificate authority. A client trusts it if it is given the [`pem`](Self::pem).
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    /// Creates it.
    pub fn new() -> Self {
        let mut params = params("Conch test authority");
        params.subject_alt_names.clear();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = key_pair(&key(1));
        let own = params.self_signed(&key).expect("the key signs");
        Self {
            pem: own.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// Returns its certificate, for `SSL_CERT_FILE`.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Returns a valid certificate of a host.
    pub fn certificate(&self, host: &str) -> Certificate {
        self.sign(&params(host))
    }

    /// Returns a certificate of a host that ended on 2020-03-04.
    pub fn expired(&self, host: &str) -> Certificate {
        let mut params = params(host);
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 3, 4);
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Certificate {
        let key = key(2);
        let signed = params.signed_by(&key_pair(&key), &self.issuer);
        let chain = signed.expect("the key signs").der().clone();
        Certificate { chain, key }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

/// A certificate of a server, with its key.
#[derive(Debug)]
pub struct Certificate {
    chain: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Certificate {
    /// Returns a certificate of a host that is signed by itself. Each seed makes another one; 1 and 2 are the authority's
    /// and its servers'.
    pub fn self_signed(host: &str, seed: u8) -> Self {
        let key = key(seed);
        let signed = params(host).self_signed(&key_pair(&key));
        let chain = signed.expect("the key signs").der().clone();
        Self { chain, key }
    }

    fn config(&self) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::Pkcs8(self.key.clone_key());
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![self.chain.clone()], key)
            .expect("the key is the certificate's");
        Arc::new(config)
    }
}

/// Accepts TLS, and passes what it contains to a server and back. It stops listening when it is dropped.
#[derive(Debug)]
pub struct TlsFront {
    port: u16,
    config: Arc<Mutex<Arc<ServerConfig>>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl TlsFront {
    /// Starts on this local port, or on a free one if it is 0, in front of `server`.
    pub async fn start(port: u16, certificate: &Certificate, server: &FaultServer) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port))
            .await
            .expect("a port of this machine is free");
        let port = listener.local_addr().expect("it is bound").port();
        let config = Arc::new(Mutex::new(certificate.config()));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&config), server.port()));
        Self {
            port,
            config,
            accepting,
        }
    }

    /// Uses another certificate for the connections from now on.
    pub fn renew(&self, certificate: &Certificate) {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = certificate.config();
    }

    /// Returns the base URL of OpenAI's protocol behind it.
    pub fn base_url(&self) -> String {
        format!("https://localhost:{}/v1", self.port)
    }
}

async fn accept(listener: TcpListener, config: Arc<Mutex<Arc<ServerConfig>>>, server: u16) {
    while let Ok((stream, _)) = listener.accept().await {
        let current = config.lock().unwrap_or_else(PoisonError::into_inner);
        let acceptor = TlsAcceptor::from(Arc::clone(&current));
        drop(current);
        // A client that does not trust the certificate disconnects.
        tokio::spawn(async move {
            let mut inside = acceptor.accept(stream).await?;
            let mut server = TcpStream::connect(("127.0.0.1", server)).await?;
            copy_bidirectional(&mut inside, &mut server).await
        });
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
