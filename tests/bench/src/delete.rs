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
            let other = app.conversations.create(None, None).await?.id;
            let longest = match side {
                Side::Ours => while_deleting(&app, &other, &file).await,
                Side::Theirs => {
                    let mut longest: f64 = 0.0;
                    for _ in 0..SENDS {
                        longest = longest.max(time_to_send(&app, &other).await?);
                    }
                    Ok(longest)
                }
            };
            app.quit().await;
            longest
        })
    })
}

/// Returns the longest send from the delete until its purge is complete, in ms.
async fn while_deleting(
    app: &Arc<App>,
    other: &ConversationId,
    file: &Path,
) -> anyhow::Result<f64> {
    let beside = Store::open(file, false, SystemClock::default().now()).await?;
    app.conversations.delete(&conversation_id(1)).await?;
    let (mut longest, mut during): (f64, u32) = (0.0, 0);
    loop {
        let deleted = beside.deleted_conversations().await?;
        let Some(deleted) = deleted.first() else {
            break;
        };
        longest = longest.max(time_to_send(app, other).await?);
        during += u32::from(deleted.purging);
    }
    beside.close().await;
    ensure!(during > 100, "it was gone after {during} sends");
    Ok(longest)
}

/// Returns how long a send takes until it is accepted, in ms.
async fn time_to_send(app: &Arc<App>, id: &ConversationId) -> anyhow::Result<f64> {
    let mut events = app.subscribe();
    let began = now();
    let accepted = send(app, id, "a question").await?;
    let took = millis(began.elapsed());
    wait_for_end(&mut events, &accepted).await?;
    Ok(took)
}
