//! Malformed databases, logs and indexes: bits flipped, pages swapped, zeroed and overwritten, files truncated.
//!
//! Each case damages one file of a small database and then starts Conch on it three times. Conch either opens it, or
//! reports that the database is damaged (or not a Conch database): then it reports so every time, writes nothing, and
//! salvages each message that SQLite can read by rowid. A damaged full-text index is no reason not to open.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use conch_core::clock::{Clock, SystemClock};
use conch_core::model::{Ending, InstanceId, MessageStatus};
use conch_core::recovery::Recovery;
use conch_core::store::{Piece, Store};
use conch_core::{Error, ErrorCode};
use conch_support::application::{self, NO_PROVIDER, send};
use fastrand::Rng;
use futures_util::{StreamExt, TryStreamExt, stream};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::time::timeout;

use crate::campaign::{Finding, Run, runtime};
use crate::checks;
use crate::report::grouped;
use crate::turns::{QUESTION, ensure_written, new_turn, started};

const PAGE: usize = 4096;

/// Turns in each of the two conversations: enough for B-trees of two levels.
const TURNS: usize = 60;

/// How long a case may take. It takes about 200 ms; one that hangs must not end the campaign.
const LONGEST: Duration = Duration::from_mins(1);

/// Starts per damaged file.
const STARTS: usize = 3;

/// Damages as many files as the scale says.
pub(crate) fn prove(run: &Run) -> anyhow::Result<Finding> {
    let cases: u64 = run.choose(10_000, 200);
    run.expect(cases);
    runtime()?.block_on(async {
        let originals = Arc::new([Original::closed().await?, Original::killed().await?]);
        let lanes = std::thread::available_parallelism()?.get();
        // The quick campaign uses a fixed seed: a failure is then caused by the change under test.
        let mut seeds = Rng::with_seed(run.choose(fastrand::u64(..), 1));
        let seeds: Vec<u64> = (0..cases).map(|_| seeds.u64(..)).collect();
        let outcomes: Vec<Outcome> = stream::iter(seeds)
            .map(async |seed| {
                let originals = Arc::clone(&originals);
                // Spawned, so that a panic becomes a finding instead of ending the campaign.
                let mut case = tokio::spawn(async move { case(&originals, seed).await });
                let outcome = match timeout(LONGEST, &mut case).await {
                    Ok(Ok(outcome)) => {
                        outcome.with_context(|| format!("case with seed {seed:#x}"))?
                    }
                    Ok(Err(error)) => Outcome::failed(seed, &format!("Conch panicked: {error}")),
                    Err(_) => {
                        case.abort();
                        Outcome::failed(seed, &format!("not done after {LONGEST:?}"))
                    }
                };
                run.advance(1);
                anyhow::Ok(outcome)
            })
            .buffered(lanes)
            .try_collect()
            .await?;
        let count = |is: fn(&Outcome) -> bool| {
            grouped(outcomes.iter().filter(|outcome| is(outcome)).count() as u64)
        };
        Ok(Finding {
            amount: format!("{} files, {STARTS} starts each", grouped(cases)),
            figures: format!(
                "{} opened, {} damaged, {} no database; of {} of these something was saved",
                count(|outcome| outcome.verdict == Verdict::Opened),
                count(|outcome| outcome.verdict == Verdict::Damaged),
                count(|outcome| outcome.verdict == Verdict::Foreign),
                count(|outcome| outcome.saved),
            ),
            violations: outcomes
                .into_iter()
                .flat_map(|outcome| outcome.broken)
                .collect(),
        })
    })
}

/// What Conch reports about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Opened,
    Damaged,
    Foreign,
}

struct Outcome {
    broken: Vec<String>,
    verdict: Verdict,
    saved: bool,
}

impl Outcome {
    /// A case that did not reach its end.
    fn failed(seed: u64, why: &str) -> Self {
        Self {
            broken: vec![format!("seed {seed:#x}: {why}")],
            verdict: Verdict::Opened,
            saved: false,
        }
    }
}

/// A message as it was before the damage.
type Message = (i64, String, String);

/// An undamaged database.
struct Original {
    main: Vec<u8>,
    log: Vec<u8>,
    messages: Vec<Message>,
}

impl Original {
    /// Closed cleanly: everything is in the main file.
    async fn closed() -> anyhow::Result<Self> {
        let (folder, store) = filled().await?;
        store.close().await;
        Self::of(folder.path()).await
    }

    /// As a kill leaves it: some of it is in the WAL.
    async fn killed() -> anyhow::Result<Self> {
        let (folder, store) = filled().await?;
        store.close().await;
        let database = folder.path().join("conch.db");
        let store = Store::open(&database, false, SystemClock::default().now()).await?;
        talk(&store, TURNS / 4).await?;
        let original = Self::of(folder.path()).await;
        store.close().await;
        original
    }

    async fn of(folder: &Path) -> anyhow::Result<Self> {
        let database = folder.join("conch.db");
        let mut connection = checks::open_read_only(&database).await?;
        let messages = sqlx::query_as("SELECT search_key, id, content FROM messages")
            .fetch_all(&mut connection)
            .await?;
        let original = Self {
            main: std::fs::read(&database)?,
            log: std::fs::read(folder.join("conch.db-wal")).unwrap_or_default(),
            messages,
        };
        connection.close().await?;
        Ok(original)
    }
}

async fn filled() -> anyhow::Result<(tempfile::TempDir, Store)> {
    let folder = tempfile::tempdir()?;
    let database = folder.path().join("conch.db");
    let store = Store::open(&database, false, SystemClock::default().now()).await?;
    talk(&store, TURNS).await?;
    talk(&store, TURNS).await?;
    Ok((folder, store))
}

/// Fills a conversation with `turns` turns, with answers from one word to several pages long.
async fn talk(store: &Store, turns: usize) -> anyhow::Result<()> {
    let clock = SystemClock::default();
    let instance_id = InstanceId::fresh();
    let made = store.create_conversation(None, None, clock.now()).await?;
    for number in 0..turns {
        let new_turn = new_turn(&made.id, &made.main_branch_id, &instance_id);
        let started = started(store.begin(&new_turn, clock.now()).await?)?;
        let text = Piece::from(&*format!("part {number} ").repeat(1 + number * 37 % 1_000));
        let ending = Ending::new(MessageStatus::Complete, None);
        let lease = &started.lease;
        let finished = store
            .finish(lease, Some((0, &text)), &ending, clock.now())
            .await?;
        ensure_written(finished, lease)?;
    }
    Ok(store.index_answers().await?)
}

/// Damages one file and starts on it.
async fn case(originals: &[Original; 2], seed: u64) -> anyhow::Result<Outcome> {
    let mut rng = Rng::with_seed(seed);
    let folder = tempfile::tempdir()?;
    let database = folder.path().join("conch.db");
    let original = &originals[rng.usize(0..originals.len())];
    let (mut main, mut log) = (original.main.clone(), original.log.clone());
    let what = if !log.is_empty() && rng.bool() {
        format!("log: {}", damage(&mut log, &mut rng))
    } else {
        format!("main file: {}", damage(&mut main, &mut rng))
    };
    std::fs::write(&database, &main)?;
    if !log.is_empty() {
        std::fs::write(folder.path().join("conch.db-wal"), &log)?;
    }
    // The lock file of a crashed process.
    let instances = folder.path().join("instances");
    std::fs::create_dir_all(&instances)?;
    std::fs::write(instances.join(format!("{}.lock", InstanceId::fresh())), "")?;

    let (mut broken, mut saved) = (Vec::new(), false);
    let mut verdict = None;
    for start in 1..=STARTS {
        let said = match start_on(folder.path()).await {
            Ok(()) => Verdict::Opened,
            Err(error) => {
                let Some(verdict) = verdict_of(&error) else {
                    broken.push(format!("start {start} failed otherwise: {error}"));
                    break;
                };
                verdict
            }
        };
        match verdict {
            Some(Verdict::Damaged | Verdict::Foreign) if verdict != Some(said) => {
                broken.push(format!("start {start} says {said:?} after {verdict:?}"));
            }
            _ => {}
        }
        verdict = Some(said);
        let now = (
            std::fs::read(&database).unwrap_or_default(),
            std::fs::read(folder.path().join("conch.db-wal")).unwrap_or_default(),
        );
        if said == Verdict::Opened {
            (main, log) = now;
        } else if now != (main.clone(), log.clone()) {
            broken.push(format!("start {start} wrote after its verdict {said:?}"));
        }
    }
    let verdict = verdict.unwrap_or(Verdict::Opened);
    if verdict != Verdict::Opened && broken.is_empty() {
        saved = save(folder.path(), original, &mut broken).await?;
    }
    let broken = broken.into_iter();
    Ok(Outcome {
        broken: broken
            .map(|broke| format!("seed {seed:#x}, {what}: {broke}"))
            .collect(),
        verdict,
        saved,
    })
}

fn verdict_of(error: &Error) -> Option<Verdict> {
    match error.code() {
        ErrorCode::DatabaseCorrupt => Some(Verdict::Damaged),
        // A flipped bit may change the version.
        ErrorCode::NotADatabase | ErrorCode::DatabaseNewer => Some(Verdict::Foreign),
        _ => None,
    }
}

/// Starts Conch and uses it; damage reported by a command, not by the start, is no error.
async fn start_on(folder: &Path) -> Result<(), Error> {
    let app = application::open(folder, NO_PROVIDER).await?;
    if let Ok(conversations) = app.conversations.list(None, None).await {
        for conversation in conversations {
            let _ = app.conversations.get(&conversation.id, None).await;
            let _ = app.conversations.find(&conversation.id, None, "part").await;
            let _ = send(&app, &conversation.id, QUESTION).await;
        }
    }
    app.quit().await;
    Ok(())
}

/// Salvages what can be read, and compares it with what SQLite reads by rowid. Returns false if nothing was salvaged.
async fn save(
    folder: &Path,
    original: &Original,
    broken: &mut Vec<String>,
) -> anyhow::Result<bool> {
    let readable = readable(&folder.join("conch.db"), original).await;
    let recovery = Recovery::new(folder.to_owned(), Arc::new(SystemClock::default()));
    let saved = match recovery.save_readable().await {
        Ok(saved) => saved,
        Err(error) => {
            if !readable.is_empty() {
                broken.push(format!(
                    "{} messages can be read, and nothing was saved: {error}",
                    readable.len()
                ));
            }
            return Ok(false);
        }
    };
    let mut connection = checks::open_read_only(&saved.folder.join("conch.db")).await?;
    let rows: Vec<Message> = sqlx::query_as("SELECT search_key, id, content FROM messages")
        .fetch_all(&mut connection)
        .await?;
    connection.close().await?;
    let missing = readable.iter().filter(|row| !rows.contains(row)).count();
    if missing > 0 {
        broken.push(format!(
            "{missing} of {} messages that can be read were not saved",
            readable.len()
        ));
    }
    let place: PathBuf = folder.join("again");
    std::fs::create_dir(&place)?;
    std::fs::copy(saved.folder.join("conch.db"), place.join("conch.db"))?;
    if let Err(error) = start_on(&place).await {
        broken.push(format!("Conch did not start with what was saved: {error}"));
    }
    Ok(true)
}

/// Returns the messages that SQLite reads unchanged.
async fn readable(database: &Path, original: &Original) -> Vec<Message> {
    let mut found = Vec::new();
    let Ok(mut connection) = read_what_there_is(database).await else {
        return found;
    };
    for message in &original.messages {
        let read: sqlx::Result<Option<Message>> =
            sqlx::query_as("SELECT search_key, id, content FROM messages WHERE search_key = ?")
                .bind(message.0)
                .fetch_optional(&mut connection)
                .await;
        if let Ok(Some(read)) = read
            && read == *message
        {
            found.push(read);
        }
    }
    let _ = connection.close().await;
    found
}

async fn read_what_there_is(database: &Path) -> sqlx::Result<SqliteConnection> {
    SqliteConnectOptions::new()
        .filename(database)
        .read_only(true)
        .pragma("cell_size_check", "ON")
        .connect()
        .await
}

/// Damages a file, and describes how.
fn damage(bytes: &mut Vec<u8>, rng: &mut Rng) -> String {
    let pages = bytes.len() / PAGE;
    let page = rng.usize(0..pages);
    let range = page * PAGE..(page + 1) * PAGE;
    match rng.u8(0..7) {
        0 => {
            let count = 1 + rng.usize(0..8);
            for _ in 0..count {
                let at = rng.usize(0..bytes.len());
                bytes[at] ^= 1 << rng.u8(0..8);
            }
            format!("{count} bits flipped")
        }
        1 => {
            let other = rng.usize(0..pages);
            for at in 0..PAGE {
                bytes.swap(page * PAGE + at, other * PAGE + at);
            }
            format!("pages {page} and {other} swapped")
        }
        2 => {
            bytes[range].fill(0);
            format!("page {page} zeroed")
        }
        3 => {
            bytes[range].fill_with(|| rng.u8(..));
            format!("page {page} overwritten")
        }
        4 => {
            bytes.truncate(page * PAGE);
            format!("cut to {page} pages")
        }
        5 => {
            let length = rng.usize(0..bytes.len());
            bytes.truncate(length);
            format!("cut to {length} bytes")
        }
        _ => {
            let at = page * PAGE + rng.usize(0..64.min(PAGE));
            let count = 1 + rng.usize(0..8);
            for byte in bytes.iter_mut().skip(at).take(count) {
                *byte = rng.u8(..);
            }
            format!("{count} bytes at the head of page {page} overwritten")
        }
    }
}
