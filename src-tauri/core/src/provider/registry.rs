//! Resolves models to endpoints, and determines the default model. Adding and changing providers is in
//! [`configuring`](super::configuring).
//!
//! A model's id in the application is `provider/model`. Providers come from the environment, from the
//! settings, and one is built in: `embedded`. The store is read each time, so that changes of another window
//! or process apply immediately; keys are loaded when they are needed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use conch_provider::count::Counters;
use conch_provider::embedded::EmbeddedModel;
use conch_provider::endpoint::{Endpoint, Provider};
use conch_provider::failure::{Failure, FailureKind};
use conch_provider::gate::Gate;
use conch_provider::models::{ModelInfo, ModelLists};
use conch_provider::presets::preset;
use conch_provider::protocol::ChatRequest;
use conch_provider::record::{ModelRecord, Refusal, Refusals, Sampling, record_of};
use futures_util::future::join_all;
use secrecy::SecretString;

use super::last_errors::{LastErrors, Requested};
use super::model_file::ModelFileInfo;
use crate::error::Result;
use crate::events::CoreEvent;
use crate::keys::Keys;
use crate::model::{KeyName, Settings, Timestamp};
use crate::network::Network;
use crate::store::{Profile, StoreError, StoredProvider};

pub(super) const EMBEDDED: &str = "embedded";

/// A caution about the embedded model, shown to the user.
const EMBEDDED_NOTE: &str =
    "Tiny offline model: English only, often wrong. Add a provider for real work.";

/// The same about the user's own model.
const OWN_NOTE: &str = "Your model file, running on this machine.";

/// The same about a model without a chat template.
const BASE_NOTE: &str =
    "Base model without a chat template: it continues your text, and does not answer questions.";

/// Returns the user's own model file.
fn own_file(settings: &Settings) -> Option<&Path> {
    settings.model_file.as_deref().map(Path::new)
}

/// All configured providers.
#[derive(Debug)]
pub struct Providers {
    pub(super) network: Arc<Network>,
    pub(super) profile: Profile,
    pub(super) keys: Keys,
    pub(super) environment: Vec<Provider>,
    embedded: EmbeddedModel,
    lists: ModelLists,
    refusals: Refusals,
    counters: Counters,
    pub(super) errors: LastErrors,
    gates: Mutex<HashMap<String, Arc<Gate>>>,
}

/// A configured provider, whose stored key is loaded only for a request.
#[derive(Debug)]
pub(crate) enum Configured {
    /// From the environment, with its key.
    Environment(Provider),
    /// From the settings.
    Stored(StoredProvider),
}

impl Configured {
    fn id(&self) -> &str {
        match self {
            Self::Environment(provider) => &provider.id,
            Self::Stored(stored) => &stored.id,
        }
    }
}

/// A resolved reference to a model.
#[derive(Debug)]
pub(crate) enum ModelRef {
    /// The built-in model.
    Embedded,
    /// The first model that this provider lists.
    FirstOf(Configured),
    /// This provider's model of that name.
    Named(Configured, String),
}

impl Providers {
    /// Creates the registry from the environment's providers, the user's profile, and the embedded model.
    pub(crate) fn new(
        environment: Vec<Provider>,
        network: Arc<Network>,
        embedded: EmbeddedModel,
        profile: Profile,
        keys: Keys,
    ) -> Self {
        Self {
            network,
            profile,
            keys,
            environment,
            embedded,
            lists: ModelLists::default(),
            refusals: Refusals::default(),
            counters: Counters::default(),
            errors: LastErrors::default(),
            gates: Mutex::default(),
        }
    }

    /// Returns the network that requests use.
    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    /// Returns the tokens of a prompt as the provider counts them; `None` if it does not count, or not in time.
    pub(crate) async fn count(
        &self,
        endpoint: &Endpoint,
        request: &ChatRequest<'_>,
    ) -> Option<u32> {
        self.counters.tokens(&self.network, endpoint, request).await
    }

    /// Returns the provider's gate.
    pub(crate) fn gate(&self, provider: &Provider) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = gates
            .entry(provider.id.clone())
            .or_insert_with(|| Arc::new(Gate::new(provider.max_parallel)));
        gate.set_max(provider.max_parallel);
        Arc::clone(gate)
    }

    /// Lists every model, grouped by provider. An unreachable provider is one entry with the reason.
    /// Providers are queried concurrently, and the cache is bypassed if `refresh` is set.
    pub(crate) async fn models(&self, refresh: bool, now: Timestamp) -> Result<Vec<ModelInfo>> {
        let configured = self.configured().await?;
        let asked = configured
            .iter()
            .map(|provider| self.models_of(provider, refresh, now));
        let mut models: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
        let settings = self.profile.settings().await?;
        models.push(self.embedded_model(own_file(&settings)).await);
        let chosen = settings.default_model_id;
        let is_chosen = |model: &ModelInfo| Some(&model.id) == chosen.as_ref();
        // The provider may have a model that it does not list.
        let provider = chosen.as_deref().and_then(|id| id.split('/').next());
        let may_be_chosen = |model: &ModelInfo| Some(&*model.provider_id) == provider;
        let default = models
            .iter()
            .position(is_chosen)
            .or_else(|| models.iter().position(may_be_chosen))
            // Even if it is unavailable: the page shows the model that a send would use.
            .unwrap_or(0);
        if let Some(model) = models.get_mut(default) {
            model.is_default = true;
        }
        Ok(models)
    }

    async fn models_of(
        &self,
        configured: &Configured,
        refresh: bool,
        now: Timestamp,
    ) -> Vec<ModelInfo> {
        let (provider, keyless) = self.with_key(configured).await;
        let entry = |id: &str, name: &str| ModelInfo {
            id: format!("{}/{id}", provider.id),
            name: name.to_owned(),
            provider_id: provider.id.clone(),
            provider: provider.name.clone(),
            embedded: false,
            is_default: false,
            note: None,
            available: true,
            context_tokens: None,
            vision: None,
            max_output_tokens: None,
            tools: None,
            efforts: None,
            sampling: None,
            refused: Vec::new(),
            price: None,
            ends_at: None,
            cloud: false,
        };
        let listed = match keyless {
            None => self.lists.of(&self.network, &provider, refresh, now).await,
            Some(failure) => Err(failure),
        };
        match &listed {
            Ok(_) => self.errors.succeeded(&provider.id, Requested::Models),
            Err(failure) => {
                let failure = provider.without_key(failure.clone());
                self.errors
                    .failed(&provider.id, Requested::Models, &failure, now)
            }
        };
        match listed {
            Ok(models) => models
                .into_iter()
                .map(|mut model| {
                    let refusals = &self.refusals;
                    refusals.apply(&provider, &model.id, &mut model.record);
                    let name = model.name.as_deref().unwrap_or(&model.id);
                    entry(&model.id, name).with(model.record)
                })
                .collect(),
            Err(failure) => vec![ModelInfo {
                note: Some(provider.without_key(failure).message),
                available: false,
                ..entry("", &provider.name)
            }],
        }
    }

    async fn embedded_model(&self, own: Option<&Path>) -> ModelInfo {
        let file = self.embedded.file(own).await;
        let name = self.embedded.name(own);
        let (available, note) = match file {
            Ok(file) if !file.has_chat_template => (true, BASE_NOTE.to_owned()),
            Ok(_) if own.is_some() => (true, OWN_NOTE.to_owned()),
            Ok(_) => (true, EMBEDDED_NOTE.to_owned()),
            Err(failure) => (false, failure.message),
        };
        ModelInfo {
            id: format!("{EMBEDDED}/{name}"),
            name: format!("{name} (built in)"),
            provider_id: EMBEDDED.to_owned(),
            provider: "Built in".to_owned(),
            embedded: true,
            is_default: false,
            available,
            note: Some(note),
            context_tokens: None,
            vision: Some(false),
            max_output_tokens: None,
            tools: Some(false),
            efforts: Some(Vec::new()),
            sampling: Some(Sampling::Always),
            refused: Vec::new(),
            price: None,
            ends_at: None,
            cloud: false,
        }
    }

    /// Returns the endpoint of a model, and starts the embedded one if necessary.
    pub(crate) async fn endpoint(
        &self,
        model_ref: ModelRef,
        now: Timestamp,
    ) -> Result<Endpoint, Failure> {
        match model_ref {
            ModelRef::Embedded => self.embedded_endpoint().await,
            ModelRef::FirstOf(configured) => {
                let provider = self.usable(&configured).await?;
                let model = self.first_model(&provider, now).await?;
                Ok(self.at(provider, &model))
            }
            ModelRef::Named(configured, model) => {
                Ok(self.at(self.usable(&configured).await?, &model))
            }
        }
    }

    /// Resolves a model id; `None` is the default: the one in the settings, else the first model of the first
    /// provider, else the embedded one.
    ///
    /// # Errors
    /// When the store cannot be read; the inner error, when there is no such model.
    pub(crate) async fn resolve_model(
        &self,
        model_id: Option<&str>,
    ) -> Result<Result<ModelRef, Failure>, StoreError> {
        let mut configured = self.configured().await?;
        let known = |id: &str| configured.iter().position(|known| known.id() == id);
        let Some(id) = model_id else {
            let settings = self.profile.settings().await?;
            // A default whose provider was deleted does not count.
            let chosen = settings.default_model_id.as_deref();
            let (provider, model) = chosen.and_then(|id| id.split_once('/')).unwrap_or_default();
            return Ok(Ok(match known(provider) {
                Some(index) => ModelRef::Named(configured.swap_remove(index), model.to_owned()),
                None if provider == EMBEDDED || configured.is_empty() => ModelRef::Embedded,
                None => ModelRef::FirstOf(configured.swap_remove(0)),
            }));
        };
        let (provider, model) = id.split_once('/').unwrap_or((id, ""));
        if provider == EMBEDDED {
            return Ok(Ok(ModelRef::Embedded));
        }
        if let Some(index) = known(provider) {
            let named = configured.swap_remove(index);
            return Ok(Ok(ModelRef::Named(named, model.to_owned())));
        }
        // A name without a provider, as a program may pass it, belongs to the first provider.
        let first = configured.into_iter().next();
        let first = first.filter(|first| !id.contains('/') || self.lists_it(first, id));
        let unknown = || {
            Failure::new(
                FailureKind::UnknownModel,
                format!("No provider is configured for the model {id}. Choose another model"),
            )
        };
        Ok(first
            .map(|first| ModelRef::Named(first, id.to_owned()))
            .ok_or_else(unknown))
    }

    /// Returns whether a model accepts images, according to the cached lists; `None` is the default model.
    pub(crate) async fn vision(&self, model_id: Option<&str>) -> Option<bool> {
        // Errors are ignored here: the request reports them.
        let (configured, model) = match self.resolve_model(model_id).await.ok()?.ok()? {
            ModelRef::Embedded => return Some(false),
            ModelRef::FirstOf(configured) => (configured, None),
            ModelRef::Named(configured, model) => (configured, Some(model)),
        };
        let provider = without_key(&configured);
        let model = model.or_else(|| {
            let known = self.lists.known(&provider)?.into_iter().next();
            known.map(|first| first.id)
        })?;
        self.record(&provider, &model).vision
    }

    /// Returns what a model takes: as the cached list and the table say, and as it refused in this run.
    fn record(&self, provider: &Provider, model: &str) -> ModelRecord {
        let known = self.lists.known(provider).unwrap_or_default();
        let listed = known.into_iter().find(|listed| listed.id == model);
        let listed = listed.map(|listed| listed.record);
        let mut record = listed.unwrap_or_else(|| record_of(provider, model));
        self.refusals.apply(provider, model, &mut record);
        record
    }

    /// Takes note of whether a request for an answer was accepted, for the provider's row in the settings.
    pub(crate) fn note_request(
        &self,
        endpoint: &Endpoint,
        opened: std::result::Result<(), &Failure>,
        now: Timestamp,
    ) {
        if endpoint.embedded {
            return;
        }
        let provider = &endpoint.provider;
        let is_news = match opened {
            Ok(()) => self.errors.succeeded(&provider.id, Requested::Answer),
            Err(failure) => {
                let failure = provider.without_key(failure.clone());
                self.errors
                    .failed(&provider.id, Requested::Answer, &failure, now)
            }
        };
        // Not for lists: who reads one also reads the rows, and would be asked to read it again.
        if is_news {
            self.profile.events().publish(CoreEvent::Models);
        }
    }

    /// Takes note of what the endpoint's model refused, for this run.
    pub(crate) fn remember(&self, endpoint: &Endpoint, refusals: Vec<Refusal>) {
        let (provider, model) = (&endpoint.provider, &endpoint.model);
        for refusal in refusals {
            self.refusals.remember(provider, model, refusal);
        }
    }

    fn at(&self, mut provider: Provider, model: &str) -> Endpoint {
        let record = self.record(&provider, model);
        provider.protocol = record.protocol_at(provider.protocol);
        Endpoint {
            model: model.to_owned(),
            model_id: format!("{}/{model}", provider.id),
            record,
            embedded: false,
            provider,
        }
    }

    fn lists_it(&self, configured: &Configured, model: &str) -> bool {
        let known = self
            .lists
            .known(&without_key(configured))
            .unwrap_or_default();
        known.iter().any(|listed| listed.id == model)
    }

    async fn first_model(&self, provider: &Provider, now: Timestamp) -> Result<String, Failure> {
        let models = if let Some(models) = self.lists.known(provider) {
            models
        } else {
            let listed = self.lists.of(&self.network, provider, false, now).await;
            listed.map_err(|failure| provider.without_key(failure))?
        };
        let first = models.into_iter().find(|model| model.record.chats());
        first
            .map(|model| model.id)
            .ok_or_else(|| Failure::new(FailureKind::UnknownModel, "The provider lists no models"))
    }

    async fn embedded_endpoint(&self) -> Result<Endpoint, Failure> {
        let settings = self.profile.settings().await;
        let settings =
            settings.map_err(|error| Failure::new(FailureKind::Internal, error.to_string()))?;
        let own = own_file(&settings);
        let reached = self.embedded.reach(own).await?;
        Ok(Endpoint {
            provider: reached.provider,
            model: reached.model,
            model_id: format!("{EMBEDDED}/{}", self.embedded.name(own)),
            // Without a context: the engine truncates the conversation itself, and reports how many messages it
            // omitted.
            record: ModelRecord {
                vision: Some(false),
                efforts: Some(Vec::new()),
                ..ModelRecord::default()
            },
            embedded: true,
        })
    }

    /// Returns what the built-in model's file is.
    pub(crate) async fn model_file(&self) -> Result<ModelFileInfo, StoreError> {
        let settings = self.profile.settings().await?;
        let file = self.embedded.file(own_file(&settings)).await;
        Ok(ModelFileInfo::of(file))
    }

    /// Returns the configured providers, those of the environment first.
    async fn configured(&self) -> Result<Vec<Configured>, StoreError> {
        let environment = self.consented_environment().await?.into_iter();
        let stored = self.profile.providers().await?.into_iter();
        Ok(environment
            .map(Configured::Environment)
            .chain(stored.map(Configured::Stored))
            .collect())
    }

    /// Returns the providers of the environment, with what the user consented to about their servers.
    pub(super) async fn consented_environment(&self) -> Result<Vec<Provider>, StoreError> {
        let mut consents = self.profile.environment_consents().await?;
        let consented = self.environment.iter().map(|provider| Provider {
            // The variables may name another server now.
            consent: consents
                .remove(&provider.id)
                .filter(|consent| consent.covers(&provider.base_url)),
            ..provider.clone()
        });
        Ok(consented.collect())
    }

    async fn usable(&self, configured: &Configured) -> Result<Provider, Failure> {
        match self.with_key(configured).await {
            (provider, None) => Ok(provider),
            (_, Some(failure)) => Err(failure),
        }
    }

    /// Returns a provider with its key, or with the reason why the key is unavailable.
    async fn with_key(&self, configured: &Configured) -> (Provider, Option<Failure>) {
        let mut provider = without_key(configured);
        let key = match configured {
            Configured::Environment(provider) => Ok(provider.key.clone()),
            Configured::Stored(stored) => self.key(stored).await,
        };
        match key {
            Ok(key) => {
                provider.key = key;
                (provider, None)
            }
            Err(failure) => (provider, Some(failure)),
        }
    }

    /// Loads the key of a provider that has one.
    pub(super) async fn key(
        &self,
        stored: &StoredProvider,
    ) -> Result<Option<SecretString>, Failure> {
        let name = KeyName::new(&stored.id, &stored.base_url);
        let (Some(place), Some(name)) = (stored.key_place, name) else {
            return Ok(None);
        };
        let missing = |why: String| Failure::new(FailureKind::WrongKey, why);
        let key = self.keys.load(&name, place).await;
        match key.map_err(|error| missing(error.to_string()))? {
            Some(key) => Ok(Some(key)),
            None => Err(missing(format!(
                "The API key of {} is missing. Enter it again in the settings",
                stored.name
            ))),
        }
    }
}

fn without_key(configured: &Configured) -> Provider {
    match configured {
        Configured::Environment(provider) => Provider {
            key: None,
            ..provider.clone()
        },
        Configured::Stored(stored) => Provider {
            id: stored.id.clone(),
            name: stored.name.clone(),
            protocol: stored.protocol,
            base_url: stored.base_url.clone(),
            key: None,
            max_parallel: stored.max_parallel,
            local: preset(&stored.preset).is_some_and(|preset| preset.local),
            consent: stored.consent.clone(),
        },
    }
}
