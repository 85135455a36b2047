//! No statement scans a whole table that grows: in a database of a million messages that takes a tenth of a
//! second, and in a write transaction it blocks every other write.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::*;

/// The statistics that `PRAGMA optimize` collects in a large database. They make the planner decide differently
/// than in a new one.
const BIG: &str = "
    ANALYZE;
    DELETE FROM sqlite_stat1;
    INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
      ('conversations', 'conversations_by_update', '10002 1 1'),
      ('branches', 'branches_by_head', '10002 1'),
      ('branches', 'sqlite_autoindex_branches_2', '10002 1 1'),
      ('messages', 'messages_by_parent', '1000008 1'),
      ('messages', 'messages_by_conversation', '1010010 96 1 1'),
      ('messages', 'sqlite_autoindex_messages_1', '1010010 1');
    ANALYZE sqlite_schema;";

/// Those of a database in which one of 200 conversations has nearly all of 100,000 messages.
const LONG: &str = "
    ANALYZE;
    DELETE FROM sqlite_stat1;
    INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
      ('conversations', 'conversations_deleted', '0 0'),
      ('conversations', 'conversations_by_update', '200 1 1'),
      ('conversations', 'sqlite_autoindex_conversations_1', '200 1'),
      ('branches', 'branches_deleted', '0 0'),
      ('branches', 'branches_by_fork', '0 0'),
      ('branches', 'branches_by_head', '200 1'),
      ('branches', 'sqlite_autoindex_branches_2', '200 1 1'),
      ('branches', 'sqlite_autoindex_branches_1', '200 1'),
      ('messages', 'messages_by_branch', '100000 2001'),
      ('messages', 'messages_first', '1 1'),
      ('messages', 'messages_one_generating', '0 0'),
      ('messages', 'messages_by_parent', '99999 1'),
      ('messages', 'messages_by_conversation', '100000 2001 1 1'),
      ('messages', 'sqlite_autoindex_messages_1', '100000 1');
    ANALYZE sqlite_schema;";

/// Tables that stay small, a statement's own intermediate results, and the one count of everything.
const MAY_BE_SCANNED: [&str; 14] = [
    "CONSTANT",
    "environment_consents",
    "generation_attempts",
    "messages_to_forget",
    "messages_to_index",
    "noted",
    "path",
    "providers",
    // At most ten a branch.
    "queued_messages",
    "search_index",
    "settings",
    "tree",
    "users",
    "written",
];

#[tokio::test]
async fn no_statement_reads_a_whole_table_that_grows() {
    let fixture = Fixture::new().await;
    let mut connection = fixture.store.writer.acquire().await.unwrap();
    let execute = |sql| sqlx::raw_sql(sqlx::AssertSqlSafe(sql));
    let mut scans = Vec::new();
    let mut looked_at = 0;
    for statistics in ["", BIG, LONG] {
        execute(statistics.to_owned())
            .execute(&mut *connection)
            .await
            .unwrap();
        for query in queries() {
            // Its connection has foreign key checks turned off for this reason.
            if query.starts_with("DELETE FROM branches") {
                continue;
            }
            let explained = format!("EXPLAIN QUERY PLAN {query}");
            let steps: Vec<(i64, i64, i64, String)> =
                sqlx::query_as(sqlx::AssertSqlSafe(explained))
                    .fetch_all(&mut *connection)
                    .await
                    .unwrap();
            looked_at += 1;
            // What is sorted afterwards is read whole, however few rows are asked for.
            let is_sorted = steps
                .iter()
                .any(|(.., step)| step == "USE TEMP B-TREE FOR ORDER BY");
            for (_, _, _, step) in steps {
                if is_sorted && step.starts_with("SEARCH messages ") && step.contains("(rowid<?)") {
                    scans.push(format!("{step}: {query}"));
                }
                let scanned = step
                    .strip_prefix("SCAN ")
                    .and_then(|rest| rest.split(' ').next());
                let in_order = step.contains("INDEX");
                let may =
                    |name: &str| name.starts_with("(subquery-") || MAY_BE_SCANNED.contains(&name);
                if scanned.is_some_and(|name| !in_order && !may(name)) {
                    scans.push(format!("{step}: {query}"));
                }
            }
        }
    }
    assert!(looked_at > 80, "only {looked_at} statements found");
    assert!(scans.is_empty(), "{}", scans.join("\n"));
}

/// Returns every statement of the application that sqlx has checked at compile time.
fn queries() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.sqlx");
    let described = fs::read_dir(folder).unwrap().map(|entry| {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()
    });
    described
        .map(|described| described["query"].as_str().unwrap().to_owned())
        .collect()
}
