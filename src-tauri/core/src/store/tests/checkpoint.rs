//! When the write-ahead log is folded into the file.

use super::{NOW, Place, complete};
use crate::lock::Fenced;
use crate::store::Store;

/// Bytes of an answer by whose end SQLite would fold the log if it were left to itself.
const LONG: usize = 6_000_000;

/// Pages in the log that are not in the file.
async fn unfolded(store: &Store) -> i64 {
    let (_, logged, folded): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(NOOP)")
        .fetch_one(&store.writer)
        .await
        .unwrap();
    logged - folded
}

#[tokio::test]
async fn an_answer_ends_before_the_log_is_folded() {
    let place = Place::new().await;
    let store = &place.store;
    let started = place.begin("hello", NOW).await;
    store.fold_log().await.unwrap();
    assert!(unfolded(store).await > 0, "a short log is left alone");

    let answer = "x".repeat(LONG).as_str().into();
    let (lease, ending) = (&started.lease, complete());
    let done = store.finish(lease, Some((0, &answer)), &ending, NOW);
    assert_eq!(done.await.unwrap(), Fenced::Written);
    let left = unfolded(store).await;
    assert!(left > 1_000, "{left} pages");

    store.fold_log().await.unwrap();
    assert_eq!(unfolded(store).await, 0);
}

#[tokio::test]
async fn a_log_that_nobody_folds_does_not_grow_for_ever() {
    let place = Place::new().await;
    for _ in 0..2 {
        sqlx::query("CREATE TABLE much AS SELECT zeroblob(20000000) AS zeros")
            .execute(&place.store.writer)
            .await
            .unwrap();
        sqlx::query("DROP TABLE much")
            .execute(&place.store.writer)
            .await
            .unwrap();
    }
    assert!(unfolded(&place.store).await < 4_000);
}
