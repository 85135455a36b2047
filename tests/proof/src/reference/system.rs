//! The system under test: the product's own store, driven through the same steps.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, bail, ensure};
use proptest_state_machine::ReferenceStateMachine;
use sqlx::{Connection, Row};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use conch_core::model::{
    BranchId, ConversationId, Ending, FencedWrite, GenerationId, InstanceId, Lease, MessageStatus,
    Timestamp,
};
use conch_core::store::{BeginOutcome, BeginTurn, Holder, Piece, Store};

use super::expected::{BRANCHES, Expected, Outcome, START_TIME, Status, Step};
use crate::turns::{QUESTION, connect, new_turn};

const DATABASE: &str = "conch.db";

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

pub(super) struct System<'a> {
    template: &'a Template,
    folder: TempDir,
    store: Store,
    granted: Vec<Granted>,
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
            let store = Store::open(&folder.path().join(DATABASE), false, at(START_TIME)).await?;
            let mut system = Self {
                template,
                folder,
                store,
                granted: Vec::new(),
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
                system.compare_locks(&expected).await.with_context(place)?;
            }
            system.compare_messages(&expected).await?;
            system.store.close().await;
            Ok(())
        })
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(DATABASE)
    }

    async fn take(&mut self, step: &Step, now: Timestamp) -> anyhow::Result<Outcome> {
        Ok(match step {
            Step::Send { branch, instance } => self.send(*branch, *instance, now).await?,
            Step::SendAgain { generation } => {
                let turn = self.granted[*generation].turn.clone();
                let again = BeginTurn {
                    generation_id: GenerationId::fresh(),
                    ..turn
                };
                match self.store.begin(&again, now).await? {
                    BeginOutcome::Duplicate(accepted) => {
                        let earlier = |granted: &Granted| {
                            granted.lease.generation_id == accepted.generation_id
                        };
                        let generation = self.granted.iter().position(earlier);
                        Outcome::Duplicate {
                            generation: generation.context("an unknown answer")?,
                        }
                    }
                    other => bail!("{other:?} to a request that was accepted before"),
                }
            }
            Step::Renew { generation } => outcome(
                self.store
                    .renew(&self.granted[*generation].lease, now)
                    .await?,
            ),
            Step::Append { generation, text } => {
                let granted = &mut self.granted[*generation];
                let done = self
                    .store
                    .append(&granted.lease, granted.chunks, &Piece::from(&**text))
                    .await?;
                granted.chunks += 1;
                outcome(done)
            }
            Step::Finish { generation, rest } => {
                let granted = &self.granted[*generation];
                let ending = Ending::new(MessageStatus::Complete, None);
                let rest = Piece::from(rest.as_str());
                let rest = Some((granted.chunks, &rest));
                outcome(
                    self.store
                        .finish(&granted.lease, rest, &ending, now)
                        .await?,
                )
            }
            Step::Sweep => {
                let mut freed = 0;
                for holder in self.store.holders().await? {
                    if holder.expires_at <= now {
                        freed += usize::from(
                            self.store.expire(&holder, now).await? == FencedWrite::Written,
                        );
                    }
                }
                Outcome::Freed(freed)
            }
            Step::LateSweep { generation } => outcome(
                self.store
                    .expire(&self.granted[*generation].observed_row, now)
                    .await?,
            ),
            Step::Clock { .. } => Outcome::None,
            Step::Capacity { max_parallel } => {
                let mut aside = connect(&self.path()).await?;
                sqlx::query("UPDATE conversations SET max_parallel = ?")
                    .bind(i64::try_from(*max_parallel)?)
                    .execute(&mut aside)
                    .await?;
                aside.close().await?;
                Outcome::None
            }
            Step::Reopen => {
                self.store.close().await;
                self.store = Store::open(&self.path(), false, now).await?;
                Outcome::None
            }
            Step::Crash { instance } => self.crash(*instance, now).await?,
        })
    }

    async fn send(
        &mut self,
        branch: usize,
        instance: usize,
        now: Timestamp,
    ) -> anyhow::Result<Outcome> {
        let turn = new_turn(
            &self.template.conversation_id,
            &self.template.branches[branch],
            &instance_id(instance),
        );
        match self.store.begin(&turn, now).await? {
            BeginOutcome::Started(started) => {
                let fence = started.lease.fence;
                let holders = self.store.holders().await?;
                let own = |holder: &Holder| holder.lease == started.lease;
                let observed_row = holders
                    .into_iter()
                    .find(own)
                    .context("granted, but not held")?;
                self.granted.push(Granted {
                    lease: started.lease,
                    turn,
                    chunks: 0,
                    observed_row,
                });
                Ok(Outcome::Granted { fence })
            }
            BeginOutcome::Busy { .. } => Ok(Outcome::Busy),
            other => bail!("{other:?} to a new request"),
        }
    }

    /// A kill leaves the files on disk as they are; the next start begins with a copy of those.
    async fn crash(&mut self, instance: usize, now: Timestamp) -> anyhow::Result<Outcome> {
        let folder = tempfile::tempdir()?;
        copy_database(self.folder.path(), folder.path())?;
        self.store.close().await;
        self.folder = folder;
        self.store = Store::open(&self.path(), true, now).await?;
        let mut freed = 0;
        for holder in self.store.holders().await? {
            if holder.instance_id == instance_id(instance) {
                freed +=
                    usize::from(self.store.recover(&holder, now).await? == FencedWrite::Written);
            }
        }
        Ok(Outcome::Freed(freed))
    }

    async fn compare_locks(&self, expected: &Expected) -> anyhow::Result<()> {
        let holders = self.store.holders().await?;
        for (number, branch) in self.template.branches.iter().enumerate() {
            let holder = holders
                .iter()
                .find(|holder| holder.lease.branch_id == *branch);
            let found = holder.map(|holder| {
                (
                    holder.lease.fence,
                    holder.heartbeat_seq,
                    holder.expires_at.as_millis(),
                )
            });
            let must = expected.held[number]
                .map(|held| (expected.fences[number], held.heartbeat, held.expires));
            ensure!(
                found == must,
                "branch {number} is held by {found:?} instead of {must:?}"
            );
        }
        Ok(())
    }

    async fn compare_messages(&self, expected: &Expected) -> anyhow::Result<()> {
        let mut aside = connect(&self.path()).await?;
        for (granted, must) in self.granted.iter().zip(&expected.generations) {
            let row = sqlx::query(
                "SELECT m.status, m.fence, m.content || coalesce((SELECT group_concat(text, '' ORDER BY seq)
                   FROM message_chunks c WHERE c.message_id = m.id), ''), u.content
                 FROM messages m JOIN messages u ON u.id = m.parent_id WHERE m.id = ?",
            )
            .bind(granted.lease.message_id.as_str())
            .fetch_one(&mut aside)
            .await
            .context("an accepted message is missing")?;
            let found: (String, i64, String, String) =
                (row.get(0), row.get(1), row.get(2), row.get(3));
            let status = match must.status {
                Status::Generating => "generating",
                Status::Complete => "complete",
                Status::Interrupted => "interrupted",
            };
            let must = (
                status.to_owned(),
                must.fence,
                must.text.clone(),
                QUESTION.to_owned(),
            );
            ensure!(found == must, "a message is {found:?} instead of {must:?}");
        }
        let turns: i64 = sqlx::query_scalar("SELECT count(*) FROM messages")
            .fetch_one(&mut aside)
            .await?;
        ensure!(
            turns == 2 * i64::try_from(self.granted.len())?,
            "there are {turns} messages for {} accepted sends",
            self.granted.len()
        );
        aside.close().await?;
        Ok(())
    }
}

fn instance_id(number: usize) -> InstanceId {
    InstanceId::from(number.to_string())
}

fn outcome(fenced: FencedWrite) -> Outcome {
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
