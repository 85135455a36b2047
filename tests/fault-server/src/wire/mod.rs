//! The protocols: which one a path is asked in, and how each says the steps of a script.

mod anthropic;
mod gemini;
mod ollama;
mod openai;

use serde_json::{Value, json};

use crate::request::Request;
use crate::script::Step;

/// A protocol that the stand-in speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// OpenAI chat completions.
    OpenAi,
    /// Anthropic Messages.
    Anthropic,
    /// Google Gemini.
    Gemini,
    /// Ollama's own.
    Ollama,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::OpenAi, Self::Anthropic, Self::Gemini, Self::Ollama];

    /// Its name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
        }
    }

    /// Where its paths begin, below the server's origin; empty or with a slash before it.
    pub const fn base_path(self) -> &'static str {
        match self {
            Self::OpenAi => "/v1",
            Self::Gemini => "/v1beta",
            Self::Anthropic | Self::Ollama => "",
        }
    }

    /// The type of its streams.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenAi | Self::Anthropic | Self::Gemini => "text/event-stream",
            Self::Ollama => "application/x-ndjson",
        }
    }

    /// The body of a refusal.
    pub fn error_body(self, status: u16, reason: &str) -> String {
        let body = match self {
            Self::OpenAi => openai::error(status, reason),
            Self::Anthropic => anthropic::error(status, reason),
            Self::Gemini => gemini::error(status, reason),
            Self::Ollama => ollama::error(reason),
        };
        body.to_string()
    }

    /// The body of a stream that says these steps. Steps that say nothing are passed over.
    pub fn stream(self, steps: &[Step]) -> Vec<u8> {
        let said = (0..steps.len()).map(|at| match &steps[at] {
            Step::Head | Step::Respond { .. } | Step::Refuse { .. } => Vec::new(),
            _ => self.bytes(steps, at, &[]),
        });
        said.collect::<Vec<_>>().concat()
    }

    /// The protocol in which a chat completion is asked for here, if one is.
    pub(crate) fn of_completion(request: &Request) -> Option<Self> {
        let place = request.place();
        let ends = [
            ("/chat/completions", Self::OpenAi),
            ("/messages", Self::Anthropic),
            (":streamGenerateContent", Self::Gemini),
            ("/api/chat", Self::Ollama),
        ];
        ends.into_iter()
            .find(|(end, _)| request.method == "POST" && place.ends_with(end))
            .map(|(_, protocol)| protocol)
    }

    /// The protocol in which the models are asked for here, if they are.
    pub(crate) fn of_list(request: &Request) -> Option<Self> {
        let place = request.place();
        if place.ends_with("/api/tags") {
            Some(Self::Ollama)
        } else if place.ends_with("/v1beta/models") {
            Some(Self::Gemini)
        } else if !place.ends_with("/models") {
            None
        } else if request.headers.contains_key("anthropic-version") {
            Some(Self::Anthropic)
        } else {
            Some(Self::OpenAi)
        }
    }

    /// A list of models.
    pub(crate) fn list(self, models: &[String], context_tokens: Option<u32>) -> String {
        let list = match self {
            Self::OpenAi => openai::list(models, context_tokens),
            Self::Anthropic => anthropic::list(models),
            Self::Gemini => gemini::list(models),
            Self::Ollama => ollama::list(models),
        };
        list.to_string()
    }

    /// What goes over the stream for the step at this place, with `headers` beside its own.
    pub(crate) fn bytes(self, steps: &[Step], at: usize, headers: &[(String, String)]) -> Vec<u8> {
        match &steps[at] {
            Step::Head => {
                let typed = ("content-type".to_owned(), self.content_type().to_owned());
                let lines = header_lines(&[&[typed], headers].concat());
                format!("HTTP/1.1 200 OK\r\n{lines}connection: close\r\n\r\n").into_bytes()
            }
            Step::Respond {
                status,
                headers: own,
                body,
            } => whole(*status, &[own.as_slice(), headers].concat(), body),
            Step::Refuse {
                status,
                headers: own,
                reason,
            } => whole(
                *status,
                &[own.as_slice(), headers].concat(),
                &self.error_body(*status, reason),
            ),
            Step::Raw(bytes) => bytes.clone(),
            Step::Error(error) => self.error_event(error).into_bytes(),
            _ => self.encode(steps, at).into_bytes(),
        }
    }

    fn encode(self, steps: &[Step], at: usize) -> String {
        match self {
            Self::OpenAi => openai::encode(&steps[at]),
            Self::Anthropic => anthropic::encode(steps, at),
            Self::Gemini => gemini::encode(steps, at),
            Self::Ollama => ollama::encode(steps, at),
        }
    }

    fn error_event(self, error: &Value) -> String {
        // What is not of the usual form is the test's own business.
        let error = match error.pointer("/error/message").and_then(Value::as_str) {
            None => error.clone(),
            Some(reason) => match self {
                Self::OpenAi => error.clone(),
                Self::Anthropic => anthropic::error(529, reason),
                Self::Gemini => gemini::error(503, reason),
                Self::Ollama => ollama::error(reason),
            },
        };
        match self {
            Self::OpenAi => openai::event(&error),
            Self::Anthropic => anthropic::event("error", &error),
            Self::Gemini => gemini::event(&error),
            Self::Ollama => ollama::line(&error),
        }
    }
}

/// A whole response that is no stream.
pub(crate) fn whole(status: u16, headers: &[(String, String)], body: &str) -> Vec<u8> {
    let typed = headers.iter().any(|(name, _)| name == "content-type");
    let json = if typed {
        ""
    } else {
        "content-type: application/json\r\n"
    };
    let (lines, length) = (header_lines(headers), body.len());
    format!(
        "HTTP/1.1 {status} As scripted\r\n{json}{lines}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

fn header_lines(headers: &[(String, String)]) -> String {
    headers
        .iter()
        .flat_map(|(name, value)| [name, ": ", value, "\r\n"])
        .collect()
}

/// The counts right after the step at this place.
fn usage_after(steps: &[Step], at: usize) -> Option<(u32, u32)> {
    match steps.get(at + 1) {
        Some(Step::Usage(prompt, answer)) => Some((*prompt, *answer)),
        _ => None,
    }
}

/// The counts at this place went with the finish reason before them.
fn was_counted(steps: &[Step], at: usize) -> bool {
    at > 0 && matches!(steps[at - 1], Step::Finish(_))
}

/// An object without the fields that are null.
fn filled(mut object: Value) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.retain(|_, value| !value.is_null());
    }
    object
}

/// The names under which the errors of these statuses are known.
fn error_name(status: u16, names: &[(u16, &'static str)], other: &'static str) -> Value {
    let name = names.iter().find(|(known, _)| *known == status);
    json!(name.map_or(other, |(_, name)| name))
}
