//! Classifies addresses: this machine, the local network, the public internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

/// Returns whether the host is this machine, by name or IP address: localhost and its subdomains (RFC 6761
/// §6.3), every loopback address in each of its forms, and the unspecified address.
pub(crate) fn is_this_machine(url: &Url) -> bool {
    match host(url) {
        Some(Host::Name(name)) => is_localhost(name),
        Some(Host::Number(address)) => {
            let address = address.to_canonical();
            address.is_loopback() || address.is_unspecified()
        }
        None => false,
    }
}

/// Suffixes of local network names, which are never delegated in DNS.
const LOCAL_SUFFIXES: [&str; 4] = [".local", ".internal", ".home.arpa", ".lan"];

/// Returns whether the host may be on the public internet, judging by its name: its addresses are known only
/// when it is resolved.
pub(crate) fn is_public_host(url: &Url) -> bool {
    match host(url) {
        Some(Host::Name(name)) => {
            let name = name.trim_end_matches('.');
            // A name without a dot is local, too.
            !is_localhost(name)
                && name.contains('.')
                && !LOCAL_SUFFIXES.iter().any(|own| name.ends_with(own))
        }
        Some(Host::Number(address)) => is_public(address),
        None => false,
    }
}

/// Returns whether an address is globally reachable: not this machine, the local network, or reserved
/// (<https://www.iana.org/assignments/iana-ipv4-special-registry>, and the same for IPv6).
pub(super) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => {
            if let Some(inner) = embedded_v4(address) {
                return is_public_v4(inner);
            }
            // Only 2000::/3 is allocated, and within it 2001::/23 and 2001:db8::/32 are reserved.
            let [first, second, ..] = address.segments();
            let kept = first == 0x2001 && (second < 0x200 || second == 0xdb8);
            first & 0xe000 == 0x2000 && !kept && first != 0x3fff
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    // "This network", carrier-grade NAT, protocol assignments, benchmarks, future use.
    let kept = matches!(
        address.octets(),
        [0 | 240..=255, ..] | [100, 64..128, ..] | [192, 0, 0, _] | [198, 18..20, ..]
    );
    !(kept
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation())
}

/// Returns the IPv4 address embedded in an IPv6 one: NAT64 (RFC 6052), 6to4 (RFC 3056), or the old compatible
/// form.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0, 0, 0, 0, 0, 0, high, low] => {
            Some(of(high, low))
        }
        [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

enum Host<'a> {
    Name(&'a str),
    Number(IpAddr),
}

/// Returns the host, which `Url` has lower-cased, with every notation of an IP address normalized.
fn host(url: &Url) -> Option<Host<'_>> {
    let host = url.host_str()?;
    let number = host.trim_matches(['[', ']']).parse();
    Some(number.map_or(Host::Name(host), Host::Number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(host: &str) -> Url {
        format!("https://{host}/v1").parse().unwrap()
    }

    #[test]
    fn this_machine_is_known_in_each_of_its_forms() {
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "localhost.",
            "models.localhost",
            "127.0.0.1",
            "127.255.3.4:80",
            "127.1",
            "2130706433",
            "0x7f.0.0.1",
            "[::1]:11434",
            "[::ffff:127.0.0.1]",
            "0.0.0.0:8000",
            "[::]",
        ] {
            assert!(is_this_machine(&url(host)), "{host}");
            assert!(!is_public_host(&url(host)), "{host}");
        }
        for host in [
            "localhost.example.com",
            "notlocalhost",
            "128.0.0.1",
            "127.0.0.1.example.com",
            "[::2]",
            "[::ffff:10.0.0.1]",
            "192.168.0.1",
        ] {
            assert!(!is_this_machine(&url(host)), "{host}");
        }
    }

    #[test]
    fn only_globally_routable_addresses_are_public() {
        for host in [
            "example.com",
            "8.8.8.8",
            "172.32.0.1",
            "100.63.0.1",
            "[2606:4700::1111]",
            "[64:ff9b::8.8.8.8]",
        ] {
            assert!(is_public_host(&url(host)), "{host}");
        }
        for host in [
            "router",
            "printer.local",
            "db.internal",
            "nas.home.arpa",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.178.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.8",
            "192.0.2.7",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "0.1.2.3",
            "[fe80::1]",
            "[fc00::1]",
            "[fd12::1]",
            "[ff02::1]",
            "[2001:db8::1]",
            "[::ffff:192.168.0.1]",
            "[64:ff9b::10.0.0.1]",
            "[2002:7f00:1::]",
            "[::10.0.0.1]",
        ] {
            assert!(!is_public_host(&url(host)), "{host}");
        }
    }
}
