//! The kinds of proof, run one after the other, each with a progress bar.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How much work each kind does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// The campaign reported in `docs/RELIABILITY.md`.
    Full,
    /// The subset that runs with the tests.
    Quick,
}

/// A kind of proof.
pub(crate) struct Kind {
    /// Name on the command line.
    pub(crate) name: &'static str,
    /// What it shows, for the report.
    pub(crate) shows: &'static str,
    pub(crate) prove: fn(&Run) -> anyhow::Result<Finding>,
}

/// All kinds, fastest to fail first.
pub(crate) const KINDS: &[Kind] = &[
    Kind {
        name: "model",
        shows: "the protocol, every interleaving of 3 owners, sweeper, crashes and clock steps, and of 2 drainers of a queue",
        prove: crate::state_machine::prove,
    },
    Kind {
        name: "reference",
        shows: "the store on a real file does what a model in plain Rust does",
        prove: crate::reference::prove,
    },
    Kind {
        name: "schedules",
        shows: "lock events are published in fence order and end with the database's state (I9); no Stop is lost; the gate keeps its limit and its order and starves no waiter; a keychain that hangs blocks only its own callers; the sweeper frees no lock of a living holder",
        prove: crate::schedules::prove,
    },
    Kind {
        name: "clocks",
        shows: "clocks that step, drift and stop break no exclusion and block no conversation for longer than lease + sweep",
        prove: crate::clocks::prove,
    },
    Kind {
        name: "contention",
        shows: "of 8 tasks that acquire at the same instant, as many are granted as the capacity allows (I1), with fences without a gap (I2)",
        prove: crate::contention::prove,
    },
    Kind {
        name: "processes",
        shows: "of 4 processes on one file, one at a time holds the lock (I1, I2), and none gets SQLITE_BUSY",
        prove: crate::processes::prove,
    },
    Kind {
        name: "steps",
        shows: "an abort before or after any statement loses nothing acknowledged and leaves no partial turn (I6, I7, I8)",
        prove: crate::steps::prove,
    },
    Kind {
        name: "sizes",
        shows: "every command works in conversations of any length, and a deleted one leaves no byte",
        prove: crate::sizes::prove,
    },
    Kind {
        name: "kill",
        shows: "kill -9 at any moment loses nothing acknowledged, sends nothing queued twice, damages no file and leaves no lock to a dead process (I7)",
        prove: crate::kill::prove,
    },
    Kind {
        name: "disk",
        shows: "after a full or failing disk everything works again without a restart, and nothing acknowledged is missing (I8)",
        prove: crate::disk::faults::prove,
    },
    Kind {
        name: "update",
        shows: "an update of an older database that is interrupted at any call, its backup's included, by a full disk or a kill, leaves the old version or the new one, with every message",
        prove: crate::disk::update::prove,
    },
    Kind {
        name: "lasting",
        shows: "a disk that stays full, failing or damaged is reported within 5 s, Stop returns within 1 s, other conversations work, the next start opens",
        prove: crate::disk::lasting::prove,
    },
    Kind {
        name: "length",
        shows: "an answer of any length ends, its first 16 MiB are kept, and it blocks no other conversation",
        prove: crate::length::prove,
    },
    Kind {
        name: "web-process",
        shows: "a window whose process is killed during an answer is restored with its draft and its answer, which continues",
        prove: crate::web_process::prove,
    },
    Kind {
        name: "power",
        shows: "a power cut that drops and tears unsynced writes loses nothing acknowledged and damages no file",
        prove: crate::disk::power::prove,
    },
    Kind {
        name: "malformed",
        shows: "a damaged database is reported at every start, never written to, and salvaged as far as it can be read",
        prove: crate::malformed::prove,
    },
];

/// One run of a kind.
pub(crate) struct Run {
    scale: Scale,
    bar: ProgressBar,
}

impl Run {
    /// Returns `full` in the full campaign, `quick` in the quick one.
    pub(crate) fn choose<T>(&self, full: T, quick: T) -> T {
        match self.scale {
            Scale::Full => full,
            Scale::Quick => quick,
        }
    }

    /// Sets the total number of steps.
    pub(crate) fn expect(&self, steps: u64) {
        self.bar.set_length(steps);
    }

    /// Advances the bar by `steps`.
    pub(crate) fn advance(&self, steps: u64) {
        self.bar.inc(steps);
    }

    /// The bar, for tasks that outlive a borrow of the run.
    pub(crate) fn progress(&self) -> ProgressBar {
        self.bar.clone()
    }
}

/// What a kind found.
#[derive(Debug, Default)]
pub(crate) struct Finding {
    /// How much was done, as text.
    pub(crate) amount: String,
    /// One line each, with what reproduces it. Empty when everything held.
    pub(crate) violations: Vec<String>,
    /// Measurements taken along the way, as text.
    pub(crate) figures: String,
}

/// A row of the table.
pub(crate) struct Row {
    pub(crate) kind: &'static Kind,
    pub(crate) finding: Finding,
    pub(crate) time: Duration,
}

impl Row {
    /// Whether nothing was violated.
    pub(crate) fn holds(&self) -> bool {
        self.finding.violations.is_empty()
    }
}

/// Runs the kinds and returns their rows; `ended` is called with each row as soon as it is complete. A kind that
/// cannot be run is a violation, and the others still run.
pub(crate) fn run(
    kinds: &[&'static Kind],
    scale: Scale,
    ended: impl Fn(&Row),
) -> anyhow::Result<Vec<Row>> {
    kinds
        .iter()
        .map(|kind| {
            let style = ProgressStyle::with_template(
                "{prefix:12} {elapsed:>4} [{bar:40}] {human_pos}/{human_len}",
            )?;
            let bar = ProgressBar::no_length()
                .with_style(style.progress_chars("=> "))
                .with_prefix(kind.name);
            let run = Run { scale, bar };
            let started = now();
            let finding = (kind.prove)(&run).unwrap_or_else(|error| Finding {
                violations: vec![format!("it could not be run: {error:#}")],
                ..Finding::default()
            });
            run.bar.finish_and_clear();
            let row = Row {
                kind,
                finding,
                time: started.elapsed(),
            };
            ended(&row);
            Ok(row)
        })
        .collect()
}

#[expect(clippy::disallowed_methods, reason = "the campaign times itself")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// A runtime for one kind.
pub(crate) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
}
