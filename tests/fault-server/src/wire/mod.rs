//! The protocols: detection by path, and encoding of the steps of a script.

mod anthropic;
mod gemini;
mod ollama;
mod openai;
mod responses;

use serde_json::{Value, json};

use crate::request::Request;
use crate::script::Step;

/// A protocol that the server supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// OpenAI chat completions.
    OpenAi,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Anthropic,
    /// Google Gemini.
    Gemini,
    /// Ollama's native API.
    Ollama,
}

impl Protocol {
    /// All protocols.
    pub const ALL: [Self; 5] = [
        Self::OpenAi,
        Self::Responses,
        Self::Anthropic,
        Self::Gemini,
        Self::Ollama,
    ];

    /// Returns its name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Responses => "responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
        }
    }

    /// Returns the base path below the server's origin; empty or with a leading slash.
    pub const fn base_path(self) -> &'static str {
        match self {
            Self::OpenAi | Self::Responses => "/v1",
            Self::Gemini => "/v1beta",
            Self::Anthropic | Self::Ollama => "",
        }
    }

    /// Returns the content type of its streams.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenAi | Self::Responses | Self::Anthropic | Self::Gemini => "text/event-stream",
            Self::Ollama => "application/x-ndjson",
        }
    }

    /// Returns the body of an error response.
    pub fn error_body(self, status: u16, reason: &str) -> String {
        let body = match self {
            Self::OpenAi | Self::Responses => openai::error(status, reason),
            Self::Anthropic => anthropic::error(status, reason),
            Self::Gemini => gemini::error(status, reason),
            Self::Ollama => ollama::error(reason),
        };
        body.to_string()
    }

    /// Returns the body of a stream with these steps. Steps without a body are skipped.
    pub fn stream(self, steps: &[Step]) -> Vec<u8> {
        let said = (0..steps.len()).map(|at| match &steps[at] {
            Step::Head | Step::Respond { .. } | Step::Refuse { .. } => Vec::new(),
            _ => self.bytes(steps, at, &[]),
        });
        said.collect::<Vec<_>>().concat()
    }

    /// Returns the protocol of a request for a chat completion; `None` for other requests.
    pub(crate) fn of_completion(request: &Request) -> Option<Self> {
        let place = request.place();
        let ends = [
            ("/chat/completions", Self::OpenAi),
            ("/responses", Self::Responses),
            ("/messages", Self::Anthropic),
            (":streamGenerateContent", Self::Gemini),
            ("/api/chat", Self::Ollama),
        ];
        ends.into_iter()
            .find(|(end, _)| request.method == "POST" && place.ends_with(end))
            .map(|(_, protocol)| protocol)
    }

    /// Returns the protocol of a request for the model list; `None` for other requests.
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

    /// Returns a model list.
    pub(crate) fn list(self, models: &[String], context_tokens: Option<u32>) -> String {
        let list = match self {
            Self::OpenAi | Self::Responses => openai::list(models, context_tokens),
            Self::Anthropic => anthropic::list(models),
            Self::Gemini => gemini::list(models),
            Self::Ollama => ollama::list(models),
        };
        list.to_string()
    }

    /// Returns the bytes sent for the step at this index, with `headers` added to its own.
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
            Self::Responses => responses::encode(steps, at),
            Self::Anthropic => anthropic::encode(steps, at),
            Self::Gemini => gemini::encode(steps, at),
            Self::Ollama => ollama::encode(steps, at),
        }
    }

    fn error_event(self, error: &Value) -> String {
        // An error in an unusual form is sent unchanged.
        let error = match error.pointer("/error/message").and_then(Value::as_str) {
            None => error.clone(),
            Some(reason) => match self {
                Self::OpenAi => error.clone(),
                Self::Responses => responses::error(reason),
                Self::Anthropic => anthropic::error(529, reason),
                Self::Gemini => gemini::error(503, reason),
                Self::Ollama => ollama::error(reason),
            },
        };
        match self {
            Self::OpenAi => openai::event(&error),
            Self::Responses => responses::event(&error),
            Self::Anthropic => anthropic::event("error", &error),
            Self::Gemini => gemini::event(&error),
            Self::Ollama => ollama::line(&error),
        }
    }
}

/// Returns a complete response that is not streamed.
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

/// Returns the token counts right after the step at this index.
fn usage_after(steps: &[Step], at: usize) -> Option<(u32, u32)> {
    match steps.get(at + 1) {
        Some(Step::Usage(prompt, answer)) => Some((*prompt, *answer)),
        _ => None,
    }
}

/// Whether the counts at this index were sent with the finish reason before them.
fn is_counted_by_finish(steps: &[Step], at: usize) -> bool {
    at > 0 && matches!(steps[at - 1], Step::Finish(_))
}

/// Returns the object without null fields.
fn filled(mut object: Value) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.retain(|_, value| !value.is_null());
    }
    object
}

/// Returns the protocol's error name for a status.
fn error_name(status: u16, names: &[(u16, &'static str)], other: &'static str) -> Value {
    let name = names.iter().find(|(known, _)| *known == status);
    json!(name.map_or(other, |(_, name)| name))
}
