//! Commands that start, follow and stop answers.

use conch_core::model::{
    AttachmentId, AttemptSource, BranchId, ConversationId, EditedMessage, GenerationId, MessageId,
    NewMessage, RequestId, SelectedVersion, SendOutcome, SendPolicy, StopAllOutcome, StopOutcome,
    TurnRequest, TurnTarget,
};
use tauri::ipc::Channel;
use tauri::{Runtime, State, WebviewWindow};

use super::CommandResult;
use crate::render::{self, PageEvent};
use crate::{Followers, Host};

/// Stores a message with its files, in their order, and starts its answer. `accepted` means that all of it is
/// durable; a request id that arrives twice is sent once. While an answer is running, `policy`, or else the policy of
/// the conversation, says whether it is refused with `generation_in_progress`, waits (`queued`, or `queue_full`), or
/// stops that answer.
#[tauri::command]
#[specta::specta]
#[expect(
    clippy::too_many_arguments,
    reason = "the arguments of a command are flat"
)]
pub(crate) async fn send_message(
    host: State<'_, Host>,
    conversation_id: ConversationId,
    branch_id: Option<BranchId>,
    content: String,
    client_request_id: RequestId,
    source: Option<AttemptSource>,
    attachment_ids: Option<Vec<AttachmentId>>,
    policy: Option<SendPolicy>,
) -> CommandResult<SendOutcome> {
    let message = NewMessage {
        conversation_id,
        branch_id,
        content,
        attachments: attachment_ids.unwrap_or_default(),
    };
    let request = TurnRequest {
        target: TurnTarget::Message(message),
        model_id: None,
        request_id: client_request_id,
        source: source.unwrap_or(AttemptSource::Program),
        policy,
    };
    Ok(host.app()?.turns.start(request).await?)
}

/// Starts the answer to a user message, or a new version of an answer, on its branch; `accepted` names it. Only in
/// place of an answer that ended badly and that others follow, it is a new one.
#[tauri::command]
#[specta::specta]
pub(crate) async fn generate_response(
    host: State<'_, Host>,
    message_id: MessageId,
    model_id: Option<String>,
    client_request_id: RequestId,
    source: Option<AttemptSource>,
) -> CommandResult<SendOutcome> {
    let request = TurnRequest {
        target: TurnTarget::Answer(message_id),
        model_id,
        request_id: client_request_id,
        source: source.unwrap_or(AttemptSource::Program),
        policy: None,
    };
    Ok(host.app()?.turns.start(request).await?)
}

/// Stores a new version of a user message beside the old one, with the old one's files unless others are named, and
/// starts its answer on the same branch. Refused with `generation_in_progress` while an answer is running there.
#[tauri::command]
#[specta::specta]
pub(crate) async fn edit_message(
    host: State<'_, Host>,
    message_id: MessageId,
    content: String,
    attachment_ids: Option<Vec<AttachmentId>>,
    client_request_id: RequestId,
    source: Option<AttemptSource>,
) -> CommandResult<SendOutcome> {
    let edited = EditedMessage {
        message_id,
        content,
        attachments: attachment_ids,
    };
    let request = TurnRequest {
        target: TurnTarget::Edit(edited),
        model_id: None,
        request_id: client_request_id,
        source: source.unwrap_or(AttemptSource::Program),
        policy: None,
    };
    Ok(host.app()?.turns.start(request).await?)
}

/// Continues a message's branch from that version's newest end. Refused with `generation_in_progress` while an
/// answer is running there.
#[tauri::command]
#[specta::specta]
pub(crate) async fn select_version(
    host: State<'_, Host>,
    message_id: MessageId,
) -> CommandResult<SelectedVersion> {
    Ok(host
        .app()?
        .conversations
        .select_version(&message_id)
        .await?)
}

/// Stops an answer and waits, for less than a second, until its end is stored. A stale id stops nothing.
#[tauri::command]
#[specta::specta]
pub(crate) async fn stop_generation(
    host: State<'_, Host>,
    generation_id: GenerationId,
) -> CommandResult<StopOutcome> {
    Ok(host.app()?.turns.stop(&generation_id).await)
}

/// Stops every answer of this process, and returns how many were running.
#[tauri::command]
#[specta::specta]
pub(crate) async fn stop_all_generations(host: State<'_, Host>) -> CommandResult<StopAllOutcome> {
    Ok(host.app()?.turns.stop_all().await)
}

/// Counts a send that the page refused because it knew the branch to be locked.
#[tauri::command]
#[specta::specta]
pub(crate) async fn record_refused_attempt(
    host: State<'_, Host>,
    conversation_id: ConversationId,
    branch_id: Option<BranchId>,
    source: AttemptSource,
) -> CommandResult<()> {
    let (branch, app) = (branch_id.as_ref(), host.app()?);
    Ok(app
        .turns
        .record_refused(&conversation_id, branch, source)
        .await?)
}

/// Streams the answers of a branch into `channel`: first the text so far of a running one, then each change.
/// Replaces this window's earlier subscription.
#[tauri::command]
#[specta::specta]
pub(crate) async fn follow_branch<R: Runtime>(
    window: WebviewWindow<R>,
    host: State<'_, Host>,
    followers: State<'_, Followers>,
    conversation_id: ConversationId,
    branch_id: Option<BranchId>,
    channel: Channel<PageEvent>,
) -> CommandResult<()> {
    let app = host.app()?;
    let branch_id = app
        .conversations
        .branch(&conversation_id, branch_id.as_ref())
        .await?;
    let replaced = followers.replace(window.label());
    tauri::async_runtime::spawn(replaced.run_until_cancelled_owned(async move {
        render::follow(&app, &branch_id, move |event| channel.send(event).is_ok()).await;
    }));
    Ok(())
}
