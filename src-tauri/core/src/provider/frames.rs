//! Server-sent events behind a byte cap: the decoder is `sse-stream`'s, which has none of its own,
//! so a provider that never ends an event could fill the memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use sse_stream::SseByteStream;

use super::failure::root_cause;

/// The most bytes that may come before an event ends.
pub(super) const EVENT_LIMIT: usize = 8 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("more than {EVENT_LIMIT} bytes without the end of an event")]
    TooLarge,
    #[error(transparent)]
    Transport(Box<dyn std::error::Error + Send + Sync>),
}

/// Why no more events come.
#[derive(Debug)]
pub(super) enum Broken {
    /// An event went over [`EVENT_LIMIT`].
    TooLarge,
    /// The connection or the encoding broke.
    Transport(String),
}

/// The `data` of each event.
pub(super) struct Events {
    decoder: BoxStream<'static, Result<sse_stream::Sse, sse_stream::Error>>,
    since_event: Arc<AtomicUsize>,
}

impl Events {
    pub(super) fn new<B, E>(bytes: impl Stream<Item = Result<B, E>> + Send + 'static) -> Self
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
        Self {
            decoder: SseByteStream::new(capped.boxed()).boxed(),
            since_event,
        }
    }

    /// The next event's data; `None` at the end of the stream. Events without data are passed over.
    pub(super) async fn next(&mut self) -> Option<Result<String, Broken>> {
        loop {
            let event = match self.decoder.next().await? {
                Ok(event) => event,
                Err(error) => return Some(Err(broken(&error))),
            };
            self.since_event.store(0, Ordering::Relaxed);
            if let Some(data) = event.data {
                return Some(Ok(data));
            }
        }
    }
}

fn broken(error: &sse_stream::Error) -> Broken {
    if let sse_stream::Error::Body(body) = error
        && let Some(Cut::TooLarge) = body.downcast_ref::<Cut>()
    {
        return Broken::TooLarge;
    }
    Broken::Transport(root_cause(error))
}

#[cfg(test)]
mod tests {
    use std::io;

    use futures_util::stream;

    use super::*;

    fn pieces(pieces: Vec<Vec<u8>>) -> Events {
        Events::new(stream::iter(
            pieces
                .into_iter()
                .map(|piece| Ok::<_, io::Error>(bytes::Bytes::from(piece))),
        ))
    }

    #[tokio::test]
    async fn an_event_is_the_same_however_its_bytes_are_split() {
        let text =
            "\u{feff}: comment\r\ndata: {\"a\":\"é\"}\r\n\r\ndata: one\ndata: two\n\n".as_bytes();
        for split in 0..=text.len() {
            let mut events = pieces(vec![text[..split].to_vec(), text[split..].to_vec()]);
            assert_eq!(events.next().await.unwrap().unwrap(), "{\"a\":\"é\"}");
            assert_eq!(
                events.next().await.unwrap().unwrap(),
                "one\ntwo",
                "split at {split}"
            );
            assert!(events.next().await.is_none());
        }
    }

    #[tokio::test]
    async fn an_event_without_an_end_is_cut_at_the_limit() {
        let mut events = Events::new(stream::repeat_with(|| {
            Ok::<_, io::Error>(bytes::Bytes::from(vec![b'x'; 64 * 1024]))
        }));

        assert!(matches!(events.next().await, Some(Err(Broken::TooLarge))));
    }
}
