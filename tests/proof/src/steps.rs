//! Abort at every step: before and after each statement of a first start, sends, appends, finishes, another answer, a
//! queue and its drainer, edits, a message sent in place of an answer, an expiry and a recovery.
//!
//! SQLite itself reports each statement's begin and end (`sqlite3_trace_v2`, on every connection through an automatic
//! extension), so the product runs unmodified. The child counts these points and aborts at the given one; the set is
//! complete because a point after COMMIT comes before the caller gets the result.

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, bail, ensure};
use conch_core::clock::{Clock, SystemClock};
use conch_core::model::{
    Conversation, Ending, InstanceId, Lease, MessageStatus, PageQuery, Role, Timestamp, TurnRequest,
};
use conch_core::store::{
    BeginOutcome, BeginTurn, Holder, NextTurn, Piece, Store, Succession, Takeover,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::process::Command;

use crate::campaign::{Finding, Run, runtime};
use crate::ledger::{EDITED, Ledger, Promise};
use crate::report::grouped;
use crate::turns::{QUESTION, enqueue, ensure_written, new_turn, send_next, started};
use crate::worker::Worker;

/// The child process.
pub(crate) const WORKER: Worker = Worker {
    name: "abort-at-step",
    work: abort_at_step,
};

/// Aborts at every point, as often as the scale says; the quick campaign takes some of them.
pub(crate) fn prove(run: &Run) -> anyhow::Result<Finding> {
    let (rounds, stride): (u64, usize) = run.choose((3, 1), (1, 8));
    runtime()?.block_on(async {
        let points = count_points().await?;
        let all: Vec<u64> = (0..rounds)
            .flat_map(|_| 1..=points)
            .skip(fastrand::usize(0..stride))
            .step_by(stride)
            .collect();
        let aborts = all.len() as u64;
        run.expect(aborts);
        let lanes = std::thread::available_parallelism()?.get();
        let found: Vec<Vec<String>> = stream::iter(all)
            .map(|point| async move {
                let broken = abort_once(point).await;
                run.advance(1);
                broken.with_context(|| format!("abort at point {point}"))
            })
            .buffered(lanes)
            .try_collect()
            .await?;
        Ok(Finding {
            amount: format!("{} points, {} aborts", grouped(points), grouped(aborts)),
            violations: found.concat(),
            figures: "before and after each statement, from the first start's migrations on"
                .to_owned(),
        })
    })
}

/// Runs a child to its end, and returns how many points it passed.
async fn count_points() -> anyhow::Result<u64> {
    let folder = tempfile::tempdir()?;
    let ended = child(folder.path(), u64::MAX)?.output().await?;
    let said = String::from_utf8_lossy(&ended.stdout);
    let passed = said.lines().find_map(|line| line.strip_prefix(PASSED));
    let passed = passed.context("a run without an abort did not end")?;
    Ok(passed.trim().parse()?)
}

fn child(folder: &Path, point: u64) -> anyhow::Result<Command> {
    let mut command = Command::from(WORKER.command()?);
    command
        .arg(folder)
        .arg(point.to_string())
        .kill_on_drop(true);
    Ok(command)
}

/// Aborts at a point, starts the application on what is left, and returns what is broken.
async fn abort_once(point: u64) -> anyhow::Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    let ended = child(folder.path(), point)?.output().await?;
    ensure!(!ended.status.success(), "the child ended without an abort");
    let mut ledger = Ledger::default();
    ledger.record_output(&ended.stdout)?;

    let broken = ledger.broken_at_start(folder.path()).await?;
    let broken = broken.into_iter();
    Ok(broken
        .map(|what| format!("abort at point {point}: {what}"))
        .collect())
}

/// Prefix of the child's line with the number of points passed.
const PASSED: &str = "passed ";

/// Points passed so far.
static POINTS: AtomicU64 = AtomicU64::new(0);

/// The point to abort at.
static LAST: AtomicU64 = AtomicU64::new(u64::MAX);

extern "C" fn at_point(_: c_uint, _: *mut c_void, _: *mut c_void, _: *mut c_void) -> c_int {
    if POINTS.fetch_add(1, Ordering::Relaxed) + 1 == LAST.load(Ordering::Relaxed) {
        std::process::abort();
    }
    0
}

extern "C" fn trace_connection(
    connection: *mut libsqlite3_sys::sqlite3,
    _: *mut *mut c_char,
    _: *const libsqlite3_sys::sqlite3_api_routines,
) -> c_int {
    let events = libsqlite3_sys::SQLITE_TRACE_STMT | libsqlite3_sys::SQLITE_TRACE_PROFILE;
    // SAFETY: SQLite calls this with a connection that it has just opened; `at_point` reads none of its arguments and
    // is valid as long as the process.
    #[expect(unsafe_code, reason = "sqlx has no tracing of statements")]
    unsafe {
        libsqlite3_sys::sqlite3_trace_v2(connection, events, Some(at_point), ptr::null_mut())
    }
}

/// The child: the life of a small database, aborted at a point.
fn abort_at_step(arguments: &[String]) -> anyhow::Result<()> {
    let [folder, last] = arguments else {
        bail!("a folder and a point are missing");
    };
    LAST.store(last.parse()?, Ordering::Relaxed);
    // SAFETY: it is called before the first connection, and the function is valid as long as the process.
    #[expect(unsafe_code, reason = "sqlx has no automatic extensions")]
    let attached = unsafe { libsqlite3_sys::sqlite3_auto_extension(Some(trace_connection)) };
    ensure!(
        attached == libsqlite3_sys::SQLITE_OK,
        "no tracing: {attached}"
    );
    runtime()?.block_on(live(&Path::new(folder).join("conch.db")))?;
    report_points();
    Ok(())
}

#[expect(clippy::print_stdout, reason = "what a worker says is read")]
fn report_points() {
    println!("{PASSED}{}", POINTS.load(Ordering::Relaxed));
}

async fn live(database: &Path) -> anyhow::Result<()> {
    let clock = SystemClock::default();
    let store = Store::open(database, false, clock.now()).await?;
    let conversation = store.create_conversation(None, None, clock.now()).await?;
    let instance_id = InstanceId::fresh();
    let send = async || {
        let turn = new_turn(&conversation.id, &conversation.main_branch_id, &instance_id);
        let begun = store.begin(&turn, clock.now()).await?;
        let started = started(begun)?;
        let id = started.accepted.user_message_id.to_string();
        Promise::Sent(id, QUESTION.to_owned()).print()?;
        anyhow::Ok(started)
    };

    let first = send().await?;
    ensure_written(
        store.set_model(&first.lease, "proof/model").await?,
        &first.lease,
    )?;
    store
        .record_first_token(&first.lease, 0, clock.now())
        .await?;
    ensure_written(
        store.append(&first.lease, 0, &"one ".into()).await?,
        &first.lease,
    )?;
    ensure_written(store.renew(&first.lease, clock.now()).await?, &first.lease)?;
    ensure_written(
        store.append(&first.lease, 1, &"two ".into()).await?,
        &first.lease,
    )?;
    finish(
        &store,
        &clock,
        &first.lease,
        Some((2, &"three".into())),
        "one two three",
    )
    .await?;

    let again = TurnRequest::answer(&first.accepted.user_message_id);
    let again = BeginTurn::new(again, instance_id.clone());
    let again = started(store.begin(&again, clock.now()).await?)?;
    ensure_written(
        store.append(&again.lease, 0, &"another".into()).await?,
        &again.lease,
    )?;
    let refused = new_turn(&conversation.id, &conversation.main_branch_id, &instance_id);
    let refused = store.begin(&refused, clock.now()).await?;
    ensure!(
        matches!(refused, BeginOutcome::Busy { .. }),
        "the second turn got {refused:?}"
    );
    let new_turn = || new_turn(&conversation.id, &conversation.main_branch_id, &instance_id);
    for text in ["queued first", "queued second"] {
        enqueue(&store, new_turn(), text, &clock).await?.print()?;
    }
    edit_first(&store, &conversation).await?;
    finish(&store, &clock, &again.lease, None, "another").await?;
    drain(&store, &clock, &conversation, &instance_id).await?;
    edit_last(&store, &clock, &conversation, &instance_id).await?;

    let silent = send().await?;
    ensure_written(
        store.append(&silent.lease, 0, &"some".into()).await?,
        &silent.lease,
    )?;
    let expired = store.expire(&holder(&store).await?, clock.now()).await?;
    ensure_written(expired, &silent.lease)?;
    let orphaned = send().await?;
    let recovered = store.recover(&holder(&store).await?, clock.now()).await?;
    ensure_written(recovered, &orphaned.lease)?;
    let last = send().await?;
    finish(
        &store,
        &clock,
        &last.lease,
        Some((0, &"the end".into())),
        "the end",
    )
    .await?;
    store.close().await;
    Ok(())
}

/// Edits the first message that waits.
async fn edit_first(store: &Store, conversation: &Conversation) -> anyhow::Result<()> {
    let queue = store.queue(&conversation.id, None, Timestamp::from_millis(0));
    let queue = queue.await?.context("no queue")?;
    let first = queue.items.first().context("nothing waits")?;
    let text = format!("{}{EDITED}", first.content);
    ensure!(
        store.edit_queued(&first.id, &text, None).await?,
        "what waits cannot be edited"
    );
    Promise::Edited(first.id.to_string(), text).print()?;
    Ok(())
}

/// Sends and answers all that waits.
async fn drain(
    store: &Store,
    clock: &SystemClock,
    conversation: &Conversation,
    instance_id: &InstanceId,
) -> anyhow::Result<()> {
    let branch_id = &conversation.main_branch_id;
    while let Some(next) = send_next(store, branch_id, instance_id, clock).await? {
        finish(
            store,
            clock,
            &next.lease,
            Some((0, &"in turn".into())),
            "in turn",
        )
        .await?;
    }
    Ok(())
}

/// Edits the latest question, under which another message is queued meanwhile, and sent in place of the answer.
async fn edit_last(
    store: &Store,
    clock: &SystemClock,
    conversation: &Conversation,
    instance_id: &InstanceId,
) -> anyhow::Result<()> {
    let page = store.messages(&conversation.id, None, &PageQuery::Latest);
    let page = page.await?.context("no branch")?;
    let asked = page.messages.iter().rev();
    let last = asked.into_iter().find(|message| message.role == Role::User);
    let request = TurnRequest::edit(&last.context("no question")?.id, "another question");
    let edit = BeginTurn::new(request, instance_id.clone());
    let edited = started(store.begin(&edit, clock.now()).await?)?;
    let id = edited.accepted.user_message_id.to_string();
    Promise::Sent(id, "another question".to_owned()).print()?;
    let next = NextTurn {
        turn: new_turn(&conversation.id, &conversation.main_branch_id, instance_id),
        takeover: Takeover::Interrupt,
    };
    let ending = Ending::new(MessageStatus::Stopped, None);
    let part = (0, &"a part".into());
    let succession = store
        .finish_and_begin(&edited.lease, Some(part), &ending, &next, clock.now())
        .await?;
    let Succession::Begun(begun) = succession else {
        bail!("the next turn got {succession:?}");
    };
    let next = started(begun)?;
    let id = next.accepted.user_message_id.to_string();
    Promise::Sent(id, QUESTION.to_owned()).print()?;
    finish(
        store,
        clock,
        &next.lease,
        Some((0, &"instead".into())),
        "instead",
    )
    .await
}

async fn finish(
    store: &Store,
    clock: &SystemClock,
    lease: &Lease,
    rest: Option<(i64, &Piece)>,
    text: &str,
) -> anyhow::Result<()> {
    let ending = Ending::new(MessageStatus::Complete, None);
    ensure_written(
        store.finish(lease, rest, &ending, clock.now()).await?,
        lease,
    )?;
    Promise::Whole(lease.message_id.to_string(), text.to_owned()).print()?;
    store.index_answers().await?;
    Ok(store.checkpoint_wal().await?)
}

async fn holder(store: &Store) -> anyhow::Result<Holder> {
    store.holders().await?.pop().context("no lock is held")
}
