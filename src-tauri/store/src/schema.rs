//! Compares a database's schema and migration record with its migrations: SQLite's integrity check examines
//! neither the text of schema statements nor the migration record.

use std::collections::HashSet;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{ConnectOptions, SqliteConnection};

use super::open::MIGRATOR;

/// The statements of the migrations, without SQLite's own and the full-text index's, whose text depends on the
/// SQLite version.
const STATEMENTS: &str = "SELECT name, sql FROM sqlite_schema
    WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
      AND name NOT LIKE 'messages\\_fts%' ESCAPE '\\' AND name <> '_sqlx_migrations'";

/// Returns the last applied migration according to the database; `None` before the first one.
pub(super) async fn version(connection: &mut SqliteConnection) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
        .fetch_one(connection)
        .await
}

/// Returns what is wrong with the migration record of a database that is not newer than this version of Conch:
/// it must list known migrations, from the first on without gaps, with their checksums.
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

/// Returns the first schema statement that differs from the migrations up to `version`. Additional statements
/// are ignored.
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
