//! The supervisor of tasks that must run as long as the application: a task that fails or panics is restarted
//! with exponential backoff, and each kind of failure is logged as a warning once.

use std::collections::HashMap;
use std::fmt::Display;
use std::time::Duration;

use tokio::task::JoinError;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// The delay after the first failure; it doubles with each consecutive one.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Maximum delay: a sweeper that is down for longer would leave other processes' branches locked.
const MAX_PAUSE: Duration = Duration::from_secs(15);

/// A run of this duration resets the backoff.
const RECOVERED: Duration = Duration::from_mins(1);

/// Runs `task` until it succeeds or is cancelled, and restarts it whenever it fails or panics. Returns the
/// number of failures.
pub async fn keep<Task, E>(
    name: &'static str,
    cancelled: CancellationToken,
    mut task: impl FnMut() -> Task + Send,
) -> u64
where
    Task: Future<Output = Result<(), E>> + Send + 'static,
    E: Display + Send + 'static,
{
    let mut failures = Failures::new(name);
    loop {
        let begun = Instant::now();
        let mut run = AbortOnDropHandle::new(tokio::spawn(task()));
        let failure = match cancelled.run_until_cancelled(&mut run).await {
            None => {
                // The caller may then close what the task still uses.
                run.abort();
                let _ = run.await;
                return failures.all;
            }
            Some(Ok(Ok(()))) => return failures.all,
            Some(Ok(Err(error))) => error.to_string(),
            Some(Err(error)) => match panic_of(error) {
                Some(panic) => panic,
                // The runtime is shutting down.
                None => return failures.all,
            },
        };
        let pause = failures.note(failure, begun.elapsed());
        if cancelled.run_until_cancelled(sleep(pause)).await.is_none() {
            return failures.all;
        }
    }
}

fn panic_of(error: JoinError) -> Option<String> {
    let panic = error.try_into_panic().ok()?;
    let said = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    Some(format!("panicked: {}", said.unwrap_or_default()))
}

/// The failures of a task, counted by message.
struct Failures {
    name: &'static str,
    kinds: HashMap<String, u64>,
    all: u64,
    in_a_row: u32,
}

impl Failures {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            kinds: HashMap::new(),
            all: 0,
            in_a_row: 0,
        }
    }

    /// Records a failure; returns the delay before the restart.
    fn note(&mut self, failure: String, ran_for: Duration) -> Duration {
        self.all += 1;
        self.in_a_row = if ran_for >= RECOVERED {
            1
        } else {
            self.in_a_row.saturating_add(1)
        };
        let (task, times) = (
            self.name,
            self.kinds.get(&failure).copied().unwrap_or(0) + 1,
        );
        if times == 1 {
            tracing::warn!(task, %failure, "a task failed; restarting it");
        } else {
            tracing::debug!(task, %failure, times, "a task failed again");
        }
        self.kinds.insert(failure, times);
        let doubled = 2_u32.saturating_pow(self.in_a_row - 1);
        FIRST_PAUSE.saturating_mul(doubled).min(MAX_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Keeps a task whose run number `n` returns `run(n)`; returns when each run started, in ms, until the task
    /// ended or `most` runs had started.
    async fn begun(most: usize, run: fn(usize) -> Result<(), &'static str>) -> Vec<u128> {
        let (cancelled, number) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
        let (sender, mut begins) = tokio::sync::mpsc::unbounded_channel();
        let first = Instant::now();
        let kept = keep("test", cancelled.clone(), || {
            let number = number.fetch_add(1, Ordering::Relaxed);
            let _ = sender.send(first.elapsed().as_millis());
            async move { run(number) }
        });
        tokio::pin!(kept);
        let mut times = Vec::new();
        while times.len() < most {
            tokio::select! {
                biased;
                _ = &mut kept => break,
                Some(time) = begins.recv() => times.push(time),
            }
        }
        times
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_is_started_again_after_a_pause_that_grows() {
        let times = begun(9, |_| Err("no")).await;
        let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(
            pauses,
            [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_a_failure_like_any_other() {
        let times = begun(9, |number| {
            assert!(number > 1, "in run {number}");
            Ok(())
        });
        assert_eq!(times.await, [0, 250, 750], "the third run ended well");
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_run_makes_the_next_pause_short_again() {
        let mut failures = Failures::new("test");
        for _ in 0..5 {
            failures.note("no".to_owned(), Duration::ZERO);
        }
        let other = failures.note("another".to_owned(), RECOVERED);
        assert_eq!(
            (other, failures.all, failures.kinds["no"]),
            (FIRST_PAUSE, 6, 5)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_runs_and_one_that_pauses_end_when_they_are_cancelled() {
        for fails in [false, true] {
            let cancelled = CancellationToken::new();
            let kept = keep("test", cancelled.clone(), move || async move {
                if fails {
                    return Err("no");
                }
                pending().await
            });
            let kept = tokio::spawn(kept);
            tokio::time::sleep(Duration::from_millis(100)).await;
            cancelled.cancel();
            assert_eq!(kept.await.unwrap(), u64::from(fails));
        }
    }
}
