//! `cargo xtask fuzz`: libFuzzer over the targets of `tests/fuzz`, built by cargo-fuzz on the stable
//! toolchain.
//!
//! What a run finds stays in `target/fuzz`, and the next run continues from it; the corpus in the repository is
//! replayed by `cargo test`.

use std::io::{BufRead, BufReader};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use xshell::{Shell, cmd};

use crate::cargo_tool::{self, CargoTool};
use crate::terminal::{Stopwatch, answer, heading, say};
use crate::workspace::Workspace;

/// The options of `cargo xtask fuzz`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FuzzOptions {
    /// For each target.
    pub(crate) minutes: NonZeroU64,
    /// As cargo-fuzz names it. Without a sanitizer the stable toolchain builds as it is, and the code here is safe
    /// Rust; with one, `RUSTC_BOOTSTRAP` enables the toolchain's unstable options.
    pub(crate) sanitizer: String,
    /// All targets when empty.
    pub(crate) targets: Vec<String>,
}

impl Default for FuzzOptions {
    fn default() -> Self {
        Self {
            minutes: const { NonZeroU64::new(10).unwrap() },
            sanitizer: "none".to_owned(),
            targets: Vec::new(),
        }
    }
}

/// Runs each target for its time, and prints a row for each in the format of `docs/FUZZING.md`.
///
/// # Errors
/// When a target is unknown or does not build, or something was found.
pub(crate) fn run(workspace: &Workspace, options: &FuzzOptions) -> anyhow::Result<()> {
    let shell = workspace.shell();
    let known = targets(shell)?;
    if let Some(unknown) = options.targets.iter().find(|name| !known.contains(name)) {
        let known = known.join(" ");
        let message = format!("there is no target `{unknown}`; there are: {known}");
        return Err(lexopt::Error::from(message).into());
    }
    let chosen = if options.targets.is_empty() {
        &known
    } else {
        &options.targets
    };
    let programs = build(workspace, options, chosen)?;
    let mut rows = Vec::new();
    for target in chosen {
        heading(format!("fuzzing {target}"));
        let found = workspace.target("fuzz").join(target);
        let program = programs.join(target);
        rows.push(fuzz(shell, target, &program, &found, options.minutes)?);
    }
    answer(
        "| target | minutes | executions | edges | inputs | broken |\n|---|---|---|---|---|---|",
    );
    for row in &rows {
        answer(row.line());
    }
    let broken = rows.iter().filter(|row| row.is_broken);
    let broken: Vec<_> = broken.map(|row| &*row.target).collect();
    ensure!(
        broken.is_empty(),
        "the fuzzer broke {}: each input is in target/fuzz, and its words stand above; mend the cause, and keep the input in tests/fuzz/corpus unless it breaks a crate of others",
        broken.join(", ")
    );
    Ok(())
}

/// Returns the names of the fuzz targets, sorted.
fn targets(shell: &Shell) -> anyhow::Result<Vec<String>> {
    let files = shell.read_dir("tests/fuzz/targets")?;
    let names = files.iter().filter_map(|file| file.file_stem());
    Ok(names
        .map(|name| name.to_string_lossy().into_owned())
        .collect())
}

/// Builds the programs and returns their folder.
fn build(
    workspace: &Workspace,
    options: &FuzzOptions,
    chosen: &[String],
) -> anyhow::Result<PathBuf> {
    heading("building the fuzz targets");
    let shell = workspace.shell();
    let cargo_fuzz = CargoTool::find(workspace, cargo_tool::FUZZ)?.program()?;
    let sanitizer = &options.sanitizer;
    // One target or all.
    let only = chosen.first().filter(|_| chosen.len() == 1);
    let mut build = cmd!(
        shell,
        "{cargo_fuzz} fuzz build --release --fuzz-dir tests/fuzz --features libfuzzer --sanitizer {sanitizer} {only...}"
    )
    // Through the profile and not a flag for all, so that Cargo.toml can make exceptions.
    .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true")
    .env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true");
    if sanitizer != "none" {
        build = build.env("RUSTC_BOOTSTRAP", "1");
    }
    build.run()?;
    // cargo-fuzz always names the target, even the host's.
    let rustc = cmd!(shell, "rustc -vV").quiet().read()?;
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc -vV names no host")?;
    Ok(workspace.target(host).join("release"))
}

/// Fuzzes one target; continues from what earlier runs of this machine found.
fn fuzz(
    shell: &Shell,
    target: &str,
    program: &Path,
    found: &Path,
    minutes: NonZeroU64,
) -> anyhow::Result<Row> {
    let inputs = shell.create_dir(found.join("inputs"))?;
    let kept = Path::new("tests/fuzz/corpus").join(target);
    let seconds = minutes.get().saturating_mul(60).to_string();
    let watch = Stopwatch::start();
    let mut row = Row::new(target);
    let fuzzer = cmd!(
        shell,
        "{program} {inputs} {kept} -max_total_time={seconds} -artifact_prefix={found}/
         -max_len=4096 -timeout=10 -rss_limit_mb=4096 -print_final_stats=1"
    );
    let mut fuzzer = Command::from(fuzzer).stderr(Stdio::piped()).spawn()?;
    let stderr = fuzzer.stderr.take().context("no pipe")?;
    for line in BufReader::new(stderr).split(b'\n') {
        row.update(String::from_utf8_lossy(&line?).trim_end());
    }
    row.is_broken = !fuzzer.wait()?.success();
    row.time = watch.elapsed();
    Ok(row)
}

/// The result of a target.
#[derive(Debug, Default)]
struct Row {
    target: String,
    time: Duration,
    executions: u64,
    /// As libFuzzer counts them: pairs of blocks of code that ran one after the other.
    edges: u64,
    /// The inputs of the corpus, which together reach all of them.
    inputs: u64,
    is_broken: bool,
}

impl Row {
    fn new(target: &str) -> Self {
        Self {
            target: target.to_owned(),
            ..Self::default()
        }
    }

    /// Parses a line of libFuzzer's: `#4096 pulse cov: 812 ft: 2031 corp: 120/9Kb …`.
    fn update(&mut self, line: &str) {
        let words: Vec<_> = line.split_whitespace().collect();
        let after = |mark: &str| {
            let at = words.iter().position(|word| *word == mark)?;
            let number = words.get(at + 1)?.split('/').next()?;
            number.parse().ok()
        };
        self.executions = after("stat::number_of_executed_units:").unwrap_or(self.executions);
        self.edges = after("cov:").unwrap_or(self.edges);
        self.inputs = after("corp:").unwrap_or(self.inputs);
        let is_progress = words.first().is_some_and(|word| word.starts_with('#'));
        if !is_progress || words.get(1).is_some_and(|word| *word == "pulse") {
            say(line);
        }
    }

    fn line(&self) -> String {
        let minutes = self.time.as_secs() / 60;
        let broken = if self.is_broken { "yes" } else { "no" };
        format!(
            "| {} | {minutes} | {} | {} | {} | {broken} |",
            self.target,
            grouped(self.executions),
            grouped(self.edges),
            grouped(self.inputs)
        )
    }
}

/// Formats a number with thousands separators.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_what_the_fuzzer_said_last() {
        let mut row = Row::new("gguf");
        row.update("#2\tINITED cov: 30 ft: 31 corp: 1/1b exec/s: 0 rss: 30Mb");
        row.update("#4096\tNEW    cov: 812 ft: 2031 corp: 1120/9Kb lim: 4096 exec/s: 1 rss: 50Mb");
        row.update("stat::number_of_executed_units: 1234567");
        row.time = Duration::from_mins(61);
        assert_eq!(row.line(), "| gguf | 61 | 1,234,567 | 812 | 1,120 | no |");
    }
}
