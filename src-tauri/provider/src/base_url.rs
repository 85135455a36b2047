//! Base URLs as users paste them: what is wrong with them, and where else a server may be found.
//!
//! Tutorials show full endpoints, scripts show quotes, and half of the servers want `/v1`. A value of the environment
//! is read by the same rules as that of the form.

use conch_model::ProtocolKind;
use reqwest::Url;

use super::protocol;
use crate::network::is_public_host;

/// Maximum length in bytes: browsers and servers accept no longer ones.
const MAX_BYTES: usize = 2048;

/// What surrounds an address in a text, besides white space.
const QUOTES: [char; 13] = [
    '"', '\'', '`', '“', '”', '„', '‘', '’', '«', '»', '<', '>', '\u{feff}',
];

/// The hosts of Azure's resources, whose OpenAI protocol is at one path.
const AZURE: [&str; 3] = [
    ".openai.azure.com",
    ".cognitiveservices.azure.com",
    ".services.ai.azure.com",
];

/// Why a text is no base URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message())]
#[expect(missing_docs, reason = "the messages say it")]
pub enum BaseUrlError {
    Empty,
    TooLong,
    Invalid,
    Credentials,
    Query,
}

impl BaseUrlError {
    /// Returns what is wrong and what to correct, for the user.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Empty => "The provider needs a base URL, such as https://api.example.com/v1",
            Self::TooLong => "The base URL is longer than 2048 bytes. Copy it again",
            Self::Invalid => {
                "The base URL is not valid. It must start with https:// (or http:// on this machine)"
            }
            Self::Credentials => {
                "The base URL must not contain a user name or password. Enter an API key instead"
            }
            Self::Query => {
                "The base URL must end with its path. Remove the ? or # and what follows it"
            }
        }
    }
}

/// Returns the base URL in a text: without quotes and spaces around it, a slash or an endpoint of the protocol at its
/// end, or `?api-version=…`; with `https://` if there is no scheme, or `http://` in the local network.
///
/// # Errors
/// What the user has to correct.
pub fn parse(text: &str, protocol: ProtocolKind) -> Result<String, BaseUrlError> {
    let text = bare(text);
    if text.is_empty() {
        return Err(BaseUrlError::Empty);
    }
    if text.len() > MAX_BYTES {
        return Err(BaseUrlError::TooLong);
    }
    let mut text = with_scheme(text).ok_or(BaseUrlError::Invalid)?;
    // Each step but Azure's shortens the text, and Azure's is the last.
    loop {
        let shorter = shortened(&text, protocol)?;
        if shorter == text {
            return Ok(text);
        }
        text = shorter;
    }
}

/// Checks a base URL that may not have been parsed, before a request to it.
///
/// # Errors
/// As [`parse`].
pub(crate) fn check(base_url: &str) -> Result<(), BaseUrlError> {
    valid(base_url).map(|_| ())
}

/// Returns the base URLs at which a server may be that the user named by this one, which is the first of them. All are
/// of one origin.
pub fn candidates(base_url: &str, protocol: ProtocolKind) -> Vec<String> {
    let mut all = vec![base_url.to_owned()];
    match protocol {
        ProtocolKind::OpenAi | ProtocolKind::Responses => {
            let stem = ["/v1", "/api", "/openai"]
                .into_iter()
                .fold(base_url, |stem, end| stripped(stem, end).unwrap_or(stem));
            let ends = ["/v1", "", "/api/v1", "/openai/v1", "/api"];
            all.extend(ends.map(|end| format!("{stem}{end}")));
        }
        ProtocolKind::Gemini => all.push(protocol::of(protocol).address(base_url)),
        ProtocolKind::Anthropic => all.push(format!("{base_url}/anthropic")),
        ProtocolKind::Ollama => {}
    }
    let mut unique = Vec::new();
    for candidate in all {
        if !unique.contains(&candidate) {
            unique.push(candidate);
        }
    }
    unique
}

/// Strips what surrounds an address in a text.
pub(crate) fn bare(text: &str) -> &str {
    let around = |character: char| character.is_whitespace() || QUOTES.contains(&character);
    let after = |character: char| around(character) || matches!(character, ',' | ';');
    text.trim_start_matches(around).trim_end_matches(after)
}

/// Adds the scheme that is missing. `None` if what is there is no host.
fn with_scheme(text: &str) -> Option<String> {
    let start = text.get(..6).unwrap_or(text).to_ascii_lowercase();
    if start.starts_with("http:") || start.starts_with("https:") || text.contains("://") {
        return Some(text.to_owned());
    }
    let secure = format!("https://{text}");
    let url = Url::parse(&secure).ok()?;
    // The first part of `file:/x` and of `https//x` is a scheme, not a host.
    let host = text.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    if host.ends_with(':') || matches!(host, "http" | "https") {
        return None;
    }
    Some(if is_public_host(&url) {
        secure
    } else {
        format!("http://{text}")
    })
}

fn shortened(text: &str, protocol: ProtocolKind) -> Result<String, BaseUrlError> {
    let text = bare(text).trim_end_matches(['/', '?', '#']);
    let url = valid(text).or_else(|error| {
        let url = Url::parse(text).map_err(|_| error)?;
        let has_version_only = error == BaseUrlError::Query
            && url.fragment().is_none()
            && url.query_pairs().all(|(name, _)| name == "api-version");
        if has_version_only {
            Ok(url)
        } else {
            Err(error)
        }
    })?;
    let text = text.split_once('?').map_or(text, |(base, _)| base);
    let ends: &[&str] = match protocol {
        ProtocolKind::OpenAi | ProtocolKind::Responses => &[
            "/chat/completions",
            "/completions",
            "/responses",
            "/embeddings",
            "/models",
            "/api/chat",
            "/api/generate",
            "/api/tags",
        ],
        ProtocolKind::Anthropic => &["/v1/messages", "/v1/models", "/messages", "/v1"],
        ProtocolKind::Gemini => &["/models"],
        ProtocolKind::Ollama => &[
            "/api/chat",
            "/api/generate",
            "/api/tags",
            "/api",
            "/v1/chat/completions",
            "/v1/models",
            "/v1",
        ],
    };
    if let Some(shorter) = ends.iter().find_map(|end| stripped(text, end)) {
        return Ok(shorter.to_owned());
    }
    if protocol == ProtocolKind::Gemini
        && url.path().ends_with("enerateContent")
        && let Some((base, _)) = text.rsplit_once("/models/")
    {
        return Ok(base.to_owned());
    }
    let host = url.host_str().unwrap_or_default();
    let is_openai = matches!(protocol, ProtocolKind::OpenAi | ProtocolKind::Responses);
    let is_azure = is_openai && AZURE.iter().any(|end| host.ends_with(end));
    let path = url.path().trim_end_matches('/');
    if is_azure && (matches!(path, "" | "/openai") || path.starts_with("/openai/deployments/")) {
        return Ok(format!("{}/openai/v1", url.origin().ascii_serialization()));
    }
    Ok(text.to_owned())
}

/// Parses what is a base URL in its final form.
fn valid(text: &str) -> Result<Url, BaseUrlError> {
    // The URL parser strips trailing control characters, but they would stay in the middle once a path is
    // appended.
    let url = Some(text).filter(|text| !text.contains(char::is_control));
    let url = url.and_then(|text| Url::parse(text).ok());
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
    let url = url.ok_or(BaseUrlError::Invalid)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BaseUrlError::Credentials);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(BaseUrlError::Query);
    }
    Ok(url)
}

/// Strips the end of a URL's path. `None` if the path has another end.
fn stripped<'a>(text: &'a str, end: &str) -> Option<&'a str> {
    let url = Url::parse(text).ok()?;
    // Not the host of `https://models`.
    if !url.path().ends_with(end) {
        return None;
    }
    let text = text.split_once('?').map_or(text, |(base, _)| base);
    Some(text.strip_suffix(end)?.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn openai(text: &str) -> Result<String, BaseUrlError> {
        parse(text, ProtocolKind::OpenAi)
    }

    #[test]
    fn what_users_paste_becomes_a_base_url() {
        for text in [
            "https://api.example.com/v1",
            " https://api.example.com/v1/ ",
            "\"https://api.example.com/v1\"",
            "“https://api.example.com/v1”,",
            "<https://api.example.com/v1//>",
            "api.example.com/v1",
            "https://api.example.com/v1/chat/completions",
            "https://api.example.com/v1/chat/completions/",
            "'api.example.com/v1/chat/completions?api-version=2024-10-21'",
            "https://api.example.com/v1/models",
            "https://api.example.com/v1/responses#",
        ] {
            assert_eq!(
                openai(text).as_deref(),
                Ok("https://api.example.com/v1"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_missing_scheme_is_that_of_the_network() {
        for (text, base) in [
            ("localhost:8080/v1", "http://localhost:8080/v1"),
            ("127.0.0.1:1234", "http://127.0.0.1:1234"),
            ("192.168.1.7:4000/v1", "http://192.168.1.7:4000/v1"),
            ("box:8000", "http://box:8000"),
            ("nas.local/v1", "http://nas.local/v1"),
            ("[::1]:8080", "http://[::1]:8080"),
            ("8.8.8.8/v1", "https://8.8.8.8/v1"),
            ("models.example.com", "https://models.example.com"),
            ("HTTPS://models.example.com", "HTTPS://models.example.com"),
        ] {
            assert_eq!(openai(text).as_deref(), Ok(base), "{text}");
        }
    }

    #[test]
    fn each_protocol_has_its_own_endpoints() {
        for (protocol, text, base) in [
            (
                ProtocolKind::Anthropic,
                "https://api.anthropic.com/v1/messages",
                "https://api.anthropic.com",
            ),
            (
                ProtocolKind::Anthropic,
                "https://api.anthropic.com/v1",
                "https://api.anthropic.com",
            ),
            (
                ProtocolKind::Ollama,
                "http://box:11434/api/chat",
                "http://box:11434",
            ),
            (
                ProtocolKind::Ollama,
                "http://box:11434/v1/",
                "http://box:11434",
            ),
            (
                ProtocolKind::Gemini,
                "https://example.com/v1beta/models/gemini:streamGenerateContent?api-version=1",
                "https://example.com/v1beta",
            ),
            (
                ProtocolKind::OpenAi,
                "http://box:11434/api/chat",
                "http://box:11434",
            ),
            (
                ProtocolKind::OpenAi,
                "https://models/models",
                "https://models",
            ),
        ] {
            assert_eq!(parse(text, protocol).as_deref(), Ok(base), "{text}");
        }
    }

    #[test]
    fn azure_is_reached_at_its_v1_path() {
        for text in [
            "https://mine.openai.azure.com/",
            "mine.openai.azure.com/openai",
            "https://mine.openai.azure.com/openai/v1/",
            "https://mine.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2025-01-01-preview",
        ] {
            assert_eq!(
                openai(text).as_deref(),
                Ok("https://mine.openai.azure.com/openai/v1"),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_base_url_is_refused_and_says_why() {
        use BaseUrlError::{Credentials, Empty, Invalid, Query, TooLong};

        for (text, error) in [
            ("", Empty),
            (" \"\" ", Empty),
            ("https://", Invalid),
            ("two words", Invalid),
            ("file:///etc/passwd", Invalid),
            ("file:/etc/passwd", Invalid),
            ("https//example.com", Invalid),
            ("ftp://example.com", Invalid),
            ("https://exa\u{7}mple.com", Invalid),
            ("https://me:secret@example.com/v1", Credentials),
            ("me@example.com", Credentials),
            ("https://example.com/v1?key=1", Query),
            ("https://example.com/v1?api-version=1&key=1", Query),
            ("https://example.com/v1#x", Query),
        ] {
            assert_eq!(openai(text), Err(error), "{text}");
        }
        assert_eq!(openai(&"x".repeat(MAX_BYTES + 1)), Err(TooLong));
    }

    #[test]
    fn a_base_url_stays_as_it_is() {
        for text in [
            "https://mine.openai.azure.com/openai/deployments/x?api-version=1",
            "https://example.com/models/models/?",
            "box/api/chat/v1/models",
            "https://example.com/v1/',/",
        ] {
            for protocol in ProtocolKind::ALL {
                let once = parse(text, protocol).unwrap();
                assert_eq!(parse(&once, protocol).as_deref(), Ok(&*once), "{text}");
            }
        }
    }

    #[test]
    fn a_server_is_looked_for_at_the_usual_paths_of_its_origin() {
        let of = |base_url| candidates(base_url, ProtocolKind::OpenAi);
        assert_eq!(
            of("http://box:8080"),
            [
                "http://box:8080",
                "http://box:8080/v1",
                "http://box:8080/api/v1",
                "http://box:8080/openai/v1",
                "http://box:8080/api",
            ]
        );
        let found = of("https://openrouter.ai/v1");
        assert_eq!(
            found[0], "https://openrouter.ai/v1",
            "as it was typed, first"
        );
        assert!(found.contains(&"https://openrouter.ai/api/v1".to_owned()));
        assert!(
            of("https://api.perplexity.ai/v1").contains(&"https://api.perplexity.ai".to_owned())
        );
        assert_eq!(
            candidates("https://example.com", ProtocolKind::Gemini),
            ["https://example.com", "https://example.com/v1beta"]
        );
    }
}
