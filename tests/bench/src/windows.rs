//! The real window compared with a hello-world one: the time until it can be typed in, and its memory use.
//!
//! Both are opened by the same driver on the same display, and both pages set the same mark when the next frame shows
//! a text area that can be typed in. The time counts from the start of the process, as the kernel reports it, so the
//! driver's own overhead is not included.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use conch_window::{Display, Launch, Window};
use indicatif::ProgressBar;

use crate::database::BigDatabase;
use crate::page::COMMON_ENVIRONMENT;
use crate::processes::{TICKS, after_name, memory_of_tree};
use crate::row::{Bench, Side};

/// How long a window is left idle before its memory is read.
const SETTLE: Duration = Duration::from_secs(3);

pub(crate) fn measure_start(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let windows = Windows::prepare(bench)?;
    bench.alternate(|bench, side| {
        bench.runtime.block_on(async {
            let window = windows.open(side).await?;
            let took = usable_at(&window).await? - born_at(process_of(&window)?)?;
            // After a kill, the next start would check the whole database.
            window.close().await?;
            Ok(took)
        })
    })
}

pub(crate) fn measure_memory(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let windows = Windows::prepare(bench)?;
    bench.alternate(|bench, side| {
        bench.runtime.block_on(async {
            let window = windows.open(side).await?;
            usable_at(&window).await?;
            tokio::time::sleep(SETTLE).await;
            let memory = memory_of_tree(process_of(&window)?)?;
            window.close().await?;
            Ok(memory)
        })
    })
}

struct Windows {
    display: Display,
    conch: PathBuf,
    hello: PathBuf,
    data_folder: PathBuf,
}

impl Windows {
    fn prepare(bench: &Bench<'_>) -> anyhow::Result<Self> {
        if !cfg!(target_os = "linux") {
            bail!("windows can be driven on Linux only");
        }
        let bar: &ProgressBar = &bench.bar;
        bar.set_message("");
        Ok(Self {
            display: Display::find()?,
            conch: bench.artifacts.binary("conch")?,
            hello: bench.artifacts.binary("hello-window")?,
            data_folder: BigDatabase::get(bench)?.folder,
        })
    }

    async fn open(&self, side: Side) -> anyhow::Result<Window> {
        let mut environment = self.display.environment().to_vec();
        for (name, value) in COMMON_ENVIRONMENT {
            environment.push((name.to_owned(), value.to_owned()));
        }
        let binary = match side {
            Side::Ours => {
                let folder = self.data_folder.display().to_string();
                environment.push(("CONCH_DATA_DIR".to_owned(), folder));
                // Otherwise only root may read its memory use.
                environment.push(("CONCH_DUMPABLE".to_owned(), "1".to_owned()));
                &self.conch
            }
            Side::Theirs => &self.hello,
        };
        let launch = Launch {
            binary: binary.clone(),
            environment,
        };
        Ok(Window::open(&launch).await?)
    }
}

fn process_of(window: &Window) -> anyhow::Result<u32> {
    window.application().context("the window has no process")
}

/// Returns when the page could be typed in, in ms of the epoch.
async fn usable_at(window: &Window) -> anyhow::Result<f64> {
    const MARK: &str = "performance.getEntriesByName('composer-usable')[0]";
    window.wait_until(MARK, "the page can be typed in").await?;
    let at = window
        .run(&format!(
            "return performance.timeOrigin + {MARK}.startTime;"
        ))
        .await?;
    at.as_f64().context("the page knows no time")
}

/// Returns when a process was started, in ms of the epoch, to a hundredth of a second.
fn born_at(process: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let ticks: f64 = after_name(&stat)?
        .nth(19)
        .context("a process without a start")?
        .parse()?;
    let uptime = fs::read_to_string("/proc/uptime")?;
    let uptime: f64 = uptime
        .split_whitespace()
        .next()
        .context("a system without a start")?
        .parse()?;
    let age = uptime - ticks / TICKS;
    Ok(epoch_ms() - age * 1000.0)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the page's times are of the epoch"
)]
fn epoch_ms() -> f64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64() * 1000.0)
}
