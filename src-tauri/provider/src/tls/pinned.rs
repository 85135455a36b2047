//! Trust in one certificate, by its fingerprint, instead of in an authority that signed it.
//!
//! The user consented to this certificate, so neither its names nor its dates are compared: they are part of what was
//! hashed. That the server has the certificate's private key is verified as always, by the signature of the handshake.

use std::sync::{Arc, Mutex, PoisonError};

use conch_model::Fingerprint;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, SignatureScheme,
};
use sha2::{Digest, Sha256};

/// A certificate that is not the trusted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server has another certificate than the trusted one")]
pub(crate) struct AnotherCertificate;

/// Returns the fingerprint of a certificate.
pub(crate) fn fingerprint(certificate: &CertificateDer<'_>) -> Fingerprint {
    Fingerprint::new(Sha256::digest(certificate).into())
}

/// The error where the handshake is not signed with the key of the certificate. A chain that is not signed by an
/// authority has another one.
fn no_key(_: Error) -> Error {
    Error::General("the server does not have the private key of its certificate".to_owned())
}

/// Accepts one certificate or none, and remembers which one was presented.
#[derive(Debug, Default)]
pub(crate) struct PinnedVerifier {
    trusted: Option<Fingerprint>,
    presented: Mutex<Option<Fingerprint>>,
}

impl PinnedVerifier {
    /// Accepts this certificate and no other.
    pub(crate) fn only(trusted: Fingerprint) -> Self {
        Self {
            trusted: Some(trusted),
            ..Self::default()
        }
    }

    /// Returns the fingerprint of the certificate that was presented last.
    pub(crate) fn presented(&self) -> Option<Fingerprint> {
        *self
            .presented
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the configuration of a client that trusts what `verifier` accepts.
pub(crate) fn config(verifier: Arc<PinnedVerifier>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    // As in reqwest's own configuration.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn algorithms() -> WebPkiSupportedAlgorithms {
    aws_lc_rs::default_provider().signature_verification_algorithms
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let presented = fingerprint(certificate);
        *self
            .presented
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(presented);
        match self.trusted {
            Some(trusted) if trusted == presented => Ok(ServerCertVerified::assertion()),
            Some(_) => {
                let error = OtherError(Arc::new(AnotherCertificate));
                Err(CertificateError::Other(error).into())
            }
            None => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &algorithms()).map_err(no_key)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &algorithms()).map_err(no_key)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        algorithms().supported_schemes()
    }
}
