//! Versions of an answer: which one is shown after a failed regeneration, and that none hides the messages
//! after it.

use std::time::Duration;

use conch_model::{
    BranchId, Ending, FencedWrite, LEASE, Message, MessageError, MessageId, MessageStatus,
    Timestamp,
};
use sqlx::AssertSqlSafe;

use super::answering;
use super::{Fixture, NOW, complete};
use crate::{BeginOutcome, SelectOutcome, StartedTurn};

const LATER: Timestamp = Timestamp::from_millis(NOW.as_millis() + 3_600_000);

impl Fixture {
    async fn answered(&self, question: &str, answer: &str) -> StartedTurn {
        let started = self.begin(question, NOW).await;
        self.end(&started, answer, &complete()).await;
        started
    }

    async fn end(&self, started: &StartedTurn, text: &str, ending: &Ending) {
        let rest = (!text.is_empty()).then(|| text.into());
        let rest = rest.as_ref().map(|piece| (0, piece));
        let ended = self.store.finish(&started.lease, rest, ending, NOW).await;
        assert_eq!(ended.unwrap(), FencedWrite::Written);
    }

    async fn failed(&self, question: &str) -> StartedTurn {
        let started = self.begin(question, NOW).await;
        self.end(&started, "", &failed()).await;
        started
    }

    async fn ask_again(&self, message_id: &MessageId) -> BeginOutcome {
        let answer = answering(message_id);
        self.store.begin(&answer, NOW).await.unwrap()
    }

    async fn again(&self, message_id: &MessageId) -> StartedTurn {
        match self.ask_again(message_id).await {
            BeginOutcome::Started(started) => *started,
            other => panic!("expected the lock, got {other:?}"),
        }
    }

    async fn shown(&self, branch: Option<&BranchId>) -> Vec<Message> {
        let view = self
            .store
            .get_conversation(&self.conversation.id, branch, NOW);
        view.await.unwrap().unwrap().messages
    }

    async fn last(&self) -> Message {
        self.shown(None).await.pop().unwrap()
    }
}

fn failed() -> Ending {
    let error = MessageError {
        code: "unreachable".to_owned(),
        message: "Nothing listens there".to_owned(),
    };
    Ending::new(MessageStatus::Failed, Some(error))
}

fn stopped() -> Ending {
    Ending::new(MessageStatus::Stopped, None)
}

fn interrupted() -> Ending {
    Ending::interrupted("quit", "Conch was closed")
}

/// How the existing answer ended, how the new one does, and whether the existing one is shown then.
#[tokio::test]
async fn the_better_answer_is_shown_when_answering_again_ends() {
    let half = "half of it";
    for (before, before_text, then, then_text, is_kept) in [
        (complete(), "good", failed(), "", true),
        (complete(), "good", failed(), half, true),
        (complete(), "good", interrupted(), "", true),
        (complete(), "good", interrupted(), half, true),
        (complete(), "good", stopped(), "", true),
        // A stop in the middle is the user's choice.
        (complete(), "good", stopped(), half, false),
        (complete(), "good", complete(), "better", false),
        (complete(), "good", complete(), "", false),
        (complete(), "", failed(), "", true),
        (complete(), "", interrupted(), half, false),
        (stopped(), half, failed(), "", true),
        (interrupted(), half, failed(), half, false),
        (failed(), half, stopped(), "", true),
        (failed(), "", failed(), "", false),
        (failed(), "", interrupted(), half, false),
    ] {
        let fixture = Fixture::new().await;
        let first = fixture.begin("question", NOW).await;
        fixture.end(&first, before_text, &before).await;
        let second = fixture.again(&first.lease.message_id).await;
        assert_eq!(fixture.last().await.id, second.lease.message_id);
        fixture.end(&second, then_text, &then).await;

        let last = fixture.last().await;
        let case = format!("{before:?} {before_text:?}, then {then:?} {then_text:?}");
        let expected = if is_kept { &first } else { &second };
        assert_eq!(last.id, expected.lease.message_id, "{case}");
        let tried = last.failed_version;
        assert_eq!(tried.is_some(), is_kept, "{case}");
        if let Some(tried) = tried {
            assert_eq!(tried.message_id, second.lease.message_id, "{case}");
            assert_eq!(
                (tried.status, tried.error),
                (then.status, then.error.clone())
            );
            assert_eq!(tried.has_text, !then_text.is_empty(), "{case}");
        }
        let ids = [first.lease.message_id, second.lease.message_id];
        assert_eq!((last.versions.count, &*last.versions.ids), (2, &ids[..]));
        assert_eq!(last.versions.index, if is_kept { 1 } else { 2 }, "{case}");
    }
}

#[tokio::test]
async fn an_abandoned_answer_restores_the_previous_version() {
    for free in ["expire", "recover", "take"] {
        let fixture = Fixture::new().await;
        let good = fixture.answered("question", "good").await;
        let lost = fixture.again(&good.accepted.user_message_id).await;
        let piece = "half of it".into();
        let saved = fixture.store.append(&lost.lease, 0, &piece).await.unwrap();
        assert_eq!(saved, FencedWrite::Written);
        let holder = fixture.store.holders().await.unwrap().remove(0);
        let expired = NOW + LEASE + Duration::from_secs(1);
        let (freed, shown) = match free {
            "expire" => (fixture.store.expire(&holder, expired).await, 2),
            "recover" => (fixture.store.recover(&holder, NOW).await, 2),
            _ => {
                let turn = fixture.turn("next");
                let begun = fixture.store.begin(&turn, expired).await.unwrap();
                assert!(matches!(begun, BeginOutcome::Started(_)));
                (Ok(FencedWrite::Written), 4)
            }
        };
        assert_eq!(freed.unwrap(), FencedWrite::Written);
        let messages = fixture.shown(None).await;
        assert_eq!(messages.len(), shown, "{free}");
        assert_eq!(messages[1].id, good.lease.message_id, "{free}");
        let tried = messages[1].failed_version.as_ref();
        assert_eq!(tried.unwrap().message_id, lost.lease.message_id, "{free}");
    }
}

#[tokio::test]
async fn what_became_of_an_attempt_is_said_until_another_one_ends_well() {
    let fixture = Fixture::new().await;
    let good = fixture.answered("question", "good").await;
    let id = &good.lease.message_id;
    for _ in 0..2 {
        let bad = fixture.again(id).await;
        fixture.end(&bad, "", &failed()).await;
        let tried = fixture.last().await.failed_version.unwrap();
        assert_eq!(tried.message_id, bad.lease.message_id, "the newest");
    }
    let better = fixture.again(id).await;
    fixture.end(&better, "better", &complete()).await;
    let last = fixture.last().await;
    assert_eq!((&last.content()[..], last.versions.index), ("better", 4));
    assert_eq!(last.failed_version, None);
    fixture.store.select_version(id).await.unwrap();
    let last = fixture.last().await;
    assert_eq!((&last.content()[..], last.failed_version), ("good", None));
}

#[tokio::test]
async fn a_version_is_shown_with_what_followed_it() {
    let fixture = Fixture::new().await;
    let first = fixture.answered("question", "first").await;
    let main = &fixture.conversation.main_branch_id;
    fixture.answered("and then?", "then").await;
    let end = fixture.answered("and then?", "the end").await;
    let bad = fixture.again(&end.lease.message_id).await;
    fixture.end(&bad, "", &failed()).await;
    let chosen = |head: &MessageId| SelectOutcome::Shown {
        branch_id: main.clone(),
        head: head.clone(),
    };
    let select = async |id: &MessageId| fixture.store.select_version(id).await.unwrap();

    assert_eq!(
        select(&bad.lease.message_id).await,
        chosen(&bad.lease.message_id)
    );
    assert_eq!(
        fixture.last().await.status,
        MessageStatus::Failed,
        "it was named"
    );
    let from_the_first = select(&first.lease.message_id).await;
    assert_eq!(
        from_the_first,
        chosen(&end.lease.message_id),
        "the newest good end"
    );
    assert_eq!(select(&MessageId::fresh()).await, SelectOutcome::NotFound);

    // Versions on another branch belong to that branch.
    let question = &first.accepted.user_message_id;
    fixture
        .store
        .fork_branch(question, None, NOW)
        .await
        .unwrap();
    let elsewhere = fixture.again(question).await;
    assert_ne!(&elsewhere.lease.branch_id, main, "it ends at the question");
    fixture.end(&elsewhere, "elsewhere", &complete()).await;
    let from_the_question = select(&first.accepted.user_message_id).await;
    assert_eq!(from_the_question, chosen(&end.lease.message_id));
    let SelectOutcome::Shown {
        branch_id, head, ..
    } = select(&elsewhere.lease.message_id).await
    else {
        panic!("it is there");
    };
    assert_eq!(
        (branch_id, head),
        (elsewhere.lease.branch_id, elsewhere.lease.message_id)
    );

    let writing = fixture.begin("one more", NOW).await;
    let busy = SelectOutcome::Busy(main.clone());
    assert_eq!(select(&first.lease.message_id).await, busy);
    fixture.end(&writing, "done", &complete()).await;
    assert_eq!(
        select(&first.lease.message_id).await,
        chosen(&writing.lease.message_id)
    );
}

#[tokio::test]
async fn another_answer_to_an_earlier_message_stays_on_its_branch() {
    let fixture = Fixture::new().await;
    let first = fixture.answered("one", "first").await;
    let last = fixture.answered("two", "second").await;
    let targets = [&first.lease.message_id, &first.accepted.user_message_id];
    for (n, target) in targets.into_iter().enumerate() {
        let other = fixture.again(target).await;
        assert_eq!(
            other.lease.branch_id, fixture.conversation.main_branch_id,
            "it takes that branch's lock"
        );
        fixture.end(&other, "other", &complete()).await;
        let shown = fixture.last().await;
        assert_eq!(shown.id, other.lease.message_id);
        assert_eq!(shown.versions.count, u32::try_from(n).unwrap() + 2);
        let back = fixture.store.select_version(&first.lease.message_id).await;
        let SelectOutcome::Shown { head, .. } = back.unwrap() else {
            panic!("it is there");
        };
        assert_eq!(head, last.lease.message_id, "with what followed");
    }
    let refused = fixture.again(&first.lease.message_id).await;
    fixture.end(&refused, "", &failed()).await;
    let shown = fixture.shown(None).await;
    assert_eq!(shown.last().unwrap().id, last.lease.message_id, "as before");
    let refusal = shown[1].failed_version.as_ref().unwrap();
    assert_eq!(refusal.message_id, refused.lease.message_id);
}

#[tokio::test]
async fn a_retry_of_an_earlier_answer_hides_nothing() {
    let fixture = Fixture::new().await;
    let first = fixture.failed("one").await;
    let second = fixture.failed("two").await;
    fixture.answered("three", "third").await;
    let ids = async |branch: Option<&BranchId>| {
        let shown = fixture.shown(branch).await.into_iter();
        shown.map(|message| message.id).collect::<Vec<_>>()
    };
    let before = ids(None).await;
    let targets = [&first.lease.message_id, &second.lease.message_id];
    for (n, target) in targets.into_iter().enumerate() {
        let other = fixture.again(target).await;
        let branch = &other.accepted.branch_id;
        assert_eq!(branch, &other.lease.branch_id);
        assert_ne!(branch, &fixture.conversation.main_branch_id);
        assert_eq!(ids(None).await, before, "nothing moved");
        let lock = fixture
            .store
            .lock_status(&fixture.conversation.id, None, NOW);
        let lock = lock.await.unwrap().unwrap();
        assert_eq!(
            (lock.locked, lock.can_send),
            (false, false),
            "one at a time"
        );
        let ending = if n == 0 { complete() } else { failed() };
        fixture.end(&other, "", &ending).await;
        assert_eq!(ids(None).await, before, "nor does its end");
        let there = ids(Some(branch)).await;
        assert_eq!(there.last(), Some(&other.lease.message_id));
        let names = sqlx::query_scalar("SELECT name FROM branches ORDER BY created_at, rowid");
        let names: Vec<String> = names.fetch_all(&fixture.store.writer).await.unwrap();
        assert_eq!(names.len(), n + 2);
        assert_eq!(names.last().unwrap(), &format!("Branch {}", n + 2));
    }
    // There it is the last turn, and stays on its branch.
    let other = fixture.again(&first.lease.message_id).await;
    fixture.end(&other, "fine", &complete()).await;
    let again = fixture.again(&other.lease.message_id).await;
    assert_eq!(again.accepted.branch_id, other.accepted.branch_id);
}

#[tokio::test]
async fn a_retry_that_is_refused_leaves_no_branch() {
    let fixture = Fixture::new().await;
    let first = fixture.failed("one").await;
    let writing = fixture.begin("two", NOW).await;
    assert_eq!(
        fixture.ask_again(&first.lease.message_id).await,
        BeginOutcome::Busy {
            branch_id: writing.lease.branch_id.clone()
        }
    );
    let count = async |what: &str| -> i64 {
        let count = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {what}")));
        count.fetch_one(&fixture.store.writer).await.unwrap()
    };
    assert_eq!(count("branches").await, 1);
    let refused = "generation_attempts WHERE outcome = 'refused' AND branch_id IS NOT NULL";
    assert_eq!(count(refused).await, 1, "and is counted where it was asked");
    fixture.end(&writing, "second", &complete()).await;

    let allowed = sqlx::query("UPDATE conversations SET max_parallel = 2");
    allowed.execute(&fixture.store.writer).await.unwrap();
    let writing = fixture.begin("three", LATER).await;
    let beside = fixture.again(&first.lease.message_id).await;
    assert_ne!(beside.lease.branch_id, writing.lease.branch_id);
    assert!(matches!(
        fixture.ask_again(&first.lease.message_id).await,
        BeginOutcome::Busy { .. }
    ));
    assert_eq!(count("branches").await, 2);
}
