use super::*;
use crate::network::{Network, Proxies};

const NOW: Timestamp = Timestamp::from_millis(0);

#[test]
fn the_providers_own_reason_is_shown() {
    for body in [
        r#"{"error":{"message":"no such key","type":"x"}}"#,
        r#"{"error":"no such key"}"#,
        r#"{"message":"no such key"}"#,
        r#"{"error":null,"detail":"no such key"}"#,
    ] {
        let failure = Failure::from_status(StatusCode::UNAUTHORIZED, &HeaderMap::new(), body, NOW);
        assert_eq!(failure.kind, FailureKind::WrongKey);
        assert!(
            failure.message.ends_with("no such key"),
            "{body}: {failure:?}"
        );
        assert_eq!(failure.retry, Retry::Never, "a wrong key stays wrong");
    }
}

#[test]
fn only_passing_faults_are_asked_again() {
    let retry = |code: u16| {
        let status = StatusCode::from_u16(code).unwrap();
        Failure::from_status(status, &HeaderMap::new(), "", NOW).retry
    };
    for code in [408, 409, 429, 500, 502, 503, 529] {
        assert_eq!(retry(code), Retry::Backoff, "{code}");
    }
    for code in [301, 400, 401, 403, 404, 413, 422] {
        assert_eq!(retry(code), Retry::Never, "{code}");
    }
}

#[test]
fn errors_with_the_same_status_are_distinguished_by_the_body() {
    let kind = |code: u16, body: &str| {
        let status = StatusCode::from_u16(code).unwrap();
        Failure::from_status(status, &HeaderMap::new(), body, NOW).kind
    };
    let reported = |words: &str| format!(r#"{{"error":{{"message":"{words}","code":"{words}"}}}}"#);
    assert_eq!(
        kind(429, &reported("insufficient_quota")),
        FailureKind::OutOfCredit
    );
    assert_eq!(kind(429, &reported("slow down")), FailureKind::RateLimited);
    assert_eq!(
        kind(400, &reported("context_length_exceeded")),
        FailureKind::ContextTooLong
    );
    assert_eq!(
        kind(400, &reported("content_filter")),
        FailureKind::ContentFiltered
    );
    assert_eq!(kind(400, &reported("no such field")), FailureKind::Rejected);
    assert_eq!(
        kind(404, &reported("no such model")),
        FailureKind::UnknownModel
    );
    assert_eq!(kind(404, "<html>"), FailureKind::UnknownPath);
    assert_eq!(kind(402, ""), FailureKind::OutOfCredit);
}

#[test]
fn a_reason_of_any_length_is_shown_in_part() {
    let body = format!(r#"{{"error":"{}"}}"#, "ä".repeat(40_000));
    let status = StatusCode::BAD_REQUEST;
    let failure = Failure::from_status(status, &HeaderMap::new(), &body, NOW);
    for message in [
        failure.to_error().message,
        failure.clone().bounded().message,
    ] {
        assert!(message.len() <= REASON_LIMIT && message.len() > REASON_LIMIT - 4);
        assert!(message.starts_with("The provider rejected the request (400): ää"));
        assert!(message.ends_with("ä…"), "it says that it goes on");
    }
}

#[test]
fn a_redirect_says_where_to() {
    let location = [(
        reqwest::header::LOCATION,
        reqwest::header::HeaderValue::from_static("https://new.example/v1"),
    )];
    let headers = location.into_iter().collect();
    let failure = Failure::from_status(StatusCode::PERMANENT_REDIRECT, &headers, "", NOW);
    assert!(
        failure.message.contains("https://new.example/v1"),
        "{failure:?}"
    );
}

/// Returns the obstacle that a request to `url` meets within `millis`.
async fn obstacle(url: &str, millis: u64) -> Obstacle {
    let route = Network::new(Proxies::default()).route(url).unwrap();
    let request = route.get().timeout(Duration::from_millis(millis));
    Obstacle::of(&request.send().await.unwrap_err())
}

#[tokio::test]
async fn each_obstacle_has_its_own_message() {
    // Longer than any of these takes on a busy machine.
    const LONG: u64 = 60_000;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    assert_eq!(
        obstacle(&format!("http://127.0.0.1:{port}/"), 100).await,
        Obstacle::Slow,
        "it accepts and says nothing"
    );
    let answers_in_plain_text = std::thread::spawn(move || {
        use std::io::Write;
        for stream in listener.incoming().take(2).flatten() {
            let _ = (&stream).write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    assert_eq!(
        obstacle(&format!("https://127.0.0.1:{port}/"), LONG).await,
        Obstacle::Insecure
    );
    drop(answers_in_plain_text);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    assert_eq!(
        obstacle(&format!("http://127.0.0.1:{port}/"), LONG).await,
        Obstacle::Refused
    );
    assert_eq!(
        obstacle("http://no-such-host.invalid/", LONG).await,
        Obstacle::UnknownHost
    );
}
