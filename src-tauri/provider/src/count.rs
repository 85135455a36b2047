//! The tokens of a request, as its server counts them.
//!
//! Anthropic and Gemini count without charge at an address of their own, and so does llama.cpp's server, by its template
//! and its vocabulary. A gateway may charge for it, or count for another model, so only the services themselves and
//! servers of one's own are asked. The request waits for a count for [`TIMEOUT`] at most.

use std::time::Duration;

use conch_model::ProtocolKind;
use reqwest::Url;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::answer::read_capped;
use super::endpoint::{Endpoint, Locality, Provider};
use super::protocol::{self, ChatRequest};
use crate::network::Network;

/// How long the answer may be delayed by a count.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Maximum bytes of a response: a million tokens as numbers, and a prompt of as many.
const RESPONSE_LIMIT: usize = 16 * 1024 * 1024;

/// The fields of a request that Anthropic counts, <https://platform.claude.com/docs/en/api/messages-count-tokens>.
const ANTHROPIC_FIELDS: [&str; 6] = [
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
];

/// Returns the tokens of the prompt; `None` if the server does not count, or not in time.
pub async fn tokens(
    network: &Network,
    endpoint: &Endpoint,
    request: &ChatRequest<'_>,
) -> Option<u32> {
    if endpoint.embedded {
        // It cuts by its own count.
        return None;
    }
    let counted = timeout(TIMEOUT, asked(network, &endpoint.provider, request)).await;
    counted.ok()?
}

async fn asked(network: &Network, provider: &Provider, request: &ChatRequest<'_>) -> Option<u32> {
    let is_own = provider.locality() != Locality::Remote;
    let is_at = |host: &str| {
        let url = Url::parse(&provider.base_url).ok();
        url.is_some_and(|url| url.host_str() == Some(host))
    };
    let chat = protocol::of(provider.protocol).build_request(request);
    let mut body = chat.body;
    match provider.protocol {
        ProtocolKind::Anthropic if is_own || is_at("api.anthropic.com") => {
            let fields = body.as_object_mut()?;
            fields.retain(|name, _| ANTHROPIC_FIELDS.contains(&name.as_str()));
            let address = provider.url(&format!("{}/count_tokens", chat.path));
            number(
                &post(network, provider, &address, &body).await?,
                "input_tokens",
            )
        }
        ProtocolKind::Gemini if is_own || is_at("generativelanguage.googleapis.com") => {
            let (model, _) = chat.path.rsplit_once(':')?;
            body["model"] = json!(model);
            let address = provider.url(&format!("{model}:countTokens"));
            let body = json!({"generateContentRequest": body});
            number(
                &post(network, provider, &address, &body).await?,
                "totalTokens",
            )
        }
        // Its vocabulary does not know what an image costs.
        ProtocolKind::OpenAi
            if is_own
                && request
                    .messages
                    .iter()
                    .all(|message| message.images.is_empty()) =>
        {
            of_llama_cpp(network, provider, body.get_mut("messages")?.take()).await
        }
        _ => None,
    }
}

/// Returns the tokens of what the model's template makes of the messages.
async fn of_llama_cpp(network: &Network, provider: &Provider, messages: Value) -> Option<u32> {
    let base = provider.base_url.trim_end_matches('/');
    let root = base.trim_end_matches("/v1");
    let address = format!("{root}/apply-template");
    let applied = post(network, provider, &address, &json!({"messages": messages})).await?;
    let body = json!({"content": applied.get("prompt")?.as_str()?, "add_special": true});
    let tokens = post(network, provider, &format!("{root}/tokenize"), &body).await?;
    let tokens = tokens.get("tokens")?.as_array()?.len();
    // A template makes something of every message.
    u32::try_from(tokens).ok().filter(|tokens| *tokens > 0)
}

fn number(body: &Map<String, Value>, field: &str) -> Option<u32> {
    let number = body.get(field)?.as_u64()?;
    u32::try_from(number).ok().filter(|tokens| *tokens > 0)
}

async fn post(
    network: &Network,
    provider: &Provider,
    address: &str,
    body: &Value,
) -> Option<Map<String, Value>> {
    let route = provider.route(network, address).ok()?;
    let request = provider.authorise(route.post().json(body)).ok()?;
    let response = request.send().await.ok()?;
    if !response.status().is_success() {
        return None;
    }
    let body = read_capped(response, RESPONSE_LIMIT).await;
    serde_json::from_str(&body).ok()
}

#[cfg(test)]
mod tests {
    use conch_model::{Parameters, Role};

    use super::*;
    use crate::network::Proxies;
    use crate::protocol::ChatMessage;
    use crate::record::ModelRecord;
    use crate::serving::serve;

    async fn counted(protocol: ProtocolKind, origin: &str) -> Option<u32> {
        let provider = Provider {
            protocol,
            ..Provider::openai(origin, None)
        };
        let endpoint = Endpoint {
            provider,
            model: "m".to_owned(),
            model_id: "p/m".to_owned(),
            record: ModelRecord::default(),
            embedded: false,
        };
        let messages = [ChatMessage {
            role: Role::User,
            content: "How many?".to_owned(),
            images: Vec::new(),
            steps: Vec::new(),
            parts: Vec::new(),
        }];
        let (parameters, record) = (Parameters::default(), ModelRecord::default());
        let request = ChatRequest {
            model: "m",
            messages: &messages,
            parameters: &parameters,
            record: &record,
        };
        tokens(&Network::new(Proxies::default()), &endpoint, &request).await
    }

    #[tokio::test]
    async fn each_kind_of_server_counts_at_its_own_address() {
        let origin = serve(&[
            ("/v1/messages/count_tokens", r#"{"input_tokens":11}"#),
            ("/models/m:countTokens", r#"{"totalTokens":12}"#),
            ("/apply-template", r#"{"prompt":"<user>How many?"}"#),
            ("/tokenize", r#"{"tokens":[1,2,3]}"#),
        ]);
        let count = async |kind| counted(kind, &origin).await;
        assert_eq!(count(ProtocolKind::Anthropic).await, Some(11));
        assert_eq!(count(ProtocolKind::Gemini).await, Some(12));
        assert_eq!(count(ProtocolKind::OpenAi).await, Some(3));
        assert_eq!(count(ProtocolKind::Ollama).await, None);
    }

    #[tokio::test]
    async fn a_server_that_counts_nothing_leaves_the_estimate() {
        let origin = serve(&[
            ("/v1/messages/count_tokens", r#"{"input_tokens":0}"#),
            ("/models/m:countTokens", "no JSON"),
            ("/apply-template", r#"{"prompt":""}"#),
            ("/tokenize", r#"{"tokens":[]}"#),
        ]);
        for kind in [
            ProtocolKind::Anthropic,
            ProtocolKind::Gemini,
            ProtocolKind::OpenAi,
        ] {
            assert_eq!(counted(kind, &origin).await, None, "{kind:?}");
        }
        assert_eq!(
            counted(ProtocolKind::OpenAi, "http://127.0.0.1:9").await,
            None
        );
    }
}
