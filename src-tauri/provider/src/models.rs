//! The models that a provider lists, cached for a while.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use conch_model::{ReasoningEffort, Timestamp};
use reqwest::header::HeaderMap;
use reqwest::{StatusCode, Url};
use serde::Serialize;
use specta::Type;
use tokio::time::Instant;

use super::answer;
use super::endpoint::Provider;
use super::failure::{Failure, FailureKind};
use super::presets::preset_of;
use super::protocol::{self, ListedModel};
use super::record::{ModelRecord, Parameter, Price, Sampling, record_of};
use crate::network::Network;

/// Timeout of a model list.
const LIST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a cached list is valid. A server on this machine is queried each time: its models come and go,
/// and the query costs nothing.
const LIST_TTL: Duration = Duration::from_mins(10);

/// Maximum bytes of a list: the longest known has half a megabyte.
const LIST_LIMIT: usize = 16 * 1024 * 1024;

/// The model name for a server without a list: it serves one model, whatever its name.
const ONLY_MODEL: &str = "default";

/// Why a model cannot be used that only OpenAI's Responses protocol reaches.
const RESPONSES_ONLY: &str = "Needs the Responses protocol, which Conch does not speak yet.";

/// A model that can be selected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "field names say it")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "traits that do not depend on each other"
)]
pub struct ModelInfo {
    /// `provider/model`.
    pub id: String,
    /// The display name.
    pub name: String,
    pub provider_id: String,
    /// Its provider's display name.
    pub provider: String,
    /// Built in, running on this machine.
    pub embedded: bool,
    /// Whether it is the default of new conversations.
    pub is_default: bool,
    /// A caution about the model, or why it cannot be used.
    pub note: Option<String>,
    /// False if its provider or its file cannot be used; then `note` says why.
    pub available: bool,
    /// The context window in tokens, if known.
    pub context_tokens: Option<u32>,
    /// Whether it accepts images, if known.
    #[serde(rename = "sees")]
    pub vision: Option<bool>,
    /// The longest answer in tokens, with its thinking, if known.
    pub max_output_tokens: Option<u32>,
    /// Whether it calls tools, if known.
    pub tools: Option<bool>,
    /// The reasoning efforts that it takes, least first; empty for none, null if unknown.
    pub efforts: Option<Vec<ReasoningEffort>>,
    /// When it takes a temperature and a top-p, if known.
    pub sampling: Option<Sampling>,
    /// The parameters that it does not take.
    pub refused: Vec<Parameter>,
    /// Its price, if known.
    pub price: Option<Price>,
    /// When its provider shuts it down, if that is announced.
    pub ends_at: Option<Timestamp>,
    /// Whether a server on this machine passes its requests on to a service.
    pub cloud: bool,
}

impl ModelInfo {
    /// Returns this model with what its record says. A model that Conch cannot use says why.
    #[must_use]
    pub fn with(self, record: ModelRecord) -> Self {
        let mut refused = record.refused;
        if record.stop == Some(false) && !refused.contains(&Parameter::Stop) {
            refused.push(Parameter::Stop);
        }
        let is_out_of_reach = record.responses_only == Some(true);
        Self {
            note: if is_out_of_reach {
                Some(RESPONSES_ONLY.to_owned())
            } else {
                self.note
            },
            available: self.available && !is_out_of_reach,
            context_tokens: record.context_tokens,
            vision: record.vision,
            max_output_tokens: record.max_output_tokens,
            tools: record.tools,
            efforts: record.efforts,
            sampling: record.sampling,
            refused,
            price: record.price,
            ends_at: record.ends_at,
            cloud: record.cloud == Some(true),
            ..self
        }
    }
}

/// The cached lists, by provider.
#[derive(Debug, Default)]
pub struct ModelLists(Mutex<HashMap<String, Listed>>);

#[derive(Debug, Clone)]
struct Listed {
    base_url: String,
    models: Vec<ListedModel>,
    at: Instant,
}

impl ModelLists {
    /// Returns the provider's models, from the cache if it is valid and `refresh` is not set.
    pub async fn of(
        &self,
        network: &Network,
        provider: &Provider,
        refresh: bool,
        now: Timestamp,
    ) -> Result<Vec<ListedModel>, Failure> {
        let fresh = |listed: &Listed| !provider.is_local() && listed.at.elapsed() < LIST_TTL;
        if !refresh && let Some(listed) = self.remembered(provider).filter(fresh) {
            return Ok(listed.models);
        }
        let models = fetch(network, provider, LIST_TIMEOUT, now).await?;
        let listed = Listed {
            base_url: provider.base_url.clone(),
            models: models.clone(),
            at: Instant::now(),
        };
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lists.insert(provider.id.clone(), listed);
        Ok(models)
    }

    /// Returns the cached models, however old; `None` if there are none.
    pub fn known(&self, provider: &Provider) -> Option<Vec<ListedModel>> {
        Some(self.remembered(provider)?.models)
    }

    fn remembered(&self, provider: &Provider) -> Option<Listed> {
        let lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let listed = lists.get(&provider.id)?;
        // Another address is another server, with other models.
        (listed.base_url == provider.base_url).then(|| listed.clone())
    }
}

/// Requests a provider's list of the models that answer messages, with what the table knows about them.
pub async fn fetch(
    network: &Network,
    provider: &Provider,
    timeout: Duration,
    now: Timestamp,
) -> Result<Vec<ListedModel>, Failure> {
    if let Some(listed) = own_list(network, provider, timeout).await {
        return Ok(offered(provider, listed, now));
    }
    let protocol = protocol::of(provider.protocol);
    let response = get(
        network,
        provider,
        &provider.url(protocol.models_path()),
        timeout,
    )
    .await?;
    if matches!(response.status.as_u16(), 404 | 405 | 501) {
        return no_list(provider, &response.body);
    }
    if !response.status.is_success() {
        return Err(response.failure(now));
    }
    let listed = protocol.models(&response.body).ok_or_else(|| {
        Failure::new(
            FailureKind::UnexpectedResponse,
            format!(
                "{} did not send a list of models. Check the base URL",
                provider.base_url
            ),
        )
    })?;
    Ok(offered(provider, listed, now))
}

/// Requests the list that tells more than the protocol's; `None` where there is none, or it cannot be read.
async fn own_list(
    network: &Network,
    provider: &Provider,
    timeout: Duration,
) -> Option<Vec<ListedModel>> {
    let path = preset_of(provider)?.own_list_path?;
    let address = Url::parse(&provider.base_url).ok()?.join(path).ok()?;
    let response = get(network, provider, address.as_str(), timeout)
        .await
        .ok()?;
    let is_success = response.status.is_success();
    is_success.then(|| protocol::lm_studio_models(&response.body))?
}

/// Returns the models that answer messages, with what the table knows about them. Those that end soon are last:
/// the first is the default of a provider.
fn offered(provider: &Provider, listed: Vec<ListedModel>, now: Timestamp) -> Vec<ListedModel> {
    let completed = listed.into_iter().map(|model| ListedModel {
        record: model.record.or(record_of(provider, &model.id)),
        ..model
    });
    let mut models: Vec<_> = completed.filter(|model| model.record.chats()).collect();
    models.sort_by_key(|model| !model.record.is_usable() || model.record.ends_soon(now));
    models
}

/// A provider's response, with its body.
#[expect(missing_docs, reason = "field names say it")]
pub struct RawResponse {
    pub status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl RawResponse {
    pub(super) fn body(&self) -> &str {
        &self.body
    }

    /// Converts an error response to a failure.
    pub fn failure(&self, now: Timestamp) -> Failure {
        Failure::from_status(self.status, &self.headers, &self.body, now)
    }
}

/// Sends a GET request with the provider's key.
pub async fn get(
    network: &Network,
    provider: &Provider,
    address: &str,
    timeout: Duration,
) -> Result<RawResponse, Failure> {
    let route = network.route(address)?;
    let request = route.get().timeout(timeout);
    let response = provider
        .authorise(request)?
        .send()
        .await
        .map_err(|error| Failure::unreachable(&provider.base_url, &error, &route))?;
    Ok(RawResponse {
        status: response.status(),
        headers: response.headers().clone(),
        body: answer::read_capped(response, LIST_LIMIT).await,
    })
}

/// Some servers serve one model and list none. A response in HTML is not from such a server.
fn no_list(provider: &Provider, body: &str) -> Result<Vec<ListedModel>, Failure> {
    if body.trim_start().starts_with('<') {
        return Err(Failure::new(
            FailureKind::UnknownPath,
            format!(
                "{} has no list of models (404). Check the path of the base URL",
                provider.base_url
            ),
        ));
    }
    Ok(vec![ListedModel {
        id: ONLY_MODEL.to_owned(),
        name: None,
        record: record_of(provider, ONLY_MODEL),
    }])
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;
    use crate::network::Proxies;
    use crate::record::parse_day;

    #[test]
    fn what_does_not_chat_is_not_offered_and_what_ends_soon_is_last() {
        let list = r#"{"data":[{"id":"gpt-5-mini"},{"id":"text-embedding-3-small"},{"id":"gpt-5.5-pro"},
            {"id":"gpt-6-sol"},{"id":"whisper-1"},{"id":"gpt-6-new","shutdown_date":"2026-12-01"},
            {"id":"brand-new"},{"name":"no id"},7]}"#;
        let provider = Provider::openai("https://api.openai.com/v1", None);
        let listed = protocol::of(provider.protocol).models(list).unwrap();
        let models = offered(&provider, listed, parse_day("2026-11-30").unwrap());
        let ids: Vec<_> = models.iter().map(|model| model.id.as_str()).collect();
        assert_eq!(ids[..2], ["gpt-6-sol", "brand-new"]);
        assert_eq!(ids[2..], ["gpt-5-mini", "gpt-5.5-pro", "gpt-6-new"]);
    }

    /// Answers each request with the body of its path, and 404 without one.
    fn serve(bodies: &'static [(&str, &str)]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = [0; 4096];
                let length = stream.read(&mut request).unwrap();
                let request = String::from_utf8_lossy(&request[..length]).into_owned();
                let path = request.split(' ').nth(1).unwrap_or_default();
                let body = bodies.iter().find(|(known, _)| *known == path);
                let (status, body) = body.map_or(("404", "{}"), |(_, body)| ("200", *body));
                let response = format!(
                    "HTTP/1.1 {status} .\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(response.as_bytes()).unwrap();
            }
        });
        origin
    }

    #[tokio::test]
    async fn lm_studios_own_list_is_read_where_there_is_one() {
        let plain = r#"{"data":[{"id":"qwen"},{"id":"text-embedding-nomic"}]}"#;
        let own = r#"{"models":[{"type":"llm","key":"qwen","display_name":"Qwen","max_context_length":262144,
            "loaded_instances":[{"id":"qwen","config":{"context_length":4096}}]}]}"#;
        let network = Network::new(Proxies::default());
        let list = async |origin: String| {
            let provider = Provider {
                id: "lmstudio".to_owned(),
                ..Provider::openai(format!("{origin}/v1"), None)
            };
            let now = Timestamp::from_millis(0);
            let listed = fetch(&network, &provider, LIST_TIMEOUT, now).await.unwrap();
            assert_eq!(listed.len(), 1, "{listed:?}");
            listed[0].record.context_tokens
        };
        let both = serve(Box::leak(Box::new([
            ("/v1/models", plain),
            ("/api/v1/models", own),
        ])));
        assert_eq!(list(both).await, Some(4096));
        let older = serve(Box::leak(Box::new([("/v1/models", plain)])));
        assert_eq!(list(older).await, None);
    }

    #[test]
    fn the_list_goes_before_the_table() {
        let provider = Provider::openai("https://api.openai.com/v1", None);
        let listed = ListedModel {
            id: "gpt-5-mini".to_owned(),
            name: None,
            record: ModelRecord {
                context_tokens: Some(7),
                ..ModelRecord::default()
            },
        };
        let models = offered(&provider, vec![listed], Timestamp::from_millis(0));
        assert_eq!(models[0].record.context_tokens, Some(7));
        assert_eq!(models[0].record.max_output_tokens, Some(128_000));
    }
}
