//! The parameters that were set for an answer and not sent, for its details.

use conch_model::{FencedWrite, Lease, Parameter};
use sqlx::types::Json;

use super::{Result, Store};

impl Store {
    /// Records which parameters were set for the answer and not sent.
    pub async fn set_not_sent(&self, lease: &Lease, names: &[Parameter]) -> Result<FencedWrite> {
        let names = Json(names);
        let mut tx = self.write().await?;
        let done = sqlx::query!(
            "UPDATE messages SET not_sent = ?1 WHERE id = ?2 AND EXISTS (SELECT 1 FROM generation_locks
               WHERE branch_id = ?3 AND generation_id = ?4 AND fence = ?5)",
            names,
            lease.message_id,
            lease.branch_id,
            lease.generation_id,
            lease.fence
        )
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(FencedWrite::Lost);
        }
        tx.commit().await?;
        Ok(FencedWrite::Written)
    }
}
