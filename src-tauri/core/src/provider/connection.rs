//! Connection tests: whether a provider is reachable as the form describes it, whether its key is valid, and
//! which model servers run on this machine.

use std::fmt::Write as _;
use std::time::Duration;

use conch_provider::base_url;
use conch_provider::endpoint::{KeyTransport, Provider, key_transport};
use conch_provider::failure::{Failure, FailureKind};
use conch_provider::models;
use conch_provider::presets::{Preset, is_service, of_key, presets};
use conch_provider::protocol::ListedModel;
use futures_util::future::join_all;
use secrecy::{ExposeSecret, SecretString};

use super::form::{
    ConnectionTest, ConsentQuestion, FoundServer, KeyChange, ProviderForm, ValidatedForm,
};
use super::last_errors::Requested;
use super::registry::Providers;
use crate::error;
use crate::model::{Consent, KeyName, Timestamp};

/// Timeout for a server on this machine.
const LOCAL_TIMEOUT: Duration = Duration::from_millis(800);

/// Timeout of a connection test, for whose result the user waits.
const TEST_TIMEOUT: Duration = Duration::from_secs(10);

impl Providers {
    /// Tests the connection to a provider as the form describes it.
    ///
    /// # Errors
    /// When the form is invalid.
    pub(crate) async fn test(
        &self,
        form: &ProviderForm,
        now: Timestamp,
    ) -> error::Result<ConnectionTest> {
        let checked = form.validate()?;
        let key = match &form.key {
            KeyChange::Set { key, .. } => Some(SecretString::from(key.expose_secret().trim())),
            KeyChange::Remove => None,
            KeyChange::Keep => self.kept_key(form.id.as_deref(), &checked.base_url).await?,
        };
        // A new one has the preset's id for as long as it is tested: its list may have a form of its own.
        let id = form.id.clone();
        let id = id.unwrap_or_else(|| checked.preset.id.to_owned());
        let mut provider = checked.provider(id, key);
        let mut first = None;
        for base_url in base_url::candidates(&checked.base_url, provider.protocol) {
            provider.base_url = base_url;
            let reached = self
                .reach(&provider, checked.preset.key_check_path, now)
                .await;
            let failure = match reached {
                Ok(test) => {
                    let found_at = Some(provider.base_url).filter(|found| *found != form.base_url);
                    if let Some(id) = &form.id {
                        self.errors.succeeded(id, Requested::Models);
                    }
                    return Ok(ConnectionTest { found_at, ..test });
                }
                Err(failure) => failure,
            };
            let is_elsewhere = matches!(
                failure.kind,
                FailureKind::UnknownPath
                    | FailureKind::UnknownModel
                    | FailureKind::UnexpectedResponse
            );
            // The failure at the typed address is the one that the user understands.
            if first.is_none() || !is_elsewhere {
                first = Some(failure);
            }
            if !is_elsewhere {
                break;
            }
        }
        let question = match &first {
            Some(failure) => self.question(failure.kind, &checked).await,
            None => None,
        };
        Ok(ConnectionTest {
            models: None,
            found_at: None,
            key_untried: false,
            question,
            problem: first.map(|failure| {
                let failure = whose_key(failure, &provider, &checked.preset);
                provider.without_key(failure).to_error()
            }),
        })
    }

    /// Requests the list of models, checks that a chat would be answered, and that the key counts.
    async fn reach(
        &self,
        provider: &Provider,
        key_check_path: Option<&str>,
        now: Timestamp,
    ) -> Result<ConnectionTest, Failure> {
        let models = models::fetch(&self.network, provider, TEST_TIMEOUT, now).await?;
        if let Some(first) = models.first() {
            models::check_chat(&self.network, provider, &first.id, TEST_TIMEOUT, now).await?;
        }
        let key_tried = match provider.key {
            Some(_) => self.try_key(provider, key_check_path, now).await?,
            None => true,
        };
        Ok(ConnectionTest {
            models: Some(count(&models)),
            found_at: None,
            key_untried: !key_tried,
            problem: None,
            question: None,
        })
    }

    /// Returns what the user may consent to after such a failure. Where a service that Conch knows has a certificate of
    /// an unknown authority, what is sent may be read on its way, and no consent is offered.
    async fn question(
        &self,
        kind: FailureKind,
        checked: &ValidatedForm,
    ) -> Option<ConsentQuestion> {
        let base_url = &checked.base_url;
        match kind {
            FailureKind::InsecureUrl if key_transport(base_url) == KeyTransport::ByConsent => {
                Some(ConsentQuestion {
                    consent: Consent::to_plain_http(base_url)?,
                    before: None,
                })
            }
            FailureKind::UntrustedCertificate | FailureKind::ChangedCertificate
                if !is_service(base_url) =>
            {
                let presented = self.network.certificate_at(base_url).await?;
                let before = checked.consent.as_ref();
                Some(ConsentQuestion {
                    consent: Consent::to_certificate(base_url, presented)?,
                    before: before.and_then(|before| before.parts().1),
                })
            }
            _ => None,
        }
    }

    /// Returns whether the key is known to be valid, after the provider listed its models. It may list them
    /// without authentication.
    async fn try_key(
        &self,
        provider: &Provider,
        key_check_path: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, Failure> {
        if let Some(path) = key_check_path {
            let response =
                models::get(&self.network, provider, &provider.url(path), TEST_TIMEOUT).await?;
            if response.status.is_success() {
                return Ok(true);
            }
            let failure = response.failure(now);
            if failure.kind == FailureKind::WrongKey {
                return Err(failure);
            }
        }
        let keyless = Provider {
            key: None,
            ..provider.clone()
        };
        let refused = |failure: &Failure| failure.kind == FailureKind::WrongKey;
        let listed = models::fetch(&self.network, &keyless, TEST_TIMEOUT, now).await;
        let Ok(models) = listed else {
            return Ok(listed.is_err_and(|failure| refused(&failure)));
        };
        // With the key, the same request was not refused.
        let Some(first) = models.first() else {
            return Ok(false);
        };
        let chat = models::check_chat(&self.network, &keyless, &first.id, TEST_TIMEOUT, now);
        Ok(chat.await.is_err_and(|failure| refused(&failure)))
    }

    async fn kept_key(
        &self,
        id: Option<&str>,
        base_url: &str,
    ) -> error::Result<Option<SecretString>> {
        let stored = self.profile.providers().await?;
        let stored = stored.iter().find(|provider| Some(&*provider.id) == id);
        let Some(stored) = stored else {
            return Ok(self.environment_key(id, base_url));
        };
        let (Some(place), Some(name)) = (stored.key_place, KeyName::new(&stored.id, base_url))
        else {
            return Ok(None);
        };
        Ok(self.keys.load(&name, place).await?)
    }

    /// Returns the key of a provider of the environment, for its own server.
    fn environment_key(&self, id: Option<&str>, base_url: &str) -> Option<SecretString> {
        let mut environment = self.environment.iter();
        let provider = environment.find(|provider| Some(&*provider.id) == id)?;
        let name = |base_url: &str| KeyName::new(&provider.id, base_url);
        let is_own = name(&provider.base_url).is_some_and(|own| name(base_url) == Some(own));
        provider.key.clone().filter(|_| is_own)
    }

    /// Finds the model servers on this machine, at their default ports, that are not configured yet.
    pub(crate) async fn local_servers(&self, now: Timestamp) -> error::Result<Vec<FoundServer>> {
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
                consent: None,
            };
            let models = models::fetch(&self.network, &provider, LOCAL_TIMEOUT, now)
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
}

/// Names the provider of a refused key, if the form of the key identifies one.
fn whose_key(mut failure: Failure, provider: &Provider, preset: &Preset) -> Failure {
    let key = provider.key.as_ref().map(ExposeSecret::expose_secret);
    let other = key.and_then(of_key).filter(|other| other.id != preset.id);
    if failure.kind == FailureKind::WrongKey
        && let Some(other) = other
    {
        let _ = write!(
            failure.message,
            ". It has the form of a key of {}",
            other.name
        );
    }
    failure
}

fn count(models: &[ListedModel]) -> u32 {
    u32::try_from(models.len()).unwrap_or(u32::MAX)
}
