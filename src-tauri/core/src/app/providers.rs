//! Providers and their models, as the settings show them.

use std::sync::Arc;

use crate::clock::Clock;
use crate::error::Result;
use crate::model::Consent;
use crate::provider::{
    ConnectionTest, FoundServer, ModelFileInfo, ModelInfo, Preset, ProviderForm, ProviderInfo,
    Providers, presets,
};

/// The configured providers.
#[derive(Debug)]
pub struct ConfiguredProviders {
    pub(super) providers: Arc<Providers>,
    pub(super) clock: Arc<dyn Clock>,
}

impl ConfiguredProviders {
    /// Returns the providers that can be added by filling in a form.
    pub fn presets(&self) -> Vec<Preset> {
        presets()
    }

    /// Returns every configured provider, the embedded one included.
    pub async fn list(&self) -> Result<Vec<ProviderInfo>> {
        self.providers.list().await
    }

    /// Adds a provider or changes one.
    ///
    /// # Errors
    /// When the form is invalid or its key cannot be stored; nothing was saved then.
    pub async fn save(&self, form: &ProviderForm) -> Result<ProviderInfo> {
        self.providers.save(form, self.clock.now()).await
    }

    /// Stores what the user consents to about the server of a provider of the environment; `None` withdraws it.
    ///
    /// # Errors
    /// When there is no such provider, or the consent is about another server.
    pub async fn consent_to_environment(&self, id: &str, consent: Option<&Consent>) -> Result<()> {
        self.providers.consent_to_environment(id, consent).await
    }

    /// Deletes a provider and its key. Conversations with its models stay.
    pub async fn delete(&self, id: &str) -> Result<()> {
        self.providers.delete(id).await
    }

    /// Tests the connection to a provider as the form describes it. Nothing is saved.
    pub async fn test(&self, form: &ProviderForm) -> Result<ConnectionTest> {
        self.providers.test(form, self.clock.now()).await
    }

    /// Finds model servers that run on this machine and are not configured yet.
    pub async fn find_local(&self) -> Result<Vec<FoundServer>> {
        self.providers.local_servers(self.clock.now()).await
    }

    /// Returns what the built-in model's file is, or why it cannot be used.
    pub async fn model_file(&self) -> Result<ModelFileInfo> {
        Ok(self.providers.model_file().await?)
    }

    /// Lists every model that can be selected, the default marked; `refresh` bypasses the cache.
    pub async fn models(&self, refresh: bool) -> Result<Vec<ModelInfo>> {
        self.providers.models(refresh, self.clock.now()).await
    }
}
