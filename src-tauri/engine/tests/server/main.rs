//! The engine as its parent uses it: a child process with the real model, over HTTP.

mod engine;
mod models;

use std::fs::{self, File};
use std::io::Read;

use conch_gguf::testing::Sample;
use reqwest::StatusCode;
use serde_json::{Value, json};

use engine::{Engine, Launch, model_file, with_timeout};

fn user(content: &str) -> Value {
    json!({"role": "user", "content": content})
}

/// Returns a message of about four tokens for each repetition.
fn long_message(repetitions: usize) -> Value {
    user(&"The quick fox. ".repeat(repetitions))
}

#[tokio::test]
async fn requests_without_the_token_are_unauthorised() {
    let engine = Engine::start().await;
    assert_eq!(engine.model, "SmolLM2-135M-Instruct");

    for token in [
        None,
        Some(""),
        Some("wrong"),
        Some("secret-token-of-the-tes"),
    ] {
        let response = engine.get_with("/v1/models", token).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{token:?}");
        let error: Value = response.json().await.unwrap();
        assert_eq!(error["error"]["code"], "invalid_api_key");
        assert_eq!(error["error"]["type"], "authentication_error");
        assert!(error["error"]["message"].is_string());
    }
    let response = engine.get_with("/v1/nothing", None).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);

    let models: Value = engine.get("/v1/models").await.json().await.unwrap();
    assert_eq!(models["data"][0]["id"], "SmolLM2-135M-Instruct");
    assert_eq!(models["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn mistakes_are_answered_in_the_protocols_form() {
    let engine = Engine::start().await;
    for (path, status) in [
        ("/v1/nothing", StatusCode::NOT_FOUND),
        ("/v1/chat/completions", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let response = engine.get(path).await;
        assert_eq!(response.status(), status);
        let error: Value = response.json().await.unwrap();
        assert!(error["error"]["code"].is_string(), "{error}");
    }

    let hello = [user("hello")];
    for (request, status, code) in [
        (
            json!({"messages": hello}),
            400,
            "missing_required_parameter",
        ),
        (
            json!({"model": engine.model, "messages": []}),
            400,
            "missing_required_parameter",
        ),
        (
            json!({"model": engine.model, "messages": hello, "temperature": 9}),
            400,
            "invalid_value",
        ),
        (
            json!({"model": "gpt-4o", "messages": hello}),
            404,
            "model_not_found",
        ),
    ] {
        let response = engine.post(&request).await;
        assert_eq!(response.status(), status, "{request}");
        let error: Value = response.json().await.unwrap();
        assert_eq!(error["error"]["code"], code);
        assert_eq!(error["error"]["type"], "invalid_request_error");
    }
}

#[tokio::test]
async fn a_second_turn_reuses_the_computed_prefix() {
    let engine = Engine::start().await;
    let question = user("What is the capital of France?");
    let request = json!({"messages": [question], "temperature": 0, "max_tokens": 60});
    let first = engine.stream(request).await;

    assert!(first.text.contains("Paris"), "{:?}", first.text);
    assert!(!first.text.contains("<|im_end|>"), "{:?}", first.text);
    assert_eq!(first.events[0]["choices"][0]["delta"]["role"], "assistant");
    assert!(first.deltas > 2, "{} pieces are no stream", first.deltas);
    assert_eq!(first.finish_reason, "stop");
    assert!(first.done);
    let usage = &first.usage;
    let (prompt, completion) = (
        usage["prompt_tokens"].as_u64(),
        usage["completion_tokens"].as_u64(),
    );
    assert!((10..30).contains(&prompt.unwrap()), "{usage}");
    assert!(completion.unwrap() > 0, "{usage}");
    assert_eq!(
        usage["total_tokens"].as_u64().unwrap(),
        prompt.unwrap() + completion.unwrap()
    );
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 0);

    let answer = json!({"role": "assistant", "content": first.text});
    let next = user("And of Italy?");
    let messages = json!([question, answer, next]);
    let second = engine
        .stream(json!({"messages": messages, "temperature": 0, "max_tokens": 60}))
        .await;
    let cached = second.usage["prompt_tokens_details"]["cached_tokens"]
        .as_u64()
        .unwrap();
    assert!(cached >= prompt.unwrap(), "{}", second.usage);
    assert!(cached < second.usage["prompt_tokens"].as_u64().unwrap());
}

#[tokio::test]
async fn limits_and_stop_strings_end_an_answer() {
    let engine = Engine::start().await;
    let count = user("Count from one to ten, as words.");
    let whole = engine
        .whole(json!({"messages": [count], "temperature": 0, "max_completion_tokens": 3}))
        .await;
    assert_eq!(whole["object"], "chat.completion");
    assert_eq!(whole["choices"][0]["finish_reason"], "length");
    assert_eq!(whole["usage"]["completion_tokens"], 3);
    let content = whole["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(!content.is_empty());

    // The same answer is generated again, up to the stop string.
    let last = content.chars().last().unwrap().to_string();
    let request = json!({"messages": [count], "temperature": 0, "max_tokens": 3, "stop": last});
    let stopped = engine.stream(request).await;
    assert_eq!(stopped.finish_reason, "stop");
    assert_eq!(stopped.text, content[..content.find(&last).unwrap()]);
}

#[tokio::test]
async fn requests_wait_for_each_other_and_are_all_answered() {
    let engine = Engine::start().await;
    let ask = |question: &str| {
        engine.stream(json!({"messages": [user(question)], "temperature": 0, "max_tokens": 12}))
    };
    let answers = futures_util::join!(ask("Say hello."), ask("Say goodbye."), ask("Say yes."));
    for answer in [answers.0, answers.1, answers.2] {
        assert!(answer.done && !answer.text.is_empty());
    }
}

#[tokio::test]
async fn a_disconnect_during_the_prompt_frees_the_model() {
    let engine = Engine::start().await;
    let request = json!({"messages": [long_message(700)], "stream": true});
    // Headers come before the prompt is computed.
    let response = engine.post(&engine.with_model(request)).await;
    assert_eq!(response.status(), StatusCode::OK);
    drop(response);

    // A prefix of the abandoned prompt: it would be cached, had that been computed.
    let beginning = json!({"messages": [long_message(200)], "temperature": 0, "max_tokens": 1});
    let answer = engine.stream(beginning).await;
    let prompt = answer.usage["prompt_tokens"].as_u64().unwrap();
    let cached = answer.usage["prompt_tokens_details"]["cached_tokens"]
        .as_u64()
        .unwrap();
    assert!(prompt > 600, "{}", answer.usage);
    assert!(cached < prompt * 3 / 4, "{}", answer.usage);
}

#[tokio::test]
async fn a_disconnect_during_the_answer_frees_the_model() {
    let engine = Engine::start().await;
    let request =
        json!({"messages": [user("Write a very long story about the sea.")], "stream": true});
    let mut response = engine.post(&engine.with_model(request)).await;
    let mut received = String::new();
    while received.matches("\"content\"").count() < 3 {
        let bytes = with_timeout(response.chunk()).await.unwrap().unwrap();
        received.push_str(&String::from_utf8_lossy(&bytes));
    }
    drop(response);

    let next = engine
        .stream(json!({"messages": [user("Say hello.")], "temperature": 0, "max_tokens": 5}))
        .await;
    assert!(next.done);
}

#[tokio::test]
async fn a_long_conversation_loses_its_oldest_turns_and_a_long_message_is_refused() {
    let engine = Engine::start_with(Launch::default().argument("--context", "512")).await;
    let mut messages = vec![json!({"role": "system", "content": "Answer in one word."})];
    for _ in 0..8 {
        messages.push(long_message(20));
        messages.push(json!({"role": "assistant", "content": "Fine."}));
    }
    messages.push(user("What is the capital of France?"));
    let answer = engine
        .stream(json!({"messages": messages, "temperature": 0, "max_tokens": 20}))
        .await;
    let prompt = answer.usage["prompt_tokens"].as_u64().unwrap();
    assert!((100..=492).contains(&prompt), "{}", answer.usage);
    let omitted = |field: &str| answer.events[0][field].as_u64().unwrap();
    assert!(omitted("messages_left_out") >= 2, "{}", answer.events[0]);
    // A message and its answer have some 90 tokens.
    assert!(omitted("tokens_left_out") > 80, "{}", answer.events[0]);
    assert_eq!(answer.finish_reason, "stop");

    let response = engine
        .post(&engine.with_model(json!({"messages": [long_message(300)], "stream": true})))
        .await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let error: Value = response.json().await.unwrap();
    assert_eq!(error["error"]["code"], "context_length_exceeded");
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.contains("384"), "{message}");
}

#[tokio::test]
async fn a_full_context_is_no_reached_limit() {
    let engine = Engine::start_with(Launch::default().argument("--context", "256")).await;
    let story = [user("Write a very long story about the sea. Never stop.")];
    let answer = engine
        .stream(json!({"messages": story, "temperature": 0}))
        .await;
    assert_eq!(answer.finish_reason, "model_context_window_exceeded");
    assert_eq!(
        answer.usage["total_tokens"], 257,
        "the last token is not computed"
    );
    assert!(answer.text.len() > 100, "{:?}", answer.text);

    let answer = engine
        .stream(json!({"messages": story, "temperature": 0, "max_tokens": 5}))
        .await;
    assert_eq!(answer.finish_reason, "length");
}

#[tokio::test]
async fn it_finishes_its_answers_when_no_more_are_wanted() {
    let mut engine = Engine::start().await;
    let request =
        json!({"messages": [user("Count from one to ten.")], "stream": true, "max_tokens": 20});
    let response = engine.post(&engine.with_model(request)).await;
    engine.write("finish\n").await;
    let text = with_timeout(response.text()).await.unwrap();
    assert!(text.contains("[DONE]"), "{text}");
    assert!(engine.exit().await.success());
}

#[tokio::test]
async fn it_ends_when_its_parent_does() {
    let mut engine = Engine::start().await;
    engine.close_input();
    engine.exit().await;
}

#[tokio::test]
async fn it_ends_when_its_parent_does_also_in_the_middle_of_a_prompt() {
    let mut engine = Engine::start().await;
    let request = json!({"messages": [long_message(700)], "stream": true});
    let mut response = engine.post(&engine.with_model(request)).await;
    let first = with_timeout(response.chunk()).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&first).contains("assistant"));

    engine.close_input();
    engine.exit().await;
    let rest = with_timeout(response.text()).await.unwrap_or_default();
    assert!(!rest.contains("[DONE]"), "{rest}");
}

#[tokio::test]
async fn it_ends_when_its_parent_does_before_the_handshake() {
    let mut engine = Launch::default().spawn();
    engine.close_input();
    engine.exit().await;
}

#[tokio::test]
async fn it_exits_when_idle() {
    let mut engine = Engine::start_with(Launch::default().argument("--idle-seconds", "1")).await;
    assert!(engine.exit().await.success());
}

#[tokio::test]
async fn a_model_that_cannot_be_used_is_named_by_a_code() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let mut header = Vec::new();
    let model = File::open(model_file()).unwrap();
    let length = model.metadata().unwrap().len();
    model.take(4 << 20).read_to_end(&mut header).unwrap();

    fs::write(place("empty.gguf"), "").unwrap();
    fs::write(place("page.gguf"), "<!DOCTYPE html>").unwrap();
    fs::write(place("header-cut.gguf"), &header[..100_000]).unwrap();
    fs::write(place("cut.gguf"), &header).unwrap();
    fs::write(place("one-byte-short.gguf"), &header).unwrap();
    let short = File::options()
        .append(true)
        .open(place("one-byte-short.gguf"))
        .unwrap();
    short.set_len(length - 1).unwrap();
    // Complete, but not a model: no architecture, no tensors.
    let mut nothing = b"GGUF\x03\0\0\0".to_vec();
    nothing.extend([0; 24]);
    fs::write(place("nothing.gguf"), nothing).unwrap();
    // Complete, and of an architecture that llama.cpp does not have.
    fs::write(place("new.gguf"), Sample::of("quantum").bytes()).unwrap();
    fs::write(place("vectors.gguf"), Sample::of("bert").bytes()).unwrap();
    fs::write(place("big-00001-of-00002.gguf"), Sample::part(0, 2).bytes()).unwrap();

    for (file, code) in [
        ("absent.gguf", "model_missing"),
        ("empty.gguf", "model_not_gguf"),
        ("page.gguf", "model_not_gguf"),
        ("header-cut.gguf", "model_damaged"),
        ("cut.gguf", "model_damaged"),
        ("one-byte-short.gguf", "model_damaged"),
        ("nothing.gguf", "model_damaged"),
        ("new.gguf", "model_unsupported"),
        ("vectors.gguf", "model_not_for_chat"),
        ("big-00001-of-00002.gguf", "model_incomplete"),
    ] {
        let mut engine = Launch::of(place(file)).spawn();
        let hello = engine.hello().await;
        assert_eq!(hello["event"], "failed", "{file}: {hello}");
        assert_eq!(hello["code"], code, "{file}: {hello}");
        assert!(hello["message"].as_str().unwrap().contains(file), "{hello}");
        assert!(!engine.exit().await.success(), "{file}");
    }
}

#[tokio::test]
async fn a_wrong_command_line_is_a_failure_with_a_reason() {
    let mut engine = Launch::default().argument("--threads", "none").spawn();
    let hello = engine.hello().await;
    assert_eq!(hello["code"], "internal");
    assert!(hello["message"].as_str().unwrap().contains("--threads"));
    assert!(!engine.exit().await.success());
}
