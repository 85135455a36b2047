//! The shape of the tree, as the map shows it.

use conch_model::{
    Branch, BranchId, Entity, FencedWrite, MessageId, MessageStatus, PauseReason, Role, Tree,
    TreeNode, TurnRequest,
};

use super::queue::queueing;
use super::{Fixture, NOW, answering, complete, instance, started, turn_with};
use crate::{
    BeginOutcome, BeginTurn, DeleteBranchOutcome, ForkOutcome, SelectOutcome, StartedTurn,
};

impl Fixture {
    async fn tree(&self) -> Tree {
        let tree = self.store.tree(&self.conversation.id, NOW).await;
        tree.unwrap().unwrap()
    }

    async fn turn_on(
        &self,
        branch: Option<&BranchId>,
        question: &str,
        answer: &str,
    ) -> StartedTurn {
        let mut message = self.message(question);
        message.branch_id = branch.cloned();
        let turn = started(self.store.begin(&turn_with(message), NOW).await.unwrap());
        self.turn_ends(&turn, answer).await;
        turn
    }

    async fn turn_ends(&self, turn: &StartedTurn, answer: &str) {
        let (rest, ending) = (answer.into(), complete());
        let ended = self
            .store
            .finish(&turn.lease, Some((0, &rest)), &ending, NOW);
        assert_eq!(ended.await.unwrap(), FencedWrite::Written);
    }

    async fn regenerate(&self, answer: &MessageId) -> StartedTurn {
        started(self.store.begin(&answering(answer), NOW).await.unwrap())
    }

    async fn change(&self, message: &MessageId, content: &str) -> StartedTurn {
        let turn = BeginTurn::new(TurnRequest::edit(message, content), instance());
        started(self.store.begin(&turn, NOW).await.unwrap())
    }

    async fn branch_off(&self, at: &MessageId, name: &str) -> Branch {
        match self.store.fork_branch(at, Some(name), NOW).await.unwrap() {
            ForkOutcome::Forked(branch) => branch,
            other => panic!("expected a branch, got {other:?}"),
        }
    }
}

/// Returns each node as `parent's label > label: messages`, with the names of the branches that end there.
fn drawn(tree: &Tree) -> Vec<String> {
    let of = |id: &MessageId| tree.nodes.iter().find(|node| node.id == *id);
    let name = |id: &BranchId| {
        let branch = tree.branches.iter().find(|branch| branch.id == *id);
        branch.unwrap().name.clone()
    };
    let draw = |node: &TreeNode| {
        let parent = node.parent_id.as_ref().map(|id| &of(id).unwrap().label);
        let names: Vec<_> = node.branch_ids.iter().map(name).collect();
        let end = if node.hidden {
            " hidden".to_owned()
        } else {
            names.concat()
        };
        let (label, count) = (&node.label, node.count);
        match parent {
            Some(parent) => format!("{parent} > {label}: {count} {end}"),
            None => format!("{label}: {count} {end}"),
        }
    };
    tree.nodes.iter().map(draw).collect()
}

#[tokio::test]
async fn a_conversation_without_forks_is_one_node() {
    let fixture = Fixture::new().await;
    let empty = fixture.tree().await;
    assert!(empty.nodes.is_empty());
    assert_eq!(empty.branches[0].head_message_id, None);
    assert_eq!(empty.branches[0].status, None);

    fixture.turn_on(None, "one", "first").await;
    let last = fixture.turn_on(None, "two", "second").await;
    let tree = fixture.tree().await;
    assert_eq!(drawn(&tree), ["one: 4 main"]);
    let node = &tree.nodes[0];
    assert_eq!(node.id, last.lease.message_id);
    assert_eq!(
        (node.role, node.status),
        (Role::User, MessageStatus::Complete)
    );
    assert_eq!(tree.branches[0].fork_label, "");

    let unknown = conch_model::ConversationId::fresh();
    let missing = fixture.store.tree(&unknown, NOW).await.unwrap();
    assert_eq!(missing, Err(Entity::Conversation));
}

#[tokio::test]
async fn versions_and_branches_are_nodes_after_their_fork() {
    let fixture = Fixture::new().await;
    let one = fixture.turn_on(None, "one", "first").await;
    let two = fixture.turn_on(None, "two", "second").await;
    let changed = fixture.change(&two.accepted.user_message_id, "2").await;
    fixture.turn_ends(&changed, "to it").await;
    let again = fixture.regenerate(&changed.lease.message_id).await;
    fixture.turn_ends(&again, "*Again* and better").await;
    let branch = fixture.branch_off(&one.lease.message_id, "Aside").await;
    fixture
        .turn_on(Some(&branch.id), "elsewhere", "there")
        .await;
    fixture.branch_off(&one.lease.message_id, "New").await;

    let tree = fixture.tree().await;
    assert_eq!(
        drawn(&tree),
        [
            "one: 2 New",
            "one > two: 2  hidden",
            "one > 2: 1 ",
            "2 > to it: 1  hidden",
            "2 > Again and better: 1 main",
            "one > elsewhere: 2 Aside",
        ]
    );
    assert_eq!(tree.nodes[4].role, Role::Assistant);
    let forks: Vec<_> = tree
        .branches
        .iter()
        .map(|branch| (branch.name.as_str(), branch.fork_label.as_str()))
        .collect();
    assert_eq!(forks, [("main", ""), ("Aside", "one"), ("New", "one")]);
}

#[tokio::test]
async fn a_deleted_branch_is_not_in_the_tree_before_its_messages_are_gone() {
    let fixture = Fixture::new().await;
    let one = fixture.turn_on(None, "one", "first").await;
    fixture.turn_on(None, "two", "second").await;
    let branch = fixture.branch_off(&one.lease.message_id, "Aside").await;
    let there = fixture
        .turn_on(Some(&branch.id), "elsewhere", "there")
        .await;
    let heir = fixture.branch_off(&there.lease.message_id, "Heir").await;
    fixture.turn_on(Some(&branch.id), "gone", "away").await;
    let deleted = fixture.store.delete_branch(&branch.id, false, NOW).await;
    assert_eq!(deleted.unwrap(), DeleteBranchOutcome::Deleted);
    let tree = fixture.tree().await;
    assert_eq!(
        drawn(&tree),
        ["one: 2 ", "one > two: 2 main", "one > elsewhere: 2 Heir"]
    );
    let deleted = fixture.store.delete_branch(&heir.id, false, NOW).await;
    assert_eq!(deleted.unwrap(), DeleteBranchOutcome::Deleted);
    assert_eq!(drawn(&fixture.tree().await), ["one: 4 main"]);
}

#[tokio::test]
async fn every_branch_has_its_state() {
    let fixture = Fixture::new().await;
    let id = &fixture.conversation.id;
    let one = fixture.turn_on(None, "one", "first").await;
    let state = async || {
        let branch = fixture.tree().await.branches.remove(0);
        (
            branch.locked,
            branch.status,
            branch.queued,
            branch.queue_paused,
        )
    };
    let (done, failed) = (MessageStatus::Complete, MessageStatus::Failed);
    assert_eq!(state().await, (false, Some(done), 0, None));

    let again = fixture.regenerate(&one.lease.message_id).await;
    let writing = Some(MessageStatus::Generating);
    assert_eq!(state().await, (true, writing, 0, None));
    fixture.enqueue("waits").await;
    fixture.enqueue("waits, too").await;
    assert_eq!(state().await, (true, writing, 2, None));
    fixture.end_as(&again, failed).await;
    let paused = Some(PauseReason::Failed);
    assert_eq!(
        state().await,
        (false, Some(failed), 2, paused),
        "the version before it is shown, and the failure is not lost"
    );
    let tree = fixture.tree().await;
    assert_eq!(
        tree.nodes
            .iter()
            .map(|node| (node.status, node.hidden))
            .collect::<Vec<_>>(),
        [(done, false), (done, false), (failed, true)]
    );
    fixture.store.set_max_parallel(id, 2).await.unwrap();
    let branch = fixture.branch_off(&one.lease.message_id, "Aside").await;
    let mut message = fixture.message("elsewhere");
    message.branch_id = Some(branch.id.clone());
    let begun = fixture.store.begin(&turn_with(message), NOW).await.unwrap();
    assert!(matches!(begun, BeginOutcome::Started(_)));
    let mut next = fixture.message("after it");
    next.branch_id = Some(branch.id);
    fixture.store.begin(&queueing(next), NOW).await.unwrap();
    let tree = fixture.tree().await;
    let states: Vec<_> = tree
        .branches
        .iter()
        .map(|branch| (branch.name.as_str(), branch.locked, branch.queued))
        .collect();
    assert_eq!(states, [("main", false, 2), ("Aside", true, 1)]);
}

#[tokio::test]
async fn every_end_that_no_branch_shows_can_be_selected() {
    let fixture = Fixture::new().await;
    let one = fixture.turn_on(None, "one", "first").await;
    let two = fixture.turn_on(None, "two", "second").await;
    for (number, edited) in [&one, &two, &one].into_iter().enumerate() {
        let edited = &edited.accepted.user_message_id;
        let turn = fixture.change(edited, &format!("edit {number}")).await;
        fixture.turn_ends(&turn, "to it").await;
        let again = fixture.regenerate(&turn.lease.message_id).await;
        fixture.end_as(&again, MessageStatus::Failed).await;
    }
    let ends = fixture.tree().await.nodes;
    let hidden: Vec<_> = ends.iter().filter(|node| node.hidden).collect();
    assert_eq!(hidden.len(), 6);
    for end in hidden {
        let selected = fixture.store.select_version(&end.id).await.unwrap();
        assert!(
            matches!(&selected, SelectOutcome::Shown { head, .. } if *head == end.id),
            "{selected:?}"
        );
        let now = fixture.tree().await;
        let shown = now.nodes.iter().find(|node| node.id == end.id).unwrap();
        assert_eq!(shown.branch_ids.len(), 1);
    }
}
