//! Repairs references to rows that could not be read.

use sqlx::{AssertSqlSafe, Row, SqliteConnection};

/// The repair statements, in order.
const MENDING: &[&str] = &[
    "UPDATE conversations SET user_id = (SELECT id FROM users ORDER BY created_at LIMIT 1)
     WHERE user_id NOT IN (SELECT id FROM users)",
    "INSERT OR IGNORE INTO conversations (id, user_id, title, created_at, updated_at)
     SELECT conversation_id, (SELECT id FROM users ORDER BY created_at LIMIT 1),
       'Recovered conversation', min(created_at), max(created_at) FROM messages
     WHERE conversation_id NOT IN (SELECT id FROM conversations) GROUP BY conversation_id",
    "INSERT OR IGNORE INTO conversations (id, user_id, title, created_at, updated_at)
     SELECT conversation_id, (SELECT id FROM users ORDER BY created_at LIMIT 1),
       'Recovered conversation', min(created_at), max(created_at) FROM queued_messages
     WHERE conversation_id NOT IN (SELECT id FROM conversations) GROUP BY conversation_id",
    // The true conversation of a branch that messages of two conversations claim cannot be determined.
    "UPDATE messages SET branch_id = conversation_id || '-recovered' WHERE branch_id IN
     (SELECT b.id FROM branches b WHERE b.conversation_id <> messages.conversation_id)",
    "DELETE FROM branches WHERE conversation_id NOT IN (SELECT id FROM conversations)",
    "INSERT OR IGNORE INTO branches (id, conversation_id, name, created_at)
     SELECT branch_id, conversation_id, 'main', min(created_at) FROM messages
     WHERE branch_id NOT IN (SELECT id FROM branches)
       AND conversation_id NOT IN (SELECT conversation_id FROM branches WHERE name = 'main')
     GROUP BY conversation_id",
    "INSERT OR IGNORE INTO branches (id, conversation_id, name, created_at)
     SELECT branch_id, conversation_id, 'recovered ' || branch_id, min(created_at) FROM messages
     WHERE branch_id NOT IN (SELECT id FROM branches) GROUP BY branch_id",
    "INSERT INTO branches (id, conversation_id, name, created_at)
     SELECT id || '-main', id, 'main', created_at FROM conversations
     WHERE id NOT IN (SELECT conversation_id FROM branches WHERE name = 'main')",
    "UPDATE messages SET parent_id = (SELECT p.id FROM messages p
       WHERE p.branch_id = messages.branch_id AND p.search_key < messages.search_key
       ORDER BY p.search_key DESC LIMIT 1)
     WHERE parent_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM messages p
       WHERE p.id = messages.parent_id AND p.search_key < messages.search_key)",
    "UPDATE branches SET forked_from = NULL WHERE forked_from NOT IN (SELECT id FROM messages)",
    "UPDATE branches SET head_message_id = (SELECT id FROM messages
       WHERE branch_id = branches.id ORDER BY search_key DESC LIMIT 1)
     WHERE head_message_id IS NULL OR head_message_id NOT IN (SELECT id FROM messages)",
    // What the user typed and queued goes to the end of another queue, or to a conversation of its own.
    "UPDATE queued_messages SET position = rowid + 1000000, branch_id =
       (SELECT b.id FROM branches b WHERE b.conversation_id = queued_messages.conversation_id AND b.name = 'main')
     WHERE branch_id NOT IN (SELECT id FROM branches)",
    "UPDATE attachments SET queued_message_id = NULL
     WHERE queued_message_id NOT IN (SELECT id FROM queued_messages)",
    "UPDATE attachments SET message_id = NULL WHERE message_id NOT IN (SELECT id FROM messages)",
    "UPDATE attachments SET message_id = NULL, branch_id = NULL, conversation_id = NULL
     WHERE conversation_id NOT IN (SELECT id FROM conversations)",
    // What waits in the composer of a lost branch, or of a conversation in older schemas, goes to main's. A draft
    // follows the one that main has.
    "UPDATE attachments SET branch_id =
       (SELECT b.id FROM branches b WHERE b.conversation_id = attachments.conversation_id AND b.name = 'main')
     WHERE conversation_id IS NOT NULL AND message_id IS NULL AND queued_message_id IS NULL
       AND (branch_id IS NULL OR branch_id NOT IN (SELECT id FROM branches))",
    "UPDATE OR IGNORE drafts SET branch_id =
       (SELECT b.id FROM branches b WHERE b.conversation_id = drafts.conversation_id AND b.name = 'main')
     WHERE branch_id NOT IN (SELECT id FROM branches) AND conversation_id IN (SELECT id FROM conversations)",
    "UPDATE drafts SET content = content || (
       SELECT group_concat(char(10) || lost.content, '') FROM drafts lost
       WHERE lost.conversation_id = drafts.conversation_id
         AND lost.branch_id NOT IN (SELECT id FROM branches))
     WHERE branch_id IN (SELECT id FROM branches WHERE name = 'main')
       AND conversation_id IN (
         SELECT conversation_id FROM drafts WHERE branch_id NOT IN (SELECT id FROM branches))",
    "DELETE FROM generation_locks WHERE branch_id NOT IN (SELECT id FROM branches)",
];

/// Repairs or removes every dangling reference. `fresh_user` is the user that the new database was created
/// with.
pub(super) async fn mend(
    connection: &mut SqliteConnection,
    fresh_user: Option<&str>,
) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM users WHERE id = ? AND (SELECT count(*) FROM users) > 1")
        .bind(fresh_user)
        .execute(&mut *connection)
        .await?;
    for statement in MENDING {
        sqlx::query(*statement).execute(&mut *connection).await?;
    }
    // The remaining dangling rows are not visible to the user.
    let dangling = sqlx::query("PRAGMA foreign_key_check")
        .fetch_all(&mut *connection)
        .await?;
    for row in dangling {
        let (table, number): (String, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
        let statement = format!("DELETE FROM main.{table} WHERE rowid = ?");
        if number.is_some() {
            sqlx::query(AssertSqlSafe(statement))
                .bind(number)
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}
