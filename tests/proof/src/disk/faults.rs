//! Disk full and I/O errors at the N-th write, for every N until a run is clean.
//!
//! The real application opens a folder, sends, streams, and sends again, while one write, truncation, sync or removal
//! of its database fails: once, or from then on until there is space again. Whatever failed must return an error and
//! store nothing; then, in the same process, everything must work, and everything accepted must be stored. At the end
//! the same must hold for the next start.

use std::ffi::c_int;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use conch_core::App;
use conch_core::model::{
    Accepted, ConversationId, MessageStatus, Role, SendOutcome, SendPolicy, TurnRequest,
};
use conch_fault_server::{FaultServer, Script, Step};
use conch_support::application::{self, send};
use futures_util::{StreamExt, TryStreamExt, stream};
use libsqlite3_sys::{
    SQLITE_FULL, SQLITE_IOERR_DELETE, SQLITE_IOERR_FSYNC, SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_WRITE,
};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::shim::{Disk, Verdict};
use super::trial::Trial;
use crate::campaign::{Finding, Run, runtime};
use crate::checks::{self, DatabaseState};
use crate::ledger::{Ledger, Promise};
use crate::report::grouped;
use crate::turns::QUESTION;

/// How long a full disk stays full after the first failure.
const FULL_FOR: Duration = Duration::from_millis(150);

/// How long the application may take to recover: storing an end that failed is retried every second.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(20);

/// Concurrent runs; most of the time they wait.
const AT_ONCE: usize = 16;

/// How much text the provider sends at a time: enough for a save.
const PART_BYTES: usize = 2_500;

/// Kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// No space, for a while.
    Full,
    /// No space for this call; half of it was written.
    FullOnce,
    /// The device fails, for a while.
    Failing,
    /// The device fails this one call.
    FailsOnce,
}

const FAULTS: [Fault; 4] = [
    Fault::Full,
    Fault::FullOnce,
    Fault::Failing,
    Fault::FailsOnce,
];

/// Makes every N-th write fail in every way; the quick campaign takes some of them.
pub(crate) fn prove(run: &Run) -> anyhow::Result<Finding> {
    let stride: usize = run.choose(1, 24);
    runtime()?.block_on(async {
        let server = FaultServer::start().await;
        let parts = (0..2).map(|_| Step::Delta("word ".repeat(PART_BYTES / 5)));
        let steps = [Step::Head].into_iter().chain(parts);
        let end = [Step::Finish("stop".to_owned()), Step::Done];
        server.set_default_script(Script::new(steps.chain(end)));
        let base_url = server.base_url();

        let calm = Trial::on(FaultyDisk::new(u64::MAX, Fault::FailsOnce))?;
        let mut found = calm.run(&base_url).await?;
        let calls = calm.disk.calls.load(Ordering::Relaxed);
        let cases: Vec<(u64, Fault)> = (1..=calls)
            .flat_map(|number| FAULTS.map(|fault| (number, fault)))
            .skip(fastrand::usize(0..stride))
            .step_by(stride)
            .collect();
        run.expect(cases.len() as u64);
        let amount = format!(
            "{} faults at {} calls",
            grouped(cases.len() as u64),
            grouped(calls)
        );
        let broken: Vec<Vec<String>> = stream::iter(cases)
            .map(async |(number, fault)| {
                let trial = Trial::on(FaultyDisk::new(number, fault))?;
                let broken = trial.run(&base_url).await;
                run.advance(1);
                broken.with_context(|| format!("{fault:?} at call {number}"))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        found.extend(broken.concat());
        Ok(Finding {
            amount,
            violations: found,
            figures: "full and failing, once and for a while; writes also by half".to_owned(),
        })
    })
}

/// The disk that fails.
pub(super) struct FaultyDisk {
    fault: Fault,
    /// Number of the first call that fails.
    number: u64,
    calls: AtomicU64,
    /// What each call was, on a disk that never fails: its kind and its file.
    log: Mutex<Vec<(Call, String)>>,
    failed: Notify,
    mended: AtomicBool,
}

/// Kinds of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Write,
    Truncate,
    Sync,
    Delete,
}

impl FaultyDisk {
    pub(super) fn new(number: u64, fault: Fault) -> Self {
        Self {
            fault,
            number,
            calls: AtomicU64::new(0),
            log: Mutex::default(),
            failed: Notify::new(),
            mended: AtomicBool::new(false),
        }
    }

    /// Returns the number of calls so far.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Lets all further calls succeed.
    pub(super) fn mend(&self) {
        self.mended.store(true, Ordering::Relaxed);
    }

    /// Returns the numbers of the calls that differ from the one before or the one after, on a disk that never fails:
    /// the writes between are many, and alike.
    pub(super) fn turning_points(&self) -> Vec<u64> {
        let log = self.log();
        let differs = |place: usize, other: Option<usize>| {
            other.and_then(|other| log.get(other)) != log.get(place)
        };
        (0..log.len())
            .filter(|&place| {
                differs(place, place.checked_sub(1)) || differs(place, place.checked_add(1))
            })
            .map(|place| place as u64 + 1)
            .collect()
    }

    fn log(&self) -> MutexGuard<'_, Vec<(Call, String)>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fails(&self, kind: Call, file: &str) -> bool {
        if self.number == u64::MAX {
            self.log().push((kind, file.to_owned()));
        }
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let fails = match self.fault {
            Fault::FullOnce | Fault::FailsOnce => call == self.number,
            Fault::Full | Fault::Failing => {
                call >= self.number && !self.mended.load(Ordering::Relaxed)
            }
        };
        if fails {
            self.failed.notify_one();
        }
        fails
    }

    fn is_full(&self) -> bool {
        matches!(self.fault, Fault::Full | Fault::FullOnce)
    }

    /// A full disk can still sync, truncate and delete.
    fn device_fails(&self, kind: Call, file: &str, code: c_int) -> Verdict {
        if self.fails(kind, file) && !self.is_full() {
            Verdict::Fail(code)
        } else {
            Verdict::Do
        }
    }
}

impl Disk for FaultyDisk {
    fn write(&self, file: &str, _: u64, bytes: &[u8]) -> Verdict {
        match (self.fails(Call::Write, file), self.fault) {
            (false, _) => Verdict::Do,
            (true, Fault::Full) => Verdict::Fail(SQLITE_FULL),
            (true, Fault::FullOnce) => Verdict::Partly(bytes.len() / 2, SQLITE_FULL),
            (true, Fault::Failing) => Verdict::Fail(SQLITE_IOERR_WRITE),
            (true, Fault::FailsOnce) => Verdict::Partly(bytes.len() / 2, SQLITE_IOERR_WRITE),
        }
    }

    fn truncate(&self, file: &str, _: u64) -> Verdict {
        self.device_fails(Call::Truncate, file, SQLITE_IOERR_TRUNCATE)
    }

    fn sync(&self, file: &str) -> Verdict {
        self.device_fails(Call::Sync, file, SQLITE_IOERR_FSYNC)
    }

    fn delete(&self, file: &str, _: bool) -> Verdict {
        self.device_fails(Call::Delete, file, SQLITE_IOERR_DELETE)
    }
}

impl Trial<FaultyDisk> {
    /// Does everything that a user does, while the disk fails and afterwards; returns what is broken.
    async fn run(&self, base_url: &str) -> anyhow::Result<Vec<String>> {
        let disk = Arc::clone(&self.disk);
        let mending = tokio::spawn(async move {
            disk.failed.notified().await;
            tokio::time::sleep(FULL_FOR).await;
            disk.mend();
        });
        let lived = timeout(RECOVERY_TIMEOUT, live(&self.path()?, base_url)).await;
        mending.abort();
        let broken = match lived {
            Ok(broken) => broken?,
            Err(_) => vec![format!(
                "nothing went on for {} s",
                RECOVERY_TIMEOUT.as_secs()
            )],
        };
        let at = format!("{:?} at call {}", self.disk.fault, self.disk.number);
        let broken = broken.into_iter();
        Ok(broken.map(|what| format!("{at}: {what}")).collect())
    }
}

/// Text of what is sent while an answer is being written.
const QUEUED: &str = "a queued question";

/// Text of an edited message.
const EDITED_QUESTION: &str = "an edited question";

/// Opens, sends, queues, waits for the answers, does so again, edits, starts again. Whatever fails is retried until it
/// works, as a user would.
async fn live(folder: &Path, base_url: &str) -> anyhow::Result<Vec<String>> {
    let database = folder.join("conch.db");
    let mut ledger = Ledger::default();
    let app = retry(async || application::open(folder, base_url).await).await;
    let made = retry(async || app.conversations.create(None, None).await).await;
    for _ in 0..2 {
        let accepted = retry(async || send(&app, &made.id, QUESTION).await).await;
        let id = accepted.user_message_id.to_string();
        ledger.record(Promise::Sent(id, QUESTION.to_owned()));
        ledger.record(retry(async || enqueue(&app, &made.id, QUEUED).await).await);
        await_answer(&app, &made.id, &accepted, &mut ledger).await?;
    }
    let again = async || {
        let page = app.conversations.get(&made.id, None).await?;
        let mut asked = page.messages.iter().rev();
        let last = asked.find(|message| message.role == Role::User);
        let last = last.context("no question")?;
        let edit = TurnRequest::edit(&last.id, EDITED_QUESTION);
        anyhow::Ok(application::accepted(app.turns.start(edit).await?))
    };
    let edited = retry(again).await;
    let id = edited.user_message_id.to_string();
    ledger.record(Promise::Sent(id, EDITED_QUESTION.to_owned()));
    await_answer(&app, &made.id, &edited, &mut ledger).await?;
    let mut broken = checks::violations(&database, DatabaseState::Idle).await?;
    broken.extend(ledger.broken(&database).await?);
    app.quit().await;

    let app = retry(async || application::open(folder, base_url).await).await;
    broken.extend(checks::violations(&database, DatabaseState::Idle).await?);
    broken.extend(ledger.broken(&database).await?);
    let accepted = retry(async || send(&app, &made.id, QUESTION).await).await;
    await_answer(&app, &made.id, &accepted, &mut ledger).await?;
    app.quit().await;
    Ok(broken)
}

/// Retries until the call succeeds. A call that never does runs into the trial's timeout.
async fn retry<T, E>(call: impl AsyncFn() -> Result<T, E>) -> T {
    loop {
        match call().await {
            Ok(done) => return done,
            Err(_) => tokio::time::sleep(FULL_FOR / 5).await,
        }
    }
}

/// Sends a message that waits while an answer is being written, and returns what was acknowledged.
async fn enqueue(app: &App, id: &ConversationId, text: &str) -> conch_core::Result<Promise> {
    let request = TurnRequest {
        policy: Some(SendPolicy::Queue),
        ..TurnRequest::message(id, text)
    };
    Ok(match app.turns.start(request).await? {
        SendOutcome::Queued(queued) => {
            Promise::Queued(queued.queued_message_id.to_string(), text.to_owned())
        }
        SendOutcome::Accepted(accepted) => {
            Promise::Sent(accepted.user_message_id.to_string(), text.to_owned())
        }
    })
}

/// Waits until nothing waits in the conversation and it is free, and records a complete answer as a promise. A queue
/// that an error paused is resumed, as a user would.
async fn await_answer(
    app: &App,
    id: &ConversationId,
    accepted: &Accepted,
    ledger: &mut Ledger,
) -> anyhow::Result<()> {
    let mut events = app.subscribe();
    loop {
        let queue = app.queues.list(id, None).await?;
        if queue.paused {
            retry(async || app.queues.resume(id, None).await).await;
        }
        let status = app.turns.lock_status(id, None).await?;
        if queue.items.is_empty() && !status.locked {
            break;
        }
        // Poll the status again in case an event was missed.
        let _ = timeout(FULL_FOR, events.recv()).await;
    }
    let view = app.conversations.get(id, None).await?;
    let answer = view
        .messages
        .into_iter()
        .find(|message| message.id == accepted.assistant_message_id)
        .context("an accepted answer is not there")?;
    if answer.status == MessageStatus::Complete {
        ledger.record(Promise::Whole(answer.id.to_string(), answer.content()));
    }
    Ok(())
}
