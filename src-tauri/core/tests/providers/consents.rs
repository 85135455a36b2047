//! What the user consents to about a server: asked for by a connection test, stored with the provider, and used.

use std::sync::Arc;

use conch_core::clock::SystemClock;
use conch_core::model::{Consent, KeyPlace, MessageStatus};
use conch_core::provider::{
    ConsentQuestion, EngineCommand, KeyChange, ProviderForm, ProviderInfo, ProviderSource,
};
use conch_core::{App, Config, ErrorCode, Proxies};
use conch_fault_server::{Certificate, TlsFront};

use crate::{Fixture, answered, send};

async fn provider(app: &App, id: &str) -> ProviderInfo {
    let all = app.providers.list().await.unwrap();
    all.into_iter().find(|provider| provider.id == id).unwrap()
}

/// Tests the connection, and returns the code of its problem with the question that it leads to.
async fn tested(app: &App, form: &ProviderForm) -> (Option<String>, Option<ConsentQuestion>) {
    let test = app.providers.test(form).await.unwrap();
    (test.problem.map(|problem| problem.code), test.question)
}

#[tokio::test]
async fn a_key_goes_over_plain_http_only_to_the_address_that_was_allowed() {
    let fixture = Fixture::new().await;
    let providers = &fixture.app.providers;
    let mut form = fixture.form("key-abcd1234");
    form.base_url = "http://192.168.1.7:8000/v1".to_owned();
    let refused = providers.save(&form).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InvalidArgument);

    let (code, question) = tested(&fixture.app, &form).await;
    assert_eq!(code.as_deref(), Some("insecure_url"));
    let question = question.unwrap();
    assert_eq!(question.before, None);
    assert_eq!(
        Some(&question.consent),
        Consent::to_plain_http(&form.base_url).as_ref()
    );
    form.consent = Some(question.consent.clone());
    let saved = providers.save(&form).await.unwrap();
    assert_eq!(saved.consent, Some(question.consent.clone()));
    assert_eq!(provider(&fixture.app, &saved.id).await, saved);

    // Another port is another server, for which there is no consent.
    form.id = Some(saved.id.clone());
    form.base_url = "http://192.168.1.7:8001/v1".to_owned();
    let refused = providers.save(&form).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InvalidArgument);
    form.key = KeyChange::Remove;
    let moved = providers.save(&form).await.unwrap();
    assert_eq!(
        moved.consent, None,
        "what was allowed is about the old address"
    );

    // Over the internet it is not asked for.
    form.key = fixture.form("key-abcd1234").key;
    form.base_url = "http://models.example.com/v1".to_owned();
    let (code, question) = tested(&fixture.app, &form).await;
    assert_eq!((code.as_deref(), question), (Some("insecure_url"), None));
}

#[tokio::test]
async fn a_certificate_is_trusted_by_its_fingerprint_until_it_changes() {
    let fixture = Fixture::new().await;
    let certificate = Certificate::self_signed("localhost", 3);
    let front = TlsFront::start(0, &certificate, &fixture.server).await;
    let mut form = fixture.form("key-abcd1234");
    form.base_url = front.base_url();
    let (code, question) = tested(&fixture.app, &form).await;
    assert_eq!(code.as_deref(), Some("untrusted_certificate"));
    let question = question.unwrap();
    assert_eq!(question.before, None);

    form.consent = Some(question.consent.clone());
    assert_eq!(tested(&fixture.app, &form).await, (None, None));
    let saved = fixture.app.providers.save(&form).await.unwrap();
    assert_eq!(saved.consent, form.consent);
    let id = fixture.conversation().await;
    let answer = fixture.answer(&id, "hello").await;
    assert_eq!(answer.status, MessageStatus::Complete, "{answer:?}");

    front.renew(&Certificate::self_signed("localhost", 4));
    let answer = fixture.answer(&id, "again").await;
    assert_eq!(answer.error.unwrap().code, "changed_certificate");
    assert_eq!(fixture.server.completions().len(), 1, "nothing was sent");
    form.id = Some(saved.id.clone());
    form.key = KeyChange::Keep;
    let (code, changed) = tested(&fixture.app, &form).await;
    assert_eq!(code.as_deref(), Some("changed_certificate"));
    let changed = changed.unwrap();
    assert_eq!(changed.before, question.consent.parts().1, "both are shown");
    assert_ne!(changed.consent, question.consent);

    form.consent = Some(changed.consent);
    fixture.app.providers.save(&form).await.unwrap();
    let answer = fixture.answer(&id, "and now").await;
    assert_eq!(answer.status, MessageStatus::Complete, "{answer:?}");

    form.consent = None;
    let withdrawn = fixture.app.providers.save(&form).await.unwrap();
    assert_eq!(withdrawn.consent, None);
    let answer = fixture.answer(&id, "and now").await;
    assert_eq!(answer.error.unwrap().code, "untrusted_certificate");
}

/// Opens Conch with a provider that these variables configure.
async fn in_environment(fixture: &Fixture, base_url: &str) -> Arc<App> {
    let variable = |name: &str| match name {
        "OPENAI_BASE_URL" => Some(base_url.into()),
        "OPENAI_API_KEY" => Some("key-abcd1234".into()),
        _ => None,
    };
    let config = Config::from_environment(variable, None, "conch".into());
    let config = Config {
        data_folder: fixture.folder.path().join("other"),
        proxies: Proxies::default(),
        engine: EngineCommand {
            program: "no-engine".into(),
            model_files: Vec::new(),
        },
        ..config
    };
    App::open(config, Arc::new(SystemClock::default()))
        .await
        .unwrap()
}

/// The form of a provider of the environment, as the page fills it in.
fn form_of(provider: &ProviderInfo) -> ProviderForm {
    ProviderForm {
        id: Some(provider.id.clone()),
        preset: provider.preset.clone(),
        name: provider.name.clone(),
        base_url: provider.base_url.clone(),
        max_parallel: provider.max_parallel,
        key: KeyChange::Keep,
        consent: provider.consent.clone(),
    }
}

#[tokio::test]
async fn a_consent_about_a_server_of_the_environment_is_kept_beside_it() {
    let fixture = Fixture::new().await;
    let certificate = Certificate::self_signed("localhost", 3);
    let front = TlsFront::start(0, &certificate, &fixture.server).await;
    fixture.server.require_key("key-abcd1234", false);
    let app = in_environment(&fixture, &front.base_url()).await;
    let listed = provider(&app, "openai").await;
    assert_eq!(listed.source, ProviderSource::Environment);
    assert_eq!(listed.key_place, Some(KeyPlace::Environment));
    assert_eq!(listed.consent, None);

    let (code, question) = tested(&app, &form_of(&listed)).await;
    assert_eq!(code.as_deref(), Some("untrusted_certificate"));
    let consent = question.unwrap().consent;
    let allowed = ProviderForm {
        consent: Some(consent.clone()),
        ..form_of(&listed)
    };
    assert_eq!(tested(&app, &allowed).await, (None, None), "with its key");

    let providers = &app.providers;
    providers
        .consent_to_environment("openai", Some(&consent))
        .await
        .unwrap();
    assert_eq!(
        provider(&app, "openai").await.consent,
        Some(consent.clone())
    );
    let id = app.conversations.create(None, None).await.unwrap().id;
    send(&app, &id, "hello").await;
    let answer = answered(&app, &id).await;
    assert_eq!(answer.status, MessageStatus::Complete, "{answer:?}");
    app.quit().await;

    // It counts in the next run, too, but not for another address.
    let app = in_environment(&fixture, "https://localhost:1/v1").await;
    assert_eq!(provider(&app, "openai").await.consent, None);
    app.quit().await;
    let app = in_environment(&fixture, &front.base_url()).await;
    assert_eq!(provider(&app, "openai").await.consent, Some(consent));
    send(&app, &id, "again").await;
    assert_eq!(answered(&app, &id).await.status, MessageStatus::Complete);

    let providers = &app.providers;
    let elsewhere = Consent::to_plain_http("http://192.168.1.7:8000").unwrap();
    let refused = providers.consent_to_environment("openai", Some(&elsewhere));
    assert_eq!(
        refused.await.unwrap_err().code(),
        ErrorCode::InvalidArgument
    );
    let unknown = providers.consent_to_environment("custom", None);
    assert_eq!(unknown.await.unwrap_err().code(), ErrorCode::NotFound);
    providers
        .consent_to_environment("openai", None)
        .await
        .unwrap();
    assert_eq!(provider(&app, "openai").await.consent, None);
    send(&app, &id, "and now").await;
    let answer = answered(&app, &id).await;
    assert_eq!(answer.error.unwrap().code, "untrusted_certificate");
}

#[tokio::test]
async fn the_key_of_the_environment_is_tried_at_its_own_server_only() {
    let fixture = Fixture::new().await;
    fixture.server.require_key("key-abcd1234", false);
    let own = in_environment(&fixture, &fixture.server.base_url()).await;
    let form = form_of(&provider(&own, "openai").await);
    assert_eq!(tested(&own, &form).await, (None, None));
    own.quit().await;
    let other = in_environment(&fixture, "https://models.example/v1").await;
    let (code, _) = tested(&other, &form).await;
    assert_eq!(code.as_deref(), Some("wrong_key"), "it was not sent");
}
