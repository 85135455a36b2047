//! The last error of a provider, in its row.

use conch_core::model::MessageStatus;
use conch_core::provider::{KeyChange, ProviderInfo};

use crate::Fixture;

async fn row(fixture: &Fixture, id: &str) -> ProviderInfo {
    let all = fixture.app.providers.list().await.unwrap();
    all.into_iter().find(|provider| provider.id == id).unwrap()
}

async fn code(fixture: &Fixture, id: &str) -> Option<String> {
    row(fixture, id).await.last_error.map(|error| error.code)
}

#[tokio::test]
async fn a_row_has_the_error_of_the_list_until_the_provider_is_mended() {
    let fixture = Fixture::new().await;
    fixture.server.require_key("key-abcd1234", false);
    let saved = fixture.add("key-of-another").await;
    assert_eq!(saved.last_error, None);
    fixture.app.providers.models(false).await.unwrap();
    let error = row(&fixture, &saved.id).await.last_error.unwrap();
    assert_eq!(error.code, "wrong_key");
    assert!(!error.message.contains("key-of-another"), "{error:?}");

    let mut form = fixture.form("key-abcd1234");
    form.id = Some(saved.id.clone());
    fixture.app.providers.save(&form).await.unwrap();
    assert_eq!(
        code(&fixture, &saved.id).await,
        None,
        "it is about the old key"
    );
    fixture.app.providers.models(true).await.unwrap();
    assert_eq!(code(&fixture, &saved.id).await, None);
}

#[tokio::test]
async fn a_row_has_the_error_of_an_answer_which_a_test_of_the_list_does_not_settle() {
    let fixture = Fixture::new().await;
    // Its list is public, so that only an answer shows whether the key is valid.
    fixture.server.require_key("key-abcd1234", true);
    let saved = fixture.add("key-of-another").await;
    let id = fixture.conversation().await;
    let refusal = conch_fault_server::Step::refusal(401, &[], "no such key");
    fixture
        .server
        .push(conch_fault_server::Script::new([refusal]));
    let answer = fixture.answer(&id, "hello").await;
    assert_eq!(answer.status, MessageStatus::Failed);
    assert_eq!(
        code(&fixture, &saved.id).await.as_deref(),
        Some("wrong_key")
    );
    fixture.app.providers.models(true).await.unwrap();
    assert_eq!(
        code(&fixture, &saved.id).await.as_deref(),
        Some("wrong_key")
    );
    let answer = fixture.answer(&id, "again").await;
    assert_eq!(answer.status, MessageStatus::Complete, "{answer:?}");
    assert_eq!(code(&fixture, &saved.id).await, None);
}

#[tokio::test]
async fn a_successful_test_clears_the_row() {
    let fixture = Fixture::new().await;
    let mut form = fixture.form("key-abcd1234");
    form.base_url = "http://127.0.0.1:1/v1".to_owned();
    let saved = fixture.app.providers.save(&form).await.unwrap();
    fixture.app.providers.models(false).await.unwrap();
    let at = row(&fixture, &saved.id).await.last_error.unwrap();
    assert_eq!(at.code, "provider_unreachable");
    form.id = Some(saved.id.clone());
    form.base_url = fixture.server.base_url();
    form.key = KeyChange::Remove;
    let test = fixture.app.providers.test(&form).await.unwrap();
    assert_eq!(test.problem, None);
    assert_eq!(code(&fixture, &saved.id).await, None);
}
