//! Closing the last window: the application first finishes running answers, hidden and with their notifications,
//! unless the user chose to quit immediately. What waits in the queues is left to the next start.

use std::sync::Arc;

use conch_core::App;
use conch_core::model::OnClose;
use tauri::{AppHandle, CloseRequestApi, Manager, Runtime, Window};

use crate::Host;
use crate::notifications::Notifications;

/// Handles the user's request to close a window.
pub(crate) fn on_close_requested<R: Runtime>(window: &Window<R>, api: &CloseRequestApi) {
    let handle = window.app_handle();
    let host = handle.state::<Host>();
    let Ok(core) = host.app() else { return };
    if !core.turns.is_answering() || has_other_visible_window(window) {
        return;
    }
    api.prevent_close();
    tauri::async_runtime::spawn(close(window.clone(), core));
}

fn has_other_visible_window<R: Runtime>(window: &Window<R>) -> bool {
    let windows = window.app_handle().webview_windows();
    let mut others = windows
        .values()
        .filter(|other| other.label() != window.label());
    others.any(|other| other.is_visible().unwrap_or(false))
}

/// Closes the last window according to the settings.
async fn close<R: Runtime>(window: Window<R>, core: Arc<App>) {
    let settings = core.settings.get().await.unwrap_or_default();
    let handle = window.app_handle();
    if settings.on_close == OnClose::FinishAnswers && hide(&window) {
        if let Err(error) = core.queues.pause_to_end().await {
            tracing::warn!(%error, "the queues could not be paused");
        }
        exit_when_idle(handle, &core).await;
    } else {
        handle.exit(0);
    }
}

fn hide<R: Runtime>(window: &Window<R>) -> bool {
    let hidden = window.hide();
    if let Err(error) = &hidden {
        tracing::warn!(%error, "the window could not be hidden");
    }
    hidden.is_ok()
}

/// Exits the application when no answer runs and no window is visible. A window that was brought up meanwhile keeps
/// it running until it is closed itself.
async fn exit_when_idle<R: Runtime>(handle: &AppHandle<R>, core: &App) {
    core.turns.all_ended().await;
    if let Some(notifications) = handle.try_state::<Notifications>() {
        notifications.flush().await;
    }
    let windows = handle.webview_windows();
    let any_seen = windows
        .values()
        .any(|window| window.is_visible().unwrap_or(true));
    if !any_seen && !core.turns.is_answering() {
        handle.exit(0);
    }
}
