//! Commands for the time before the core runs, and for when it cannot start.

use conch_core::recovery::{RecoveryOptions, Replacement};
use conch_core::start::Stage;
use conch_core::store::Salvaged;
use tauri::{AppHandle, Runtime, State};

use super::CommandResult;
use crate::host::StartStatus;
use crate::process::InheritedLimits;
use crate::{Host, opener, window};

/// Returns the progress of the start as soon as its stage differs from `seen`.
#[tauri::command]
#[specta::specta]
pub(crate) async fn start_status(
    host: State<'_, Host>,
    seen: Option<Stage>,
) -> CommandResult<StartStatus> {
    Ok(host.status(seen).await)
}

/// Returns the recovery options when the database cannot be opened.
#[tauri::command]
#[specta::specta]
pub(crate) async fn ways_on(host: State<'_, Host>) -> CommandResult<RecoveryOptions> {
    Ok(host.recovery().ways_on())
}

/// Starts with a backup, by its name. The database that cannot be opened is moved aside.
#[tauri::command]
#[specta::specta]
pub(crate) async fn start_with_backup<R: Runtime>(
    app: AppHandle<R>,
    host: State<'_, Host>,
    name: String,
) -> CommandResult<()> {
    host.start_with(Replacement::Backup(name)).await?;
    window::reload_all(&app);
    Ok(())
}

/// Starts with the last result of `save_readable`. The database that cannot be opened is moved aside.
#[tauri::command]
#[specta::specta]
pub(crate) async fn start_with_saved<R: Runtime>(
    app: AppHandle<R>,
    host: State<'_, Host>,
) -> CommandResult<()> {
    host.start_with(Replacement::Saved).await?;
    window::reload_all(&app);
    Ok(())
}

/// Starts with an empty database. The one that cannot be opened is moved aside.
#[tauri::command]
#[specta::specta]
pub(crate) async fn start_with_empty<R: Runtime>(
    app: AppHandle<R>,
    host: State<'_, Host>,
) -> CommandResult<()> {
    host.start_with(Replacement::Empty).await?;
    window::reload_all(&app);
    Ok(())
}

/// Salvages what can be read of a database that cannot be opened, which stays unchanged.
#[tauri::command]
#[specta::specta]
pub(crate) async fn save_readable(host: State<'_, Host>) -> CommandResult<Salvaged> {
    Ok(host.recovery().save_readable().await?)
}

/// Shows the data folder in the system's file manager.
#[tauri::command]
#[specta::specta]
pub(crate) async fn open_data_folder(
    inherited: State<'_, InheritedLimits>,
    host: State<'_, Host>,
) -> CommandResult<()> {
    let folder = host.recovery().folder().to_string_lossy().into_owned();
    Ok(opener::open(&inherited, &folder)?)
}
