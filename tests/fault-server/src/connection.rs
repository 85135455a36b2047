//! One connection: its request, and the steps that answer it.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::request::Request;
use crate::script::{Script, Step};
use crate::server::Shared;
use crate::wire::{Protocol, whole};

pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        // A client may disconnect in the middle of a request.
        tokio::spawn(async move { drop(serve(stream, &shared).await) });
    }
}

async fn serve(mut stream: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let request = match Request::read(&mut stream).await {
        Ok(Some(request)) => request,
        Ok(None) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return stream.write_all(&whole(400, &[], "no HTTP")).await;
        }
        Err(error) => return Err(error),
    };
    let elsewhere = shared.state().is_elsewhere(&request);
    if let Some(body) = elsewhere {
        return stream.write_all(&whole(404, &[], &body)).await;
    }
    if let Some(protocol) = Protocol::of_completion(&request) {
        if request.body["messages"] == serde_json::json!([]) {
            let (status, body) = shared.state().refuse_empty(&request, protocol);
            return stream.write_all(&whole(status, &[], &body)).await;
        }
        return complete(&mut stream, protocol, request, shared).await;
    }
    let (status, body) = shared.state().look_up(&request);
    stream.write_all(&whole(status, &[], &body)).await
}

async fn complete(
    stream: &mut TcpStream,
    protocol: Protocol,
    request: Request,
    shared: &Arc<Shared>,
) -> io::Result<()> {
    let mut answer = Answer {
        protocol,
        script: Script::default(),
        headers: Vec::new(),
    };
    let mut allowed = true;
    shared.change(|state| {
        state.completions.push(request);
        if let Some(rate) = &mut state.rate {
            let verdict = rate.ask(Instant::now());
            (allowed, answer.headers) = (verdict.allowed, verdict.headers);
        }
        if allowed {
            answer.script = state.next_script();
            state.running += 1;
            state.peak = state.peak.max(state.running);
        }
    });
    if !allowed {
        answer.script = Script::new([Step::refusal(429, &[], "too many requests")]);
        return answer.perform(stream, shared).await;
    }
    let ended = answer.perform(stream, shared).await;
    shared.change(|state| {
        state.running -= 1;
        state.disconnects += usize::from(ended.is_err());
    });
    Ok(())
}

struct Answer {
    protocol: Protocol,
    script: Script,
    /// Added to those of the script.
    headers: Vec<(String, String)>,
}

impl Answer {
    /// Performs the steps. An error means that the client disconnected before their end.
    async fn perform(&self, stream: &mut TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
        let steps = &self.script.0;
        let began = Instant::now();
        for (at, step) in steps.iter().enumerate() {
            match step {
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
                Step::Until(time) => tokio::select! {
                    () = tokio::time::sleep_until(began + *time) => {}
                    left = gone(stream) => left?,
                },
                _ => {
                    let bytes = self.protocol.bytes(steps, at, &self.headers);
                    stream.write_all(&bytes).await?;
                }
            }
        }
        stream.shutdown().await
    }
}

/// Waits until the client disconnects. It never returns `Ok`.
async fn gone(stream: &mut TcpStream) -> io::Result<()> {
    let mut rest = [0; 256];
    while stream.read(&mut rest).await? > 0 {}
    Err(io::ErrorKind::ConnectionAborted.into())
}
