//! The store against a reference model, on a real file: random sequences of everything that can
//! happen to a lock, with each outcome and each row compared with the prediction of a few lines of
//! plain Rust.

mod expected;
mod steps;
mod system;

use std::thread;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use proptest_state_machine::ReferenceStateMachine;

use crate::campaign::{Finding, Run};
use crate::report::grouped;
use expected::Expected;
use system::{System, Template};

/// Runs the sequences on every core.
pub(crate) fn prove(run: &Run) -> anyhow::Result<Finding> {
    let (sequences, steps) = run.choose((10_000, 100), (256, 50));
    let threads = u32::try_from(thread::available_parallelism()?.get())?;
    run.expect(sequences.into());
    let template = Template::make()?;
    let template = &template;
    let seed = fastrand::u64(..);
    let violations = thread::scope(|scope| {
        let lanes: Vec<_> = (0..threads)
            .map(|lane| {
                let share = sequences / threads + u32::from(lane < sequences % threads);
                scope.spawn(move || sequences_of(run, template, seed, lane, share, steps))
            })
            .collect();
        lanes
            .into_iter()
            .filter_map(|lane| {
                lane.join()
                    .unwrap_or_else(|_| Some("a lane panicked".to_owned()))
            })
            .collect()
    });
    Ok(Finding {
        amount: format!("{} sequences of {steps} steps", grouped(sequences.into())),
        violations,
        figures: format!("seed {seed:#x}"),
    })
}

/// Returns the first sequence that differs from the model, shrunk.
fn sequences_of(
    run: &Run,
    template: &Template,
    seed: u64,
    lane: u32,
    sequences: u32,
    steps: usize,
) -> Option<String> {
    let config = Config {
        cases: sequences,
        failure_persistence: None,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..12].copy_from_slice(&lane.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let result = runner.run(
        &Expected::sequential_strategy(steps),
        |(start, steps, taken)| {
            // Shrinking starts by dropping the steps that were never reached.
            let taken = taken.unwrap_or_default();
            System::follow(template, start, &steps, &taken)
                .map_err(|difference| TestCaseError::fail(format!("{difference:#}")))?;
            run.advance(1);
            Ok(())
        },
    );
    match result {
        Ok(()) => None,
        Err(TestError::Fail(reason, (_, steps, _))) => Some(format!(
            "{reason} after {steps:?} (seed {seed:#x}, lane {lane})"
        )),
        Err(TestError::Abort(reason)) => Some(format!("given up: {reason}")),
    }
}
