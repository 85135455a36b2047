//! The servers of all scenes: stand-ins of providers, servers with faulty certificates, and a proxy.

use std::net::TcpListener;

use conch_core::model::Fingerprint;
use conch_fault_server::{Authority, Certificate, FaultServer, TlsFront};

use crate::Error;
use crate::scene::Proxy;

/// The ports for pictures, below the ephemeral range of the system.
pub(crate) const FIXED_PORTS: [u16; 8] = [
    18_434, 18_080, 1_234, 18_081, 18_443, 18_444, 18_445, 18_128,
];

/// The key that the guarded server requires.
pub(crate) const GUARDED_KEY: &str = "sk-scene-fedcba9876543210a1b2";

/// Its models, of which Conch's own table knows what they take.
const GUARDED_MODELS: [&str; 3] = ["gpt-5", "gpt-5-mini", "text-embedding-3-small"];

/// What listens on this machine while scenes are shown.
#[derive(Debug)]
pub(crate) struct Servers {
    /// The server that gives most answers.
    pub(crate) cluster: FaultServer,
    /// A local model server, which generates one answer at a time.
    pub(crate) local: FaultServer,
    /// A server that is not configured as a provider, at the port of one that is looked for.
    found: Option<FaultServer>,
    /// A server that requires [`GUARDED_KEY`], and has no other path than `/v1/`.
    pub(crate) guarded: FaultServer,
    /// The authority that the windows trust.
    pub(crate) authority: Authority,
    /// The cluster behind a certificate that is its own.
    pub(crate) own: TlsFront,
    /// The cluster behind a certificate that expired.
    pub(crate) expired: TlsFront,
    /// The cluster behind the certificate of another host.
    pub(crate) misnamed: TlsFront,
    silent_proxy: TcpListener,
}

impl Servers {
    /// Starts them, except for the one to be found.
    pub(crate) async fn on_free_ports() -> Result<Self, Error> {
        let mut servers = Self::on_ports([0; 8]).await?;
        servers.found = None;
        Ok(servers)
    }

    /// Starts them on these ports; 0 is a free one.
    pub(crate) async fn on_ports(ports: [u16; 8]) -> Result<Self, Error> {
        let [
            cluster,
            local,
            found,
            guarded,
            own,
            expired,
            misnamed,
            proxy,
        ] = ports;
        let authority = Authority::new();
        let cluster = FaultServer::on_port(cluster).await;
        let guarded = FaultServer::on_port(guarded).await;
        guarded.set_models(&GUARDED_MODELS);
        guarded.require_key(GUARDED_KEY, false);
        guarded.serve_only_below("/v1/");
        let itself = Certificate::self_signed("localhost", 3);
        Ok(Self {
            local: FaultServer::on_port(local).await,
            found: Some(FaultServer::on_port(found).await),
            own: TlsFront::start(own, &itself, &cluster).await,
            expired: TlsFront::start(expired, &authority.expired("localhost"), &cluster).await,
            misnamed: TlsFront::start(misnamed, &authority.certificate("box.example"), &cluster)
                .await,
            silent_proxy: TcpListener::bind(("127.0.0.1", proxy))?,
            cluster,
            guarded,
            authority,
        })
    }

    /// Returns the fingerprint of another certificate than that of the server with its own.
    pub(crate) fn other_fingerprint() -> Fingerprint {
        let byte = |at: usize| u8::try_from((at * 73 + 41) % 251).unwrap_or_default();
        Fingerprint::new(std::array::from_fn(byte))
    }

    /// Returns the value for `HTTPS_PROXY`.
    pub(crate) fn proxy(&self, proxy: Proxy) -> Option<String> {
        match proxy {
            Proxy::None => None,
            // It is never accepted from, so that connections wait in its queue.
            Proxy::Silent => {
                let address = self.silent_proxy.local_addr().ok()?;
                Some(format!("http://{address}"))
            }
            Proxy::Refusing => Some("http://127.0.0.1:1".to_owned()),
        }
    }
}
