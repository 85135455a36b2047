//! Commands that read and change the application's settings: providers, models, parameters.

use super::App;
use super::bounds;
use crate::error::{Error, Result};
use crate::model::{ConversationId, Entity, Parameters, Settings};
use crate::provider::{
    ConnectionTest, FoundServer, ModelInfo, Preset, ProviderForm, ProviderInfo, presets,
};

impl App {
    /// Returns the providers that can be added by filling in a form.
    pub fn presets(&self) -> Vec<Preset> {
        presets()
    }

    /// Returns every configured provider, the embedded one included.
    pub async fn providers(&self) -> Result<Vec<ProviderInfo>> {
        self.ctx.providers.list().await
    }

    /// Adds a provider or changes one.
    ///
    /// # Errors
    /// When the form is invalid or its key cannot be stored; nothing was saved then.
    pub async fn save_provider(&self, form: &ProviderForm) -> Result<ProviderInfo> {
        let saved = self.ctx.providers.save(form, self.ctx.clock.now()).await?;
        self.ctx.events.models_changed();
        Ok(saved)
    }

    /// Deletes a provider and its key. Conversations with its models stay.
    pub async fn delete_provider(&self, id: &str) -> Result<()> {
        self.ctx.providers.delete(id).await?;
        self.ctx.events.models_changed();
        Ok(())
    }

    /// Tests the connection to a provider as the form describes it. Nothing is saved.
    pub async fn test_provider(&self, form: &ProviderForm) -> Result<ConnectionTest> {
        let now = self.ctx.clock.now();
        self.ctx.providers.test(form, now).await
    }

    /// Finds model servers that run on this machine and are not configured yet.
    pub async fn find_local_servers(&self) -> Result<Vec<FoundServer>> {
        let now = self.ctx.clock.now();
        self.ctx.providers.local_servers(now).await
    }

    /// Lists every model that can be selected, the default marked; `refresh` bypasses the cache.
    pub async fn list_models(&self, refresh: bool) -> Result<Vec<ModelInfo>> {
        let now = self.ctx.clock.now();
        self.ctx.providers.models(refresh, now).await
    }

    /// Returns the settings.
    pub async fn settings(&self) -> Result<Settings> {
        Ok(self.ctx.inspect_damage(self.ctx.store.settings().await)?)
    }

    /// Saves all settings, normalized, and returns them.
    ///
    /// # Errors
    /// When a value is invalid; nothing was saved then.
    pub async fn save_settings(&self, settings: Settings) -> Result<Settings> {
        bounds::MODEL.check_any(settings.default_model_id.as_deref())?;
        let settings = settings.validate().map_err(Error::InvalidArgument)?;
        let saved = self.ctx.store.save_settings(&settings).await;
        self.ctx.inspect_damage(saved)?;
        self.ctx.events.settings_changed(settings.clone());
        Ok(settings)
    }

    /// Sets a conversation's request parameters.
    pub async fn set_conversation_parameters(
        &self,
        id: &ConversationId,
        parameters: Parameters,
    ) -> Result<()> {
        let parameters = parameters.validate().map_err(Error::InvalidArgument)?;
        let set = self.ctx.store.set_parameters(id, &parameters).await;
        if !self.ctx.inspect_damage(set)? {
            return Err(Error::NotFound(Entity::Conversation));
        }
        self.ctx.events.conversation_changed(id, false);
        Ok(())
    }
}
