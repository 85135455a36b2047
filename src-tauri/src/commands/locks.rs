//! Commands about locks.

use conch_core::model::{BranchId, CleanupOutcome, ConversationId, LockStatus};
use tauri::State;

use super::CommandResult;
use crate::Host;

/// Returns the lock status of a branch (`main` unless another is named). For display only: a send does not rely on
/// it.
#[tauri::command]
#[specta::specta]
pub(crate) async fn is_locked(
    host: State<'_, Host>,
    conversation_id: ConversationId,
    branch_id: Option<BranchId>,
) -> CommandResult<LockStatus> {
    Ok(host
        .app()?
        .turns
        .lock_status(&conversation_id, branch_id.as_ref())
        .await?)
}

/// Releases expired locks, without waiting for the sweeper.
#[tauri::command]
#[specta::specta]
pub(crate) async fn cleanup_expired_locks(host: State<'_, Host>) -> CommandResult<CleanupOutcome> {
    Ok(host.app()?.turns.cleanup_expired_locks().await?)
}
