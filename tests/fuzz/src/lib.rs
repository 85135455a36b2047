//! What must hold of whatever a stranger sends.
//!
//! Each function here reads any bytes as the application would and panics where a promise is broken. The
//! fuzzer (`cargo xtask fuzz`) looks for such bytes; the test in `tests/` replays those that are kept in
//! `corpus/` on every run. What is read is the application's own code, not a copy.
//!
//! PDFs have no target: what reads them may exhaust the stack by design, and has a process of its own.

// The module of the engine that is compiled in here brings its unit tests, which need the engine around them.
#![cfg(not(test))]

mod addresses;
mod answers;
mod files;
mod limits;
mod markdown;
mod models;
mod refusals;

pub use addresses::addresses;
pub use answers::{anthropic, gemini, lists, ollama, openai};
pub use files::{images, texts};
pub use limits::limits;
pub use markdown::{code, drafts};
pub use models::gguf;
pub use refusals::refusals;

/// A name, which is also that of its folder in `corpus/` and of its program in `targets/`, and what it runs.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 13] = [
    ("openai", openai),
    ("anthropic", anthropic),
    ("gemini", gemini),
    ("ollama", ollama),
    ("lists", lists),
    ("limits", limits),
    ("refusals", refusals),
    ("addresses", addresses),
    ("gguf", gguf),
    ("texts", texts),
    ("images", images),
    ("drafts", drafts),
    ("code", code),
];

/// What the engine's module names of its own crate.
mod failure {
    use std::io;
    use std::path::PathBuf;

    #[expect(dead_code, reason = "only the content of a file is read here")]
    pub(crate) enum Failure {
        ModelMissing {
            path: PathBuf,
            reason: io::Error,
        },
        ModelDamaged {
            path: PathBuf,
            damage: crate::models::Damage,
        },
    }
}

/// A place in these bytes that depends on all of them, so that the fuzzer chooses it.
fn place_in(data: &[u8]) -> usize {
    let sum = data.iter().fold(data.len(), |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(usize::from(*byte))
    });
    sum % (data.len() + 1)
}
