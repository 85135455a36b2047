//! Commands for what a message contains besides text: links, images and code.

use conch_core::web;
use conch_markdown::Token;
use tauri::State;

use super::CommandResult;
use crate::host::Host;
use crate::opener;
use crate::process::InheritedLimits;

/// Opens a link in the system's browser or mail program. Fails with `invalid_argument` for any but http, https and
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

/// Fetches an image at the user's request and returns it as a `data:` address.
#[tauri::command]
#[specta::specta]
pub(crate) async fn load_image(
    host: State<'_, Host>,
    destination: String,
) -> CommandResult<String> {
    Ok(host.app()?.load_image(&destination).await?)
}

/// Returns code as tokens for syntax highlighting; null for an unknown language.
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
