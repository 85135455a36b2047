//! Commands about conversations.

use conch_core::composer;
use conch_core::model::{
    BranchId, Conversation, ConversationId, ConversationSummary, MessageId, PageQuery,
};
use tauri::State;

use super::CommandResult;
use crate::Host;
use crate::render::{self, ConversationView, MessagePage};

/// Creates an empty conversation.
#[tauri::command]
#[specta::specta]
pub(crate) async fn create_conversation(
    host: State<'_, Host>,
    title: Option<String>,
    model_id: Option<String>,
) -> CommandResult<Conversation> {
    let (title, model) = (title.as_deref(), model_id.as_deref());
    Ok(host.app()?.conversations.create(title, model).await?)
}

/// Returns conversations, most recently written to first; with `after`, those that follow that conversation. At
/// most `limit`; the default and the maximum are 200.
#[tauri::command]
#[specta::specta]
pub(crate) async fn list_conversations(
    host: State<'_, Host>,
    after: Option<ConversationId>,
    limit: Option<u32>,
) -> CommandResult<Vec<ConversationSummary>> {
    Ok(host
        .app()?
        .conversations
        .list(after.as_ref(), limit)
        .await?)
}

/// Returns a conversation and the latest 50 messages of a branch (`main` unless another is named).
#[tauri::command]
#[specta::specta]
pub(crate) async fn get_conversation(
    host: State<'_, Host>,
    conversation_id: ConversationId,
    branch_id: Option<BranchId>,
) -> CommandResult<ConversationView> {
    let (branch, app) = (branch_id.as_ref(), host.app()?);
    let view = app.conversations.get(&conversation_id, branch).await?;
    Ok(render::conversation(view).await?)
}

/// Returns another part of a branch: at most 50 messages before, after or around a message. With a version, of what the
/// branch would show if that were selected; nothing is selected, and the lock does not matter.
#[tauri::command]
#[specta::specta]
pub(crate) async fn get_messages(
    host: State<'_, Host>,
    conversation_id: ConversationId,
    branch_id: Option<BranchId>,
    part: PageQuery,
    version: Option<MessageId>,
) -> CommandResult<MessagePage> {
    let (branch, app) = (branch_id.as_ref(), host.app()?);
    let page = app
        .conversations
        .messages(&conversation_id, branch, &part, version.as_ref())
        .await?;
    Ok(render::page(page).await?)
}

/// Returns the messages of a branch that contain `text`, ignoring case, oldest first.
#[tauri::command]
#[specta::specta]
pub(crate) async fn find_in_conversation(
    host: State<'_, Host>,
    conversation_id: ConversationId,
    branch_id: Option<BranchId>,
    text: String,
) -> CommandResult<Vec<MessageId>> {
    let (branch, app) = (branch_id.as_ref(), host.app()?);
    Ok(app
        .conversations
        .find(&conversation_id, branch, &text)
        .await?)
}

/// Renames a conversation.
#[tauri::command]
#[specta::specta]
pub(crate) async fn rename_conversation(
    host: State<'_, Host>,
    conversation_id: ConversationId,
    title: String,
) -> CommandResult<()> {
    Ok(host
        .app()?
        .conversations
        .rename(&conversation_id, &title)
        .await?)
}

/// Deletes a conversation with all its content; a running answer is stopped. For ten seconds `restore_conversation`
/// can restore it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn delete_conversation(
    host: State<'_, Host>,
    conversation_id: ConversationId,
) -> CommandResult<()> {
    Ok(host.app()?.conversations.delete(&conversation_id).await?)
}

/// Restores a conversation that was deleted within the last ten seconds, else fails with `not_found`.
#[tauri::command]
#[specta::specta]
pub(crate) async fn restore_conversation(
    host: State<'_, Host>,
    conversation_id: ConversationId,
) -> CommandResult<()> {
    Ok(host.app()?.conversations.restore(&conversation_id).await?)
}

/// Sets the model (`provider/model`) for a conversation's next answers.
#[tauri::command]
#[specta::specta]
pub(crate) async fn set_conversation_model(
    host: State<'_, Host>,
    conversation_id: ConversationId,
    model_id: String,
) -> CommandResult<()> {
    Ok(host
        .app()?
        .conversations
        .set_model(&conversation_id, &model_id)
        .await?)
}

/// Saves the draft of a branch, the text that was typed but not sent; without a conversation, of the one that does not
/// exist yet.
#[tauri::command]
#[specta::specta]
pub(crate) async fn save_draft(
    host: State<'_, Host>,
    conversation_id: Option<ConversationId>,
    branch_id: Option<BranchId>,
    content: String,
) -> CommandResult<()> {
    let composer = composer(conversation_id, branch_id)?;
    Ok(host.app()?.drafts.save(&composer, &content).await?)
}

/// Returns the draft of the conversation that does not exist yet; empty when there is none.
#[tauri::command]
#[specta::specta]
pub(crate) async fn get_new_draft(host: State<'_, Host>) -> CommandResult<String> {
    Ok(host.app()?.drafts.of_new_conversation().await?)
}
