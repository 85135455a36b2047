//! Tasks of one process that request the same lock at the same instant, round after round.
//!
//! A contest is a conversation with some branches and a capacity. In each of its rounds all tasks send concurrently,
//! and as many as the capacity allows may win, each on a different branch; all others must get `Busy` and nothing
//! else. The winners write and finish only after every task has its outcome. A contest ends at its first violated
//! round: what follows from a broken lock is no news.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use conch_core::clock::{Clock, SystemClock};
use conch_core::model::{BranchId, ConversationId, InstanceId, Lease};
use conch_core::store::{AttemptOutcome, BeginOutcome, Store, StoreError};
use indicatif::HumanCount;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::campaign::{Finding, Run, now};
use crate::times::{Times, per_second, timed};
use crate::turns::{self, connect, new_turn, whole_answers};

/// Tasks that send in a round.
const TASKS: usize = 8;

/// One conversation, and how often its lock is requested.
struct Contest {
    branches: usize,
    capacity: usize,
    /// Rounds in the full campaign and in the quick one.
    rounds: (usize, usize),
}

/// By default a conversation has one holder; with a capacity, each branch still has at most one.
const CONTESTS: [Contest; 3] = [
    Contest {
        branches: 1,
        capacity: 1,
        rounds: (10_000, 1_000),
    },
    Contest {
        branches: 2,
        capacity: 1,
        rounds: (2_000, 200),
    },
    Contest {
        branches: 3,
        capacity: 2,
        rounds: (2_000, 200),
    },
];

/// Runs every contest.
pub(crate) fn prove(run: &Run) -> anyhow::Result<Finding> {
    let rounds = |contest: &Contest| run.choose(contest.rounds.0, contest.rounds.1);
    run.expect(CONTESTS.iter().map(rounds).sum::<usize>() as u64);
    tokio::runtime::Runtime::new()?.block_on(async {
        let folder = tempfile::tempdir()?;
        let database = folder.path().join("conch.db");
        let clock = SystemClock::default();
        let mut race = Race {
            store: Store::open(&database, false, clock.now()).await?,
            clock: Arc::new(clock),
            instance_id: InstanceId::fresh(),
            calls: Times::default(),
            grants: 0,
        };
        let mut violations = Vec::new();
        let started = now();
        for contest in &CONTESTS {
            let ended = race.hold(run, contest, rounds(contest), &database).await?;
            violations.extend(ended.err().map(|violation| {
                format!(
                    "{} branch(es), capacity {}: {violation}",
                    contest.branches, contest.capacity
                )
            }));
        }
        let took = started.elapsed();
        violations.extend(race.compare_attempts().await?.err());
        race.store.close().await;
        Ok(race.finding(violations, took))
    })
}

/// The contended store, and what has been counted so far.
struct Race {
    store: Store,
    clock: Arc<SystemClock>,
    instance_id: InstanceId,
    calls: Times,
    grants: usize,
}

/// The result of a contest or a check; the error is what it violated.
type Verdict = Result<(), String>;

impl Race {
    /// Runs all rounds of a contest.
    async fn hold(
        &mut self,
        run: &Run,
        contest: &Contest,
        rounds: usize,
        database: &Path,
    ) -> anyhow::Result<Verdict> {
        let (conversation_id, branches) = self.create_conversation(contest, database).await?;
        let mut granted = vec![0; branches.len()];
        for round in 1..=rounds {
            let replies = self.round(&conversation_id, &branches).await?;
            let outcome_count =
                |reply: &&Result<BeginOutcome, _>| matches!(reply, Ok(BeginOutcome::Started(_)));
            self.grants += replies.iter().filter(outcome_count).count();
            let verdict = judge(contest, &replies).and_then(|leases| {
                count_grants(&branches, &mut granted, &leases)?;
                Ok(leases)
            });
            let leases = match verdict {
                Ok(leases) => leases,
                Err(violation) => return Ok(Err(format!("round {round}: {violation}"))),
            };
            for lease in leases {
                turns::write(&self.store, &lease).await?;
                turns::finish(&self.store, &lease, &self.clock).await?;
            }
            run.advance(1);
        }
        let mut connection = connect(database).await?;
        for (branch, &grants) in branches.iter().zip(&granted) {
            let answers = whole_answers(&mut connection, branch).await?;
            if answers != grants {
                return Ok(Err(format!(
                    "{grants} turns were finished, but {answers} whole answers are stored (I8)"
                )));
            }
        }
        Ok(Ok(()))
    }

    /// Creates the conversation of a contest.
    async fn create_conversation(
        &self,
        contest: &Contest,
        database: &Path,
    ) -> anyhow::Result<(ConversationId, Vec<BranchId>)> {
        let now = self.clock.now();
        let conversation = self.store.create_conversation(None, None, now).await?;
        let mut branches = vec![conversation.main_branch_id];
        // The product has no call yet that creates a second branch or sets a capacity.
        let mut connection = connect(database).await?;
        sqlx::query("UPDATE conversations SET max_parallel = ? WHERE id = ?")
            .bind(i64::try_from(contest.capacity)?)
            .bind(conversation.id.as_str())
            .execute(&mut connection)
            .await?;
        for number in 1..contest.branches {
            let branch = BranchId::fresh();
            sqlx::query(
                "INSERT INTO branches (id, conversation_id, name, created_at) VALUES (?, ?, ?, ?)",
            )
            .bind(branch.as_str())
            .bind(conversation.id.as_str())
            .bind(format!("side {number}"))
            .bind(now.as_millis())
            .execute(&mut connection)
            .await?;
            branches.push(branch);
        }
        Ok((conversation.id, branches))
    }

    /// Sends from all tasks concurrently, spread over the branches, and returns each outcome.
    async fn round(
        &mut self,
        conversation_id: &ConversationId,
        branches: &[BranchId],
    ) -> anyhow::Result<Vec<Result<BeginOutcome, StoreError>>> {
        let together = Arc::new(Barrier::new(TASKS));
        let mut asking = JoinSet::new();
        for branch in branches.iter().cycle().take(TASKS) {
            let turn = new_turn(conversation_id, branch, &self.instance_id);
            let (store, clock) = (self.store.clone(), Arc::clone(&self.clock));
            let together = Arc::clone(&together);
            asking.spawn(async move {
                together.wait().await;
                timed(store.begin(&turn, clock.now())).await
            });
        }
        let mut replies = Vec::with_capacity(TASKS);
        while let Some(asked) = asking.join_next().await {
            let (reply, took) = asked.context("a task that asked panicked")?;
            self.calls.add(took);
            replies.push(reply);
        }
        Ok(replies)
    }

    /// Checks that every call has left its record, with the outcome that its caller got.
    async fn compare_attempts(&self) -> anyhow::Result<Verdict> {
        let refusals = self.calls.count() - self.grants;
        for (outcome, outcome_count) in [
            (AttemptOutcome::Started, self.grants),
            (AttemptOutcome::Refused, refusals),
        ] {
            let recorded = self.store.count_attempts(outcome).await?;
            if recorded != outcome_count as u64 {
                return Ok(Err(format!(
                    "{outcome_count} callers got {outcome:?}, but {recorded} such attempts are recorded"
                )));
            }
        }
        Ok(Ok(()))
    }

    fn finding(mut self, violations: Vec<String>, took: Duration) -> Finding {
        let calls = self.calls.count();
        Finding {
            amount: format!(
                "{} grants in {} calls",
                HumanCount(self.grants as u64),
                HumanCount(calls as u64)
            ),
            violations,
            figures: format!(
                "{} acquires/s, {} of them granted; an acquire among {TASKS}: p50 {} µs, p99 {} µs",
                HumanCount(per_second(calls, took)),
                HumanCount(per_second(self.grants, took)),
                self.calls.percentile(50).as_micros(),
                self.calls.percentile(99).as_micros(),
            ),
        }
    }
}

/// Returns the leases of a round in which the lock held: as many as the capacity allows, on different branches, and
/// `Busy` for all other tasks.
fn judge(
    contest: &Contest,
    replies: &[Result<BeginOutcome, StoreError>],
) -> Result<Vec<Lease>, String> {
    let mut leases = Vec::new();
    for reply in replies {
        match reply {
            Ok(BeginOutcome::Started(started)) => leases.push(started.lease.clone()),
            Ok(BeginOutcome::Busy { .. }) => {}
            other => return Err(format!("a caller got {other:?}")),
        }
    }
    let fences = || leases.iter().map(|lease| lease.fence).collect::<Vec<_>>();
    let room = contest.capacity.min(contest.branches);
    if leases.len() != room {
        return Err(format!(
            "{} were granted the lock, not {room}; fences {:?} (I1)",
            leases.len(),
            fences()
        ));
    }
    let branches: HashSet<_> = leases.iter().map(|lease| &lease.branch_id).collect();
    if branches.len() != leases.len() {
        return Err(format!(
            "two were granted the lock of one branch; fences {:?} (I1)",
            fences()
        ));
    }
    Ok(leases)
}

/// Counts a round's grants; each must carry the next number of its branch.
fn count_grants(branches: &[BranchId], granted: &mut [i64], leases: &[Lease]) -> Verdict {
    for lease in leases {
        let place = branches.iter().position(|id| *id == lease.branch_id);
        let count = place
            .and_then(|place| granted.get_mut(place))
            .ok_or("a lock was granted on a branch that no caller named")?;
        *count += 1;
        if lease.fence != *count {
            return Err(format!(
                "grant {count} of a branch carries fence {} (I2)",
                lease.fence
            ));
        }
    }
    Ok(())
}
