//! Commands for what a message holds beside text: links, images and code.

use conch_core::web;
use conch_markdown::Token;
use tauri::State;

use super::CommandResult;
use crate::host::Host;
use crate::opener;
use crate::process::InheritedLimits;

/// Opens a link in the system's browser or mail program. `invalid_argument` for any but http, https and
/// mailto addresses.
#[tauri::command]
#[specta::specta]
pub(crate) async fn open_link(
    inherited: State<'_, InheritedLimits>,
    destination: String,
) -> CommandResult<()> {
    let address = web::link(&destination).map_err(conch_core::Error::from)?;
    Ok(opener::open(&inherited, &address)?)
}

/// Fetches an image that the user asked for, as a `data:` address.
#[tauri::command]
#[specta::specta]
pub(crate) async fn load_image(
    host: State<'_, Host>,
    destination: String,
) -> CommandResult<String> {
    Ok(host.app()?.load_image(&destination).await?)
}

/// Code in pieces by kind, for its colours; null for a language that is not known.
#[tauri::command]
#[specta::specta]
pub(crate) async fn highlight_code(
    language: String,
    text: String,
) -> CommandResult<Option<Vec<Token>>> {
    let highlighting =
        tauri::async_runtime::spawn_blocking(move || conch_markdown::highlight(&language, &text));
    Ok(highlighting.await?)
}
