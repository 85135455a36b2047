//! What was acknowledged to a process before it was killed: the promises that the database must
//! keep.
//!
//! A worker prints each one to stdout as soon as it is acknowledged; a line that the kill cut off
//! is no promise.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, bail};
use conch_support::application::{self, NO_PROVIDER, send};

use crate::checks::{self, DatabaseState, open_read_only};
use crate::turns::QUESTION;

/// An acknowledgement that must survive a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Promise {
    /// The application is open.
    Open,
    /// A user's message with this id and text is stored.
    Sent(String, String),
    /// The answer with this id is complete, with this text.
    Whole(String, String),
}

impl Promise {
    /// Prints it to stdout in one write, for the parent process.
    pub(crate) fn print(&self) -> io::Result<()> {
        let line = match self {
            Self::Open => "open".to_owned(),
            Self::Sent(id, text) => format!("sent {id} {text}"),
            Self::Whole(id, text) => format!("whole {id} {text}"),
        };
        let mut out = io::stdout().lock();
        out.write_all(format!("{line}\n").as_bytes())?;
        out.flush()
    }

    fn parse(line: &str) -> anyhow::Result<Self> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let id_and_text = || {
            let (id, text) = rest.split_once(' ').context("a line without a text")?;
            anyhow::Ok((id.to_owned(), text.to_owned()))
        };
        Ok(match word {
            "open" => Self::Open,
            "sent" => id_and_text().map(|(id, text)| Self::Sent(id, text))?,
            "whole" => id_and_text().map(|(id, text)| Self::Whole(id, text))?,
            _ => bail!("a worker said `{line}`"),
        })
    }
}

/// All promises about one database.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The text of each message by id; all of them were reported complete.
    messages: HashMap<String, String>,
}

impl Ledger {
    /// Records every promise in a worker's complete output lines, and returns them.
    pub(crate) fn record_output(&mut self, output: &[u8]) -> anyhow::Result<Vec<Promise>> {
        let output = String::from_utf8_lossy(output);
        let whole_lines = output.rsplit_once('\n').map_or("", |(lines, _)| lines);
        let promises: Vec<Promise> = whole_lines
            .lines()
            .map(Promise::parse)
            .collect::<anyhow::Result<_>>()?;
        for promise in &promises {
            self.record(promise.clone());
        }
        Ok(promises)
    }

    /// Records one promise.
    pub(crate) fn record(&mut self, promise: Promise) {
        if let Promise::Sent(id, text) | Promise::Whole(id, text) = promise {
            self.messages.insert(id, text);
        }
    }

    /// Returns the number of promised messages.
    pub(crate) fn count(&self) -> usize {
        self.messages.len()
    }

    /// Starts Conch on what a crash left; returns what is broken, also when it does not start or refuses a send.
    pub(crate) async fn broken_at_start(&self, folder: &Path) -> anyhow::Result<Vec<String>> {
        let app = match application::open(folder, NO_PROVIDER).await {
            Ok(app) => app,
            Err(error) => return Ok(vec![format!("Conch did not start: {error}")]),
        };
        let database = folder.join("conch.db");
        let mut broken = checks::violations(&database, DatabaseState::Idle).await?;
        broken.extend(self.broken(&database).await?);
        let conversation = match app.conversations.list(None, None).await?.pop() {
            Some(summary) => summary.id,
            None => app.conversations.create(None, None).await?.id,
        };
        if let Err(error) = send(&app, &conversation, QUESTION).await {
            broken.push(format!("a send after the start was refused: {error}"));
        }
        app.quit().await;
        Ok(broken)
    }

    /// Describes the promises that the database broke.
    pub(crate) async fn broken(&self, database: &Path) -> anyhow::Result<Vec<String>> {
        let mut connection = open_read_only(database).await?;
        let rows: Vec<(String, String, String)> =
            sqlx::query_as("SELECT id, status, content FROM messages")
                .fetch_all(&mut connection)
                .await?;
        let stored: HashMap<String, (String, String)> = rows
            .into_iter()
            .map(|(id, status, content)| (id, (status, content)))
            .collect();
        let broken = self.messages.iter().filter_map(|(id, text)| {
            let Some((status, content)) = stored.get(id) else {
                return Some(format!("message {id} was acknowledged and is lost"));
            };
            (status != "complete" || content != text).then(|| {
                format!(
                    "message {id} was acknowledged with {} bytes; it is {status} with {}",
                    text.len(),
                    content.len()
                )
            })
        });
        Ok(broken.collect())
    }
}
