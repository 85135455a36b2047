//! Updates of an older database on a disk that fills up, or in a process that dies, at each call.
//!
//! A start on a database of the version before messages had parts backs it up and migrates it. From the N-th call on
//! nothing is written any more: the disk is full, or the process is gone. The next start, on a disk that works, finds
//! the old version or the new one, and every message as it was; so does who opens a backup that has its final name.
//!
//! Most of the calls write pages of the copy or of an index, one like the other. The full campaign interrupts at all of
//! them, the quick one at some of those where something else begins or ends.

use std::io::Read;
use std::path::Path;

use anyhow::Context;
use conch_core::clock::{Clock, SystemClock};
use conch_core::store::Store;
use flate2::read::GzDecoder;
use futures_util::{StreamExt, TryStreamExt, stream};
use sqlx::Connection;

use super::faults::{Fault, FaultyDisk};
use super::trial::Trial;
use crate::campaign::{Finding, Run, runtime};
use crate::checks;
use crate::report::grouped;

/// Made by `tests/seed/examples/fixture.rs`: 10,066 messages, among them answers of every status.
const OLD: &[u8] = include_bytes!("../../../../src-tauri/store/tests/fixtures/before_parts.db.gz");

/// Where the start saves the old database.
const BACKUPS: &str = "backups";

/// Interruptions of the quick campaign.
const SAMPLE: usize = 14;

/// A message as it is stored: its key, id, status, text, reasoning, and text that is not joined yet.
type Row = (i64, String, String, String, String, Option<String>);

/// Interrupts an update at as many calls as the scale says.
pub(crate) fn prove(run: &Run) -> anyhow::Result<Finding> {
    let most = run.choose(usize::MAX, SAMPLE);
    runtime()?.block_on(async {
        let mut old = Vec::new();
        GzDecoder::new(OLD).read_to_end(&mut old)?;
        let before = {
            let folder = tempfile::tempdir()?;
            std::fs::write(folder.path().join("conch.db"), &old)?;
            rows(&folder.path().join("conch.db")).await?
        };
        let (old, before) = (&old, &before);

        let calm = trial(u64::MAX, Fault::Failing)?;
        let mut found = update(&calm, old, before).await?.broken;
        let calls = calm.disk.calls();
        let numbers = run.choose((1..=calls).collect(), calm.disk.turning_points());
        let stride = (2 * numbers.len()).div_ceil(most).max(1);
        let cases: Vec<(u64, Fault)> = numbers
            .into_iter()
            .flat_map(|number| [Fault::Full, Fault::Failing].map(|fault| (number, fault)))
            .skip(fastrand::usize(0..stride))
            .step_by(stride)
            .collect();
        run.expect(cases.len() as u64);
        let amount = format!(
            "{} interruptions at {} calls",
            grouped(cases.len() as u64),
            grouped(calls)
        );
        let lanes = std::thread::available_parallelism()?.get();
        let outcomes: Vec<(Outcome, String)> = stream::iter(cases)
            .map(async |(number, fault)| {
                let trial = trial(number, fault)?;
                let outcome = update(&trial, old, before).await;
                run.advance(1);
                let place = format!("{fault:?} from call {number} on");
                anyhow::Ok((outcome.with_context(|| place.clone())?, place))
            })
            .buffer_unordered(lanes)
            .try_collect()
            .await?;
        let failed = outcomes
            .iter()
            .filter(|(outcome, _)| outcome.failed)
            .count();
        for (outcome, place) in outcomes {
            let broken = outcome.broken.into_iter();
            found.extend(broken.map(|broke| format!("{place}: {broke}")));
        }
        Ok(Finding {
            amount,
            violations: found,
            figures: format!(
                "{failed} starts failed; {} messages compared after each",
                grouped(before.len() as u64)
            ),
        })
    })
}

/// Mounts a disk under a data folder and its backups.
fn trial(number: u64, fault: Fault) -> anyhow::Result<Trial<FaultyDisk>> {
    Trial::on(FaultyDisk::new(number, fault))?.and_on(BACKUPS)
}

struct Outcome {
    /// Whether the interrupted start failed.
    failed: bool,
    /// What is wrong after the next one.
    broken: Vec<String>,
}

/// Updates the old database on this disk, then starts again without faults.
async fn update(trial: &Trial<FaultyDisk>, old: &[u8], before: &[Row]) -> anyhow::Result<Outcome> {
    let database = trial.path()?.join("conch.db");
    std::fs::write(&database, old)?;
    let now = SystemClock::default().now();
    let interrupted = match Store::open(&database, false, now).await {
        Ok(store) => {
            store.close().await;
            None
        }
        Err(error) => Some(error.to_string()),
    };
    trial.disk.mend();
    let mut broken = Vec::new();
    match Store::open(&database, true, now).await {
        Ok(store) => store.close().await,
        Err(error) => broken.push(format!("the next start failed: {error}; {interrupted:?}")),
    }
    if rows(&database).await? != before {
        broken.push("the messages are not as they were".to_owned());
    }
    for entry in std::fs::read_dir(trial.path()?.join(BACKUPS))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "db")
            && rows(&path).await? != before
        {
            broken.push(format!("{} is not what was to be saved", path.display()));
        }
    }
    Ok(Outcome {
        failed: interrupted.is_some(),
        broken,
    })
}

async fn rows(database: &Path) -> anyhow::Result<Vec<Row>> {
    let mut connection = checks::open_read_only(database).await?;
    let rows = sqlx::query_as(
        "SELECT search_key, id, status, content, reasoning,
           (SELECT group_concat(text, '' ORDER BY seq) FROM message_chunks c WHERE c.message_id = m.id)
         FROM messages m ORDER BY search_key",
    )
    .fetch_all(&mut connection)
    .await?;
    connection.close().await?;
    Ok(rows)
}
