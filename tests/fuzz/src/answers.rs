//! Answers in the framing and encoding of each protocol, and model lists.

use conch_core::model::ProtocolKind;
use conch_core::provider::fuzzing::{self, Answer};

use crate::place_in;

/// A stream of server-sent events, or one body of JSON.
pub fn openai(data: &[u8]) {
    answers(ProtocolKind::OpenAi, data);
}

/// A stream of server-sent events, or one body of JSON.
pub fn responses(data: &[u8]) {
    answers(ProtocolKind::Responses, data);
}

/// A stream of server-sent events, or one body of JSON.
pub fn anthropic(data: &[u8]) {
    answers(ProtocolKind::Anthropic, data);
}

/// A stream of server-sent events, or one body of JSON.
pub fn gemini(data: &[u8]) {
    answers(ProtocolKind::Gemini, data);
}

/// A stream of JSON lines, or one body of JSON.
pub fn ollama(data: &[u8]) {
    answers(ProtocolKind::Ollama, data);
}

/// A model list in any protocol: it has no more models than the input has bytes.
pub fn lists(data: &[u8]) {
    let body = String::from_utf8_lossy(data);
    for protocol in ProtocolKind::ALL {
        let models = fuzzing::models(protocol, &body);
        assert!(models.unwrap_or(0) <= data.len(), "{protocol:?}");
    }
}

/// The answer does not depend on how a stream is split, and is no longer than the input; the turn ends with the
/// stream, and is complete only if the provider reported it.
fn answers(protocol: ProtocolKind, data: &[u8]) {
    let whole = fuzzing::answer(protocol, vec![data.to_vec()]);
    check(&whole, data.len());
    let (before, after) = data.split_at(place_in(data));
    let halves = fuzzing::answer(protocol, vec![before.to_vec(), after.to_vec()]);
    assert_eq!(halves, whole, "split at {}", before.len());
    let step = data.len().div_ceil(512).max(1);
    let pieces = data.chunks(step).map(<[u8]>::to_vec).collect();
    assert_eq!(fuzzing::answer(protocol, pieces), whole, "in {step}s");
}

fn check(answer: &Answer, length: usize) {
    // A byte of invalid UTF-8 becomes a character of three bytes.
    let said = answer.text.len() + answer.reasoning.len();
    assert!(said <= 3 * length, "{length} bytes say {said}");
    assert!(answer.events <= length + 2, "{length} bytes: {answer:?}");
    if let Some(failure) = &answer.failure {
        assert!(!failure.message.is_empty());
        assert!(failure.message.len() <= 4 * length + 512, "{failure:?}");
    }
    assert!(answer.turn.appended <= said, "nothing is said twice");
    let end = answer.turn.end.as_deref();
    let end = end.expect("a turn ends with its stream");
    let is_said_whole = |other: &String| other.starts_with("Finish") || other == "Done";
    assert!(
        !end.contains("status: Complete") || answer.other.iter().any(is_said_whole),
        "nothing says that the answer is whole: {answer:?}"
    );
}
