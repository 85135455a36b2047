//! Turns as the racing kinds run them, directly on a [`Store`]: acquire the lock, write a little,
//! release it.

use std::path::Path;

use anyhow::{bail, ensure};
use conch_core::clock::{Clock, SystemClock};
use conch_core::model::{
    BranchId, ConversationId, Ending, FencedWrite, InstanceId, Lease, MessageStatus, NewMessage,
    QueuedTurn, SendPolicy, TurnRequest, TurnTarget,
};
use conch_core::store::{BeginOutcome, BeginTurn, StartedTurn, Store};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};

use crate::ledger::Promise;

/// Text of every user message.
pub(crate) const QUESTION: &str = "a question";

/// Text of every answer.
const ANSWER: &str = "an answer";

/// Returns a turn under a fresh request id.
pub(crate) fn new_turn(
    conversation_id: &ConversationId,
    branch_id: &BranchId,
    instance_id: &InstanceId,
) -> BeginTurn {
    let message = NewMessage {
        branch_id: Some(branch_id.clone()),
        ..NewMessage::new(conversation_id, QUESTION)
    };
    BeginTurn {
        title: Some(QUESTION.to_owned()),
        ..BeginTurn::new(message.into(), instance_id.clone())
    }
}

/// Sends a message that waits until the branch is free, and returns the promise that it does.
pub(crate) async fn enqueue(
    store: &Store,
    turn: BeginTurn,
    text: &str,
    clock: &SystemClock,
) -> anyhow::Result<Promise> {
    let mut turn = turn;
    turn.request.policy = Some(SendPolicy::Queue);
    if let TurnTarget::Message(message) = &mut turn.request.target {
        text.clone_into(&mut message.content);
    }
    match store.begin(&turn, clock.now()).await? {
        BeginOutcome::Queued(queued) => {
            let id = queued.queued_message_id.to_string();
            Ok(Promise::Queued(id, text.to_owned()))
        }
        other => bail!("a message to queue was told {other:?}"),
    }
}

/// Begins the first message that waits on a free branch, as a drainer does.
pub(crate) async fn send_next(
    store: &Store,
    branch_id: &BranchId,
    instance_id: &InstanceId,
    clock: &SystemClock,
) -> anyhow::Result<Option<StartedTurn>> {
    let ready = store.ready_in_queues(clock.now()).await?.next;
    let Some(next) = ready.into_iter().find(|next| next.branch_id == *branch_id) else {
        return Ok(None);
    };
    let request = TurnRequest::queued(QueuedTurn::Next(next.id));
    let turn = BeginTurn::new(request, instance_id.clone());
    started(store.begin(&turn, clock.now()).await?).map(Some)
}

/// Writes the answer's text.
pub(crate) async fn write(store: &Store, lease: &Lease) -> anyhow::Result<()> {
    ensure_written(store.append(lease, 0, &ANSWER.into()).await?, lease)
}

/// Ends the turn and releases its lock.
pub(crate) async fn finish(
    store: &Store,
    lease: &Lease,
    clock: &SystemClock,
) -> anyhow::Result<()> {
    let ending = Ending::new(MessageStatus::Complete, None);
    let finished = store.finish(lease, None, &ending, clock.now()).await?;
    ensure_written(finished, lease)
}

/// Returns the turn that a call started.
pub(crate) fn started(begun: BeginOutcome) -> anyhow::Result<StartedTurn> {
    match begun {
        BeginOutcome::Started(started) => Ok(*started),
        other => bail!("it was told {other:?}"),
    }
}

/// Checks that a write by the holder of a lock was accepted.
pub(crate) fn ensure_written(fenced: FencedWrite, lease: &Lease) -> anyhow::Result<()> {
    ensure!(
        fenced == FencedWrite::Written,
        "the holder of fence {} could not write (I3)",
        lease.fence
    );
    Ok(())
}

/// Opens a connection separate from the product's.
pub(crate) async fn connect(database: &Path) -> sqlx::Result<SqliteConnection> {
    SqliteConnectOptions::new()
        .filename(database)
        .foreign_keys(true)
        .connect()
        .await
}

/// Counts the complete answers on a branch.
pub(crate) async fn whole_answers(
    connection: &mut SqliteConnection,
    branch_id: &BranchId,
) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "SELECT count(*) FROM messages
         WHERE branch_id = ? AND role = 'assistant' AND status = 'complete' AND content = ?",
    )
    .bind(branch_id.as_str())
    .bind(ANSWER)
    .fetch_one(connection)
    .await
}
