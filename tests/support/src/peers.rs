//! Third-party servers, as child processes on free ports. `cargo xtask peers-test` installs them, pinned, and names their
//! folder in `CONCH_PEERS`; without it, each test that needs one is skipped with a line.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::time::{sleep, timeout};

const PYTHON: &str = if cfg!(windows) { "python" } else { "python3" };

/// How long a server may take to start; a model is loaded meanwhile.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// The interval at which a start is polled.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The program of `llmock` (PyPI): OpenAI, Anthropic and Gemini, with faults on demand and a verdict on the client.
pub const LLMOCK: &str = "from llmock.cli import app; app()";

/// A provider that `llmock` stands in for.
#[derive(Debug, Clone, Copy)]
pub struct PeerProvider {
    /// Its name in `llmock`.
    pub name: &'static str,
    /// The path of its base address.
    pub path: &'static str,
    /// The environment variable of its address.
    pub address: &'static str,
    /// The environment variable of its key.
    pub key: &'static str,
}

/// The providers of `llmock` whose protocols differ.
pub const PROVIDERS: [PeerProvider; 3] = [
    PeerProvider {
        name: "openai",
        path: "/v1",
        address: "OPENAI_BASE_URL",
        key: "OPENAI_API_KEY",
    },
    PeerProvider {
        name: "anthropic",
        path: "/anthropic",
        address: "ANTHROPIC_BASE_URL",
        key: "ANTHROPIC_API_KEY",
    },
    PeerProvider {
        name: "gemini",
        path: "/gemini/v1beta",
        address: "GOOGLE_GEMINI_BASE_URL",
        key: "GEMINI_API_KEY",
    },
];

/// Returns the folder of the installed programs; `None`, with a line for the user, if there is none.
pub fn installed() -> Option<PathBuf> {
    let folder = std::env::var_os("CONCH_PEERS").map(PathBuf::from);
    if folder.is_none() {
        skip("CONCH_PEERS names no folder; `cargo xtask peers-test` installs them");
    }
    folder
}

/// Says to the user that a test is skipped.
pub fn skip(reason: &str) {
    // Bypasses the harness, which captures the output of a passing test.
    let _ = writeln!(std::io::stderr(), "a peer was skipped: {reason}");
}

/// A running server, which ends when this is dropped.
#[derive(Debug)]
pub struct Peer {
    process: Child,
    /// Without a slash at its end.
    pub address: String,
    client: reqwest::Client,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Peer {
    /// Starts a Python program of the folder, with the port as its last argument.
    ///
    /// # Errors
    /// When it does not listen within a minute.
    pub async fn python(folder: &Path, program: &str, arguments: &[&str]) -> anyhow::Result<Self> {
        let mut command = Command::new(PYTHON);
        command
            .args(["-c", program])
            .args(arguments)
            .env("PYTHONPATH", folder.join("python"));
        Self::start(command).await
    }

    /// Starts a Node program of the folder, with the port as its last argument.
    ///
    /// # Errors
    /// When it does not listen within a minute.
    pub async fn node(folder: &Path, program: &str, arguments: &[&str]) -> anyhow::Result<Self> {
        let mut command = Command::new("node");
        command.arg(folder.join("node/node_modules").join(program));
        command.args(arguments);
        Self::start(command).await
    }

    async fn start(mut command: Command) -> anyhow::Result<Self> {
        let free = TcpListener::bind("127.0.0.1:0")?;
        let port = free.local_addr()?.port();
        drop(free);
        let process = command
            .arg(port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let peer = Self {
            process,
            address: format!("http://127.0.0.1:{port}"),
            client: reqwest::Client::builder().no_proxy().build()?,
        };
        // Whatever it answers, it listens.
        let started = async {
            while peer.client.get(&peer.address).send().await.is_err() {
                sleep(LOOK_EVERY).await;
            }
        };
        timeout(START_TIMEOUT, started)
            .await
            .context("the server does not listen")?;
        Ok(peer)
    }

    /// Waits until a path is answered with success: a model is loaded after the server listens.
    ///
    /// # Errors
    /// When that takes more than a minute.
    pub async fn wait_for(&self, path: &str) -> anyhow::Result<()> {
        let url = format!("{}{path}", self.address);
        let ready = async || match self.client.get(&url).send().await {
            Ok(response) => response.status().is_success(),
            Err(_) => false,
        };
        let waiting = async {
            while !ready().await {
                sleep(LOOK_EVERY).await;
            }
        };
        timeout(START_TIMEOUT, waiting)
            .await
            .context("the server is not ready")
    }

    /// Posts a body, and returns the answer's; null if that is no JSON.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.client.post(format!("{}{path}", self.address));
        let response = request
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await?;
        let (status, text) = (response.status(), response.text().await?);
        ensure!(status.is_success(), "{path}: {body}: {status}: {text}");
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    /// Returns the JSON at a path.
    ///
    /// # Errors
    /// When there is none.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.client.get(format!("{}{path}", self.address));
        Ok(serde_json::from_str(&request.send().await?.text().await?)?)
    }
}
