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
use sqlx::SqliteConnection;

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
    /// A message with this id and text waits in the queue of its branch.
    Queued(String, String),
    /// The queued message with this id has this text since.
    Edited(String, String),
}

/// What an edit appends to the text of a queued message.
pub(crate) const EDITED: &str = ", edited";

impl Promise {
    /// Prints it to stdout in one write, for the parent process.
    pub(crate) fn print(&self) -> io::Result<()> {
        let line = match self {
            Self::Open => "open".to_owned(),
            Self::Sent(id, text) => format!("sent {id} {text}"),
            Self::Whole(id, text) => format!("whole {id} {text}"),
            Self::Queued(id, text) => format!("queued {id} {text}"),
            Self::Edited(id, text) => format!("edited {id} {text}"),
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
            "queued" => id_and_text().map(|(id, text)| Self::Queued(id, text))?,
            "edited" => id_and_text().map(|(id, text)| Self::Edited(id, text))?,
            _ => bail!("a worker said `{line}`"),
        })
    }
}

/// All promises about one database.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The text of each message by id; all of them were reported complete.
    messages: HashMap<String, String>,
    /// The queued messages, in the order in which they were acknowledged; on its branch, each was queued behind the
    /// earlier ones.
    queued: Vec<QueuedPromise>,
}

/// A queued message that was acknowledged.
#[derive(Debug, Clone)]
struct QueuedPromise {
    id: String,
    text: String,
    /// An edit of it was acknowledged; one that was not may be stored, or not.
    is_edited: bool,
}

/// What became of a queued message.
struct Stored {
    branch: String,
    text: String,
    /// The place of the message that was sent; `None` while it waits.
    sent: Option<i64>,
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
        match promise {
            Promise::Open => {}
            Promise::Sent(id, text) | Promise::Whole(id, text) => {
                self.messages.insert(id, text);
            }
            Promise::Queued(id, text) => self.queued.push(QueuedPromise {
                id,
                text,
                is_edited: false,
            }),
            Promise::Edited(id, text) => {
                let edited = self.queued.iter_mut().find(|queued| queued.id == id);
                if let Some(queued) = edited {
                    queued.text = text;
                    queued.is_edited = true;
                }
            }
        }
    }

    /// Returns the number of promised messages.
    pub(crate) fn count(&self) -> usize {
        self.messages.len() + self.queued.len()
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
        let mut broken: Vec<String> = broken.collect();
        broken.extend(self.broken_in_queues(&mut connection).await?);
        Ok(broken)
    }

    /// Describes the queued messages that neither wait nor were sent, that were sent twice or with another text, or
    /// that overtook another one of their branch.
    async fn broken_in_queues(
        &self,
        connection: &mut SqliteConnection,
    ) -> anyhow::Result<Vec<String>> {
        let rows: Vec<(String, String, String, Option<i64>)> = sqlx::query_as(
            "SELECT id, branch_id, content, NULL FROM queued_messages WHERE removed_at IS NULL
             UNION ALL
             SELECT g.queued_message_id, m.branch_id, m.content, m.search_key
             FROM generations g JOIN messages m ON m.id = g.user_message_id
             WHERE g.queued_message_id IS NOT NULL",
        )
        .fetch_all(connection)
        .await?;
        let mut stored: HashMap<String, Vec<Stored>> = HashMap::new();
        for (id, branch, text, sent) in rows {
            stored
                .entry(id)
                .or_default()
                .push(Stored { branch, text, sent });
        }
        let mut broken = Vec::new();
        // Of each branch, what the queued message before it became.
        let mut before: HashMap<&str, Option<i64>> = HashMap::new();
        for queued in &self.queued {
            let id = &queued.id;
            let found = stored.get(id).map_or(&[][..], Vec::as_slice);
            let [found] = found else {
                let times = found.len();
                broken.push(format!(
                    "queued message {id} was acknowledged and is there {times} times"
                ));
                continue;
            };
            let edited = format!("{}{EDITED}", queued.text);
            if found.text != queued.text && (queued.is_edited || found.text != edited) {
                broken.push(format!(
                    "queued message {id} was acknowledged as `{}` and is `{}`",
                    queued.text, found.text
                ));
            }
            let earlier = before.insert(&found.branch, found.sent);
            let is_overtaken = match (earlier, found.sent) {
                (Some(Some(earlier)), Some(sent)) => earlier > sent,
                (Some(None), Some(_)) => true,
                _ => false,
            };
            if is_overtaken {
                broken.push(format!("queued message {id} overtook the one before it"));
            }
        }
        Ok(broken)
    }
}
