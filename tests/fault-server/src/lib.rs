//! A provider stand-in for tests: the OpenAI chat-completions protocol over raw TCP, scripted step by
//! step, so that it can also do what no HTTP library would: drip, cut, reset, fall silent.
//!
//! It owns the faults and nothing else: what an application makes of them is the tests' business.

mod script;

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub use script::{Script, Step};

/// A request as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: String,
    /// With the base path.
    pub path: String,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
    /// The JSON body; null where there is none.
    pub body: Value,
}

/// The stand-in. It ends when it is dropped.
#[derive(Debug)]
pub struct FaultServer {
    port: u16,
    shared: Arc<Shared>,
    accepting: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Counts up with every change of the state.
    changed: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    models: Vec<String>,
    scripts: VecDeque<Script>,
    default: Script,
    open_gates: HashSet<String>,
    completions: Vec<Request>,
    running: usize,
    peak: usize,
    disconnects: usize,
}

/// Something that a script waits for.
#[derive(Debug)]
pub struct Gate<'a> {
    server: &'a FaultServer,
    name: String,
}

impl Gate<'_> {
    /// Lets every answer on that waits here, now or later.
    pub fn open(&self) {
        let name = self.name.clone();
        self.server.shared.change(|state| {
            state.open_gates.insert(name);
        });
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl FaultServer {
    /// Starts on a free port of this machine. It lists one model, `stand-in-1`, and answers "Hello
    /// there." to whatever no script was given for.
    pub async fn start() -> Self {
        Self::on_port(0).await
    }

    /// Starts on this port: for a provider that comes back where it was.
    pub async fn on_port(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port))
            .await
            .expect("a port of this machine is free");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                models: vec!["stand-in-1".to_owned()],
                scripts: VecDeque::new(),
                default: Script::answer("Hello there."),
                open_gates: HashSet::new(),
                completions: Vec::new(),
                running: 0,
                peak: 0,
                disconnects: 0,
            }),
            changed: watch::Sender::new(0),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self {
            port,
            shared,
            accepting,
        }
    }

    /// What `OPENAI_BASE_URL` takes.
    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it lists under `/models` from now on.
    pub fn list_models(&self, models: &[&str]) {
        let models = models.iter().map(|&model| model.to_owned()).collect();
        self.shared.change(|state| state.models = models);
    }

    /// Knows no `/models` from now on, like a server that serves one model only.
    pub fn refuse_lists(&self) {
        self.shared.change(|state| state.models.clear());
    }

    /// Adds the script of a request to come; requests take them in this order.
    pub fn push(&self, script: Script) {
        self.shared.change(|state| state.scripts.push_back(script));
    }

    /// Sets the script of every request that none was pushed for.
    pub fn always(&self, script: Script) {
        self.shared.change(|state| state.default = script);
    }

    /// The gate of this name.
    pub fn gate(&self, name: &str) -> Gate<'_> {
        Gate {
            server: self,
            name: name.to_owned(),
        }
    }

    /// The chat completions that were asked for.
    pub fn completions(&self) -> Vec<Request> {
        self.shared.state().completions.clone()
    }

    /// The most completions that ran at once.
    pub fn peak_completions(&self) -> usize {
        self.shared.state().peak
    }

    /// Waits until so many completions were asked for.
    pub async fn wait_for_requests(&self, count: usize) {
        self.wait_until(|state| state.completions.len() >= count)
            .await;
    }

    /// Waits until so many clients went away before their answer had ended.
    pub async fn wait_for_disconnects(&self, count: usize) {
        self.wait_until(|state| state.disconnects >= count).await;
    }

    async fn wait_until(&self, condition: impl Fn(&State) -> bool) {
        self.shared.wait_until(condition).await;
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.send_modify(|count| *count += 1);
    }

    async fn wait_until(&self, condition: impl Fn(&State) -> bool) {
        let mut changed = self.changed.subscribe();
        while !condition(&self.state()) {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        // A client that breaks off in the middle of a request is part of the game.
        tokio::spawn(async move { drop(serve(stream, &shared).await) });
    }
}

async fn serve(mut stream: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let Some(request) = read_request(&mut stream).await? else {
        return Ok(());
    };
    let models = shared.state().models.clone();
    if request.path.ends_with("/models") && !models.is_empty() {
        let data: Vec<_> = models
            .iter()
            .map(|id| json!({"id": id, "object": "model"}))
            .collect();
        let body = json!({"object": "list", "data": data}).to_string();
        return send(&mut stream, &Step::status(200, &[], &body)).await;
    }
    if !request.path.ends_with("/chat/completions") {
        let body = json!({"error": {"message": "no such path"}}).to_string();
        return send(&mut stream, &Step::status(404, &[], &body)).await;
    }
    let mut script = Script::default();
    shared.change(|state| {
        script = state
            .scripts
            .pop_front()
            .unwrap_or_else(|| state.default.clone());
        state.completions.push(request);
        state.running += 1;
        state.peak = state.peak.max(state.running);
    });
    let ended = perform(&mut stream, script, shared).await;
    shared.change(|state| {
        state.running -= 1;
        state.disconnects += usize::from(ended.is_err());
    });
    Ok(())
}

/// Performs the steps. An error means that the client went away before their end.
async fn perform(stream: &mut TcpStream, script: Script, shared: &Arc<Shared>) -> io::Result<()> {
    for step in script.0 {
        match &step {
            Step::Close => break,
            Step::Reset => {
                stream.set_zero_linger()?;
                return Ok(());
            }
            Step::Hang => gone(stream).await?,
            Step::Wait(gate) => {
                let opened = shared.wait_until(|state| state.open_gates.contains(gate));
                tokio::select! {
                    () = opened => {}
                    left = gone(stream) => left?,
                }
            }
            Step::Pause(pause) => tokio::select! {
                () = tokio::time::sleep(*pause) => {}
                left = gone(stream) => left?,
            },
            _ => send(stream, &step).await?,
        }
    }
    stream.shutdown().await
}

async fn send(stream: &mut TcpStream, step: &Step) -> io::Result<()> {
    stream.write_all(&step.bytes().unwrap_or_default()).await
}

/// Waits until the client goes away. It never returns `Ok`.
async fn gone(stream: &mut TcpStream) -> io::Result<()> {
    let mut rest = [0; 256];
    while stream.read(&mut rest).await? > 0 {}
    Err(io::ErrorKind::ConnectionAborted.into())
}

async fn read_request(stream: &mut TcpStream) -> io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.lines();
    let mut first = lines
        .next()
        .unwrap_or_default()
        .split(' ')
        .map(str::to_owned);
    let (Some(method), Some(path)) = (first.next(), first.next()) else {
        return Ok(None);
    };
    let headers: HashMap<_, _> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers
        .get("content-length")
        .and_then(|length| length.parse().ok());
    let body_end = head_end + 4 + length.unwrap_or(0_usize);
    while bytes.len() < body_end {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(Request {
        method,
        path,
        headers,
        body: serde_json::from_slice(&bytes[head_end + 4..body_end]).unwrap_or(Value::Null),
    }))
}
