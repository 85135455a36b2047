//! Which models there are, which is the default, and where each is reached.
//!
//! A model's name in the application is `provider/model`: `openai/…` is whatever `OPENAI_BASE_URL`
//! or `OPENAI_API_KEY` point to, `embedded/…` is the model that comes with Conch.

use std::sync::RwLock;
use std::time::Duration;

use reqwest::Client;
use serde::{Deserialize, Serialize};
use specta::Type;

use super::answer;
use super::embedded::EmbeddedModel;
use super::endpoint::{Endpoint, OpenAi};
use super::failure::{Failure, FailureKind};
use crate::clock::Timestamp;

const OPENAI: &str = "openai";
const EMBEDDED: &str = "embedded";

/// How long a list of models may take.
const LIST_TIMEOUT: Duration = Duration::from_secs(10);

/// What to ask a server for that has no list: it serves one model, whatever it is called.
const ONLY_MODEL: &str = "default";

/// What a person should know before relying on the embedded model.
const EMBEDDED_NOTE: &str =
    "Tiny offline model: English only, often wrong. Add a provider for real work.";

/// A model that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ModelInfo {
    /// `provider/model`.
    pub id: String,
    /// For people.
    pub name: String,
    /// Its provider, for people.
    pub provider: String,
    /// It comes with Conch and runs on this machine.
    pub embedded: bool,
    /// A new conversation starts with it.
    pub is_default: bool,
    /// What to know before relying on it, or why it cannot be used.
    pub note: Option<String>,
    /// It can be used.
    pub available: bool,
}

/// All models that are configured.
#[derive(Debug)]
pub struct Catalogue {
    client: Client,
    openai: Option<OpenAi>,
    embedded: EmbeddedModel,
    /// The provider's models as it last listed them; empty before the first time.
    listed: RwLock<Vec<String>>,
}

impl Catalogue {
    /// The catalogue of a configuration.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(openai: Option<OpenAi>, embedded: EmbeddedModel) -> Result<Self, Failure> {
        Ok(Self {
            client: answer::client()?,
            openai,
            embedded,
            listed: RwLock::default(),
        })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Every model, the default first. A provider that cannot be asked is one entry that says why.
    pub async fn models(&self, now: Timestamp) -> Vec<ModelInfo> {
        let mut models = match &self.openai {
            Some(provider) => self.openai_models(provider, now).await,
            None => Vec::new(),
        };
        models.push(self.embedded_model());
        // Also where it cannot be used: what a send would ask is what the page should show.
        if let Some(first) = models.first_mut() {
            first.is_default = true;
        }
        models
    }

    async fn openai_models(&self, provider: &OpenAi, now: Timestamp) -> Vec<ModelInfo> {
        let entry = |id: &str, name: &str| ModelInfo {
            id: format!("{OPENAI}/{id}"),
            name: name.to_owned(),
            provider: provider_name(provider),
            embedded: false,
            is_default: false,
            note: None,
            available: true,
        };
        match self.list(provider, now).await {
            Ok(names) => names.iter().map(|name| entry(name, name)).collect(),
            Err(failure) => vec![ModelInfo {
                note: Some(failure.message),
                available: false,
                ..entry("", &provider_name(provider))
            }],
        }
    }

    fn embedded_model(&self) -> ModelInfo {
        let missing = self.embedded.model_file().err();
        let name = self.embedded.name();
        ModelInfo {
            id: format!("{EMBEDDED}/{name}"),
            name: format!("{name} (built in)"),
            provider: "Built in".to_owned(),
            embedded: true,
            is_default: false,
            available: missing.is_none(),
            note: Some(missing.map_or_else(|| EMBEDDED_NOTE.to_owned(), |failure| failure.message)),
        }
    }

    /// Where a model is reached; for `None`, the default: the provider's first listed model where one
    /// is configured, else the embedded one, which is started if need be.
    pub(crate) async fn endpoint(
        &self,
        model_id: Option<&str>,
        now: Timestamp,
    ) -> Result<Endpoint, Failure> {
        match (model_id, &self.openai) {
            (Some(id), _) if id.starts_with("embedded/") => self.embedded_endpoint().await,
            (Some(id), Some(provider)) => {
                // A bare name, as a program may give it, is the configured provider's.
                let model = id.strip_prefix("openai/").unwrap_or(id);
                Ok(openai_endpoint(provider, model))
            }
            (Some(id), None) => Err(Failure::new(
                FailureKind::UnknownModel,
                format!("No provider is configured for the model {id}: choose another model"),
            )),
            (None, Some(provider)) => {
                let model = self.first_model(provider, now).await?;
                Ok(openai_endpoint(provider, &model))
            }
            (None, None) => self.embedded_endpoint().await,
        }
    }

    async fn first_model(&self, provider: &OpenAi, now: Timestamp) -> Result<String, Failure> {
        let known = self
            .listed
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .first()
            .cloned();
        match known {
            Some(model) => Ok(model),
            None => self
                .list(provider, now)
                .await?
                .into_iter()
                .next()
                .ok_or_else(|| {
                    Failure::new(FailureKind::UnknownModel, "The provider lists no models")
                }),
        }
    }

    /// True when a send with this model has to start the embedded one or wait for it.
    pub(crate) fn is_embedded(&self, model_id: Option<&str>) -> bool {
        model_id.map_or(self.openai.is_none(), |id| id.starts_with("embedded/"))
    }

    async fn embedded_endpoint(&self) -> Result<Endpoint, Failure> {
        let reached = self.embedded.reach().await?;
        Ok(Endpoint {
            provider: reached.provider,
            model: reached.model,
            model_id: format!("{EMBEDDED}/{}", self.embedded.name()),
            embedded: true,
        })
    }

    async fn list(&self, provider: &OpenAi, now: Timestamp) -> Result<Vec<String>, Failure> {
        let names = fetch_names(&self.client, provider, now).await?;
        self.listed
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone_from(&names);
        Ok(names)
    }
}

#[derive(Deserialize)]
struct ModelList {
    data: Vec<ListedModel>,
}

#[derive(Deserialize)]
struct ListedModel {
    id: String,
}

async fn fetch_names(
    client: &Client,
    provider: &OpenAi,
    now: Timestamp,
) -> Result<Vec<String>, Failure> {
    let unreachable = |error: reqwest::Error| Failure::unreachable(&provider.base_url, &error);
    let request = client.get(provider.url("models")).timeout(LIST_TIMEOUT);
    let response = provider
        .authorise(request)?
        .send()
        .await
        .map_err(unreachable)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = response.text().await.map_err(unreachable)?;
    if matches!(status.as_u16(), 404 | 405 | 501) {
        return Ok(vec![ONLY_MODEL.to_owned()]);
    }
    if !status.is_success() {
        return Err(Failure::from_status(status, &headers, &body, now));
    }
    let list: ModelList = serde_json::from_str(&body).map_err(|_| {
        Failure::new(
            FailureKind::UnexpectedResponse,
            format!(
                "{} sent no list of models: check the address",
                provider.base_url
            ),
        )
    })?;
    Ok(list
        .data
        .into_iter()
        .map(|model| model.id)
        .filter(|id| answers_chats(id))
        .collect())
}

/// Leaves out what OpenAI lists beside its chat models.
fn answers_chats(id: &str) -> bool {
    const OTHERS: [&str; 10] = [
        "babbage-",
        "dall-e-",
        "davinci-",
        "gpt-image-",
        "omni-moderation-",
        "sora-",
        "text-embedding-",
        "text-moderation-",
        "tts-",
        "whisper-",
    ];
    !OTHERS.iter().any(|prefix| id.starts_with(prefix))
}

fn openai_endpoint(provider: &OpenAi, model: &str) -> Endpoint {
    Endpoint {
        provider: provider.clone(),
        model: model.to_owned(),
        model_id: format!("{OPENAI}/{model}"),
        embedded: false,
    }
}

/// The host, which tells compatible servers apart better than "OpenAI" would.
fn provider_name(provider: &OpenAi) -> String {
    reqwest::Url::parse(&provider.base_url)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .map_or_else(
            || provider.base_url.clone(),
            |host| match host.as_str() {
                "api.openai.com" => "OpenAI".to_owned(),
                _ => host,
            },
        )
}
