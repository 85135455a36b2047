//! SIGKILL at random moments of the application's life, its start included.
//!
//! A child opens the data folder and chats in several conversations concurrently, with queued messages and edits; it
//! prints what was acknowledged to it. After each kill the file must be sound as it is, and after the next start every promise must be kept, no lock
//! may be held by a dead process, and a message must be accepted immediately. After some kills the next start is
//! another child's, which may be killed during recovery.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use conch_core::App;
use conch_core::model::{
    ConversationId, MessageStatus, Role, SendOutcome, SendPolicy, TurnRequest,
};
use conch_fault_server::{FaultServer, Script, Step};
use conch_support::application::{self, accepted, send, wait_for_end};
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::campaign::{Finding, Run, now, runtime};
use crate::checks::{self, DatabaseState, open_read_only};
use crate::ledger::{EDITED, Ledger, Promise};
use crate::report::grouped;
use crate::turns::QUESTION;
use crate::worker::Worker;

/// The child process.
pub(crate) const WORKER: Worker = Worker {
    name: "chat-until-killed",
    work: chat,
};

/// Conversations that a child chats in concurrently.
const CONVERSATIONS: usize = 3;

/// Kills per folder, so that its file stays small.
const KILLS_IN_A_FOLDER: usize = 50;

/// The longest life of a child.
const MAX_LIFETIME: Duration = Duration::from_millis(180);

/// The parts of an answer: enough text for some saves before the last, and enough time between them for a kill to
/// hit.
const PARTS: usize = 6;
const PART_BYTES: usize = 700;
const BETWEEN_PARTS: Duration = Duration::from_millis(3);

/// Returns the text of every answer.
fn answer() -> String {
    part().repeat(PARTS)
}

fn part() -> String {
    "word ".repeat(PART_BYTES / 5)
}

/// Kills as often as the scale says, in one lane per core.
pub(crate) fn prove(run: &Run) -> anyhow::Result<Finding> {
    let kills = run.choose(5_000, 200);
    run.expect(kills as u64);
    runtime()?.block_on(async {
        let server = FaultServer::start().await;
        let steps = (0..PARTS).flat_map(|_| [Step::Delta(part()), Step::Pause(BETWEEN_PARTS)]);
        server.set_default_script(Script::new(
            [Step::Head]
                .into_iter()
                .chain(steps)
                .chain([Step::Finish("stop".to_owned()), Step::Done]),
        ));
        let lanes = std::thread::available_parallelism()?.get();
        let mut killing = JoinSet::new();
        for lane in 0..lanes {
            let share = kills / lanes + usize::from(lane < kills % lanes);
            killing.spawn(kill_in_folders(server.base_url(), share, run.progress()));
        }
        let mut found = Tally::default();
        while let Some(ended) = killing.join_next().await {
            found.add(ended.context("a lane panicked")??);
        }
        Ok(found.finding(kills))
    })
}

/// Results of one lane, or of all of them.
#[derive(Debug, Default)]
struct Tally {
    violations: Vec<String>,
    promises: usize,
    before_open: usize,
    left_locked: usize,
    slowest: Duration,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.violations.extend(other.violations);
        self.promises += other.promises;
        self.before_open += other.before_open;
        self.left_locked += other.left_locked;
        self.slowest = self.slowest.max(other.slowest);
    }

    fn finding(self, kills: usize) -> Finding {
        Finding {
            amount: format!("{} kills", grouped(kills as u64)),
            violations: self.violations,
            figures: format!(
                "{} acknowledged messages and answers kept; {} kills before the application was open, {} with a lock held; slowest recovery {} ms",
                grouped(self.promises as u64),
                grouped(self.before_open as u64),
                grouped(self.left_locked as u64),
                self.slowest.as_millis()
            ),
        }
    }
}

async fn kill_in_folders(
    base_url: String,
    kills: usize,
    progress: indicatif::ProgressBar,
) -> anyhow::Result<Tally> {
    let mut found = Tally::default();
    let mut left = kills;
    while left > 0 {
        let here = left.min(KILLS_IN_A_FOLDER);
        let mut folder = Folder::new(&base_url).await?;
        for kill in 1..=here {
            // The last kill in a folder is always checked.
            let next_start_is_ours = kill == here || fastrand::u8(0..4) > 0;
            folder
                .kill_once(&base_url, next_start_is_ours, &mut found)
                .await
                .with_context(|| format!("kill {kill} in {}", folder.path().display()))?;
            progress.inc(1);
        }
        found.promises += folder.ledger.count();
        left -= here;
    }
    Ok(found)
}

/// A data folder and the promises made about it.
struct Folder {
    data: tempfile::TempDir,
    conversation: ConversationId,
    ledger: Ledger,
}

impl Folder {
    async fn new(base_url: &str) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let app = application::open(data.path(), base_url).await?;
        let mut conversation = app.conversations.create(None, None).await?.id;
        for _ in 1..CONVERSATIONS {
            conversation = app.conversations.create(None, None).await?.id;
        }
        app.quit().await;
        Ok(Self {
            data,
            conversation,
            ledger: Ledger::default(),
        })
    }

    fn path(&self) -> &Path {
        self.data.path()
    }

    fn database(&self) -> PathBuf {
        self.path().join("conch.db")
    }

    async fn kill_once(
        &mut self,
        base_url: &str,
        start_after: bool,
        found: &mut Tally,
    ) -> anyhow::Result<()> {
        let life = MAX_LIFETIME.mul_f64(fastrand::f64());
        let (output, ended) = live_for(life, self.path(), base_url).await?;
        let promises = self.ledger.record_output(&output)?;
        found.before_open += usize::from(!promises.contains(&Promise::Open));
        found.left_locked += usize::from(is_locked(&self.database()).await?);
        let mut broken = checks::violations(&self.database(), DatabaseState::Any).await?;
        broken.extend(ended);
        if start_after {
            broken.extend(self.start(base_url, found).await?);
        }
        let after = format!("killed after {} ms", life.as_millis());
        let broken = broken.into_iter().map(|what| format!("{after}: {what}"));
        found.violations.extend(broken);
        Ok(())
    }

    /// Opens the folder as the next start does, and checks that every promise is kept.
    async fn start(&mut self, base_url: &str, found: &mut Tally) -> anyhow::Result<Vec<String>> {
        let started = now();
        let app = application::open(self.path(), base_url).await?;
        found.slowest = found.slowest.max(started.elapsed());
        let mut broken = checks::violations(&self.database(), DatabaseState::Idle).await?;
        broken.extend(self.ledger.broken(&self.database()).await?);
        broken.extend(non_prefix_answers(&self.database()).await?);
        match send(&app, &self.conversation, QUESTION).await {
            Ok(sent) => self.ledger.record(Promise::Sent(
                sent.user_message_id.to_string(),
                QUESTION.to_owned(),
            )),
            Err(error) => broken.push(format!("a send after the restart was refused: {error}")),
        }
        app.quit().await;
        Ok(broken)
    }
}

/// Starts a child and kills it after `life`. Returns its output, and the error if it ended before the kill.
async fn live_for(
    life: Duration,
    folder: &Path,
    base_url: &str,
) -> anyhow::Result<(Vec<u8>, Option<String>)> {
    let mut child = Command::from(WORKER.command()?)
        .arg(folder)
        .arg(base_url)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut said = child.stdout.take().context("a child without an output")?;
    let mut complained = child.stderr.take().context("a child without errors")?;
    let mut output = Vec::new();
    // Its stdout closes only when it dies.
    let early = tokio::time::timeout(life, said.read_to_end(&mut output)).await;
    if early.is_ok() {
        let mut why = String::new();
        complained.read_to_string(&mut why).await?;
        child.wait().await?;
        return Ok((output, Some(format!("the child gave up: {}", why.trim()))));
    }
    child.kill().await?;
    said.read_to_end(&mut output).await?;
    Ok((output, None))
}

async fn is_locked(database: &Path) -> anyhow::Result<bool> {
    let mut connection = open_read_only(database).await?;
    let locked = "SELECT EXISTS (SELECT 1 FROM generation_locks WHERE generation_id IS NOT NULL)";
    Ok(sqlx::query_scalar(locked)
        .fetch_one(&mut connection)
        .await?)
}

/// Returns answers that are not a prefix of what the provider sent.
async fn non_prefix_answers(database: &Path) -> anyhow::Result<Vec<String>> {
    let mut connection = open_read_only(database).await?;
    let strange: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM messages
         WHERE role = 'assistant' AND substr(?, 1, length(content)) <> content",
    )
    .bind(answer())
    .fetch_all(&mut connection)
    .await?;
    Ok(strange
        .into_iter()
        .map(|id| format!("answer {id} is not what the provider said"))
        .collect())
}

/// The child: chats in all conversations of the folder until it is killed.
fn chat(arguments: &[String]) -> anyhow::Result<()> {
    let [folder, base_url] = arguments else {
        bail!("a folder and a provider are missing");
    };
    runtime()?.block_on(async {
        let app = application::open(folder.as_ref(), base_url).await?;
        Promise::Open.print()?;
        let conversations = app.conversations.list(None, None).await?;
        let chats = conversations.iter().map(|summary| talk(&app, &summary.id));
        futures_util::future::try_join_all(chats).await?;
        Ok(())
    })
}

/// Sends, queues more while it is answered, waits until all is answered, then regenerates the last answer or edits
/// the last message, and repeats. What an earlier life left waiting goes on first.
async fn talk(app: &App, id: &ConversationId) -> anyhow::Result<()> {
    app.queues.resume(id, None).await?;
    wait_for_the_queue(app, id).await?;
    for number in 1_u64.. {
        let mut text = format!("message {number} in {id}");
        // Some messages are longer than a database page.
        let _ = write!(text, "{}", " and more".repeat(fastrand::usize(0..700)));
        let sent = send(app, id, &text).await?;
        Promise::Sent(sent.user_message_id.to_string(), text).print()?;
        for place in 0..fastrand::u8(0..3) {
            enqueue(app, id, &format!("queued {place} after {number}")).await?;
        }
        wait_for_the_queue(app, id).await?;
        print_answer(app, id).await?;
        let view = app.conversations.get(id, None).await?;
        let mut asked = view.messages.iter().rev();
        let last = asked.find(|message| message.role == Role::User);
        let last = &last.context("no message")?.id;
        let mut events = app.subscribe();
        let next = if fastrand::bool() {
            accepted(app.turns.start(TurnRequest::answer(last)).await?)
        } else {
            let text = format!("edited {number}");
            let edited = accepted(app.turns.start(TurnRequest::edit(last, &text)).await?);
            Promise::Sent(edited.user_message_id.to_string(), text).print()?;
            edited
        };
        wait_for_end(&mut events, &next).await?;
        print_answer(app, id).await?;
    }
    Ok(())
}

/// Sends a message that waits while an answer is being written, and edits some of them.
async fn enqueue(app: &App, id: &ConversationId, text: &str) -> anyhow::Result<()> {
    let request = TurnRequest {
        policy: Some(SendPolicy::Queue),
        ..TurnRequest::message(id, text)
    };
    let queued = match app.turns.start(request).await? {
        SendOutcome::Queued(queued) => queued.queued_message_id,
        SendOutcome::Accepted(sent) => {
            Promise::Sent(sent.user_message_id.to_string(), text.to_owned()).print()?;
            return Ok(());
        }
    };
    Promise::Queued(queued.to_string(), text.to_owned()).print()?;
    if fastrand::bool() {
        let text = format!("{text}{EDITED}");
        // It fails if the drainer was faster.
        if app.queues.edit(&queued, &text, None).await.is_ok() {
            Promise::Edited(queued.to_string(), text).print()?;
        }
    }
    Ok(())
}

/// Waits until everything that waits in the conversation is sent and answered.
async fn wait_for_the_queue(app: &App, id: &ConversationId) -> anyhow::Result<()> {
    let mut events = app.subscribe();
    loop {
        let queue = app.queues.list(id, None).await?;
        ensure!(!queue.paused, "{:?} pauses the queue", queue.pause_reason);
        let status = app.turns.lock_status(id, None).await?;
        if queue.items.is_empty() && !status.locked {
            return Ok(());
        }
        // A lagged receiver looks again at once.
        let _ = events.recv().await;
    }
}

/// Prints the promise that the last answer of the conversation is complete.
async fn print_answer(app: &App, id: &ConversationId) -> anyhow::Result<()> {
    let view = app.conversations.get(id, None).await?;
    let last = view.messages.last().context("no message")?;
    ensure!(
        last.status == MessageStatus::Complete,
        "the answer ended as {:?}: {:?}",
        last.status,
        last.error
    );
    Promise::Whole(last.id.to_string(), last.content().clone()).print()?;
    Ok(())
}
