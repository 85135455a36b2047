//! Commands about settings.

use conch_core::model::{ConversationId, Parameters, Settings};
use tauri::State;

use super::CommandResult;
use crate::Host;

/// Returns the settings, which apply to all conversations.
#[tauri::command]
#[specta::specta]
pub(crate) async fn get_settings(host: State<'_, Host>) -> CommandResult<Settings> {
    Ok(host.app()?.settings.get().await?)
}

/// Saves all settings and returns them normalized. An invalid value is refused, and nothing is saved then.
#[tauri::command]
#[specta::specta]
pub(crate) async fn save_settings(
    host: State<'_, Host>,
    settings: Settings,
) -> CommandResult<Settings> {
    Ok(host.app()?.settings.save(settings).await?)
}

/// Sets the generation parameters of a conversation's requests.
#[tauri::command]
#[specta::specta]
pub(crate) async fn set_conversation_parameters(
    host: State<'_, Host>,
    conversation_id: ConversationId,
    parameters: Parameters,
) -> CommandResult<()> {
    Ok(host
        .app()?
        .conversations
        .set_parameters(&conversation_id, parameters)
        .await?)
}
