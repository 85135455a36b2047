//! What the user consented to, about a connection that is less secure than Conch requires by itself.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use specta::Type;
use url::Url;

/// A consent of the user. It counts for one origin (scheme, host and port), as a key does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Consent {
    /// The key and the conversations may travel unencrypted to this http origin in the local network.
    PlainHttp {
        /// `http://192.168.1.7:8000`.
        origin: String,
    },
    /// The server at this https origin is trusted if it has exactly this certificate.
    Certificate {
        /// `https://box.local:8443`.
        origin: String,
        /// The SHA-256 fingerprint of the certificate.
        #[specta(type = String)]
        sha256: Fingerprint,
    },
}

impl Consent {
    /// Returns the consent to plain http for the origin of `url`; none if that is not http.
    pub fn to_plain_http(url: &str) -> Option<Self> {
        let origin = origin(url, "http")?;
        Some(Self::PlainHttp { origin })
    }

    /// Returns the consent to a certificate for the origin of `url`; none if that is not https.
    pub fn to_certificate(url: &str, sha256: Fingerprint) -> Option<Self> {
        let origin = origin(url, "https")?;
        Some(Self::Certificate { origin, sha256 })
    }

    /// Returns the consent in its stored form; none for what [`parts`](Self::parts) does not return.
    pub fn from_parts(origin: &str, sha256: Option<Fingerprint>) -> Option<Self> {
        match sha256 {
            Some(sha256) => Self::to_certificate(origin, sha256),
            None => Self::to_plain_http(origin),
        }
    }

    /// Returns its origin, and the fingerprint if it is about a certificate.
    pub fn parts(&self) -> (&str, Option<Fingerprint>) {
        match self {
            Self::PlainHttp { origin } => (origin, None),
            Self::Certificate { origin, sha256 } => (origin, Some(*sha256)),
        }
    }

    /// Returns whether it is about the server at this address.
    pub fn covers(&self, url: &str) -> bool {
        match self {
            Self::PlainHttp { origin: own } => origin(url, "http").as_ref() == Some(own),
            Self::Certificate { origin: own, .. } => origin(url, "https").as_ref() == Some(own),
        }
    }
}

/// Returns the origin of a URL with this scheme.
fn origin(url: &str, scheme: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    (url.scheme() == scheme).then(|| url.origin().ascii_serialization())
}

/// The SHA-256 hash of a certificate in DER. Its text is the one that `openssl x509 -fingerprint -sha256` prints:
/// upper-case bytes with colons.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Creates it from the hash.
    pub const fn new(hash: [u8; 32]) -> Self {
        Self(hash)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_char(':')?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// A text that is no fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoFingerprint;

impl fmt::Display for NoFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the SHA-256 fingerprint of a certificate")
    }
}

impl std::error::Error for NoFingerprint {}

impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut hash = [0; 32];
        let mut bytes = text.split(':');
        for byte in &mut hash {
            let pair = bytes.next().filter(|pair| pair.len() == 2);
            let pair = pair.filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()));
            *byte = pair
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                .ok_or(NoFingerprint)?;
        }
        bytes
            .next()
            .is_none()
            .then_some(Self(hash))
            .ok_or(NoFingerprint)
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = NoFingerprint;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consent_counts_for_its_origin_only() {
        let consent = Consent::to_plain_http("http://box:8000/v1").unwrap();
        assert!(consent.covers("http://BOX:8000/other"));
        for other in [
            "http://box/v1",
            "http://box:8001/v1",
            "http://box.example:8000/v1",
            "https://box:8000/v1",
        ] {
            assert!(!consent.covers(other), "{other}");
        }
        assert_eq!(Consent::to_plain_http("https://box/v1"), None);
        let hash = Fingerprint::new([7; 32]);
        let consent = Consent::to_certificate("https://box/v1", hash).unwrap();
        assert!(consent.covers("https://box:443"));
        assert!(!consent.covers("http://box:443"));
        assert_eq!(Consent::to_certificate("http://box", hash), None);
        // The page may send what no function made.
        let origin = "http://box".to_owned();
        let forged = Consent::Certificate {
            origin,
            sha256: hash,
        };
        assert!(!forged.covers("http://box"));
    }

    #[test]
    fn a_consent_is_stored_and_read() {
        for consent in [
            Consent::to_plain_http("http://[::1]:8000/v1"),
            Consent::to_certificate("https://box/v1", Fingerprint::new([0xa5; 32])),
        ] {
            let consent = consent.unwrap();
            let (origin, sha256) = consent.parts();
            assert_eq!(Consent::from_parts(origin, sha256).as_ref(), Some(&consent));
        }
        assert_eq!(Consent::from_parts("https://box", None), None);
    }

    #[test]
    fn a_fingerprint_is_written_as_openssl_does() {
        let mut hash = [0; 32];
        hash[0] = 0xab;
        hash[31] = 7;
        let text = Fingerprint::new(hash).to_string();
        assert!(
            text.starts_with("AB:00:") && text.ends_with(":07"),
            "{text}"
        );
        assert_eq!(text.parse(), Ok(Fingerprint::new(hash)));
        assert_eq!(text.to_lowercase().parse(), Ok(Fingerprint::new(hash)));
        let long = format!("{text}:00");
        for wrong in [
            "",
            "AB",
            &text[3..],
            &long,
            &text.replace("00", "+0"),
            &text.replace(':', ""),
        ] {
            assert_eq!(wrong.parse::<Fingerprint>(), Err(NoFingerprint), "{wrong}");
        }
    }
}
