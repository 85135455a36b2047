//! Properties that must hold for any untrusted input.
//!
//! Each function here reads arbitrary bytes as the application does, and panics if a property does not hold. The
//! fuzzer (`cargo xtask fuzz`) searches for such bytes; the test in `tests/` replays the inputs in `corpus/` on
//! every run. The code under test is the application's own, not a copy.
//!
//! PDFs have no target: their reader may exhaust the stack by design, and runs in a separate process.

mod addresses;
mod answers;
mod files;
mod limits;
mod markdown;
mod models;
mod refusals;

pub use addresses::addresses;
pub use answers::{anthropic, gemini, lists, ollama, openai, responses};
pub use files::{images, texts};
pub use limits::limits;
pub use markdown::{code, drafts};
pub use models::gguf;
pub use refusals::refusals;

/// The name of a target, also of its folder in `corpus/` and its program in `targets/`, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 14] = [
    ("openai", openai),
    ("responses", responses),
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

/// Returns an offset that depends on all bytes, so that the fuzzer chooses it.
fn place_in(data: &[u8]) -> usize {
    let sum = data.iter().fold(data.len(), |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(usize::from(*byte))
    });
    sum % (data.len() + 1)
}
