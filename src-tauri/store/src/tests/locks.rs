//! The lock's invariants, by their names in the design.

use std::time::Duration;

use conch_model::{FencedWrite, LEASE, LockReason, LockStatus, MessageStatus, NewMessage};
use futures_util::future::join_all;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use super::turn_with;
use super::{Fixture, NOW, complete};
use crate::events::CoreEvent;
use crate::{AttemptOutcome, BeginOutcome, StoreError};

#[tokio::test(flavor = "multi_thread")]
async fn i1_of_a_hundred_sends_at_once_one_is_granted() {
    let fixture = Fixture::new().await;
    let turns: Vec<_> = (0..100)
        .map(|n| fixture.turn(&format!("message {n}")))
        .collect();
    let begun = join_all(turns.iter().map(|turn| fixture.store.begin(turn, NOW))).await;

    let granted = begun
        .iter()
        .filter(|begun| matches!(begun, Ok(BeginOutcome::Started(_))))
        .count();
    let busy = begun
        .iter()
        .filter(|begun| matches!(begun, Ok(BeginOutcome::Busy { .. })))
        .count();
    assert_eq!((granted, busy), (1, 99));
    assert_eq!(
        fixture
            .store
            .count_attempts(AttemptOutcome::Refused)
            .await
            .unwrap(),
        99
    );
    let view = fixture
        .store
        .get_conversation(&fixture.conversation.id, None, NOW)
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
    let fixture = Fixture::new().await;
    let lane = fixture.second_branch().await;
    fixture.begin("on main", NOW).await;
    let on_lane = turn_with(NewMessage {
        branch_id: Some(lane),
        ..fixture.message("on the lane")
    });
    let refused = fixture.store.begin(&on_lane, NOW).await.unwrap();
    assert!(
        matches!(refused, BeginOutcome::Busy { .. }),
        "one answer at a time is the default"
    );

    sqlx::query("UPDATE conversations SET max_parallel = 2")
        .execute(&fixture.store.writer)
        .await
        .unwrap();
    let granted = fixture.store.begin(&on_lane, NOW).await.unwrap();
    assert!(matches!(granted, BeginOutcome::Started(_)), "{granted:?}");
}

/// Found by `cargo xtask prove model`: a grant that ignored an expired lock of another branch left it in place,
/// and its holder renewed it alongside the new one.
#[tokio::test]
async fn i1_a_grant_that_does_not_count_an_expired_lock_frees_it() {
    let fixture = Fixture::new().await;
    let silent = fixture.begin("on main, then silent", NOW).await;
    let on_lane = turn_with(NewMessage {
        branch_id: Some(fixture.second_branch().await),
        ..fixture.message("on the lane")
    });
    let (later, mut events) = (NOW + LEASE, fixture.store.events().subscribe());
    let BeginOutcome::Started(granted) = fixture.store.begin(&on_lane, later).await.unwrap() else {
        panic!("the other lock has expired");
    };

    let mut published = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let CoreEvent::Lock(change) = event {
            published.push((change.branch_id, change.reason));
        }
    }
    let expected = [
        (silent.lease.branch_id.clone(), LockReason::Expired),
        (granted.lease.branch_id.clone(), LockReason::Acquired),
    ];
    assert_eq!(published, expected);
    assert_eq!(
        fixture.store.renew(&silent.lease, later).await.unwrap(),
        FencedWrite::Lost
    );
    assert_eq!(fixture.store.holders().await.unwrap().len(), 1);
}

#[tokio::test]
async fn i2_the_fence_grows_across_release_and_reopen() {
    let mut fixture = Fixture::new().await;
    let mut last = 0;
    for round in 0..5 {
        let started = fixture.begin("again", NOW).await;
        assert!(started.lease.fence > last, "round {round}");
        last = started.lease.fence;
        let done = fixture
            .store
            .finish(&started.lease, None, &complete(), NOW)
            .await
            .unwrap();
        assert_eq!(done, FencedWrite::Written);
        fixture = fixture.reopen().await;
    }
}

#[tokio::test]
async fn i2_the_data_refuses_a_new_holder_under_the_old_fence() {
    let fixture = Fixture::new().await;
    fixture.begin("first", NOW).await;
    let forged = sqlx::query("UPDATE generation_locks SET generation_id = 'forged'")
        .execute(&fixture.store.writer)
        .await
        .unwrap_err();
    assert!(forged.to_string().contains("fence"), "{forged}");
}

#[tokio::test]
async fn i3_a_holder_that_lost_its_lock_writes_nothing() {
    let fixture = Fixture::new().await;
    let first = fixture.begin("first", NOW).await;
    assert_eq!(
        fixture
            .store
            .append(&first.lease, 0, &"part".into())
            .await
            .unwrap(),
        FencedWrite::Written
    );
    let later = NOW + LEASE;
    let second = fixture.begin("second", later).await;

    assert_eq!(
        fixture
            .store
            .append(&first.lease, 1, &"late".into())
            .await
            .unwrap(),
        FencedWrite::Lost
    );
    let rest = "late".into();
    let rest = Some((1, &rest));
    let finish = fixture
        .store
        .finish(&first.lease, rest, &complete(), later)
        .await;
    assert_eq!(finish.unwrap(), FencedWrite::Lost);
    assert_eq!(
        fixture.store.set_model(&first.lease, "late").await.unwrap(),
        FencedWrite::Lost
    );

    let view = fixture
        .store
        .get_conversation(&fixture.conversation.id, None, later)
        .await;
    let view = view.unwrap().unwrap();
    let interrupted = &view.messages[1];
    assert_eq!(interrupted.status, MessageStatus::Interrupted);
    assert_eq!(
        interrupted.content(),
        "part",
        "what was saved is kept, what came late is not"
    );
    assert_eq!(view.lock.generation_id, Some(second.lease.generation_id));
}

#[tokio::test]
async fn i4_release_and_renew_by_anyone_else_change_nothing() {
    let fixture = Fixture::new().await;
    let first = fixture.begin("first", NOW).await;
    let holder = fixture.store.holders().await.unwrap().remove(0);
    let second = fixture.begin("second", NOW + LEASE).await;

    assert_eq!(
        fixture
            .store
            .renew(&first.lease, NOW + LEASE)
            .await
            .unwrap(),
        FencedWrite::Lost
    );
    assert_eq!(
        fixture.store.expire(&holder, NOW + LEASE).await.unwrap(),
        FencedWrite::Lost
    );
    let status = fixture
        .store
        .lock_status(&fixture.conversation.id, None, NOW + LEASE)
        .await;
    let status = status.unwrap().unwrap();
    assert_eq!(status.generation_id, Some(second.lease.generation_id));
    assert_eq!(status.expires_at, Some(NOW + LEASE + LEASE));
}

#[tokio::test]
async fn i5_the_data_refuses_a_second_generating_message() {
    let fixture = Fixture::new().await;
    let started = fixture.begin("first", NOW).await;
    let forged = sqlx::query(
        "INSERT INTO messages (id, conversation_id, branch_id, role, status, content, fence, created_at)
         VALUES ('forged', ?, ?, 'assistant', 'generating', '', 1, 0)",
    )
    .bind(fixture.conversation.id.as_str())
    .bind(started.lease.branch_id.as_str())
    .execute(&fixture.store.writer)
    .await
    .unwrap_err();
    assert!(forged.to_string().contains("UNIQUE"), "{forged}");
}

#[tokio::test]
async fn a_renewed_lock_is_neither_taken_nor_expired() {
    let fixture = Fixture::new().await;
    let started = fixture.begin("first", NOW).await;
    let seen = fixture.store.holders().await.unwrap().remove(0);
    let later = NOW + LEASE;
    assert_eq!(
        fixture.store.renew(&started.lease, later).await.unwrap(),
        FencedWrite::Written
    );

    let send = fixture
        .store
        .begin(&fixture.turn("second"), later)
        .await
        .unwrap();
    assert!(matches!(send, BeginOutcome::Busy { .. }), "{send:?}");
    let sweep = fixture.store.expire(&seen, later).await.unwrap();
    assert_eq!(
        sweep,
        FencedWrite::Lost,
        "the sweeper saw it before the heartbeat"
    );
}

#[tokio::test]
async fn an_expired_lock_is_vacated_with_its_text_kept() {
    let fixture = Fixture::new().await;
    let started = fixture.begin("first", NOW).await;
    for (seq, text) in (0..).zip(["one ", "two ", "three"]) {
        assert_eq!(
            fixture
                .store
                .append(&started.lease, seq, &text.into())
                .await
                .unwrap(),
            FencedWrite::Written
        );
    }
    let holder = fixture.store.holders().await.unwrap().remove(0);
    assert_eq!(
        fixture.store.expire(&holder, NOW + LEASE).await.unwrap(),
        FencedWrite::Written
    );

    let view = fixture
        .store
        .get_conversation(&fixture.conversation.id, None, NOW)
        .await;
    let view = view.unwrap().unwrap();
    assert_eq!(view.messages[1].content(), "one two three");
    assert_eq!(
        view.messages[1].error.as_ref().unwrap().code,
        "lease_expired"
    );
    assert!(!view.lock.locked && view.lock.can_send);
    assert!(fixture.store.holders().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_request_id_sent_twice_sends_once() {
    let fixture = Fixture::new().await;
    let turn = fixture.turn("once");
    let BeginOutcome::Started(first) = fixture.store.begin(&turn, NOW).await.unwrap() else {
        panic!("the first is granted");
    };
    for after_end in [false, true] {
        if after_end {
            let done = fixture
                .store
                .finish(&first.lease, None, &complete(), NOW)
                .await
                .unwrap();
            assert_eq!(done, FencedWrite::Written);
        }
        let again = fixture.store.begin(&turn, NOW).await.unwrap();
        assert_eq!(again, BeginOutcome::Duplicate(first.accepted.clone()));
    }
    let view = fixture
        .store
        .get_conversation(&fixture.conversation.id, None, NOW)
        .await;
    assert_eq!(view.unwrap().unwrap().messages.len(), 2);
    assert_eq!(
        fixture
            .store
            .count_attempts(AttemptOutcome::Duplicate)
            .await
            .unwrap(),
        2
    );
}

#[tokio::test]
async fn a_full_disk_fails_the_write_and_nothing_after_it() {
    let fixture = Fixture::new().await;
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count")
        .fetch_one(&fixture.store.writer)
        .await
        .unwrap();
    let limit = |pages: i64| sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
    sqlx::query(limit(pages))
        .execute(&fixture.store.writer)
        .await
        .unwrap();

    let big = fixture.turn(&"x".repeat(500_000));
    let full = fixture.store.begin(&big, NOW).await.unwrap_err();
    assert!(matches!(full, StoreError::DiskFull(_)), "{full:?}");
    let view = fixture
        .store
        .get_conversation(&fixture.conversation.id, None, NOW)
        .await;
    let view = view.unwrap().unwrap();
    assert!(
        view.messages.is_empty() && view.lock.can_send,
        "nothing of it was kept (I8)"
    );

    sqlx::query(limit(1_000_000))
        .execute(&fixture.store.writer)
        .await
        .unwrap();
    fixture
        .begin(
            "works again without a restart",
            NOW + Duration::from_secs(1),
        )
        .await;
}

/// sqlx 0.9 loses count when SQLite rolls back a transaction automatically, as it does on some full disks and
/// I/O errors: every later write on that connection would fail. A trigger simulates it.
#[tokio::test]
async fn an_automatic_rollback_does_not_poison_the_writer() {
    let fixture = Fixture::new().await;
    let aside = SqliteConnectOptions::new().filename(fixture.path());
    let mut aside = aside.connect().await.unwrap();
    let trigger =
        "CREATE TRIGGER fault BEFORE INSERT ON messages BEGIN SELECT RAISE(ROLLBACK, 'fault'); END";
    sqlx::query(trigger).execute(&mut aside).await.unwrap();
    fixture
        .store
        .begin(&fixture.turn("fails"), NOW)
        .await
        .unwrap_err();

    sqlx::query("DROP TRIGGER fault")
        .execute(&mut aside)
        .await
        .unwrap();
    fixture.begin("works again without a restart", NOW).await;
}

#[tokio::test]
async fn a_branch_beside_a_held_one_is_free_but_takes_no_send() {
    let fixture = Fixture::new().await;
    fixture.begin("on main", NOW).await;
    let lane = fixture.second_branch().await;
    let status = async |now| {
        let status = fixture
            .store
            .lock_status(&fixture.conversation.id, Some(&lane), now);
        let status = status.await.unwrap().unwrap();
        (status.locked, status.can_send)
    };

    assert_eq!(status(NOW).await, (false, false), "at its capacity");
    assert_eq!(status(NOW + LEASE).await, (false, true));

    sqlx::query("UPDATE conversations SET max_parallel = 2")
        .execute(&fixture.store.writer)
        .await
        .unwrap();
    assert_eq!(status(NOW).await, (false, true), "there is room");
    let on_main = fixture
        .store
        .lock_status(&fixture.conversation.id, None, NOW)
        .await;
    assert!(!on_main.unwrap().unwrap().can_send, "it is held itself");
}

#[tokio::test]
async fn a_lock_is_held_until_the_millisecond_in_which_it_expires() {
    let fixture = Fixture::new().await;
    let started = fixture.begin("hello", NOW).await;
    let id = &fixture.conversation.id;
    let just_before = NOW + LEASE.checked_sub(Duration::from_millis(1)).unwrap();
    let locked = async |now| {
        let status = fixture.store.lock_status(id, None, now).await;
        status.unwrap().unwrap().locked
    };
    let expired = async |now| fixture.store.expired_holders(id, now).await.unwrap();

    let held = fixture.store.lock_status(id, None, NOW).await;
    let expected = LockStatus {
        locked: true,
        can_send: false,
        generation_id: Some(started.lease.generation_id.clone()),
        message_id: Some(started.lease.message_id.clone()),
        user_id: Some(fixture.store.user_id().clone()),
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
async fn the_release_reason_of_a_lock_can_be_read_later() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let holder = async || store.holders().await.unwrap().remove(0);

    let released = fixture.begin("released", NOW).await.lease;
    let done = store.finish(&released, None, &complete(), NOW).await;
    assert_eq!(done.unwrap(), FencedWrite::Written);
    let expired = fixture.begin("expired", NOW).await.lease;
    let done = store.expire(&holder().await, NOW + LEASE).await;
    assert_eq!(done.unwrap(), FencedWrite::Written);
    let recovered = fixture.begin("recovered", NOW).await.lease;
    let done = store.recover(&holder().await, NOW).await;
    assert_eq!(done.unwrap(), FencedWrite::Written);

    for (lease, reason) in [
        (released, LockReason::Released),
        (expired, LockReason::Expired),
        (recovered, LockReason::Recovered),
    ] {
        assert_eq!(store.release_reason(&lease).await.unwrap(), reason);
    }
}
