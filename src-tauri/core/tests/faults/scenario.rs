//! A scenario: the provider's behaviour, the user's actions, and the expected outcome.

use std::borrow::Cow;

use conch_core::model::{FinishReason, MessageStatus};
use conch_fault_server::{Protocol, Script, Step};

use crate::fixture::USUAL;

pub(crate) const ALL: &[Protocol] = &Protocol::ALL;

/// Protocols that stream server-sent events.
pub(crate) const EVENTS: &[Protocol] = &[
    Protocol::OpenAi,
    Protocol::Responses,
    Protocol::Anthropic,
    Protocol::Gemini,
];

/// Protocols whose streams have an end marker.
pub(crate) const MARKED: &[Protocol] = &[Protocol::OpenAi, Protocol::Anthropic, Protocol::Ollama];

/// The answer of most scenarios.
pub(crate) const HELLO: &str = "Grüße, Welt 🐚";

pub(crate) struct Scenario {
    pub(crate) name: Cow<'static, str>,
    pub(crate) protocols: &'static [Protocol],
    /// One script for each request, in order.
    pub(crate) scripts: Box<dyn Fn(Protocol) -> Vec<Script> + Send + Sync>,
    pub(crate) user: User,
    /// The provider that gets the requests.
    pub(crate) provider: &'static str,
    expected: Expected,
    /// Protocols with a different expected outcome.
    exceptions: Vec<(Protocol, Expected)>,
    /// The provider asked for a long pause: the next message goes to another one.
    pub(crate) closed: bool,
}

/// What the user does meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum User {
    /// Waits until the answer ends.
    Waits,
    /// Presses Stop once the provider has received the request.
    StopsWhenAsked,
    /// Presses Stop once this text is there.
    StopsAt(&'static str),
    /// Presses Stop during the pause before a retry.
    StopsInPause,
    /// Reads this text, then the provider continues.
    Reads(&'static str),
    /// Has not started the provider.
    ProviderDown,
}

/// The expected outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) status: MessageStatus,
    pub(crate) code: Option<&'static str>,
    pub(crate) text: String,
    pub(crate) reasoning: &'static str,
    /// Names and arguments of the calls of tools that are kept.
    pub(crate) calls: &'static [(&'static str, &'static str)],
    pub(crate) finish: Option<FinishReason>,
    pub(crate) requests: usize,
    /// A part of the message shown to the user.
    pub(crate) says: &'static str,
}

impl Scenario {
    pub(crate) fn expected(&self, protocol: Protocol) -> &Expected {
        let exception = self.exceptions.iter().find(|(of, _)| *of == protocol);
        exception.map_or(&self.expected, |(_, expected)| expected)
    }

    pub(crate) fn only(self, protocols: &'static [Protocol]) -> Self {
        Self { protocols, ..self }
    }

    pub(crate) fn user(self, user: User) -> Self {
        Self { user, ..self }
    }

    pub(crate) fn but(mut self, protocol: Protocol, expected: Expected) -> Self {
        self.exceptions.push((protocol, expected));
        self
    }

    pub(crate) fn with_provider(self, provider: &'static str) -> Self {
        Self { provider, ..self }
    }

    pub(crate) fn closed(self) -> Self {
        Self {
            closed: true,
            ..self
        }
    }
}

/// A scenario in all protocols, in which the user waits.
pub(crate) fn scenario(
    name: impl Into<Cow<'static, str>>,
    expected: Expected,
    scripts: impl Fn(Protocol) -> Vec<Script> + Send + Sync + 'static,
) -> Scenario {
    Scenario {
        name: name.into(),
        protocols: ALL,
        scripts: Box::new(scripts),
        user: User::Waits,
        provider: USUAL,
        expected,
        exceptions: Vec::new(),
        closed: false,
    }
}

/// A scenario of one request.
pub(crate) fn once(
    name: impl Into<Cow<'static, str>>,
    expected: Expected,
    steps: impl Fn(Protocol) -> Vec<Step> + Send + Sync + 'static,
) -> Scenario {
    scenario(name, expected, move |protocol| {
        vec![Script::new(steps(protocol))]
    })
}

pub(crate) fn complete(text: impl Into<String>) -> Expected {
    Expected {
        finish: Some(FinishReason::Stop),
        ..ended(MessageStatus::Complete, None, "").with(text)
    }
}

pub(crate) fn stopped() -> Expected {
    ended(MessageStatus::Stopped, None, "")
}

pub(crate) fn failed(code: &'static str, says: &'static str) -> Expected {
    ended(MessageStatus::Failed, Some(code), says)
}

/// The stream ended normally, without any text.
pub(crate) fn empty(says: &'static str) -> Expected {
    failed("empty_answer", says).finish(Some(FinishReason::Stop))
}

/// The connection closed before the end of the answer.
pub(crate) fn cut() -> Expected {
    interrupted("stream_cut", "connection")
}

pub(crate) fn interrupted(code: &'static str, says: &'static str) -> Expected {
    ended(MessageStatus::Interrupted, Some(code), says)
}

fn ended(status: MessageStatus, code: Option<&'static str>, says: &'static str) -> Expected {
    Expected {
        status,
        code,
        text: String::new(),
        reasoning: "",
        calls: &[],
        finish: None,
        requests: 1,
        says,
    }
}

impl Expected {
    /// Expects this text to be kept.
    pub(crate) fn with(self, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..self
        }
    }

    /// Expects this reasoning to be kept.
    pub(crate) fn thinking(self, reasoning: &'static str) -> Self {
        Self { reasoning, ..self }
    }

    /// Expects these calls of tools to be kept.
    pub(crate) fn calling(self, calls: &'static [(&'static str, &'static str)]) -> Self {
        Self { calls, ..self }
    }

    /// Expects this finish reason.
    pub(crate) fn finish(self, finish: Option<FinishReason>) -> Self {
        Self { finish, ..self }
    }

    /// Expects this number of requests.
    pub(crate) fn after(self, requests: usize) -> Self {
        Self { requests, ..self }
    }
}
