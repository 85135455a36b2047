//! What SQLite's own check finds in a database, <https://sqlite.org/pragma.html#pragma_integrity_check>.
//!
//! The check asks the full-text index as well, and what is wrong with that is no damage: it is derived, may be
//! half cleared when a process dies, and is made again.

use sqlx::{AssertSqlSafe, SqliteConnection};

/// How many complaints are read: the index's are few, and the first of another's is enough.
const MAX_PROBLEMS: i64 = 20;

/// How closely a database is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Its pages, and what leads from one to another.
    Quick,
    /// All of it.
    Full,
}

impl Depth {
    fn pragma(self) -> &'static str {
        match self {
            Self::Quick => "quick_check",
            Self::Full => "integrity_check",
        }
    }
}

/// The first damage that is not of the full-text index.
pub(super) async fn damage_in(
    connection: &mut SqliteConnection,
    depth: Depth,
) -> sqlx::Result<Option<String>> {
    let check = format!("PRAGMA {}({MAX_PROBLEMS})", depth.pragma());
    match complaint(connection, check).await {
        // An index that cannot even be opened ends the check.
        Err(error) if is_of_the_index(&error.to_string()) => damage_in_any(connection, depth).await,
        found => found,
    }
}

/// The same, table by table, without the index.
async fn damage_in_any(
    connection: &mut SqliteConnection,
    depth: Depth,
) -> sqlx::Result<Option<String>> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'",
    )
    .fetch_all(&mut *connection)
    .await?;
    for table in tables {
        let quoted = table.replace('"', "\"\"");
        let check = format!("PRAGMA {}(\"{quoted}\")", depth.pragma());
        let found = complaint(connection, check).await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

async fn complaint(
    connection: &mut SqliteConnection,
    check: String,
) -> sqlx::Result<Option<String>> {
    let report: Vec<String> = sqlx::query_scalar(AssertSqlSafe(check))
        .fetch_all(connection)
        .await?;
    if report.iter().any(|line| is_of_the_index(line)) {
        tracing::warn!(?report, "the full-text index is damaged");
    }
    let is_damage = |line: &String| line != "ok" && !is_of_the_index(line);
    Ok(report.into_iter().find(is_damage))
}

fn is_of_the_index(said: &str) -> bool {
    said.contains("messages_fts") || said.to_ascii_lowercase().contains("fts5")
}
