//! What the system's clipboard holds: the files that were copied, of which WebKitGTK gives a page no more
//! than the first one's address. Other web views give it the files themselves, so nothing is asked for there.

use tauri::{AppHandle, Runtime};

/// Returns the addresses of the files that are on the clipboard now; none where it holds no files or says nothing.
#[cfg(target_os = "linux")]
pub(crate) async fn files<R: Runtime>(handle: &AppHandle<R>) -> Vec<String> {
    use std::time::Duration;

    use tokio::sync::oneshot;

    /// How long the application that was copied from may take to say what was copied.
    const PATIENCE: Duration = Duration::from_secs(2);

    let (answer, answered) = oneshot::channel();
    let asked = handle.run_on_main_thread(move || {
        // A core without a window has no clipboard.
        if !gtk::is_initialized_main_thread() {
            return;
        }
        gtk::Clipboard::get(&gtk::gdk::SELECTION_CLIPBOARD).request_uris(move |_, uris| {
            // Who asked may have given up.
            let files = uris.iter().filter(|uri| uri.starts_with("file:"));
            let _ = answer.send(files.map(ToString::to_string).collect());
        });
    });
    if let Err(error) = asked {
        tracing::warn!(%error, "the clipboard could not be asked");
        return Vec::new();
    }
    let answered = tokio::time::timeout(PATIENCE, answered).await;
    answered.ok().and_then(Result::ok).unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unused_async, reason = "it waits on Linux")]
pub(crate) async fn files<R: Runtime>(_: &AppHandle<R>) -> Vec<String> {
    Vec::new()
}
