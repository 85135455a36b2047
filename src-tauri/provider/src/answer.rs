//! One answer: the connection that requests it, and its event stream.
//!
//! The wire format is the [`protocol`]'s. Nothing here decides what an event means for the
//! message; it only distinguishes an end mark from a stream that merely closed. What a response is shows in its bytes
//! and not in its headers: proxies send streams under any content type, and an answer in one piece where a stream was
//! requested.

mod decoding;

use std::collections::VecDeque;

use conch_model::{Omitted, Timestamp};
use futures_util::{FutureExt, Stream};
use reqwest::Response;
use reqwest::header::HeaderMap;

use self::decoding::Decoding;
use super::endpoint::Endpoint;
use super::failure::{Failure, FailureKind, Retry};
use super::frames::{EVENT_LIMIT, FrameError, Frames};
use super::protocol::{self, ChatRequest, Content, Decoder, Framing, StreamEvent};
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
    /// `None` once it has ended.
    frames: Option<Frames>,
    /// Maximum size of an event in bytes.
    limit: usize,
    decoding: Decoding,
    ready: VecDeque<StreamEvent>,
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
        let route = provider.route(network, &provider.url(&ask.path))?;
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
        let (framing, decoder) = (protocol.framing(), protocol.decoder());
        let content_type = header("content-type");
        let is_whole = framing == Framing::Events && content_type.contains("json");
        let limit = if is_whole { WHOLE_LIMIT } else { EVENT_LIMIT };
        let bytes = response.bytes_stream();
        let answer = Self {
            local: provider.local,
            frames: Some(Frames::new(bytes, limit)),
            limit,
            decoding: Decoding::new(framing, decoder, content_type),
            ready: VecDeque::new(),
        };
        Ok((answer, headers))
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
        Self {
            local,
            frames: Some(Frames::new(bytes, EVENT_LIMIT)),
            limit: EVENT_LIMIT,
            decoding: Decoding::new(framing, decoder, String::new()),
            ready: VecDeque::new(),
        }
    }

    /// Prepends an event that says what was omitted from the request.
    pub fn prepend_omitted(&mut self, omitted: Omitted) {
        if omitted.messages > 0 {
            self.ready.push_front(StreamEvent::Omitted(omitted));
        }
    }

    /// Returns the next event. After [`Done`](StreamEvent::Done), [`Failed`](StreamEvent::Failed) or
    /// [`Closed`](StreamEvent::Closed) only `Closed` follows. Cancel-safe.
    ///
    /// Text that has already arrived is coalesced into one event: a fast provider sends a token in each, and
    /// handling an event costs more than the token.
    pub async fn next(&mut self) -> StreamEvent {
        let mut event = self.next_one().await;
        if let StreamEvent::Content(Content::Text(text)) = &mut event {
            while text.len() < COALESCED {
                match self.next_one().now_or_never() {
                    Some(StreamEvent::Content(Content::Text(more))) => text.push_str(&more),
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
                return self.of_server(event);
            }
            let Some(frames) = &mut self.frames else {
                return StreamEvent::Closed;
            };
            match frames.next().await {
                Some(Ok(frame)) => self.decoding.read(&frame, &mut self.ready),
                Some(Err(error)) => {
                    let failure = self.broken(error);
                    self.decoding.fail(failure, &mut self.ready);
                }
                None => self.decoding.end(&mut self.ready),
            }
            if self.decoding.has_ended() {
                self.frames = None;
            }
        }
    }

    /// Returns an event with what is true of the server: a failure of one's own is not asked again.
    fn of_server(&self, event: StreamEvent) -> StreamEvent {
        match event {
            StreamEvent::Failed(failure) if self.local => {
                StreamEvent::Failed(failure.retrying(Retry::Never))
            }
            other => other,
        }
    }

    fn broken(&self, error: FrameError) -> Failure {
        match error {
            FrameError::TooLarge => Failure::new(
                FailureKind::TooLarge,
                format!(
                    "The provider sent an event larger than {} MiB",
                    self.limit / 1024 / 1024
                ),
            ),
            FrameError::Transport(reason) => Failure::new(
                FailureKind::StreamCut,
                format!("The connection was lost during the answer: {reason}"),
            ),
        }
    }
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
