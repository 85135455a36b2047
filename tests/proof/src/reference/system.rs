//! The system under test: the product's own store, driven through the same steps. How its turns begin is in [`turns`],
//! how it is compared with the model in [`compare`].

mod compare;
mod turns;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, bail, ensure};
use proptest_state_machine::ReferenceStateMachine;
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use conch_core::model::{
    BranchId, ConversationId, Ending, Entity, FencedWrite, InstanceId, Lease, MessageId,
    PauseReason, QueuedMessageId, Timestamp,
};
use conch_core::store::{
    BeginTurn, DeleteBranchOutcome, ForkOutcome, Holder, Piece, PurgeProgress, SelectOutcome, Store,
};

use super::expected::{Expected, Outcome, START_TIME, Target, text_of};
use super::steps::{BRANCHES, ItemAction, QueueAction, Step, UNDO};
use crate::turns::connect;

const DATABASE: &str = "conch.db";

/// What a purge deletes in one transaction.
const PORTION: u32 = 3;

/// A database with one conversation and its branches, the start of every sequence.
pub(super) struct Template {
    folder: TempDir,
    conversation_id: ConversationId,
    branches: Vec<BranchId>,
}

impl Template {
    pub(super) fn make() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join(DATABASE);
        runtime()?.block_on(async {
            let store = Store::open(&path, false, at(START_TIME)).await?;
            let conversation = store.create_conversation(None, None, at(START_TIME)).await?;
            store.close().await;
            let mut aside = connect(&path).await?;
            let mut branches = vec![conversation.main_branch_id];
            for number in 1..BRANCHES {
                let branch = BranchId::fresh();
                sqlx::query("INSERT INTO branches (id, conversation_id, name, created_at) VALUES (?, ?, ?, 0)")
                    .bind(branch.as_str())
                    .bind(conversation.id.as_str())
                    .bind(number.to_string())
                    .execute(&mut aside)
                    .await?;
                branches.push(branch);
            }
            aside.close().await?;
            Ok(Self { folder, conversation_id: conversation.id, branches })
        })
    }
}

/// A generation as its owner knows it.
struct Granted {
    lease: Lease,
    turn: BeginTurn,
    chunks: i64,
    /// Its row, as read right after the grant.
    observed_row: Holder,
}

/// A queued message, with the turn by which it was queued.
struct Queued {
    id: QueuedMessageId,
    turn: BeginTurn,
}

/// The store, and the ids of everything in it, numbered as in the model.
pub(super) struct System<'a> {
    template: &'a Template,
    folder: TempDir,
    store: Store,
    /// For the comparison.
    reader: SqliteConnection,
    number: usize,
    branches: Vec<BranchId>,
    messages: Vec<MessageId>,
    granted: Vec<Granted>,
    items: Vec<Queued>,
}

impl<'a> System<'a> {
    /// Executes the steps, counts them in `taken`, and compares; the error describes where the store and the model
    /// differ.
    pub(super) fn follow(
        template: &'a Template,
        start: Expected,
        steps: &[Step],
        taken: &AtomicUsize,
    ) -> anyhow::Result<()> {
        runtime()?.block_on(async {
            let folder = tempfile::tempdir()?;
            copy_database(template.folder.path(), folder.path())?;
            let path = folder.path().join(DATABASE);
            let mut system = Self {
                template,
                folder,
                store: Store::open(&path, false, at(START_TIME)).await?,
                reader: connect(&path).await?,
                number: 0,
                branches: template.branches.clone(),
                messages: Vec::new(),
                granted: Vec::new(),
                items: Vec::new(),
            };
            let mut expected = start;
            for (number, step) in steps.iter().enumerate() {
                taken.fetch_add(1, Ordering::Relaxed);
                let now = expected.now;
                expected = Expected::apply(expected, step);
                let place = || format!("step {number}, {step:?}");
                let outcome = system.take(step, at(now)).await.with_context(place)?;
                ensure!(
                    outcome == expected.outcome,
                    "{}: {outcome:?} instead of {:?}",
                    place(),
                    expected.outcome
                );
                system.number += 1;
                system.compare(&expected).await.with_context(place)?;
            }
            system.compare_messages(&expected).await?;
            system.reach_everything(&expected).await?;
            system.reader.close().await?;
            system.store.close().await;
            Ok(())
        })
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(DATABASE)
    }

    #[expect(clippy::too_many_lines, reason = "an arm for each step")]
    async fn take(&mut self, step: &Step, now: Timestamp) -> anyhow::Result<Outcome> {
        Ok(match step {
            Step::Send {
                branch,
                instance,
                policy,
            } => {
                let target = Target::Message {
                    branch: *branch,
                    text: text_of(self.number),
                };
                self.turn(&target, *instance, *policy, now).await?
            }
            Step::Edit { message, instance } => {
                let target = Target::Edit {
                    message: *message,
                    text: text_of(self.number),
                };
                self.turn(&target, *instance, None, now).await?
            }
            Step::Answer { message, instance } => {
                let target = Target::Answer(*message);
                self.turn(&target, *instance, None, now).await?
            }
            Step::SendAgain { generation } => {
                let turn = self.granted[*generation].turn.clone();
                self.begin_again(turn, now).await?
            }
            Step::TakeOver {
                generation,
                takeover,
            } => {
                let lease = &self.granted[*generation].lease;
                let branch = self.branches.iter().position(|id| *id == lease.branch_id);
                let target = Target::Message {
                    branch: branch.context("an unknown branch")?,
                    text: text_of(self.number),
                };
                let turn = BeginTurn {
                    instance_id: self.granted[*generation].turn.instance_id.clone(),
                    ..self.begin_turn(&target, 0, None)
                };
                self.succeed(*generation, turn, *takeover, now).await?
            }
            Step::Renew { generation } => {
                let lease = &self.granted[*generation].lease;
                written(self.store.renew(lease, now).await?)
            }
            Step::Append { generation, text } => {
                let granted = &mut self.granted[*generation];
                let piece = Piece::from(&**text);
                let done = self.store.append(&granted.lease, granted.chunks, &piece);
                let done = done.await?;
                granted.chunks += 1;
                written(done)
            }
            Step::Finish {
                generation,
                rest,
                status,
            } => {
                let granted = &self.granted[*generation];
                let ending = Ending::new(*status, None);
                let rest = Piece::from(rest.as_str());
                let rest = Some((granted.chunks, &rest));
                let done = self.store.finish(&granted.lease, rest, &ending, now);
                written(done.await?)
            }
            Step::Select { message } => {
                match self.store.select_version(&self.messages[*message]).await? {
                    SelectOutcome::Shown { branch_id, head } => Outcome::Shown {
                        branch: self.branch(&branch_id)?,
                        head: self.message(&head)?,
                    },
                    SelectOutcome::Busy(branch_id) => Outcome::Busy {
                        branch: self.branch(&branch_id)?,
                    },
                    SelectOutcome::NotFound => Outcome::NotFound(Entity::Message),
                }
            }
            Step::Fork { message } => {
                let forked = self.store.fork_branch(&self.messages[*message], None, now);
                match forked.await? {
                    ForkOutcome::Forked(branch) => {
                        self.branches.push(branch.id);
                        Outcome::Forked
                    }
                    ForkOutcome::Busy(branch_id) => Outcome::Busy {
                        branch: self.branch(&branch_id)?,
                    },
                    ForkOutcome::NotFound => Outcome::NotFound(Entity::Message),
                    ForkOutcome::NameTaken => bail!("a name that Conch chose is taken"),
                }
            }
            Step::DeleteBranch { branch, is_lost } => {
                let id = &self.branches[*branch];
                match self.store.delete_branch(id, *is_lost, now).await? {
                    DeleteBranchOutcome::Deleted => Outcome::Deleted,
                    DeleteBranchOutcome::Busy(_) => Outcome::Busy { branch: *branch },
                    DeleteBranchOutcome::NotFound => Outcome::NotFound(Entity::Branch),
                    DeleteBranchOutcome::Main => Outcome::Main,
                }
            }
            Step::PurgeBranches => self.purge_branches().await?,
            Step::Item { item, action } => self.act_on_item(*item, action, now).await?,
            Step::Queue { branch, action } => {
                let (conversation, branch) =
                    (&self.template.conversation_id, &self.branches[*branch]);
                Outcome::Done(match action {
                    QueueAction::Clear => {
                        let cleared = self.store.clear_queue(conversation, Some(branch), now);
                        cleared.await?
                    }
                    QueueAction::Pause(paused) => {
                        let paused = self.store.pause_queue(conversation, Some(branch), *paused);
                        paused.await?
                    }
                })
            }
            Step::PauseQueues => {
                let reason = PauseReason::Restarted;
                self.store.pause_queues(reason).await?;
                Outcome::None
            }
            Step::Drain { instance } => self.drain(*instance, now).await?,
            Step::PurgeRemoved => {
                let undo = std::time::Duration::from_millis(u64::try_from(UNDO)?);
                Outcome::Purged(self.store.purge_removed(now, undo).await?.purged)
            }
            Step::Sweep => {
                let mut freed = 0;
                for holder in self.store.holders().await? {
                    if holder.expires_at <= now {
                        let expired = self.store.expire(&holder, now).await?;
                        freed += usize::from(expired == FencedWrite::Written);
                    }
                }
                Outcome::Freed(freed)
            }
            Step::LateSweep { generation } => {
                let row = &self.granted[*generation].observed_row;
                written(self.store.expire(row, now).await?)
            }
            Step::Clock { .. } => Outcome::None,
            Step::Capacity { max_parallel } => {
                let id = &self.template.conversation_id;
                let max_parallel = u32::try_from(*max_parallel)?;
                Outcome::Done(self.store.set_max_parallel(id, max_parallel).await?)
            }
            Step::Policy { policy } => {
                let id = &self.template.conversation_id;
                Outcome::Done(self.store.set_send_policy(id, *policy).await?)
            }
            Step::Reopen => {
                self.store.close().await;
                self.store = Store::open(&self.path(), false, now).await?;
                Outcome::None
            }
            Step::Crash { instance } => self.crash(*instance, now).await?,
        })
    }

    async fn act_on_item(
        &mut self,
        item: usize,
        action: &ItemAction,
        now: Timestamp,
    ) -> anyhow::Result<Outcome> {
        let id = &self.items[item].id;
        Ok(match action {
            ItemAction::Edit => {
                let text = text_of(self.number);
                Outcome::Done(self.store.edit_queued(id, &text, None).await?)
            }
            ItemAction::Hold(held) => Outcome::Done(self.store.hold_queued(id, *held, now).await?),
            ItemAction::Move(position) => {
                Outcome::Done(self.store.move_queued(id, *position).await?)
            }
            ItemAction::Remove => Outcome::Done(self.store.remove_queued(id, now).await?),
            ItemAction::Restore => Outcome::Restored(self.store.restore_queued(id).await?),
            ItemAction::SendNow(instance) | ItemAction::BeginNext(instance) => {
                let is_next = matches!(action, ItemAction::BeginNext(_));
                let target = Target::Queued { item, is_next };
                self.turn(&target, *instance, None, now).await?
            }
            ItemAction::SendAgain => {
                let turn = self.items[item].turn.clone();
                self.begin_again(turn, now).await?
            }
            ItemAction::PauseAt => {
                let next = self.store.queued_message(id).await?;
                if let Some(next) = &next {
                    self.store.pause_at(next, "its model is gone").await?;
                }
                Outcome::Done(next.is_some())
            }
        })
    }

    async fn purge_branches(&self) -> anyhow::Result<Outcome> {
        for branch in self.store.deleted_branches().await? {
            loop {
                let portion = self.store.portion().await?;
                if portion.purge_branch(&branch, PORTION).await? == PurgeProgress::Done {
                    break;
                }
            }
            self.store.end_branch_purge(&branch).await?;
        }
        Ok(Outcome::None)
    }

    /// A kill leaves the files on disk as they are; the next start begins with a copy of those.
    async fn crash(&mut self, instance: usize, now: Timestamp) -> anyhow::Result<Outcome> {
        let folder = tempfile::tempdir()?;
        copy_database(self.folder.path(), folder.path())?;
        self.store.close().await;
        self.folder = folder;
        self.store = Store::open(&self.path(), true, now).await?;
        self.reader = connect(&self.path()).await?;
        let mut freed = 0;
        for holder in self.store.holders().await? {
            if holder.instance_id == instance_id(instance) {
                let recovered = self.store.recover(&holder, now).await?;
                freed += usize::from(recovered == FencedWrite::Written);
            }
        }
        Ok(Outcome::Freed(freed))
    }
}

fn instance_id(number: usize) -> InstanceId {
    InstanceId::from(number.to_string())
}

fn written(fenced: FencedWrite) -> Outcome {
    match fenced {
        FencedWrite::Written => Outcome::Written,
        FencedWrite::Lost => Outcome::Lost,
    }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

fn copy_database(from: &Path, to: &Path) -> std::io::Result<()> {
    for suffix in ["", "-wal"] {
        let name = format!("{DATABASE}{suffix}");
        if from.join(&name).exists() {
            fs::copy(from.join(&name), to.join(&name))?;
        }
    }
    Ok(())
}
