//! Detection of changes by other processes.

use conch_model::InstanceId;

use super::{Fixture, NOW};

#[tokio::test]
async fn a_commit_is_noticed_once() {
    let fixture = Fixture::new().await;
    let mut changes = fixture.store.changes().await.unwrap();
    assert!(
        !changes.poll_commits().await.unwrap(),
        "nothing was written yet"
    );

    fixture.begin("hello", NOW).await;
    assert!(changes.poll_commits().await.unwrap());
    assert!(
        !changes.poll_commits().await.unwrap(),
        "nothing was written since"
    );
}

#[tokio::test]
async fn foreign_turns_are_reported_once_and_own_turns_never() {
    let fixture = Fixture::new().await;
    let mut to_them = fixture.store.changes().await.unwrap();
    let mut to_us = fixture.store.changes().await.unwrap();
    // Every turn here belongs to the other instance.
    fixture.begin("hello", NOW).await;
    let mut to_a_latecomer = fixture.store.changes().await.unwrap();
    let (them, us) = (InstanceId::from("instance".to_owned()), InstanceId::fresh());

    assert!(to_them.poll_foreign_turns(&them).await.unwrap().is_empty());
    let reported = to_us.poll_foreign_turns(&us).await.unwrap();
    assert_eq!(reported, std::slice::from_ref(&fixture.conversation.id));
    assert!(
        to_us.poll_foreign_turns(&us).await.unwrap().is_empty(),
        "once"
    );
    let late = to_a_latecomer.poll_foreign_turns(&us).await.unwrap();
    assert!(late.is_empty(), "it began before anybody looked");
}
