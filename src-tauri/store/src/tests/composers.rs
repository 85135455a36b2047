//! Composers: each branch has its own draft and its own files, until they are sent or the branch is deleted.

use std::path::Path;

use conch_model::{AttachmentId, BranchId, Composer, NewMessage};

use super::attachments::text;
use super::{Fixture, NOW, started, turn_with};
use crate::{AttachOutcome, BeginOutcome, DeleteBranchOutcome, Store, salvage};

/// A composer's draft, and the names of its files.
type Contents = (String, Vec<String>);

fn waiting(draft: &str, files: &[&str]) -> Contents {
    let files = files.iter().map(|name| (*name).to_owned());
    (draft.to_owned(), files.collect())
}

impl Fixture {
    fn composer(&self, branch: Option<&BranchId>) -> Composer {
        Composer::Branch {
            conversation_id: self.conversation.id.clone(),
            branch_id: branch.cloned(),
        }
    }

    async fn write_on(&self, branch: Option<&BranchId>, text: &str) -> bool {
        let composer = self.composer(branch);
        let profile = self.store.profile();
        profile.save_draft(&composer, text, NOW).await.unwrap()
    }

    async fn attach_on(&self, branch: Option<&BranchId>, name: &str) -> AttachmentId {
        let file = text(name, self.composer(branch));
        let attached = self.store.attach(&file, NOW).await.unwrap();
        assert_eq!(attached, AttachOutcome::Attached);
        file.summary.id
    }

    async fn composer_of(&self, branch: Option<&BranchId>) -> Contents {
        contents_of(&self.store, self, branch).await
    }

    async fn send_on(
        &self,
        branch: &BranchId,
        text: &str,
        files: &[&AttachmentId],
    ) -> BeginOutcome {
        let message = NewMessage {
            branch_id: Some(branch.clone()),
            attachments: files.iter().map(|id| (*id).clone()).collect(),
            ..self.message(text)
        };
        self.store.begin(&turn_with(message), NOW).await.unwrap()
    }
}

async fn contents_of(store: &Store, of: &Fixture, branch: Option<&BranchId>) -> Contents {
    let view = store.get_conversation(&of.conversation.id, branch, NOW);
    let view = view.await.unwrap().unwrap();
    let listed = store.draft_attachments(&of.composer(branch)).await.unwrap();
    assert_eq!(view.attachments, listed);
    let files = listed.into_iter().map(|file| file.name);
    (view.draft, files.collect())
}

#[tokio::test]
async fn each_branch_has_its_own_and_a_new_one_is_empty() {
    let fixture = Fixture::new().await;
    let main = fixture.conversation.main_branch_id.clone();
    let root = fixture.talk_on(&main, "one", "first").await;
    assert!(fixture.write_on(None, "on main").await);
    fixture.attach_on(None, "main.txt").await;

    let side = fixture.forked(&root, "side").await.id;
    assert_eq!(fixture.composer_of(Some(&side)).await, waiting("", &[]));
    assert!(fixture.write_on(Some(&side), "on the side").await);
    fixture.attach_on(Some(&side), "side.txt").await;

    let fixture = fixture.reopen().await;
    let on_main = waiting("on main", &["main.txt"]);
    assert_eq!(fixture.composer_of(None).await, on_main);
    assert_eq!(fixture.composer_of(Some(&main)).await, on_main, "by its id");
    let on_side = waiting("on the side", &["side.txt"]);
    assert_eq!(fixture.composer_of(Some(&side)).await, on_side);
}

#[tokio::test]
async fn a_send_takes_what_waits_on_its_branch_alone() {
    let fixture = Fixture::new().await;
    let main = fixture.conversation.main_branch_id.clone();
    let root = fixture.talk_on(&main, "one", "first").await;
    let side = fixture.forked(&root, "side").await.id;
    for branch in [&main, &side] {
        assert!(fixture.write_on(Some(branch), "the same").await);
    }
    let on_main = fixture.attach_on(Some(&main), "main.txt").await;
    let on_side = fixture.attach_on(Some(&side), "side.txt").await;

    let refused = fixture.send_on(&side, "the same", &[&on_main]).await;
    assert_eq!(refused, BeginOutcome::AttachmentGone);
    let sent = fixture.send_on(&side, "the same", &[&on_side]).await;
    fixture.answer_ends(&started(sent), "second").await;
    assert_eq!(fixture.composer_of(Some(&side)).await, waiting("", &[]));
    let kept = waiting("the same", &["main.txt"]);
    assert_eq!(fixture.composer_of(Some(&main)).await, kept);
}

#[tokio::test]
async fn a_branch_that_is_not_there_has_no_composer() {
    let fixture = Fixture::new().await;
    let unknown = BranchId::fresh();
    assert!(!fixture.write_on(Some(&unknown), "text").await);
    let file = text("a.txt", fixture.composer(Some(&unknown)));
    let attached = fixture.store.attach(&file, NOW).await.unwrap();
    assert_eq!(attached, AttachOutcome::NoBranch);
    let other = fixture.store.create_conversation(None, None, NOW).await;
    let elsewhere = other.unwrap().main_branch_id;
    let of_another = fixture.write_on(Some(&elsewhere), "text").await;
    assert!(!of_another, "a branch of another conversation");
}

#[tokio::test]
async fn what_waits_on_a_deleted_branch_is_gone_everywhere() {
    const CANARY: &str = "zanzibarfish";
    let fixture = Fixture::new().await;
    let main = fixture.conversation.main_branch_id.clone();
    let root = fixture.talk_on(&main, "one", "first").await;
    let side = fixture.forked(&root, "side").await.id;
    fixture.write_on(None, "on main").await;
    fixture.attach_on(None, "main.txt").await;
    fixture.write_on(Some(&side), CANARY).await;
    let files = [
        fixture.attach_on(Some(&side), CANARY).await,
        fixture.attach_on(Some(&side), CANARY).await,
    ];
    let cancel = tokio_util::sync::CancellationToken::new();
    let backup = fixture.store.back_up_daily(NOW, cancel).await;
    let backup = backup.unwrap().expect("the first one is due").path;
    assert!(holds(&backup, CANARY));

    let deleted = fixture.delete_branch(&side).await;
    assert_eq!(deleted, DeleteBranchOutcome::Deleted);
    assert!(!fixture.write_on(Some(&side), "late").await);
    let hidden = fixture.store.attachment(&files[0]).await.unwrap();
    assert_eq!(hidden, None, "before it is purged");
    fixture.purge_branches().await;
    assert_eq!(fixture.count_of("drafts").await, 1);
    assert_eq!(fixture.count_of("attachments").await, 1);
    assert!(!holds(&backup, CANARY));
    let copy = Store::open(&backup, false, NOW).await.unwrap();
    let kept = waiting("on main", &["main.txt"]);
    assert_eq!(contents_of(&copy, &fixture, None).await, kept);
    copy.close().await;
}

#[tokio::test]
async fn undo_of_a_deleted_conversation_restores_every_composer() {
    let fixture = Fixture::new().await;
    let main = fixture.conversation.main_branch_id.clone();
    let root = fixture.talk_on(&main, "one", "first").await;
    let side = fixture.forked(&root, "side").await.id;
    fixture.write_on(None, "on main").await;
    fixture.write_on(Some(&side), "on the side").await;
    fixture.attach_on(Some(&side), "side.txt").await;

    let id = &fixture.conversation.id;
    assert!(fixture.store.delete_conversation(id, NOW).await.unwrap());
    assert!(!fixture.write_on(Some(&side), "late").await);
    assert!(fixture.store.restore_conversation(id).await.unwrap());
    assert_eq!(fixture.composer_of(None).await, waiting("on main", &[]));
    let on_side = waiting("on the side", &["side.txt"]);
    assert_eq!(fixture.composer_of(Some(&side)).await, on_side);
}

#[tokio::test]
async fn a_copy_keeps_the_draft_that_its_branch_still_has() {
    let fixture = Fixture::new().await;
    let main = fixture.conversation.main_branch_id.clone();
    let root = fixture.talk_on(&main, "one", "first").await;
    let side = fixture.forked(&root, "side").await.id;
    fixture.write_on(None, "both").await;
    fixture.write_on(Some(&side), "both").await;
    let cancel = tokio_util::sync::CancellationToken::new();
    let backup = fixture.store.back_up_daily(NOW, cancel).await;
    let backup = backup.unwrap().expect("the first one is due").path;
    fixture.write_on(None, "both and more").await;
    fixture.write_on(Some(&side), "").await;
    fixture.store.purge_unsent_in_copies().await.unwrap();
    let copy = Store::open(&backup, false, NOW).await.unwrap();
    let on_main = contents_of(&copy, &fixture, None).await;
    assert_eq!(on_main, waiting("both", &[]));
    let on_side = contents_of(&copy, &fixture, Some(&side)).await;
    assert_eq!(on_side, waiting("", &[]));
    copy.close().await;
}

#[tokio::test]
async fn salvage_gives_what_waits_on_a_lost_branch_to_main() {
    let fixture = Fixture::new().await;
    let main = fixture.conversation.main_branch_id.clone();
    let root = fixture.talk_on(&main, "one", "first").await;
    let side = fixture.forked(&root, "side").await.id;
    let lost = fixture.forked(&root, "lost").await.id;
    for (branch, text) in [(&main, "on main"), (&side, "on the side"), (&lost, "lost")] {
        fixture.write_on(Some(branch), text).await;
    }
    fixture.attach_on(Some(&side), "side.txt").await;
    fixture.attach_on(Some(&lost), "lost.txt").await;
    let other = Fixture {
        conversation: fixture
            .store
            .create_conversation(None, None, NOW)
            .await
            .unwrap(),
        folder: tempfile::tempdir().unwrap(),
        store: fixture.store.clone(),
    };
    let other_main = other.conversation.main_branch_id.clone();
    other.write_on(None, "alone").await;
    let statement = format!(
        "PRAGMA foreign_keys = OFF; DELETE FROM branches WHERE id IN ('{lost}', '{other_main}');
         PRAGMA foreign_keys = ON"
    );
    fixture.store.execute(&statement).await;
    let folder = salvage::new_folder(fixture.folder.path(), NOW).unwrap();
    let saved = salvage::salvage(&fixture.path(), &folder, NOW).await;
    assert_eq!(saved.unwrap().conversations, 2);
    let saved = Store::open(&folder.join("conch.db"), true, NOW).await;
    let saved = saved.unwrap();
    let on_main = waiting("on main\nlost", &["lost.txt"]);
    assert_eq!(contents_of(&saved, &fixture, None).await, on_main);
    let on_side = waiting("on the side", &["side.txt"]);
    assert_eq!(contents_of(&saved, &fixture, Some(&side)).await, on_side);
    let alone = contents_of(&saved, &other, None).await;
    assert_eq!(alone, waiting("alone", &[]));
    saved.close().await;
}

fn holds(path: &Path, text: &str) -> bool {
    let bytes = std::fs::read(path).unwrap();
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}
