//! What the system's clipboard holds: the files that were copied, of which WebKitGTK gives a page no more
//! than the first one's address. Other web views give it the files themselves, so nothing is asked for there.

use tauri::{AppHandle, Runtime};

/// Returns the addresses of the files that are on the clipboard now; none where it holds no files or says nothing.
#[cfg(target_os = "linux")]
pub(crate) async fn files<R: Runtime>(handle: &AppHandle<R>) -> Vec<String> {
    use std::time::Duration;

    use tokio::sync::oneshot;

    /// How long the application that was copied from may take to say what was copied.
    const REPLY_TIMEOUT: Duration = Duration::from_secs(2);

    let (reply_sender, reply) = oneshot::channel();
    let dispatched = handle.run_on_main_thread(move || {
        // A core without a window has no clipboard.
        if !gtk::is_initialized_main_thread() {
            return;
        }
        gtk::Clipboard::get(&gtk::gdk::SELECTION_CLIPBOARD).request_uris(move |_, uris| {
            // Who asked may have given up.
            let files = uris.iter().filter(|uri| uri.starts_with("file:"));
            let _ = reply_sender.send(files.map(ToString::to_string).collect());
        });
    });
    if let Err(error) = dispatched {
        tracing::warn!(%error, "the clipboard could not be asked");
        return Vec::new();
    }
    let reply = tokio::time::timeout(REPLY_TIMEOUT, reply).await;
    reply.ok().and_then(Result::ok).unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unused_async, reason = "it waits on Linux")]
pub(crate) async fn files<R: Runtime>(_: &AppHandle<R>) -> Vec<String> {
    Vec::new()
}
