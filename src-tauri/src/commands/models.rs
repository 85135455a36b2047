//! Commands about providers and their models.

use conch_core::model::Consent;
use conch_core::provider::{
    ConnectionTest, FoundServer, ModelFileInfo, ModelInfo, Preset, ProviderForm, ProviderInfo,
};
use tauri::State;

use super::CommandResult;
use crate::Host;

/// Returns every selectable model, the default marked. A provider that cannot be reached is one entry with the
/// reason. Lists are cached for a while; `refresh` fetches them again.
#[tauri::command]
#[specta::specta]
pub(crate) async fn list_models(
    host: State<'_, Host>,
    refresh: Option<bool>,
) -> CommandResult<Vec<ModelInfo>> {
    Ok(host
        .app()?
        .providers
        .models(refresh.unwrap_or(false))
        .await?)
}

/// Returns the providers that can be added by filling in a form.
#[tauri::command]
#[specta::specta]
pub(crate) async fn list_presets(host: State<'_, Host>) -> CommandResult<Vec<Preset>> {
    Ok(host.app()?.providers.presets())
}

/// Returns every configured provider, the embedded one included. No key is returned, only its last characters.
#[tauri::command]
#[specta::specta]
pub(crate) async fn list_providers(host: State<'_, Host>) -> CommandResult<Vec<ProviderInfo>> {
    Ok(host.app()?.providers.list().await?)
}

/// Returns what the built-in model's file is, or why it cannot be used. The settings say which file it is.
#[tauri::command]
#[specta::specta]
pub(crate) async fn get_model_file(host: State<'_, Host>) -> CommandResult<ModelFileInfo> {
    Ok(host.app()?.providers.model_file().await?)
}

/// Adds a provider or changes one, its key included. `keychain_unavailable` means that nothing was saved and that
/// the key can be stored elsewhere.
#[tauri::command]
#[specta::specta]
pub(crate) async fn save_provider(
    host: State<'_, Host>,
    form: ProviderForm,
) -> CommandResult<ProviderInfo> {
    Ok(host.app()?.providers.save(&form).await?)
}

/// Stores what the user consents to about the server of a provider that environment variables configure; null
/// withdraws it. That of another provider is saved with its form.
#[tauri::command]
#[specta::specta]
pub(crate) async fn save_environment_consent(
    host: State<'_, Host>,
    provider_id: String,
    consent: Option<Consent>,
) -> CommandResult<()> {
    let providers = &host.app()?.providers;
    Ok(providers
        .consent_to_environment(&provider_id, consent.as_ref())
        .await?)
}

/// Deletes a provider and its key.
#[tauri::command]
#[specta::specta]
pub(crate) async fn delete_provider(
    host: State<'_, Host>,
    provider_id: String,
) -> CommandResult<()> {
    Ok(host.app()?.providers.delete(&provider_id).await?)
}

/// Tests the connection to a provider as filled in, and returns what is wrong. Nothing is saved.
#[tauri::command]
#[specta::specta]
pub(crate) async fn test_provider(
    host: State<'_, Host>,
    form: ProviderForm,
) -> CommandResult<ConnectionTest> {
    Ok(host.app()?.providers.test(&form).await?)
}

/// Returns the model servers that run on this machine and are not configured yet.
#[tauri::command]
#[specta::specta]
pub(crate) async fn find_local_servers(host: State<'_, Host>) -> CommandResult<Vec<FoundServer>> {
    Ok(host.app()?.providers.find_local().await?)
}
