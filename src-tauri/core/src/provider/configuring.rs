//! Listing, adding, changing and deleting providers, for the settings. Testing them is in
//! [`connection`](super::connection).
//!
//! A key is stored before the provider that needs it, and deleted after the provider that had it: every
//! listed provider is usable at every moment.

use secrecy::{ExposeSecret, SecretString};

use super::form::{KeyChange, ProviderForm, ProviderInfo, ProviderSource, ValidatedForm};
use super::registry::{EMBEDDED, Providers};
use crate::error::{Error, Result};
use crate::keys::last_four;
use crate::model::{Consent, Entity, KeyName, KeyPlace, ProtocolKind, Timestamp};
use crate::store::StoredProvider;

impl Providers {
    /// Lists every provider as it is shown to the user.
    pub(crate) async fn list(&self) -> Result<Vec<ProviderInfo>> {
        let stored = self.profile.providers().await?;
        let environment = self.consented_environment().await?;
        let environment = environment.into_iter().map(|provider| ProviderInfo {
            id: provider.id.clone(),
            name: provider.name.clone(),
            preset: provider.id.clone(),
            protocol: provider.protocol,
            base_url: provider.base_url.clone(),
            source: ProviderSource::Environment,
            has_key: provider.key.is_some(),
            key_last_four: provider.key.as_ref().map(last_four),
            key_place: provider.key.as_ref().map(|_| KeyPlace::Environment),
            max_parallel: provider.max_parallel,
            last_error: self.errors.of(&provider.id),
            consent: provider.consent,
        });
        let mut all: Vec<_> = environment.collect();
        for provider in stored {
            all.push(self.info(provider).await);
        }
        all.push(ProviderInfo {
            id: EMBEDDED.to_owned(),
            name: "Built-in model".to_owned(),
            preset: EMBEDDED.to_owned(),
            protocol: ProtocolKind::OpenAi,
            base_url: String::new(),
            source: ProviderSource::BuiltIn,
            has_key: false,
            key_last_four: None,
            key_place: None,
            max_parallel: 1,
            consent: None,
            last_error: None,
        });
        Ok(all)
    }

    async fn info(&self, stored: StoredProvider) -> ProviderInfo {
        // A session key is gone in the next run.
        let gone = stored.key_place == Some(KeyPlace::Session) && self.key(&stored).await.is_err();
        let key_place = stored.key_place.filter(|_| !gone);
        ProviderInfo {
            last_error: self.errors.of(&stored.id),
            id: stored.id,
            name: stored.name,
            preset: stored.preset,
            protocol: stored.protocol,
            base_url: stored.base_url,
            source: ProviderSource::Settings,
            has_key: key_place.is_some(),
            key_last_four: stored.key_last_four.filter(|_| key_place.is_some()),
            key_place,
            max_parallel: stored.max_parallel,
            consent: stored.consent,
        }
    }

    /// Adds a provider or changes one, its key included.
    ///
    /// # Errors
    /// When the form is invalid, or the key cannot be stored in its place. Nothing was saved then.
    pub(crate) async fn save(&self, form: &ProviderForm, now: Timestamp) -> Result<ProviderInfo> {
        let checked = form.validate()?;
        let stored = self.profile.providers().await?;
        let before = match &form.id {
            Some(id) => {
                let known = stored.iter().find(|provider| provider.id == *id);
                Some(known.ok_or(Error::NotFound(Entity::Provider))?)
            }
            None => None,
        };
        let id = before.map_or_else(
            || self.free_id(checked.preset.id, &stored),
            |before| before.id.clone(),
        );
        let name = key_name(&id, &checked.base_url)?;
        let (key_place, key_last_four) = match &form.key {
            KeyChange::Set { key, place } => {
                let key = SecretString::from(key.expose_secret().trim());
                check_secure(&checked)?;
                let end = last_four(&key);
                self.keys.store(&name, key, *place).await?;
                (Some(*place), Some(end))
            }
            KeyChange::Keep => before
                // A key belongs to its origin: another one has another key.
                .filter(|before| KeyName::new(&before.id, &before.base_url).as_ref() == Some(&name))
                .map_or((None, None), |before| {
                    (before.key_place, before.key_last_four.clone())
                }),
            KeyChange::Remove => (None, None),
        };
        let saved = StoredProvider {
            id,
            preset: checked.preset.id.to_owned(),
            protocol: checked.preset.protocol,
            name: checked.name,
            base_url: checked.base_url,
            max_parallel: checked.max_parallel,
            key_place,
            key_last_four,
            consent: checked.consent,
        };
        self.profile.save_provider(&saved, now).await?;
        // It may be about the address or the key that was replaced.
        self.errors.forget(&saved.id);
        if let Some(before) = before {
            self.forget_key(before, &saved).await;
        }
        Ok(self.info(saved).await)
    }

    /// Stores what the user consents to about the server of a provider of the environment, whose other fields its
    /// variables determine; `None` withdraws it.
    ///
    /// # Errors
    /// When there is no such provider, or the consent is about another server.
    pub(crate) async fn consent_to_environment(
        &self,
        id: &str,
        consent: Option<&Consent>,
    ) -> Result<()> {
        let mut environment = self.environment.iter();
        let provider = environment.find(|provider| provider.id == id);
        let provider = provider.ok_or(Error::NotFound(Entity::Provider))?;
        if consent.is_some_and(|consent| !consent.covers(&provider.base_url)) {
            return Err(Error::InvalidArgument(
                "What you allowed is about another server. Test the connection again",
            ));
        }
        self.profile.save_environment_consent(id, consent).await?;
        // It may be about what was allowed or withdrawn.
        self.errors.forget(id);
        Ok(())
    }

    /// Deletes the key of `before`, unless `after` still uses it.
    async fn forget_key(&self, before: &StoredProvider, after: &StoredProvider) {
        let same_place = before.key_place == after.key_place;
        let name = |provider: &StoredProvider| KeyName::new(&provider.id, &provider.base_url);
        if same_place && name(before) == name(after) {
            return;
        }
        if let (Some(place), Some(name)) = (before.key_place, name(before))
            && let Err(error) = self.keys.forget(&name, place).await
        {
            tracing::warn!(%error, "an unused key could not be deleted");
        }
    }

    /// Deletes a provider and its key.
    pub(crate) async fn delete(&self, id: &str) -> Result<()> {
        let stored = self.profile.providers().await?;
        let before = stored.into_iter().find(|provider| provider.id == id);
        let before = before.ok_or(Error::NotFound(Entity::Provider))?;
        self.profile.delete_provider(id).await?;
        self.errors.forget(id);
        let without = StoredProvider {
            key_place: None,
            ..before.clone()
        };
        self.forget_key(&before, &without).await;
        Ok(())
    }

    /// Returns the preset's id, or the first of `id-2`, `id-3`, … that no other provider has.
    fn free_id(&self, preset: &str, stored: &[StoredProvider]) -> String {
        let taken = |id: &str| {
            id == EMBEDDED
                || stored.iter().any(|known| known.id == id)
                || self.environment.iter().any(|known| known.id == id)
        };
        let mut id = preset.to_owned();
        let mut number = 2;
        while taken(&id) {
            id = format!("{preset}-{number}");
            number += 1;
        }
        id
    }
}

fn key_name(id: &str, base_url: &str) -> Result<KeyName> {
    KeyName::new(id, base_url).ok_or(Error::InvalidArgument("The base URL is not valid"))
}

/// Refuses an address over which a key would travel unencrypted to another machine, unless the user consented.
fn check_secure(checked: &ValidatedForm) -> Result<()> {
    let provider = checked.provider(String::new(), None);
    provider.check_transport().map_err(|_| {
        Error::InvalidArgument(
            "An API key is sent only over https, to this machine, or to an address in your network for which you allowed it. Change the base URL to https://, or test the connection",
        )
    })
}
