//! The embedded model's process compared with llama.cpp called directly: same file, same threads, same prompt, greedy
//! sampling.

use std::num::NonZeroU32;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, ensure};
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::{LogOptions, send_logs_to_tracing};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::row::{Bench, Side, millis, now};

/// Tokens per answer.
const TOKENS: u32 = 128;

/// Size of the context, in tokens: what the default model was trained on.
const CONTEXT: u32 = 2048;

/// The prompt of both sides; `{}` makes every prompt unique, or the engine's prompt cache would apply.
const SYSTEM: &str = "You are number {} of many.";
const QUESTION: &str = "Tell me at length about the sea, the ships that cross it and the people who live by it. Begin with the tides, and do not stop before you have said something about the wind.";

/// Leaves one core to the client: llama.cpp's threads wait for each other by spinning.
fn threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    cores.saturating_sub(1).max(1)
}

pub(crate) fn measure_rate(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    measure(bench, |answer| {
        f64::from(TOKENS - 1) / ((answer.end - answer.first) / 1000.0)
    })
}

pub(crate) fn measure_first(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    measure(bench, |answer| answer.first)
}

fn measure(bench: &mut Bench<'_>, figure: fn(&Answer) -> f64) -> anyhow::Result<()> {
    let engine = bench.runtime.block_on(Engine::start(bench))?;
    let llama_cpp = LlamaCpp::load(&bench.artifacts.model)?;
    let mut number = 0_u32;
    bench.alternate(|bench, side| {
        number += 1;
        let answer = match side {
            Side::Ours => {
                let system = SYSTEM.replace("{}", &number.to_string());
                let messages = json!([
                    {"role": "system", "content": system},
                    {"role": "user", "content": QUESTION},
                ]);
                bench.runtime.block_on(engine.complete(&messages, TOKENS))?
            }
            Side::Theirs => llama_cpp.answer(number)?,
        };
        ensure!(
            answer.tokens == TOKENS,
            "an answer of {} tokens instead of {TOKENS}",
            answer.tokens
        );
        Ok(figure(&answer))
    })
}

/// Times of an answer's first and last token, in ms from the question.
pub(crate) struct Answer {
    pub(crate) first: f64,
    end: f64,
    pub(crate) tokens: u32,
    pub(crate) prompt_tokens: u32,
    pub(crate) text: String,
}

/// A running `conch engine`.
pub(crate) struct Engine {
    client: reqwest::Client,
    url: String,
    token: String,
    model: String,
    _process: Child,
    /// The engine exits when this is closed.
    _input: ChildStdin,
}

#[derive(Deserialize)]
struct Ready {
    port: u16,
    model: String,
}

impl Engine {
    pub(crate) async fn start(bench: &Bench<'_>) -> anyhow::Result<Self> {
        let token = uuid::Uuid::now_v7().simple().to_string();
        let mut process = Command::new(bench.artifacts.binary("conch")?)
            .args(["engine", "--threads", &threads().to_string(), "--model"])
            .arg(&bench.artifacts.model)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut input = process.stdin.take().context("no input")?;
        input.write_all(format!("{token}\n").as_bytes()).await?;
        input.flush().await?;
        let output = process.stdout.take().context("no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).await?;
        let ready: Ready = serde_json::from_str(&line).context("the engine did not start")?;
        Ok(Self {
            client: reqwest::Client::new(),
            url: format!("http://127.0.0.1:{}/v1/chat/completions", ready.port),
            token,
            model: ready.model,
            _process: process,
            _input: input,
        })
    }

    pub(crate) async fn complete(
        &self,
        messages: &Value,
        max_tokens: u32,
    ) -> anyhow::Result<Answer> {
        use futures_util::StreamExt;

        let started = now();
        let response = self
            .client
            .post(&self.url)
            .bearer_auth(&self.token)
            .json(&json!({
                "model": self.model,
                "messages": messages,
                "stream": true,
                "stream_options": {"include_usage": true},
                "temperature": 0.0,
                "max_tokens": max_tokens,
            }))
            .send()
            .await?
            .error_for_status()?;
        let mut events = sse_stream::SseByteStream::new(response.bytes_stream());
        let mut first = None;
        let mut answer = Answer {
            first: 0.0,
            end: 0.0,
            tokens: 0,
            prompt_tokens: 0,
            text: String::new(),
        };
        while let Some(event) = events.next().await {
            let Some(data) = event?.data else { continue };
            if data == "[DONE]" {
                break;
            }
            let chunk: Value = serde_json::from_str(&data)?;
            let text = chunk
                .pointer("/choices/0/delta/content")
                .and_then(Value::as_str);
            if let Some(text) = text
                && !text.is_empty()
            {
                first.get_or_insert_with(|| millis(started.elapsed()));
                answer.end = millis(started.elapsed());
                answer.text.push_str(text);
            }
            let usage = |name: &str| -> Option<u32> {
                chunk
                    .pointer(&format!("/usage/{name}"))?
                    .as_u64()?
                    .try_into()
                    .ok()
            };
            answer.tokens = usage("completion_tokens").unwrap_or(answer.tokens);
            answer.prompt_tokens = usage("prompt_tokens").unwrap_or(answer.prompt_tokens);
        }
        answer.first = first.context("the engine said nothing")?;
        Ok(answer)
    }
}

/// llama.cpp called directly.
struct LlamaCpp {
    model: LlamaModel,
    backend: LlamaBackend,
}

impl LlamaCpp {
    fn load(path: &Path) -> anyhow::Result<Self> {
        send_logs_to_tracing(LogOptions::default().with_logs_enabled(false));
        let backend = LlamaBackend::init()?;
        let model = LlamaModel::load_from_file(&backend, path, &LlamaModelParams::default())?;
        Ok(Self { model, backend })
    }

    /// Answers as the engine does: a template, a prompt, one token after the other.
    fn answer(&self, number: u32) -> anyhow::Result<Answer> {
        let threads = i32::try_from(threads())?;
        let parameters = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(CONTEXT))
            .with_n_threads(threads)
            .with_n_threads_batch(threads);
        let mut context = self.model.new_context(&self.backend, parameters)?;
        let vocabulary = self.model.vocab();
        let started = now();
        let prompt = format!(
            "<|im_start|>system\n{}<|im_end|>\n<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n",
            SYSTEM.replace("{}", &number.to_string())
        );
        let prompt = vocabulary.tokenize(prompt.as_bytes(), false, true);
        let mut batch = LlamaBatch::new(512, 1);
        let last = prompt.len().saturating_sub(1);
        for (place, &token) in prompt.iter().enumerate() {
            batch.add(token, i32::try_from(place)?, &[0], place == last)?;
        }
        context.decode(&mut batch)?;
        let penalties = LlamaSampler::penalties(vocabulary.n_tokens(), 64, 1.1, 0.0, 0.0);
        let mut sampler = LlamaSampler::chain([penalties, LlamaSampler::greedy()], true);
        let mut answer = Answer {
            first: 0.0,
            end: 0.0,
            tokens: 0,
            prompt_tokens: u32::try_from(prompt.len())?,
            text: String::new(),
        };
        let mut place = i32::try_from(prompt.len())?;
        loop {
            let token = sampler.sample(&context, -1);
            if vocabulary.is_eog(token) {
                break;
            }
            let piece = vocabulary.token_to_piece(token, false, None);
            answer.text.push_str(&String::from_utf8_lossy(&piece));
            answer.tokens += 1;
            answer.end = millis(started.elapsed());
            if answer.tokens == 1 {
                answer.first = answer.end;
            }
            if answer.tokens == TOKENS {
                break;
            }
            batch.clear();
            batch.add(token, place, &[0], true)?;
            place += 1;
            context.decode(&mut batch)?;
        }
        Ok(answer)
    }
}
