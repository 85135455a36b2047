//! A long answer through the core (decoded, stored every 2 kB, published every 33 ms) compared with a client that
//! only decodes it.

use anyhow::{Context, ensure};
use conch_core::clock::{Clock, SystemClock};
use conch_core::store::Store;
use conch_fault_server::{FaultServer, Script, Step};
use conch_support::application::{open, send, wait_for_end};
use serde_json::json;

use crate::bare_client::BareClient;
use crate::row::{Bench, Side, millis, now};

/// Length of the answer, in bytes of text.
const ANSWER: usize = 1_000_000;

/// What a provider sends in one event.
const DELTA: &str = "Sixty-four bytes of text, as a provider sends in one event: ok. ";

pub(crate) fn measure(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let (server, app, beside) = bench.runtime.block_on(async {
        let server = FaultServer::start().await;
        server.set_default_script(answer());
        let app = open(bench.scratch(), &server.base_url()).await?;
        let file = bench.scratch().join("conch.db");
        let beside = Store::open(&file, false, SystemClock::default().now()).await?;
        anyhow::Ok((server, app, beside))
    })?;
    let bare = BareClient::new(&server.base_url());
    bench.alternate(|bench, side| {
        bench.runtime.block_on(async {
            match side {
                Side::Ours => {
                    let conversation = app.conversations.create(None, None).await?;
                    let mut events = app.subscribe();
                    let started = now();
                    let accepted = send(&app, &conversation.id, "a question").await?;
                    // A window follows the branch, as one always does, even after this answer's end.
                    tokio::select! {
                        () = app.turns.follow(&accepted.branch_id, |_| true) => {}
                        ended = wait_for_end(&mut events, &accepted) => ended?,
                    }
                    let took = started.elapsed();
                    let view = app.conversations.get(&conversation.id, None).await?;
                    let answer = view.messages.last().context("no answer")?;
                    ensure!(answer.content().len() >= ANSWER, "the answer is {answer:?}");
                    // Before the next sample: indexing a megabyte takes as long as an answer does.
                    beside.index_answers().await?;
                    Ok(millis(took))
                }
                Side::Theirs => {
                    let mut read = String::new();
                    let started = now();
                    bare.complete(|text| {
                        read.push_str(text);
                        false
                    })
                    .await?;
                    ensure!(read.len() >= ANSWER, "the answer was short");
                    Ok(millis(started.elapsed()))
                }
            }
        })
    })
}

/// The whole stream in one piece, so that the server costs nothing.
fn answer() -> Script {
    let event = format!(
        "data: {}\n\n",
        json!({"choices": [{"index": 0, "delta": {"content": DELTA}}]})
    );
    Script::new([
        Step::Head,
        Step::Raw(event.repeat(ANSWER.div_ceil(DELTA.len())).into_bytes()),
        Step::Finish("stop".to_owned()),
        Step::Done,
    ])
}
