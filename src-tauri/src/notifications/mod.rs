//! Notifies the user when an answer ends while no window of Conch has the focus; a click shows its conversation.
//!
//! The text is in [`text`]. One task sends all of them, one after the other, so a service that hangs
//! delays each by its timeout and blocks nothing else.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod tauri_plugin;
mod text;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use conch_core::events::CoreEvent;
use conch_core::model::{AnswerEnd, ConversationId};
use conch_core::{App, Result};
use tauri::async_runtime::JoinHandle;
use tauri::plugin::TauriPlugin;
use tauri::{AppHandle, Manager, Runtime};
use tauri_specta::Event;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, oneshot};

#[cfg(target_os = "linux")]
use linux::Desktop;
#[cfg(not(target_os = "linux"))]
use tauri_plugin::Desktop;
use text::Notice;

use crate::events::ShowConversation;
use crate::window;

/// How long an application that is about to exit waits for a click on its notifications: about as long as desktops
/// show one.
const LINGER: Duration = Duration::from_secs(5);

/// The Tauri plugin for notifications.
#[cfg(target_os = "linux")]
pub(crate) fn plugin<R: Runtime>() -> TauriPlugin<R> {
    tauri::plugin::Builder::<R, ()>::new("notifications").build()
}

/// The Tauri plugin for notifications.
#[cfg(not(target_os = "linux"))]
pub(crate) use tauri_plugin_notification::init as plugin;

/// The notification task of the running core.
#[derive(Debug, Default)]
pub(crate) struct Notifications(Mutex<Option<Task>>);

/// The task of one core.
#[derive(Debug)]
struct Task {
    flush_sender: mpsc::UnboundedSender<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

impl Notifications {
    /// Notifies of answers of `core` that end from now on; aborts the task of an earlier core.
    pub(crate) fn start(&self, handle: AppHandle, core: Arc<App>) {
        let (flush_sender, flush_requests) = mpsc::unbounded_channel();
        let events = core.subscribe();
        let running = tauri::async_runtime::spawn(notify(handle, core, events, flush_requests));
        if let Some(earlier) = self.task().replace(Task {
            flush_sender,
            running,
        }) {
            earlier.running.abort();
        }
    }

    fn task(&self) -> MutexGuard<'_, Option<Task>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until all answers that have ended are notified of, and the last notification was shown long enough to
    /// be clicked.
    pub(crate) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        let flush_sender = self.task().as_ref().map(|task| task.flush_sender.clone());
        if flush_sender.is_some_and(|flush_sender| flush_sender.send(done).is_ok()) {
            let _ = flushed.await;
        }
    }
}

async fn notify(
    handle: AppHandle,
    core: Arc<App>,
    mut events: Receiver<CoreEvent>,
    mut flush_requests: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
) {
    let mut desktop = Desktop::new(&handle);
    loop {
        tokio::select! {
            // Answers that have ended are notified of before a flush is acknowledged.
            biased;
            event = events.recv() => match event {
                Ok(CoreEvent::AnswerEnded(end)) => {
                    if let Some(notice) = notice(&handle, &core, &end).await {
                        desktop.show(&notice, &end.conversation_id).await;
                    }
                }
                Ok(_) => {}
                Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "notifications were missed"),
                Err(RecvError::Closed) => return,
            },
            clicked = desktop.clicked() => show(&handle, clicked),
            Some(done) = flush_requests.recv() => {
                desktop.wait_for_click(LINGER, |clicked| show(&handle, clicked)).await;
                // The caller may have given up.
                let _ = done.send(());
            }
        }
    }
}

/// Returns the notice for an answer's end; `None` while a window of Conch has the focus, and where the user wants none.
async fn notice(handle: &AppHandle, core: &App, end: &AnswerEnd) -> Option<Notice> {
    let windows = handle.webview_windows();
    if windows
        .values()
        .any(|window| window.is_focused().unwrap_or(false))
    {
        return None;
    }
    read(core, end).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "no notification could be made for an answer that ended");
        None
    })
}

async fn read(core: &App, end: &AnswerEnd) -> Result<Option<Notice>> {
    if !core.settings.get().await?.notifications {
        return Ok(None);
    }
    let title = core.conversations.title(&end.conversation_id).await?;
    Ok(Notice::of(end, title))
}

/// Brings a window to the front with the conversation whose notification was clicked.
fn show(handle: &AppHandle, conversation_id: ConversationId) {
    if let Some(window) = window::bring_up(handle)
        && let Err(error) = (ShowConversation { conversation_id }).emit_to(handle, window.label())
    {
        tracing::warn!(%error, "the window could not be asked to show a conversation");
    }
}
