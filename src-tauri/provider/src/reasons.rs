//! What a body or an event says about a failure: in the shape of any protocol, since a gateway speaks one and passes
//! on the errors of another, and in plain text.

use serde_json::{Map, Value};

use super::failure::{Failure, FailureKind, Retry};

/// Maximum length of a plain text that counts as a reason, in bytes; a longer one is a page, or no text at all.
const MAX_TEXT: usize = 1000;

/// How many of several reasons are named.
const MAX_REASONS: usize = 3;

/// Returns the reason in an error body, which is JSON or plain text.
pub(super) fn reason_in(body: &str) -> Option<String> {
    match serde_json::from_str(body) {
        Ok(Value::String(text)) => plain(&text),
        Ok(value) => reason_of(&value),
        Err(_) => plain(body),
    }
}

/// Returns a plain text for the user; none if it is markup, the rest of an object, or not text.
pub(super) fn plain(text: &str) -> Option<String> {
    let text = text.trim();
    let is_text = |character: char| !character.is_control() || character.is_whitespace();
    let is_plain = !text.is_empty()
        && text.len() <= MAX_TEXT
        && !text.starts_with(['<', '{', '['])
        && !text.contains('\u{fffd}')
        && text.chars().all(is_text);
    is_plain.then(|| text.to_owned())
}

/// Returns the failure that an event of a stream states; none if it states none. Some servers send an empty error
/// with every event.
pub(super) fn stated_failure(event: &Value) -> Option<Failure> {
    let is_stated = |name: &str| event.get(name).is_some_and(states);
    let kind = event.get("type").and_then(Value::as_str);
    // In OpenAI Responses, the error is that of the response in the event.
    let response = event.get("response").filter(|value| value.is_object());
    let has_failed = |response: &&Value| {
        kind == Some("response.failed") || response.get("error").is_some_and(states)
    };
    if let Some(response) = response.filter(has_failed) {
        return Some(failure(response));
    }
    let is_error = matches!(kind, Some("error" | "response.failed"));
    (is_error || is_stated("error") || is_stated("errors")).then(|| failure(event))
}

/// Returns the failure that is stated by an event in which nothing of the protocol was found; none if it may be
/// something else. `is_error` says that the event is named so.
pub(super) fn failure_in_other(event: &Value, is_error: bool) -> Option<Failure> {
    let of_error = |name: &str| {
        ["error", "overloaded"]
            .iter()
            .any(|word| name.contains(word))
    };
    let is_error = is_error
        || event.get("detail").is_some_and(states)
        || codes(event).any(|code| code >= 400)
        || names(event).any(|name| of_error(&name));
    (is_error && reason_of(event).is_some()).then(|| failure(event))
}

fn failure(event: &Value) -> Failure {
    let kind = kind_of(event);
    let (what, retry) = match kind {
        FailureKind::ProviderFault => ("The provider failed", Retry::Backoff),
        FailureKind::RateLimited => ("The provider's rate limit was exceeded", Retry::Backoff),
        FailureKind::OutOfCredit => ("The provider account has no credit left", Retry::Never),
        FailureKind::WrongKey => ("The provider rejected the API key", Retry::Never),
        _ => ("The provider rejected the request", Retry::Never),
    };
    let reason = reason_of(event);
    let words = reason.as_deref().unwrap_or("no reason given");
    Failure {
        reason: reason.clone(),
        ..Failure::new(kind, format!("{what}: {words}")).retrying(retry)
    }
}

/// What the names of errors contain that a retry would not change.
const REJECTED: [&str; 9] = [
    "invalid_request",
    "invalid_argument",
    "invalid_prompt",
    "image",
    "policy",
    "permission",
    "not_found",
    "too_large",
    "context_length",
];

/// Gateways report their upstream's status as a number, and services their own names. Without either, a retry may
/// help.
fn kind_of(event: &Value) -> FailureKind {
    let is_named =
        |words: &[&str]| names(event).any(|name| words.iter().any(|word| name.contains(word)));
    match codes(event).next() {
        Some(429) => return FailureKind::RateLimited,
        Some(402) => return FailureKind::OutOfCredit,
        Some(401) => return FailureKind::WrongKey,
        Some(400..500) => return FailureKind::Rejected,
        _ => {}
    }
    if is_named(&["insufficient_quota", "billing"]) {
        FailureKind::OutOfCredit
    } else if is_named(&["rate_limit", "resource_exhausted", "too_many_requests"]) {
        FailureKind::RateLimited
    } else if is_named(&["authentication", "invalid_api_key"]) {
        FailureKind::WrongKey
    } else if is_named(&REJECTED) {
        FailureKind::Rejected
    } else {
        FailureKind::ProviderFault
    }
}

/// Returns the objects that may classify a failure: the error, and the event around it.
fn sources(event: &Value) -> impl Iterator<Item = &Value> {
    [event.get("error"), Some(event)].into_iter().flatten()
}

/// Returns the HTTP statuses in an event.
fn codes(event: &Value) -> impl Iterator<Item = u64> {
    const NAMES: [&str; 4] = ["code", "status", "status_code", "statusCode"];
    let fields = sources(event).flat_map(|source| NAMES.map(|name| source.get(name)));
    fields.flatten().filter_map(|code| match code {
        Value::String(digits) => digits.parse().ok(),
        other => other.as_u64(),
    })
}

/// Returns the names of a failure in an event, in lower case.
fn names(event: &Value) -> impl Iterator<Item = String> {
    const NAMES: [&str; 3] = ["type", "code", "status"];
    let fields = sources(event).flat_map(|source| NAMES.map(|name| source.get(name)));
    let texts = fields.flatten().filter_map(Value::as_str);
    texts.map(str::to_ascii_lowercase)
}

/// Returns whether an error says anything: some servers send one with empty fields.
fn states(error: &Value) -> bool {
    match error {
        Value::Null => false,
        Value::Bool(is_error) => *is_error,
        Value::Number(code) => code.as_f64() != Some(0.0),
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(errors) => errors.iter().any(states),
        Value::Object(fields) => fields.values().any(states),
    }
}

/// Returns the reason in a value of any shape.
fn reason_of(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
        Value::String(text) => words(text),
        Value::Array(reasons) => {
            let reasons = reasons.iter().filter_map(reason_of).take(MAX_REASONS);
            let reasons: Vec<_> = reasons.collect();
            (!reasons.is_empty()).then(|| reasons.join("; "))
        }
        Value::Object(fields) => reason_of_object(fields),
    }
}

/// Gateways pass on an upstream's error as JSON in a string.
fn words(text: &str) -> Option<String> {
    let text = text.trim();
    let inner: Option<Value> = serde_json::from_str(text).ok();
    let inner = inner.filter(|inner| inner.is_object() || inner.is_array());
    let inner = inner.as_ref().and_then(reason_of);
    inner.or_else(|| (!text.is_empty()).then(|| text.to_owned()))
}

fn reason_of_object(fields: &Map<String, Value>) -> Option<String> {
    const NAMES: [&str; 8] = [
        "errors",
        "message",
        "detail",
        "msg",
        "error_description",
        "description",
        "title",
        "reason",
    ];
    let error = fields.get("error").filter(|error| states(error));
    let stated = error.and_then(reason_of);
    let beside = || NAMES.iter().find_map(|name| reason_of(fields.get(*name)?));
    let reason = match (stated, error) {
        // An error that is only the status in words has its reason beside it.
        (Some(status), Some(Value::String(_))) => match beside() {
            Some(reason) if reason != status => format!("{status}: {reason}"),
            _ => status,
        },
        (Some(reason), _) => reason,
        (None, error) => beside().or_else(|| error.map(Value::to_string))?,
    };
    // OpenRouter's own message says only that the provider behind it failed.
    let upstream = fields.get("metadata").and_then(|data| data.get("raw"));
    let upstream = upstream.and_then(reason_of);
    let reason = match upstream.filter(|upstream| *upstream != reason) {
        Some(upstream) => format!("{reason}: {upstream}"),
        None => reason,
    };
    Some(match fields.get("loc").and_then(Value::as_array) {
        Some(place) => format!("{}: {reason}", path(place)),
        None => reason,
    })
}

/// Returns the place of an error in a request, as `FastAPI` has it.
fn path(place: &[Value]) -> String {
    let step = |step: &Value| match step {
        Value::String(name) => name.clone(),
        other => other.to_string(),
    };
    place.iter().map(step).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_reason_is_found_in_every_shape() {
        let why = "this is why";
        for body in [
            json!({"error": {"message": why, "type": "x"}}),
            json!({"error": why}),
            json!({"error": {"error": {"message": why}}}),
            json!({"message": why}),
            json!({"error": null, "detail": why}),
            json!({"error": {"message": "", "code": null}, "message": why}),
            json!({"error": true, "message": why}),
            json!([{"error": {"code": 400, "message": why}}]),
            json!({"success": false, "errors": [{"code": 7, "message": why}]}),
            json!({"errors": [why]}),
            json!({"detail": {"error": why}}),
            json!({"msg": why}),
            json!({"title": why, "status": 400}),
            json!({"error": {"message": json!({"error": {"message": why}}).to_string()}}),
            json!(why),
        ] {
            assert_eq!(reason_in(&body.to_string()).as_deref(), Some(why), "{body}");
        }
        assert_eq!(reason_in(" this is why\n").as_deref(), Some(why));
        let parts = [
            (
                json!({"detail": [{"loc": ["body", "stop", 0], "msg": "too long", "type": "x"}]}),
                "body.stop.0: too long",
            ),
            (
                json!({"statusCode": 400, "error": "Bad Request", "message": why}),
                "Bad Request: this is why",
            ),
            (
                json!({"error": {"message": "Provider returned error", "metadata": {"raw": "{\"error\":\"this is why\"}"}}}),
                "Provider returned error: this is why",
            ),
            (json!({"error": {"code": 503}}), r#"{"code":503}"#),
        ];
        for (body, reason) in parts {
            assert_eq!(reason_in(&body.to_string()).as_deref(), Some(reason));
        }
        for body in [
            "",
            " \n",
            "{}",
            "<html>Bad</html>",
            "{\"error\":{",
            "\u{0}\u{1}",
            "null",
        ] {
            assert_eq!(reason_in(body), None, "{body:?}");
        }
        assert_eq!(reason_in(&"x".repeat(MAX_TEXT + 1)), None, "a page");
    }

    #[test]
    fn an_error_with_empty_fields_is_none() {
        for empty in [
            json!(null),
            json!(""),
            json!(false),
            json!({}),
            json!([]),
            json!({"message": "", "type": "", "param": "", "code": null}),
            json!({"message": null, "code": 0}),
        ] {
            let event = json!({"error": empty, "choices": []});
            assert_eq!(stated_failure(&event), None, "{event}");
        }
    }

    #[test]
    fn an_error_says_whether_to_ask_again() {
        let failure = |event: Value| {
            let failure = stated_failure(&event).unwrap();
            assert!(failure.message.ends_with("Too busy"), "{failure:?}");
            (failure.kind, failure.retry)
        };
        let of_code =
            |code: Value| failure(json!({"error": {"message": "Too busy", "code": code}}));
        let again = (FailureKind::ProviderFault, Retry::Backoff);
        let limited = (FailureKind::RateLimited, Retry::Backoff);
        let rejected = (FailureKind::Rejected, Retry::Never);
        for (code, expected) in [
            (json!(429), limited),
            (json!("429"), limited),
            (json!("rate_limit_exceeded"), limited),
            (json!(400), rejected),
            (json!(401), (FailureKind::WrongKey, Retry::Never)),
            (json!(402), (FailureKind::OutOfCredit, Retry::Never)),
            (json!(502), again),
            (json!(null), again),
        ] {
            assert_eq!(of_code(code.clone()), expected, "{code}");
        }
        let of_type = |name: &str| {
            failure(json!({"type": "error", "error": {"type": name, "message": "Too busy"}}))
        };
        for (name, expected) in [
            ("overloaded_error", again),
            ("api_error", again),
            ("rate_limit_error", limited),
            ("invalid_request_error", rejected),
            (
                "authentication_error",
                (FailureKind::WrongKey, Retry::Never),
            ),
        ] {
            assert_eq!(of_type(name), expected, "{name}");
        }
        let of_status = |code: u16, status: &str| {
            failure(json!({"error": {"code": code, "message": "Too busy", "status": status}}))
        };
        assert_eq!(of_status(503, "UNAVAILABLE"), again);
        assert_eq!(of_status(429, "RESOURCE_EXHAUSTED"), limited);
        assert_eq!(failure(json!({"error": "Too busy"})), again);
        let nameless = stated_failure(&json!({"type": "error", "error": null})).unwrap();
        assert!(
            nameless.message.ends_with("no reason given"),
            "{nameless:?}"
        );
    }

    #[test]
    fn an_event_of_no_protocol_is_a_failure_only_if_it_says_so() {
        let kind =
            |event: Value, is_error| failure_in_other(&event, is_error).map(|failure| failure.kind);
        let limited = Some(FailureKind::RateLimited);
        let detail = json!({"detail": "Rate limit exceeded for free tier", "status_code": 429});
        assert_eq!(kind(detail, false), limited);
        let overloaded = json!({"message": "Model overloaded", "type": "overloaded"});
        assert_eq!(kind(overloaded, false), Some(FailureKind::ProviderFault));
        let status = json!({"message": "Loading the model", "type": "status"});
        assert_eq!(kind(status.clone(), false), None);
        assert_eq!(kind(status, true), Some(FailureKind::ProviderFault));
        assert_eq!(
            kind(json!({"type": "new_error"}), true),
            None,
            "it has no words"
        );
    }
}
