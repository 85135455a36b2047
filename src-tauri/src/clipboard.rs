//! The copied files on the system's clipboard. WebKitGTK exposes only the first one's address to a page; other web
//! views expose the files themselves, so nothing is read there.

use tauri::{AppHandle, Runtime};

/// Returns the addresses of the files on the clipboard; none when it holds no files or its owner does not reply.
#[cfg(target_os = "linux")]
pub(crate) async fn files<R: Runtime>(handle: &AppHandle<R>) -> Vec<String> {
    use std::time::Duration;

    use tokio::sync::oneshot;

    /// The timeout for the reply of the application that owns the clipboard.
    const REPLY_TIMEOUT: Duration = Duration::from_secs(2);

    let (reply_sender, reply) = oneshot::channel();
    let dispatched = handle.run_on_main_thread(move || {
        // A core without a window has no clipboard.
        if !gtk::is_initialized_main_thread() {
            return;
        }
        gtk::Clipboard::get(&gtk::gdk::SELECTION_CLIPBOARD).request_uris(move |_, uris| {
            // The caller may have timed out.
            let files = uris.iter().filter(|uri| uri.starts_with("file:"));
            let _ = reply_sender.send(files.map(ToString::to_string).collect());
        });
    });
    if let Err(error) = dispatched {
        tracing::warn!(%error, "the clipboard could not be read");
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
