//! One answer: the connection that requests it, and its event stream.
//!
//! The wire format is the [`protocol`]'s. Nothing here decides what an event means for the
//! message; it only distinguishes an end mark from a stream that merely closed.

use std::collections::VecDeque;

use conch_model::Timestamp;
use futures_util::{FutureExt, Stream};
use reqwest::Response;
use reqwest::header::HeaderMap;

use super::endpoint::Endpoint;
use super::failure::{Failure, FailureKind, Retry};
use super::frames::{Frame, FrameError, Frames};
use super::protocol::{self, ChatRequest, Decoder, Framing, StreamEvent};
use crate::network::{Network, Route};

/// Maximum bytes read of an error body.
const ERROR_BODY_LIMIT: usize = 64 * 1024;

/// Maximum size of an answer in one piece: one of the maximum length with every character escaped, and room
/// for the JSON that contains it.
const WHOLE_LIMIT: usize = 64 * 1024 * 1024;

/// Text that is available at the same time is coalesced into one event of up to this many bytes.
const COALESCED: usize = 2 * 1024;

/// The stream of an answer. Dropping it closes the connection, which stops the provider.
pub struct AnswerStream {
    /// Failures are not retried: the server is self-hosted.
    local: bool,
    /// Whether anything was decoded.
    begun: bool,
    source: Source,
    decoder: Box<dyn Decoder>,
    ready: VecDeque<StreamEvent>,
}

enum Source {
    Frames(Frames),
    Ended,
}

impl AnswerStream {
    /// Sends the request, and returns once the response has started, with its headers.
    pub async fn open(
        network: &Network,
        endpoint: &Endpoint,
        request: &ChatRequest<'_>,
        now: Timestamp,
    ) -> Result<(Self, HeaderMap), Failure> {
        let provider = &endpoint.provider;
        let protocol = protocol::of(provider.protocol);
        let ask = protocol.build_request(request);
        let route = network.route(&provider.url(&ask.path))?;
        let request = route
            .post()
            .header(
                "accept",
                "text/event-stream, application/x-ndjson, application/json",
            )
            .json(&ask.body);
        let response = provider
            .authorise(request)?
            .send()
            .await
            .map_err(|error| unreachable(&error, endpoint, &route))?;
        let (status, headers) = (response.status(), response.headers().clone());
        if !status.is_success() {
            let body = read_capped(response, ERROR_BODY_LIMIT).await;
            let failure = Failure::from_status(status, &headers, &body, now);
            return Err(match failure.kind {
                FailureKind::ProviderFault if provider.local => failure.retrying(Retry::Never),
                _ => failure,
            });
        }
        let (framing, decoder) = (protocol.framing(), protocol.decoder());
        let header = |name| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_ascii_lowercase()
        };
        let encoding = header("content-encoding");
        if !matches!(&*encoding, "" | "identity") {
            return Err(Failure::new(
                FailureKind::UnexpectedResponse,
                format!(
                    "The provider sent a compressed answer ({encoding}), which Conch did not request. Check the gateway or proxy between Conch and the provider"
                ),
            ));
        }
        let content_type = header("content-type");
        let streams = content_type.is_empty()
            || match framing {
                Framing::Events => content_type.starts_with("text/event-stream"),
                Framing::Lines => content_type.contains("json"),
            };
        if streams {
            let answer = Self::read(provider.local, framing, decoder, response.bytes_stream());
            return Ok((answer, headers));
        }
        if content_type.contains("json") {
            let body = read_capped(response, WHOLE_LIMIT).await;
            if body.len() >= WHOLE_LIMIT {
                return Err(Failure::new(
                    FailureKind::TooLarge,
                    "The provider sent an answer larger than 64 MiB. Ask for a shorter one",
                ));
            }
            return Ok((whole_answer(decoder, &body)?, headers));
        }
        Err(Failure::new(
            FailureKind::UnexpectedResponse,
            format!(
                "The provider sent {content_type} instead of an answer. Check its base URL, or log in to the network"
            ),
        ))
    }

    /// Decodes a byte stream.
    pub fn read<B, E>(
        local: bool,
        framing: Framing,
        decoder: Box<dyn Decoder>,
        bytes: impl Stream<Item = Result<B, E>> + Send + 'static,
    ) -> Self
    where
        B: bytes::Buf + Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let frames = match framing {
            Framing::Events => Frames::events(bytes),
            Framing::Lines => Frames::lines(bytes),
        };
        Self {
            local,
            begun: false,
            source: Source::Frames(frames),
            decoder,
            ready: VecDeque::new(),
        }
    }

    /// Prepends an event that says how many messages were omitted from the request.
    pub fn prepend_omitted_messages(&mut self, messages: u32) {
        if messages > 0 {
            self.ready
                .push_front(StreamEvent::OmittedMessages(messages));
        }
    }

    /// Returns the next event. After [`Done`](StreamEvent::Done), [`Failed`](StreamEvent::Failed) or
    /// [`Closed`](StreamEvent::Closed) only `Closed` follows. Cancel-safe.
    ///
    /// Text that has already arrived is coalesced into one event: a fast provider sends a token in each, and
    /// handling an event costs more than the token.
    pub async fn next(&mut self) -> StreamEvent {
        let mut event = self.next_one().await;
        if let StreamEvent::Text(text) = &mut event {
            while text.len() < COALESCED {
                match self.next_one().now_or_never() {
                    Some(StreamEvent::Text(more)) => text.push_str(&more),
                    Some(StreamEvent::Alive | StreamEvent::KeptAlive) => {}
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
            let Source::Frames(frames) = &mut self.source else {
                return StreamEvent::Closed;
            };
            match frames.next().await {
                Some(Ok(frame)) if frame.text.trim().is_empty() => return StreamEvent::KeptAlive,
                Some(Ok(frame)) => self.decode(&frame),
                Some(Err(FrameError::TooLarge)) => {
                    self.end_with(StreamEvent::Failed(Failure::new(
                        FailureKind::TooLarge,
                        "The provider sent an event larger than 8 MiB",
                    )));
                }
                Some(Err(FrameError::Transport(reason))) => {
                    self.end_with(StreamEvent::Failed(Failure::new(
                        FailureKind::StreamCut,
                        format!("The connection was lost during the answer: {reason}"),
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

    fn decode(&mut self, frame: &Frame) {
        match self.decoder.decode(&frame.text) {
            Ok(events) => {
                self.begun = true;
                if events.contains(&StreamEvent::Done) {
                    self.source = Source::Ended;
                }
                self.ready.extend(events);
            }
            Err(_) if self.begun && !frame.whole => {
                self.end_with(StreamEvent::Failed(Failure::new(
                    FailureKind::StreamCut,
                    "The connection closed in the middle of the answer",
                )));
            }
            Err(failure) if self.local => {
                self.end_with(StreamEvent::Failed(failure.retrying(Retry::Never)));
            }
            Err(failure) => self.end_with(StreamEvent::Failed(failure)),
        }
    }
}

/// Returns an answer that was sent whole although a stream was requested, as some gateways do.
pub fn whole_answer(mut decoder: Box<dyn Decoder>, body: &str) -> Result<AnswerStream, Failure> {
    let mut ready: VecDeque<_> = decoder.decode(body)?.into();
    // It is complete whatever its finish reason, even without one.
    let is_answer = |event: &StreamEvent| {
        matches!(
            event,
            StreamEvent::Finish(_) | StreamEvent::Text(_) | StreamEvent::Reasoning(_)
        )
    };
    if !ready.iter().any(is_answer) {
        return Err(Failure::new(
            FailureKind::UnexpectedResponse,
            "The provider sent JSON that is not an answer. Check its base URL",
        ));
    }
    ready.push_back(StreamEvent::Done);
    Ok(AnswerStream {
        local: false,
        begun: true,
        source: Source::Ended,
        decoder,
        ready,
    })
}

fn unreachable(error: &reqwest::Error, endpoint: &Endpoint, route: &Route) -> Failure {
    let retry = if endpoint.embedded || !endpoint.provider.is_local() {
        Retry::Backoff
    } else {
        Retry::Never
    };
    Failure::unreachable(&endpoint.provider.base_url, error, route).retrying(retry)
}

pub(super) async fn read_capped(mut response: Response, limit: usize) -> String {
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
