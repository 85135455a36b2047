//! Turns as the racing kinds take them, straight on a [`Store`]: ask for the lock, write a little,
//! give it back.

use std::path::Path;

use anyhow::{bail, ensure};
use conch_core::chat::{AttemptSource, MessageStatus};
use conch_core::clock::{Clock, SystemClock};
use conch_core::ids::{BranchId, ConversationId, GenerationId, InstanceId, RequestId};
use conch_core::lock::{FencedWrite, Lease};
use conch_core::store::{BeginOutcome, Ending, NewTurn, StartedTurn, Store};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};

/// What every send asks.
pub(crate) const QUESTION: &str = "a question";

/// What an answer says.
const ANSWER: &str = "an answer";

/// A send that nobody has made before.
pub(crate) fn new_turn(
    conversation_id: &ConversationId,
    branch_id: &BranchId,
    instance_id: &InstanceId,
) -> NewTurn {
    NewTurn {
        conversation_id: conversation_id.clone(),
        branch_id: Some(branch_id.clone()),
        content: QUESTION.to_owned(),
        attachments: Vec::new(),
        title: QUESTION.to_owned(),
        request_id: RequestId::fresh(),
        source: AttemptSource::Program,
        generation_id: GenerationId::fresh(),
        instance_id: instance_id.clone(),
    }
}

/// Writes the answer's text.
pub(crate) async fn write(store: &Store, lease: &Lease) -> anyhow::Result<()> {
    ensure_written(store.append(lease, 0, &ANSWER.into()).await?, lease)
}

/// Ends the turn and gives its lock back.
pub(crate) async fn finish(
    store: &Store,
    lease: &Lease,
    clock: &SystemClock,
) -> anyhow::Result<()> {
    let ending = Ending::new(MessageStatus::Complete, None);
    let finished = store.finish(lease, None, &ending, clock.now()).await?;
    ensure_written(finished, lease)
}

/// The turn that a call has begun.
pub(crate) fn started(begun: BeginOutcome) -> anyhow::Result<StartedTurn> {
    match begun {
        BeginOutcome::Started(started) => Ok(*started),
        other => bail!("it was told {other:?}"),
    }
}

/// A write by the holder of a lock is done.
pub(crate) fn ensure_written(fenced: FencedWrite, lease: &Lease) -> anyhow::Result<()> {
    ensure!(
        fenced == FencedWrite::Written,
        "the holder of fence {} could not write (I3)",
        lease.fence
    );
    Ok(())
}

/// A connection of the proof's own, beside the product's.
pub(crate) async fn connect(database: &Path) -> sqlx::Result<SqliteConnection> {
    SqliteConnectOptions::new()
        .filename(database)
        .foreign_keys(true)
        .connect()
        .await
}

/// How many answers on a branch are there in whole.
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
