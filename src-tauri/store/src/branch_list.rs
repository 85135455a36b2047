//! Branches as the user manages them: listed, forked, renamed; and how many of them may answer at once.

use conch_model::{
    Branch, BranchId, ConversationId, Entity, MAIN_BRANCH, MessageId, MessageStatus, Timestamp,
};
use sqlx::SqliteConnection;

use super::branches::{fork, missing};
use super::busy::live_locks;
use super::write::{Change, WriteTx};
use super::{Result, Store};

/// Outcome of a fork.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForkOutcome {
    /// The new branch.
    Forked(Branch),
    /// The message does not exist.
    NotFound,
    /// The message is still being written, on this branch.
    Busy(BranchId),
    /// Another branch of the conversation has that name.
    NameTaken,
}

/// Outcome of renaming a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenameOutcome {
    /// It has the name.
    Renamed,
    /// The branch does not exist.
    NotFound,
    /// `main` keeps its name.
    Main,
    /// Another branch of the conversation has that name.
    NameTaken,
}

impl Store {
    /// Returns the branches of a conversation, `main` first and then the oldest; the error is what does not exist.
    pub async fn branches(
        &self,
        conversation_id: &ConversationId,
        now: Timestamp,
    ) -> Result<std::result::Result<Vec<Branch>, Entity>> {
        let mut reader = self.readers.begin().await?;
        let branches = listed(&mut reader, conversation_id, None, now).await?;
        if branches.is_empty() {
            return Ok(Err(missing(&mut reader, conversation_id).await?));
        }
        Ok(Ok(branches))
    }

    /// Creates a branch that goes its own way after a message. Without a name it is the next `Branch 2`, `Branch 3`, ….
    pub async fn fork_branch(
        &self,
        message_id: &MessageId,
        name: Option<&str>,
        now: Timestamp,
    ) -> Result<ForkOutcome> {
        let mut tx = self.write().await?;
        let forked = sqlx::query!(
            r#"SELECT m.conversation_id AS "conversation_id: ConversationId", m.branch_id AS "branch_id: BranchId",
                 m.status AS "status: MessageStatus"
               FROM messages m JOIN conversations c ON c.id = m.conversation_id
                 JOIN branches b ON b.id = m.branch_id
               WHERE m.id = ? AND b.deleted_at IS NULL AND c.deleted_at IS NULL"#,
            message_id
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(forked) = forked else {
            return Ok(ForkOutcome::NotFound);
        };
        if forked.status == MessageStatus::Generating {
            return Ok(ForkOutcome::Busy(forked.branch_id));
        }
        let conversation_id = forked.conversation_id;
        if let Some(name) = name
            && is_taken(&mut tx, &conversation_id, name, None).await?
        {
            return Ok(ForkOutcome::NameTaken);
        }
        let id = fork(&mut tx, &conversation_id, message_id, name, now).await?;
        let mut created = listed(&mut tx, &conversation_id, Some(&id), now).await?;
        tx.changed(Change::View(conversation_id));
        let created = created.pop().ok_or(sqlx::Error::RowNotFound)?;
        tx.commit().await?;
        Ok(ForkOutcome::Forked(created))
    }

    /// Renames a branch.
    pub async fn rename_branch(&self, id: &BranchId, name: &str) -> Result<RenameOutcome> {
        let mut tx = self.write().await?;
        let Some((conversation_id, old)) = named(&mut tx, id).await? else {
            return Ok(RenameOutcome::NotFound);
        };
        if old == MAIN_BRANCH {
            return Ok(RenameOutcome::Main);
        }
        if is_taken(&mut tx, &conversation_id, name, Some(id)).await? {
            return Ok(RenameOutcome::NameTaken);
        }
        sqlx::query!("UPDATE branches SET name = ? WHERE id = ?", name, id)
            .execute(&mut *tx)
            .await?;
        tx.changed(Change::View(conversation_id));
        tx.commit().await?;
        Ok(RenameOutcome::Renamed)
    }

    /// Sets how many branches of a conversation may answer at the same time. Returns false if it does not exist.
    pub async fn set_max_parallel(&self, id: &ConversationId, max_parallel: u32) -> Result<bool> {
        let mut tx = self.write().await?;
        let done = sqlx::query!(
            "UPDATE conversations SET max_parallel = ? WHERE id = ? AND deleted_at IS NULL",
            max_parallel,
            id
        )
        .execute(&mut *tx)
        .await?;
        tx.commit_if_affected(done.rows_affected(), Change::View(id.clone()))
            .await
    }
}

/// Returns the branches of a conversation that exists, or one of them.
pub(super) async fn listed(
    connection: &mut SqliteConnection,
    conversation_id: &ConversationId,
    only: Option<&BranchId>,
    now: Timestamp,
) -> Result<Vec<Branch>> {
    let mut branches = sqlx::query_as!(
        Branch,
        r#"SELECT b.id AS "id: _", b.conversation_id AS "conversation_id: _", b.name,
             b.head_message_id AS "head_message_id: _", b.forked_from AS "forked_from: _",
             b.created_at AS "created_at: _", 0 AS "locked!: bool"
           FROM branches b JOIN conversations c ON c.id = b.conversation_id
           WHERE b.conversation_id = ?1 AND (?2 IS NULL OR b.id = ?2)
             AND b.deleted_at IS NULL AND c.deleted_at IS NULL
           ORDER BY b.name <> 'main', b.created_at, b.id"#,
        conversation_id,
        only
    )
    .fetch_all(&mut *connection)
    .await?;
    for lock in live_locks(connection, Some(conversation_id), now).await? {
        let locked = branches
            .iter_mut()
            .find(|branch| branch.id == lock.branch_id);
        if let Some(branch) = locked {
            branch.locked = true;
        }
    }
    Ok(branches)
}

async fn named(tx: &mut WriteTx, id: &BranchId) -> Result<Option<(ConversationId, String)>> {
    let row = sqlx::query!(
        r#"SELECT b.conversation_id AS "conversation_id: ConversationId", b.name
           FROM branches b JOIN conversations c ON c.id = b.conversation_id
           WHERE b.id = ? AND b.deleted_at IS NULL AND c.deleted_at IS NULL"#,
        id
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| (row.conversation_id, row.name)))
}

async fn is_taken(
    tx: &mut WriteTx,
    conversation_id: &ConversationId,
    name: &str,
    except: Option<&BranchId>,
) -> Result<bool> {
    let taken = sqlx::query_scalar!(
        "SELECT count(*) FROM branches WHERE conversation_id = ? AND name = ? AND id IS NOT ?",
        conversation_id,
        name,
        except
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(taken > 0)
}
