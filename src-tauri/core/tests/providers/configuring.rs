//! Adding, changing and removing providers.

use conch_core::ErrorCode;
use conch_core::model::{KeyPlace, MessageStatus};
use conch_core::provider::{KeyChange, ProviderSource};
use conch_fault_server::FaultServer;

use crate::{Fixture, open};

#[tokio::test]
async fn a_provider_that_is_added_answers_with_its_key_and_is_the_default() {
    let fixture = Fixture::new().await;
    let saved = fixture.add("key-abcd1234").await;
    assert_eq!(saved.source, ProviderSource::Settings);
    assert_eq!(saved.key_last_four.as_deref(), Some("1234"));

    let models = fixture.app.providers.models(false).await.unwrap();
    assert_eq!(models[0].id, "custom/stand-in-1");
    assert!(models[0].is_default, "no longer the embedded one");

    let id = fixture.conversation().await;
    let answer = fixture.answer(&id, "hello").await;
    assert_eq!(answer.status, MessageStatus::Complete, "{answer:?}");
    assert_eq!(answer.model.as_deref(), Some("custom/stand-in-1"));
    let asked = fixture.server.completions();
    assert_eq!(asked[0].headers["authorization"], "Bearer key-abcd1234");
}

#[tokio::test]
async fn a_key_stays_with_its_address() {
    let fixture = Fixture::new().await;
    let saved = fixture.add("key-abcd1234").await;
    let elsewhere = FaultServer::start().await;
    let mut form = fixture.form("");
    form.id = Some(saved.id.clone());
    form.key = KeyChange::Keep;
    form.name = "Renamed".to_owned();
    let renamed = fixture.app.providers.save(&form).await.unwrap();
    assert!(renamed.has_key, "the same address keeps its key");

    form.base_url = elsewhere.base_url();
    let moved = fixture.app.providers.save(&form).await.unwrap();
    assert!(!moved.has_key, "another server does not get this one's key");
    let id = fixture.conversation().await;
    fixture.answer(&id, "hello").await;
    assert!(
        !elsewhere.completions()[0]
            .headers
            .contains_key("authorization")
    );

    form.base_url = fixture.server.base_url();
    let back = fixture.app.providers.save(&form).await.unwrap();
    assert!(!back.has_key, "and it is gone where it was");
}

#[tokio::test]
async fn a_key_of_one_run_is_gone_in_the_next_and_the_failure_says_so() {
    let fixture = Fixture::new().await;
    fixture.add("key-abcd1234").await;
    fixture.app.quit().await;
    let app = open(fixture.folder.path()).await;

    let providers = app.providers.list().await.unwrap();
    assert_eq!(providers[0].name, "Stand-in");
    assert!(!providers[0].has_key);
    let models = app.providers.models(false).await.unwrap();
    assert!(!models[0].available);
    let note = models[0].note.as_deref().unwrap();
    assert!(note.contains("Enter it again"), "{note}");
}

#[tokio::test]
async fn a_key_in_the_file_is_there_in_the_next_run() {
    let fixture = Fixture::new().await;
    let mut form = fixture.form("");
    form.key = KeyChange::Set {
        key: " key-abcd1234\n".into(),
        place: KeyPlace::File,
    };
    fixture.app.providers.save(&form).await.unwrap();
    fixture.app.quit().await;

    let app = open(fixture.folder.path()).await;
    let id = app.conversations.create(None, None).await.unwrap().id;
    crate::send(&app, &id, "hello").await;
    crate::answered(&app, &id).await;
    assert_eq!(
        fixture.server.completions()[0].headers["authorization"],
        "Bearer key-abcd1234",
        "without the blanks that came with a paste"
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_connection_is_said() {
    let fixture = Fixture::new().await;
    let works = fixture
        .app
        .providers
        .test(&fixture.form("key"))
        .await
        .unwrap();
    assert_eq!((works.models, works.problem), (Some(1), None));

    let mut form = fixture.form("key");
    form.base_url = "http://127.0.0.1:1/v1".to_owned();
    let problem = fixture
        .app
        .providers
        .test(&form)
        .await
        .unwrap()
        .problem
        .unwrap();
    assert_eq!(problem.code, "provider_unreachable");
    assert!(
        problem.message.starts_with("Nothing is listening at"),
        "{problem:?}"
    );

    form.base_url = "http://models.example/v1".to_owned();
    let refused = fixture.app.providers.save(&form).await.unwrap_err();
    assert_eq!(
        refused.code(),
        ErrorCode::InvalidArgument,
        "a key in the clear"
    );
    assert_eq!(
        fixture.app.providers.list().await.unwrap().len(),
        1,
        "nothing was saved"
    );
}

#[tokio::test]
async fn a_server_is_found_where_a_chat_would_be_answered() {
    let fixture = Fixture::new().await;
    fixture.server.serve_only_below("/v1/");
    let base_url = fixture.server.base_url();
    let address = base_url.trim_start_matches("http://");
    let root = fixture.server.origin();
    for typed in [
        root.clone(),
        address.to_owned(),
        format!(" \"{base_url}/\" "),
        format!("{base_url}/chat/completions"),
        format!("{address}/chat/completions?api-version=2024-10-21"),
        format!("{base_url}/models"),
        format!("{root}/api"),
    ] {
        let mut form = fixture.form("key");
        form.base_url.clone_from(&typed);
        let test = fixture.app.providers.test(&form).await.unwrap();
        assert_eq!(test.problem, None, "{typed}");
        assert_eq!(test.found_at.as_ref(), Some(&base_url), "{typed}");
        assert_eq!(test.models, Some(1), "{typed}");
    }
    let test = fixture.app.providers.test(&fixture.form("key")).await;
    assert_eq!(
        test.unwrap().found_at,
        None,
        "it is where it was looked for"
    );
    assert!(
        fixture.server.completions().is_empty(),
        "no model was asked"
    );
}

#[tokio::test]
async fn a_server_without_a_list_is_connected_only_if_it_answers_chats() {
    let fixture = Fixture::new().await;
    fixture.server.refuse_lists();
    fixture.server.serve_only_below("/v1/");
    let test = fixture
        .app
        .providers
        .test(&fixture.form("key"))
        .await
        .unwrap();
    assert_eq!((test.models, test.problem), (Some(1), None));

    let mut form = fixture.form("key");
    form.base_url = format!("{}/elsewhere/v2", fixture.server.origin());
    let saved = fixture.app.providers.save(&form).await.unwrap();
    assert_eq!(saved.base_url, form.base_url);
    let test = fixture.app.providers.test(&form).await.unwrap();
    assert_eq!(test.models, None);
    let problem = test.problem.unwrap();
    assert_eq!(problem.code, "unknown_path", "{problem:?}");
    assert!(problem.message.contains("/elsewhere/v2"), "{problem:?}");

    // The picker offers no model that cannot answer either.
    let models = fixture.app.providers.models(false).await.unwrap();
    assert!(!models[0].available, "{:?}", models[0]);
}

#[tokio::test]
async fn a_wrong_key_is_reported_even_where_listing_models_needs_none() {
    const KEY: &str = "sk-good-0123456789";
    let fixture = Fixture::new().await;
    let test = async |preset: &str, key: &str| {
        let mut form = fixture.form(key);
        form.preset = preset.to_owned();
        fixture.app.providers.test(&form).await.unwrap()
    };
    fixture.server.require_key(KEY, false);
    let found = test("custom", KEY).await;
    assert_eq!((found.models, found.key_untried), (Some(1), false));
    let problem = test("custom", "sk-wrong").await.problem.unwrap();
    assert_eq!(problem.code, "wrong_key");

    let problem = test("custom", "sk-ant-api03-0123456789abcdef").await;
    let message = problem.problem.unwrap().message;
    assert!(message.contains("form of a key of Anthropic"), "{message}");

    fixture.server.require_key(KEY, true);
    let found = test("openrouter", KEY).await;
    assert_eq!((found.models, found.key_untried), (Some(1), false));
    let problem = test("openrouter", "sk-wrong").await.problem.unwrap();
    assert_eq!(problem.code, "wrong_key", "its own path tells");
    let found = test("custom", "sk-wrong").await;
    assert_eq!(
        (found.models, found.key_untried),
        (Some(1), true),
        "nothing tells, which is said"
    );
}

#[tokio::test]
async fn a_removed_provider_is_named_when_its_model_is_asked_for() {
    let fixture = Fixture::new().await;
    let saved = fixture.add("key-abcd1234").await;
    let id = fixture.conversation().await;
    fixture.answer(&id, "hello").await;
    fixture.app.providers.delete(&saved.id).await.unwrap();
    let again = fixture.app.providers.delete(&saved.id).await.unwrap_err();
    assert_eq!(again.code(), ErrorCode::NotFound);

    let answer = fixture.answer(&id, "and now?").await;
    assert_eq!(answer.status, MessageStatus::Failed);
    let error = answer.error.unwrap();
    assert_eq!(error.code, "unknown_model");
    assert!(error.message.contains("custom/stand-in-1"), "{error:?}");
}

#[tokio::test]
async fn two_providers_of_one_kind_have_names_of_their_own() {
    let fixture = Fixture::new().await;
    let first = fixture.add("key-abcd1234").await;
    let second = fixture.add("key-abcd5678").await;
    assert_eq!((&*first.id, &*second.id), ("custom", "custom-2"));

    let mut settings = fixture.app.settings.get().await.unwrap();
    settings.default_model_id = Some("custom-2/stand-in-1".to_owned());
    fixture.app.settings.save(settings).await.unwrap();
    let id = fixture.conversation().await;
    fixture.answer(&id, "hello").await;
    let asked = fixture.server.completions();
    assert_eq!(asked[0].headers["authorization"], "Bearer key-abcd5678");
}

#[tokio::test]
async fn a_default_whose_provider_is_gone_is_none() {
    let fixture = Fixture::new().await;
    fixture.add("key-abcd1234").await;
    let mut settings = fixture.app.settings.get().await.unwrap();
    settings.default_model_id = Some("gone/model".to_owned());
    fixture.app.settings.save(settings).await.unwrap();

    let models = fixture.app.providers.models(false).await.unwrap();
    assert_eq!(models.iter().position(|model| model.is_default), Some(0));
    let id = fixture.conversation().await;
    let answer = fixture.answer(&id, "hello").await;
    assert_eq!(answer.model.as_deref(), Some("custom/stand-in-1"));
}
