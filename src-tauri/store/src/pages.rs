//! Pages of a branch: the messages on the path from its head to its first message, page by page, so that a
//! conversation of ten thousand opens as fast as one of ten.
//!
//! Every step of a path leads to a smaller `search_key`, because a message is stored after its parent. A step that
//! does not is damage: followed, it could lead in a circle.

use std::collections::HashMap;

use conch_model::{
    BranchId, ConversationId, Entity, FinishReason, Message, MessageError, MessageId, MessagePage,
    MessageStatus, PageQuery, Parameter, Role, Timestamp, Usage, Versions,
};
use futures_util::TryStreamExt;
use serde::Deserialize;
use sqlx::SqliteConnection;
use sqlx::types::Json;

use super::branches::{self, Branch};
use super::chunks::MAX_UNJOINED_BYTES;
use super::{Result, Store, StoreError, attachments, parts, versions};

/// Maximum number of messages in a page.
const PAGE: u32 = 50;

/// Number of a branch's latest messages that [`Store::messages_up_to`] looks at: a follower is not further behind.
const RECENT: u32 = 16;

impl Store {
    /// Returns a page of a branch. `None` if there is no such branch; empty if the cursor message is not on it.
    pub async fn messages(
        &self,
        conversation_id: &ConversationId,
        branch_id: Option<&BranchId>,
        part: &PageQuery,
    ) -> Result<Option<MessagePage>> {
        let mut reader = self.readers.begin().await?;
        match branches::resolve_branch(&mut reader, conversation_id, branch_id).await? {
            Some(branch) => page(&mut reader, &branch, part).await.map(Some),
            None => Ok(None),
        }
    }

    /// Returns a page of what a branch would show if a version were selected, up to the same end as
    /// [`select_version`](Self::select_version) chooses; of the branch itself if it shows the version. Nothing is
    /// selected. The error is what does not exist.
    pub async fn messages_of_version(
        &self,
        conversation_id: &ConversationId,
        branch_id: Option<&BranchId>,
        version: &MessageId,
        part: &PageQuery,
    ) -> Result<std::result::Result<MessagePage, Entity>> {
        let mut reader = self.readers.begin().await?;
        let branch = branches::resolve_branch(&mut reader, conversation_id, branch_id).await?;
        let Some(branch) = branch else {
            return Ok(Err(branches::missing(&mut reader, conversation_id).await?));
        };
        if is_shown(&mut reader, &branch, version).await? {
            return Ok(Ok(page(&mut reader, &branch, part).await?));
        }
        let end = versions::newest_end(&mut reader, version).await?;
        let Some(end) = end.filter(|end| end.conversation_id == *conversation_id) else {
            return Ok(Err(Entity::Message));
        };
        let path = Branch {
            id: end.branch_id,
            head: Some(end.head),
        };
        let page = page(&mut reader, &path, part).await?;
        Ok(Ok(MessagePage {
            of_branch: false,
            ..page
        }))
    }

    /// Returns the messages of a branch up to `last`, oldest first, at most `count`; empty unless `last` is among the
    /// branch's 16 latest messages.
    pub async fn messages_up_to(
        &self,
        branch_id: &BranchId,
        last: &MessageId,
        count: u32,
    ) -> Result<Vec<Message>> {
        let mut reader = self.readers.begin().await?;
        let head = branches::head(&mut reader, branch_id).await?;
        let path = up(&mut reader, head.as_ref(), RECENT + count).await?;
        let Some(end) = path.iter().position(|id| id == last) else {
            return Ok(Vec::new());
        };
        let start = (end + 1).saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
        read(&mut reader, &path[start..=end]).await
    }

    /// Returns the messages of a branch that contain `text`, ignoring case, oldest first. `None` if there is no
    /// such branch.
    pub async fn find(
        &self,
        conversation_id: &ConversationId,
        branch_id: Option<&BranchId>,
        text: &str,
    ) -> Result<Option<Vec<MessageId>>> {
        let mut reader = self.readers.begin().await?;
        let branch = branches::resolve_branch(&mut reader, conversation_id, branch_id).await?;
        let Some(Branch { id, .. }) = branch else {
            return Ok(None);
        };
        let mut rows = sqlx::query!(
            r#"WITH RECURSIVE path(id, parent_id, search_key) AS (
                 SELECT m.id, m.parent_id, m.search_key
                 FROM branches b CROSS JOIN messages m ON m.id = b.head_message_id WHERE b.id = ?
                 UNION ALL
                 SELECT m.id, m.parent_id, m.search_key
                 FROM path CROSS JOIN messages m ON m.id = path.parent_id AND m.search_key < path.search_key
               )
               SELECT m.id AS "id: MessageId", m.parent_id AS "parent_id: MessageId", m.content
               FROM path CROSS JOIN messages m ON m.id = path.id ORDER BY path.search_key"#,
            id
        )
        .fetch(&mut *reader);
        // SQLite folds the case of ASCII only.
        let text = text.to_lowercase();
        let mut found = Vec::new();
        let mut is_first = true;
        while let Some(row) = rows.try_next().await? {
            if is_first && row.parent_id.is_some() {
                return Err(StoreError::BrokenPath(row.id));
            }
            is_first = false;
            if row.content.to_lowercase().contains(&text) {
                found.push(row.id);
            }
        }
        Ok(Some(found))
    }
}

pub(super) async fn page(
    reader: &mut SqliteConnection,
    branch: &Branch,
    part: &PageQuery,
) -> Result<MessagePage> {
    let head = branch.head.as_ref();
    let ids = match part {
        PageQuery::Latest => up(reader, head, PAGE).await?,
        PageQuery::Before(id) => {
            let parent = parent(reader, id).await?;
            up(reader, parent.as_ref(), PAGE).await?
        }
        PageQuery::After(id) => down(reader, head, id, PAGE).await?,
        PageQuery::Around(id) => {
            let mut ids = up(reader, Some(id), PAGE / 2).await?;
            ids.extend(down(reader, head, id, PAGE / 2).await?);
            ids
        }
    };
    let messages = read(reader, &ids).await?;
    Ok(MessagePage {
        has_earlier: messages
            .first()
            .is_some_and(|first| first.parent_id.is_some()),
        has_later: messages.last().is_some_and(|last| Some(&last.id) != head),
        of_branch: true,
        messages,
    })
}

/// Returns whether a message is on the path to the head of a branch.
async fn is_shown(reader: &mut SqliteConnection, branch: &Branch, id: &MessageId) -> Result<bool> {
    let found = sqlx::query_scalar!(
        "WITH RECURSIVE path(id, parent_id, search_key) AS (
           SELECT id, parent_id, search_key FROM messages WHERE id = ?1
           UNION ALL
           SELECT m.id, m.parent_id, m.search_key
           FROM path CROSS JOIN messages m ON m.id = path.parent_id AND m.search_key < path.search_key
           WHERE path.id <> ?2
         )
         SELECT count(*) FROM path WHERE id = ?2",
        branch.head,
        id
    )
    .fetch_one(reader)
    .await?;
    Ok(found > 0)
}

async fn parent(reader: &mut SqliteConnection, id: &MessageId) -> Result<Option<MessageId>> {
    let row = sqlx::query!(
        r#"SELECT m.parent_id IS NULL AS "is_first!: bool", p.id AS "parent_id?: MessageId"
           FROM messages m LEFT JOIN messages p ON p.id = m.parent_id AND p.search_key < m.search_key
           WHERE m.id = ?"#,
        id
    )
    .fetch_optional(reader)
    .await?;
    match row {
        None => Ok(None),
        Some(row) if row.is_first == row.parent_id.is_none() => Ok(row.parent_id),
        Some(_) => Err(StoreError::BrokenPath(id.clone())),
    }
}

/// Returns the message and those before it, oldest first; as one row, because each row is sent between threads.
async fn up(
    reader: &mut SqliteConnection,
    from: Option<&MessageId>,
    limit: u32,
) -> Result<Vec<MessageId>> {
    let path = sqlx::query!(
        r#"WITH RECURSIVE path(id, parent_id, search_key, depth) AS (
             SELECT id, parent_id, search_key, 1 FROM messages WHERE id = ?1
             UNION ALL
             SELECT m.id, m.parent_id, m.search_key, path.depth + 1
             FROM path CROSS JOIN messages m ON m.id = path.parent_id AND m.search_key < path.search_key
             WHERE path.depth < ?2
           )
           SELECT json_group_array(id ORDER BY depth DESC) AS "ids!: Json<Vec<MessageId>>",
             count(*) < ?2 AND coalesce(max(parent_id IS NULL) = 0, FALSE) AS "is_broken!: bool"
           FROM path"#,
        from,
        limit
    )
    .fetch_one(reader)
    .await?;
    match path.ids.0.first() {
        Some(oldest) if path.is_broken => Err(StoreError::BrokenPath(oldest.clone())),
        _ => Ok(path.ids.0),
    }
}

/// Returns the messages that follow this one on the branch, oldest first. A message has no reference to the
/// next, since several may follow: the path is walked from the head, over ids only.
async fn down(
    reader: &mut SqliteConnection,
    head: Option<&MessageId>,
    after: &MessageId,
    limit: u32,
) -> Result<Vec<MessageId>> {
    let path = sqlx::query!(
        r#"WITH RECURSIVE path(id, parent_id, search_key) AS (
             SELECT id, parent_id, search_key FROM messages WHERE id = ?1
             UNION ALL
             SELECT m.id, m.parent_id, m.search_key
             FROM path CROSS JOIN messages m ON m.id = path.parent_id AND m.search_key < path.search_key
             WHERE path.id <> ?2
           )
           SELECT (SELECT json_group_array(id ORDER BY search_key) FROM (
               SELECT id, search_key FROM path
               WHERE id <> ?2 AND EXISTS (SELECT 1 FROM path WHERE id = ?2) ORDER BY search_key LIMIT ?3
             )) AS "ids!: Json<Vec<MessageId>>",
             coalesce(max(parent_id IS NULL OR id = ?2) = 0, FALSE) AS "is_broken!: bool"
           FROM path"#,
        head,
        after,
        limit
    )
    .fetch_one(reader)
    .await?;
    if path.is_broken {
        return Err(StoreError::BrokenPath(after.clone()));
    }
    Ok(path.ids.0)
}

/// The small fields of a message, as one column: each column of a row is copied between threads.
#[derive(Debug, Deserialize)]
struct Details {
    parent_id: Option<MessageId>,
    branch_id: BranchId,
    model: Option<String>,
    error_code: Option<String>,
    error_message: Option<String>,
    prompt_tokens: Option<u32>,
    completion_tokens: Option<u32>,
    cached_tokens: Option<u32>,
    cache_written_tokens: Option<u32>,
    reasoning_tokens: Option<u32>,
    not_sent: Option<Vec<Parameter>>,
    left_out: u32,
    left_out_tokens: u32,
    created_at: Timestamp,
    finished_at: Option<Timestamp>,
    versions: Vec<MessageId>,
}

/// Reads these messages, in this order. The text is the message's content followed by unjoined pieces.
async fn read(reader: &mut SqliteConnection, ids: &[MessageId]) -> Result<Vec<Message>> {
    let ids = versions::list(ids.iter());
    let mut files: HashMap<_, Vec<_>> = HashMap::new();
    for (message_id, file) in attachments::of_messages(reader, &ids).await? {
        files.entry(message_id).or_default().push(file);
    }
    let mut parts = parts::of_messages(reader, &ids).await?;
    let mut messages = sqlx::query!(
        r#"SELECT m.id AS "id: MessageId", m.role AS "role: Role", m.status AS "status: MessageStatus",
             m.finish_reason AS "finish_reason: FinishReason",
             m.content || CASE WHEN NOT EXISTS (SELECT 1 FROM message_chunks WHERE message_id = m.id) THEN ''
               ELSE coalesce((SELECT group_concat(text, '' ORDER BY seq) FROM (
                 SELECT seq, text, sum(octet_length(text)) OVER (ORDER BY seq) AS so_far
                 FROM message_chunks WHERE message_id = m.id) WHERE so_far <= ?2), '') END AS "content!: String",
             m.reasoning || CASE WHEN NOT EXISTS (SELECT 1 FROM message_chunks WHERE message_id = m.id) THEN ''
               ELSE coalesce((SELECT group_concat(reasoning, '' ORDER BY seq) FROM (
                 SELECT seq, reasoning, sum(octet_length(reasoning)) OVER (ORDER BY seq) AS so_far
                 FROM message_chunks WHERE message_id = m.id) WHERE so_far <= ?2), '') END AS "reasoning!: String",
             json_object('parent_id', m.parent_id, 'branch_id', m.branch_id, 'model', m.model,
               'error_code', m.error_code, 'error_message', m.error_message,
               'prompt_tokens', m.prompt_tokens, 'completion_tokens', m.completion_tokens,
               'cached_tokens', m.cached_tokens, 'cache_written_tokens', m.cache_written_tokens,
               'reasoning_tokens', m.reasoning_tokens, 'not_sent', json(m.not_sent),
               'left_out', m.left_out, 'left_out_tokens', m.left_out_tokens,
               'created_at', m.created_at, 'finished_at', m.finished_at,
               'versions', CASE WHEN m.parent_id IS NULL
                 THEN (SELECT json_group_array(id) FROM (SELECT v.id FROM messages v
                       WHERE v.conversation_id = m.conversation_id AND v.parent_id IS NULL ORDER BY v.search_key))
                 ELSE (SELECT json_group_array(id) FROM (SELECT v.id FROM messages v
                       WHERE v.parent_id = m.parent_id ORDER BY v.search_key)) END) AS "details!: Json<Details>"
           FROM json_each(?1) AS listed CROSS JOIN messages m ON m.id = listed.value ORDER BY listed.key"#,
        ids,
        MAX_UNJOINED_BYTES
    )
    .map(|row| {
        let details = row.details.0;
        Message {
            versions: Versions::new(details.versions, &row.id),
            failed_version: None,
            parent_id: details.parent_id,
            branch_id: details.branch_id,
            role: row.role,
            status: row.status,
            parts: parts::assemble(&row.content, &row.reasoning, parts.remove(&row.id)),
            attachments: files.remove(&row.id).unwrap_or_default(),
            model: details.model,
            error: details
                .error_code
                .zip(details.error_message)
                .map(|(code, message)| MessageError { code, message }),
            finish_reason: row.finish_reason,
            usage: counted(Usage {
                prompt_tokens: details.prompt_tokens,
                completion_tokens: details.completion_tokens,
                cached_tokens: details.cached_tokens,
                cache_written_tokens: details.cache_written_tokens,
                reasoning_tokens: details.reasoning_tokens,
            }),
            left_out: details.left_out,
            not_sent: details.not_sent.unwrap_or_default(),
            left_out_tokens: details.left_out_tokens,
            created_at: details.created_at,
            finished_at: details.finished_at,
            id: row.id,
        }
    })
    .fetch_all(&mut *reader)
    .await?;
    let several = messages.iter().filter(|message| message.versions.count > 1);
    let several = versions::list(several.map(|message| &message.id));
    let mut failed = match several.as_str() {
        "[]" => HashMap::new(),
        several => versions::failed(reader, several).await?,
    };
    for message in &mut messages {
        message.failed_version = failed.remove(&message.id);
    }
    Ok(messages)
}

/// Returns `None` if the provider reported no usage.
fn counted(usage: Usage) -> Option<Usage> {
    (usage != Usage::default()).then_some(usage)
}
