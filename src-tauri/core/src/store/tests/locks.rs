//! The lock's invariants, by their names in the design.

use std::time::Duration;

use futures_util::future::join_all;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use super::{NOW, Place, complete};
use crate::chat::MessageStatus;
use crate::lock::{Fenced, LEASE, LockReason, LockStatus};
use crate::store::{AttemptOutcome, Begin, NewTurn, StoreError};

#[tokio::test(flavor = "multi_thread")]
async fn i1_of_a_hundred_sends_at_once_one_is_granted() {
    let place = Place::new().await;
    let turns: Vec<_> = (0..100)
        .map(|n| place.turn(&format!("message {n}")))
        .collect();
    let begun = join_all(turns.iter().map(|turn| place.store.begin_turn(turn, NOW))).await;

    let granted = begun
        .iter()
        .filter(|begun| matches!(begun, Ok(Begin::Started(_))))
        .count();
    let busy = begun
        .iter()
        .filter(|begun| matches!(begun, Ok(Begin::Busy)))
        .count();
    assert_eq!((granted, busy), (1, 99));
    assert_eq!(
        place
            .store
            .count_attempts(AttemptOutcome::Refused)
            .await
            .unwrap(),
        99
    );
    let view = place
        .store
        .get_conversation(&place.conversation.id, None, NOW)
        .await
        .unwrap();
    assert_eq!(
        view.unwrap().messages.len(),
        2,
        "a refused send stores no message (I8)"
    );
}

#[tokio::test]
async fn i1_capacity_bounds_the_branches_of_a_conversation() {
    let place = Place::new().await;
    let lane = place.second_branch().await;
    place.begin("on main", NOW).await;
    let on_lane = NewTurn {
        branch_id: Some(lane),
        ..place.turn("on the lane")
    };
    let refused = place.store.begin_turn(&on_lane, NOW).await.unwrap();
    assert_eq!(refused, Begin::Busy, "one answer at a time is the default");

    sqlx::query("UPDATE conversations SET max_parallel = 2")
        .execute(&place.store.writer)
        .await
        .unwrap();
    let granted = place.store.begin_turn(&on_lane, NOW).await.unwrap();
    assert!(matches!(granted, Begin::Started(_)), "{granted:?}");
}

/// Found by `cargo xtask prove model`: a grant that did not count an expired lock of another branch
/// left it in place, and its holder renewed it beside the new one.
#[tokio::test]
async fn i1_a_grant_that_does_not_count_an_expired_lock_frees_it() {
    let place = Place::new().await;
    let silent = place.begin("on main, then silent", NOW).await;
    let on_lane = NewTurn {
        branch_id: Some(place.second_branch().await),
        ..place.turn("on the lane")
    };
    let later = NOW + LEASE;
    let Begin::Started(granted) = place.store.begin_turn(&on_lane, later).await.unwrap() else {
        panic!("the other lock has expired");
    };

    assert_eq!(granted.freed, std::slice::from_ref(&silent.lease));
    assert_eq!(
        place.store.renew(&silent.lease, later).await.unwrap(),
        Fenced::Lost
    );
    assert_eq!(place.store.holders().await.unwrap().len(), 1);
}

#[tokio::test]
async fn i2_the_fence_grows_across_release_and_reopen() {
    let mut place = Place::new().await;
    let mut last = 0;
    for round in 0..5 {
        let started = place.begin("again", NOW).await;
        assert!(started.lease.fence > last, "round {round}");
        last = started.lease.fence;
        let done = place
            .store
            .finish(&started.lease, None, &complete(), NOW)
            .await
            .unwrap();
        assert_eq!(done, Fenced::Written);
        place = place.reopen().await;
    }
}

#[tokio::test]
async fn i2_the_data_refuses_a_new_holder_under_the_old_fence() {
    let place = Place::new().await;
    place.begin("first", NOW).await;
    let forged = sqlx::query("UPDATE generation_locks SET generation_id = 'forged'")
        .execute(&place.store.writer)
        .await
        .unwrap_err();
    assert!(forged.to_string().contains("fence"), "{forged}");
}

#[tokio::test]
async fn i3_a_holder_that_lost_its_lock_writes_nothing() {
    let place = Place::new().await;
    let first = place.begin("first", NOW).await;
    assert_eq!(
        place
            .store
            .append(&first.lease, 0, &"part".into())
            .await
            .unwrap(),
        Fenced::Written
    );
    let later = NOW + LEASE;
    let second = place.begin("second", later).await;

    assert_eq!(
        place
            .store
            .append(&first.lease, 1, &"late".into())
            .await
            .unwrap(),
        Fenced::Lost
    );
    let rest = "late".into();
    let rest = Some((1, &rest));
    let finish = place
        .store
        .finish(&first.lease, rest, &complete(), later)
        .await;
    assert_eq!(finish.unwrap(), Fenced::Lost);
    assert_eq!(
        place.store.set_model(&first.lease, "late").await.unwrap(),
        Fenced::Lost
    );

    let view = place
        .store
        .get_conversation(&place.conversation.id, None, later)
        .await;
    let view = view.unwrap().unwrap();
    let interrupted = &view.messages[1];
    assert_eq!(interrupted.status, MessageStatus::Interrupted);
    assert_eq!(
        interrupted.content, "part",
        "what was saved is kept, what came late is not"
    );
    assert_eq!(view.lock.generation_id, Some(second.lease.generation_id));
}

#[tokio::test]
async fn i4_release_and_renew_by_anyone_else_change_nothing() {
    let place = Place::new().await;
    let first = place.begin("first", NOW).await;
    let holder = place.store.holders().await.unwrap().remove(0);
    let second = place.begin("second", NOW + LEASE).await;

    assert_eq!(
        place.store.renew(&first.lease, NOW + LEASE).await.unwrap(),
        Fenced::Lost
    );
    assert_eq!(
        place.store.expire(&holder, NOW + LEASE).await.unwrap(),
        Fenced::Lost
    );
    let status = place
        .store
        .lock_status(&place.conversation.id, None, NOW + LEASE)
        .await;
    let status = status.unwrap().unwrap();
    assert_eq!(status.generation_id, Some(second.lease.generation_id));
    assert_eq!(status.expires_at, Some(NOW + LEASE + LEASE));
}

#[tokio::test]
async fn i5_the_data_refuses_a_second_generating_message() {
    let place = Place::new().await;
    let started = place.begin("first", NOW).await;
    let forged = sqlx::query(
        "INSERT INTO messages (id, conversation_id, branch_id, role, status, content, fence, created_at)
         VALUES ('forged', ?, ?, 'assistant', 'generating', '', 1, 0)",
    )
    .bind(place.conversation.id.as_str())
    .bind(started.lease.branch_id.as_str())
    .execute(&place.store.writer)
    .await
    .unwrap_err();
    assert!(forged.to_string().contains("UNIQUE"), "{forged}");
}

#[tokio::test]
async fn a_renewed_lock_is_neither_taken_nor_expired() {
    let place = Place::new().await;
    let started = place.begin("first", NOW).await;
    let seen = place.store.holders().await.unwrap().remove(0);
    let later = NOW + LEASE;
    assert_eq!(
        place.store.renew(&started.lease, later).await.unwrap(),
        Fenced::Written
    );

    let send = place
        .store
        .begin_turn(&place.turn("second"), later)
        .await
        .unwrap();
    assert_eq!(send, Begin::Busy);
    let sweep = place.store.expire(&seen, later).await.unwrap();
    assert_eq!(
        sweep,
        Fenced::Lost,
        "the sweeper saw it before the heartbeat"
    );
}

#[tokio::test]
async fn an_expired_lock_is_vacated_with_its_text_kept() {
    let place = Place::new().await;
    let started = place.begin("first", NOW).await;
    for (seq, text) in (0..).zip(["one ", "two ", "three"]) {
        assert_eq!(
            place
                .store
                .append(&started.lease, seq, &text.into())
                .await
                .unwrap(),
            Fenced::Written
        );
    }
    let holder = place.store.holders().await.unwrap().remove(0);
    assert_eq!(
        place.store.expire(&holder, NOW + LEASE).await.unwrap(),
        Fenced::Written
    );

    let view = place
        .store
        .get_conversation(&place.conversation.id, None, NOW)
        .await;
    let view = view.unwrap().unwrap();
    assert_eq!(view.messages[1].content, "one two three");
    assert_eq!(
        view.messages[1].error.as_ref().unwrap().code,
        "lease_expired"
    );
    assert!(!view.lock.locked && view.lock.can_send);
    assert!(place.store.holders().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_request_id_sent_twice_sends_once() {
    let place = Place::new().await;
    let turn = place.turn("once");
    let Begin::Started(first) = place.store.begin_turn(&turn, NOW).await.unwrap() else {
        panic!("the first is granted");
    };
    for after_end in [false, true] {
        if after_end {
            let done = place
                .store
                .finish(&first.lease, None, &complete(), NOW)
                .await
                .unwrap();
            assert_eq!(done, Fenced::Written);
        }
        let again = place.store.begin_turn(&turn, NOW).await.unwrap();
        assert_eq!(again, Begin::Duplicate(first.accepted.clone()));
    }
    let view = place
        .store
        .get_conversation(&place.conversation.id, None, NOW)
        .await;
    assert_eq!(view.unwrap().unwrap().messages.len(), 2);
    assert_eq!(
        place
            .store
            .count_attempts(AttemptOutcome::Duplicate)
            .await
            .unwrap(),
        2
    );
}

#[tokio::test]
async fn a_full_disk_fails_the_write_and_nothing_after_it() {
    let place = Place::new().await;
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count")
        .fetch_one(&place.store.writer)
        .await
        .unwrap();
    let limit = |pages: i64| sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
    sqlx::query(limit(pages))
        .execute(&place.store.writer)
        .await
        .unwrap();

    let big = place.turn(&"x".repeat(500_000));
    let full = place.store.begin_turn(&big, NOW).await.unwrap_err();
    assert!(matches!(full, StoreError::DiskFull(_)), "{full:?}");
    let view = place
        .store
        .get_conversation(&place.conversation.id, None, NOW)
        .await;
    let view = view.unwrap().unwrap();
    assert!(
        view.messages.is_empty() && view.lock.can_send,
        "nothing of it was kept (I8)"
    );

    sqlx::query(limit(1_000_000))
        .execute(&place.store.writer)
        .await
        .unwrap();
    place
        .begin(
            "works again without a restart",
            NOW + Duration::from_secs(1),
        )
        .await;
}

/// sqlx 0.9 loses count when SQLite rolls a transaction back by itself, as it does on some full disks
/// and I/O errors: every later write on that connection would fail. A trigger brings it about.
#[tokio::test]
async fn an_automatic_rollback_does_not_poison_the_writer() {
    let place = Place::new().await;
    let aside = SqliteConnectOptions::new().filename(place.path());
    let mut aside = aside.connect().await.unwrap();
    let trigger =
        "CREATE TRIGGER fault BEFORE INSERT ON messages BEGIN SELECT RAISE(ROLLBACK, 'fault'); END";
    sqlx::query(trigger).execute(&mut aside).await.unwrap();
    place
        .store
        .begin_turn(&place.turn("fails"), NOW)
        .await
        .unwrap_err();

    sqlx::query("DROP TRIGGER fault")
        .execute(&mut aside)
        .await
        .unwrap();
    place.begin("works again without a restart", NOW).await;
}

#[tokio::test]
async fn a_branch_beside_a_held_one_is_free_but_takes_no_send() {
    let place = Place::new().await;
    place.begin("on main", NOW).await;
    let lane = place.second_branch().await;
    let status = async |now| {
        let status = place
            .store
            .lock_status(&place.conversation.id, Some(&lane), now);
        let status = status.await.unwrap().unwrap();
        (status.locked, status.can_send)
    };

    assert_eq!(status(NOW).await, (false, false), "at its capacity");
    assert_eq!(status(NOW + LEASE).await, (false, true));

    sqlx::query("UPDATE conversations SET max_parallel = 2")
        .execute(&place.store.writer)
        .await
        .unwrap();
    assert_eq!(status(NOW).await, (false, true), "there is room");
    let on_main = place
        .store
        .lock_status(&place.conversation.id, None, NOW)
        .await;
    assert!(!on_main.unwrap().unwrap().can_send, "it is held itself");
}

#[tokio::test]
async fn a_lock_is_held_until_the_millisecond_in_which_it_expires() {
    let place = Place::new().await;
    let started = place.begin("hello", NOW).await;
    let id = &place.conversation.id;
    let just_before = NOW + LEASE.checked_sub(Duration::from_millis(1)).unwrap();
    let locked = async |now| {
        let status = place.store.lock_status(id, None, now).await;
        status.unwrap().unwrap().locked
    };
    let expired = async |now| place.store.expired_holders(id, now).await.unwrap();

    let held = place.store.lock_status(id, None, NOW).await;
    let expected = LockStatus {
        locked: true,
        can_send: false,
        generation_id: Some(started.lease.generation_id.clone()),
        message_id: Some(started.lease.message_id.clone()),
        user_id: Some(place.store.user_id().clone()),
        locked_at: Some(NOW),
        expires_at: Some(NOW + LEASE),
        fence: 1,
    };
    assert_eq!(held.unwrap(), Some(expected));
    assert!(locked(just_before).await);
    assert!(expired(just_before).await.is_empty());
    assert!(!locked(NOW + LEASE).await);
    let holders = expired(NOW + LEASE).await;
    assert_eq!(holders.len(), 1);
    assert_eq!(holders[0].lease, started.lease);
}

#[tokio::test]
async fn the_way_in_which_a_lock_was_freed_can_be_told_later() {
    let place = Place::new().await;
    let store = &place.store;
    let holder = async || store.holders().await.unwrap().remove(0);

    let released = place.begin("released", NOW).await.lease;
    let done = store.finish(&released, None, &complete(), NOW).await;
    assert_eq!(done.unwrap(), Fenced::Written);
    let expired = place.begin("expired", NOW).await.lease;
    let done = store.expire(&holder().await, NOW + LEASE).await;
    assert_eq!(done.unwrap(), Fenced::Written);
    let recovered = place.begin("recovered", NOW).await.lease;
    let done = store.recover(&holder().await, NOW).await;
    assert_eq!(done.unwrap(), Fenced::Written);

    for (lease, reason) in [
        (released, LockReason::Released),
        (expired, LockReason::Expired),
        (recovered, LockReason::Recovered),
    ] {
        assert_eq!(store.freed_how(&lease).await.unwrap(), reason);
    }
}
