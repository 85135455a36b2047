//! The other programs, as child processes on free ports.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::time::{sleep, timeout};

const PYTHON: &str = if cfg!(windows) { "python" } else { "python3" };

/// How long a server may take to start; a model is loaded meanwhile.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// Returns the folder of the installed programs; `None`, with a line for the user, if there is none.
pub(crate) fn installed() -> Option<PathBuf> {
    let folder = std::env::var_os("CONCH_PEERS").map(PathBuf::from);
    if folder.is_none() {
        skip("CONCH_PEERS names no folder; `cargo xtask peers-test` installs them");
    }
    folder
}

/// Returns the built-in model's file; `None`, with a line for the user, if there is none.
pub(crate) fn model_file() -> Option<PathBuf> {
    let file = std::env::var_os("CONCH_MODEL_FILE").map(PathBuf::from);
    let file = file.filter(|file| file.is_file());
    if file.is_none() {
        skip("CONCH_MODEL_FILE names no model");
    }
    file
}

fn skip(reason: &str) {
    // Bypasses the harness, which captures the output of a passing test.
    let _ = writeln!(std::io::stderr(), "a peer was skipped: {reason}");
}

/// A running server.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: String,
    client: reqwest::Client,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Starts a Python program of `folder`, with the port as its last argument.
    pub(crate) async fn python(folder: &Path, program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(PYTHON);
        command
            .args(["-c", program])
            .args(arguments)
            .env("PYTHONPATH", folder.join("python"));
        Self::start(command).await
    }

    /// Starts a Node program of `folder`, with the port as its last argument.
    pub(crate) async fn node(folder: &Path, program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new("node");
        command.arg(folder.join("node/node_modules").join(program));
        command.args(arguments);
        Self::start(command).await
    }

    async fn start(mut command: Command) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let process = command
            .arg(port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            process,
            address: format!("http://127.0.0.1:{port}"),
            client: reqwest::Client::new(),
        };
        let started = async {
            // Whatever it answers, it listens.
            while server.client.get(&server.address).send().await.is_err() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(START_TIMEOUT, started)
            .await
            .expect("the server starts");
        server
    }

    /// Waits until a path is answered with success: a model is loaded after the server listens.
    pub(crate) async fn wait_for(&self, path: &str) {
        let url = format!("{}{path}", self.address);
        let ready = async || match self.client.get(&url).send().await {
            Ok(response) => response.status().is_success(),
            Err(_) => false,
        };
        let waiting = async {
            while !ready().await {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(START_TIMEOUT, waiting)
            .await
            .expect("the server is ready");
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.client.post(format!("{}{path}", self.address));
        let response = request.json(body).send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{path}: {body}: {status}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let request = self.client.get(format!("{}{path}", self.address));
        request.send().await.unwrap().json().await.unwrap()
    }
}
