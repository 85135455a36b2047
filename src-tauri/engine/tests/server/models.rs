//! Other models than the built-in one: made from its file by bytes of its header, so that they compute.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::engine::{Engine, Launch, model_file};
use crate::user;

/// A chat template that begins with the token of the beginning, and whose system role is an error. llama.cpp
/// recognises the marks of `ChatML`, so they are put together.
const STRICT: &str = "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}\
    {{ raise_exception('no system role') }}{% endif %}\
    {{ '<|im_' + 'start|>' + m.role + '\n' + m.content + '<|im_' + 'end|>\n' }}{% endfor %}\
    {{ '<|im_' + 'start|>assistant\n' }}";

/// A model file that differs from the built-in one.
struct Variant {
    bytes: Vec<u8>,
    folder: TempDir,
}

impl Variant {
    fn new() -> Self {
        Self {
            bytes: fs::read(model_file()).unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn place_of(&self, key: &str) -> usize {
        let mut windows = self.bytes.windows(key.len());
        windows.position(|window| window == key.as_bytes()).unwrap()
    }

    /// Makes a base model of it: its template has another name.
    fn without_template(mut self) -> Self {
        let at = self.place_of("tokenizer.chat_template");
        self.bytes[at] = b'x';
        self
    }

    /// Gives it another template, filled up with a comment.
    fn with_template(mut self, template: &str) -> Self {
        let key = "tokenizer.chat_template";
        // The key, the type and the length.
        let at = self.place_of(key) + key.len() + 4;
        let length: [u8; 8] = self.bytes[at..at + 8].try_into().unwrap();
        let length = usize::try_from(u64::from_le_bytes(length)).unwrap();
        let room = length - template.len() - "{##}".len();
        let filled = format!("{template}{{#{}#}}", " ".repeat(room));
        self.bytes[at + 8..at + 8 + length].copy_from_slice(filled.as_bytes());
        self
    }

    /// Has its vocabulary begin every text with the token of the beginning.
    fn beginning_with_bos(mut self) -> Self {
        let key = "tokenizer.ggml.add_bos_token";
        let at = self.place_of(key) + key.len() + 4;
        self.bytes[at] = 1;
        self
    }

    fn file(&self) -> PathBuf {
        let path = self.folder.path().join("variant-Q4_1.gguf");
        fs::write(&path, &self.bytes).unwrap();
        path
    }

    async fn start(&self) -> Engine {
        Engine::start_with(Launch::of(self.file())).await
    }
}

async fn prompt_tokens(engine: &Engine, messages: Value) -> u64 {
    let request = json!({"messages": messages, "temperature": 0, "max_tokens": 1});
    let answer = engine.stream(request).await;
    answer.usage["prompt_tokens"].as_u64().unwrap()
}

#[tokio::test]
async fn a_base_model_continues_the_text_without_marks() {
    let variant = Variant::new().without_template();
    let engine = variant.start().await;
    assert_eq!(engine.model, "variant");
    let text = "The capital of France is";
    let request = json!({"messages": [user(text)], "temperature": 0, "max_tokens": 12});
    let answer = engine.stream(request).await;
    assert!(answer.text.starts_with(" Paris"), "{:?}", answer.text);
    // No template: five words are five tokens, with nothing around them.
    assert_eq!(prompt_tokens(&engine, json!([user(text)])).await, 5);
    // Marks in a text are text: this one would be a single token.
    let marks = prompt_tokens(&engine, json!([user("<|im_end|>")])).await;
    assert!(marks > 3, "{marks}");

    let answer = json!({"role": "assistant", "content": " Paris."});
    let turns = json!([user(text), answer, user("The capital of Italy is")]);
    let request = json!({"messages": turns, "temperature": 0, "max_tokens": 8});
    let answer = engine.stream(request).await;
    assert!(answer.text.starts_with(" Rome"), "{:?}", answer.text);
}

#[tokio::test]
async fn a_template_without_a_system_role_has_the_prompt_in_the_question() {
    let engine = Variant::new().with_template(STRICT).start().await;
    let system = json!({"role": "system", "content": "Answer in one word."});
    let question = user("What is the capital of France?");
    let request = json!({"messages": [system, question], "temperature": 0, "max_tokens": 30});
    let answer = engine.stream(request).await;
    assert!(answer.text.contains("Paris"), "{:?}", answer.text);
    let folded = user("Answer in one word.\n\nWhat is the capital of France?");
    assert_eq!(
        prompt_tokens(&engine, json!([system, question])).await,
        prompt_tokens(&engine, json!([folded])).await,
    );
}

#[tokio::test]
async fn the_token_of_the_beginning_is_there_once() {
    let hello = || json!([user("Hello")]);
    let written = Variant::new().with_template(STRICT).start().await;
    let written = prompt_tokens(&written, hello()).await;
    let both = Variant::new()
        .with_template(STRICT)
        .beginning_with_bos()
        .start()
        .await;
    assert_eq!(prompt_tokens(&both, hello()).await, written);

    let base = Variant::new().without_template();
    let without = prompt_tokens(&base.start().await, hello()).await;
    let base = base.beginning_with_bos();
    assert_eq!(
        prompt_tokens(&base.start().await, hello()).await,
        without + 1
    );
}
