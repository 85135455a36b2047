//! The two routes: the model list and chat completions.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task;

use super::Shared;
use super::error::ApiError;
use super::request::ChatRequest;
use super::response::Answer;
use crate::inference::Job;

/// `GET /v1/models`: the one model.
pub(super) async fn models(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let _activity_guard = shared.activity.begin();
    let model = json!({
        "id": shared.model.name(),
        "object": "model",
        "created": shared.created,
        "owned_by": "conch",
    });
    Json(json!({"object": "list", "data": [model]}))
}

/// `POST /v1/chat/completions`.
pub(super) async fn completions(
    State(shared): State<Arc<Shared>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let busy = shared.activity.begin();
    let request = ChatRequest::parse(&body?)?;
    let loaded = shared.model.name();
    if request.model != loaded {
        return Err(ApiError::ModelNotFound {
            requested: request.model,
            loaded: loaded.to_owned(),
        });
    }
    let model = Arc::clone(&shared.model);
    let messages = request.messages;
    let limit = shared.jobs.prompt_limit(request.max_tokens);
    // Outside the model's queue, so that a prompt that is too long is refused immediately, and headers are sent
    // immediately even while another answer is computed.
    let prompt = task::spawn_blocking(move || model.prompt(&messages, limit)).await??;
    let (output, progress) = mpsc::unbounded_channel();
    shared.jobs.submit(Job {
        prompt: prompt.tokens,
        sampling: request.sampling,
        max_tokens: request.max_tokens,
        stop: request.stop,
        output,
    })?;
    let answer = Answer::new(loaded, progress, busy, prompt.omitted);
    if request.stream {
        Ok(answer.stream(request.include_usage))
    } else {
        answer.whole().await
    }
}
