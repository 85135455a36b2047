//! Deleted branches: hidden from everything at once, and purged without what other branches continue from.

use std::path::Path;

use conch_model::{Branch, BranchId, FencedWrite, Message, MessageId, PageQuery};

use super::{Fixture, NOW, answering, complete, contents, started, turn_with};
use crate::{
    BeginOutcome, DeleteBranchOutcome, DeletedBranch, ForkOutcome, PurgeProgress, RenameOutcome,
    SelectOutcome, StartedTurn,
};

/// A word that occurs nowhere else, as the search index stores it.
const CANARY: &str = "zanzibarfish";

impl Fixture {
    /// Begins a turn on a branch.
    async fn begin_on(&self, branch: &BranchId, content: &str) -> BeginOutcome {
        let mut message = self.message(content);
        message.branch_id = Some(branch.clone());
        self.store.begin(&turn_with(message), NOW).await.unwrap()
    }

    /// Adds a complete turn to a branch, and returns its answer.
    pub(super) async fn talk_on(
        &self,
        branch: &BranchId,
        question: &str,
        answer: &str,
    ) -> MessageId {
        let started = started(self.begin_on(branch, question).await);
        self.answer_ends(&started, answer).await;
        started.lease.message_id
    }

    pub(super) async fn answer_ends(&self, started: &StartedTurn, answer: &str) {
        let (rest, ending) = (answer.into(), complete());
        let ended = self
            .store
            .finish(&started.lease, Some((0, &rest)), &ending, NOW);
        assert_eq!(ended.await.unwrap(), FencedWrite::Written);
    }

    pub(super) async fn forked(&self, at: &MessageId, name: &str) -> Branch {
        match self.store.fork_branch(at, Some(name), NOW).await.unwrap() {
            ForkOutcome::Forked(branch) => branch,
            other => panic!("expected a branch, got {other:?}"),
        }
    }

    pub(super) async fn delete_branch(&self, id: &BranchId) -> DeleteBranchOutcome {
        self.store.delete_branch(id, false, NOW).await.unwrap()
    }

    /// Purges every deleted branch, a few rows at a time.
    pub(super) async fn purge_branches(&self) -> Vec<DeletedBranch> {
        let deleted = self.store.deleted_branches().await.unwrap();
        for branch in &deleted {
            let purge = async || {
                let portion = self.store.portion().await.unwrap();
                portion.purge_branch(branch, 3).await.unwrap()
            };
            while purge().await == PurgeProgress::Remaining {}
        }
        for branch in &deleted {
            self.store.purge_branch_in_copies(branch).await.unwrap();
            self.store.end_branch_purge(branch).await.unwrap();
        }
        deleted
    }

    async fn latest(&self, branch: Option<&BranchId>) -> Vec<Message> {
        let page = self
            .store
            .messages(&self.conversation.id, branch, &PageQuery::Latest);
        page.await.unwrap().unwrap().messages
    }

    async fn names(&self) -> Vec<String> {
        let branches = self.store.branches(&self.conversation.id, NOW).await;
        let branches = branches.unwrap().unwrap();
        branches.into_iter().map(|branch| branch.name).collect()
    }

    pub(super) async fn count_of(&self, what: &str) -> i64 {
        let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {what}"));
        sqlx::query_scalar(count)
            .fetch_one(&self.store.writer)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn a_deleted_branch_takes_its_own_messages_and_no_others() {
    let fixture = Fixture::new().await;
    let main = fixture.conversation.main_branch_id.clone();
    let root = fixture.talk_on(&main, "one", "first").await;
    let side = fixture.forked(&root, "side").await;
    let shared = fixture.talk_on(&side.id, "two", "second").await;
    let leaf = fixture.forked(&shared, "leaf").await;
    fixture.talk_on(&side.id, "three", "third").await;
    let again = fixture.store.begin(&answering(&shared), NOW).await;
    let again = started(again.unwrap());
    fixture.answer_ends(&again, "another").await;
    let before = [
        fixture.latest(None).await,
        fixture.latest(Some(&leaf.id)).await,
    ];

    let deleted = fixture.delete_branch(&side.id).await;
    assert_eq!(deleted, DeleteBranchOutcome::Deleted);
    assert_eq!(fixture.names().await, ["main", "leaf"]);
    assert_eq!(fixture.purge_branches().await.len(), 1);
    assert!(fixture.purge_branches().await.is_empty(), "it is gone");

    assert_eq!(contents(&fixture.latest(None).await), contents(&before[0]));
    let kept = fixture.latest(Some(&leaf.id)).await;
    assert_eq!(contents(&kept), ["one", "first", "two", "second"]);
    assert_eq!(kept[3].versions.count, 1, "the other answer is gone");
    assert_eq!(fixture.count_of("messages").await, 4);
    assert_eq!(fixture.count_of("branches").await, 2);
    assert_eq!(fixture.count_of("generations").await, 2);
    fixture.talk_on(&leaf.id, "more", "again").await;
    let again = fixture.store.begin(&answering(&shared), NOW).await;
    assert!(
        matches!(again.unwrap(), BeginOutcome::Started(_)),
        "it belongs to the branch that goes on from it"
    );
}

#[tokio::test]
async fn a_branch_that_only_ends_with_a_message_keeps_it() {
    let fixture = Fixture::new().await;
    let main = fixture.conversation.main_branch_id.clone();
    let root = fixture.talk_on(&main, "one", "first").await;
    let [a, b] = [
        fixture.forked(&root, "a").await,
        fixture.forked(&root, "b").await,
    ];
    let end = fixture.talk_on(&a.id, "two", "second").await;
    let c = fixture.forked(&end, "c").await;
    fixture.delete_branch(&a.id).await;
    fixture.delete_branch(&b.id).await;
    assert_eq!(fixture.purge_branches().await.len(), 2);
    let kept = fixture.latest(Some(&c.id)).await;
    assert_eq!(contents(&kept), ["one", "first", "two", "second"]);

    fixture.delete_branch(&c.id).await;
    fixture.purge_branches().await;
    assert_eq!(fixture.count_of("messages").await, 2);
    assert_eq!(contents(&fixture.latest(None).await), ["one", "first"]);
}

#[tokio::test]
async fn a_deleted_branch_is_nowhere_and_main_cannot_be_deleted() {
    let fixture = Fixture::new().await;
    let (store, conversation) = (&fixture.store, &fixture.conversation);
    let main = conversation.main_branch_id.clone();
    let root = fixture.talk_on(&main, "one", "first").await;
    let side = fixture.forked(&root, "side").await;
    let own = fixture.talk_on(&side.id, "two", "second").await;
    assert_eq!(
        fixture.delete_branch(&main).await,
        DeleteBranchOutcome::Main
    );
    let unknown = BranchId::fresh();
    let outcome = fixture.delete_branch(&unknown).await;
    assert_eq!(outcome, DeleteBranchOutcome::NotFound);

    fixture.delete_branch(&side.id).await;
    let outcome = fixture.delete_branch(&side.id).await;
    assert_eq!(outcome, DeleteBranchOutcome::NotFound, "once");
    let id = &conversation.id;
    assert_eq!(store.branch(id, Some(&side.id)).await.unwrap(), None);
    let status = store.lock_status(id, Some(&side.id), NOW).await.unwrap();
    assert_eq!(status, None);
    let sent = fixture.begin_on(&side.id, "more").await;
    assert!(matches!(sent, BeginOutcome::NotFound(_)), "{sent:?}");
    let again = store.begin(&answering(&own), NOW).await.unwrap();
    assert!(matches!(again, BeginOutcome::NotFound(_)), "{again:?}");
    let selected = store.select_version(&own).await.unwrap();
    assert_eq!(selected, SelectOutcome::NotFound);
    let forked = store.fork_branch(&own, None, NOW).await.unwrap();
    assert_eq!(forked, ForkOutcome::NotFound);
    let renamed = store.rename_branch(&side.id, "x").await.unwrap();
    assert_eq!(renamed, RenameOutcome::NotFound);
    fixture.forked(&root, "side").await;
    assert_eq!(fixture.names().await, ["main", "side"], "its name is free");
}

#[tokio::test]
async fn a_branch_that_answers_is_deleted_once_the_answer_has_ended_or_its_process_is_gone() {
    let fixture = Fixture::new().await;
    let main = fixture.conversation.main_branch_id.clone();
    let root = fixture.talk_on(&main, "one", "first").await;
    let side = fixture.forked(&root, "side").await;
    let running = started(fixture.begin_on(&side.id, "two").await);
    let busy = DeleteBranchOutcome::Busy(running.accepted.generation_id.clone());
    assert_eq!(fixture.delete_branch(&side.id).await, busy);
    assert_eq!(fixture.names().await, ["main", "side"]);

    let forced = fixture.store.delete_branch(&side.id, true, NOW).await;
    assert_eq!(forced.unwrap(), DeleteBranchOutcome::Deleted);
    let late = fixture
        .store
        .append(&running.lease, 0, &"text".into())
        .await;
    assert_eq!(late.unwrap(), FencedWrite::Lost);
    fixture.purge_branches().await;
    assert_eq!(fixture.count_of("messages").await, 2);
    assert_eq!(
        fixture.count_of("generation_locks").await,
        1,
        "that of main"
    );
}

#[tokio::test]
async fn its_text_and_its_name_are_in_no_copy_afterwards() {
    let fixture = Fixture::new().await;
    let main = fixture.conversation.main_branch_id.clone();
    let root = fixture.talk_on(&main, "one", "first").await;
    let side = fixture.forked(&root, "zanzibar").await;
    let shared = fixture.talk_on(&side.id, "two", "second").await;
    let leaf = fixture.forked(&shared, "leaf").await;
    fixture.talk_on(&side.id, "three", CANARY).await;
    let cancel = tokio_util::sync::CancellationToken::new();
    let made = fixture.store.back_up_daily(NOW, cancel).await;
    let made = made.unwrap().expect("the first one is due").path;
    assert!(holds(&made, CANARY));

    fixture.delete_branch(&side.id).await;
    fixture.purge_branches().await;
    assert!(!holds(&made, CANARY) && !holds(&made, "zanzibar"));
    let copy = crate::Store::open(&made, false, NOW).await.unwrap();
    let page = copy.messages(&fixture.conversation.id, Some(&leaf.id), &PageQuery::Latest);
    let page = page.await.unwrap().unwrap().messages;
    assert_eq!(contents(&page), ["one", "first", "two", "second"]);
    copy.close().await;
}

#[tokio::test]
async fn a_branch_deleted_while_a_backup_is_made_is_not_in_it() {
    let fixture = Fixture::new().await;
    let main = fixture.conversation.main_branch_id.clone();
    let root = fixture.talk_on(&main, "one", "first").await;
    let side = fixture.forked(&root, "side").await;
    fixture.talk_on(&side.id, "two", CANARY).await;
    let copy = fixture.folder.path().join("made.db");
    let statement = sqlx::AssertSqlSafe(format!("VACUUM INTO '{}'", copy.display()));
    let made = sqlx::query(statement).execute(&fixture.store.writer);
    made.await.unwrap();
    fixture.delete_branch(&side.id).await;
    fixture.purge_branches().await;
    fixture.store.purge_gone_in(&copy).await.unwrap();
    assert!(!holds(&copy, CANARY));
}

fn holds(path: &Path, text: &str) -> bool {
    let bytes = std::fs::read(path).unwrap();
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}
