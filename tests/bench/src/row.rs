//! The rows of the table, and how they are measured.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use tempfile::TempDir;

use crate::samples::Samples;
use crate::{
    delete, engine, first_token, hostile, lock, map, migrate, open_long, prefill, rate_limit,
    relay, streaming, turns, windows,
};

/// Rounds of a row: an odd number, so that a median is a sample.
pub(crate) const ROUNDS: usize = 9;

/// The limit of a figure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Budget {
    /// Ours is at most so many times the other.
    MaxRatio(f64),
    /// Ours is at least so many times the other.
    MinRatio(f64),
    /// Ours is at most this, regardless of the other.
    Max(f64),
    /// Ours exceeds the other by at most this, in the row's unit.
    MaxDifference(f64),
}

/// A comparison of Conch with a baseline.
pub(crate) struct Row {
    /// Name on the command line.
    pub(crate) name: &'static str,
    /// What is measured in Conch.
    pub(crate) what: &'static str,
    /// The baseline.
    pub(crate) against: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) budget: Budget,
    measure: fn(&mut Bench<'_>) -> anyhow::Result<()>,
}

/// All rows, as in the budgets of the design.
pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "lock",
        what: "begin and finish a turn: lock, messages, attempt, release",
        against: "the rows of the same two commits as bare statements",
        unit: "ms",
        budget: Budget::MaxRatio(1.25),
        measure: lock::measure,
    },
    Row {
        name: "relay",
        what: "a 1 MB answer through the core, stored and published",
        against: "reqwest and an SSE decoder alone",
        unit: "ms",
        budget: Budget::MaxRatio(1.3),
        measure: relay::measure,
    },
    Row {
        name: "first-token",
        what: "from the send to the first text that a window receives",
        against: "a bare client on the same server",
        unit: "ms",
        budget: Budget::MaxDifference(5.0),
        measure: first_token::measure,
    },
    Row {
        name: "stop",
        what: "from Stop to a free branch, in mid-answer",
        against: "the commit that ends an answer",
        unit: "ms",
        budget: Budget::Max(100.0),
        measure: turns::measure_stop,
    },
    Row {
        name: "queue-next",
        what: "from the end of an answer to the request of the queued message at the provider",
        against: "the commit that begins a turn, with its conversation",
        unit: "ms",
        budget: Budget::MaxDifference(20.0),
        measure: turns::measure_next,
    },
    Row {
        name: "versions",
        what: "a page of 50 messages, of whose last there are 1,000 versions",
        against: "one with one version of each",
        unit: "ms",
        budget: Budget::MaxRatio(1.5),
        measure: turns::measure_versions,
    },
    Row {
        name: "rate-limit",
        what: "failed answers of 500 sends by 20 conversations at once, 50 requests a window allowed",
        against: "the same sends without the gate",
        unit: "%",
        budget: Budget::Max(0.0),
        measure: rate_limit::measure_failures,
    },
    Row {
        name: "refusals",
        what: "429s in each of those windows",
        against: "the same sends without the gate",
        unit: "a window",
        budget: Budget::Max(1.0),
        measure: rate_limit::measure_refusals,
    },
    Row {
        name: "open-long",
        what: "open a conversation of 10,000 messages among 1,000,000",
        against: "one of 10",
        unit: "ms",
        budget: Budget::MaxRatio(2.0),
        measure: open_long::measure,
    },
    Row {
        name: "map",
        what: "read the map of a conversation of 10,000 messages on 200 branches among 1,000,000",
        against: "of one of 10",
        unit: "ms",
        budget: Budget::Max(50.0),
        measure: map::measure,
    },
    Row {
        name: "migrate",
        what: "the first start with a database of 1,000,000 messages from before messages had parts, until it is open",
        against: "a copy of it by VACUUM INTO",
        unit: "s",
        budget: Budget::Max(60.0),
        measure: migrate::measure,
    },
    Row {
        name: "delete",
        what: "longest send elsewhere while a conversation of 100,000 messages is deleted",
        against: "of 1,000 sends while nothing is",
        unit: "ms",
        budget: Budget::Max(50.0),
        measure: delete::measure,
    },
    Row {
        name: "start",
        what: "cold start to a usable composer, 10,000 conversations and 1,000,000 messages stored",
        against: "a hello-world Tauri window",
        unit: "ms",
        budget: Budget::MaxRatio(1.3),
        measure: windows::measure_start,
    },
    Row {
        name: "memory",
        what: "memory of all processes (PSS), idle, the same database",
        against: "the same hello-world window",
        unit: "MiB",
        budget: Budget::MaxRatio(1.3),
        measure: windows::measure_memory,
    },
    Row {
        name: "stream-stall",
        what: "longest stall of the page while a 200 kB answer comes at 1,500 tokens a second",
        against: "markdown-it in the same webview, reading all of it each time",
        unit: "ms",
        budget: Budget::Max(33.0),
        measure: streaming::measure_stall,
    },
    Row {
        name: "stream-linear",
        what: "processor time for that answer, by that for one of 20 kB",
        against: "markdown-it in the same webview, reading all of it each time",
        unit: "×",
        budget: Budget::Max(12.0),
        measure: streaming::measure_work,
    },
    Row {
        name: "hostile-stall",
        what: "longest stall of the page while some 300 answers made to do harm are shown",
        against: "markdown-it in the same webview",
        unit: "ms",
        budget: Budget::Max(100.0),
        measure: hostile::measure,
    },
    Row {
        name: "engine-rate",
        what: "tokens a second of `conch engine`",
        against: "llama.cpp alone, same file and threads",
        unit: "tokens/s",
        budget: Budget::MinRatio(0.95),
        measure: engine::measure_rate,
    },
    Row {
        name: "engine-first",
        what: "first token of `conch engine`",
        against: "llama.cpp alone, same file and threads",
        unit: "ms",
        budget: Budget::MaxRatio(1.1),
        measure: engine::measure_first,
    },
    Row {
        name: "prefill",
        what: "first token of a long chat's second turn, by its new tokens",
        against: "of its first turn, by all its tokens",
        unit: "ms/token",
        budget: Budget::MaxRatio(1.5),
        measure: prefill::measure,
    },
];

impl Row {
    /// # Errors
    /// If no row has this name.
    pub(crate) fn named(name: &str) -> anyhow::Result<&'static Self> {
        let Some(row) = ROWS.iter().find(|row| row.name == name) else {
            let names: Vec<_> = ROWS.iter().map(|row| row.name).collect();
            bail!("there is no row `{name}`; there are: {}", names.join(" "));
        };
        Ok(row)
    }
}

/// Locations of what the bench measures.
pub(crate) struct Artifacts {
    /// The folder of the bench's own binary, which also holds those of the windows.
    pub(crate) binaries: PathBuf,
    /// The embedded model's file.
    pub(crate) model: PathBuf,
}

impl Artifacts {
    /// # Errors
    /// If `CONCH_BENCH_MODEL` names no file; `cargo xtask bench` sets it.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let own = std::env::current_exe()?;
        let binaries = own.parent().context("this program is in no folder")?;
        let model = std::env::var_os("CONCH_BENCH_MODEL").map(PathBuf::from);
        Ok(Self {
            binaries: binaries.to_owned(),
            model: model
                .filter(|file| file.is_file())
                .context("CONCH_BENCH_MODEL names no model: run this by `cargo xtask bench`")?,
        })
    }

    /// Returns the path of an executable built next to this one.
    pub(crate) fn binary(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self
            .binaries
            .join(name)
            .with_extension(std::env::consts::EXE_EXTENSION);
        if !path.is_file() {
            bail!(
                "{} is not built: run this by `cargo xtask bench`",
                path.display()
            );
        }
        Ok(path)
    }

    /// Returns the JavaScript that runs inside a window's page.
    ///
    /// # Errors
    /// If `CONCH_BENCH_PAGE_SCRIPT` names no file; `cargo xtask bench` sets it.
    #[expect(clippy::unused_self, reason = "it is a place like the others")]
    pub(crate) fn page_script(&self) -> anyhow::Result<String> {
        let file = std::env::var_os("CONCH_BENCH_PAGE_SCRIPT")
            .context("CONCH_BENCH_PAGE_SCRIPT is not set: run this by `cargo xtask bench`")?;
        Ok(std::fs::read_to_string(file)?)
    }

    /// Returns a folder for files that are created once and reused.
    pub(crate) fn cache(&self) -> anyhow::Result<PathBuf> {
        let folder = self.binaries.join("bench-cache");
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

/// A row's measurement in progress.
pub(crate) struct Bench<'a> {
    pub(crate) artifacts: &'a Artifacts,
    pub(crate) scratch: TempDir,
    pub(crate) runtime: tokio::runtime::Runtime,
    pub(crate) bar: ProgressBar,
    /// Number of rounds from the command line, instead of the row's own.
    rounds_override: Option<usize>,
    ours: Samples,
    theirs: Samples,
    note: String,
}

/// The side that a sample belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    Theirs,
}

impl Bench<'_> {
    pub(crate) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Alternates between both sides; the first round is a warm-up.
    pub(crate) fn alternate(
        &mut self,
        mut sample: impl FnMut(&Self, Side) -> anyhow::Result<f64>,
    ) -> anyhow::Result<()> {
        self.rounds(ROUNDS, 1, &mut sample)
    }

    /// Alternates for `rounds` rounds without a warm-up: for what takes long and starts fresh each
    /// time.
    pub(crate) fn alternate_few(
        &mut self,
        rounds: usize,
        mut sample: impl FnMut(&Self, Side) -> anyhow::Result<f64>,
    ) -> anyhow::Result<()> {
        self.rounds(rounds, 0, &mut sample)
    }

    /// Sets an additional remark on the measurement.
    pub(crate) fn note(&mut self, note: String) {
        self.note = note;
    }

    fn rounds(
        &mut self,
        rounds: usize,
        warmup_rounds: usize,
        sample: &mut impl FnMut(&Self, Side) -> anyhow::Result<f64>,
    ) -> anyhow::Result<()> {
        let rounds = self.rounds_override.unwrap_or(rounds) + warmup_rounds;
        self.bar.set_length(rounds as u64);
        for round in 0..rounds {
            // Alternating the order spreads the effect of warm and cold caches over both sides.
            let order = if round % 2 == 0 {
                [Side::Ours, Side::Theirs]
            } else {
                [Side::Theirs, Side::Ours]
            };
            for side in order {
                let value = sample(self, side)?;
                if round < warmup_rounds {
                    continue;
                }
                match side {
                    Side::Ours => self.ours.add(value),
                    Side::Theirs => self.theirs.add(value),
                }
            }
            self.bar.inc(1);
        }
        Ok(())
    }
}

/// A measured row.
pub(crate) struct Measurement {
    pub(crate) row: &'static Row,
    pub(crate) ours: Samples,
    pub(crate) theirs: Samples,
    /// Additional remark; may be empty.
    pub(crate) note: String,
}

impl Measurement {
    /// Returns the ratio of ours to the other.
    pub(crate) fn ratio(&self) -> f64 {
        self.ours.median() / self.theirs.median()
    }

    pub(crate) fn difference(&self) -> f64 {
        self.ours.median() - self.theirs.median()
    }

    /// Whether the budget is met.
    pub(crate) fn is_kept(&self) -> bool {
        match self.row.budget {
            Budget::MaxRatio(times) => self.ratio() <= times,
            Budget::MinRatio(times) => self.ratio() >= times,
            Budget::Max(most) => self.ours.median() <= most,
            Budget::MaxDifference(more) => self.difference() <= more,
        }
    }
}

/// Measures rows, one after the other, in so many rounds instead of their own.
pub(crate) fn measure(
    rows: &[&'static Row],
    rounds: Option<usize>,
    artifacts: &Artifacts,
) -> anyhow::Result<Vec<Measurement>> {
    rows.iter()
        .map(|&row| {
            let style = ProgressStyle::with_template("{prefix:12} {elapsed:>4} [{bar:40}] {msg}")?;
            let bar = ProgressBar::no_length()
                .with_style(style.progress_chars("=> "))
                .with_prefix(row.name);
            let mut bench = Bench {
                artifacts,
                scratch: tempfile::tempdir()?,
                runtime: tokio::runtime::Runtime::new()?,
                bar,
                rounds_override: rounds,
                ours: Samples::default(),
                theirs: Samples::default(),
                note: String::new(),
            };
            (row.measure)(&mut bench).context(row.name)?;
            bench.bar.finish_and_clear();
            Ok(Measurement {
                row,
                ours: bench.ours,
                theirs: bench.theirs,
                note: bench.note,
            })
        })
        .collect()
}

#[expect(clippy::disallowed_methods, reason = "a bench times")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
