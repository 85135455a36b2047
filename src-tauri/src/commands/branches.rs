//! Commands about a conversation's branches.

use conch_core::model::{Branch, BranchId, ConversationId, MessageId, Tree};
use tauri::State;

use super::CommandResult;
use crate::Host;

/// Returns a conversation's branches, `main` first and then the oldest, each with whether it is locked.
#[tauri::command]
#[specta::specta]
pub(crate) async fn list_branches(
    host: State<'_, Host>,
    conversation_id: ConversationId,
) -> CommandResult<Vec<Branch>> {
    Ok(host.app()?.conversations.branches(&conversation_id).await?)
}

/// Returns the shape of a conversation's tree: its forks and its ends with a few words of each, and the state of every
/// branch.
#[tauri::command]
#[specta::specta]
pub(crate) async fn get_tree(
    host: State<'_, Host>,
    conversation_id: ConversationId,
) -> CommandResult<Tree> {
    Ok(host.app()?.conversations.tree(&conversation_id).await?)
}

/// Creates a branch that goes its own way after a message; without a name it gets the next free one.
#[tauri::command]
#[specta::specta]
pub(crate) async fn fork_branch(
    host: State<'_, Host>,
    message_id: MessageId,
    name: Option<String>,
) -> CommandResult<Branch> {
    let conversations = &host.app()?.conversations;
    Ok(conversations.fork(&message_id, name.as_deref()).await?)
}

/// Renames a branch other than `main`.
#[tauri::command]
#[specta::specta]
pub(crate) async fn rename_branch(
    host: State<'_, Host>,
    branch_id: BranchId,
    name: String,
) -> CommandResult<()> {
    let conversations = &host.app()?.conversations;
    Ok(conversations.rename_branch(&branch_id, &name).await?)
}

/// Deletes a branch other than `main`, with the messages that no other branch continues from. A running answer of it
/// is stopped.
#[tauri::command]
#[specta::specta]
pub(crate) async fn delete_branch(host: State<'_, Host>, branch_id: BranchId) -> CommandResult<()> {
    Ok(host.app()?.conversations.delete_branch(&branch_id).await?)
}

/// Sets how many branches of a conversation may answer at the same time, from 1 to 8.
#[tauri::command]
#[specta::specta]
pub(crate) async fn set_max_parallel(
    host: State<'_, Host>,
    conversation_id: ConversationId,
    max_parallel: u32,
) -> CommandResult<()> {
    let conversations = &host.app()?.conversations;
    Ok(conversations
        .set_max_parallel(&conversation_id, max_parallel)
        .await?)
}
