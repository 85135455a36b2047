//! The history that a model gets before it writes an answer: the messages on the path to it, with their files.
//!
//! Which part of it is sent, and in which form, is decided by `chat`. The path is followed as [`pages`](super::pages)
//! does.

use std::collections::HashMap;

use conch_model::{AttachmentContent, MessageId, Part, PartContent, Role};
use sqlx::SqliteConnection;

use super::attachments::content;
use super::chunks::MAX_UNJOINED_BYTES;
use super::{Result, Store, StoreError, parts, versions};

/// A message of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "field names say it")]
pub struct HistoryMessage {
    pub role: Role,
    /// `provider/model`, for answers.
    pub model: Option<String>,
    /// What it consists of, in order; of an answer that called no tools and has no data of its provider, its text alone.
    pub parts: Vec<Part>,
    /// In the order in which they were attached.
    pub attachments: Vec<HistoryAttachment>,
}

/// An attachment of a message of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "field names say it")]
pub struct HistoryAttachment {
    pub name: String,
    /// Estimated.
    pub tokens: u32,
    pub content: AttachmentContent,
}

impl Store {
    /// Returns the history before `message_id`: the path from the first message, without messages that have
    /// neither text nor files nor tool calls.
    ///
    /// # Errors
    /// [`StoreError::BrokenPath`] when the path does not lead to the first message.
    pub async fn history(&self, message_id: &MessageId) -> Result<Vec<HistoryMessage>> {
        let mut reader = self.readers.begin().await?;
        let mut files = attachments_before(&mut reader, message_id).await?;
        let rows = sqlx::query!(
            r#"WITH RECURSIVE path(id, parent_id, search_key) AS (
                 SELECT id, parent_id, search_key FROM messages WHERE id = ?1
                 UNION ALL
                 SELECT m.id, m.parent_id, m.search_key
                 FROM path CROSS JOIN messages m ON m.id = path.parent_id AND m.search_key < path.search_key
               )
               SELECT m.id AS "id: MessageId", m.parent_id AS "parent_id: MessageId", m.role AS "role: Role", m.model,
                 m.content || coalesce((SELECT group_concat(text, '' ORDER BY seq) FROM (
                   SELECT seq, text, sum(octet_length(text)) OVER (ORDER BY seq) AS so_far
                   FROM message_chunks WHERE message_id = m.id) WHERE so_far <= ?2), '') AS "content!: String",
                 CASE WHEN EXISTS (SELECT 1 FROM message_parts p WHERE p.message_id = m.id
                     AND (p.kind = 'tool_call' OR p.provider_data IS NOT NULL))
                   THEN m.reasoning || coalesce((SELECT group_concat(reasoning, '' ORDER BY seq) FROM (
                     SELECT seq, reasoning, sum(octet_length(reasoning)) OVER (ORDER BY seq) AS so_far
                     FROM message_chunks WHERE message_id = m.id) WHERE so_far <= ?2), '')
                   END AS "reasoning?: String"
               FROM path CROSS JOIN messages m ON m.id = path.id ORDER BY path.search_key"#,
            message_id,
            MAX_UNJOINED_BYTES
        )
        .fetch_all(&mut *reader)
        .await?;
        if let Some(first) = rows.first().filter(|first| first.parent_id.is_some()) {
            return Err(StoreError::BrokenPath(first.id.clone()));
        }
        let with_parts = rows.iter().filter(|row| row.reasoning.is_some());
        let ids = versions::list(with_parts.map(|row| &row.id));
        let mut parts = parts::of_messages(&mut reader, &ids).await?;
        let before = rows.into_iter().filter(|row| row.id != *message_id);
        let messages = before.map(|row| HistoryMessage {
            role: row.role,
            model: row.model,
            parts: parts::assemble(
                &row.content,
                row.reasoning.as_deref().unwrap_or_default(),
                parts.remove(&row.id),
            ),
            attachments: files.remove(&row.id).unwrap_or_default(),
        });
        let says_something = |message: &HistoryMessage| {
            let is_sent = |part: &Part| match &part.content {
                PartContent::Text(text) => !text.is_empty(),
                PartContent::ToolCall(_) => true,
                _ => false,
            };
            message.parts.iter().any(is_sent) || !message.attachments.is_empty()
        };
        Ok(messages.filter(says_something).collect())
    }
}

/// Returns the attachments of the messages before this one, by message.
async fn attachments_before(
    reader: &mut SqliteConnection,
    message_id: &MessageId,
) -> Result<HashMap<MessageId, Vec<HistoryAttachment>>> {
    let rows = sqlx::query!(
        r#"WITH RECURSIVE path(id, parent_id, search_key) AS (
             SELECT id, parent_id, search_key FROM messages WHERE id = ?
             UNION ALL
             SELECT m.id, m.parent_id, m.search_key
             FROM path CROSS JOIN messages m ON m.id = path.parent_id AND m.search_key < path.search_key
           )
           SELECT a.message_id AS "message_id!: MessageId", a.name, a.tokens AS "tokens: u32",
             a.media_type, a.text, a.data
           FROM path CROSS JOIN attachments a ON a.message_id = path.id ORDER BY a.position"#,
        message_id
    )
    .fetch_all(reader)
    .await?;
    let mut files: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        files
            .entry(row.message_id)
            .or_default()
            .push(HistoryAttachment {
                name: row.name,
                tokens: row.tokens,
                content: content(row.media_type, row.text, row.data),
            });
    }
    Ok(files)
}
