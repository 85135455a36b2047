//! The tree: edited messages, forks, names and the capacity.

use conch_model::{
    AttachmentId, BranchId, ConversationId, EditedMessage, Entity, FencedWrite, Message, MessageId,
    PageQuery, Role, TurnRequest, TurnTarget,
};

use super::{Fixture, NOW, complete, contents, instance, started};
use crate::{BeginOutcome, BeginTurn, ForkOutcome, RenameOutcome, SelectOutcome, StartedTurn};

impl Fixture {
    async fn turn_ended(&self, question: &str, answer: &str) -> StartedTurn {
        let started = self.begin(question, NOW).await;
        self.ended(&started, answer).await;
        started
    }

    async fn ended(&self, started: &StartedTurn, answer: &str) {
        let (rest, ending) = (answer.into(), complete());
        let ended = self
            .store
            .finish(&started.lease, Some((0, &rest)), &ending, NOW);
        assert_eq!(ended.await.unwrap(), FencedWrite::Written);
    }

    async fn edit(
        &self,
        id: &MessageId,
        content: &str,
        files: Option<Vec<AttachmentId>>,
    ) -> BeginOutcome {
        let edited = EditedMessage {
            message_id: id.clone(),
            content: content.to_owned(),
            attachments: files,
        };
        let request = TurnRequest {
            target: TurnTarget::Edit(edited),
            ..TurnRequest::answer(id)
        };
        let turn = BeginTurn::new(request, instance());
        self.store.begin(&turn, NOW).await.unwrap()
    }

    async fn on_main(&self) -> Vec<Message> {
        let view = self
            .store
            .get_conversation(&self.conversation.id, None, NOW);
        view.await.unwrap().unwrap().messages
    }
}

#[tokio::test]
async fn an_edited_message_stands_beside_the_old_one() {
    let fixture = Fixture::new().await;
    let first = fixture.turn_ended("one", "first").await;
    let last = fixture.turn_ended("two", "second").await;
    for (edited, parent) in [(&first, None), (&last, Some(&first.lease.message_id))] {
        let id = &edited.accepted.user_message_id;
        let before = fixture.store.select_version(id).await.unwrap();
        let SelectOutcome::Shown { head, .. } = before else {
            panic!("it is there");
        };
        let again = started(fixture.edit(id, "changed", None).await);
        assert_eq!(again.lease.branch_id, fixture.conversation.main_branch_id);
        fixture.ended(&again, "to it").await;
        let shown = fixture.on_main().await;
        let [.., message, answer] = &shown[..] else {
            panic!("both are shown");
        };
        assert_eq!(contents(&shown[shown.len() - 2..]), ["changed", "to it"]);
        assert_eq!(message.parent_id.as_ref(), parent);
        assert_eq!((message.versions.index, message.versions.count), (2, 2));
        assert_eq!(message.versions.ids[0], *id);
        assert_eq!(answer.parent_id.as_ref(), Some(&message.id));
        let back = fixture.store.select_version(id).await.unwrap();
        assert!(matches!(back, SelectOutcome::Shown { head: shown, .. } if shown == head));
    }
}

#[tokio::test]
async fn an_edited_message_has_the_files_that_it_names() {
    let fixture = Fixture::new().await;
    let (kept, dropped) = (
        fixture.attach_text("kept.txt").await,
        fixture.attach_text("dropped.txt").await,
    );
    let mut turn = fixture.turn("one");
    if let TurnTarget::Message(message) = &mut turn.request.target {
        message.attachments = vec![kept.clone(), dropped];
    }
    let first = started(fixture.store.begin(&turn, NOW).await.unwrap());
    fixture.ended(&first, "first").await;
    let id = &first.accepted.user_message_id;
    let names = async || {
        let shown = fixture.on_main().await;
        let files = shown[0].attachments.iter();
        files.map(|file| file.name.clone()).collect::<Vec<_>>()
    };

    let same = started(fixture.edit(id, "the same files", None).await);
    fixture.ended(&same, "fine").await;
    assert_eq!(names().await, ["kept.txt", "dropped.txt"]);

    let new = fixture.attach_text("new.txt").await;
    let files = Some(vec![new.clone(), kept.clone()]);
    let other = started(fixture.edit(id, "other files", files).await);
    fixture.ended(&other, "fine").await;
    assert_eq!(names().await, ["new.txt", "kept.txt"]);

    for refused in [
        vec![new],
        vec![kept.clone(), kept],
        vec![AttachmentId::fresh()],
    ] {
        let refused = fixture.edit(id, "no", Some(refused)).await;
        assert_eq!(refused, BeginOutcome::AttachmentGone);
    }
    assert_eq!(
        fixture.on_main().await[0].versions.count,
        3,
        "nothing was stored"
    );
    fixture.store.select_version(id).await.unwrap();
    assert_eq!(
        names().await,
        ["kept.txt", "dropped.txt"],
        "as they were sent"
    );
}

#[tokio::test]
async fn what_cannot_be_edited_changes_nothing() {
    let fixture = Fixture::new().await;
    let first = fixture.turn_ended("one", "first").await;
    let answer = fixture.edit(&first.lease.message_id, "no", None).await;
    assert_eq!(answer, BeginOutcome::NotEditable);
    let gone = fixture.edit(&MessageId::fresh(), "no", None).await;
    assert_eq!(gone, BeginOutcome::NotFound(Entity::Message));
    let writing = fixture.begin("two", NOW).await;
    let busy = fixture
        .edit(&first.accepted.user_message_id, "no", None)
        .await;
    let branch_id = writing.lease.branch_id.clone();
    assert_eq!(busy, BeginOutcome::Busy { branch_id });
    let users = fixture
        .on_main()
        .await
        .into_iter()
        .filter(|message| message.role == Role::User);
    assert_eq!(users.count(), 2);
}

#[tokio::test]
async fn a_fork_is_a_branch_with_a_lock_of_its_own() {
    let fixture = Fixture::new().await;
    let first = fixture.turn_ended("one", "first").await;
    fixture.turn_ended("two", "second").await;
    let store = &fixture.store;
    let forked = store
        .fork_branch(&first.lease.message_id, Some("Another way"), NOW)
        .await
        .unwrap();
    let ForkOutcome::Forked(branch) = forked else {
        panic!("{forked:?}");
    };
    assert_eq!(branch.name, "Another way");
    assert_eq!(
        branch.head_message_id.as_ref(),
        Some(&first.lease.message_id)
    );
    assert_eq!(branch.forked_from, branch.head_message_id);
    let taken = store
        .fork_branch(&first.lease.message_id, Some("Another way"), NOW)
        .await
        .unwrap();
    assert_eq!(taken, ForkOutcome::NameTaken);
    let gone = store
        .fork_branch(&MessageId::fresh(), None, NOW)
        .await
        .unwrap();
    assert_eq!(gone, ForkOutcome::NotFound);

    let on = |branch: &conch_model::BranchId, content: &str| {
        let mut turn = fixture.turn(content);
        if let TurnTarget::Message(message) = &mut turn.request.target {
            message.branch_id = Some(branch.clone());
        }
        turn
    };
    let writing = started(store.begin(&on(&branch.id, "three"), NOW).await.unwrap());
    let fork = store
        .fork_branch(&writing.lease.message_id, None, NOW)
        .await
        .unwrap();
    assert_eq!(fork, ForkOutcome::Busy(branch.id.clone()));
    let id = &fixture.conversation.id;
    let locked = async || {
        let branches = store.branches(id, NOW).await.unwrap().unwrap();
        branches
            .into_iter()
            .map(|branch| (branch.name, branch.locked))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        locked().await,
        [("main".to_owned(), false), ("Another way".to_owned(), true)]
    );
    let full = store.begin(&fixture.turn("four"), NOW).await.unwrap();
    let branch_id = branch.id.clone();
    assert_eq!(
        full,
        BeginOutcome::Busy { branch_id },
        "the other branch uses up the capacity"
    );

    assert!(store.set_max_parallel(id, 2).await.unwrap());
    let beside = started(store.begin(&fixture.turn("four"), NOW).await.unwrap());
    assert_ne!(beside.lease.branch_id, writing.lease.branch_id);
    let own = store.begin(&on(&branch.id, "five"), NOW).await.unwrap();
    assert_eq!(
        own,
        BeginOutcome::Busy {
            branch_id: branch.id.clone()
        }
    );
    fixture.ended(&beside, "fourth").await;
    fixture.ended(&writing, "third").await;
    assert_eq!(contents(&fixture.on_main().await).last().unwrap(), "fourth");
    let unknown = conch_model::ConversationId::fresh();
    assert!(!store.set_max_parallel(&unknown, 2).await.unwrap());
    assert_eq!(
        store.branches(&unknown, NOW).await.unwrap(),
        Err(Entity::Conversation)
    );
}

#[tokio::test]
async fn a_branch_has_a_name_that_no_other_has() {
    let fixture = Fixture::new().await;
    let first = fixture.turn_ended("one", "first").await;
    let store = &fixture.store;
    let ForkOutcome::Forked(one) = store
        .fork_branch(&first.lease.message_id, None, NOW)
        .await
        .unwrap()
    else {
        panic!("it is there");
    };
    let ForkOutcome::Forked(two) = store
        .fork_branch(&first.lease.message_id, None, NOW)
        .await
        .unwrap()
    else {
        panic!("it is there");
    };
    assert_eq!(
        (one.name.as_str(), two.name.as_str()),
        ("Branch 2", "Branch 3")
    );
    let rename = async |id, name| store.rename_branch(id, name).await.unwrap();
    assert_eq!(rename(&one.id, "Short").await, RenameOutcome::Renamed);
    assert_eq!(
        rename(&one.id, "Short").await,
        RenameOutcome::Renamed,
        "its own"
    );
    assert_eq!(rename(&two.id, "Short").await, RenameOutcome::NameTaken);
    assert_eq!(rename(&two.id, "main").await, RenameOutcome::NameTaken);
    assert_eq!(
        rename(&fixture.conversation.main_branch_id, "x").await,
        RenameOutcome::Main
    );
    assert_eq!(
        rename(&conch_model::BranchId::fresh(), "x").await,
        RenameOutcome::NotFound
    );
}

#[tokio::test]
async fn a_version_is_read_as_it_would_be_selected_while_an_answer_is_running() {
    let fixture = Fixture::new().await;
    let (store, conversation) = (&fixture.store, &fixture.conversation.id);
    let first = fixture.turn_ended("one", "first").await;
    let last = fixture.turn_ended("two", "second").await;
    let id = &first.accepted.user_message_id;
    let again = started(fixture.edit(id, "changed", None).await);
    fixture.ended(&again, "to it").await;
    let running = fixture.begin("three", NOW).await;
    let view = store.get_conversation(conversation, None, NOW);
    let before = view.await.unwrap();

    let read = async |version: &MessageId, part: PageQuery| {
        let page = store.messages_of_version(conversation, None, version, &part);
        page.await.unwrap().unwrap()
    };
    let page = read(id, PageQuery::Around(id.clone())).await;
    assert_eq!(contents(&page.messages), ["one", "first", "two", "second"]);
    assert!(!page.has_earlier && !page.has_later && !page.of_branch);
    assert_eq!(read(id, PageQuery::Latest).await, page);
    let after = read(id, PageQuery::After(id.clone())).await;
    assert_eq!(contents(&after.messages), ["first", "two", "second"]);
    let end = last.lease.message_id.clone();
    let earlier = read(id, PageQuery::Before(end)).await;
    assert_eq!(contents(&earlier.messages), ["one", "first", "two"]);
    assert!(earlier.has_later);

    let own = &again.accepted.user_message_id;
    let own = read(own, PageQuery::Around(own.clone())).await;
    assert_eq!(contents(&own.messages), ["changed", "to it", "three", ""]);
    assert!(own.of_branch, "the branch shows it");
    let view = store.get_conversation(conversation, None, NOW);
    assert_eq!(view.await.unwrap(), before, "its head, its lock, all of it");

    fixture.ended(&running, "third").await;
    let selected = store.select_version(id).await.unwrap();
    assert!(matches!(selected, SelectOutcome::Shown { .. }));
    assert_eq!(fixture.on_main().await, page.messages);
}

#[tokio::test]
async fn a_version_that_is_not_there_is_not_read() {
    let fixture = Fixture::new().await;
    let (store, conversation) = (&fixture.store, &fixture.conversation.id);
    let first = fixture.turn_ended("one", "first").await;
    let id = &first.accepted.user_message_id;
    let other = store.create_conversation(None, None, NOW).await.unwrap();
    let read = async |conversation: &ConversationId, branch: Option<&BranchId>, id: &MessageId| {
        let latest = PageQuery::Latest;
        let page = store.messages_of_version(conversation, branch, id, &latest);
        page.await.unwrap().unwrap_err()
    };
    let unknown = MessageId::fresh();
    assert_eq!(read(conversation, None, &unknown).await, Entity::Message);
    assert_eq!(read(&other.id, None, id).await, Entity::Message);
    let branch = BranchId::fresh();
    let missing = read(conversation, Some(&branch), id).await;
    assert_eq!(missing, Entity::Branch);
    let gone = ConversationId::fresh();
    assert_eq!(read(&gone, None, id).await, Entity::Conversation);
}
