//! The tokens of a request, as its server counts them.
//!
//! Anthropic and Gemini count without charge at an address of their own, and so does llama.cpp's server, by its template
//! and its vocabulary. A gateway may charge for it, or count for another model, so only the services themselves and
//! servers of one's own are asked. The request waits for a count for [`TIMEOUT`] at most.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
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

/// Counts at the servers that do. Most that speak OpenAI's protocol do not: one that answers a request for a count as a
/// server without such an address would is not asked again in this run.
#[derive(Debug, Default)]
pub struct Counters {
    without: Mutex<HashSet<String>>,
}

/// What became of a request for a count.
enum Asked {
    Counted(u32),
    /// The server has no such address.
    Absent,
    /// Another request may be counted.
    Failed,
}

impl Counters {
    /// Returns the tokens of the prompt; `None` if the server does not count, or not in time.
    pub async fn tokens(
        &self,
        network: &Network,
        endpoint: &Endpoint,
        request: &ChatRequest<'_>,
    ) -> Option<u32> {
        if endpoint.embedded {
            // It cuts by its own count.
            return None;
        }
        let provider = &endpoint.provider;
        let place = format!("{} {}", provider.protocol.name(), provider.base_url);
        if self.without().contains(&place) {
            return None;
        }
        match timeout(TIMEOUT, asked(network, provider, request)).await {
            Ok(Asked::Counted(tokens)) => Some(tokens),
            Ok(Asked::Absent) => {
                tracing::debug!(place, "the server does not count tokens");
                self.without().insert(place);
                None
            }
            Ok(Asked::Failed) | Err(_) => None,
        }
    }

    fn without(&self) -> MutexGuard<'_, HashSet<String>> {
        self.without.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn asked(network: &Network, provider: &Provider, request: &ChatRequest<'_>) -> Asked {
    let is_own = provider.locality() != Locality::Remote;
    let is_at = |host: &str| {
        let url = Url::parse(&provider.base_url).ok();
        url.is_some_and(|url| url.host_str() == Some(host))
    };
    let chat = protocol::of(provider.protocol).build_request(request);
    let mut body = chat.body;
    match provider.protocol {
        ProtocolKind::Anthropic if is_own || is_at("api.anthropic.com") => {
            if let Some(fields) = body.as_object_mut() {
                fields.retain(|name, _| ANTHROPIC_FIELDS.contains(&name.as_str()));
            }
            let address = provider.url(&format!("{}/count_tokens", chat.path));
            number(
                post(network, provider, &address, &body).await,
                "input_tokens",
            )
        }
        ProtocolKind::Gemini if is_own || is_at("generativelanguage.googleapis.com") => {
            let Some((model, _)) = chat.path.rsplit_once(':') else {
                return Asked::Failed;
            };
            body["model"] = json!(model);
            let address = provider.url(&format!("{model}:countTokens"));
            let body = json!({"generateContentRequest": body});
            number(
                post(network, provider, &address, &body).await,
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
            of_llama_cpp(network, provider, body["messages"].take()).await
        }
        _ => Asked::Failed,
    }
}

/// Returns the tokens of what the model's template makes of the messages.
async fn of_llama_cpp(network: &Network, provider: &Provider, messages: Value) -> Asked {
    let base = provider.base_url.trim_end_matches('/');
    let root = base.trim_end_matches("/v1");
    let address = format!("{root}/apply-template");
    let applied = match post(network, provider, &address, &json!({"messages": messages})).await {
        Reply::Body(applied) => applied,
        Reply::Absent => return Asked::Absent,
        Reply::Failed => return Asked::Failed,
    };
    let Some(prompt) = applied.get("prompt").and_then(Value::as_str) else {
        return Asked::Absent;
    };
    let body = json!({"content": prompt, "add_special": true});
    let body = match post(network, provider, &format!("{root}/tokenize"), &body).await {
        Reply::Body(body) => body,
        Reply::Absent => return Asked::Absent,
        Reply::Failed => return Asked::Failed,
    };
    match body.get("tokens").and_then(Value::as_array) {
        Some(tokens) => counted(Some(without_second_begin(tokens) as u64)),
        None => Asked::Absent,
    }
}

/// Returns the number of tokens of a prompt. Its template may have written the beginning of the sequence that is added
/// to every text: then the prompt begins with two, of which a chat has one.
fn without_second_begin(tokens: &[Value]) -> usize {
    match tokens {
        [first, second, ..] if first == second => tokens.len() - 1,
        _ => tokens.len(),
    }
}

fn number(reply: Reply, field: &str) -> Asked {
    match reply {
        Reply::Body(body) => counted(body.get(field).and_then(Value::as_u64)),
        Reply::Absent => Asked::Absent,
        Reply::Failed => Asked::Failed,
    }
}

/// Every prompt has tokens, so none is no count.
fn counted(tokens: Option<u64>) -> Asked {
    let tokens = tokens.and_then(|tokens| u32::try_from(tokens).ok());
    match tokens {
        Some(tokens) if tokens > 0 => Asked::Counted(tokens),
        _ => Asked::Failed,
    }
}

/// A response to a request for a count.
enum Reply {
    Body(Map<String, Value>),
    /// A server without this address: by its status, or by another page.
    Absent,
    Failed,
}

async fn post(network: &Network, provider: &Provider, address: &str, body: &Value) -> Reply {
    let Ok(route) = provider.route(network, address) else {
        return Reply::Failed;
    };
    let Ok(request) = provider.authorise(route.post().json(body)) else {
        return Reply::Failed;
    };
    let Ok(response) = request.send().await else {
        return Reply::Failed;
    };
    match response.status().as_u16() {
        404 | 405 | 501 => return Reply::Absent,
        status if !(200..300).contains(&status) => return Reply::Failed,
        _ => {}
    }
    let body = read_capped(response, RESPONSE_LIMIT).await;
    serde_json::from_str(&body).map_or(Reply::Absent, Reply::Body)
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
        counted_by(&Counters::default(), protocol, origin).await
    }

    async fn counted_by(counters: &Counters, protocol: ProtocolKind, origin: &str) -> Option<u32> {
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
        let network = Network::new(Proxies::default());
        counters.tokens(&network, &endpoint, &request).await
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

    #[tokio::test]
    async fn the_beginning_that_a_template_writes_itself_is_counted_once() {
        let origin = serve(&[
            ("/apply-template", r#"{"prompt":"<bos><user>How many?"}"#),
            ("/tokenize", r#"{"tokens":[2,2,105,7]}"#),
        ]);
        assert_eq!(counted(ProtocolKind::OpenAi, &origin).await, Some(3));
        assert_eq!(without_second_begin(&[json!(2)]), 1);
        assert_eq!(without_second_begin(&[json!(2), json!(7), json!(7)]), 3);
    }

    #[tokio::test]
    async fn a_server_without_the_address_is_known_by_its_status_or_by_another_page() {
        const WITHOUT: [&[(&str, &str)]; 4] = [
            &[],
            &[("/apply-template", "<!DOCTYPE html>")],
            &[("/apply-template", r#"{"error":"no such path"}"#)],
            &[("/apply-template", r#"{"prompt":"How many?"}"#)],
        ];
        for bodies in WITHOUT {
            let counters = Counters::default();
            let origin = serve(bodies);
            let protocol = ProtocolKind::OpenAi;
            assert_eq!(counted_by(&counters, protocol, &origin).await, None);
            assert_eq!(counters.without().len(), 1, "{bodies:?}");
        }
        // It may be down for now.
        let counters = Counters::default();
        let down = "http://127.0.0.1:9";
        assert_eq!(
            counted_by(&counters, ProtocolKind::OpenAi, down).await,
            None
        );
        assert_eq!(counters.without().len(), 0);
    }
}
