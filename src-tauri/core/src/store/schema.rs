//! The schema that a database has, beside the one that its migrations give: SQLite's own check reads neither what
//! a statement of the schema says, nor which migrations are on record.

use std::collections::HashSet;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{ConnectOptions, SqliteConnection};

use super::open::MIGRATOR;

/// What the migrations make, without what SQLite makes for itself and for the full-text index: how that is
/// written depends on its version.
const STATEMENTS: &str = "SELECT name, sql FROM sqlite_schema
    WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
      AND name NOT LIKE 'messages\\_fts%' ESCAPE '\\' AND name <> '_sqlx_migrations'";

/// The last migration that a database has, by its own record; `None` before the first one.
pub(super) async fn version(connection: &mut SqliteConnection) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
        .fetch_one(connection)
        .await
}

/// What is wrong with the record of migrations of a database that is not newer than this Conch: it names those
/// that there are, from the first on, each as it is.
pub(super) async fn damage_in_record(
    connection: &mut SqliteConnection,
) -> sqlx::Result<Option<String>> {
    let rows: Vec<(i64, Vec<u8>, bool)> =
        sqlx::query_as("SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version")
            .fetch_all(connection)
            .await?;
    let mut known = MIGRATOR.iter();
    for (version, checksum, success) in rows {
        let is_known = known.next().is_some_and(|migration| {
            (migration.version, &*migration.checksum, true) == (version, &*checksum, success)
        });
        if !is_known {
            return Ok(Some(format!("the record of migration {version}")));
        }
    }
    Ok(None)
}

/// The first statement of the schema that is not what the migrations up to `version` give. What somebody added is
/// left alone.
pub(super) async fn damage_in_schema(
    connection: &mut SqliteConnection,
    version: i64,
) -> sqlx::Result<Option<String>> {
    let there: HashSet<(String, String)> = sqlx::query_as(STATEMENTS)
        .fetch_all(connection)
        .await?
        .into_iter()
        .collect();
    let options = SqliteConnectOptions::new()
        .in_memory(true)
        .disable_statement_logging();
    let one = SqlitePoolOptions::new().max_connections(1);
    let fresh = one.connect_with(options).await?;
    MIGRATOR.run_to(version, &fresh).await?;
    let expected: Vec<(String, String)> = sqlx::query_as(STATEMENTS).fetch_all(&fresh).await?;
    fresh.close().await;
    let missing = expected
        .into_iter()
        .find(|statement| !there.contains(statement));
    Ok(missing.map(|(name, _)| format!("the schema of {name}")))
}
