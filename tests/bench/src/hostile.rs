//! The page while answers come that are made to exhaust it, each at once, beside markdown-it.

use std::time::Duration;

use anyhow::Context;
use conch_fault_server::{FaultServer, Script, Step};
use conch_hostile::{Payload, payloads};
use serde_json::json;

use crate::page::{Page, Stage};
use crate::row::{Bench, Side};

/// Rounds: each shows them all.
const ROUNDS: usize = 3;

/// How many are in one conversation.
const IN_ONE: usize = 20;

/// How long the page is watched after an answer's end: its final form comes, and some of its colours.
const AFTER: Duration = Duration::from_millis(150);

pub(crate) fn measure(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let stage = Stage::prepare(bench)?;
    let mut worst = [(0.0, String::new()), (0.0, String::new())];
    bench.alternate_few(ROUNDS, |bench, side| {
        bench.runtime.block_on(async {
            let (server, folder) = (FaultServer::start().await, tempfile::tempdir()?);
            let page = stage.open(side, &server, folder.path()).await?;
            let address = server.origin().replace("http://", "");
            let mut longest = 0.0_f64;
            for (at, payload) in payloads(&address).iter().enumerate() {
                bench.bar.set_message(payload.name.clone());
                let stall = match side {
                    Side::Ours => ours(&page, &server, at, payload).await,
                    Side::Theirs => theirs(&page, payload).await,
                };
                let stall = stall.with_context(|| payload.name.clone())?;
                longest = longest.max(stall);
                let worst = &mut worst[usize::from(side == Side::Theirs)];
                if stall > worst.0 {
                    *worst = (stall, payload.name.clone());
                }
            }
            page.window.close().await?;
            Ok(longest)
        })
    })?;
    let [(_, ours), (_, theirs)] = worst;
    bench.note(format!("the worst are “{ours}” and “{theirs}”"));
    Ok(())
}

async fn ours(
    page: &Page,
    server: &FaultServer,
    at: usize,
    payload: &Payload,
) -> anyhow::Result<f64> {
    const LAST: &str = "[...document.querySelectorAll('.message[data-role=assistant]')].at(-1)";
    if at > 0 && at.is_multiple_of(IN_ONE) {
        page.window.click("#new-conversation").await?;
        page.wait_until(&format!("{LAST} === undefined")).await?;
    }
    server.push(Script::new([
        Step::Head,
        Step::Delta(payload.text.clone()),
        Step::Finish("stop".to_owned()),
        Step::Done,
    ]));
    let before = format!("return {LAST}?.dataset.messageId ?? '';");
    let before = page.window.run(&before).await?;
    page.watch().await?;
    page.send("x").await?;
    page.wait_until(&format!(
        "{LAST} && {LAST}.dataset.messageId !== {before} && {LAST}.dataset.status !== 'generating'"
    ))
    .await?;
    tokio::time::sleep(AFTER).await;
    Ok(page.seen().await?.longest)
}

async fn theirs(page: &Page, payload: &Payload) -> anyhow::Result<f64> {
    page.watch().await?;
    page.other("show", vec![json!(payload.text)]).await?;
    tokio::time::sleep(AFTER).await;
    Ok(page.seen().await?.longest)
}
