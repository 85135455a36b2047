//! Deleted branches: hidden immediately, and then deleted permanently with the messages that no other branch needs.
//!
//! A message that another branch continues from stays, as a message of that branch. The rest is deleted in batches, the
//! files that wait in the composer first,
//! as in [`deleting`](super::deleting): newest first, so that each is a leaf when its turn comes.

use conch_model::{BranchId, ConversationId, GenerationId, MAIN_BRANCH, MessageId, Timestamp};
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::deleting::{Portion, PurgeProgress};
use super::write::Change;
use super::{Result, Store};

/// Outcome of deleting a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeleteBranchOutcome {
    /// It is hidden, and will be gone.
    Deleted,
    /// This generation writes an answer on the branch.
    Busy(GenerationId),
    /// The branch does not exist.
    NotFound,
    /// `main` cannot be deleted.
    Main,
}

/// A branch that is hidden and not gone yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedBranch {
    /// The branch.
    pub id: BranchId,
    /// Its conversation.
    pub conversation_id: ConversationId,
}

impl Store {
    /// Hides a branch from all reads and writes, unless an answer is being written there; with `is_lost`, also then:
    /// the process that writes it finds its lock lost.
    pub async fn delete_branch(
        &self,
        id: &BranchId,
        is_lost: bool,
        now: Timestamp,
    ) -> Result<DeleteBranchOutcome> {
        let mut tx = self.write().await?;
        let found = sqlx::query!(
            r#"SELECT b.conversation_id AS "conversation_id: ConversationId", b.name
               FROM branches b JOIN conversations c ON c.id = b.conversation_id
               WHERE b.id = ? AND b.deleted_at IS NULL AND c.deleted_at IS NULL"#,
            id
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(found) = found else {
            return Ok(DeleteBranchOutcome::NotFound);
        };
        if found.name == MAIN_BRANCH {
            return Ok(DeleteBranchOutcome::Main);
        }
        let holder = sqlx::query_scalar!(
            r#"SELECT generation_id AS "id!: GenerationId" FROM generation_locks
               WHERE branch_id = ? AND generation_id IS NOT NULL"#,
            id
        )
        .fetch_optional(&mut *tx)
        .await?;
        if let (Some(generation_id), false) = (holder, is_lost) {
            return Ok(DeleteBranchOutcome::Busy(generation_id));
        }
        // The name is free at once, and is in no file afterwards.
        sqlx::query!(
            "UPDATE branches SET deleted_at = ?, name = id, head_message_id = NULL, forked_from = NULL WHERE id = ?",
            now,
            id
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "UPDATE messages SET status = 'interrupted', finished_at = created_at
             WHERE branch_id = ? AND status = 'generating'",
            id
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!("DELETE FROM generation_locks WHERE branch_id = ?", id)
            .execute(&mut *tx)
            .await?;
        sqlx::query!("DELETE FROM queued_messages WHERE branch_id = ?", id)
            .execute(&mut *tx)
            .await?;
        sqlx::query!("DELETE FROM drafts WHERE branch_id = ?", id)
            .execute(&mut *tx)
            .await?;
        tx.changed(Change::View(found.conversation_id));
        tx.commit().await?;
        Ok(DeleteBranchOutcome::Deleted)
    }

    /// Returns every branch that is hidden and not gone yet, of conversations that are not deleted themselves.
    pub async fn deleted_branches(&self) -> Result<Vec<DeletedBranch>> {
        Ok(sqlx::query_as!(
            DeletedBranch,
            r#"SELECT b.id AS "id: _", b.conversation_id AS "conversation_id: _"
               FROM branches b JOIN conversations c ON c.id = b.conversation_id
               WHERE b.deleted_at IS NOT NULL AND c.deleted_at IS NULL"#
        )
        .fetch_all(&self.readers)
        .await?)
    }

    /// Deletes the row of a deleted branch without messages, on a connection without foreign key checks: nothing is
    /// left that refers to it.
    pub async fn end_branch_purge(&self, branch: &DeletedBranch) -> Result<()> {
        let options = (*self.writer.connect_options()).clone();
        let mut connection = options.foreign_keys(false).connect().await?;
        let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query!(
            "DELETE FROM branches WHERE id = ?1 AND deleted_at IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.branch_id = ?1)",
            branch.id
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "DELETE FROM generations WHERE branch_id = ?1
               AND NOT EXISTS (SELECT 1 FROM branches WHERE id = ?1)",
            branch.id
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(connection.close().await?)
    }
}

impl Portion {
    /// Deletes or hands over messages of a deleted branch, newest first, up to a cost of `limit` as in
    /// [`Portion::purge`]. Views of its conversation are announced as changed: other versions are gone.
    pub async fn purge_branch(
        mut self,
        branch: &DeletedBranch,
        limit: u32,
    ) -> Result<PurgeProgress> {
        let progress = purge(&mut self.tx, &branch.id, limit).await?;
        self.tx
            .changed(Change::View(branch.conversation_id.clone()));
        self.tx.commit().await?;
        Ok(progress)
    }
}

/// A message of a deleted branch.
struct Candidate {
    id: MessageId,
    /// One, and one for each 256 bytes of text.
    cost: i64,
    /// A branch that continues from it.
    heir: Option<BranchId>,
}

async fn purge(tx: &mut SqliteConnection, id: &BranchId, limit: u32) -> Result<PurgeProgress> {
    if detach(tx, id, limit).await? || unsent_file(tx, id).await? {
        return Ok(PurgeProgress::Remaining);
    }
    let mut left = i64::from(limit);
    while left > 0 {
        let Some(newest) = newest(tx, id).await? else {
            return Ok(PurgeProgress::Done);
        };
        left -= newest.cost;
        match &newest.heir {
            Some(heir) => hand_over(tx, &newest.id, heir).await?,
            None if part_of(tx, &newest.id, limit).await? => return Ok(PurgeProgress::Remaining),
            None => {
                sqlx::query!("DELETE FROM messages WHERE id = ?", newest.id)
                    .execute(&mut *tx)
                    .await?;
            }
        }
    }
    Ok(PurgeProgress::Remaining)
}

/// Detaches the attempts, which are counted permanently. Returns false if there are none.
async fn detach(tx: &mut SqliteConnection, id: &BranchId, limit: u32) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE generation_attempts SET branch_id = NULL WHERE id IN (
           SELECT id FROM generation_attempts WHERE branch_id = ? LIMIT ?)",
        id,
        limit
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Deletes one attachment that waits in the branch's composer: each may be megabytes. Returns false if there is none.
async fn unsent_file(tx: &mut SqliteConnection, id: &BranchId) -> Result<bool> {
    let done = sqlx::query!(
        "DELETE FROM attachments WHERE id = (SELECT id FROM attachments WHERE branch_id = ? LIMIT 1)",
        id
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

async fn newest(tx: &mut SqliteConnection, id: &BranchId) -> Result<Option<Candidate>> {
    // The heir is the branch of its newest child, or one that ends with it. Its children on this branch are gone,
    // because they were stored later.
    Ok(sqlx::query_as!(
        Candidate,
        r#"SELECT m.id AS "id!: _",
             1 + (octet_length(m.content) + octet_length(m.reasoning)) / 256 AS "cost!: i64",
             coalesce(
               (SELECT child.branch_id FROM messages child WHERE child.parent_id = m.id
                  AND child.branch_id <> m.branch_id
                ORDER BY child.search_key DESC LIMIT 1),
               (SELECT b.id FROM branches b WHERE b.head_message_id = m.id LIMIT 1)) AS "heir: _"
           FROM messages m WHERE m.branch_id = ? ORDER BY m.search_key DESC LIMIT 1"#,
        id
    )
    .fetch_optional(tx)
    .await?)
}

/// Makes a message one of the branch that continues from it.
async fn hand_over(tx: &mut SqliteConnection, id: &MessageId, heir: &BranchId) -> Result<()> {
    sqlx::query!("UPDATE messages SET branch_id = ? WHERE id = ?", heir, id)
        .execute(&mut *tx)
        .await?;
    sqlx::query!(
        "UPDATE generations SET branch_id = ?1 WHERE message_id = ?2",
        heir,
        id
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Deletes what is large of a message: one attachment, which may be megabytes, or pieces of an answer. Returns false
/// if there is none.
async fn part_of(tx: &mut SqliteConnection, id: &MessageId, limit: u32) -> Result<bool> {
    let attachment = sqlx::query!(
        "DELETE FROM attachments WHERE id = (SELECT id FROM attachments WHERE message_id = ? LIMIT 1)",
        id
    )
    .execute(&mut *tx)
    .await?;
    if attachment.rows_affected() > 0 {
        return Ok(true);
    }
    let chunks = sqlx::query!(
        "DELETE FROM message_chunks WHERE message_id = ?1 AND seq IN (
           SELECT seq FROM message_chunks WHERE message_id = ?1 LIMIT ?2)",
        id,
        limit
    )
    .execute(tx)
    .await?;
    Ok(chunks.rows_affected() > 0)
}
