//! The engine's command line, and the defaults that depend on the machine.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use thiserror::Error;

use crate::inference::WorkerConfig;

const DEFAULT_IDLE_SECONDS: u64 = 300;
const DEFAULT_CONTEXT: u32 = 4096;
/// Below this even a greeting with a system prompt leaves no room for an answer.
const MIN_CONTEXT: u32 = 256;
/// Decoding is bound by memory bandwidth: more threads than this only warm the machine.
const MAX_DEFAULT_THREADS: usize = 4;
const MAX_THREADS: u32 = 512;

/// The parsed command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) model: PathBuf,
    pub(crate) idle: Duration,
    threads: u32,
    context: u32,
}

/// Why a command line was refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum ArgumentError {
    #[error("--model PATH is required")]
    NoModel,
    #[error("{0} needs a value")]
    NoValue(&'static str),
    #[error("{name} must be a number from {least} to {most}, not {found:?}")]
    OutOfRange {
        name: &'static str,
        least: u64,
        most: u64,
        found: OsString,
    },
    #[error("unknown argument {0:?}")]
    Unknown(OsString),
}

impl Arguments {
    /// Parses the arguments after the subcommand.
    ///
    /// # Errors
    /// When one is unknown, incomplete or out of range, or there is no model.
    pub(crate) fn parse(
        mut arguments: impl Iterator<Item = OsString>,
    ) -> Result<Self, ArgumentError> {
        let mut model = None;
        let mut idle = DEFAULT_IDLE_SECONDS;
        let mut threads = None;
        let mut context = DEFAULT_CONTEXT;
        while let Some(argument) = arguments.next() {
            let mut value = |name| arguments.next().ok_or(ArgumentError::NoValue(name));
            match argument.to_str() {
                Some("--model") => model = Some(PathBuf::from(value("--model")?)),
                Some("--idle-seconds") => {
                    let value = value("--idle-seconds")?;
                    idle = number("--idle-seconds", &value, 1, u64::from(u32::MAX))?;
                }
                Some("--threads") => {
                    let value = value("--threads")?;
                    threads = Some(number("--threads", &value, 1, MAX_THREADS)?);
                }
                Some("--context") => {
                    let value = value("--context")?;
                    context = number("--context", &value, MIN_CONTEXT, i32::MAX.unsigned_abs())?;
                }
                _ => return Err(ArgumentError::Unknown(argument)),
            }
        }
        Ok(Self {
            model: model.ok_or(ArgumentError::NoModel)?,
            idle: Duration::from_secs(idle),
            threads: threads.unwrap_or_else(default_threads),
            context,
        })
    }

    /// The configuration of the model's thread.
    pub(crate) fn worker_config(&self) -> WorkerConfig {
        WorkerConfig {
            threads: self.threads,
            context: self.context,
        }
    }
}

fn number<N>(name: &'static str, value: &OsString, least: N, most: N) -> Result<N, ArgumentError>
where
    N: std::str::FromStr + PartialOrd + Copy + Into<u64>,
{
    let parsed = value.to_str().and_then(|value| value.parse().ok());
    parsed
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| ArgumentError::OutOfRange {
            name,
            least: least.into(),
            most: most.into(),
            found: value.clone(),
        })
}

/// Returns the default number of threads, which leaves one core to the window: llama.cpp's threads wait for each
/// other by spinning, so one that is preempted stalls them all.
fn default_threads() -> u32 {
    // Physical cores are counted for the machine; parallelism is what this process may use of it.
    let allowed = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let cores = num_cpus::get_physical().min(allowed);
    let threads = cores.saturating_sub(1).clamp(1, MAX_DEFAULT_THREADS);
    u32::try_from(threads).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, ArgumentError> {
        Arguments::parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn a_model_is_enough() {
        let arguments = parse(&["--model", "m.gguf"]).unwrap();
        assert_eq!(arguments.model, PathBuf::from("m.gguf"));
        assert_eq!(arguments.idle, Duration::from_mins(5));
        assert_eq!(arguments.context, 4096);
        assert!((1..=4).contains(&arguments.threads));
    }

    #[test]
    fn every_argument_is_read() {
        let line = "--threads 3 --context 512 --idle-seconds 7 --model m";
        let arguments = parse(&line.split(' ').collect::<Vec<_>>()).unwrap();
        assert_eq!(arguments.idle, Duration::from_secs(7));
        assert_eq!(
            arguments.worker_config(),
            WorkerConfig {
                threads: 3,
                context: 512
            }
        );
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(parse(&[]), Err(ArgumentError::NoModel));
        assert_eq!(parse(&["--model"]), Err(ArgumentError::NoValue("--model")));
        assert_eq!(
            parse(&["--modle", "m"]),
            Err(ArgumentError::Unknown("--modle".into()))
        );
        for wrong in ["0", "-1", "513", "many", ""] {
            let error = parse(&["--model", "m", "--threads", wrong]).unwrap_err();
            assert!(
                matches!(
                    error,
                    ArgumentError::OutOfRange {
                        name: "--threads",
                        ..
                    }
                ),
                "{error}"
            );
        }
        let error = parse(&["--model", "m", "--context", "100"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "--context must be a number from 256 to 2147483647, not \"100\""
        );
    }
}
