//! The conversations as Markdown, for people.

use std::io::{self, Write};
use std::path::Path;

use futures_util::TryStreamExt;
use sqlx::SqliteConnection;

use super::SalvageError;
use crate::folder;

/// Characters of a title in a file's name.
const NAME: usize = 60;

/// Writes each into a file of its own in `folder`.
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
        writeln!(file, "# {title}\n")?;
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

/// A title as a part of a file's name, on every system.
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
