//! Deletes a conversation of 100,000 messages while another one is in use: how long its sends wait for SQLite's
//! single writer.

use std::path::Path;
use std::sync::Arc;

use anyhow::ensure;
use conch_core::App;
use conch_core::clock::{Clock, SystemClock};
use conch_core::model::ConversationId;
use conch_core::store::Store;
use conch_fault_server::{FaultServer, Script};
use conch_support::application::{open, send, wait_for_end};
use conch_support::seed::{Conversations, conversation_id, make};

use crate::row::{Bench, Side, millis, now};

const MESSAGES: i64 = 100_000;

const CONTENT: &str = "'Message ' || k || ' of conversation ' || n || ' says something of no great length, and ends here.'";

/// Rounds: each fills a database, and waits until a delete can no longer be undone.
const ROUNDS: usize = 3;

/// Sends of a sample in which nothing is deleted.
const SENDS: u32 = 1_000;

/// Sends to one conversation.
const CONVERSATION: u32 = 50;

pub(crate) fn measure(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    bench.alternate_few(ROUNDS, |bench, side| {
        bench.runtime.block_on(async {
            let server = FaultServer::start().await;
            server.set_default_script(Script::answer("Hello"));
            let folder = tempfile::tempdir_in(bench.scratch())?;
            let file = folder.path().join("conch.db");
            let kind = Conversations {
                first: 1,
                count: 1,
                messages: MESSAGES,
                content: CONTENT,
            };
            make(&file, &[kind]).await?;
            let app = open(folder.path(), &server.base_url()).await?;
            let mut sends = Sends::new(&app);
            match side {
                Side::Ours => while_deleting(&mut sends, &file).await?,
                Side::Theirs => {
                    for _ in 0..SENDS {
                        sends.send().await?;
                    }
                }
            }
            let longest = sends.longest;
            app.quit().await;
            Ok(longest)
        })
    })
}

/// Sends from the delete of the conversation until its purge is complete.
async fn while_deleting(sends: &mut Sends, file: &Path) -> anyhow::Result<()> {
    let beside = Store::open(file, false, SystemClock::default().now()).await?;
    sends.app.conversations.delete(&conversation_id(1)).await?;
    let mut during: u32 = 0;
    loop {
        let deleted = beside.deleted_conversations().await?;
        let Some(deleted) = deleted.first() else {
            break;
        };
        sends.send().await?;
        during += u32::from(deleted.purging);
    }
    beside.close().await;
    ensure!(during > 100, "it was gone after {during} sends");
    Ok(())
}

/// Sends one after the other, to conversations of an ordinary length.
struct Sends {
    app: Arc<App>,
    id: Option<ConversationId>,
    count: u32,
    /// How long one waited at most until it was accepted, in ms.
    longest: f64,
}

impl Sends {
    fn new(app: &Arc<App>) -> Self {
        Self {
            app: Arc::clone(app),
            id: None,
            count: 0,
            longest: 0.0,
        }
    }

    async fn send(&mut self) -> anyhow::Result<()> {
        let id = match self.id.take() {
            Some(id) if !self.count.is_multiple_of(CONVERSATION) => id,
            _ => self.app.conversations.create(None, None).await?.id,
        };
        let mut events = self.app.subscribe();
        let began = now();
        let accepted = send(&self.app, &id, "a question").await?;
        self.longest = self.longest.max(millis(began.elapsed()));
        wait_for_end(&mut events, &accepted).await?;
        self.count += 1;
        self.id = Some(id);
        Ok(())
    }
}
