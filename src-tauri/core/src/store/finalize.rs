//! How an answer's row is closed, in whichever transaction ends its generation: the chunks become
//! its content, the status and the reason are set, the generation gets its end. Where the chunks cannot
//! become its content, they stay what they are: no text may keep an answer from ending. An answer that was
//! tried beside a better one gives the branch back to that.

use sqlx::SqliteConnection;

use super::Result;
use super::versions::restore_previous_version;
use crate::chat::{FinishReason, MessageError, MessageStatus, Usage};
use crate::clock::Timestamp;
use crate::ids::MessageId;

/// The code of an answer that could not be stored.
pub(crate) const NOT_STORED: &str = "not_stored";

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
    pub omitted_messages: u32,
}

impl Ending {
    /// An end without usage.
    pub fn new(status: MessageStatus, error: Option<MessageError>) -> Self {
        Self {
            status,
            error,
            usage: Usage::default(),
            finish_reason: None,
            omitted_messages: 0,
        }
    }

    /// The same end, of an answer of which not all could be stored.
    #[must_use]
    pub fn unstored(&self, reason: &str) -> Self {
        Self {
            status: MessageStatus::Failed,
            error: Some(MessageError {
                code: NOT_STORED.to_owned(),
                message: format!("Not all of this answer could be stored. {reason}"),
            }),
            ..self.clone()
        }
    }

    fn reason(&self) -> (Option<&str>, Option<&str>) {
        let error = self.error.as_ref();
        error
            .map(|error| (error.code.as_str(), error.message.as_str()))
            .unzip()
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

/// Pieces that come to more than this are not joined, in bytes: SQLite takes 1,000,000,000 at most, and all of
/// it is in memory meanwhile.
const MAX_JOINED_BYTES: i64 = 256 * 1024 * 1024;

/// What becomes of an answer's pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextLayout {
    /// They are joined, if that works.
    Joined,
    /// They stay.
    InPieces,
}

impl TextLayout {
    /// By how much there is.
    pub(super) async fn of(tx: &mut SqliteConnection, message_id: &MessageId) -> Result<Self> {
        let bytes = sqlx::query_scalar!(
            r#"SELECT coalesce(sum(octet_length(text) + octet_length(reasoning)), 0) AS "bytes!: i64"
               FROM message_chunks WHERE message_id = ?"#,
            message_id
        )
        .fetch_one(tx)
        .await?;
        Ok(if bytes > MAX_JOINED_BYTES {
            Self::InPieces
        } else {
            Self::Joined
        })
    }
}

pub(super) async fn finalize(
    tx: &mut SqliteConnection,
    message_id: &MessageId,
    ending: &Ending,
    text: TextLayout,
    now: Timestamp,
) -> Result<()> {
    match text {
        TextLayout::Joined => match join(tx, message_id, ending, now).await {
            Ok(()) => {}
            Err(error) if error.is_transient() || error.is_damage() => return Err(error),
            Err(error) => {
                tracing::error!(%error, message = %message_id, "an answer's text stays in pieces");
                mark(tx, message_id, ending, now).await?;
            }
        },
        TextLayout::InPieces => mark(tx, message_id, ending, now).await?,
    }
    sqlx::query!(
        "UPDATE generations SET finished_at = ?, end_reason = ? WHERE message_id = ? AND finished_at IS NULL",
        now,
        ending.status,
        message_id
    )
    .execute(&mut *tx)
    .await?;
    if ending.status != MessageStatus::Complete {
        restore_previous_version(tx, message_id).await?;
    }
    Ok(())
}

/// Joins the pieces and sets the status.
async fn join(
    tx: &mut SqliteConnection,
    message_id: &MessageId,
    ending: &Ending,
    now: Timestamp,
) -> Result<()> {
    let (error_code, error_message) = ending.reason();
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
        ending.omitted_messages
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "DELETE FROM message_chunks WHERE message_id = ?",
        message_id
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Sets the status, and touches no text.
async fn mark(
    tx: &mut SqliteConnection,
    message_id: &MessageId,
    ending: &Ending,
    now: Timestamp,
) -> Result<()> {
    let (error_code, error_message) = ending.reason();
    sqlx::query!(
        "UPDATE messages SET status = ?2, error_code = ?3, error_message = ?4, finished_at = ?5
         WHERE id = ?1 AND status = 'generating'",
        message_id,
        ending.status,
        error_code,
        error_message,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}
