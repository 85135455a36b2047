//! The name of a model, from its file's.

use std::path::Path;

use crate::parts;

/// Returns the file's name without its extension, quantisation and part, which describe how the weights are stored and
/// not the model: `SmolLM2-135M-Instruct.Q4_1.gguf` is `SmolLM2-135M-Instruct`.
pub fn name_of(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy());
    let stem = parts::stem(stem.as_deref().unwrap_or_default());
    match stem.rsplit_once(['.', '-']) {
        Some((name, last)) if !name.is_empty() && is_quantisation(last) => name.to_owned(),
        _ => stem.to_owned(),
    }
}

fn is_quantisation(part: &str) -> bool {
    let part = part.to_ascii_uppercase();
    let bits = ["IQ", "TQ", "Q", "BF", "FP", "F", "MXFP"];
    bits.iter().any(|prefix| {
        let rest = part.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_the_quantisation_out() {
        for (file, name) in [
            ("SmolLM2-135M-Instruct.Q4_1.gguf", "SmolLM2-135M-Instruct"),
            ("Llama-3.2-1B-Instruct-Q4_K_M.gguf", "Llama-3.2-1B-Instruct"),
            ("Qwen3-0.6B-IQ4_XS.gguf", "Qwen3-0.6B"),
            ("gemma-3-270m-it-bf16.gguf", "gemma-3-270m-it"),
            ("Llama-3.2-1B.gguf", "Llama-3.2-1B"),
            ("Qwen3-32B-Q8_0-00001-of-00003.gguf", "Qwen3-32B"),
            ("gemma-3-270m-q4_k_m.gguf", "gemma-3-270m"),
            ("Q8_0.gguf", "Q8_0"),
            ("model.gguf", "model"),
        ] {
            assert_eq!(name_of(&Path::new("/models").join(file)), name);
        }
    }
}
