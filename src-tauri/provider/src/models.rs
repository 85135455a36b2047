//! The models that a provider lists, cached for a while.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use conch_model::{Parameters, ReasoningEffort, Timestamp};
use reqwest::header::HeaderMap;
use reqwest::{StatusCode, Url};
use serde::Serialize;
use serde_json::json;
use specta::Type;
use tokio::time::Instant;

use super::answer;
use super::endpoint::Provider;
use super::failure::{Failure, FailureKind};
use super::presets::{Models, models_of};
use super::protocol::{self, ChatRequest, ListedModel};
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
    /// Returns this model with what its record says.
    #[must_use]
    pub fn with(self, record: ModelRecord) -> Self {
        let mut refused = record.refused;
        if record.stop == Some(false) && !refused.contains(&Parameter::Stop) {
            refused.push(Parameter::Stop);
        }
        Self {
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
    let protocol = protocol::of(provider.protocol);
    let path = match models_of(provider) {
        Models::Protocol => protocol.models_path(),
        Models::Path(path) => path,
        Models::LmStudio(path) => {
            if let Some(listed) = lm_studio_list(network, provider, path, timeout).await {
                return Ok(offered(provider, listed, now));
            }
            protocol.models_path()
        }
        Models::Fixed(names) => {
            return Ok(names.iter().map(|name| bare(provider, name)).collect());
        }
    };
    let response = get(network, provider, &provider.url(path), timeout).await?;
    if matches!(response.status.as_u16(), 404 | 405 | 501) {
        return no_list(network, provider, &response.body, timeout, now).await;
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

/// Requests the list at `path` in LM Studio's form; `None` if there is none, or it cannot be parsed.
async fn lm_studio_list(
    network: &Network,
    provider: &Provider,
    path: &str,
    timeout: Duration,
) -> Option<Vec<ListedModel>> {
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
    models.sort_by_key(|model| model.record.ends_soon(now));
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
    async fn read(response: reqwest::Response) -> Self {
        Self {
            status: response.status(),
            headers: response.headers().clone(),
            body: answer::read_capped(response, LIST_LIMIT).await,
        }
    }

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
    let route = provider.route(network, address)?;
    let request = route.get().timeout(timeout);
    let response = provider
        .authorise(request)?
        .send()
        .await
        .map_err(|error| Failure::unreachable(&provider.base_url, &error, &route))?;
    Ok(RawResponse::read(response).await)
}

/// Some servers serve one model and list none. They answer chats; a server that does not has another base URL.
async fn no_list(
    network: &Network,
    provider: &Provider,
    body: &str,
    timeout: Duration,
    now: Timestamp,
) -> Result<Vec<ListedModel>, Failure> {
    if is_html(body) {
        return Err(Failure::new(
            FailureKind::UnknownPath,
            format!(
                "{} has no list of models (404). Check the path of the base URL",
                provider.base_url
            ),
        ));
    }
    check_chat(network, provider, ONLY_MODEL, timeout, now).await?;
    Ok(vec![bare(provider, ONLY_MODEL)])
}

/// A model of which only its name in requests is known.
fn bare(provider: &Provider, id: &str) -> ListedModel {
    ListedModel {
        id: id.to_owned(),
        name: None,
        record: record_of(provider, id),
    }
}

/// Checks that the provider would answer a chat, by a request without a message, which costs nothing. A server that is
/// too busy for it is believed.
pub async fn check_chat(
    network: &Network,
    provider: &Provider,
    model: &str,
    timeout: Duration,
    now: Timestamp,
) -> Result<(), Failure> {
    let chat = protocol::of(provider.protocol).build_request(&ChatRequest {
        model,
        messages: &[],
        parameters: &Parameters::default(),
        record: &record_of(provider, model),
    });
    let route = provider.route(network, &provider.url(&chat.path))?;
    // Without a model, which a local server would load. One that answers even this writes one token.
    let request = route
        .post()
        .timeout(timeout)
        .json(&json!({"messages": [], "max_tokens": 1}));
    let sent = provider.authorise(request)?.send().await;
    let response = match sent {
        Ok(response) => RawResponse::read(response).await,
        Err(error) if error.is_timeout() && !error.is_connect() => return Ok(()),
        Err(error) => return Err(Failure::unreachable(&provider.base_url, &error, &route)),
    };
    let status = response.status.as_u16();
    if is_absent(status, &response.body) {
        return Err(Failure::new(
            FailureKind::UnknownPath,
            format!(
                "There is no chat endpoint at {}. Check the path of the base URL",
                provider.base_url
            ),
        ));
    }
    match response.failure(now) {
        refused if matches!(refused.kind, FailureKind::WrongKey) => Err(refused),
        redirected if (300..400).contains(&status) => Err(redirected),
        _ => Ok(()),
    }
}

/// Returns whether a response says that nothing is at its path. The request names no model, which some report by the
/// same status.
fn is_absent(status: u16, body: &str) -> bool {
    let body = body.to_ascii_lowercase();
    match status {
        404 => !(body.contains("model") || body.contains("deployment")) || is_html(&body),
        405 | 501 => true,
        // LM Studio answers every path with 200.
        _ => body.contains("unexpected endpoint") || (status < 500 && is_html(&body)),
    }
}

fn is_html(body: &str) -> bool {
    body.trim_start().starts_with('<')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Proxies;
    use crate::record::parse_day;
    use crate::serving::serve;

    #[test]
    fn a_list_beside_the_base_url_is_found_there() {
        let base_url = "https://models.github.ai/inference";
        let Models::Path(path) = models_of(&Provider::openai(base_url, None)) else {
            panic!("GitHub lists its models elsewhere");
        };
        let address = Provider::openai(base_url, None).url(path);
        let address = reqwest::Url::parse(&address).unwrap();
        assert_eq!(address.as_str(), "https://models.github.ai/catalog/models");
    }

    #[test]
    fn a_path_without_anything_is_told_from_a_missing_model() {
        for (status, body) in [
            (404, "404 page not found"),
            (404, r#"{"detail":"Not Found"}"#),
            (
                404,
                r#"{"error":{"code":404,"message":"File Not Found","type":"not_found_error"}}"#,
            ),
            (
                404,
                r#"{"error":{"message":"Invalid URL (POST /chat/completions)"}}"#,
            ),
            (404, "<!doctype html><title>A model railway</title>"),
            (405, r#"{"detail":"Method Not Allowed"}"#),
            (
                200,
                r#"{"error":"Unexpected endpoint or method. (POST /chat/completions)"}"#,
            ),
            (200, " <html>Log in</html>"),
            (403, "<html>Forbidden</html>"),
        ] {
            assert!(is_absent(status, body), "{status} {body}");
        }
        for (status, body) in [
            (
                400,
                r#"{"error":{"message":"you must provide a model parameter"}}"#,
            ),
            (422, r#"{"detail":[{"loc":["body","messages"]}]}"#),
            (401, r#"{"error":"Unauthorized"}"#),
            (
                404,
                r#"{"object":"error","message":"The model `` does not exist."}"#,
            ),
            (
                404,
                r#"{"error":{"code":"DeploymentNotFound","message":"The API deployment"}}"#,
            ),
            (429, ""),
            (502, "<html>Bad Gateway</html>"),
            (200, r#"{"choices":[]}"#),
        ] {
            assert!(!is_absent(status, body), "{status} {body}");
        }
    }

    #[tokio::test]
    async fn a_provider_without_a_list_has_the_known_models() {
        let provider = Provider::openai("https://api.perplexity.ai", None);
        let network = Network::new(Proxies::default());
        let now = Timestamp::from_millis(0);
        // Without a request: nothing is reached in this time.
        let models = fetch(&network, &provider, Duration::ZERO, now)
            .await
            .unwrap();
        assert_eq!(models[0].id, "sonar");
    }

    #[test]
    fn what_does_not_chat_is_not_offered_and_what_ends_soon_is_last() {
        let list = r#"{"data":[{"id":"gpt-5-mini"},{"id":"text-embedding-3-small"},{"id":"gpt-5.5-pro"},
            {"id":"gpt-6-sol"},{"id":"whisper-1"},{"id":"gpt-6-new","shutdown_date":"2026-12-01"},
            {"id":"brand-new"},{"name":"no id"},7]}"#;
        let provider = Provider::openai("https://api.openai.com/v1", None);
        let listed = protocol::of(provider.protocol).models(list).unwrap();
        let models = offered(&provider, listed, parse_day("2026-11-30").unwrap());
        let ids: Vec<_> = models.iter().map(|model| model.id.as_str()).collect();
        assert_eq!(ids[..3], ["gpt-5.5-pro", "gpt-6-sol", "brand-new"]);
        assert_eq!(ids[3..], ["gpt-5-mini", "gpt-6-new"]);
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
