//! The statements of the generation lock. Each transition is a single statement whose `WHERE` is the whole
//! condition, so nothing can interleave between a check and the change that relies on it.

use conch_model::{
    BranchId, ConversationId, FencedWrite, GenerationId, InstanceId, LEASE, LEASE_EXPIRED, Lease,
    LockReason, LockStatus, MessageId, PROCESS_ENDED, Timestamp, UserId,
};
use sqlx::SqliteConnection;

use super::busy::Occupancy;
use super::finalize::{TextLayout, finalize};
use super::write::{Change, WriteTx};
use super::{Result, Store, branches};

/// A held lock, as other processes see it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "field names say it")]
pub struct Holder {
    pub lease: Lease,
    pub instance_id: InstanceId,
    /// Incremented by every renewal.
    pub heartbeat_seq: i64,
    /// Extended by every renewal.
    pub expires_at: Timestamp,
}

pub(super) struct Grant<'a> {
    pub(super) branch_id: &'a BranchId,
    pub(super) conversation_id: &'a ConversationId,
    pub(super) generation_id: &'a GenerationId,
    pub(super) message_id: &'a MessageId,
    pub(super) user_id: &'a UserId,
    pub(super) instance_id: &'a InstanceId,
    pub(super) max_parallel: i64,
}

/// The result of a grant.
pub(super) struct Granted {
    pub(super) lease: Lease,
    /// Whether the grant ended an answer that an expired holder left on the branch, which may have changed its
    /// head.
    pub(super) took_over: bool,
}

/// Grants the lock, or returns `None` when it is held or the conversation is at its capacity (I1).
///
/// A grant that ignores an expired lock for the capacity also releases it in the same transaction: otherwise
/// its holder could renew alongside the new one, and more than `max_parallel` would write.
pub(super) async fn acquire(
    tx: &mut WriteTx,
    grant: &Grant<'_>,
    now: Timestamp,
) -> Result<Option<Granted>> {
    let expires_at = now + LEASE;
    let fence = sqlx::query_scalar!(
        r#"INSERT INTO generation_locks (branch_id, conversation_id, fence, generation_id, message_id,
             user_id, instance_id, locked_at, heartbeat_seq, heartbeat_at, expires_at)
           SELECT ?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, 0, ?7, ?8
           WHERE ?9 > (SELECT count(*) FROM generation_locks
             WHERE conversation_id = ?2 AND branch_id <> ?1 AND generation_id IS NOT NULL AND expires_at > ?7)
           ON CONFLICT (branch_id) DO UPDATE SET fence = fence + 1,
             generation_id = excluded.generation_id, message_id = excluded.message_id,
             user_id = excluded.user_id, instance_id = excluded.instance_id,
             locked_at = excluded.locked_at, heartbeat_seq = 0,
             heartbeat_at = excluded.heartbeat_at, expires_at = excluded.expires_at
           WHERE generation_id IS NULL OR expires_at <= ?7
           RETURNING fence AS "fence!: i64""#,
        grant.branch_id,
        grant.conversation_id,
        grant.generation_id,
        grant.message_id,
        grant.user_id,
        grant.instance_id,
        now,
        expires_at,
        grant.max_parallel
    )
    .fetch_optional(&mut **tx)
    .await?;
    let Some(fence) = fence else {
        return Ok(None);
    };
    let took_over = interrupt_left_behind(tx, grant.branch_id, now).await?;
    if took_over {
        tx.changed(Change::View(grant.conversation_id.clone()));
    }
    for holder in expired(tx, grant.conversation_id, now).await? {
        let _: FencedWrite = vacate(tx, &holder, LockReason::Expired, now).await?;
    }
    let lease = Lease {
        branch_id: grant.branch_id.clone(),
        conversation_id: grant.conversation_id.clone(),
        generation_id: grant.generation_id.clone(),
        message_id: grant.message_id.clone(),
        fence,
    };
    tx.changed(Change::lock(&lease, LockReason::Acquired));
    Ok(Some(Granted { lease, took_over }))
}

/// Ends the answer that an expired holder left on the branch. Returns false if there is none.
async fn interrupt_left_behind(
    tx: &mut SqliteConnection,
    branch_id: &BranchId,
    now: Timestamp,
) -> Result<bool> {
    let left = sqlx::query_scalar!(
        r#"SELECT id AS "id: MessageId" FROM messages WHERE branch_id = ? AND status = 'generating'"#,
        branch_id
    )
    .fetch_all(&mut *tx)
    .await?;
    for message_id in &left {
        let text = TextLayout::of(tx, message_id).await?;
        finalize(tx, message_id, &LockReason::Expired.ending(), text, now).await?;
    }
    Ok(!left.is_empty())
}

/// Releases the lock; [`FencedWrite::Lost`] if `lease` is not the current one (I4).
pub(super) async fn release(
    tx: &mut WriteTx,
    lease: &Lease,
    reason: LockReason,
) -> Result<FencedWrite> {
    let done = sqlx::query!(
        "UPDATE generation_locks SET generation_id = NULL, message_id = NULL, user_id = NULL,
           instance_id = NULL, locked_at = NULL, heartbeat_seq = NULL, heartbeat_at = NULL, expires_at = NULL
         WHERE branch_id = ? AND generation_id = ? AND fence = ?",
        lease.branch_id,
        lease.generation_id,
        lease.fence
    )
    .execute(&mut **tx)
    .await?;
    let released = FencedWrite::from_rows(done.rows_affected());
    if released == FencedWrite::Written {
        tx.changed(Change::lock(lease, reason));
    }
    Ok(released)
}

impl Store {
    /// Returns the lock status of a branch; `None` if there is no such branch.
    pub async fn lock_status(
        &self,
        conversation_id: &ConversationId,
        branch_id: Option<&BranchId>,
        now: Timestamp,
    ) -> Result<Option<LockStatus>> {
        let mut reader = self.readers.begin().await?;
        let Some(branch) =
            branches::resolve_branch(&mut reader, conversation_id, branch_id).await?
        else {
            return Ok(None);
        };
        lock_status(&mut reader, conversation_id, &branch.id, now)
            .await
            .map(Some)
    }

    /// The heartbeat: extends the expiry to a full lease from `now`. An expired lease that no one else acquired
    /// is renewed too: the fence, not the time, identifies the holder.
    pub async fn renew(&self, lease: &Lease, now: Timestamp) -> Result<FencedWrite> {
        let expires_at = now + LEASE;
        let done = sqlx::query!(
            "UPDATE generation_locks SET heartbeat_seq = heartbeat_seq + 1, heartbeat_at = ?, expires_at = ?
             WHERE branch_id = ? AND generation_id = ? AND fence = ?",
            now,
            expires_at,
            lease.branch_id,
            lease.generation_id,
            lease.fence
        )
        .execute(self.writer()?)
        .await?;
        Ok(FencedWrite::from_rows(done.rows_affected()))
    }

    /// Returns the holders of a conversation's expired locks.
    pub async fn expired_holders(
        &self,
        conversation_id: &ConversationId,
        now: Timestamp,
    ) -> Result<Vec<Holder>> {
        let mut reader = self.readers.acquire().await?;
        expired(&mut reader, conversation_id, now).await
    }

    /// Returns the holders of all held locks.
    pub async fn holders(&self) -> Result<Vec<Holder>> {
        let rows = sqlx::query_as!(
            HolderRow,
            r#"SELECT branch_id AS "branch_id: BranchId", conversation_id AS "conversation_id: ConversationId",
                 fence, generation_id AS "generation_id!: GenerationId", message_id AS "message_id!: MessageId",
                 instance_id AS "instance_id!: InstanceId", heartbeat_seq AS "heartbeat_seq!: i64",
                 expires_at AS "expires_at!: Timestamp"
               FROM generation_locks WHERE generation_id IS NOT NULL"#
        )
        .fetch_all(&self.readers)
        .await?;
        Ok(rows.into_iter().map(Holder::from).collect())
    }

    /// Returns why a lock that was held under `lease` no longer is.
    pub async fn release_reason(&self, lease: &Lease) -> Result<LockReason> {
        let error_code = sqlx::query_scalar!(
            "SELECT error_code FROM messages WHERE id = ?",
            lease.message_id
        )
        .fetch_optional(&self.readers)
        .await?;
        Ok(match error_code.flatten().as_deref() {
            Some(LEASE_EXPIRED) => LockReason::Expired,
            Some(PROCESS_ENDED) => LockReason::Recovered,
            _ => LockReason::Released,
        })
    }

    /// Releases a lock whose holder stopped renewing and marks its answer interrupted, in one transaction.
    /// [`FencedWrite::Lost`] if it was renewed (its `heartbeat_seq` changed), released or acquired since
    /// `holder` was read.
    pub async fn expire(&self, holder: &Holder, now: Timestamp) -> Result<FencedWrite> {
        self.vacate(holder, LockReason::Expired, now).await
    }

    /// Releases a lock whose holder's process is dead and marks its answer interrupted.
    pub async fn recover(&self, holder: &Holder, now: Timestamp) -> Result<FencedWrite> {
        self.vacate(holder, LockReason::Recovered, now).await
    }

    async fn vacate(
        &self,
        holder: &Holder,
        reason: LockReason,
        now: Timestamp,
    ) -> Result<FencedWrite> {
        let mut tx = self.write().await?;
        let vacated = vacate(&mut tx, holder, reason, now).await?;
        tx.commit().await?;
        Ok(vacated)
    }
}

/// Releases the lock of `holder` and finalizes its answer; [`FencedWrite::Lost`] if it was renewed, released or
/// acquired since `holder` was read.
async fn vacate(
    tx: &mut WriteTx,
    holder: &Holder,
    reason: LockReason,
    now: Timestamp,
) -> Result<FencedWrite> {
    let renewed = sqlx::query_scalar!(
        "SELECT count(*) FROM generation_locks
         WHERE branch_id = ? AND fence = ? AND heartbeat_seq IS NOT ?",
        holder.lease.branch_id,
        holder.lease.fence,
        holder.heartbeat_seq
    )
    .fetch_one(&mut **tx)
    .await?;
    if renewed > 0 || release(tx, &holder.lease, reason).await? == FencedWrite::Lost {
        return Ok(FencedWrite::Lost);
    }
    let message_id = &holder.lease.message_id;
    let text = TextLayout::of(tx, message_id).await?;
    finalize(tx, message_id, &reason.ending(), text, now).await?;
    // Its followers do not get this end: the task that wrote it is gone, or runs in another process.
    tx.changed(Change::View(holder.lease.conversation_id.clone()));
    Ok(FencedWrite::Written)
}

async fn expired(
    connection: &mut SqliteConnection,
    conversation_id: &ConversationId,
    now: Timestamp,
) -> Result<Vec<Holder>> {
    let rows = sqlx::query_as!(
        HolderRow,
        r#"SELECT branch_id AS "branch_id: BranchId", conversation_id AS "conversation_id: ConversationId",
             fence, generation_id AS "generation_id!: GenerationId", message_id AS "message_id!: MessageId",
             instance_id AS "instance_id!: InstanceId", heartbeat_seq AS "heartbeat_seq!: i64",
             expires_at AS "expires_at!: Timestamp"
           FROM generation_locks
           WHERE conversation_id = ? AND generation_id IS NOT NULL AND expires_at <= ?"#,
        conversation_id,
        now
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Holder::from).collect())
}

struct HolderRow {
    branch_id: BranchId,
    conversation_id: ConversationId,
    fence: i64,
    generation_id: GenerationId,
    message_id: MessageId,
    instance_id: InstanceId,
    heartbeat_seq: i64,
    expires_at: Timestamp,
}

impl From<HolderRow> for Holder {
    fn from(row: HolderRow) -> Self {
        Self {
            lease: Lease {
                branch_id: row.branch_id,
                conversation_id: row.conversation_id,
                generation_id: row.generation_id,
                message_id: row.message_id,
                fence: row.fence,
            },
            instance_id: row.instance_id,
            heartbeat_seq: row.heartbeat_seq,
            expires_at: row.expires_at,
        }
    }
}

pub(super) async fn lock_status(
    reader: &mut SqliteConnection,
    conversation_id: &ConversationId,
    branch_id: &BranchId,
    now: Timestamp,
) -> Result<LockStatus> {
    let max_parallel = sqlx::query_scalar!(
        "SELECT max_parallel FROM conversations WHERE id = ?",
        conversation_id
    )
    .fetch_one(&mut *reader)
    .await?;
    let occupancy = Occupancy::read(reader, conversation_id, max_parallel, now).await?;
    let row = sqlx::query!(
        r#"SELECT fence, generation_id AS "generation_id: GenerationId", message_id AS "message_id: MessageId",
             user_id AS "user_id: UserId", locked_at AS "locked_at: Timestamp", expires_at AS "expires_at: Timestamp"
           FROM generation_locks WHERE branch_id = ?"#,
        branch_id
    )
    .fetch_optional(reader)
    .await?;
    let free = LockStatus {
        locked: false,
        can_send: occupancy.blocker(branch_id).is_none(),
        generation_id: None,
        message_id: None,
        user_id: None,
        locked_at: None,
        expires_at: None,
        fence: row.as_ref().map_or(0, |row| row.fence),
    };
    Ok(match row {
        Some(row) if occupancy.of_branch(branch_id).is_some() => LockStatus {
            locked: true,
            generation_id: row.generation_id,
            message_id: row.message_id,
            user_id: row.user_id,
            locked_at: row.locked_at,
            expires_at: row.expires_at,
            ..free
        },
        _ => free,
    })
}
