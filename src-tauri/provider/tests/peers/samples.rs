//! Answers that were made from the packages' own models of responses, read as a provider's would be.

use std::convert::Infallible;
use std::fs;

use conch_model::{FinishReason, ProtocolKind, Usage};
use conch_provider::AnswerStream;
use conch_provider::protocol::{self, Content, StreamEvent};
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{file, protocol};

/// A sample, as `tests/peers/samples.py` writes it.
#[derive(Deserialize)]
struct Sample {
    protocol: String,
    name: String,
    /// The body of the response.
    body: String,
    expected: Expected,
}

/// What the answer contains.
#[derive(Debug, Default, PartialEq, Deserialize)]
struct Expected {
    text: String,
    reasoning: String,
    /// Names and arguments.
    calls: Vec<(String, Value)>,
    finish: Option<String>,
    failure: Option<String>,
    /// In the order of the fields of [`Usage`].
    usage: [Option<u32>; 5],
    /// What is required back, as it is stored.
    data: Vec<Value>,
}

async fn read(kind: ProtocolKind, body: String) -> Expected {
    let protocol = protocol::of(kind);
    let bytes = stream::iter([Ok::<_, Infallible>(bytes::Bytes::from(body))]);
    let mut answer = AnswerStream::read(false, protocol.framing(), protocol.decoder(), bytes);
    let mut read = Expected::default();
    loop {
        match answer.next().await {
            StreamEvent::Content(Content::Text(text)) => read.text.push_str(&text),
            StreamEvent::Content(Content::Reasoning(text)) => read.reasoning.push_str(&text),
            StreamEvent::Content(Content::ToolCall(call)) => {
                let input = serde_json::from_str(&call.input).unwrap_or(json!(call.input));
                read.calls.push((call.name, input));
            }
            StreamEvent::Content(Content::ProviderData(data) | Content::HiddenReasoning(data)) => {
                read.data.push(data.data);
            }
            StreamEvent::Usage(usage) => read.usage = counts(usage),
            StreamEvent::Finish(reason) => read.finish = Some(name(reason)),
            StreamEvent::Failed(failure) => {
                read.failure = failure.reason;
                return read;
            }
            StreamEvent::Done | StreamEvent::Closed => return read,
            StreamEvent::Omitted(_)
            | StreamEvent::Unshown(_)
            | StreamEvent::Alive
            | StreamEvent::KeptAlive => {}
        }
    }
}

fn counts(usage: Usage) -> [Option<u32>; 5] {
    [
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.cached_tokens,
        usage.cache_written_tokens,
        usage.reasoning_tokens,
    ]
}

fn name(reason: FinishReason) -> String {
    serde_json::to_value(reason)
        .unwrap()
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn what_the_packages_models_describe_is_read() {
    let samples = fs::read_to_string(file("samples.json")).unwrap();
    let samples: Vec<Sample> = serde_json::from_str(&samples).unwrap();
    for kind in ProtocolKind::ALL {
        let own = samples
            .iter()
            .filter(|sample| sample.protocol == kind.name());
        assert!(own.count() >= 3, "{kind:?} has too few samples");
    }
    for sample in samples {
        let read = read(protocol(&sample.protocol), sample.body).await;
        assert_eq!(
            read, sample.expected,
            "{}: {}",
            sample.protocol, sample.name
        );
    }
}
