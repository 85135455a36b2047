//! The thread that owns the model's context, and its job queue.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread::{self, JoinHandle};

use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::token::LlamaToken;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::model::Model;
use super::session::{GenerationError, SLICE, Sampling, Session};
use crate::failure::Failure;

/// The resources that the computation may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WorkerConfig {
    pub(crate) threads: u32,
    /// Tokens of prompt and answer together, capped at what the model was trained on.
    pub(crate) context: u32,
}

/// One answer to compute.
pub(crate) struct Job {
    pub(crate) prompt: Vec<LlamaToken>,
    pub(crate) sampling: Sampling,
    /// Tokens after which the answer is cut.
    pub(crate) max_tokens: usize,
    pub(crate) stop: Vec<String>,
    /// Receives the answer. When the receiver is dropped, the job is abandoned. The channel needs no bound: an
    /// answer is no longer than the context.
    pub(crate) output: UnboundedSender<Progress>,
}

/// The progress of a job: texts, then exactly one of the others as the last.
#[derive(Debug)]
pub(crate) enum Progress {
    Text(String),
    Finished { reason: FinishReason, usage: Usage },
    Failed(GenerationError),
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FinishReason {
    /// The model ended it, or a stop string did.
    Stop,
    /// It reached its limit.
    Length,
    /// Prompt and answer together fill the context.
    ContextFull,
}

/// Token counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Of the prompt.
    pub(crate) prompt: usize,
    /// Of the prompt, already computed for the previous answer.
    pub(crate) cached: usize,
    /// Of the answer.
    pub(crate) completion: usize,
}

/// The running thread.
pub(crate) struct Worker {
    thread: JoinHandle<()>,
    jobs: Jobs,
    ended: oneshot::Receiver<()>,
}

/// The queue to the thread. The thread ends when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Jobs {
    queue: Sender<Job>,
    /// The size of the context in tokens.
    context: usize,
}

impl Jobs {
    /// Returns the most tokens that a prompt may have when the answer may have `max_tokens`. At most a quarter of
    /// the context is reserved for the answer, so that a large limit does not push out the history.
    pub(crate) fn prompt_limit(&self, max_tokens: usize) -> usize {
        self.context - max_tokens.min(self.context / 4)
    }

    /// Appends a job to the queue.
    ///
    /// # Errors
    /// When the thread has ended.
    pub(crate) fn submit(&self, job: Job) -> Result<(), GenerationError> {
        self.queue.send(job).map_err(|_| GenerationError::Gone)
    }
}

impl Worker {
    /// Starts the thread, and waits until it has its context.
    ///
    /// # Errors
    /// When the thread cannot be started, or there is not enough memory.
    pub(crate) fn start(model: Arc<Model>, worker_config: WorkerConfig) -> Result<Self, Failure> {
        let context = worker_config.context.min(model.trained_context()).max(1);
        let (queue, jobs) = mpsc::channel();
        let (ready, is_ready) = mpsc::sync_channel(1);
        let (end, ended) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("model".into())
            .spawn(move || {
                // Dropped on every exit path, including a panic.
                let _end = end;
                work(&model, context, worker_config.threads, &ready, &jobs);
            })
            .map_err(Failure::Thread)?;
        let capacity = is_ready.recv().ok().flatten();
        let capacity = capacity.ok_or(Failure::OutOfMemory(context))?;
        Ok(Self {
            thread,
            jobs: Jobs {
                queue,
                context: capacity,
            },
            ended,
        })
    }

    /// Returns the thread, its queue, and a signal that resolves when the thread has ended.
    pub(crate) fn into_parts(self) -> (JoinHandle<()>, Jobs, oneshot::Receiver<()>) {
        (self.thread, self.jobs, self.ended)
    }
}

/// The thread's main function.
fn work(
    model: &Model,
    context: u32,
    threads: u32,
    ready: &SyncSender<Option<usize>>,
    jobs: &Receiver<Job>,
) {
    let threads = i32::try_from(threads).unwrap_or(i32::MAX);
    let slice = u32::try_from(SLICE).unwrap_or(u32::MAX);
    let parameters = LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(context))
        .with_n_batch(slice)
        .with_n_ubatch(slice)
        .with_n_seq_max(1)
        .with_n_threads(threads)
        // Not a duplicate: its own default is four threads, which on two cores is 60 times slower.
        .with_n_threads_batch(threads)
        .with_no_perf(true);
    let created = model.context(parameters);
    // llama.cpp may round the size up; only the requested size is within what the model was trained on.
    let capacity = created
        .as_ref()
        .ok()
        .map(|created| created.n_ctx().min(context));
    let capacity = capacity.and_then(|capacity| usize::try_from(capacity).ok());
    let sent = ready.send(capacity);
    let (Ok(created), Some(capacity), Ok(())) = (created, capacity, sent) else {
        return;
    };
    let mut session = Session::new(created, model.vocabulary(), capacity);
    for job in jobs {
        session.answer(job);
    }
}
