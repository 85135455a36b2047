//! The core's events, emitted to every window after commit.

use std::convert::Infallible;
use std::sync::Arc;

use conch_core::events::CoreEvent;
use conch_core::keeper::keep;
use conch_core::model::{ConversationChange, ConversationId, LockChange, QueueChange, Settings};
use serde::{Deserialize, Serialize};
use specta::Type;
use tauri::AppHandle;
use tauri_specta::Event;
use tokio::sync::Mutex;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::window;

/// `lock-changed`: a lock was granted, released, expired or recovered.
#[derive(Debug, Clone, Serialize, Type, Event)]
#[serde(transparent)]
pub(crate) struct LockChanged(LockChange);

/// `conversation-changed`: created, changed, deleted or restored.
#[derive(Debug, Clone, Serialize, Type, Event)]
#[serde(transparent)]
pub(crate) struct ConversationChanged(ConversationChange);

/// `queue-changed`: what waits on a branch changed, or its pause.
#[derive(Debug, Clone, Serialize, Type, Event)]
#[serde(transparent)]
pub(crate) struct QueueChanged(QueueChange);

/// `show-conversation`: a notification was clicked.
#[derive(Debug, Clone, Serialize, Deserialize, Type, Event)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShowConversation {
    /// The notification's conversation.
    pub(crate) conversation_id: ConversationId,
}

/// `settings-changed`: the settings were saved.
#[derive(Debug, Clone, Serialize, Type, Event)]
#[serde(transparent)]
pub(crate) struct SettingsChanged(Settings);

/// `models-changed`: a provider was added, changed or removed.
#[derive(Debug, Clone, Serialize, Type, Event)]
pub(crate) struct ModelsChanged;

/// Forwards the core's events to the windows for as long as the core exists; a panic over one event does not end
/// it.
pub(crate) async fn forward(handle: AppHandle, events: Receiver<CoreEvent>) {
    let events = Arc::new(Mutex::new(events));
    let forwarding = keep("events", CancellationToken::new(), || {
        let (handle, events) = (handle.clone(), Arc::clone(&events));
        async move {
            emit_all(&handle, &mut *events.lock().await).await;
            Ok::<(), Infallible>(())
        }
    });
    forwarding.await;
}

async fn emit_all(handle: &AppHandle, events: &mut Receiver<CoreEvent>) {
    loop {
        let emitted = match events.recv().await {
            Ok(CoreEvent::Lock(change)) => LockChanged(change).emit(handle),
            Ok(CoreEvent::Conversation(change)) => ConversationChanged(change).emit(handle),
            Ok(CoreEvent::Queue(change)) => QueueChanged(change).emit(handle),
            Ok(CoreEvent::Settings(settings)) => {
                window::zoom_all(handle, settings.zoom);
                SettingsChanged(settings).emit(handle)
            }
            Ok(CoreEvent::Models) => ModelsChanged.emit(handle),
            // Notifications have their own subscription, and each command that detects damage returns an error.
            Ok(CoreEvent::AnswerEnded(_) | CoreEvent::DamageDetected) => Ok(()),
            // Windows fetch a snapshot when they get the focus, which closes the gap.
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "events were dropped");
                Ok(())
            }
            Err(RecvError::Closed) => return,
        };
        if let Err(error) = emitted {
            tracing::warn!(%error, "an event could not be sent to the windows");
        }
    }
}
