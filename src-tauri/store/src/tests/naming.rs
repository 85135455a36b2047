//! Calls that take an id: their effect, and their result for an unknown id.

use conch_model::{
    AttemptSource, BranchId, Composer, ConversationId, Entity, MessageId, NewMessage, Parameters,
};

use super::turn_with;
use super::{Fixture, NOW};
use crate::{AttemptOutcome, BeginOutcome, BeginTurn};

#[tokio::test]
async fn a_conversation_takes_a_name_a_model_and_a_draft() {
    let fixture = Fixture::new().await;
    let id = &fixture.conversation.id;
    let store = &fixture.store;

    assert!(store.rename_conversation(id, "Named").await.unwrap());
    assert!(store.set_conversation_model(id, "openai/x").await.unwrap());
    assert!(
        store
            .profile()
            .save_draft(&Composer::main(id), "half a thought", NOW)
            .await
            .unwrap()
    );

    let view = store.get_conversation(id, None, NOW).await.unwrap();
    let view = view.unwrap();
    assert_eq!(
        (
            view.title.as_deref(),
            view.model_id.as_deref(),
            &*view.draft
        ),
        (Some("Named"), Some("openai/x"), "half a thought")
    );
}

#[tokio::test]
async fn a_conversation_that_is_not_there_takes_nothing() {
    let fixture = Fixture::new().await;
    let unknown = ConversationId::fresh();
    let store = &fixture.store;

    assert!(!store.rename_conversation(&unknown, "Named").await.unwrap());
    assert!(
        !store
            .set_conversation_model(&unknown, "openai/x")
            .await
            .unwrap()
    );
    assert!(
        !store
            .profile()
            .save_draft(&Composer::main(&unknown), "text", NOW)
            .await
            .unwrap()
    );
    assert!(!store.delete_conversation(&unknown, NOW).await.unwrap());
    assert!(!store.restore_conversation(&unknown).await.unwrap());
    assert!(!store.begin_purge(&unknown).await.unwrap());
    let view = store.get_conversation(&unknown, None, NOW).await;
    assert_eq!(view.unwrap(), None);
}

#[tokio::test]
async fn a_conversation_keeps_its_parameters() {
    let fixture = Fixture::new().await;
    let (store, id) = (&fixture.store, &fixture.conversation.id);
    let brief = Parameters {
        system_prompt: Some("Be brief".to_owned()),
        ..Parameters::default()
    };
    assert_eq!(store.parameters(id).await.unwrap(), Parameters::default());
    assert!(store.set_parameters(id, &brief).await.unwrap());
    assert_eq!(store.parameters(id).await.unwrap(), brief);

    let unknown = ConversationId::fresh();
    assert!(!store.set_parameters(&unknown, &brief).await.unwrap());
    let none = store.parameters(&unknown).await.unwrap();
    assert_eq!(none, Parameters::default());
}

#[tokio::test]
async fn the_branch_defaults_to_main() {
    let fixture = Fixture::new().await;
    let id = &fixture.conversation.id;
    let main = Some(fixture.conversation.main_branch_id.clone());
    let lane = fixture.second_branch().await;
    let branch = async |named: Option<&BranchId>| fixture.store.branch(id, named).await.unwrap();

    assert_eq!(branch(None).await, main);
    assert_eq!(branch(Some(&lane)).await, Some(lane.clone()));
    assert_eq!(branch(Some(&BranchId::fresh())).await, None);
    let nowhere = BranchId::fresh();
    let lock = fixture.store.lock_status(id, Some(&nowhere), NOW).await;
    assert_eq!(lock.unwrap(), None, "there is nothing to lock");
}

#[tokio::test]
async fn a_message_id_resolves_to_its_conversation() {
    let fixture = Fixture::new().await;
    let started = fixture.begin("hello", NOW).await;
    let of = async |id: &MessageId| fixture.store.conversation_of(id).await.unwrap();
    let expected = Some(fixture.conversation.id.clone());
    assert_eq!(of(&started.lease.message_id).await, expected);
    assert_eq!(of(&started.accepted.user_message_id).await, expected);
    assert_eq!(of(&MessageId::fresh()).await, None);
}

#[tokio::test]
async fn a_send_reports_which_id_is_unknown() {
    let fixture = Fixture::new().await;
    let no_branch = turn_with(NewMessage {
        branch_id: Some(BranchId::fresh()),
        ..fixture.message("to a branch that is not there")
    });
    let no_conversation = turn_with(NewMessage {
        conversation_id: ConversationId::fresh(),
        ..fixture.message("to a conversation that is not there")
    });
    let begin = async |turn: &BeginTurn| fixture.store.begin(turn, NOW).await.unwrap();

    assert_eq!(
        begin(&no_branch).await,
        BeginOutcome::NotFound(Entity::Branch)
    );
    assert_eq!(
        begin(&no_conversation).await,
        BeginOutcome::NotFound(Entity::Conversation)
    );
}

#[tokio::test]
async fn a_refusal_by_the_page_is_counted_where_there_is_a_branch() {
    let fixture = Fixture::new().await;
    let record = async |id: &ConversationId| {
        let recorded = fixture
            .store
            .record_refused_by_page(id, None, AttemptSource::Enter, NOW);
        recorded.await.unwrap()
    };

    assert!(record(&fixture.conversation.id).await);
    assert!(!record(&ConversationId::fresh()).await);
    let counted = fixture.store.count_attempts(AttemptOutcome::RefusedByPage);
    assert_eq!(counted.await.unwrap(), 1);
}
