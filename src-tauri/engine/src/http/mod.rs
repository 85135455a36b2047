//! The HTTP side: routes, the bearer token, and when the server ends.
//!
//! The formats are in [`request`] and [`response`], errors in [`error`]; the computation is in `crate::inference`.

mod activity;
mod chat;
mod error;
mod request;
mod response;

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;

pub(crate) use activity::Activity;

use crate::inference::{Jobs, Model};
use error::ApiError;

/// Bytes. A request carries a conversation's whole history; this is some five million words.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// The server of one model.
pub(crate) struct Server {
    router: Router,
}

/// The state that all requests share.
struct Shared {
    token: String,
    model: Arc<Model>,
    jobs: Jobs,
    activity: Activity,
    /// When the model was loaded, in seconds since 1970.
    created: u64,
}

impl Server {
    /// Creates a server that accepts requests with the bearer token `token`.
    pub(crate) fn new(token: String, model: Arc<Model>, jobs: Jobs, activity: Activity) -> Self {
        let shared = Arc::new(Shared {
            token,
            model,
            jobs,
            activity,
            created: response::unix_seconds(),
        });
        let router = Router::new()
            .route("/v1/models", get(chat::models))
            .route("/v1/chat/completions", post(chat::completions))
            .fallback(async || ApiError::NotFound)
            .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
            .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
            .layer(middleware::from_fn_with_state(
                Arc::clone(&shared),
                authorise,
            ))
            .with_state(shared);
        Self { router }
    }

    /// Serves until `stop` resolves and the requests in flight are complete.
    ///
    /// # Errors
    /// When the listener fails.
    pub(crate) async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let listener = listener.tap_io(|connection| {
            // Tokens are small: otherwise Nagle's algorithm would wait to send several together.
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "a connection may deliver tokens late");
            }
        });
        axum::serve(listener, self.router)
            .with_graceful_shutdown(stop)
            .await
    }
}

/// Checks the bearer token: any other program on this machine, and any page in a browser, can reach a loopback
/// port.
async fn authorise(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let presented = request.headers().get(AUTHORIZATION);
    let presented = presented.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    if !presented.is_some_and(|presented| constant_time_eq(presented, shared.token.as_bytes())) {
        return Err(ApiError::Unauthorised);
    }
    Ok(next.run(request).await)
}

/// Compares tokens in a time that does not depend on where they differ, so that timing reveals nothing.
fn constant_time_eq(presented: &[u8], expected: &[u8]) -> bool {
    let pairs = presented.iter().zip(expected);
    let difference = pairs.fold(0, |difference, (one, other)| difference | (one ^ other));
    presented.len() == expected.len() && difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_token_is_equal() {
        assert!(constant_time_eq(b"secret", b"secret"));
        for wrong in [&b""[..], b"secre", b"secret!", b"Secret", b"secrex"] {
            assert!(!constant_time_eq(wrong, b"secret"));
        }
    }
}
