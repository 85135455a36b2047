//! How providers are shown, added, changed, removed and tried out: what the settings need.
//!
//! A key is stored before the provider that needs it, and taken away after the one that had it: at
//! every moment what is listed can be asked.

use std::time::Duration;

use futures_util::future::join_all;
use secrecy::{ExposeSecret, SecretString};

use super::endpoint::{Provider, may_carry_key};
use super::form::{
    ConnectionTest, FoundServer, KeyChange, ProviderForm, ProviderInfo, ProviderSource,
};
use super::models;
use super::presets::presets;
use super::protocol::{ListedModel, ProtocolKind};
use super::registry::{EMBEDDED, Providers};
use crate::clock::Timestamp;
use crate::error::{Entity, Error, Result};
use crate::keys::{KeyName, KeyPlace, last_four};
use crate::store::StoredProvider;

/// How long a server on this machine may take to show itself.
const LOCAL_PATIENCE: Duration = Duration::from_millis(800);

/// How long a provider may take while the user waits for the result of a test.
const TEST_PATIENCE: Duration = Duration::from_secs(10);

impl Providers {
    /// Every provider, as a person is shown it.
    pub(crate) async fn list(&self) -> Result<Vec<ProviderInfo>> {
        let stored = self.store.providers().await?;
        let environment = self.environment.iter().map(|provider| ProviderInfo {
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
        });
        Ok(all)
    }

    async fn info(&self, stored: StoredProvider) -> ProviderInfo {
        // A key that was kept for one run only is gone in the next.
        let gone = stored.key_place == Some(KeyPlace::Session) && self.key(&stored).await.is_err();
        let key_place = stored.key_place.filter(|_| !gone);
        ProviderInfo {
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
        }
    }

    /// Adds a provider or changes one, its key included.
    ///
    /// # Errors
    /// When the form makes no sense, or the key cannot be kept where it should be. Nothing was
    /// saved then.
    pub(crate) async fn save(&self, form: &ProviderForm, now: Timestamp) -> Result<ProviderInfo> {
        let checked = form.checked()?;
        let stored = self.store.providers().await?;
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
                check_secure(&checked.base_url)?;
                let end = last_four(&key);
                self.keys.store(&name, key, *place).await?;
                (Some(*place), Some(end))
            }
            KeyChange::Keep => before
                // A key belongs to its address: another one gets another key.
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
        };
        self.store.save_provider(&saved, now).await?;
        if let Some(before) = before {
            self.forget_key(before, &saved).await;
        }
        Ok(self.info(saved).await)
    }

    /// Takes the key of `before` away from where it was, unless `after` still has it there.
    async fn forget_key(&self, before: &StoredProvider, after: &StoredProvider) {
        let same_place = before.key_place == after.key_place;
        let name = |provider: &StoredProvider| KeyName::new(&provider.id, &provider.base_url);
        if same_place && name(before) == name(after) {
            return;
        }
        if let (Some(place), Some(name)) = (before.key_place, name(before))
            && let Err(error) = self.keys.forget(&name, place).await
        {
            tracing::warn!(%error, "a key that is not used any more was not removed");
        }
    }

    /// Forgets a provider and its key.
    pub(crate) async fn delete(&self, id: &str) -> Result<()> {
        let stored = self.store.providers().await?;
        let before = stored.into_iter().find(|provider| provider.id == id);
        let before = before.ok_or(Error::NotFound(Entity::Provider))?;
        self.store.delete_provider(id).await?;
        let without = StoredProvider {
            key_place: None,
            ..before.clone()
        };
        self.forget_key(&before, &without).await;
        Ok(())
    }

    /// Tries to reach a provider as it is filled in, and says what is wrong.
    ///
    /// # Errors
    /// When the form makes no sense.
    pub(crate) async fn test(&self, form: &ProviderForm, now: Timestamp) -> Result<ConnectionTest> {
        let checked = form.checked()?;
        let key = match &form.key {
            KeyChange::Set { key, .. } => Some(SecretString::from(key.expose_secret().trim())),
            KeyChange::Remove => None,
            KeyChange::Keep => self.kept_key(form.id.as_deref(), &checked.base_url).await?,
        };
        let provider = Provider {
            id: form.id.clone().unwrap_or_default(),
            name: checked.name,
            protocol: checked.preset.protocol,
            base_url: checked.base_url,
            key,
            max_parallel: checked.max_parallel,
            local: checked.preset.local,
        };
        let listed = models::fetch(&self.client, &provider, TEST_PATIENCE, now).await;
        Ok(match listed {
            Ok(models) => ConnectionTest {
                models: Some(count(&models)),
                problem: None,
            },
            Err(failure) => ConnectionTest {
                models: None,
                problem: Some(provider.without_key(failure).to_error()),
            },
        })
    }

    async fn kept_key(&self, id: Option<&str>, base_url: &str) -> Result<Option<SecretString>> {
        let stored = self.store.providers().await?;
        let stored = stored.iter().find(|provider| Some(&*provider.id) == id);
        let Some(stored) = stored else {
            return Ok(None);
        };
        let (Some(place), Some(name)) = (stored.key_place, KeyName::new(&stored.id, base_url))
        else {
            return Ok(None);
        };
        Ok(self.keys.load(&name, place).await?)
    }

    /// The model servers on this machine that are not configured yet, where they usually listen.
    pub(crate) async fn local_servers(&self, now: Timestamp) -> Result<Vec<FoundServer>> {
        let known: Vec<_> = self
            .list()
            .await?
            .into_iter()
            .map(|known| known.base_url)
            .collect();
        let usual = presets()
            .into_iter()
            .filter(|preset| preset.local && !known.iter().any(|known| known == preset.base_url));
        let asked = usual.map(|preset| async move {
            let provider = Provider {
                id: preset.id.to_owned(),
                name: preset.name.to_owned(),
                protocol: preset.protocol,
                base_url: preset.base_url.to_owned(),
                key: None,
                max_parallel: 1,
                local: true,
            };
            let models = models::fetch(&self.client, &provider, LOCAL_PATIENCE, now)
                .await
                .ok()?;
            Some(FoundServer {
                preset: provider.id,
                name: provider.name,
                base_url: provider.base_url,
                models: count(&models),
            })
        });
        Ok(join_all(asked).await.into_iter().flatten().collect())
    }

    /// The preset's id, or the first of `id-2`, `id-3`, … that no other provider has.
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

fn count(models: &[ListedModel]) -> u32 {
    u32::try_from(models.len()).unwrap_or(u32::MAX)
}

fn key_name(id: &str, base_url: &str) -> Result<KeyName> {
    KeyName::new(id, base_url).ok_or(Error::InvalidArgument("The address is no web address"))
}

/// A key never travels in the clear to another machine.
fn check_secure(base_url: &str) -> Result<()> {
    if may_carry_key(base_url) {
        return Ok(());
    }
    Err(Error::InvalidArgument(
        "A key is sent only over https, or to this machine: change the address to https://",
    ))
}
