//! Commands for what a message holds beside text: links, images and code.

use conch_core::web;
use conch_markdown::Token;
use tauri::State;

use super::Answer;
use crate::host::Host;
use crate::opening;
use crate::process::Given;

/// Opens a link in the system's browser or mail program. `invalid_argument` for any but http, https and
/// mailto addresses.
#[tauri::command]
#[specta::specta]
pub(crate) async fn open_link(given: State<'_, Given>, destination: String) -> Answer<()> {
    let address = web::link(&destination).map_err(conch_core::Error::from)?;
    Ok(opening::open(&given, &address)?)
}

/// Fetches an image that the user asked for, as a `data:` address.
#[tauri::command]
#[specta::specta]
pub(crate) async fn load_image(host: State<'_, Host>, destination: String) -> Answer<String> {
    Ok(host.app()?.load_image(&destination).await?)
}

/// Code in pieces by kind, for its colours; null for a language that is not known.
#[tauri::command]
#[specta::specta]
pub(crate) async fn highlight_code(language: String, text: String) -> Answer<Option<Vec<Token>>> {
    let highlighting =
        tauri::async_runtime::spawn_blocking(move || conch_markdown::highlight(&language, &text));
    Ok(highlighting.await?)
}
