//! Checkpoints of the WAL.

use conch_model::FencedWrite;

use super::{Fixture, NOW, complete};
use crate::Store;

/// Bytes of an answer whose end would trigger SQLite's default automatic checkpoint.
const LONG: usize = 6_000_000;

/// Pages in the WAL that are not checkpointed.
async fn unfolded(store: &Store) -> i64 {
    let (_, logged, folded): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(NOOP)")
        .fetch_one(&store.writer)
        .await
        .unwrap();
    logged - folded
}

#[tokio::test]
async fn an_answer_ends_before_the_log_is_folded() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let started = fixture.begin("hello", NOW).await;
    store.checkpoint_wal().await.unwrap();
    assert!(unfolded(store).await > 0, "a short log is left alone");

    let answer = "x".repeat(LONG).as_str().into();
    let (lease, ending) = (&started.lease, complete());
    let done = store.finish(lease, Some((0, &answer)), &ending, NOW);
    assert_eq!(done.await.unwrap(), FencedWrite::Written);
    let left = unfolded(store).await;
    assert!(left > 1_000, "{left} pages");

    store.checkpoint_wal().await.unwrap();
    assert_eq!(unfolded(store).await, 0);
}

#[tokio::test]
async fn a_wal_without_explicit_checkpoints_stays_bounded() {
    let fixture = Fixture::new().await;
    for _ in 0..2 {
        sqlx::query("CREATE TABLE much AS SELECT zeroblob(20000000) AS zeros")
            .execute(&fixture.store.writer)
            .await
            .unwrap();
        sqlx::query("DROP TABLE much")
            .execute(&fixture.store.writer)
            .await
            .unwrap();
    }
    assert!(unfolded(&fixture.store).await < 4_000);
}
