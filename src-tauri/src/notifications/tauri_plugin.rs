//! Notifications on macOS and Windows, through Tauri's plugin. Neither supports markup.

use std::time::Duration;

use super::text::Notice;
use conch_core::model::ConversationId;
use tauri::AppHandle;
use tauri_plugin_notification::NotificationExt;
use tokio::sync::mpsc;

const CONVERSATION: &str = "conversationId";

/// The desktop's notifications.
pub(super) struct Desktop {
    handle: AppHandle,
    clicks: mpsc::UnboundedReceiver<ConversationId>,
    /// Whether any notification was shown.
    shown: bool,
}

impl Desktop {
    pub(super) fn new(handle: &AppHandle) -> Self {
        let (click, clicks) = mpsc::unbounded_channel();
        let registered = handle.notification().on_action(move |action| {
            let clicked = action
                .notification()
                .and_then(|notification| notification.extra().get(CONVERSATION)?.as_str())
                .map(|id| ConversationId::from(id.to_owned()));
            if let Some(clicked) = clicked {
                // The receiving task ends with the application.
                let _ = click.send(clicked);
            }
        });
        if let Err(error) = registered {
            tracing::warn!(%error, "clicks on notifications cannot be received");
        }
        Self {
            handle: handle.clone(),
            clicks,
            shown: false,
        }
    }

    /// Shows a notification. A failure is only logged.
    #[expect(clippy::unused_async, reason = "it waits on Linux")]
    pub(super) async fn show(&mut self, notice: &Notice, conversation: &ConversationId) {
        let builder = self.handle.notification().builder();
        let shown = builder
            .title(&notice.title)
            .body(&notice.body)
            .extra(CONVERSATION, conversation)
            .show();
        self.shown = true;
        if let Err(error) = shown {
            tracing::warn!(%error, "the notification was not shown");
        }
    }

    /// Waits until a notification is clicked. Cancel safe.
    pub(super) async fn clicked(&mut self) -> ConversationId {
        match self.clicks.recv().await {
            Some(clicked) => clicked,
            None => std::future::pending().await,
        }
    }

    /// Waits until a notification is clicked or `longest` has passed: the plugin does not report whether any is
    /// still shown.
    pub(super) async fn wait_for_click(
        &mut self,
        longest: Duration,
        show: impl Fn(ConversationId),
    ) {
        if !self.shown {
            return;
        }
        if let Ok(Some(clicked)) = tokio::time::timeout(longest, self.clicks.recv()).await {
            show(clicked);
        }
    }
}
