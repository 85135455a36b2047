//! Detection of changes by other processes to the same database.

use conch_model::{ConversationId, InstanceId};
use sqlx::SqliteConnection;

use super::{Result, Store};

/// Detects commits by any connection, on a dedicated connection.
#[derive(Debug)]
pub struct ChangeCursor {
    connection: SqliteConnection,
    /// <https://sqlite.org/pragma.html#pragma_data_version>: a changed number means that another connection, in
    /// this process or another, has committed.
    version: i64,
    /// The rowid of the newest generation already returned.
    newest: i64,
}

impl ChangeCursor {
    /// Returns whether anything was committed since the last poll. Reads no page of the file.
    pub async fn poll_commits(&mut self) -> Result<bool> {
        let version = data_version(&mut self.connection).await?;
        Ok(std::mem::replace(&mut self.version, version) != version)
    }

    /// Returns the conversations in which instances other than `own` began a turn since the last poll.
    pub async fn poll_foreign_turns(&mut self, own: &InstanceId) -> Result<Vec<ConversationId>> {
        let begun = sqlx::query!(
            r#"SELECT rowid AS "number!: i64", conversation_id AS "conversation_id: ConversationId",
                 instance_id AS "instance_id: InstanceId"
               FROM generations WHERE rowid > ? ORDER BY rowid"#,
            self.newest
        )
        .fetch_all(&mut self.connection)
        .await?;
        self.newest = match begun.last() {
            Some(last) => last.number,
            // Rowids are reused after a purge of the newest row.
            None => self.newest.min(newest(&mut self.connection).await?),
        };
        let foreign = begun.into_iter().filter(|turn| turn.instance_id != *own);
        Ok(foreign.map(|turn| turn.conversation_id).collect())
    }
}

impl Store {
    /// Creates a cursor that detects commits from now on.
    pub async fn changes(&self) -> Result<ChangeCursor> {
        let mut connection = self.readers.acquire().await?.detach();
        let version = data_version(&mut connection).await?;
        let newest = newest(&mut connection).await?;
        Ok(ChangeCursor {
            connection,
            version,
            newest,
        })
    }
}

async fn newest(connection: &mut SqliteConnection) -> Result<i64> {
    Ok(
        sqlx::query_scalar!(r#"SELECT coalesce(max(rowid), 0) AS "newest!: i64" FROM generations"#)
            .fetch_one(connection)
            .await?,
    )
}

async fn data_version(connection: &mut SqliteConnection) -> Result<i64> {
    Ok(sqlx::query_scalar("PRAGMA data_version")
        .fetch_one(connection)
        .await?)
}
