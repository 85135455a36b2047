//! Adding, changing and removing providers.

use conch_core::ErrorCode;
use conch_core::chat::MessageStatus;
use conch_core::keys::KeyPlace;
use conch_core::provider::{KeyChange, ProviderSource};
use conch_fault_server::FaultServer;

use crate::{Scene, open};

#[tokio::test]
async fn a_provider_that_is_added_answers_with_its_key_and_is_the_default() {
    let scene = Scene::new().await;
    let saved = scene.add("key-abcd1234").await;
    assert_eq!(saved.source, ProviderSource::Settings);
    assert_eq!(saved.key_last_four.as_deref(), Some("1234"));

    let models = scene.app.list_models(false).await.unwrap();
    assert_eq!(models[0].id, "custom/stand-in-1");
    assert!(models[0].is_default, "no longer the embedded one");

    let id = scene.conversation().await;
    let answer = scene.answer(&id, "hello").await;
    assert_eq!(answer.status, MessageStatus::Complete, "{answer:?}");
    assert_eq!(answer.model.as_deref(), Some("custom/stand-in-1"));
    let asked = scene.server.completions();
    assert_eq!(asked[0].headers["authorization"], "Bearer key-abcd1234");
}

#[tokio::test]
async fn a_key_stays_with_its_address() {
    let scene = Scene::new().await;
    let saved = scene.add("key-abcd1234").await;
    let elsewhere = FaultServer::start().await;
    let mut form = scene.form("");
    form.id = Some(saved.id.clone());
    form.key = KeyChange::Keep;
    form.name = "Renamed".to_owned();
    let renamed = scene.app.save_provider(&form).await.unwrap();
    assert!(renamed.has_key, "the same address keeps its key");

    form.base_url = elsewhere.base_url();
    let moved = scene.app.save_provider(&form).await.unwrap();
    assert!(!moved.has_key, "another server is not told this one's key");
    let id = scene.conversation().await;
    scene.answer(&id, "hello").await;
    assert!(
        !elsewhere.completions()[0]
            .headers
            .contains_key("authorization")
    );

    form.base_url = scene.server.base_url();
    let back = scene.app.save_provider(&form).await.unwrap();
    assert!(!back.has_key, "and it is gone where it was");
}

#[tokio::test]
async fn a_key_of_one_run_is_gone_in_the_next_and_the_failure_says_so() {
    let scene = Scene::new().await;
    scene.add("key-abcd1234").await;
    scene.app.quit().await;
    let app = open(scene.folder.path()).await;

    let providers = app.providers().await.unwrap();
    assert_eq!(providers[0].name, "Stand-in");
    assert!(!providers[0].has_key);
    let models = app.list_models(false).await.unwrap();
    assert!(!models[0].available);
    let note = models[0].note.as_deref().unwrap();
    assert!(note.contains("fill it in again"), "{note}");
}

#[tokio::test]
async fn a_key_in_the_file_is_there_in_the_next_run() {
    let scene = Scene::new().await;
    let mut form = scene.form("");
    form.key = KeyChange::Set {
        key: " key-abcd1234\n".into(),
        place: KeyPlace::File,
    };
    scene.app.save_provider(&form).await.unwrap();
    scene.app.quit().await;

    let app = open(scene.folder.path()).await;
    let id = app.create_conversation(None, None).await.unwrap().id;
    crate::send(&app, &id, "hello").await;
    crate::answered(&app, &id).await;
    assert_eq!(
        scene.server.completions()[0].headers["authorization"],
        "Bearer key-abcd1234",
        "without the blanks that came with a paste"
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_connection_is_said() {
    let scene = Scene::new().await;
    let works = scene.app.test_provider(&scene.form("key")).await.unwrap();
    assert_eq!((works.models, works.problem), (Some(1), None));

    let mut form = scene.form("key");
    form.base_url = "http://127.0.0.1:1/v1".to_owned();
    let problem = scene
        .app
        .test_provider(&form)
        .await
        .unwrap()
        .problem
        .unwrap();
    assert_eq!(problem.code, "provider_unreachable");
    assert!(
        problem.message.starts_with("Nothing listens at"),
        "{problem:?}"
    );

    form.base_url = "http://models.example/v1".to_owned();
    let refused = scene.app.save_provider(&form).await.unwrap_err();
    assert_eq!(
        refused.code(),
        ErrorCode::InvalidArgument,
        "a key in the clear"
    );
    assert_eq!(
        scene.app.providers().await.unwrap().len(),
        1,
        "nothing was saved"
    );
}

#[tokio::test]
async fn a_wrong_key_is_told_even_where_everybody_may_list_the_models() {
    const KEY: &str = "sk-good-0123456789";
    let scene = Scene::new().await;
    let test = async |preset: &str, key: &str| {
        let mut form = scene.form(key);
        form.preset = preset.to_owned();
        scene.app.test_provider(&form).await.unwrap()
    };
    scene.server.require_key(KEY, false);
    let found = test("custom", KEY).await;
    assert_eq!((found.models, found.key_untried), (Some(1), false));
    let problem = test("custom", "sk-wrong").await.problem.unwrap();
    assert_eq!(problem.code, "wrong_key");

    scene.server.require_key(KEY, true);
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
    let scene = Scene::new().await;
    let saved = scene.add("key-abcd1234").await;
    let id = scene.conversation().await;
    scene.answer(&id, "hello").await;
    scene.app.delete_provider(&saved.id).await.unwrap();
    let again = scene.app.delete_provider(&saved.id).await.unwrap_err();
    assert_eq!(again.code(), ErrorCode::NotFound);

    let answer = scene.answer(&id, "and now?").await;
    assert_eq!(answer.status, MessageStatus::Failed);
    let error = answer.error.unwrap();
    assert_eq!(error.code, "unknown_model");
    assert!(error.message.contains("custom/stand-in-1"), "{error:?}");
}

#[tokio::test]
async fn two_providers_of_one_kind_have_names_of_their_own() {
    let scene = Scene::new().await;
    let first = scene.add("key-abcd1234").await;
    let second = scene.add("key-abcd5678").await;
    assert_eq!((&*first.id, &*second.id), ("custom", "custom-2"));

    let mut settings = scene.app.settings().await.unwrap();
    settings.default_model_id = Some("custom-2/stand-in-1".to_owned());
    scene.app.save_settings(settings).await.unwrap();
    let id = scene.conversation().await;
    scene.answer(&id, "hello").await;
    let asked = scene.server.completions();
    assert_eq!(asked[0].headers["authorization"], "Bearer key-abcd5678");
}

#[tokio::test]
async fn a_default_whose_provider_is_gone_is_none() {
    let scene = Scene::new().await;
    scene.add("key-abcd1234").await;
    let mut settings = scene.app.settings().await.unwrap();
    settings.default_model_id = Some("gone/model".to_owned());
    scene.app.save_settings(settings).await.unwrap();

    let models = scene.app.list_models(false).await.unwrap();
    assert_eq!(models.iter().position(|model| model.is_default), Some(0));
    let id = scene.conversation().await;
    let answer = scene.answer(&id, "hello").await;
    assert_eq!(answer.model.as_deref(), Some("custom/stand-in-1"));
}
