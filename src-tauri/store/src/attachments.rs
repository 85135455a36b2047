//! Attachments in the database: of a composer, of a queued message, and once sent, of a message.

use conch_model::{
    AttachmentContent, AttachmentId, AttachmentKind, AttachmentSummary, BranchId, Composer,
    ConversationId, MAX_ATTACHMENTS, MessageId, NewAttachment, QueuedMessageId, Timestamp,
};
use serde_json::Value;
use sqlx::SqliteConnection;

use super::branches::{BranchContext, resolve_branch};
use super::{Result, Store};

/// Outcome of attaching a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachOutcome {
    /// The file is stored durably.
    Attached,
    /// The composer already has the maximum number of attachments.
    Full,
    /// The branch of the composer does not exist.
    NoBranch,
}

impl Store {
    /// Stores a file as an attachment that waits in a composer.
    pub async fn attach(&self, new: &NewAttachment, now: Timestamp) -> Result<AttachOutcome> {
        let NewAttachment {
            summary,
            composer,
            content,
        } = new;
        let media_type = content.media_type();
        let (text, data) = match content {
            AttachmentContent::Text(text) => (Some(text.as_str()), None),
            AttachmentContent::Image { data, .. } => (None, Some(data.as_slice())),
        };
        let mut tx = self.write().await?;
        let (conversation_id, branch_id) = match composer {
            Composer::NewConversation => (None, None),
            Composer::Branch {
                conversation_id,
                branch_id,
            } => match resolve_branch(&mut tx, conversation_id, branch_id.as_ref()).await? {
                Some(branch) => (Some(conversation_id), Some(branch.id)),
                None => return Ok(AttachOutcome::NoBranch),
            },
        };
        let waiting = match &branch_id {
            Some(id) => of_branch(&mut tx, id).await?,
            None => of_new_conversation(&mut tx).await?,
        };
        if waiting.len() >= MAX_ATTACHMENTS {
            return Ok(AttachOutcome::Full);
        }
        sqlx::query!(
            "INSERT INTO attachments (id, conversation_id, branch_id, name, kind, media_type, bytes, tokens,
               width, height, pages, created_at, text, data)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            summary.id,
            conversation_id,
            branch_id,
            summary.name,
            summary.kind,
            media_type,
            summary.bytes,
            summary.tokens,
            summary.width,
            summary.height,
            summary.pages,
            now,
            text,
            data
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(AttachOutcome::Attached)
    }

    /// Deletes an attachment that waits in a composer. Does nothing if it was sent or queued.
    pub async fn detach(&self, id: &AttachmentId) -> Result<()> {
        sqlx::query!(
            "DELETE FROM attachments WHERE id = ? AND message_id IS NULL AND queued_message_id IS NULL",
            id
        )
        .execute(self.writer()?)
        .await?;
        Ok(())
    }

    /// Returns the attachments that wait in a composer, in the order in which they were attached.
    pub async fn draft_attachments(&self, composer: &Composer) -> Result<Vec<AttachmentSummary>> {
        let mut reader = self.readers.begin().await?;
        let (conversation_id, branch_id) = match composer {
            Composer::NewConversation => return of_new_conversation(&mut reader).await,
            Composer::Branch {
                conversation_id,
                branch_id,
            } => (conversation_id, branch_id.as_ref()),
        };
        match resolve_branch(&mut reader, conversation_id, branch_id).await? {
            Some(branch) => of_branch(&mut reader, &branch.id).await,
            None => Ok(Vec::new()),
        }
    }

    /// Moves attachments from the composer without a conversation to that of this one's `main`, all or none; false
    /// if none were moved.
    pub async fn adopt_attachments(
        &self,
        conversation_id: &ConversationId,
        ids: &[AttachmentId],
    ) -> Result<bool> {
        let list = list(ids);
        let mut tx = self.write().await?;
        let moved = sqlx::query!(
            "UPDATE attachments SET conversation_id = ?1,
               branch_id = (SELECT id FROM branches WHERE conversation_id = ?1 AND name = 'main')
             WHERE id IN (SELECT value FROM json_each(?2)) AND conversation_id IS NULL AND message_id IS NULL
               AND EXISTS (SELECT 1 FROM conversations WHERE id = ?1 AND deleted_at IS NULL)",
            conversation_id,
            list
        )
        .execute(&mut *tx)
        .await?;
        if moved.rows_affected() != count(ids) {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Returns these attachments, in this order, without those that are gone.
    pub async fn attachments(&self, ids: &[AttachmentId]) -> Result<Vec<AttachmentSummary>> {
        let list = list(ids);
        Ok(sqlx::query_as!(
            AttachmentSummary,
            r#"SELECT a.id AS "id: _", a.name, a.kind AS "kind: _", a.bytes AS "bytes: _", a.tokens AS "tokens: _",
                 a.width AS "width: _", a.height AS "height: _", a.pages AS "pages: _"
               FROM json_each(?) AS listed CROSS JOIN attachments a ON a.id = listed.value ORDER BY listed.key"#,
            list
        )
        .fetch_all(&self.readers)
        .await?)
    }

    /// Returns the content of an attachment.
    pub async fn attachment(&self, id: &AttachmentId) -> Result<Option<AttachmentContent>> {
        let row = sqlx::query!(
            "SELECT a.media_type, a.text, a.data
             FROM attachments a LEFT JOIN conversations c ON c.id = a.conversation_id
               LEFT JOIN branches b ON b.id = a.branch_id
             WHERE a.id = ? AND c.deleted_at IS NULL AND b.deleted_at IS NULL",
            id
        )
        .fetch_optional(&self.readers)
        .await?;
        Ok(row.map(|row| content(row.media_type, row.text, row.data)))
    }
}

/// Builds an attachment's content from its columns.
pub(super) fn content(
    media_type: String,
    text: Option<String>,
    data: Option<Vec<u8>>,
) -> AttachmentContent {
    match data {
        Some(data) => AttachmentContent::Image { media_type, data },
        None => AttachmentContent::Text(text.unwrap_or_default()),
    }
}

/// Returns the attachments that wait in the composer of a branch.
pub(super) async fn of_branch(
    reader: &mut SqliteConnection,
    id: &BranchId,
) -> Result<Vec<AttachmentSummary>> {
    Ok(sqlx::query_as!(
        AttachmentSummary,
        r#"SELECT id AS "id: _", name, kind AS "kind: _", bytes AS "bytes: _", tokens AS "tokens: _",
             width AS "width: _", height AS "height: _", pages AS "pages: _"
           FROM attachments WHERE branch_id = ? ORDER BY id"#,
        id
    )
    .fetch_all(reader)
    .await?)
}

/// Returns the attachments that wait in the composer of the conversation that does not exist yet.
async fn of_new_conversation(reader: &mut SqliteConnection) -> Result<Vec<AttachmentSummary>> {
    Ok(sqlx::query_as!(
        AttachmentSummary,
        r#"SELECT id AS "id: _", name, kind AS "kind: _", bytes AS "bytes: _", tokens AS "tokens: _",
             width AS "width: _", height AS "height: _", pages AS "pages: _"
           FROM attachments WHERE conversation_id IS NULL ORDER BY id"#
    )
    .fetch_all(reader)
    .await?)
}

/// Returns the attachments of messages, each with its message's id, in the order in which they were sent.
pub(super) async fn of_messages(
    reader: &mut SqliteConnection,
    message_ids: &str,
) -> Result<Vec<(MessageId, AttachmentSummary)>> {
    Ok(sqlx::query!(
        r#"SELECT a.message_id AS "message_id!: MessageId", a.id AS "id: AttachmentId", a.name,
             a.kind AS "kind: AttachmentKind", a.bytes AS "bytes: u32", a.tokens AS "tokens: u32",
             a.width AS "width: u32", a.height AS "height: u32", a.pages AS "pages: u32"
           FROM json_each(?) AS listed CROSS JOIN attachments a ON a.message_id = listed.value
           ORDER BY a.position"#,
        message_ids
    )
    .map(|row| {
        let summary = AttachmentSummary {
            id: row.id,
            name: row.name,
            kind: row.kind,
            bytes: row.bytes,
            tokens: row.tokens,
            width: row.width,
            height: row.height,
            pages: row.pages,
        };
        (row.message_id, summary)
    })
    .fetch_all(reader)
    .await?)
}

/// The message that attachments are bound to.
#[derive(Clone, Copy)]
pub(super) enum Owner<'a> {
    /// One that is sent.
    Sent(&'a MessageId),
    /// One that waits in a queue.
    Queued(&'a QueuedMessageId),
}

/// Binds attachments of a branch's composer to a message, in this order. Returns false if one of them is gone, already
/// belongs to a message, or waits in another composer; the caller must then roll back.
pub(super) async fn bind(
    tx: &mut SqliteConnection,
    context: &BranchContext,
    owner: Owner<'_>,
    ids: &[AttachmentId],
) -> Result<bool> {
    if ids.is_empty() {
        return Ok(true);
    }
    let (sent, queued) = match owner {
        Owner::Sent(id) => (Some(id), None),
        Owner::Queued(id) => (None, Some(id)),
    };
    let list = list(ids);
    let bound = sqlx::query!(
        "UPDATE attachments SET message_id = ?1, queued_message_id = ?2, branch_id = NULL, position = listed.key
         FROM json_each(?3) AS listed
         WHERE attachments.id = listed.value AND attachments.branch_id = ?4",
        sent,
        queued,
        list,
        context.branch_id
    )
    .execute(&mut *tx)
    .await?;
    Ok(bound.rows_affected() == count(ids))
}

/// Returns the attachments of a queued message, in the order in which they are shown.
pub(super) async fn of_queued(
    reader: &mut SqliteConnection,
    id: &QueuedMessageId,
) -> Result<Vec<AttachmentSummary>> {
    Ok(sqlx::query_as!(
        AttachmentSummary,
        r#"SELECT id AS "id: _", name, kind AS "kind: _", bytes AS "bytes: _", tokens AS "tokens: _",
             width AS "width: _", height AS "height: _", pages AS "pages: _"
           FROM attachments WHERE queued_message_id = ? ORDER BY position"#,
        id
    )
    .fetch_all(reader)
    .await?)
}

/// Gives a new version of a message its files: copies of those of the edited version, and those that wait in a
/// composer of the conversation, because the edited message may be shown on another branch than its own; all of the
/// edited version if `ids` is `None`. Returns false if one of them is gone, belongs to another
/// message, or comes twice; the caller must then roll back.
pub(super) async fn bind_edited(
    tx: &mut SqliteConnection,
    context: &BranchContext,
    message_id: &MessageId,
    edited: &MessageId,
    ids: Option<&[AttachmentId]>,
    now: Timestamp,
) -> Result<bool> {
    let kept = sqlx::query_scalar!(
        r#"SELECT id AS "id: AttachmentId" FROM attachments WHERE message_id = ? ORDER BY position"#,
        edited
    )
    .fetch_all(&mut *tx)
    .await?;
    let ids = ids.unwrap_or(&kept);
    for (index, id) in ids.iter().enumerate() {
        if ids[..index].contains(id) {
            return Ok(false);
        }
        let position = i64::try_from(index).unwrap_or(i64::MAX);
        let done = if kept.contains(id) {
            let copy = AttachmentId::fresh();
            sqlx::query!(
                "INSERT INTO attachments (id, conversation_id, message_id, position, name, kind, media_type, bytes,
                   tokens, width, height, pages, created_at, text, data)
                 SELECT ?1, conversation_id, ?2, ?3, name, kind, media_type, bytes, tokens, width, height, pages, ?4,
                   text, data
                 FROM attachments WHERE id = ?5",
                copy,
                message_id,
                position,
                now,
                id
            )
            .execute(&mut *tx)
            .await?
        } else {
            sqlx::query!(
                "UPDATE attachments SET message_id = ?1, branch_id = NULL, position = ?2
                 WHERE id = ?3 AND message_id IS NULL AND queued_message_id IS NULL AND conversation_id = ?4",
                message_id,
                position,
                id,
                context.conversation_id
            )
            .execute(&mut *tx)
            .await?
        };
        if done.rows_affected() == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

fn list(ids: &[AttachmentId]) -> String {
    let list: Value = ids.iter().map(ToString::to_string).collect();
    list.to_string()
}

/// Returns the number of ids; a duplicate id counts here but matches only one row.
fn count(ids: &[AttachmentId]) -> u64 {
    u64::try_from(ids.len()).unwrap_or(u64::MAX)
}
