//! Termination signals: a shutdown, a Ctrl-C, a terminal that is closed.

use tauri::AppHandle;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Exits on the first termination signal, without waiting for running answers; their text so far is stored. Later
/// signals change nothing: the system sends two at a logout.
pub(crate) async fn exit_on_signal(handle: AppHandle) {
    let mut signals = match subscribe() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::warn!(%error, "termination signals cannot be received; the next start recovers answers that a shutdown interrupts");
            return;
        }
    };
    futures_util::future::select_all(signals.iter_mut().map(|signal| Box::pin(signal.recv())))
        .await;
    handle.exit(0);
}

fn subscribe() -> std::io::Result<Vec<Signal>> {
    let mut kinds = vec![SignalKind::terminate(), SignalKind::interrupt()];
    // Under `nohup`, SIGHUP stays ignored.
    if !is_ignored(libc::SIGHUP) {
        kinds.push(SignalKind::hangup());
    }
    kinds.into_iter().map(signal).collect()
}

/// Returns whether this process was started with the signal ignored.
fn is_ignored(signal: libc::c_int) -> bool {
    #[expect(
        unsafe_code,
        reason = "asks for a disposition and changes none; the structure is plain data"
    )]
    unsafe {
        let mut now = std::mem::zeroed::<libc::sigaction>();
        libc::sigaction(signal, std::ptr::null(), &raw mut now) == 0
            && now.sa_sigaction == libc::SIG_IGN
    }
}
