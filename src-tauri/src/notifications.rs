//! A notification when an answer ends while nobody looks; a click shows its conversation.

use conch_core::chat::{AnswerEnd, MessageStatus};
use conch_core::ids::ConversationId;
use tauri::{AppHandle, Manager};
use tauri_plugin_notification::NotificationExt;
use tauri_specta::Event;

use crate::events::ShowConversation;
use crate::window;

const CONVERSATION: &str = "conversationId";

/// Tells the user how an answer ended, unless a window has the focus or the user stopped it.
pub(crate) fn tell(handle: &AppHandle, end: &AnswerEnd) {
    let title = match end.status {
        MessageStatus::Complete => "Answer finished",
        MessageStatus::Failed => "Answer failed",
        MessageStatus::Interrupted => "Answer interrupted",
        MessageStatus::Generating | MessageStatus::Stopped => return,
    };
    let windows = handle.webview_windows();
    if windows
        .values()
        .any(|window| window.is_focused().unwrap_or(false))
    {
        return;
    }
    let shown = handle
        .notification()
        .builder()
        .title(title)
        .body(&end.excerpt)
        .extra(CONVERSATION, &end.conversation_id)
        .show();
    if let Err(error) = shown {
        tracing::warn!(%error, "the notification was not shown");
    }
}

/// Has a click on a notification bring the window up with its conversation.
pub(crate) fn show_conversation_on_click(
    handle: &AppHandle,
) -> tauri_plugin_notification::Result<()> {
    let target = handle.clone();
    handle.notification().on_action(move |action| {
        let shown = window::bring_up(&target);
        let clicked = action
            .notification()
            .and_then(|notification| notification.extra().get(CONVERSATION)?.as_str())
            .map(|id| ConversationId::from(id.to_owned()));
        if let (Some(window), Some(conversation_id)) = (shown, clicked)
            && let Err(error) =
                (ShowConversation { conversation_id }).emit_to(&target, window.label())
        {
            tracing::warn!(%error, "the window was not told which conversation to show");
        }
    })
}
