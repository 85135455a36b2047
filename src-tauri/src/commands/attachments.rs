//! Commands for the files attached to a message.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use conch_core::composer;
use conch_core::model::{AttachmentId, AttachmentSummary, BranchId, ConversationId};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use specta::Type;
use tauri::{AppHandle, Runtime, State};

use super::CommandResult;
use crate::{Host, clipboard};

/// A file's bytes, sent as base64: `readAsDataURL` gives a page that form at no extra cost.
#[derive(Type)]
pub(crate) struct FileBytes(#[specta(type = String)] Vec<u8>);

impl<'de> Deserialize<'de> for FileBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(D::Error::custom)
    }
}

/// Reads a file, given in base64, and attaches it in the composer of a branch, or of the conversation that does not
/// exist yet.
#[tauri::command]
#[specta::specta]
pub(crate) async fn attach_file(
    host: State<'_, Host>,
    conversation_id: Option<ConversationId>,
    branch_id: Option<BranchId>,
    name: String,
    bytes: FileBytes,
) -> CommandResult<AttachmentSummary> {
    let (composer, app) = (composer(conversation_id, branch_id)?, host.app()?);
    Ok(app.attachments.attach(&composer, &name, bytes.0).await?)
}

/// Returns the `file:` addresses of the files on the system's clipboard; none on macOS and Windows, where the page
/// receives the files themselves. `WebKitGTK` exposes only the first address.
#[tauri::command]
#[specta::specta]
pub(crate) async fn copied_files<R: Runtime>(app: AppHandle<R>) -> CommandResult<Vec<String>> {
    Ok(clipboard::files(&app).await)
}

/// Reads a pasted file, given by its `file:` address, and attaches it as `attach_file` does. Fails with
/// `clipboard_changed` when the system's clipboard does not hold it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn attach_copied_file<R: Runtime>(
    app: AppHandle<R>,
    host: State<'_, Host>,
    conversation_id: Option<ConversationId>,
    branch_id: Option<BranchId>,
    uri: String,
) -> CommandResult<AttachmentSummary> {
    let (composer, core) = (composer(conversation_id, branch_id)?, host.app()?);
    let clipboard = clipboard::files(&app).await;
    let attachments = &core.attachments;
    Ok(attachments
        .attach_copied(&composer, &uri, &clipboard)
        .await?)
}

/// Removes a file from a composer.
#[tauri::command]
#[specta::specta]
pub(crate) async fn detach_file(
    host: State<'_, Host>,
    attachment_id: AttachmentId,
) -> CommandResult<()> {
    Ok(host.app()?.attachments.detach(&attachment_id).await?)
}

/// Returns the files in the composer of the conversation that does not exist yet; those of a branch come with it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn draft_attachments(
    host: State<'_, Host>,
    conversation_id: Option<ConversationId>,
    branch_id: Option<BranchId>,
) -> CommandResult<Vec<AttachmentSummary>> {
    let composer = composer(conversation_id, branch_id)?;
    Ok(host.app()?.attachments.of_draft(&composer).await?)
}

/// Moves files from the composer of the conversation that did not exist yet to that of the one that now does, all or
/// none.
#[tauri::command]
#[specta::specta]
pub(crate) async fn adopt_attachments(
    host: State<'_, Host>,
    conversation_id: ConversationId,
    attachment_ids: Vec<AttachmentId>,
) -> CommandResult<()> {
    let (id, app) = (conversation_id, host.app()?);
    Ok(app.attachments.adopt(&id, &attachment_ids).await?)
}

/// Returns a file's content: an image as a `data:` address, else its text.
#[tauri::command]
#[specta::specta]
pub(crate) async fn load_attachment(
    host: State<'_, Host>,
    attachment_id: AttachmentId,
) -> CommandResult<String> {
    Ok(host.app()?.attachments.load(&attachment_id).await?)
}
