//! Answers crafted to exhaust the page, each sent in one piece, in Conch's page and with markdown-it.

use std::time::Duration;

use anyhow::Context;
use conch_fault_server::{FaultServer, Script, Step};
use conch_hostile::{Payload, payloads};
use serde_json::json;

use crate::page::{Page, PageLauncher};
use crate::row::{Bench, Side};

/// Rounds: the first shows all payloads, the others those with the longest stalls in the first.
const ROUNDS: usize = 3;

/// Payloads that are shown again.
const AGAIN: usize = 12;

/// Payloads per conversation.
const IN_ONE: usize = 20;

/// How long the page is watched after an answer's end, for its final rendering and some of its syntax highlighting.
const AFTER: Duration = Duration::from_millis(150);

/// Payloads by index, with the longest stall of each in ms, longest first.
type Stalls = Vec<(usize, f64)>;

pub(crate) fn measure(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let launcher = PageLauncher::prepare(bench)?;
    let mut first: [Stalls; 2] = Default::default();
    bench.alternate_few(ROUNDS, |bench, side| {
        bench.runtime.block_on(async {
            let (server, folder) = (FaultServer::start().await, tempfile::tempdir()?);
            let page = launcher.open(side, &server, folder.path()).await?;
            let all = payloads(&server.origin().replace("http://", ""));
            let first = &mut first[usize::from(side == Side::Theirs)];
            let places: Vec<usize> = if first.is_empty() {
                (0..all.len()).collect()
            } else {
                first.iter().take(AGAIN).map(|(place, _)| *place).collect()
            };
            let mut stalls = Stalls::new();
            for (at, place) in places.into_iter().enumerate() {
                let payload = &all[place];
                bench.bar.set_message(payload.name.clone());
                let stall = match side {
                    Side::Ours => ours(&page, &server, at, payload).await,
                    Side::Theirs => theirs(&page, payload).await,
                };
                stalls.push((place, stall.with_context(|| payload.name.clone())?));
            }
            page.window.close().await?;
            stalls.sort_by(|one, other| other.1.total_cmp(&one.1));
            let longest = stalls.first().map_or(0.0, |(_, stall)| *stall);
            if first.is_empty() {
                *first = stalls;
            }
            Ok(longest)
        })
    })?;
    let [ours, theirs] = first;
    bench.note(format!(
        "longest in the first round: Conch {}; the other {}",
        named(&ours),
        named(&theirs)
    ));
    Ok(())
}

/// Names the first few payloads.
fn named(stalls: &Stalls) -> String {
    let all = payloads("");
    let few = stalls.iter().take(5);
    let few = few.map(|(place, stall)| format!("“{}” {stall:.0} ms", all[*place].name));
    few.collect::<Vec<_>>().join(", ")
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
        "{LAST} && {LAST}.dataset.messageId !== {before} && {LAST}.dataset.status !== 'generating' \
         && {LAST}.querySelector('[data-partial]') === null"
    ))
    .await?;
    tokio::time::sleep(AFTER).await;
    Ok(page.stall_stats().await?.longest)
}

async fn theirs(page: &Page, payload: &Payload) -> anyhow::Result<f64> {
    page.watch().await?;
    page.run_baseline("show", vec![json!(payload.text)]).await?;
    tokio::time::sleep(AFTER).await;
    Ok(page.stall_stats().await?.longest)
}
