//! Commands about the queue of a branch, and about what a send does while an answer is running.

use conch_core::model::{
    BranchId, ConversationId, Queue, QueuedMessageId, SendOutcome, SendPolicy,
};
use tauri::State;

use super::CommandResult;
use crate::Host;

/// Returns the messages that wait on a branch (`main` unless another is named), in the order in which they will be
/// sent.
#[tauri::command]
#[specta::specta]
pub(crate) async fn list_queue(
    host: State<'_, Host>,
    conversation_id: ConversationId,
    branch_id: Option<BranchId>,
) -> CommandResult<Queue> {
    let (branch, app) = (branch_id.as_ref(), host.app()?);
    Ok(app.queues.list(&conversation_id, branch).await?)
}

/// Changes the text of a queued message, and its model if one is named. Its place stays, and it is no longer held
/// back. Fails with `not_found` if it was sent or removed meanwhile.
#[tauri::command]
#[specta::specta]
pub(crate) async fn edit_queued_message(
    host: State<'_, Host>,
    queued_message_id: QueuedMessageId,
    content: String,
    model_id: Option<String>,
) -> CommandResult<()> {
    let (model, app) = (model_id.as_deref(), host.app()?);
    Ok(app.queues.edit(&queued_message_id, &content, model).await?)
}

/// Holds a queued message back for a minute while its editor is open, or no longer. An open editor calls it again
/// before the minute is over; that of a window that died is forgotten then.
#[tauri::command]
#[specta::specta]
pub(crate) async fn hold_queued_message(
    host: State<'_, Host>,
    queued_message_id: QueuedMessageId,
    held: bool,
) -> CommandResult<()> {
    Ok(host.app()?.queues.hold(&queued_message_id, held).await?)
}

/// Moves a queued message to another place of its queue, from 1; one beyond the end is the last.
#[tauri::command]
#[specta::specta]
pub(crate) async fn move_queued_message(
    host: State<'_, Host>,
    queued_message_id: QueuedMessageId,
    position: u32,
) -> CommandResult<()> {
    let queues = &host.app()?.queues;
    Ok(queues.move_to(&queued_message_id, position).await?)
}

/// Removes a queued message with its files. For ten seconds `restore_queued_message` can restore it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn remove_queued_message(
    host: State<'_, Host>,
    queued_message_id: QueuedMessageId,
) -> CommandResult<()> {
    Ok(host.app()?.queues.remove(&queued_message_id).await?)
}

/// Restores a queued message that was removed or cleared within the last ten seconds, at its place. Fails with
/// `not_found` later, and with `queue_full` if others have taken its place.
#[tauri::command]
#[specta::specta]
pub(crate) async fn restore_queued_message(
    host: State<'_, Host>,
    queued_message_id: QueuedMessageId,
) -> CommandResult<()> {
    Ok(host.app()?.queues.restore(&queued_message_id).await?)
}

/// Sends a queued message at once, whatever its place, also from a paused queue. A running answer of its branch is
/// stopped, its text is kept, and the queue is not paused. Refused with `generation_in_progress` while other branches
/// use up the conversation's capacity.
#[tauri::command]
#[specta::specta]
pub(crate) async fn send_queued_message_now(
    host: State<'_, Host>,
    queued_message_id: QueuedMessageId,
) -> CommandResult<SendOutcome> {
    Ok(host.app()?.turns.send_now(queued_message_id).await?)
}

/// Removes all messages from the queue of a branch. Each can be restored for ten seconds.
#[tauri::command]
#[specta::specta]
pub(crate) async fn clear_queue(
    host: State<'_, Host>,
    conversation_id: ConversationId,
    branch_id: Option<BranchId>,
) -> CommandResult<()> {
    let (branch, app) = (branch_id.as_ref(), host.app()?);
    Ok(app.queues.clear(&conversation_id, branch).await?)
}

/// Pauses the queue of a branch: what waits there waits until `resume_queue`.
#[tauri::command]
#[specta::specta]
pub(crate) async fn pause_queue(
    host: State<'_, Host>,
    conversation_id: ConversationId,
    branch_id: Option<BranchId>,
) -> CommandResult<()> {
    let (branch, app) = (branch_id.as_ref(), host.app()?);
    Ok(app.queues.pause(&conversation_id, branch).await?)
}

/// Resumes the queue of a branch, whatever paused it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn resume_queue(
    host: State<'_, Host>,
    conversation_id: ConversationId,
    branch_id: Option<BranchId>,
) -> CommandResult<()> {
    let (branch, app) = (branch_id.as_ref(), host.app()?);
    Ok(app.queues.resume(&conversation_id, branch).await?)
}

/// Sets what a send does while an answer is running: in a conversation (null for the default), or without one, by
/// default.
#[tauri::command]
#[specta::specta]
pub(crate) async fn set_send_policy(
    host: State<'_, Host>,
    conversation_id: Option<ConversationId>,
    policy: Option<SendPolicy>,
) -> CommandResult<()> {
    let (conversation, app) = (conversation_id.as_ref(), host.app()?);
    Ok(app.queues.set_policy(conversation, policy).await?)
}
