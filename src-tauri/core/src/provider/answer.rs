//! One answer: the connection on which it is asked for, and the stream of what comes.
//!
//! What is sent and what an event says is the [`protocol`](super::protocol)'s. Nothing here decides
//! what an event means for the message; it only tells an end mark from a stream that merely ended.

use std::collections::VecDeque;

use futures_util::{FutureExt, Stream};
use reqwest::Response;
use reqwest::header::HeaderMap;

use super::endpoint::Endpoint;
use super::failure::{Failure, FailureKind, Retry};
use super::frames::{Broken, Frame, Frames};
use super::protocol::{ChatRequest, Decoder, Framing, StreamEvent};
use crate::clock::Timestamp;
use crate::network::{Network, Route};

/// The most bytes of an error body that are read.
const ERROR_BODY_LIMIT: usize = 64 * 1024;

/// The most bytes of an answer that comes in one piece: the longest answer there is, with each of its characters
/// escaped, and room for what is around it.
const WHOLE_LIMIT: usize = 64 * 1024 * 1024;

/// Text that comes at once is one event up to so many bytes.
const COALESCED: usize = 2 * 1024;

/// An answer that is coming. Dropping it closes the connection, which is how a provider is told to
/// stop.
pub(crate) struct AnswerStream {
    /// Its failures are not worth another try: the server is the user's own.
    local: bool,
    /// Something was decoded.
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
    /// Asks for an answer, and returns once the provider has begun to send one, with the headers that it
    /// sent first.
    pub(crate) async fn open(
        network: &Network,
        endpoint: &Endpoint,
        request: &ChatRequest<'_>,
        now: Timestamp,
    ) -> Result<(Self, HeaderMap), Failure> {
        let provider = &endpoint.provider;
        let protocol = provider.protocol.protocol();
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
                    "The provider sent its answer compressed ({encoding}), which nobody asked for: check what stands between Conch and the provider"
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
                    "The provider sent an answer of more than 64 MiB in one piece: ask for a shorter one",
                ));
            }
            return Ok((whole_answer(decoder, &body)?, headers));
        }
        Err(Failure::new(
            FailureKind::UnexpectedResponse,
            format!(
                "The provider sent {content_type} instead of an answer: check its address, or log in to the network"
            ),
        ))
    }

    /// Reads the bytes of a stream.
    pub(super) fn read<B, E>(
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

    /// Has it begin with the news that so many messages were not shown to the model.
    pub(crate) fn prepend_omitted_messages(&mut self, messages: u32) {
        if messages > 0 {
            self.ready
                .push_front(StreamEvent::OmittedMessages(messages));
        }
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
                    "The connection ended in the middle of a word",
                )));
            }
            Err(failure) if self.local => {
                self.end_with(StreamEvent::Failed(failure.retrying(Retry::Never)));
            }
            Err(failure) => self.end_with(StreamEvent::Failed(failure)),
        }
    }
}

/// An answer that came whole although a stream was asked for, as some gateways do.
pub(super) fn whole_answer(
    mut decoder: Box<dyn Decoder>,
    body: &str,
) -> Result<AnswerStream, Failure> {
    let mut ready: VecDeque<_> = decoder.decode(body)?.into();
    // It is whole whatever it says of its end, also where it names no reason.
    let is_answer = |event: &StreamEvent| {
        matches!(
            event,
            StreamEvent::Finish(_) | StreamEvent::Text(_) | StreamEvent::Reasoning(_)
        )
    };
    if !ready.iter().any(is_answer) {
        return Err(Failure::new(
            FailureKind::UnexpectedResponse,
            "The provider sent JSON that is no answer: check its address",
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
