//! Errors in the protocol's format: a status, and `{"error":{"message","type","code"}}`.

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use thiserror::Error;
use tokio::task::JoinError;

use super::request::RequestError;
use crate::inference::{GenerationError, PromptError};

/// Why a request fails.
#[derive(Debug, Error)]
pub(super) enum ApiError {
    #[error("The bearer token is missing or wrong")]
    Unauthorised,
    #[error("This address does not exist")]
    NotFound,
    #[error("This address does not support this method")]
    MethodNotAllowed,
    #[error("The request could not be read: {0}")]
    Body(#[from] BytesRejection),
    #[error("{0}")]
    Request(#[from] RequestError),
    #[error("The model {requested:?} is not loaded. Only {loaded:?} is")]
    ModelNotFound { requested: String, loaded: String },
    #[error("{0}")]
    Prompt(#[from] PromptError),
    #[error("{0}")]
    Generation(#[from] GenerationError),
    #[error("The prompt could not be prepared: {0}")]
    Task(#[from] JoinError),
}

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorised => StatusCode::UNAUTHORIZED,
            Self::NotFound | Self::ModelNotFound { .. } => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Body(rejection) => rejection.status(),
            Self::Request(_) | Self::Prompt(_) => StatusCode::BAD_REQUEST,
            Self::Generation(_) | Self::Task(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unauthorised => "invalid_api_key",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Body(_) => "invalid_body",
            Self::Request(error) => error.code(),
            Self::ModelNotFound { .. } => "model_not_found",
            Self::Prompt(PromptError::TooLong { .. }) => "context_length_exceeded",
            Self::Prompt(PromptError::Template(_)) => "invalid_value",
            Self::Generation(_) | Self::Task(_) => "internal",
        }
    }

    /// The error's body, also sent as an event of a stream that has begun.
    pub(super) fn body(&self) -> Value {
        let kind = match self.status() {
            StatusCode::UNAUTHORIZED => "authentication_error",
            status if status.is_client_error() => "invalid_request_error",
            _ => "server_error",
        };
        json!({"error": {"message": self.to_string(), "type": kind, "code": self.code()}})
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status(), Json(self.body())).into_response()
    }
}
