//! The model, and the one thread that computes with it.
//!
//! [`Model`] is shared between threads: the vocabulary, the chat template, the name. The context, which holds the
//! computed state, belongs to the [`Worker`]'s thread alone, and jobs reach it through a queue, so that two answers
//! never compete for the processor.

mod history;
mod model;
mod prompt;
mod session;
mod stop;
mod template;
mod utf8;
mod worker;

pub(crate) use model::Model;
pub(crate) use prompt::{Message, Omitted, PromptError, Role};
pub(crate) use session::{GenerationError, Sampling};
pub(crate) use worker::{FinishReason, Job, Jobs, Progress, Usage, Worker, WorkerConfig};
