//! How an answer's row is closed, in whichever transaction ends its generation: the chunks become
//! its content, the status and the reason are set, the generation gets its end. An answer that was tried
//! beside a better one gives the branch back to that.

use sqlx::SqliteConnection;

use super::Result;
use super::versions::go_back;
use crate::chat::{FinishReason, MessageError, MessageStatus, Usage};
use crate::clock::Timestamp;
use crate::ids::MessageId;

/// How a generation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Anything but `generating`.
    pub status: MessageStatus,
    /// Why, for `failed` and `interrupted`.
    pub error: Option<MessageError>,
    /// Where the provider told.
    pub usage: Usage,
    /// Where the provider told.
    pub finish_reason: Option<FinishReason>,
    /// So many of the oldest messages were not shown to the model.
    pub left_out: u32,
}

impl Ending {
    /// An end without usage.
    pub fn new(status: MessageStatus, error: Option<MessageError>) -> Self {
        Self {
            status,
            error,
            usage: Usage::default(),
            finish_reason: None,
            left_out: 0,
        }
    }

    /// The end that a holder gets from others when its lock is taken away.
    pub(crate) fn interrupted(code: &str, message: &str) -> Self {
        Self::new(
            MessageStatus::Interrupted,
            Some(MessageError {
                code: code.to_owned(),
                message: message.to_owned(),
            }),
        )
    }
}

pub(super) async fn settle(
    tx: &mut SqliteConnection,
    message_id: &MessageId,
    ending: &Ending,
    now: Timestamp,
) -> Result<()> {
    let (error_code, error_message) = ending
        .error
        .as_ref()
        .map(|error| (&error.code, &error.message))
        .unzip();
    sqlx::query!(
        "UPDATE messages SET
           status = ?2,
           content = content || coalesce(written.text, ''),
           reasoning = messages.reasoning || coalesce(written.reasoning, ''),
           error_code = ?3, error_message = ?4, prompt_tokens = ?5, completion_tokens = ?6, finished_at = ?7,
           cached_tokens = ?8, finish_reason = ?9, left_out = ?10
         FROM (SELECT group_concat(text, '' ORDER BY seq) AS text, group_concat(reasoning, '' ORDER BY seq) AS reasoning
               FROM message_chunks WHERE message_id = ?1) AS written
         WHERE id = ?1 AND status = 'generating'",
        message_id,
        ending.status,
        error_code,
        error_message,
        ending.usage.prompt_tokens,
        ending.usage.completion_tokens,
        now,
        ending.usage.cached_tokens,
        ending.finish_reason,
        ending.left_out
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "DELETE FROM message_chunks WHERE message_id = ?",
        message_id
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "UPDATE generations SET finished_at = ?, end_reason = ? WHERE message_id = ? AND finished_at IS NULL",
        now,
        ending.status,
        message_id
    )
    .execute(&mut *tx)
    .await?;
    if ending.status != MessageStatus::Complete {
        go_back(tx, message_id).await?;
    }
    Ok(())
}
