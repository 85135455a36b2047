//! The handle of the server, and its state.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::connection::accept;
use crate::rate::{Rate, RateLimit};
use crate::request::Request;
use crate::script::Script;
use crate::wire::Protocol;

/// The mock provider. It stops listening when it is dropped.
#[derive(Debug)]
pub struct FaultServer {
    port: u16,
    shared: Arc<Shared>,
    accepting: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Incremented on every change of the state.
    changed: watch::Sender<u64>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) models: Vec<String>,
    pub(crate) context_tokens: Option<u32>,
    slots: Option<u32>,
    slot_requests: usize,
    pub(crate) key: Option<RequiredKey>,
    only_below: Option<String>,
    scripts: VecDeque<Script>,
    default: Script,
    pub(crate) open_gates: HashSet<String>,
    pub(crate) completions: Vec<Request>,
    /// The paths of all other requests.
    pub(crate) looked_up: Vec<String>,
    replies: HashMap<String, String>,
    pub(crate) rate: Option<Rate>,
    pub(crate) running: usize,
    pub(crate) peak: usize,
    pub(crate) disconnects: usize,
}

#[derive(Debug)]
pub(crate) struct RequiredKey {
    bearer: String,
    open_lists: bool,
}

impl RequiredKey {
    fn is_sent_with(&self, request: &Request) -> bool {
        request.headers.get("authorization") == Some(&self.bearer)
    }
}

impl State {
    /// Answers a request for anything but a completion: a list of models, the slots, or the state of a key.
    pub(crate) fn look_up(&mut self, request: &Request) -> (u16, String) {
        self.looked_up.push(request.place().to_owned());
        if let Some(reply) = self.replies.get(request.place()) {
            return (200, reply.clone());
        }
        let refused = self
            .key
            .as_ref()
            .is_some_and(|key| !key.is_sent_with(request));
        let open_lists = self.key.as_ref().is_some_and(|key| key.open_lists);
        if request.place() == "/props" {
            self.slot_requests += 1;
            if let Some(slots) = self.slots {
                return (200, format!(r#"{{"total_slots":{slots}}}"#));
            }
        }
        let listed = Protocol::of_list(request).filter(|_| !self.models.is_empty());
        let is_key = self.key.is_some() && request.place().ends_with("/key");
        let protocol = listed.unwrap_or(Protocol::OpenAi);
        if refused && (is_key || listed.is_some() && !open_lists) {
            (401, protocol.error_body(401, "no such key"))
        } else if listed.is_some() {
            (200, protocol.list(&self.models, self.context_tokens))
        } else if is_key {
            (200, r#"{"data":{}}"#.to_owned())
        } else {
            (404, protocol.error_body(404, "no such path"))
        }
    }

    /// Returns the body of the 404 for a path outside of the only one, if there is one.
    pub(crate) fn is_elsewhere(&self, request: &Request) -> Option<String> {
        let only = self.only_below.as_ref()?;
        let body = || r#"{"detail":"Not Found"}"#.to_owned();
        (!request.place().starts_with(only)).then(body)
    }

    /// Refuses a request without a message, as providers do.
    pub(crate) fn refuse_empty(&self, request: &Request, protocol: Protocol) -> (u16, String) {
        let mut key = self.key.iter();
        if key.any(|key| !key.open_lists && !key.is_sent_with(request)) {
            return (401, protocol.error_body(401, "no such key"));
        }
        (400, protocol.error_body(400, "messages is empty"))
    }

    pub(crate) fn next_script(&mut self) -> Script {
        self.scripts
            .pop_front()
            .unwrap_or_else(|| self.default.clone())
    }
}

/// A gate that a script waits for.
#[derive(Debug)]
pub struct Gate<'a> {
    server: &'a FaultServer,
    name: String,
}

impl Gate<'_> {
    /// Releases every answer that waits here, now or later.
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
    /// Starts on a free local port. It lists one model, `stand-in-1`, and answers "Hello there." to every request
    /// without a script.
    pub async fn start() -> Self {
        Self::on_port(0).await
    }

    /// Starts on this port, for a provider that comes back at the same address.
    pub async fn on_port(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port))
            .await
            .expect("a port of this machine is free");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                models: vec!["stand-in-1".to_owned()],
                key: None,
                only_below: None,
                context_tokens: None,
                slots: None,
                slot_requests: 0,
                scripts: VecDeque::new(),
                default: Script::answer("Hello there."),
                open_gates: HashSet::new(),
                completions: Vec::new(),
                looked_up: Vec::new(),
                replies: HashMap::new(),
                rate: None,
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

    /// Returns the value for `OPENAI_BASE_URL`.
    pub fn base_url(&self) -> String {
        self.base_url_of(Protocol::OpenAi)
    }

    /// Returns the base URL of a protocol.
    pub fn base_url_of(&self, protocol: Protocol) -> String {
        format!("{}{}", self.origin(), protocol.base_path())
    }

    /// Returns the URL without a path.
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns the port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sets the models that it lists, in every protocol.
    pub fn set_models(&self, models: &[&str]) {
        let models = models.iter().map(|&model| model.to_owned()).collect();
        self.shared.change(|state| state.models = models);
    }

    /// Sets the context length of its models, in tokens, reported in OpenAI's list as many servers do.
    pub fn set_context_tokens(&self, tokens: u32) {
        self.shared
            .change(|state| state.context_tokens = Some(tokens));
    }

    /// Sets the number of concurrent requests that it reports, where llama.cpp's server does.
    pub fn set_slots(&self, slots: u32) {
        self.shared.change(|state| state.slots = Some(slots));
    }

    /// Returns how many requests for its slots it received.
    pub fn slot_requests(&self) -> usize {
        self.shared.state().slot_requests
    }

    /// Stops listing models, like a server that serves only one model.
    pub fn refuse_lists(&self) {
        self.shared.change(|state| state.models.clear());
    }

    /// Answers paths below this one only, such as `/v1/`. Without it, every base path is served.
    pub fn serve_only_below(&self, path: &str) {
        self.shared
            .change(|state| state.only_below = Some(path.to_owned()));
    }

    /// Requires this key, at `key` as OpenRouter does, and for its lists unless they are public.
    pub fn require_key(&self, key: &str, open_lists: bool) {
        let key = RequiredKey {
            bearer: format!("Bearer {key}"),
            open_lists,
        };
        self.shared.change(|state| state.key = Some(key));
    }

    /// Answers every request for this path with this JSON.
    pub fn reply(&self, path: &str, json: &str) {
        self.shared.change(|state| {
            state.replies.insert(path.to_owned(), json.to_owned());
        });
    }

    /// Returns how many requests for this path it received, other than for completions.
    pub fn requests_for(&self, path: &str) -> usize {
        let state = self.shared.state();
        let asked = state.looked_up.iter().filter(|place| *place == path);
        asked.count()
    }

    /// Queues the script of a future request; requests use them in order.
    pub fn push(&self, script: Script) {
        self.shared.change(|state| state.scripts.push_back(script));
    }

    /// Sets the script of every request without a queued one.
    pub fn set_default_script(&self, script: Script) {
        self.shared.change(|state| state.default = script);
    }

    /// Drops the queued scripts.
    pub fn clear_scripts(&self) {
        self.shared.change(|state| state.scripts.clear());
    }

    /// Sets a rate limit; requests over it are refused with a 429.
    pub fn limit_rate(&self, limit: RateLimit) {
        self.shared
            .change(|state| state.rate = Some(Rate::new(limit)));
    }

    /// Returns how many requests the rate limit refused.
    pub fn refusals(&self) -> usize {
        self.refusals_per_window().iter().sum()
    }

    /// Returns how many requests the rate limit refused in each window that had a request.
    pub fn refusals_per_window(&self) -> Vec<usize> {
        let state = self.shared.state();
        state
            .rate
            .as_ref()
            .map(|rate| rate.refused().to_vec())
            .unwrap_or_default()
    }

    /// Returns the gate with this name.
    pub fn gate(&self, name: &str) -> Gate<'_> {
        Gate {
            server: self,
            name: name.to_owned(),
        }
    }

    /// Returns the requests for chat completions, in any protocol, including those that a rate limit refused.
    pub fn completions(&self) -> Vec<Request> {
        self.shared.state().completions.clone()
    }

    /// Returns the maximum number of concurrent completions.
    pub fn peak_completions(&self) -> usize {
        self.shared.state().peak
    }

    /// Waits until this many completions were requested.
    pub async fn wait_for_requests(&self, count: usize) {
        self.wait_until(|state| state.completions.len() >= count)
            .await;
    }

    /// Waits until this many clients disconnected before the end of their answer.
    pub async fn wait_for_disconnects(&self, count: usize) {
        self.wait_until(|state| state.disconnects >= count).await;
    }

    async fn wait_until(&self, condition: impl Fn(&State) -> bool) {
        self.shared.wait_until(condition).await;
    }
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.send_modify(|count| *count += 1);
    }

    pub(crate) async fn wait_until(&self, condition: impl Fn(&State) -> bool) {
        let mut changed = self.changed.subscribe();
        while !condition(&self.state()) {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }
}
