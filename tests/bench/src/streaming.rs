//! The page while a long answer streams, compared with markdown-it.
//!
//! The fault server sends the answer at a steady rate to Conch in its real window, which shows it like any other. The
//! other side does what most chat pages do: on each update, it parses the whole text and replaces all HTML. It runs
//! in a page of the same webview, gets its text for free, and highlights no code.
//!
//! How long the page's main thread is blocked is measured from inside (`ui/bench/streaming.ts`), the amount of work
//! from outside: the CPU time of Conch and of its web processes.

use std::time::Duration;

use anyhow::Context;
use conch_fault_server::{FaultServer, Script, Step};
use serde_json::json;

use crate::answer;
use crate::page::{PageLauncher, StallStats};
use crate::processes::cpu_of_tree;
use crate::row::{Bench, Side, now};
use crate::samples::Samples;

/// Length of the answer, in bytes, and that of the short one.
const LONG: usize = 200_000;
const SHORT: usize = 20_000;

/// Rate of the answer, in tokens per second, and length of a token, in bytes.
const TOKENS_PER_SECOND: usize = 1_500;
const TOKEN: usize = 4;

/// How often the fault server sends the tokens that are due.
const TICKS_PER_SECOND: usize = 100;
const TICK: Duration = Duration::from_millis(10);

/// How long the idle page is watched.
const IDLE: Duration = Duration::from_secs(5);

/// How long the page is watched after the end, for the syntax highlighting of the last code block.
const AFTER: Duration = Duration::from_secs(1);

/// Rounds: each takes minutes.
const STALL_ROUNDS: usize = 5;
const WORK_ROUNDS: usize = 3;

pub(crate) fn measure_stall(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let launcher = PageLauncher::prepare(bench)?;
    let (mut idle, mut frames, mut their_frames) =
        (Samples::default(), Samples::default(), Samples::default());
    bench.alternate_few(STALL_ROUNDS, |bench, side| {
        let show = bench.runtime.block_on(show(&launcher, side, LONG))?;
        idle.add(show.idle.longest);
        match side {
            Side::Ours => frames.add(show.stall_stats.longest_frame),
            Side::Theirs => their_frames.add(show.stall_stats.longest_frame),
        }
        Ok(show.stall_stats.longest)
    })?;
    bench.note(format!(
        "an idle page {:.1} ms; between two frames {:.0} and {:.0} ms",
        idle.median(),
        frames.median(),
        their_frames.median()
    ));
    Ok(())
}

pub(crate) fn measure_work(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let launcher = PageLauncher::prepare(bench)?;
    let (mut short, mut long) = (Samples::default(), Samples::default());
    let (mut their_short, mut their_long) = (Samples::default(), Samples::default());
    bench.alternate_few(WORK_ROUNDS, |bench, side| {
        let work = |bytes| -> anyhow::Result<f64> {
            Ok(bench.runtime.block_on(show(&launcher, side, bytes))?.work)
        };
        let (one, ten) = (work(SHORT)?, work(LONG)?);
        match side {
            Side::Ours => {
                short.add(one);
                long.add(ten);
            }
            Side::Theirs => {
                their_short.add(one);
                their_long.add(ten);
            }
        }
        Ok(ten / one)
    })?;
    bench.note(format!(
        "{:.1} s for {:.2} s, and {:.1} s for {:.2} s",
        long.median(),
        short.median(),
        their_long.median(),
        their_short.median()
    ));
    Ok(())
}

/// Measurements of one answer.
struct Show {
    /// Of the idle page.
    idle: StallStats,
    /// Of the page from before the send to after the end.
    stall_stats: StallStats,
    /// CPU time in that interval, in seconds, minus that of an idle page over the same time.
    work: f64,
}

/// Streams an answer of this length in a new window.
async fn show(launcher: &PageLauncher, side: Side, bytes: usize) -> anyhow::Result<Show> {
    let (server, folder) = (FaultServer::start().await, tempfile::tempdir()?);
    let text = answer::markdown(bytes);
    server.set_default_script(at_a_rate(&text));
    let page = launcher.open(side, &server, folder.path()).await?;
    let process = page.window.application();
    let process = process.context("the window has no process")?;

    page.watch().await?;
    let (before, began) = (cpu_of_tree(process)?, now());
    tokio::time::sleep(IDLE).await;
    let idle_rate = (cpu_of_tree(process)? - before) / began.elapsed().as_secs_f64();
    let idle = page.stall_stats().await?;

    page.watch().await?;
    let (before, began) = (cpu_of_tree(process)?, now());
    match side {
        Side::Ours => {
            page.send("Tell me all").await?;
            let ended =
                "document.querySelector('.message[data-role=assistant][data-status=complete]')";
            page.wait_until(ended).await?;
        }
        Side::Theirs => {
            let arguments = vec![json!(text), json!(TOKENS_PER_SECOND * TOKEN)];
            page.run_baseline("stream", arguments).await?;
        }
    }
    tokio::time::sleep(AFTER).await;
    let work = cpu_of_tree(process)? - before - idle_rate * began.elapsed().as_secs_f64();
    let stall_stats = page.stall_stats().await?;
    page.window.close().await?;
    Ok(Show {
        idle,
        stall_stats,
        work,
    })
}

/// Returns a script that sends the answer token by token, at the rate.
fn at_a_rate(text: &str) -> Script {
    let mut steps = vec![Step::Head];
    let (mut at, mut due, mut time) = (0, 0, Duration::ZERO);
    while at < text.len() {
        due = (due + TOKENS_PER_SECOND * TOKEN / TICKS_PER_SECOND).min(text.len());
        time += TICK;
        steps.push(Step::Until(time));
        while at < due {
            let next = text.ceil_char_boundary((at + TOKEN).min(text.len()));
            steps.push(Step::Delta(text[at..next].to_owned()));
            at = next;
        }
    }
    steps.extend([Step::Finish("stop".to_owned()), Step::Done]);
    Script::new(steps)
}
