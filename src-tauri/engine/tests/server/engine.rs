//! A running engine: a child process, started and queried as the application does it.
//!
//! The child is this test executable itself, which its environment turns into the engine. An example or a binary
//! next to it could be stale, because `cargo test NAME` does not build those.

#![expect(
    clippy::unwrap_used,
    reason = "a test's own tools fail as its assertions do"
)]

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{self, ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

const TOKEN: &str = "secret-token-of-the-test";
const FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
/// The name of the test that becomes the engine, and the prefix of the numbered variables that hold its arguments.
const ENGINE: &str = "engine_process";
const ARGUMENT: &str = "CONCH_ENGINE_ARGUMENT_";
/// Longer than anything here takes: it turns a hang into a failure.
const TIMEOUT: Duration = Duration::from_mins(3);

/// Awaits a future with a timeout.
pub(crate) async fn with_timeout<T>(future: impl Future<Output = T>) -> T {
    timeout(TIMEOUT, future)
        .await
        .expect("this should not take minutes")
}

/// Returns the real model's file.
pub(crate) fn model_file() -> PathBuf {
    let set = env::var_os("CONCH_MODEL_FILE").map(PathBuf::from);
    let usual = || Some(dirs::data_dir()?.join("conch").join("models").join(FILE));
    let path = set.or_else(usual).expect("this system has a data folder");
    assert!(
        path.is_file(),
        "{} is missing: `cargo xtask setup` fetches it",
        path.display()
    );
    path
}

/// Becomes the engine in a process that [`Launch::spawn`] started; in any other it is an empty test.
#[test]
fn engine_process() {
    let numbered = (0..).map_while(|number| env::var_os(format!("{ARGUMENT}{number}")));
    let arguments: Vec<_> = numbered.collect();
    if !arguments.is_empty() {
        let code = conch_engine::run(arguments.into_iter());
        // Not as a test result, which would print to the output that belongs to the handshake.
        process::exit(i32::from(code != ExitCode::SUCCESS));
    }
}

/// How an engine is started.
pub(crate) struct Launch {
    arguments: Vec<OsString>,
}

impl Default for Launch {
    fn default() -> Self {
        Self::of(model_file())
    }
}

impl Launch {
    pub(crate) fn of(model: PathBuf) -> Self {
        Self {
            arguments: vec!["--model".into(), model.into()],
        }
    }

    pub(crate) fn argument(mut self, name: &str, value: &str) -> Self {
        self.arguments.extend([name.into(), value.into()]);
        self
    }

    /// Starts the engine.
    pub(crate) fn spawn(self) -> Process {
        let name = format!("{}::{ENGINE}", module_path!().rsplit("::").next().unwrap());
        let numbered = self.arguments.into_iter().enumerate();
        let mut child = Command::new(env::current_exe().unwrap())
            .args([&name, "--exact", "--nocapture"])
            .envs(numbered.map(|(number, argument)| (format!("{ARGUMENT}{number}"), argument)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Process {
            input: child.stdin.take(),
            child,
        }
    }
}

/// A process that may not serve yet.
pub(crate) struct Process {
    child: Child,
    input: Option<ChildStdin>,
}

impl Process {
    /// Writes the token, and reads the handshake line.
    pub(crate) async fn hello(&mut self) -> Value {
        if let Some(input) = &mut self.input {
            // It may have ended already, with its line in the pipe.
            drop(input.write_all(format!("{TOKEN}\n").as_bytes()).await);
        }
        // Dropped after the line, as the application does: nothing more may be written.
        let mut output = BufReader::new(self.child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with('{') {
            // Test executables first print how many tests they run.
            line.clear();
            let read = with_timeout(output.read_line(&mut line)).await.unwrap();
            assert_ne!(read, 0, "the engine ended without a line");
        }
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    pub(crate) fn close_input(&mut self) {
        self.input = None;
    }

    /// Waits until the process ends. The input stays as it is: open, or closed before.
    pub(crate) async fn exit(&mut self) -> ExitStatus {
        with_timeout(self.child.wait()).await.unwrap()
    }
}

/// An engine that serves.
pub(crate) struct Engine {
    process: Process,
    client: Client,
    base: String,
    pub(crate) model: String,
}

/// A complete streamed answer.
pub(crate) struct Answer {
    pub(crate) events: Vec<Value>,
    pub(crate) text: String,
    /// Events that had text.
    pub(crate) deltas: usize,
    pub(crate) finish_reason: String,
    pub(crate) usage: Value,
    /// Whether the last event was the protocol's end mark.
    pub(crate) done: bool,
}

impl Engine {
    pub(crate) async fn start() -> Self {
        Self::start_with(Launch::default()).await
    }

    pub(crate) async fn start_with(launch: Launch) -> Self {
        let mut process = launch.spawn();
        let hello = process.hello().await;
        assert_eq!(hello["event"], "ready", "{hello}");
        Self {
            process,
            client: Client::new(),
            base: format!("http://127.0.0.1:{}", hello["port"]),
            model: hello["model"].as_str().unwrap().to_owned(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.get_with(path, Some(TOKEN)).await
    }

    pub(crate) async fn get_with(&self, path: &str, token: Option<&str>) -> Response {
        let mut request = self.client.get(format!("{}{path}", self.base));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        with_timeout(request.send()).await.unwrap()
    }

    /// Requests an answer, and waits for its headers.
    pub(crate) async fn post(&self, request: &Value) -> Response {
        let address = format!("{}/v1/chat/completions", self.base);
        let request = self.client.post(address).bearer_auth(TOKEN).json(request);
        with_timeout(request.send()).await.unwrap()
    }

    /// Returns the request with the name of the loaded model.
    pub(crate) fn with_model(&self, mut request: Value) -> Value {
        request["model"] = json!(self.model);
        request
    }

    /// Requests a whole answer.
    pub(crate) async fn whole(&self, request: Value) -> Value {
        let response = self.post(&self.with_model(request)).await;
        assert_eq!(response.status(), StatusCode::OK);
        with_timeout(response.json()).await.unwrap()
    }

    /// Requests a streamed answer, and reads it to its end.
    pub(crate) async fn stream(&self, mut request: Value) -> Answer {
        request["stream"] = json!(true);
        request["stream_options"] = json!({"include_usage": true});
        let response = self.post(&self.with_model(request)).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let body = with_timeout(response.text()).await.unwrap();
        Answer::parse(&body)
    }

    /// Writes to its standard input.
    pub(crate) async fn write(&mut self, text: &str) {
        let input = self.process.input.as_mut().unwrap();
        with_timeout(input.write_all(text.as_bytes()))
            .await
            .unwrap();
    }

    pub(crate) fn close_input(&mut self) {
        self.process.close_input();
    }

    pub(crate) async fn exit(&mut self) -> ExitStatus {
        self.process.exit().await
    }
}

impl Answer {
    fn parse(body: &str) -> Self {
        let data: Vec<_> = body
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .collect();
        let parsed = data.iter().filter(|data| **data != "[DONE]");
        let events: Vec<Value> = parsed
            .map(|data| serde_json::from_str(data).unwrap())
            .collect();
        let choices: Vec<_> = events.iter().map(|event| &event["choices"][0]).collect();
        let texts = choices
            .iter()
            .filter_map(|choice| choice["delta"]["content"].as_str());
        let texts: Vec<_> = texts.filter(|text| !text.is_empty()).collect();
        let reasons = choices
            .iter()
            .filter_map(|choice| choice["finish_reason"].as_str());
        let usage = events.last().map(|event| event["usage"].clone());
        Self {
            text: texts.concat(),
            deltas: texts.len(),
            finish_reason: reasons.collect(),
            usage: usage.unwrap_or_default(),
            done: data.last() == Some(&"[DONE]"),
            events,
        }
    }
}
