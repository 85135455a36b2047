//! Power loss: what was synced is durable; any part of what was written since may be.
//!
//! The life of a small database is recorded once, down to every write, truncation, sync and removal, with what was
//! acknowledged in between. Then the power is cut at random moments. A file holds what it held at its last sync
//! before the cut, and a random part of the changes after that, each write torn at sectors; a removal may be undone
//! until its folder was synced. Conch starts on such a disk, and must have kept everything that was acknowledged
//! before the cut.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use conch_core::clock::{Clock, SystemClock};
use conch_core::model::{
    BranchId, ConversationId, Ending, InstanceId, Lease, MessageStatus, TurnRequest,
};
use conch_core::store::{BeginTurn, Piece, Store};
use fastrand::Rng;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::shim::{Disk, Mounted, Verdict};
use crate::campaign::{Finding, Run, runtime};
use crate::ledger::{Ledger, Promise};
use crate::report::grouped;
use crate::turns::{QUESTION, enqueue, ensure_written, new_turn, send_next, started};

/// Granularity at which writes are torn.
const SECTOR: usize = 512;

/// Turns in the recorded life: enough for several WAL checkpoints.
const TURNS: usize = 120;

/// Cuts the power as often as the scale says.
pub(crate) fn prove(run: &Run) -> anyhow::Result<Finding> {
    let cuts: u64 = run.choose(1_000, 50);
    run.expect(cuts);
    runtime()?.block_on(async {
        let life = record().await?;
        let lanes = std::thread::available_parallelism()?.get();
        let seeds: Vec<u64> = (0..cuts).map(|_| fastrand::u64(..)).collect();
        let found: Vec<Vec<String>> = stream::iter(seeds)
            .map(async |seed| {
                let broken = cut(&life, seed).await;
                run.advance(1);
                broken.with_context(|| format!("cut with seed {seed:#x}"))
            })
            .buffered(lanes)
            .try_collect()
            .await?;
        let syncs = life.count(|step| matches!(step, Step::Sync { .. }));
        let promises = life.count(|step| matches!(step, Step::Acknowledged(_)));
        Ok(Finding {
            amount: format!("{} cuts", grouped(cuts)),
            violations: found.concat(),
            figures: format!(
                "in a life of {} writes, {} syncs and {} acknowledgements",
                grouped(life.count(|step| matches!(step, Step::Write { .. }))),
                grouped(syncs),
                grouped(promises)
            ),
        })
    })
}

/// A disk operation, or a promise acknowledged to the caller.
#[derive(Debug, Clone)]
enum Step {
    Write {
        file: String,
        offset: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        file: String,
        size: usize,
    },
    Sync {
        file: String,
    },
    Delete {
        file: String,
        durably: bool,
    },
    Acknowledged(Promise),
}

/// All steps, in order.
#[derive(Debug, Default)]
struct Life(Vec<Step>);

impl Life {
    /// Number of steps before the first acknowledgement.
    fn first_start(&self) -> usize {
        let acknowledged = |step: &Step| matches!(step, Step::Acknowledged(_));
        self.0.iter().position(acknowledged).unwrap_or(self.0.len())
    }

    fn count(&self, is: fn(&Step) -> bool) -> u64 {
        self.0.iter().filter(|step| is(step)).count() as u64
    }
}

/// A disk that records every operation.
#[derive(Debug, Default)]
struct Recorder(Mutex<Life>);

impl Recorder {
    fn life(&self) -> MutexGuard<'_, Life> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, step: Step) -> Verdict {
        self.life().0.push(step);
        Verdict::Do
    }

    fn acknowledge(&self, promise: Promise) {
        self.record(Step::Acknowledged(promise));
    }
}

fn bytes(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl Disk for Recorder {
    fn write(&self, file: &str, offset: u64, content: &[u8]) -> Verdict {
        self.record(Step::Write {
            file: file.to_owned(),
            offset: bytes(offset),
            bytes: content.to_vec(),
        })
    }

    fn truncate(&self, file: &str, size: u64) -> Verdict {
        self.record(Step::Truncate {
            file: file.to_owned(),
            size: bytes(size),
        })
    }

    fn sync(&self, file: &str) -> Verdict {
        self.record(Step::Sync {
            file: file.to_owned(),
        })
    }

    fn delete(&self, file: &str, durably: bool) -> Verdict {
        self.record(Step::Delete {
            file: file.to_owned(),
            durably,
        })
    }
}

/// Records a life: turns, queued messages and edits in two conversations, with the database closed and reopened
/// halfway.
async fn record() -> anyhow::Result<Life> {
    let folder = tempfile::tempdir()?;
    let recorder = Arc::new(Recorder::default());
    let mounted = Mounted::under(folder.path(), Arc::clone(&recorder) as Arc<dyn Disk>)?;
    // SQLite uses canonical paths; the path of a temporary folder may not be one.
    let database = folder.path().canonicalize()?.join("conch.db");
    let clock = SystemClock::default();
    let instance_id = InstanceId::fresh();
    let mut store = Store::open(&database, false, clock.now()).await?;
    let mut conversations = Vec::new();
    for _ in 0..2 {
        let made = store.create_conversation(None, None, clock.now()).await?;
        conversations.push((made.id, made.main_branch_id));
    }
    for number in 0..TURNS {
        if number == TURNS / 2 {
            store.close().await;
            store = Store::open(&database, false, clock.now()).await?;
        }
        let place = conversations
            .iter()
            .cycle()
            .nth(number)
            .context("no place")?;
        turn(&store, &clock, place, &instance_id, number, &recorder).await?;
    }
    store.close().await;
    drop(mounted);
    Ok(std::mem::take(&mut *recorder.life()))
}

async fn turn(
    store: &Store,
    clock: &SystemClock,
    (conversation_id, branch_id): &(ConversationId, BranchId),
    instance_id: &InstanceId,
    number: usize,
    recorder: &Recorder,
) -> anyhow::Result<()> {
    // What the last turn here left waiting is sent first, in its order.
    while let Some(next) = send_next(store, branch_id, instance_id, clock).await? {
        finish(store, clock, &next.lease, None, recorder).await?;
    }
    let new_turn = || new_turn(conversation_id, branch_id, instance_id);
    let begun = started(store.begin(&new_turn(), clock.now()).await?)?;
    let lease = &begun.lease;
    let sent = begun.accepted.user_message_id.clone();
    recorder.acknowledge(Promise::Sent(sent.to_string(), QUESTION.to_owned()));
    if number.is_multiple_of(5) {
        finish(store, clock, lease, None, recorder).await?;
        let edit = TurnRequest::edit(&sent, "another question");
        let edit = BeginTurn::new(edit, instance_id.clone());
        let edited = started(store.begin(&edit, clock.now()).await?)?;
        let id = edited.accepted.user_message_id.to_string();
        recorder.acknowledge(Promise::Sent(id, "another question".to_owned()));
        return finish(store, clock, &edited.lease, None, recorder).await;
    }
    for place in 0..number % 3 {
        let text = format!("queued {place} in turn {number}");
        recorder.acknowledge(enqueue(store, new_turn(), &text, clock).await?);
    }
    let text = format!("part {number} ").repeat(1 + number * 7 % 400);
    let piece = Piece::from(&*text);
    ensure_written(store.append(lease, 0, &piece).await?, lease)?;
    ensure_written(store.append(lease, 1, &piece).await?, lease)?;
    finish(store, clock, lease, Some(&text), recorder).await
}

/// Ends an answer that has this text twice already.
async fn finish(
    store: &Store,
    clock: &SystemClock,
    lease: &Lease,
    text: Option<&str>,
    recorder: &Recorder,
) -> anyhow::Result<()> {
    let ending = Ending::new(MessageStatus::Complete, None);
    let rest = Piece::from("the end");
    let rest = Some((text.map_or(0, |_| 2), &rest));
    let finished = store.finish(lease, rest, &ending, clock.now()).await?;
    ensure_written(finished, lease)?;
    let text = text.unwrap_or_default();
    recorder.acknowledge(Promise::Whole(
        lease.message_id.to_string(),
        format!("{text}{text}the end"),
    ));
    Ok(())
}

/// Cuts the power once, starts on the remains, and returns what is broken.
async fn cut(life: &Life, seed: u64) -> anyhow::Result<Vec<String>> {
    let mut rng = Rng::with_seed(seed);
    // A tenth of the cuts fall into the first start, which happens once but matters as much.
    let end = if rng.u8(0..10) == 0 {
        life.first_start()
    } else {
        life.0.len()
    };
    let lived = life.0.get(..rng.usize(0..=end)).unwrap_or(&life.0);
    let folder = tempfile::tempdir()?;
    for (name, content) in remains(lived, &mut rng) {
        std::fs::write(folder.path().join(name), content)?;
    }
    // The lock file of the process that lost power makes the next start run its thorough check.
    let instances = folder.path().join("instances");
    std::fs::create_dir_all(&instances)?;
    std::fs::write(instances.join(format!("{}.lock", InstanceId::fresh())), "")?;
    let mut ledger = Ledger::default();
    for step in lived {
        if let Step::Acknowledged(promise) = step {
            ledger.record(promise.clone());
        }
    }
    let broken = ledger.broken_at_start(folder.path()).await?;
    let after = format!("seed {seed:#x}, cut after step {}", lived.len());
    Ok(broken
        .into_iter()
        .map(|what| format!("{after}: {what}"))
        .collect())
}

/// A file on the disk: its durable content, and the changes since.
#[derive(Debug, Default)]
struct File {
    durable: Vec<u8>,
    since: Vec<Step>,
    /// The file and its directory entry were synced: SQLite syncs the folder with the first sync of a log.
    entered: bool,
    /// Removed, but its folder was not synced since.
    removed: bool,
}

/// Returns what a disk may hold after a life that was cut short. The shared-memory file is left out: SQLite recreates
/// it.
fn remains(lived: &[Step], rng: &mut Rng) -> BTreeMap<String, Vec<u8>> {
    let mut files: BTreeMap<String, File> = BTreeMap::new();
    for step in lived {
        match step {
            Step::Write { file, .. } | Step::Truncate { file, .. } => {
                let file = files.entry(file.clone()).or_default();
                if file.removed {
                    *file = File::default();
                }
                file.since.push(step.clone());
            }
            Step::Sync { file } => {
                let file = files.entry(file.clone()).or_default();
                for step in std::mem::take(&mut file.since) {
                    apply(&mut file.durable, &step, |_| true);
                }
                if !std::mem::replace(&mut file.entered, true) {
                    files.retain(|_, file| !file.removed);
                }
            }
            Step::Delete { file, durably } => {
                if let Some(file) = files.get_mut(file) {
                    file.removed = true;
                }
                if *durably {
                    files.retain(|_, file| !file.removed);
                }
            }
            Step::Acknowledged(_) => {}
        }
    }
    files.retain(|_, file| !file.removed || rng.bool());
    files
        .into_iter()
        .map(|(name, mut file)| {
            for step in std::mem::take(&mut file.since) {
                match rng.u8(0..3) {
                    0 => {}
                    1 => apply(&mut file.durable, &step, |_| true),
                    _ => apply(&mut file.durable, &step, |_| rng.bool()),
                }
            }
            (name, file.durable)
        })
        .collect()
}

/// Applies a change to a file's content, limited to the sectors for which `reaches` returns true.
fn apply(content: &mut Vec<u8>, step: &Step, mut reaches: impl FnMut(usize) -> bool) {
    match step {
        Step::Write { offset, bytes, .. } => {
            for (number, sector) in bytes.chunks(SECTOR).enumerate() {
                if !reaches(number) {
                    continue;
                }
                let begin = offset + number * SECTOR;
                let end = begin + sector.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                if let Some(place) = content.get_mut(begin..end) {
                    place.copy_from_slice(sector);
                }
            }
        }
        Step::Truncate { size, .. } => {
            if reaches(0) {
                content.resize(*size, 0);
            }
        }
        Step::Sync { .. } | Step::Delete { .. } | Step::Acknowledged(_) => {}
    }
}
