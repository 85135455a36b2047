//! Addresses: of providers, which receive keys, and of links, which are opened.

use std::net::IpAddr;

use conch_core::model::{KeyName, ProtocolKind};
use conch_core::provider::fuzzing;
use conch_model::web_address;
use url::{Host, Url};

/// Any text as the address of a provider, as one in an environment variable, and as a link.
pub fn addresses(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Some(kept) = fuzzing::typed_address(text) {
        provider(&kept);
    }
    variable(text);
    link(text);
    key_name(text);
}

/// A key is sent only to the origin that it is stored for, and only over https or to this machine.
fn provider(kept: &str) {
    let again = fuzzing::typed_address(kept);
    assert_eq!(again.as_deref(), Some(kept), "it is kept as it is");
    let name = KeyName::new("id", kept).expect("an address that is kept has an origin");
    let own = KeyName::new("id", name.origin());
    assert_eq!(own.as_ref(), Some(&name), "an origin is its own");

    let asked = fuzzing::asked_at(kept, "chat/completions");
    let asked = Url::parse(&asked).expect("what is kept can be asked");
    assert_eq!(asked.origin().ascii_serialization(), name.origin());
    let on_this_machine = match asked.host() {
        Some(Host::Domain(domain)) => {
            let domain = domain.trim_end_matches('.');
            domain == "localhost" || domain.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => is_own(address.into()),
        Some(Host::Ipv6(address)) => is_own(address.into()),
        None => false,
    };
    let carries_key = fuzzing::carries_key(kept);
    if asked.scheme() == "https" {
        assert!(carries_key, "{kept} is https, and asked at {asked}");
    } else {
        assert!(!carries_key || on_this_machine, "a key goes to {asked}");
    }
}

/// Whether this is a loopback address or the unspecified one.
fn is_own(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_loopback() || address.is_unspecified()
}

/// Resolving the address in a variable is idempotent.
fn variable(text: &str) {
    let address = fuzzing::address_in_variable(ProtocolKind::Ollama, text);
    let again = fuzzing::address_in_variable(ProtocolKind::Ollama, &address);
    // An invalid address is left unchanged, and refused by the request.
    let url = Url::parse(&address).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
    let Some(url) = url else {
        return;
    };
    assert_eq!(again, address, "from {text:?}");
    let host = url.host_str();
    assert!(
        !matches!(host, Some("0.0.0.0" | "[::]")),
        "no client reaches {address}"
    );
}

/// An address that may be opened has no user name and no password, and is accepted again unchanged.
fn link(text: &str) {
    let Some(url) = web_address(text) else {
        return;
    };
    assert!(matches!(url.scheme(), "http" | "https" | "mailto"), "{url}");
    assert!(
        url.username().is_empty() && url.password().is_none(),
        "{url}"
    );
    assert!(!url.as_str().contains(char::is_control), "{url}");
    assert_eq!(
        web_address(url.as_str()),
        Some(url.clone()),
        "from {text:?}"
    );
}

/// A key's name can be parsed for any provider id.
fn key_name(id: &str) {
    let name = KeyName::new(id, "https://api.example.com/v1").expect("an origin");
    let shown = name.to_string();
    assert_eq!(shown.rsplit_once(' '), Some((id, name.origin())));
}
