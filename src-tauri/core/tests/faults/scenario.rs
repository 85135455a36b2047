//! A scenario: what the provider does, what the user does, and how it should end.

use std::borrow::Cow;

use conch_core::chat::{FinishReason, MessageStatus};
use conch_fault_server::{Protocol, Script, Step};

use crate::fixture::USUAL;

pub(crate) const ALL: &[Protocol] = &Protocol::ALL;

/// Those whose streams are server-sent events.
pub(crate) const EVENTS: &[Protocol] = &[Protocol::OpenAi, Protocol::Anthropic, Protocol::Gemini];

/// Those whose streams have an end mark.
pub(crate) const MARKED: &[Protocol] = &[Protocol::OpenAi, Protocol::Anthropic, Protocol::Ollama];

/// The answer of most scenarios.
pub(crate) const HELLO: &str = "Grüße, Welt 🐚";

pub(crate) struct Scenario {
    pub(crate) name: Cow<'static, str>,
    pub(crate) protocols: &'static [Protocol],
    /// Of one request after the other.
    pub(crate) scripts: Box<dyn Fn(Protocol) -> Vec<Script> + Send + Sync>,
    pub(crate) user: User,
    /// Who is asked.
    pub(crate) provider: &'static str,
    expected: Expected,
    /// Where a protocol is another matter.
    exceptions: Vec<(Protocol, Expected)>,
    /// The provider asked for a pause that lasts: what follows goes to another.
    pub(crate) closed: bool,
}

/// What the user does meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum User {
    /// Waits for the end.
    Waits,
    /// Presses Stop once the provider has been asked.
    StopsWhenAsked,
    /// Presses Stop once this text is there.
    StopsAt(&'static str),
    /// Presses Stop while the application waits to ask again.
    StopsInPause,
    /// Sees this text, upon which the provider goes on.
    Reads(&'static str),
    /// Has not started the provider.
    AsksNobody,
}

/// How it should end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) status: MessageStatus,
    pub(crate) code: Option<&'static str>,
    pub(crate) text: String,
    pub(crate) reasoning: &'static str,
    pub(crate) finish: Option<FinishReason>,
    pub(crate) requests: usize,
    /// A part of what the user is told.
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

    pub(crate) fn asks(self, provider: &'static str) -> Self {
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

/// It ended as an answer does, and said nothing.
pub(crate) fn empty(says: &'static str) -> Expected {
    failed("empty_answer", says).finish(Some(FinishReason::Stop))
}

/// The connection ended before the answer.
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
        finish: None,
        requests: 1,
        says,
    }
}

impl Expected {
    /// With this text kept.
    pub(crate) fn with(self, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..self
        }
    }

    /// With this reasoning kept.
    pub(crate) fn thinking(self, reasoning: &'static str) -> Self {
        Self { reasoning, ..self }
    }

    /// With this finish reason.
    pub(crate) fn finish(self, finish: Option<FinishReason>) -> Self {
        Self { finish, ..self }
    }

    /// After so many requests.
    pub(crate) fn after(self, requests: usize) -> Self {
        Self { requests, ..self }
    }
}
