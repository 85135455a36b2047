//! DNS resolvers for requests that must not use every address of the system's resolver.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::is_public;

/// Resolves every name to loopback, without a DNS query.
#[derive(Debug)]
pub(super) struct ThisMachine;

impl Resolve for ThisMachine {
    fn resolve(&self, _: Name) -> Resolving {
        // In the order of the system's resolver (RFC 6724): the second is tried if the first refuses.
        let own: [IpAddr; 2] = [Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
        let found = own.map(|address| SocketAddr::new(address, 0));
        Box::pin(async move { Ok(Box::new(found.into_iter()) as Addrs) })
    }
}

/// A name that resolves to no public address.
#[derive(Debug, thiserror::Error)]
#[error("the name resolves to this machine or its local network")]
pub(crate) struct NotPublic;

/// Resolves a name to its public addresses only.
#[derive(Debug)]
pub(super) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<_> = found.filter(|found| is_public(found.ip())).collect();
            if public.is_empty() {
                return Err(NotPublic.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// A name that resolves to no address in the own network.
#[derive(Debug, thiserror::Error)]
#[error("the name resolves to an address on the internet")]
pub(crate) struct NotOwnNetwork;

/// Resolves a name to its addresses in the own network only: what may travel unencrypted may not leave it.
#[derive(Debug)]
pub(super) struct OwnNetworkOnly;

impl Resolve for OwnNetworkOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let own: Vec<_> = found.filter(|found| !is_public(found.ip())).collect();
            if own.is_empty() {
                return Err(NotOwnNetwork.into());
            }
            Ok(Box::new(own.into_iter()) as Addrs)
        })
    }
}

/// Returns whether a name resolves to public addresses only; also true for a name that does not resolve.
pub(crate) async fn is_public_name(name: &str) -> bool {
    match tokio::net::lookup_host((name, 0)).await {
        Ok(mut found) => found.all(|found| is_public(found.ip())),
        Err(_) => true,
    }
}
