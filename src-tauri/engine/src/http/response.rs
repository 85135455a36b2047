//! Answers in the protocol's formats: one JSON object, or a stream of server-sent events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use super::activity::ActivityGuard;
use super::error::ApiError;
use crate::inference::{FinishReason, GenerationError, Omitted, Progress, Usage};

/// The interval of the SSE comments that keep a connection alive while the model still computes the prompt, or
/// another answer.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

static ANSWERS: AtomicU64 = AtomicU64::new(0);

/// An answer being sent to the client. Dropping it, as when the client disconnects, abandons the computation.
pub(super) struct Answer {
    progress: UnboundedReceiver<Progress>,
    form: Form,
    omitted: Omitted,
    _activity_guard: ActivityGuard,
}

/// The fields that all objects of one answer share.
struct Form {
    id: String,
    created: u64,
    model: String,
}

impl Answer {
    pub(super) fn new(
        model: &str,
        progress: UnboundedReceiver<Progress>,
        busy: ActivityGuard,
        omitted: Omitted,
    ) -> Self {
        let number = ANSWERS.fetch_add(1, Ordering::Relaxed);
        Self {
            progress,
            form: Form {
                id: format!("chatcmpl-{}-{number}", process::id()),
                created: unix_seconds(),
                model: model.to_owned(),
            },
            omitted,
            _activity_guard: busy,
        }
    }

    /// Waits for the whole answer and returns it as one object.
    ///
    /// # Errors
    /// When the computation fails.
    pub(super) async fn whole(mut self) -> Result<Response, ApiError> {
        let mut content = String::new();
        loop {
            match self.next().await {
                Progress::Text(text) => content.push_str(&text),
                Progress::Finished { reason, usage } => {
                    let message = json!({"role": "assistant", "content": content});
                    let choice = json!({
                        "index": 0,
                        "message": message,
                        "logprobs": null,
                        "finish_reason": reason_name(reason),
                    });
                    let mut completion = self.form.object("chat.completion", &json!([choice]));
                    completion["usage"] = usage_object(usage);
                    return Ok(Json(completion).into_response());
                }
                Progress::Failed(error) => return Err(error.into()),
            }
        }
    }

    /// Streams the answer as it is computed.
    pub(super) fn stream(self, include_usage: bool) -> Response {
        let role = json!({"role": "assistant", "content": ""});
        let mut first = self.form.chunk(&role, None);
        if self.omitted.messages > 0 {
            // An extension for Conch: nothing is left out silently.
            first["messages_left_out"] = json!(self.omitted.messages);
            first["tokens_left_out"] = json!(self.omitted.tokens);
        }
        let state = Streaming {
            ready: VecDeque::from([data(&first)]),
            ended: false,
            include_usage,
            answer: self,
        };
        let events = stream::unfold(state, async |mut state| {
            let event = state.next().await?;
            Some((Ok::<_, Infallible>(event), state))
        });
        let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
        Sse::new(events).keep_alive(keep_alive).into_response()
    }

    async fn next(&mut self) -> Progress {
        // The worker always sends how an answer ended, unless its thread has ended before.
        let progress = self.progress.recv().await;
        progress.unwrap_or(Progress::Failed(GenerationError::Gone))
    }
}

struct Streaming {
    answer: Answer,
    ready: VecDeque<Event>,
    ended: bool,
    include_usage: bool,
}

impl Streaming {
    async fn next(&mut self) -> Option<Event> {
        if self.ready.is_empty() && !self.ended {
            let progress = self.answer.next().await;
            self.take(progress);
        }
        self.ready.pop_front()
    }

    fn take(&mut self, progress: Progress) {
        let form = &self.answer.form;
        match progress {
            Progress::Text(text) => {
                let delta = json!({"content": text});
                self.ready.push_back(data(&form.chunk(&delta, None)));
            }
            Progress::Finished { reason, usage } => {
                let last = form.chunk(&json!({}), Some(reason));
                self.ready.push_back(data(&last));
                if self.include_usage {
                    let mut chunk = form.object("chat.completion.chunk", &json!([]));
                    chunk["usage"] = usage_object(usage);
                    self.ready.push_back(data(&chunk));
                }
                self.ready.push_back(Event::default().data("[DONE]"));
                self.ended = true;
            }
            Progress::Failed(error) => {
                self.ready.push_back(data(&ApiError::from(error).body()));
                self.ended = true;
            }
        }
    }
}

impl Form {
    fn object(&self, kind: &str, choices: &Value) -> Value {
        json!({
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "choices": choices,
        })
    }

    fn chunk(&self, delta: &Value, reason: Option<FinishReason>) -> Value {
        let choice = json!({
            "index": 0,
            "delta": delta,
            "logprobs": null,
            "finish_reason": reason.map(reason_name),
        });
        self.object("chat.completion.chunk", &json!([choice]))
    }
}

/// Serialized JSON has no line breaks, so an object is one line of an event.
fn data(object: &Value) -> Event {
    Event::default().data(object.to_string())
}

fn reason_name(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        // The protocol has no name for it; this is Anthropic's.
        FinishReason::ContextFull => "model_context_window_exceeded",
    }
}

fn usage_object(usage: Usage) -> Value {
    json!({
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
    })
}

/// Returns seconds since 1970, which the protocol has in every object and nothing here relies on.
#[expect(
    clippy::disallowed_methods,
    reason = "the protocol's `created` field is a real time"
)]
pub(super) fn unix_seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

    use super::super::activity::Activity;
    use super::*;

    fn answer() -> (UnboundedSender<Progress>, Answer) {
        let (sender, progress) = unbounded_channel();
        let busy = Activity::default().begin();
        (sender, Answer::new("m", progress, busy, Omitted::default()))
    }

    const FINISHED: Progress = Progress::Finished {
        reason: FinishReason::Length,
        usage: Usage {
            prompt: 5,
            cached: 3,
            completion: 2,
        },
    };

    async fn body(response: Response) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await;
        String::from_utf8(bytes.unwrap().to_vec()).unwrap()
    }

    /// The data of each event, in order.
    async fn events(response: Response) -> Vec<String> {
        let body = body(response).await;
        let events = body.split_terminator("\n\n");
        let data = events.map(|event| event.strip_prefix("data: ").unwrap().to_owned());
        data.collect()
    }

    fn parsed(event: &str) -> Value {
        serde_json::from_str(event).unwrap()
    }

    #[tokio::test]
    async fn a_stream_has_role_text_reason_usage_and_end() {
        let (sender, answer) = answer();
        for text in ["Hello\n", "world"] {
            sender.send(Progress::Text(text.into())).unwrap();
        }
        sender.send(FINISHED).unwrap();
        let events = events(answer.stream(true)).await;

        assert_eq!(events.len(), 6);
        let choice = |index: usize| parsed(&events[index])["choices"][0].clone();
        assert_eq!(choice(0)["delta"]["role"], "assistant");
        assert_eq!(choice(1)["delta"], json!({"content": "Hello\n"}));
        assert_eq!(choice(2)["delta"], json!({"content": "world"}));
        assert_eq!(choice(2)["finish_reason"], Value::Null);
        assert_eq!(choice(3)["finish_reason"], "length");
        assert_eq!(choice(3)["delta"], json!({}));
        let usage = parsed(&events[4]);
        assert_eq!(usage["choices"], json!([]));
        assert_eq!(usage["usage"]["total_tokens"], 7);
        assert_eq!(usage["usage"]["prompt_tokens_details"]["cached_tokens"], 3);
        assert_eq!(usage["id"], parsed(&events[0])["id"]);
        assert_eq!(events[5], "[DONE]");
    }

    #[tokio::test]
    async fn omitted_messages_are_reported_first() {
        let (sender, mut answer) = answer();
        answer.omitted = Omitted {
            messages: 4,
            tokens: 500,
        };
        sender.send(FINISHED).unwrap();
        let events = events(answer.stream(false)).await;
        assert_eq!(parsed(&events[0])["messages_left_out"], 4);
        assert_eq!(parsed(&events[0])["tokens_left_out"], 500);
    }

    #[tokio::test]
    async fn usage_is_only_sent_when_asked_for() {
        let (sender, answer) = answer();
        sender.send(FINISHED).unwrap();
        let events = events(answer.stream(false)).await;
        assert_eq!(events.len(), 3);
        assert!(!events.concat().contains("usage"));
    }

    #[tokio::test]
    async fn an_error_in_a_stream_is_its_last_event() {
        let (sender, answer) = answer();
        sender.send(Progress::Text("Hel".into())).unwrap();
        drop(sender);
        let events = events(answer.stream(true)).await;
        assert_eq!(events.len(), 3);
        assert_eq!(parsed(&events[2])["error"]["code"], "internal");
        assert_eq!(parsed(&events[2])["error"]["type"], "server_error");
    }

    #[tokio::test]
    async fn a_whole_answer_is_one_object() {
        let (sender, answer) = answer();
        for text in ["Hello ", "world"] {
            sender.send(Progress::Text(text.into())).unwrap();
        }
        sender.send(FINISHED).unwrap();
        let object = parsed(&body(answer.whole().await.unwrap()).await);
        assert_eq!(object["object"], "chat.completion");
        assert_eq!(object["choices"][0]["message"]["content"], "Hello world");
        assert_eq!(object["choices"][0]["finish_reason"], "length");
        assert_eq!(object["usage"]["prompt_tokens"], 5);
    }

    #[tokio::test]
    async fn a_failed_whole_answer_is_an_error() {
        let (sender, answer) = answer();
        drop(sender);
        let error = answer.whole().await.unwrap_err();
        assert_eq!(error.into_response().status(), 500);
    }

    #[tokio::test]
    async fn a_dropped_stream_abandons_the_computation() {
        let (sender, answer) = answer();
        let response = answer.stream(false);
        assert!(!sender.is_closed());
        drop(response);
        assert!(sender.is_closed());
    }
}
