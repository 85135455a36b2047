//! What the engine prefills: the second turn of a long chat must cost only its new tokens, not those of the whole
//! chat.

use serde_json::json;

use crate::engine::Engine;
use crate::row::{Bench, Side};

/// A long first message, of about a thousand tokens.
const SENTENCE: &str =
    "The tide comes in, the tide goes out, and the ships in the harbour rise and fall with it. ";
const FIRST: usize = 50;

/// A second message of a fifth of that length.
const SECOND: usize = 10;

/// Short answers: generation is not what is measured.
const TOKENS: u32 = 8;

pub(crate) fn measure(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let engine = bench.runtime.block_on(Engine::start(bench))?;
    let mut number = 0_u32;
    bench.alternate(|bench, side| {
        number += 1;
        let opening = format!("{number}. {}", SENTENCE.repeat(FIRST));
        bench.runtime.block_on(async {
            let mut messages = vec![json!({"role": "user", "content": opening})];
            let first = engine.complete(&json!(messages), TOKENS).await?;
            if side == Side::Theirs {
                return Ok(first.first / f64::from(first.prompt_tokens));
            }
            messages.push(json!({"role": "assistant", "content": first.text}));
            messages.push(json!({"role": "user", "content": SENTENCE.repeat(SECOND)}));
            let second = engine.complete(&json!(messages), TOKENS).await?;
            let known = first.prompt_tokens + first.tokens;
            Ok(second.first / f64::from(second.prompt_tokens - known))
        })
    })
}
