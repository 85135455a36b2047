//! What is noticed of other processes.

use super::{NOW, Place};
use crate::ids::InstanceId;

#[tokio::test]
async fn a_commit_is_noticed_once() {
    let place = Place::new().await;
    let mut changes = place.store.changes().await.unwrap();
    assert!(!changes.came().await.unwrap(), "nothing was written yet");

    place.begin("hello", NOW).await;
    assert!(changes.came().await.unwrap());
    assert!(!changes.came().await.unwrap(), "nothing was written since");
}

#[tokio::test]
async fn the_turns_of_others_are_told_once_and_our_own_never() {
    let place = Place::new().await;
    let mut to_them = place.store.changes().await.unwrap();
    let mut to_us = place.store.changes().await.unwrap();
    // The instance of every turn here is theirs.
    place.begin("hello", NOW).await;
    let mut to_a_latecomer = place.store.changes().await.unwrap();
    let (them, us) = (InstanceId::from("instance".to_owned()), InstanceId::fresh());

    assert!(to_them.turns_of_others(&them).await.unwrap().is_empty());
    let told = to_us.turns_of_others(&us).await.unwrap();
    assert_eq!(told, std::slice::from_ref(&place.conversation.id));
    assert!(to_us.turns_of_others(&us).await.unwrap().is_empty(), "once");
    let late = to_a_latecomer.turns_of_others(&us).await.unwrap();
    assert!(late.is_empty(), "it began before anybody looked");
}
