//! One answer over the OpenAI chat-completions protocol: the request, and the stream of what comes.
//!
//! Nothing here decides what an event means for the message. It only tells apart what the protocol
//! tells apart, in particular an end mark (`[DONE]` or a finish reason) from a stream that merely
//! ended, and an error inside a 200 stream from text.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::FutureExt;
use reqwest::{Client, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::endpoint::Endpoint;
use super::failure::{Failure, FailureKind, Retry, reason_in};
use super::sse::{Broken, EVENT_LIMIT, Events};
use crate::clock::Timestamp;
use crate::store::{PriorMessage, Usage};

/// The most bytes of an error body that are read.
const ERROR_BODY_LIMIT: usize = 64 * 1024;

/// Text that comes at once is one event up to so many bytes.
const COALESCED: usize = 2 * 1024;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A piece of an answer, or its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StreamEvent {
    /// Text of the answer.
    Text(String),
    /// Tokens, counted by the provider.
    Usage(Usage),
    /// A finish reason: the answer is whole, though its usage may follow.
    FinishReason,
    /// The protocol's end mark.
    Done,
    /// The provider or the transport failed.
    Failed(Failure),
    /// The connection ended.
    Closed,
    /// Something that is no text: the provider is alive.
    Alive,
}

/// The HTTP client that every provider is asked with. It follows no redirect, so a key goes nowhere
/// but where it belongs, and has no total deadline, which would kill a long answer.
pub(super) fn client() -> Result<Client, Failure> {
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("Conch/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Failure::new(FailureKind::Internal, error.to_string()))
}

/// An answer that is coming. Dropping it closes the connection, which is how a provider is told to
/// stop.
pub(crate) struct AnswerStream {
    source: Source,
    ready: VecDeque<StreamEvent>,
}

enum Source {
    Events(Events),
    Ended,
}

impl AnswerStream {
    /// Asks for an answer to `messages`, and returns once the provider has begun to send one.
    pub(crate) async fn open(
        client: &Client,
        endpoint: &Endpoint,
        messages: &[PriorMessage],
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let messages: Vec<Value> = messages
            .iter()
            .map(|message| json!({"role": message.role, "content": message.content}))
            .collect();
        let request = client
            .post(endpoint.provider.url("chat/completions"))
            .header("accept", "text/event-stream")
            .json(&json!({
                "model": endpoint.model,
                "messages": messages,
                "stream": true,
                "stream_options": {"include_usage": true},
            }));
        let response = endpoint
            .provider
            .authorise(request)?
            .send()
            .await
            .map_err(|error| unreachable(&error, endpoint))?;
        if !response.status().is_success() {
            let (status, headers) = (response.status(), response.headers().clone());
            let body = read_capped(response, ERROR_BODY_LIMIT).await;
            return Err(Failure::from_status(status, &headers, &body, now));
        }
        let content_type = response
            .headers()
            .get("content-type")
            .and_then(|value| value.to_str().ok())
            .unwrap_or("text/event-stream")
            .to_ascii_lowercase();
        if content_type.starts_with("text/event-stream") {
            return Ok(Self {
                source: Source::Events(Events::new(response.bytes_stream())),
                ready: VecDeque::new(),
            });
        }
        if content_type.contains("json") {
            let body = read_capped(response, EVENT_LIMIT).await;
            return whole_answer(&body);
        }
        Err(Failure::new(
            FailureKind::UnexpectedResponse,
            format!(
                "The provider sent {content_type} instead of an answer: check its address, or log in to the network"
            ),
        ))
    }

    /// The next event. After [`Done`](StreamEvent::Done), [`Failed`](StreamEvent::Failed) or
    /// [`Closed`](StreamEvent::Closed) only `Closed` follows. Safe to drop and call again.
    ///
    /// Text that has come already is one event: a fast provider sends a token in each, and what follows
    /// an event costs more than the token.
    pub(crate) async fn next(&mut self) -> StreamEvent {
        let mut event = self.next_one().await;
        if let StreamEvent::Text(text) = &mut event {
            while text.len() < COALESCED {
                match self.next_one().now_or_never() {
                    Some(StreamEvent::Text(more)) => text.push_str(&more),
                    Some(StreamEvent::Alive) => {}
                    Some(other) => {
                        self.ready.push_front(other);
                        break;
                    }
                    None => break,
                }
            }
        }
        event
    }

    async fn next_one(&mut self) -> StreamEvent {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return event;
            }
            let Source::Events(events) = &mut self.source else {
                return StreamEvent::Closed;
            };
            match events.next().await {
                Some(Ok(data)) if data.trim() == "[DONE]" => {
                    self.end_with(StreamEvent::Done);
                }
                Some(Ok(data)) => self.decode(&data),
                Some(Err(Broken::TooLarge)) => self.end_with(StreamEvent::Failed(Failure::new(
                    FailureKind::TooLarge,
                    "The provider sent a single event of more than 8 MiB",
                ))),
                Some(Err(Broken::Transport(reason))) => {
                    self.end_with(StreamEvent::Failed(Failure::new(
                        FailureKind::StreamCut,
                        format!("The connection broke while the answer came: {reason}"),
                    )));
                }
                None => self.end_with(StreamEvent::Closed),
            }
        }
    }

    fn end_with(&mut self, event: StreamEvent) {
        self.source = Source::Ended;
        self.ready.push_back(event);
    }

    fn decode(&mut self, data: &str) {
        match decode(data) {
            Ok(events) => self.ready.extend(events),
            Err(failure) => self.end_with(StreamEvent::Failed(failure)),
        }
    }
}

#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<WireUsage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u32,
    #[serde(alias = "message")]
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<String>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct WireUsage {
    prompt_tokens: Option<u32>,
    completion_tokens: Option<u32>,
}

fn decode(data: &str) -> Result<Vec<StreamEvent>, Failure> {
    let chunk: Chunk = serde_json::from_str(data).map_err(|error| {
        Failure::new(
            FailureKind::UnexpectedResponse,
            format!("The provider sent something that is no answer: {error}"),
        )
    })?;
    let stated = chunk
        .error
        .is_some_and(|error| !error.is_null() && error != json!("") && error != json!({}));
    if stated {
        let reason = reason_in(data).unwrap_or_else(|| "no reason given".to_owned());
        return Err(Failure::new(
            FailureKind::ProviderFault,
            format!("The provider failed: {reason}"),
        )
        .retrying(Retry::Backoff));
    }
    let mut events = Vec::new();
    let choice = chunk
        .choices
        .unwrap_or_default()
        .into_iter()
        .find(|choice| choice.index == 0);
    if let Some(choice) = choice {
        if let Some(delta) = choice.delta {
            let text = [delta.content, delta.refusal];
            events.extend(
                text.into_iter()
                    .flatten()
                    .filter(|text| !text.is_empty())
                    .map(StreamEvent::Text),
            );
        }
        if choice.finish_reason.is_some() {
            events.push(StreamEvent::FinishReason);
        }
    }
    if let Some(usage) = chunk.usage {
        events.push(StreamEvent::Usage(Usage {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
        }));
    }
    if events.is_empty() {
        events.push(StreamEvent::Alive);
    }
    Ok(events)
}

/// An answer that came whole although a stream was asked for, as some gateways do.
fn whole_answer(body: &str) -> Result<AnswerStream, Failure> {
    let mut ready: VecDeque<_> = decode(body)?.into();
    if !ready.contains(&StreamEvent::FinishReason) {
        return Err(Failure::new(
            FailureKind::UnexpectedResponse,
            "The provider sent JSON that is no answer: check its address",
        ));
    }
    ready.push_back(StreamEvent::Done);
    Ok(AnswerStream {
        source: Source::Ended,
        ready,
    })
}

fn unreachable(error: &reqwest::Error, endpoint: &Endpoint) -> Failure {
    let retry = if endpoint.embedded || !endpoint.provider.is_local() {
        Retry::Backoff
    } else {
        Retry::Never
    };
    Failure::unreachable(&endpoint.provider.base_url, error).retrying(retry)
}

async fn read_capped(mut response: Response, limit: usize) -> String {
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        body.extend_from_slice(&piece);
        if body.len() >= limit {
            body.truncate(limit);
            break;
        }
    }
    String::from_utf8_lossy(&body).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_finish_and_usage_are_told_apart() {
        let events = decode(
            r#"{"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#,
        )
        .unwrap();

        assert_eq!(
            events,
            [
                StreamEvent::Text("Hi".to_owned()),
                StreamEvent::FinishReason,
                StreamEvent::Usage(Usage {
                    prompt_tokens: Some(3),
                    completion_tokens: Some(1)
                }),
            ]
        );
    }

    #[test]
    fn what_carries_no_text_is_a_sign_of_life() {
        for data in [
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":null}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":""}}],"usage":null,"error":null}"#,
            r#"{"choices":[],"something":"new"}"#,
            r#"{"choices":[{"index":1,"delta":{"content":"another choice"}}]}"#,
        ] {
            assert_eq!(decode(data).unwrap(), [StreamEvent::Alive], "{data}");
        }
    }

    #[test]
    fn an_error_inside_a_200_stream_is_an_error() {
        for data in [
            r#"{"error":{"message":"overloaded"}}"#,
            r#"{"error":"overloaded","choices":[]}"#,
        ] {
            let failure = decode(data).unwrap_err();
            assert!(failure.message.contains("overloaded"), "{failure:?}");
        }
    }
}
