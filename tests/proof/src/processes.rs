//! Processes that request one lock of one database file, as fast as they can.
//!
//! The holder also takes an exclusive OS lock, without waiting, on a file next to the database, and releases it
//! before the turn ends: were two granted at the same time, the second could not. No caller may get `SQLITE_BUSY`,
//! and the grants of all processes together must be numbered without a gap.

use std::fs::File;
use std::io::{self, Write};
use std::time::Duration;

use anyhow::{Context, bail};
use conch_core::clock::{Clock, SystemClock};
use conch_core::model::{BranchId, ConversationId, InstanceId};
use conch_core::store::{BeginOutcome, Store};
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::campaign::{Finding, Run, now, runtime};
use crate::checks::{self, DatabaseState};
use crate::report::grouped;
use crate::times::{Times, per_second, timed};
use crate::turns::{self, new_turn};
use crate::worker::Worker;

/// One of the racing processes.
pub(crate) const WORKER: Worker = Worker {
    name: "race-for-the-lock",
    work: race,
};

/// Number of racing processes.
const PROCESSES: usize = 4;

/// Lets them race as long as the scale says.
pub(crate) fn prove(run: &Run) -> anyhow::Result<Finding> {
    let seconds: u64 = run.choose(60, 5);
    run.expect(PROCESSES as u64);
    runtime()?.block_on(async {
        let folder = tempfile::tempdir()?;
        let database = folder.path().join("conch.db");
        let opened = SystemClock::default().now();
        let store = Store::open(&database, false, opened).await?;
        let conversation = store.create_conversation(None, None, opened).await?;
        store.close().await;
        let mut racing = JoinSet::new();
        for _ in 0..PROCESSES {
            let mut command = Command::from(WORKER.command()?);
            command
                .arg(&database)
                .arg(folder.path().join("held"))
                .args([
                    conversation.id.as_str(),
                    conversation.main_branch_id.as_str(),
                ])
                .arg(seconds.to_string())
                .stderr(std::process::Stdio::piped())
                .kill_on_drop(true);
            racing.spawn(async move { command.output().await });
        }
        let mut tally = Vec::new();
        let mut violations = Vec::new();
        while let Some(ended) = racing.join_next().await {
            let ended = ended.context("a race panicked")??;
            if !ended.status.success() {
                let why = String::from_utf8_lossy(&ended.stderr);
                violations.push(format!("a process failed: {}", why.trim()));
            }
            tally.push(Tally::from_output(&ended.stdout)?);
            run.advance(1);
        }
        violations.extend(gaps(&tally));
        violations.extend(checks::violations(&database, DatabaseState::Idle).await?);
        Ok(finding(violations, &tally, seconds))
    })
}

/// The output of a process.
#[derive(Debug, Default)]
struct Tally {
    fences: Vec<i64>,
    refusals: u64,
    longest: Duration,
}

impl Tally {
    fn from_output(output: &[u8]) -> anyhow::Result<Self> {
        let mut tally = Self::default();
        for line in String::from_utf8_lossy(output).lines() {
            let (word, number) = line.split_once(' ').context("a line without a number")?;
            match word {
                "granted" => tally.fences.push(number.parse()?),
                "refused" => tally.refusals = number.parse()?,
                "longest" => tally.longest = Duration::from_micros(number.parse()?),
                _ => bail!("a racing process said `{line}`"),
            }
        }
        Ok(tally)
    }
}

/// Checks that the grants of all processes are numbered from 1, each once.
fn gaps(tally: &[Tally]) -> Option<String> {
    let mut fences: Vec<i64> = tally.iter().flat_map(|one| one.fences.clone()).collect();
    fences.sort_unstable();
    let wrong = fences
        .iter()
        .zip(1_i64..)
        .find(|(fence, number)| *fence != number);
    wrong.map(|(fence, number)| format!("grant {number} of all carries fence {fence} (I1, I2)"))
}

fn finding(violations: Vec<String>, tally: &[Tally], seconds: u64) -> Finding {
    let grants = |one: &Tally| one.fences.len();
    let granted: usize = tally.iter().map(grants).sum();
    let refused: u64 = tally.iter().map(|one| one.refusals).sum();
    let calls = granted + usize::try_from(refused).unwrap_or(usize::MAX);
    let longest = tally.iter().map(|one| one.longest).max();
    let time = Duration::from_secs(seconds);
    Finding {
        amount: format!(
            "{PROCESSES} processes, {seconds} s, {} grants in {} calls",
            grouped(granted as u64),
            grouped(calls as u64)
        ),
        violations,
        figures: format!(
            "{} acquires/s, {} of them granted; a process got {} to {} grants; longest call {} ms",
            grouped(per_second(calls, time)),
            grouped(per_second(granted, time)),
            grouped(tally.iter().map(grants).min().unwrap_or_default() as u64),
            grouped(tally.iter().map(grants).max().unwrap_or_default() as u64),
            longest.unwrap_or_default().as_millis()
        ),
    }
}

/// The process: requests the lock, on a grant writes and finishes, and repeats until the time is over.
fn race(arguments: &[String]) -> anyhow::Result<()> {
    let [database, held, conversation, branch, seconds] = arguments else {
        bail!("a database, a file, a conversation, a branch and a time are missing");
    };
    let time = Duration::from_secs(seconds.parse()?);
    let conversation_id = ConversationId::from(conversation.clone());
    let branch_id = BranchId::from(branch.clone());
    let side_file = File::create(held)?;
    runtime()?.block_on(async {
        let clock = SystemClock::default();
        let store = Store::open(database.as_ref(), false, clock.now()).await?;
        let instance_id = InstanceId::fresh();
        let mut out = io::stdout().lock();
        let (mut calls, mut refused) = (Times::default(), 0_u64);
        let started = now();
        while started.elapsed() < time {
            let turn = new_turn(&conversation_id, &branch_id, &instance_id);
            let (begun, took) = timed(store.begin(&turn, clock.now())).await;
            calls.add(took);
            match begun? {
                BeginOutcome::Started(started) => {
                    let lease = started.lease;
                    side_file.try_lock().with_context(|| {
                        format!("fence {} was granted while another holds", lease.fence)
                    })?;
                    writeln!(out, "granted {}", lease.fence)?;
                    turns::write(&store, &lease).await?;
                    side_file.unlock()?;
                    turns::finish(&store, &lease, &clock).await?;
                }
                BeginOutcome::Busy { .. } => refused += 1,
                other => bail!("the process got {other:?}"),
            }
        }
        writeln!(out, "refused {refused}")?;
        writeln!(out, "longest {}", calls.percentile(100).as_micros())?;
        store.close().await;
        Ok(())
    })
}
