//! Splits a stream into events, with a size limit: server-sent events by `sse-stream`, which has no limit,
//! and lines by tokio's codec. Without one, a provider that never ends an event could exhaust memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::BytesMut;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt};
use sse_stream::SseByteStream;
use tokio_util::codec::{Decoder, FramedRead, LinesCodec, LinesCodecError};
use tokio_util::io::StreamReader;

use super::failure::root_cause;

/// Maximum size of an event in bytes.
pub(super) const EVENT_LIMIT: usize = 8 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("more than {EVENT_LIMIT} bytes without the end of an event")]
    TooLarge,
    #[error(transparent)]
    Transport(Box<dyn std::error::Error + Send + Sync>),
}

/// Why a stream failed.
#[derive(Debug)]
pub(super) enum FrameError {
    /// An event exceeded [`EVENT_LIMIT`].
    TooLarge,
    /// The connection or the encoding failed.
    Transport(String),
}

/// An event of a stream.
#[derive(Debug, PartialEq)]
pub(super) struct Frame {
    /// Empty for a keep-alive.
    pub(super) text: String,
    /// False if the end of the connection may have truncated it.
    pub(super) whole: bool,
}

/// The events of a stream.
pub(super) struct Frames(BoxStream<'static, Result<Frame, FrameError>>);

/// A line codec whose last line may lack a terminator.
struct Lines(LinesCodec);

impl Decoder for Lines {
    type Item = Frame;
    type Error = LinesCodecError;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Frame>, LinesCodecError> {
        let line = self.0.decode(bytes)?;
        Ok(line.map(|text| Frame { text, whole: true }))
    }

    fn decode_eof(&mut self, bytes: &mut BytesMut) -> Result<Option<Frame>, LinesCodecError> {
        let line = self.0.decode_eof(bytes)?;
        Ok(line.map(|text| Frame { text, whole: false }))
    }
}

impl Frames {
    /// Yields the `data` of server-sent events; empty for a comment, which is a keep-alive.
    pub(super) fn events<B, E>(bytes: impl Stream<Item = Result<B, E>> + Send + 'static) -> Self
    where
        B: bytes::Buf + Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let since_event = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&since_event);
        let capped = bytes.map(move |piece| {
            let piece = piece.map_err(|error| Cut::Transport(Box::new(error)))?;
            let total = counter.fetch_add(piece.remaining(), Ordering::Relaxed) + piece.remaining();
            if total > EVENT_LIMIT {
                return Err(Cut::TooLarge);
            }
            Ok(piece)
        });
        let events = SseByteStream::new(capped.boxed());
        let texts = events.map(move |event| {
            since_event.store(0, Ordering::Relaxed);
            match event {
                Ok(event) => Ok(Frame {
                    text: event.data.unwrap_or_default(),
                    whole: true,
                }),
                Err(error) => Err(broken(&error)),
            }
        });
        Self(texts.boxed())
    }

    /// Yields the lines.
    pub(super) fn lines<B, E>(bytes: impl Stream<Item = Result<B, E>> + Send + 'static) -> Self
    where
        B: bytes::Buf + Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let reader = StreamReader::new(bytes.map_err(std::io::Error::other).boxed());
        let codec = Lines(LinesCodec::new_with_max_length(EVENT_LIMIT));
        let lines = FramedRead::new(reader, codec).map_err(|error| match error {
            LinesCodecError::MaxLineLengthExceeded => FrameError::TooLarge,
            LinesCodecError::Io(error) => FrameError::Transport(root_cause(&error)),
        });
        Self(lines.boxed())
    }

    /// Returns the next event; `None` at the end of the stream.
    pub(super) async fn next(&mut self) -> Option<Result<Frame, FrameError>> {
        self.0.next().await
    }
}

fn broken(error: &sse_stream::Error) -> FrameError {
    if let sse_stream::Error::Body(body) = error
        && let Some(Cut::TooLarge) = body.downcast_ref::<Cut>()
    {
        return FrameError::TooLarge;
    }
    FrameError::Transport(root_cause(error))
}

#[cfg(test)]
mod tests {
    use std::io;

    use futures_util::stream;

    use super::*;

    fn pieces(
        pieces: Vec<Vec<u8>>,
    ) -> impl Stream<Item = io::Result<bytes::Bytes>> + Send + 'static {
        let pieces = pieces.into_iter().map(bytes::Bytes::from);
        stream::iter(pieces.map(Ok))
    }

    fn endless() -> impl Stream<Item = io::Result<bytes::Bytes>> + Send + 'static {
        stream::repeat_with(|| Ok(bytes::Bytes::from(vec![b'x'; 64 * 1024])))
    }

    fn frame(text: &str, whole: bool) -> Frame {
        Frame {
            text: text.to_owned(),
            whole,
        }
    }

    #[tokio::test]
    async fn an_event_is_the_same_however_its_bytes_are_split() {
        let text =
            "\u{feff}: comment\r\ndata: {\"a\":\"é\"}\r\n\r\ndata: one\ndata: two\n\ndata:\n\n";
        let text = text.as_bytes();
        for split in 0..=text.len() {
            let halves = vec![text[..split].to_vec(), text[split..].to_vec()];
            let events = Frames::events(pieces(halves)).0.map(Result::unwrap);
            let events: Vec<_> = events.collect().await;
            let expected = ["{\"a\":\"é\"}", "one\ntwo", ""].map(|text| frame(text, true));
            assert_eq!(events, expected, "split at {split}");
        }
    }

    #[tokio::test]
    async fn a_line_is_the_same_however_its_bytes_are_split() {
        let text = "{\"a\":\"é\"}\r\n\n{\"b\":1}".as_bytes();
        for split in 0..=text.len() {
            let halves = vec![text[..split].to_vec(), text[split..].to_vec()];
            let lines = Frames::lines(pieces(halves)).0.map(Result::unwrap);
            let lines: Vec<_> = lines.collect().await;
            let expected = [
                frame("{\"a\":\"é\"}", true),
                frame("", true),
                frame("{\"b\":1}", false),
            ];
            assert_eq!(lines, expected, "split at {split}");
        }
    }

    #[tokio::test]
    async fn what_never_ends_is_cut_at_the_limit() {
        for mut frames in [Frames::events(endless()), Frames::lines(endless())] {
            assert!(matches!(
                frames.next().await,
                Some(Err(FrameError::TooLarge))
            ));
        }
    }
}
