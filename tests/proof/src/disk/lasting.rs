//! The same faults at each of the store's calls, but permanent.
//!
//! A write that fails, a disk that is full or a database whose pages are damaged does not recover while the
//! application runs: a reader of the answer must be notified within seconds, Stop must return, nothing may hang, and
//! once the disk works again the next start must open and show what was accepted. A trigger that refuses one
//! conversation's rows represents a fault of a single row: there, all other conversations must keep working.

use std::ffi::c_int;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use conch_core::live::{Phase, TranscriptEvent};
use conch_core::model::{Accepted, ConversationId, MessageStatus};
use conch_core::{App, ErrorCode};
use conch_fault_server::{FaultServer, Script, Step};
use conch_support::application::{self, send};
use futures_util::{StreamExt, TryStreamExt, stream};
use libsqlite3_sys::{
    SQLITE_CORRUPT, SQLITE_FULL, SQLITE_IOERR_DELETE, SQLITE_IOERR_FSYNC, SQLITE_IOERR_TRUNCATE,
    SQLITE_IOERR_WRITE,
};
use tokio::time::timeout;

use super::shim::{Disk, Verdict};
use super::trial::Trial;
use crate::campaign::{Finding, Run, now, runtime};
use crate::checks::{self, DatabaseState};
use crate::report::grouped;
use crate::turns::{QUESTION, connect};

/// A permanent failure must be reported within this time.
const REPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// Stop must return within this time.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// Every other call must return, if only with an error, within this time.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// Concurrent trials; most of the time they wait.
const AT_ONCE: usize = 24;

/// What fails from a call on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Full,
    Failing,
    /// The error SQLite returns for a malformed page.
    Damaged,
}

const FAULTS: [Fault; 3] = [Fault::Full, Fault::Failing, Fault::Damaged];

/// The statements on one conversation's rows that a trigger refuses.
const REFUSALS: [(&str, &str); 6] = [
    ("BEFORE UPDATE OF status ON messages", "OLD.id"),
    ("BEFORE UPDATE OF content ON messages", "OLD.id"),
    ("BEFORE UPDATE OF model ON messages", "OLD.id"),
    ("BEFORE INSERT ON message_chunks", "NEW.message_id"),
    ("BEFORE DELETE ON message_chunks", "OLD.message_id"),
    (
        "BEFORE UPDATE OF finished_at ON generations",
        "OLD.message_id",
    ),
];

/// Makes every N-th call and all after it fail in every way; the quick campaign takes a few of them.
pub(crate) fn prove(run: &Run) -> anyhow::Result<Finding> {
    let stride: usize = run.choose(1, 20);
    runtime()?.block_on(async {
        let server = FaultServer::start().await;
        let parts = (0..3).map(|_| Step::Delta("word ".repeat(500)));
        let steps = [Step::Head].into_iter().chain(parts);
        let end = [Step::Finish("stop".to_owned()), Step::Done];
        server.set_default_script(Script::new(steps.chain(end)));
        let base_url = server.base_url();

        let calm = Trial::on(FailingDisk::new(u64::MAX, Fault::Full))?;
        let mut found = calm.run(&base_url).await?.broken;
        let (first, last) = calm.disk.span();
        let cases: Vec<(u64, Fault)> = (first..=last)
            .flat_map(|number| FAULTS.map(|fault| (number, fault)))
            .skip(fastrand::usize(0..stride))
            .step_by(stride)
            .collect();
        run.expect((cases.len() + REFUSALS.len()) as u64);
        let amount = format!(
            "{} faults at {} calls, {} refusals",
            grouped(cases.len() as u64),
            grouped(last + 1 - first),
            REFUSALS.len()
        );
        let trials: Vec<Outcome> = stream::iter(cases)
            .map(async |(number, fault)| {
                let trial = Trial::on(FailingDisk::new(number, fault))?;
                let outcome = trial.run(&base_url).await;
                run.advance(1);
                outcome.with_context(|| format!("{fault:?} from call {number} on"))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        let refused: Vec<Vec<String>> = stream::iter(REFUSALS)
            .map(async |refusal| {
                let broken = refuse(refusal, &base_url).await;
                run.advance(1);
                broken.with_context(|| format!("a refusal {}", refusal.0))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        let said = trials.iter().filter_map(|trial| trial.reported_after).max();
        let stopped = trials.iter().map(|trial| trial.stopped_after).max();
        let millis = |time: Option<Duration>| time.unwrap_or_default().as_millis();
        found.extend(trials.into_iter().flat_map(|trial| trial.broken));
        found.extend(refused.concat());
        Ok(Finding {
            amount,
            violations: found,
            figures: format!(
                "said after {} ms, Stop answered after {} ms at most",
                millis(said),
                millis(stopped)
            ),
        })
    })
}

/// Outcome of one trial.
#[derive(Default)]
struct Outcome {
    broken: Vec<String>,
    /// Time from the first failing call until the answer's reader was notified.
    reported_after: Option<Duration>,
    stopped_after: Duration,
}

/// The disk that fails from a call on, until it is repaired.
struct FailingDisk {
    fault: Fault,
    /// Number of the first call that fails.
    number: u64,
    calls: AtomicU64,
    /// Number of calls before the turn.
    before: AtomicU64,
    has_failed: AtomicBool,
    is_mended: AtomicBool,
}

impl FailingDisk {
    fn new(number: u64, fault: Fault) -> Self {
        Self {
            fault,
            number,
            calls: AtomicU64::new(0),
            before: AtomicU64::new(0),
            has_failed: AtomicBool::new(false),
            is_mended: AtomicBool::new(false),
        }
    }

    fn fails(&self) -> bool {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let fails = call >= self.number && !self.is_mended.load(Ordering::Relaxed);
        if fails {
            self.has_failed.store(true, Ordering::Relaxed);
        }
        fails
    }

    /// Returns the first and the last call of the turn.
    fn span(&self) -> (u64, u64) {
        let first = self.before.load(Ordering::Relaxed) + 1;
        (first, self.calls.load(Ordering::Relaxed).max(first))
    }

    fn otherwise(&self, failing: c_int) -> Verdict {
        match (self.fails(), self.fault) {
            (true, Fault::Failing) => Verdict::Fail(failing),
            (true, Fault::Damaged) => Verdict::Fail(SQLITE_CORRUPT),
            // A full disk can still sync, truncate and delete.
            (true, Fault::Full) | (false, _) => Verdict::Do,
        }
    }
}

impl Disk for FailingDisk {
    fn write(&self, _: &str, _: u64, _: &[u8]) -> Verdict {
        match (self.fails(), self.fault) {
            (false, _) => Verdict::Do,
            (true, Fault::Full) => Verdict::Fail(SQLITE_FULL),
            (true, Fault::Failing) => Verdict::Fail(SQLITE_IOERR_WRITE),
            (true, Fault::Damaged) => Verdict::Fail(SQLITE_CORRUPT),
        }
    }

    fn truncate(&self, _: &str, _: u64) -> Verdict {
        self.otherwise(SQLITE_IOERR_TRUNCATE)
    }

    fn sync(&self, _: &str) -> Verdict {
        self.otherwise(SQLITE_IOERR_FSYNC)
    }

    fn delete(&self, _: &str, _: bool) -> Verdict {
        self.otherwise(SQLITE_IOERR_DELETE)
    }
}

impl Trial<FailingDisk> {
    async fn run(&self, base_url: &str) -> anyhow::Result<Outcome> {
        let mut outcome = self.live(base_url).await?;
        let at = format!("{:?} from call {} on", self.disk.fault, self.disk.number);
        for broken in &mut outcome.broken {
            *broken = format!("{at}: {broken}");
        }
        Ok(outcome)
    }

    /// Runs a turn while the disk fails, and the next start; returns what is broken.
    async fn live(&self, base_url: &str) -> anyhow::Result<Outcome> {
        let path = self.path()?;
        let app = application::open(&path, base_url).await?;
        let made = app.conversations.create(None, None).await?;
        let calls = self.disk.calls.load(Ordering::Relaxed);
        self.disk.before.store(calls, Ordering::Relaxed);

        let mut outcome = Outcome::default();
        let sent = timeout(CALL_TIMEOUT, send(&app, &made.id, QUESTION)).await;
        if sent.is_err() {
            outcome.broken.push("a send was not answered".to_owned());
        }
        let accepted = sent.ok().and_then(Result::ok);
        if let Some(accepted) = &accepted {
            self.watch_answer(&app, &made.id, accepted, &mut outcome)
                .await;
            let begun = now();
            let stop = app.turns.stop(&accepted.generation_id);
            if timeout(STOP_TIMEOUT, stop).await.is_err() {
                outcome.broken.push("Stop was not answered".to_owned());
            }
            outcome.stopped_after = begun.elapsed();
        }
        if timeout(CALL_TIMEOUT, app.quit()).await.is_err() {
            outcome.broken.push("a quit does not end".to_owned());
        }
        drop(app);

        self.disk.is_mended.store(true, Ordering::Relaxed);
        let broken = &mut outcome.broken;
        broken.extend(
            next_start(
                self.disk.fault,
                &path,
                base_url,
                &made.id,
                accepted.as_ref(),
            )
            .await?,
        );
        Ok(outcome)
    }

    /// Waits until the answer has ended, in the database or in the window, or is reported as unstored.
    async fn watch_answer(
        &self,
        app: &App,
        id: &ConversationId,
        accepted: &Accepted,
        outcome: &mut Outcome,
    ) {
        let begun = now();
        let mut said = false;
        let follow = app.turns.follow(&accepted.branch_id, |event| {
            said |= matches!(
                event,
                TranscriptEvent::Phase {
                    phase: Phase::Unstored { .. },
                    ..
                }
            );
            !said
        });
        let ended = ended(app, id);
        let reported = timeout(REPORT_TIMEOUT, async {
            tokio::select! {
                () = follow => {}
                () = ended => {}
            }
        });
        if reported.await.is_err() {
            outcome
                .broken
                .push("nothing was said of an answer that is not stored".to_owned());
        }
        if self.disk.has_failed.load(Ordering::Relaxed) {
            outcome.reported_after = Some(begun.elapsed());
        }
    }
}

/// Waits until nothing is being written in a conversation.
async fn ended(app: &App, id: &ConversationId) {
    let mut events = app.subscribe();
    loop {
        match app.turns.lock_status(id, None).await {
            Ok(status) if !status.locked => return,
            _ => {}
        }
        // Poll the status again in case an event was missed.
        let _ = timeout(REPORT_TIMEOUT / 20, events.recv()).await;
    }
}

/// Starts again once the disk works; returns what is broken.
async fn next_start(
    fault: Fault,
    folder: &Path,
    base_url: &str,
    id: &ConversationId,
    accepted: Option<&Accepted>,
) -> anyhow::Result<Vec<String>> {
    let mut broken = Vec::new();
    let app = match timeout(CALL_TIMEOUT, application::open(folder, base_url)).await {
        Ok(Ok(app)) => app,
        // Damage that was detected stays recorded for this file, over any number of starts.
        Ok(Err(error)) if fault == Fault::Damaged && error.code() == ErrorCode::DatabaseCorrupt => {
            return checks::violations(&folder.join("conch.db"), DatabaseState::Any).await;
        }
        Ok(Err(error)) => return Ok(vec![format!("the next start is refused: {error}")]),
        Err(_) => return Ok(vec!["the next start does not end".to_owned()]),
    };
    broken.extend(checks::violations(&folder.join("conch.db"), DatabaseState::Idle).await?);
    let view = app.conversations.get(id, None).await?;
    if let Some(accepted) = accepted {
        let is_kept = |message: &conch_core::model::Message| {
            message.id == accepted.user_message_id && message.content() == QUESTION
        };
        if !view.messages.iter().any(is_kept) {
            broken.push("an accepted message is gone (I8)".to_owned());
        }
        let is_open =
            |message: &conch_core::model::Message| message.status == MessageStatus::Generating;
        if view.messages.iter().any(is_open) {
            broken.push("an answer is still being written (I7)".to_owned());
        }
    }
    match timeout(CALL_TIMEOUT, send(&app, id, QUESTION)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => broken.push(format!("a send after the restart was refused: {error}")),
        Err(_) => broken.push("a send after the restart was not answered".to_owned()),
    }
    app.quit().await;
    Ok(broken)
}

/// Refuses one conversation's rows while its answer is written; returns what is broken.
async fn refuse((what, row): (&str, &str), base_url: &str) -> anyhow::Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().canonicalize()?;
    let app = application::open(&path, base_url).await?;
    let (bad, good) = (
        app.conversations.create(None, None).await?,
        app.conversations.create(None, None).await?,
    );
    let refuse = format!(
        "CREATE TRIGGER refuse {what}
         WHEN (SELECT conversation_id FROM messages WHERE id = {row}) = '{}'
         BEGIN SELECT RAISE(ABORT, 'it is refused'); END",
        bad.id
    );
    let mut database = connect(&path.join("conch.db")).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(refuse))
        .execute(&mut database)
        .await?;

    let mut broken = Vec::new();
    let accepted = send(&app, &bad.id, QUESTION).await?;
    if timeout(REPORT_TIMEOUT, ended(&app, &bad.id)).await.is_err() {
        broken.push("the answer does not end".to_owned());
    }
    let stop = app.turns.stop(&accepted.generation_id);
    if timeout(STOP_TIMEOUT, stop).await.is_err() {
        broken.push("Stop was not answered".to_owned());
    }
    for _ in 0..2 {
        send(&app, &good.id, QUESTION).await?;
        if timeout(REPORT_TIMEOUT, ended(&app, &good.id))
            .await
            .is_err()
        {
            broken.push("another conversation is held up".to_owned());
        }
    }
    app.quit().await;

    let app = application::open(&path, base_url).await?;
    let view = app.conversations.get(&bad.id, None).await?;
    let is_open =
        |message: &conch_core::model::Message| message.status == MessageStatus::Generating;
    if view.messages.iter().any(is_open) {
        broken.push("an answer is still being written after the next start (I7)".to_owned());
    }
    send(&app, &good.id, QUESTION).await?;
    sqlx::raw_sql("DROP TRIGGER refuse")
        .execute(&mut database)
        .await?;
    if let Err(error) = send(&app, &bad.id, QUESTION).await {
        broken.push(format!("a send after it was mended was refused: {error}"));
    }
    for id in [&bad.id, &good.id] {
        ended(&app, id).await;
    }
    app.quit().await;
    Ok(broken
        .into_iter()
        .map(|broken| format!("a refusal {what}: {broken}"))
        .collect())
}
