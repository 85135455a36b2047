//! What must hold in a database file, regardless of which process wrote it and how that process ended: SQLite's own
//! checks and the invariants visible in the tables, each as a query that counts violations.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};

/// A query that counts rows that must not exist, and what such rows mean.
struct Check {
    broken: &'static str,
    count: &'static str,
}

/// Checks that hold between any two transactions, also in what a crash left behind.
const ALWAYS: &[Check] = &[
    Check {
        broken: "more locks are held in a conversation than it has room for (I1)",
        count: "SELECT count(*) FROM conversations c WHERE c.max_parallel <
                  (SELECT count(*) FROM generation_locks l
                   WHERE l.conversation_id = c.id AND l.generation_id IS NOT NULL)",
    },
    Check {
        broken: "a branch's grants are not numbered 1 to the fence of its lock (I2)",
        count: "SELECT count(*) FROM generation_locks l WHERE l.fence <>
                  (SELECT count(DISTINCT g.fence) FROM generations g
                   WHERE g.branch_id = l.branch_id AND g.fence BETWEEN 1 AND l.fence)
                  OR EXISTS (SELECT 1 FROM generations g
                   WHERE g.branch_id = l.branch_id AND g.fence > l.fence)",
    },
    Check {
        broken: "two answers of one branch are being written (I5)",
        count: "SELECT count(*) FROM (SELECT 1 FROM messages WHERE status = 'generating'
                  GROUP BY branch_id HAVING count(*) > 1)",
    },
    Check {
        broken: "an answer is being written without its lock (I6)",
        count: "SELECT count(*) FROM messages m WHERE m.status = 'generating' AND NOT EXISTS
                  (SELECT 1 FROM generation_locks l
                   WHERE l.branch_id = m.branch_id AND l.message_id = m.id AND l.fence = m.fence)",
    },
    Check {
        broken: "a lock is held for an answer without a writer (I6)",
        count: "SELECT count(*) FROM generation_locks l WHERE l.generation_id IS NOT NULL AND NOT EXISTS
                  (SELECT 1 FROM messages m WHERE m.id = l.message_id AND m.status = 'generating')",
    },
    Check {
        broken: "a user's message is stored without an answer (I8)",
        count: "SELECT count(*) FROM messages m WHERE m.role = 'user' AND NOT EXISTS
                  (SELECT 1 FROM messages a WHERE a.parent_id = m.id AND a.role = 'assistant')",
    },
    Check {
        broken: "an answer is stored without its generation (I8)",
        count: "SELECT count(*) FROM messages m WHERE m.role = 'assistant' AND NOT EXISTS
                  (SELECT 1 FROM generations g WHERE g.message_id = m.id
                   AND g.user_message_id = m.parent_id AND g.fence = m.fence AND g.branch_id = m.branch_id)",
    },
    Check {
        broken: "an attempt was recorded as started, but its generation is not stored, or the reverse (I8)",
        count: "SELECT count(*) FROM (SELECT generation_id FROM generation_attempts
                    WHERE outcome IN ('started', 'interrupted', 'rolled_back') GROUP BY generation_id) AS attempted
                  FULL JOIN generations g ON g.id = attempted.generation_id
                  WHERE g.id IS NULL OR attempted.generation_id IS NULL",
    },
    Check {
        broken: "a branch ends neither with the latest message on it nor with the answer that this gave it back to (I8)",
        count: "SELECT count(*) FROM (SELECT b.head_message_id AS head,
                    (SELECT m.id FROM messages m WHERE m.branch_id = b.id ORDER BY m.search_key DESC LIMIT 1) AS latest
                  FROM branches b)
                  WHERE head IS NOT latest AND NOT EXISTS (SELECT 1 FROM generations g
                    WHERE g.message_id = latest AND g.previous_message_id = head AND g.end_reason IS NOT 'complete')",
    },
    Check {
        broken: "a generation has ended and its answer has not, or the reverse",
        count: "SELECT count(*) FROM generations g JOIN messages m ON m.id = g.message_id
                  WHERE g.end_reason IS NOT 'rolled_back'
                    AND g.end_reason IS NOT CASE m.status WHEN 'generating' THEN NULL ELSE m.status END",
    },
    Check {
        broken: "a queued message was sent and still waits, or was sent on another branch",
        count: "SELECT count(*) FROM generations g JOIN messages m ON m.id = g.user_message_id
                  WHERE g.queued_message_id IN (SELECT id FROM queued_messages)
                    OR (g.queued_message_id IS NOT NULL AND m.branch_id <> g.branch_id)",
    },
    Check {
        broken: "more messages wait on a branch than may",
        count: "SELECT count(*) FROM (SELECT 1 FROM queued_messages WHERE removed_at IS NULL
                  GROUP BY branch_id HAVING count(*) > 10)",
    },
    Check {
        broken: "text was left behind beside an answer that has ended",
        count: "SELECT count(*) FROM message_chunks c JOIN messages m ON m.id = c.message_id
                  WHERE m.status <> 'generating'",
    },
    Check {
        broken: "an answer's text has a gap",
        count: "SELECT count(*) FROM (SELECT 1 FROM message_chunks
                  GROUP BY message_id HAVING count(*) <> max(seq) + 1)",
    },
    Check {
        broken: "the full-text index misses a message that is not noted, or knows one that is not there",
        count: "SELECT count(*) FROM (SELECT search_key FROM messages
                    WHERE status <> 'generating' AND search_key NOT IN (SELECT search_key FROM messages_to_index)) AS settled
                  FULL JOIN (SELECT DISTINCT id >> 16 AS search_key FROM messages_fts_docsize
                    WHERE id >> 16 NOT IN (SELECT search_key FROM messages_to_index)
                      AND id >> 16 NOT IN (SELECT search_key FROM messages_to_forget)) AS indexed USING (search_key)
                  WHERE (SELECT state = 'kept' FROM search_index)
                    AND (indexed.search_key IS NULL OR settled.search_key IS NULL)",
    },
];

/// Checks that also hold once nothing is being written.
const WHEN_IDLE: &[Check] = &[
    Check {
        broken: "a lock is held by the dead (I7)",
        count: "SELECT count(*) FROM generation_locks WHERE generation_id IS NOT NULL",
    },
    Check {
        broken: "an answer of the dead is still being written (I7)",
        count: "SELECT count(*) FROM messages WHERE status = 'generating'",
    },
    Check {
        broken: "a message waits on a free branch, and nothing pauses its queue",
        count: "SELECT count(*) FROM branches b WHERE b.queue_paused IS NULL AND EXISTS
                  (SELECT 1 FROM queued_messages q WHERE q.branch_id = b.id AND q.removed_at IS NULL)",
    },
];

/// The state in which the database is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatabaseState {
    /// No start has run recovery since the last write.
    Any,
    /// Every answer has ended, or a start has recovered those that had not.
    Idle,
}

/// Returns descriptions of what is broken in the database.
pub(crate) async fn violations(
    database: &Path,
    moment: DatabaseState,
) -> anyhow::Result<Vec<String>> {
    let mut connection = open_read_only(database).await?;
    let mut found = Vec::new();
    // All checks read one snapshot: an application may have the file open.
    sqlx::query("BEGIN").execute(&mut connection).await?;
    let mut report: Vec<String> = sqlx::query_scalar("PRAGMA quick_check")
        .fetch_all(&mut connection)
        .await?;
    let state: String = sqlx::query_scalar("SELECT state FROM search_index")
        .fetch_one(&mut connection)
        .await?;
    if state == "clearing" {
        // A half-cleared full-text index fails the check, which is allowed.
        report.retain(|line| !line.contains("fts5"));
    }
    if report.iter().any(|line| line != "ok") {
        found.push(format!("the file is corrupt: {}", report.join("; ")));
        return Ok(found);
    }
    let dangling = sqlx::query("PRAGMA foreign_key_check")
        .fetch_all(&mut connection)
        .await?;
    if !dangling.is_empty() {
        found.push(format!(
            "{} rows refer to rows that are gone",
            dangling.len()
        ));
    }
    let free = WHEN_IDLE.iter().filter(|_| moment != DatabaseState::Any);
    for check in ALWAYS.iter().chain(free) {
        let count: i64 = sqlx::query_scalar(check.count)
            .fetch_one(&mut connection)
            .await?;
        if count != 0 {
            found.push(format!("{} ({count} times)", check.broken));
        }
    }
    Ok(found)
}

/// Opens a connection that changes nothing, not even by a checkpoint when it closes.
pub(crate) async fn open_read_only(database: &Path) -> sqlx::Result<SqliteConnection> {
    SqliteConnectOptions::new()
        .filename(database)
        .read_only(true)
        .busy_timeout(Duration::from_secs(5))
        .connect()
        .await
}
