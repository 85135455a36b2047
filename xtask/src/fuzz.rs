//! `cargo xtask fuzz`: libFuzzer over the targets of `tests/fuzz`, built by cargo-fuzz on the stable
//! toolchain.
//!
//! What a run finds stays in `target/fuzz`, and the next run continues from it; the corpus in the repository is
//! replayed by `cargo test`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cargo_tool::CargoTool;
use crate::error::Error;
use crate::terminal::{Stopwatch, answer, heading, pass_on};
use crate::tool::Tool;
use crate::workspace::Workspace;

/// The options of `cargo xtask fuzz`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FuzzOptions {
    /// For each target.
    minutes: u64,
    /// As cargo-fuzz names it. Without a sanitizer the stable toolchain builds as it is, and the code here is safe
    /// Rust; with one, `RUSTC_BOOTSTRAP` enables the toolchain's unstable options.
    sanitizer: String,
    /// All targets when empty.
    targets: Vec<String>,
}

impl FuzzOptions {
    /// Parses the arguments.
    ///
    /// # Errors
    /// [`Error::Usage`] when an option is unknown, or its value is missing or invalid.
    pub(crate) fn parse(words: &[&str]) -> Result<Self, Error> {
        let mut options = Self {
            minutes: 10,
            sanitizer: "none".to_owned(),
            targets: Vec::new(),
        };
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            let mut value = || {
                let value = words.next().copied();
                value.ok_or_else(|| Error::Usage(format!("`{word}` needs a value")))
            };
            match word {
                "--minutes" => {
                    let text = value()?;
                    let number = text.parse::<u64>().ok().filter(|minutes| *minutes > 0);
                    options.minutes = number
                        .ok_or_else(|| Error::Usage(format!("`{text}` is no number of minutes")))?;
                }
                "--sanitizer" => value()?.clone_into(&mut options.sanitizer),
                word if word.starts_with('-') => {
                    return Err(Error::Usage(format!("`fuzz` does not take `{word}`")));
                }
                target => options.targets.push(target.to_owned()),
            }
        }
        Ok(options)
    }
}

/// Runs each target for its time, and prints a row for each in the format of `docs/FUZZING.md`.
///
/// # Errors
/// When a target is unknown or does not build, or something was found.
pub(crate) fn run(workspace: &Workspace, options: &FuzzOptions) -> Result<(), Error> {
    let crate_folder = workspace.root().join("tests/fuzz");
    let known = targets(&crate_folder.join("targets"))?;
    if let Some(unknown) = options.targets.iter().find(|name| !known.contains(name)) {
        let known = known.join(" ");
        return Err(Error::Usage(format!(
            "there is no target `{unknown}`; there are: {known}"
        )));
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
        let place = Place {
            kept: crate_folder.join("corpus").join(target),
            found: workspace.fuzz_folder(target)?,
        };
        rows.push(place.run(target, &programs.join(target), options)?);
    }
    answer(
        "| target | minutes | executions | edges | inputs | broken |\n|---|---|---|---|---|---|",
    );
    for row in &rows {
        answer(row.line());
    }
    let broken: Vec<_> = rows.iter().filter(|row| row.is_broken).collect();
    if broken.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = broken.iter().map(|row| &*row.target).collect();
    Err(Error::Fuzzed(names.join(", ")))
}

/// Returns the names of the fuzz targets.
fn targets(folder: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::file("read", folder))? {
        let path = entry.map_err(Error::file("read", folder))?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        names.push(name.into_owned());
    }
    names.sort();
    Ok(names)
}

/// Builds the programs and returns their folder.
fn build(
    workspace: &Workspace,
    options: &FuzzOptions,
    chosen: &[String],
) -> Result<PathBuf, Error> {
    heading("building the fuzz targets");
    let cargo_fuzz = CargoTool::FUZZ.place(workspace)?;
    let build = || {
        let mut tool = cargo_fuzz
            .tool()?
            .args(["fuzz", "build", "--release", "--fuzz-dir", "tests/fuzz"])
            .args([
                "--features",
                "libfuzzer",
                "--sanitizer",
                options.sanitizer.as_str(),
            ])
            // Through the profile and not a flag for all, so that Cargo.toml can make exceptions.
            .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true")
            .env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true");
        if options.sanitizer != "none" {
            tool = tool.env("RUSTC_BOOTSTRAP", "1");
        }
        Ok::<_, Error>(tool)
    };
    match chosen {
        [one] => build()?.arg(one).run()?,
        _ => build()?.run()?,
    }
    Ok(workspace.target_of(&host(workspace)?).join("release"))
}

/// Returns rustc's host triple, by which cargo-fuzz names its target folder.
fn host(workspace: &Workspace) -> Result<String, Error> {
    let rustc = Tool::new("rustc", "see whether `rustc -vV` works here").dir(workspace.root());
    let rustc = rustc.arg("-vV");
    let command = rustc.line();
    let output = rustc.capture()?;
    let host = output.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or(Error::UnexpectedOutput {
        command,
        answer: output.clone(),
    })
}

/// The folders of a target's inputs.
struct Place {
    /// The corpus in the repository, which is only read.
    kept: PathBuf,
    /// What this machine found, from which the next run continues.
    found: PathBuf,
}

impl Place {
    fn run(&self, target: &str, program: &Path, options: &FuzzOptions) -> Result<Row, Error> {
        let inputs = self.found.join("inputs");
        fs::create_dir_all(&inputs).map_err(Error::file("create", &inputs))?;
        let seconds = options.minutes * 60;
        let watch = Stopwatch::start();
        let mut row = Row::new(target);
        let mut running = Tool::new(program, "its messages stand above")
            .arg(&inputs)
            .arg(&self.kept)
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-artifact_prefix={}/", self.found.display()))
            .args(["-max_len=4096", "-timeout=10", "-rss_limit_mb=4096"])
            .args(["-print_final_stats=1"])
            .listen(|line| row.update(line))?;
        row.is_broken = !running.wait()?.success();
        row.time = watch.elapsed();
        Ok(row)
    }
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
            pass_on(line);
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
    fn minutes_sanitizer_and_targets_are_read_in_any_order() {
        let options =
            FuzzOptions::parse(&["gguf", "--minutes", "60", "--sanitizer", "address", "code"]);
        let expected = FuzzOptions {
            minutes: 60,
            sanitizer: "address".to_owned(),
            targets: vec!["gguf".to_owned(), "code".to_owned()],
        };
        assert_eq!(options.unwrap(), expected);
        for (words, says) in [
            (&["--minutes"][..], "`--minutes` needs a value"),
            (&["--minutes", "0"], "`0` is no number of minutes"),
            (&["--fast"], "`fuzz` does not take `--fast`"),
        ] {
            assert_eq!(FuzzOptions::parse(words).unwrap_err().to_string(), says);
        }
    }

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
