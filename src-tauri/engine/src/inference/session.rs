//! One context of the model, in which answers are computed one after the other.
//!
//! The computed state is kept, and the next prompt is computed only from where it differs: the second turn of a
//! conversation costs only its own tokens. The protocol's layer decides what to compute; this module only decides
//! the next token.

use llama_cpp_2::DecodeError;
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_batch::{BatchAddError, LlamaBatch};
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;
use thiserror::Error;

use super::stop::{ScanResult, StopStrings};
use super::utf8::Utf8Decoder;
use super::worker::{FinishReason, Job, Progress, Usage};

/// Tokens of a prompt that are computed between two checks whether the receiver was dropped: a third of a second of
/// a small model on one core. Larger slices were measured to be no faster.
pub(super) const SLICE: usize = 64;

/// The only sequence: one conversation at a time is kept.
const SEQUENCE: i32 = 0;
/// Takes the seed from the operating system: llama.cpp's `LLAMA_DEFAULT_SEED`.
const RANDOM_SEED: u32 = u32::MAX;

/// The window of the repetition penalty, in tokens. A small model that has said something twice repeats it until
/// its context is full, so a token of the last so many is made less likely: llama.cpp's customary values.
const REPEAT_WINDOW: i32 = 64;
const REPEAT_PENALTY: f32 = 1.1;

/// How the next token is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sampling {
    /// 0 always takes the likeliest token.
    pub(crate) temperature: f32,
    /// The share of probability to choose from, above 0 and at most 1.
    pub(crate) top_p: f32,
    /// The same seed gives the same answer. `None` uses a random one.
    pub(crate) seed: Option<u32>,
}

impl Sampling {
    fn sampler(self, vocabulary: &LlamaVocab<'_>) -> LlamaSampler {
        let words = vocabulary.n_tokens();
        let no_loops = LlamaSampler::penalties(words, REPEAT_WINDOW, REPEAT_PENALTY, 0.0, 0.0);
        if self.temperature <= 0.0 {
            return LlamaSampler::chain([no_loops, LlamaSampler::greedy()], true);
        }
        let chain = [
            no_loops,
            LlamaSampler::top_p(self.top_p, 1),
            LlamaSampler::temp(self.temperature),
            LlamaSampler::dist(self.seed.unwrap_or(RANDOM_SEED)),
        ];
        LlamaSampler::chain(chain, true)
    }
}

/// Why an answer failed.
#[derive(Debug, Error)]
pub(crate) enum GenerationError {
    #[error("The model could not compute: {0}")]
    Decode(#[from] DecodeError),
    #[error("The model could not compute: {0}")]
    Batch(#[from] BatchAddError),
    #[error("The model's thread has ended")]
    Gone,
}

/// How the computation of an answer ended.
enum Outcome {
    Finished(FinishReason),
    /// The receiver was dropped.
    Abandoned,
}

/// A context and what has been computed in it.
pub(super) struct Session<'model> {
    context: LlamaContext<'model>,
    vocabulary: LlamaVocab<'model>,
    batch: LlamaBatch<'static>,
    /// The tokens whose state the context holds, exactly.
    computed: Vec<LlamaToken>,
    /// The size of the context in tokens.
    capacity: usize,
}

impl<'model> Session<'model> {
    pub(super) fn new(
        context: LlamaContext<'model>,
        vocabulary: LlamaVocab<'model>,
        capacity: usize,
    ) -> Self {
        Self {
            context,
            vocabulary,
            batch: LlamaBatch::new(SLICE, 1),
            computed: Vec::new(),
            capacity,
        }
    }

    /// Computes the answer to `job` and sends it as it is computed. Stops early, within a slice of the prompt or a
    /// token of the answer, when the receiver was dropped.
    pub(super) fn answer(&mut self, job: Job) {
        if job.output.is_closed() {
            return;
        }
        let reused = self.reuse(&job.prompt);
        let mut usage = Usage {
            prompt: job.prompt.len(),
            cached: reused,
            completion: 0,
        };
        let output = job.output.clone();
        let end = match self.compute(job, reused, &mut usage.completion) {
            Ok(Outcome::Finished(reason)) => Progress::Finished { reason, usage },
            Ok(Outcome::Abandoned) => {
                tracing::debug!(computed = self.computed.len(), "an answer was abandoned");
                return;
            }
            Err(error) => {
                // After a failure the content of the context is unknown.
                self.forget();
                Progress::Failed(error)
            }
        };
        // The receiver may just have been dropped, which needs no log line.
        drop(output.send(end));
    }

    fn compute(
        &mut self,
        job: Job,
        reused: usize,
        completion: &mut usize,
    ) -> Result<Outcome, GenerationError> {
        for slice in job.prompt[reused..].chunks(SLICE) {
            if job.output.is_closed() {
                return Ok(Outcome::Abandoned);
            }
            self.decode(slice)?;
        }
        let mut sampler = job.sampling.sampler(&self.vocabulary);
        let mut utf8 = Utf8Decoder::default();
        let mut stop = StopStrings::new(job.stop);
        let send = |text: String| text.is_empty() || job.output.send(Progress::Text(text)).is_ok();
        let reason = loop {
            let token = sampler.sample(&self.context, -1);
            if self.vocabulary.is_eog(token) {
                break FinishReason::Stop;
            }
            *completion += 1;
            let bytes = self.vocabulary.token_to_piece(token, false, None);
            let waited_for = match stop.push(&utf8.push(&bytes)) {
                ScanResult::Text(text) => send(text) && !job.output.is_closed(),
                ScanResult::Stopped(text) => {
                    send(text);
                    return Ok(Outcome::Finished(FinishReason::Stop));
                }
            };
            if !waited_for {
                return Ok(Outcome::Abandoned);
            }
            if *completion >= job.max_tokens {
                break FinishReason::Length;
            }
            if self.computed.len() >= self.capacity {
                break FinishReason::ContextFull;
            }
            self.decode(&[token])?;
        };
        send(stop.finish());
        Ok(Outcome::Finished(reason))
    }

    /// Truncates the context to its longest common prefix with `prompt`, and returns its length. The last token is
    /// always recomputed, because the answer starts from its result.
    fn reuse(&mut self, prompt: &[LlamaToken]) -> usize {
        let common = common_prefix(&self.computed, prompt).min(prompt.len().saturating_sub(1));
        if common < self.computed.len() {
            let from = u32::try_from(common).ok();
            let removed = self.context.clear_kv_cache_seq(Some(0), from, None);
            if matches!(removed, Ok(true)) {
                self.computed.truncate(common);
            } else {
                // Recurrent models cannot be truncated in the middle.
                self.forget();
            }
        }
        self.computed.len()
    }

    fn forget(&mut self) {
        self.context.clear_kv_cache();
        self.computed.clear();
    }

    /// Computes at most a slice of tokens after those computed.
    fn decode(&mut self, tokens: &[LlamaToken]) -> Result<(), GenerationError> {
        self.batch.clear();
        let last = tokens.len().saturating_sub(1);
        for (index, &token) in tokens.iter().enumerate() {
            let position = self.computed.len() + index;
            let position = i32::try_from(position).map_err(|_| DecodeError::NoKvCacheSlot)?;
            self.batch
                .add(token, position, &[SEQUENCE], index == last)?;
        }
        self.context.decode(&mut self.batch)?;
        self.computed.extend_from_slice(tokens);
        Ok(())
    }
}

fn common_prefix<T: PartialEq>(one: &[T], other: &[T]) -> usize {
    one.iter()
        .zip(other)
        .take_while(|(one, other)| one == other)
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_prefix_ends_where_they_differ() {
        assert_eq!(common_prefix(&[1, 2, 3], &[1, 2, 4, 5]), 2);
        assert_eq!(common_prefix(&[1, 2], &[1, 2, 3]), 2);
        assert_eq!(common_prefix(&[1, 2, 3], &[1, 2]), 2);
        assert_eq!(common_prefix(&[1], &[2]), 0);
        assert_eq!(common_prefix::<i32>(&[], &[]), 0);
    }
}
