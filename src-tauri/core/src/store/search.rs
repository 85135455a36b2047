//! The full-text index of all messages: triggers fill it with what is whole when it is stored, this
//! module with answers that have ended since. Apart from the end itself, because indexing a megabyte
//! takes longer than all the rest of that transaction, and its lock would be held meanwhile.

use super::{Result, Store};

impl Store {
    /// Indexes every answer that has ended and was not indexed yet; none is cheap. A process that
    /// dies before loses nothing: the next call takes them along.
    ///
    /// # Errors
    /// When the database cannot be written; the answers stay noted.
    pub async fn index_answers(&self) -> Result<()> {
        let mut tx = self.write().await?;
        sqlx::query!(
            "INSERT INTO messages_fts(rowid, content)
             SELECT m.search_key, m.content
             FROM messages_to_index CROSS JOIN messages m USING (search_key)"
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!("DELETE FROM messages_to_index")
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }
}
