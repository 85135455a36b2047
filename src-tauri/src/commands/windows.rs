//! Commands about windows.

use conch_core::model::ConversationId;
use tauri::{Runtime, WebviewWindow};

use super::CommandResult;
use crate::window;

/// Opens another window of the same application. It shows this conversation, or the newest one. Fails with
/// `window_limit` when 16 are open.
#[tauri::command]
#[specta::specta]
pub(crate) async fn open_window<R: Runtime>(
    window: WebviewWindow<R>,
    conversation_id: Option<ConversationId>,
) -> CommandResult<()> {
    Ok(window::open_another(&window, conversation_id.as_ref())?)
}
