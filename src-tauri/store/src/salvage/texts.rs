//! Salvaged conversations as Markdown, for people.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use conch_model::ConversationId;
use futures_util::TryStreamExt;
use sqlx::SqliteConnection;

use super::SalvageError;
use crate::folder;

/// Maximum number of characters of the title in a file name.
const NAME: usize = 60;

/// How much of a file is searched for its mark, which follows the title, in bytes.
const HEAD: u64 = 64 * 1024;

/// Writes each conversation to its own file in `folder`.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    folder: &Path,
) -> Result<(), SalvageError> {
    let conversations: Vec<(String, Option<String>)> =
        sqlx::query_as("SELECT id, title FROM main.conversations ORDER BY created_at, id")
            .fetch_all(&mut *connection)
            .await?;
    for (number, (id, title)) in conversations.into_iter().enumerate() {
        let title = title.unwrap_or_else(|| "New chat".to_owned());
        let path = folder.join(format!("{:04} {}.md", number + 1, file_name(&title)));
        let file = folder::private().create_new(true).write(true).open(path)?;
        let mut file = io::BufWriter::new(file);
        writeln!(file, "# {title}\n\n{}\n", mark(&id))?;
        let mut messages = sqlx::query_as::<_, (String, Option<String>, String)>(
            "SELECT role, model, content FROM main.messages WHERE conversation_id = ?
             ORDER BY search_key",
        )
        .bind(&id)
        .fetch(&mut *connection);
        while let Some((role, model, content)) = messages.try_next().await? {
            let by = match role.as_str() {
                "user" => "You".to_owned(),
                "system" => "System".to_owned(),
                _ => model.unwrap_or_else(|| "Answer".to_owned()),
            };
            writeln!(file, "## {by}\n\n{content}\n")?;
        }
        file.into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .sync_all()?;
    }
    folder::sync(folder);
    Ok(())
}

/// Returns whether a file is the text of a conversation.
pub(super) fn is_of(path: &Path, id: &ConversationId) -> bool {
    let mut head = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    read.is_ok() && String::from_utf8_lossy(&head).contains(&mark(id.as_str()))
}

/// Identifies the conversation of a file, invisible in rendered Markdown.
fn mark(id: &str) -> String {
    format!("<!-- conversation {id} -->")
}

/// Makes a title safe for file names on every system.
fn file_name(title: &str) -> String {
    let kept = |c: char| {
        if c.is_alphanumeric() || " -_.,".contains(c) {
            c
        } else {
            ' '
        }
    };
    let name: String = title.chars().take(NAME).map(kept).collect();
    name.trim_matches([' ', '.']).to_owned()
}
