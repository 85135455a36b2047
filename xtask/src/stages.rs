//! `cargo xtask test`: the stages, in the order in which they are likely to fail fast.

use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use xshell::cmd;

use crate::page::NPM;
use crate::prove::{self, Amount};
use crate::queries::{self, Mode};
use crate::terminal::{Stopwatch, failure, heading, human_time, say, success};
use crate::workspace::Workspace;
use crate::{cargo_test, deny, direction, page, peers, setup};

/// One part of the whole check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Formatting of the Rust code.
    Fmt,
    /// Types, lints and unit tests of the page.
    Ui,
    /// Lints of the Rust code.
    Clippy,
    /// Documentation, private items included.
    Docs,
    /// Direction of dependencies.
    Direction,
    /// Licences, bans, sources and security advisories of the crates.
    Deny,
    /// The committed `.sqlx`.
    Queries,
    /// Every cargo test, the real window included.
    Tests,
    /// The quick part of the campaign against the generation lock.
    Prove,
}

impl Stage {
    /// All stages, in their order.
    pub(crate) const ALL: [Self; 9] = [
        Self::Fmt,
        Self::Ui,
        Self::Clippy,
        Self::Docs,
        Self::Direction,
        Self::Deny,
        Self::Queries,
        Self::Tests,
        Self::Prove,
    ];

    /// The stage's name for `--only`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Ui => "ui",
            Self::Clippy => "clippy",
            Self::Docs => "docs",
            Self::Direction => "direction",
            Self::Deny => "deny",
            Self::Queries => "queries",
            Self::Tests => "tests",
            Self::Prove => "prove",
        }
    }

    fn run(self, workspace: &Workspace) -> anyhow::Result<()> {
        let shell = workspace.shell();
        match self {
            Self::Fmt => cmd!(shell, "cargo fmt --all --check").run()?,
            Self::Ui => {
                cmd!(shell, "{NPM} --prefix ui run check").run()?;
                cmd!(shell, "{NPM} --prefix ui test").run()?;
            }
            Self::Clippy => {
                cmd!(
                    shell,
                    "cargo clippy --workspace --all-targets -- -D warnings"
                )
                .run()?;
            }
            Self::Docs => {
                let docs = cmd!(
                    shell,
                    "cargo doc --workspace --no-deps --document-private-items"
                );
                docs.env("RUSTDOCFLAGS", "-D warnings").run()?;
            }
            Self::Direction => direction::check(shell)?,
            Self::Deny => deny::check(workspace)?,
            Self::Queries => queries::run(workspace, Mode::Check)?,
            Self::Tests => {
                let servers = peers::installed_servers(workspace);
                cargo_test::run(workspace, &["--workspace"], servers.as_deref())?;
            }
            Self::Prove => prove::run(workspace, Amount::Quick, &[])?,
        }
        Ok(())
    }
}

impl FromStr for Stage {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let mut stages = Self::ALL.into_iter();
        let stage = stages.find(|stage| stage.name() == name);
        stage.ok_or_else(|| format!("there is no stage `{name}`"))
    }
}

/// Sets up, builds the page, and runs one stage or all of them, stopping at the first failure.
///
/// # Errors
/// When the set-up, the page's build or a stage fails.
pub(crate) fn run(workspace: &Workspace, only: Option<Stage>) -> anyhow::Result<()> {
    let watch = Stopwatch::start();
    setup::run(workspace)?;
    page::build(workspace.shell())?;
    let stages = only.map_or_else(|| Stage::ALL.to_vec(), |stage| vec![stage]);
    let mut rows = vec![Row {
        name: "set-up and page",
        time: watch.elapsed(),
        outcome: "ok",
    }];
    let mut result = Ok(());
    for stage in stages {
        let name = stage.name();
        heading(name);
        let watch = Stopwatch::start();
        let ended = stage.run(workspace);
        let time = watch.elapsed();
        rows.push(Row {
            name,
            time,
            outcome: if ended.is_ok() { "ok" } else { "failed" },
        });
        match ended {
            Ok(()) => say(format!("{name}: ok after {}", human_time(time))),
            Err(error) => {
                failure(format!("{name}: failed after {}", human_time(time)));
                result = Err(error).with_context(|| format!("stage {name} failed"));
                break;
            }
        }
    }
    heading("stages");
    for row in &rows {
        say(row.line());
    }
    if result.is_ok() {
        success(format!("all green after {}", human_time(watch.elapsed())));
    }
    result
}

/// `cargo xtask fmt`: formats the Rust code and the page, and applies Biome's safe fixes.
///
/// # Errors
/// When a formatter fails.
pub(crate) fn format(workspace: &Workspace) -> anyhow::Result<()> {
    setup::run(workspace)?;
    let shell = workspace.shell();
    cmd!(shell, "cargo fmt --all").run()?;
    Ok(cmd!(shell, "{NPM} --prefix ui run --silent format").run()?)
}

struct Row {
    name: &'static str,
    time: Duration,
    outcome: &'static str,
}

impl Row {
    fn line(&self) -> String {
        format!(
            "  {:<16} {:>12}  {}",
            self.name,
            human_time(self.time),
            self.outcome
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_is_found_by_its_name() {
        for stage in Stage::ALL {
            assert_eq!(stage.name().parse(), Ok(stage));
        }
    }

    #[test]
    fn rows_line_up() {
        let row = Row {
            name: "fmt",
            time: Duration::from_millis(1500),
            outcome: "ok",
        };
        assert_eq!(row.line(), "  fmt                     1.5 s  ok");
    }
}
