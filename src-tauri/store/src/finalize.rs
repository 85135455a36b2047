//! Finalizes an answer's row, in whichever transaction ends its generation: joins the chunks into its content,
//! sets the status and the error, and ends the generation. If the chunks cannot be joined, they stay: no text
//! may prevent an answer from ending. A failed regeneration restores the previous version on the branch.

use conch_model::{Ending, MessageId, MessageStatus, Timestamp};
use sqlx::{Connection, SqliteConnection};

use super::Result;
use super::chunks::{self, Chunk, Joined};
use super::versions::restore_previous_version;

/// Pieces larger than this in total are not joined, in bytes: SQLite's limit is 1,000,000,000, and all of it is
/// in memory meanwhile.
const MAX_JOINED_BYTES: i64 = 256 * 1024 * 1024;

/// How an answer's text is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextLayout<'a> {
    /// The pieces are joined, if possible, with the last one, which is not stored yet.
    Joined(Option<Chunk<'a>>),
    /// The pieces remain.
    InPieces,
}

impl TextLayout<'static> {
    /// Chooses the layout by the size of the pieces.
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
            Self::Joined(None)
        })
    }
}

pub(super) async fn finalize(
    tx: &mut SqliteConnection,
    message_id: &MessageId,
    ending: &Ending,
    text: TextLayout<'_>,
    now: Timestamp,
) -> Result<()> {
    match text {
        TextLayout::Joined(last) => match join(tx, message_id, last, ending, now).await {
            Ok(()) => {}
            Err(error) if error.is_transient() || error.is_damage() => return Err(error),
            Err(error) => {
                tracing::error!(%error, message = %message_id, "the text of an answer could not be joined");
                if let Some(last) = last {
                    chunks::insert(tx, message_id, last).await?;
                }
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

/// Joins the pieces and sets the status, or changes nothing. The pieces go first: what they leave is overwritten with
/// zeros, unless the text takes its place.
async fn join(
    tx: &mut SqliteConnection,
    message_id: &MessageId,
    last: Option<Chunk<'_>>,
    ending: &Ending,
    now: Timestamp,
) -> Result<()> {
    if let Some(Chunk { seq: 0, .. }) = last {
        // Most answers are short and have no pieces.
        chunks::delete(tx, message_id).await?;
        let text = Joined::default().and(last);
        return set_text(tx, message_id, &text, ending, now).await;
    }
    let text = chunks::joined(tx, message_id).await?.and(last);
    let mut savepoint = tx.begin().await?;
    chunks::delete(&mut savepoint, message_id).await?;
    set_text(&mut savepoint, message_id, &text, ending, now).await?;
    savepoint.commit().await?;
    Ok(())
}

async fn set_text(
    tx: &mut SqliteConnection,
    message_id: &MessageId,
    text: &Joined,
    ending: &Ending,
    now: Timestamp,
) -> Result<()> {
    let (error_code, error_message) = ending.reason();
    sqlx::query!(
        "UPDATE messages SET
           status = ?2, content = content || ?14, reasoning = reasoning || ?15,
           error_code = ?3, error_message = ?4, prompt_tokens = ?5, completion_tokens = ?6, finished_at = ?7,
           cached_tokens = ?8, finish_reason = ?9, left_out = ?10, cache_written_tokens = ?11, reasoning_tokens = ?12,
           left_out_tokens = ?13
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
        ending.omitted.messages,
        ending.usage.cache_written_tokens,
        ending.usage.reasoning_tokens,
        ending.omitted.tokens,
        text.text,
        text.reasoning
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Sets the status without touching the text.
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
