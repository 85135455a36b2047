//! Data of the settings page: providers and settings.

use conch_model::{
    Appearance, Consent, Fingerprint, KeyPlace, OnClose, Parameters, ProtocolKind, SendKey,
    Settings,
};

use super::{Fixture, NOW};
use crate::StoredProvider;

#[tokio::test]
async fn a_provider_is_added_changed_and_forgotten() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    assert_eq!(store.profile().providers().await.unwrap(), []);
    let work = StoredProvider {
        id: "work".to_owned(),
        preset: "custom".to_owned(),
        protocol: ProtocolKind::Anthropic,
        name: "Work".to_owned(),
        base_url: "https://models.example".to_owned(),
        max_parallel: 4,
        key_place: Some(KeyPlace::File),
        key_last_four: Some("wxyz".to_owned()),
        consent: Consent::from_parts("https://models.example", Some(Fingerprint::new([9; 32]))),
    };
    assert!(work.consent.is_some());
    store.profile().save_provider(&work, NOW).await.unwrap();
    let changed = StoredProvider {
        name: "Home".to_owned(),
        key_place: None,
        key_last_four: None,
        consent: None,
        ..work.clone()
    };
    let other = StoredProvider {
        id: "other".to_owned(),
        consent: Consent::from_parts("http://box:8000", None),
        ..work.clone()
    };
    let later = NOW + std::time::Duration::from_secs(1);
    store.profile().save_provider(&other, later).await.unwrap();
    store
        .profile()
        .save_provider(&changed, later)
        .await
        .unwrap();
    let all = store.profile().providers().await.unwrap();
    assert_eq!(all, [changed, other.clone()], "oldest first");

    assert!(store.profile().delete_provider("work").await.unwrap());
    assert!(
        !store.profile().delete_provider("work").await.unwrap(),
        "it is gone"
    );
    assert_eq!(store.profile().providers().await.unwrap(), [other]);
}

#[tokio::test]
async fn a_consent_about_a_server_of_the_environment_is_stored_replaced_and_withdrawn() {
    let fixture = Fixture::new().await;
    let profile = fixture.store.profile();
    let plain = Consent::from_parts("http://box:8000", None);
    let certificate = Consent::from_parts("https://box:8443", Some(Fingerprint::new([9; 32])));
    for consent in [&plain, &certificate] {
        let consent = consent.as_ref();
        profile
            .save_environment_consent("openai", consent)
            .await
            .unwrap();
        let all = profile.environment_consents().await.unwrap();
        assert_eq!(all.get("openai"), consent);
    }
    profile
        .save_environment_consent("ollama", plain.as_ref())
        .await
        .unwrap();
    profile
        .save_environment_consent("openai", None)
        .await
        .unwrap();
    let all = profile.environment_consents().await.unwrap();
    assert_eq!(
        all.into_iter().collect::<Vec<_>>(),
        [("ollama".to_owned(), plain.unwrap())]
    );
}

#[tokio::test]
async fn settings_are_defaults_until_they_are_saved() {
    let fixture = Fixture::new().await;
    let defaults = Settings::default();
    assert_eq!(fixture.store.profile().settings().await.unwrap(), defaults);
    let saved = Settings {
        appearance: Appearance::Dark,
        send_key: SendKey::ModEnter,
        zoom: 150,
        notifications: !defaults.notifications,
        on_close: OnClose::QuitAtOnce,
        parameters: Parameters {
            temperature: Some(0.5),
            ..Parameters::default()
        },
        ..defaults
    };
    fixture.store.profile().save_settings(&saved).await.unwrap();
    assert_eq!(fixture.store.profile().settings().await.unwrap(), saved);
}

#[tokio::test]
async fn a_stored_zoom_that_is_none_counts_as_not_set() {
    let fixture = Fixture::new().await;
    let unusable = Settings {
        zoom: 5000,
        ..Settings::default()
    };
    fixture
        .store
        .profile()
        .save_settings(&unusable)
        .await
        .unwrap();
    assert_eq!(fixture.store.profile().settings().await.unwrap().zoom, 100);
}
