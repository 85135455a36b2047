//! SQLite's integrity check, <https://sqlite.org/pragma.html#pragma_integrity_check>.
//!
//! The check includes the full-text index, whose errors do not count as damage: it is derived data, may be half
//! cleared when a process dies, and is rebuilt.

use sqlx::{AssertSqlSafe, SqliteConnection};

/// Maximum number of errors read: the index has few, and the first of any other kind is enough.
const MAX_PROBLEMS: i64 = 20;

/// How thorough a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// The pages and the references between them.
    Quick,
    /// Everything, including indexes and constraints.
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

/// Returns the first damage outside the full-text index.
pub(super) async fn damage_in(
    connection: &mut SqliteConnection,
    depth: Depth,
) -> sqlx::Result<Option<String>> {
    let check = format!("PRAGMA {}({MAX_PROBLEMS})", depth.pragma());
    match complaint(connection, check).await {
        // An index that cannot even be opened aborts the check.
        Err(error) if is_of_the_index(&error.to_string()) => damage_in_any(connection, depth).await,
        found => found,
    }
}

/// Like [`damage_in`], table by table, without the index.
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
