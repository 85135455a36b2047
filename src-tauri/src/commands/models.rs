//! Commands about models.

use conch_core::provider::ModelInfo;
use tauri::State;

use super::Answer;
use crate::Host;

/// Every model that can be chosen, the default marked. A provider that cannot be asked is one entry
/// that says why.
#[tauri::command]
#[specta::specta]
pub(crate) async fn list_models(host: State<'_, Host>) -> Answer<Vec<ModelInfo>> {
    Ok(host.app()?.list_models().await)
}
