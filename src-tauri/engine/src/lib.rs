//! The embedded model server: llama.cpp behind the OpenAI chat-completions protocol on loopback.
//!
//! The application runs this as a child process, because a model that exhausts memory or trips an assertion in C++
//! must not take the window down. So this crate owns a whole process: its command line, its handshake with the
//! parent over standard input and output, the HTTP server, and the one thread that owns the model. It has no notion
//! of windows, conversations or storage: to the rest of Conch it is one more provider that speaks HTTP.

mod arguments;
mod cpu;
mod failure;
mod http;
mod inference;
mod parent;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;

use arguments::Arguments;
use failure::Failure;
use http::{Activity, Server};
use inference::{Jobs, Model, Worker};
use parent::Parent;

/// Serves one model until it is idle, and returns the process's exit code.
///
/// `arguments` are those that follow the program and its subcommand:
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `--model PATH` | the GGUF file | required |
/// | `--idle-seconds N` | exit after so long without a request | 300 |
/// | `--threads N` | threads that compute | physical cores less one, at least 1, at most 4 |
/// | `--context N` | tokens of prompt and answer together; at most what the model was trained on | 4096 |
///
/// The first line of standard input is the bearer token that every request must carry. The reply is one line of
/// JSON on standard output, and nothing else is ever written there: either
/// `{"event":"ready","port":N,"model":"…"}`, after which the protocol is served under `http://127.0.0.1:N/v1`, or
/// `{"event":"failed","code":"…","message":"…"}`. The codes are `cpu_unsupported`, `model_missing`, `model_not_gguf`,
/// `model_damaged`, `model_incomplete`, `model_not_for_chat`, `model_unsupported`, `out_of_memory` and `internal`.
///
/// A model without a chat template is a base model: the messages are the text that it continues. A second line
/// `finish` ends the process when no request is under way.
///
/// Returns success after the idle timeout or `finish`, and a failure otherwise. **The end of standard input ends the process
/// immediately**, even in the middle of a computation: then this does not return. A tracing subscriber, where the
/// caller installs one, must not write to standard output.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match start(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tracing::error!(code = failure.code(), "{failure}");
            if !failure.is_after_handshake() {
                parent::announce_failure(&failure);
            }
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    let arguments = Arguments::parse(arguments)?;
    let parent = Parent::watch()?;
    cpu::check()?;
    let file = conch_gguf::inspect(&arguments.model)?;
    let model = Arc::new(Model::load(&file)?);
    let worker = Worker::start(Arc::clone(&model), arguments.worker_config())?;
    let (token, finish) = parent.token()?;
    let (thread, jobs, ended) = worker.into_parts();
    // One thread is enough to relay one answer, and leaves the cores to the model.
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::Runtime)?;
    let served = runtime.block_on(serve(arguments.idle, token, model, jobs, ended, finish));
    // The last handles of the queue are dropped with the runtime, which ends the thread. It is joined, because the
    // exit must not tear down llama.cpp while it frees a context.
    drop(runtime);
    thread.join().map_err(|_| Failure::ModelThread)?;
    served
}

/// Serves until no request arrived for `idle`, or since the parent wants no more; or the model's thread has ended.
async fn serve(
    idle: Duration,
    token: String,
    model: Arc<Model>,
    jobs: Jobs,
    ended: oneshot::Receiver<()>,
    finish: oneshot::Receiver<()>,
) -> Result<(), Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .map_err(Failure::Listen)?;
    let port = listener.local_addr().map_err(Failure::Listen)?.port();
    let activity = Activity::default();
    let name = model.name().to_owned();
    let server = Server::new(token, model, jobs, activity.clone());
    parent::announce_ready(port, &name);
    let stop = async move {
        tokio::select! {
            () = activity.idle_for(idle) => {}
            Ok(()) = finish => activity.idle_for(Duration::ZERO).await,
            _ = ended => {}
        }
    };
    server.serve(listener, stop).await.map_err(Failure::Serve)
}
