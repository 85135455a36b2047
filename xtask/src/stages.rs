//! `cargo xtask test`: the stages, in the order in which they are likely to fail fast.

use std::env;
use std::time::Duration;

use crate::error::Error;
use crate::model::Model;
use crate::prove::{self, Amount};
use crate::queries::{self, Mode};
use crate::terminal::{Stopwatch, failure, heading, human_time, say, success};
use crate::tool::Tool;
use crate::workspace::Workspace;
use crate::{deny, direction, page, setup};

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

    /// Returns the stage of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }

    fn run(self, workspace: &Workspace) -> Result<(), Error> {
        let cargo = || Tool::cargo(workspace.root());
        let npm = || Tool::npm(&workspace.ui(), "its messages stand above");
        match self {
            Self::Fmt => cargo().args(["fmt", "--all", "--check"]).run(),
            Self::Ui => {
                npm().args(["run", "check"]).run()?;
                npm().arg("test").run()
            }
            Self::Clippy => cargo()
                .args([
                    "clippy",
                    "--workspace",
                    "--all-targets",
                    "--",
                    "-D",
                    "warnings",
                ])
                .run(),
            Self::Docs => cargo()
                .args([
                    "doc",
                    "--workspace",
                    "--no-deps",
                    "--document-private-items",
                ])
                .env("RUSTDOCFLAGS", "-D warnings")
                .run(),
            Self::Direction => direction::check(workspace),
            Self::Deny => deny::check(workspace),
            Self::Queries => queries::run(workspace, Mode::Check),
            Self::Tests => test(workspace),
            Self::Prove => prove::run(workspace, Amount::Quick, &[]),
        }
    }
}

/// Sets up, builds the page, and runs one stage or all of them, stopping at the first failure.
///
/// # Errors
/// When the set-up, the page's build or a stage fails.
pub(crate) fn run(workspace: &Workspace, only: Option<Stage>) -> Result<(), Error> {
    let watch = Stopwatch::start();
    setup::run(workspace)?;
    page::build(workspace)?;
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
            Err(source) => {
                failure(format!("{name}: failed after {}", human_time(time)));
                result = Err(Error::Stage {
                    stage: name,
                    source: Box::new(source),
                });
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
pub(crate) fn format(workspace: &Workspace) -> Result<(), Error> {
    setup::run(workspace)?;
    Tool::cargo(workspace.root()).args(["fmt", "--all"]).run()?;
    Tool::npm(&workspace.ui(), "its messages stand above")
        .args(["run", "--silent", "format"])
        .run()
}

/// The virtual screen of the tests. A server that resets when its last window closes refuses the next client for a
/// moment.
const SCREEN: &str = "-screen 0 1280x800x24 -noreset";

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

/// Runs every cargo test with only the environment variables that [`environment`](crate::environment) lets through,
/// on Linux under a separate X server and D-Bus session.
fn test(workspace: &Workspace) -> Result<(), Error> {
    let arguments = ["test", "--workspace"];
    // Built with the whole environment: a crate may have to be fetched through a proxy.
    Tool::cargo(workspace.root())
        .args(arguments)
        .arg("--no-run")
        .run()?;
    if !cfg!(target_os = "linux") {
        let cargo = Tool::cargo(workspace.root()).args(arguments);
        return in_test_environment(cargo)?.run();
    }
    // A window on the developer's own display would take the focus, and a window manager changes what is tested.
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let session = Tool::new("xvfb-run", "the tests' messages stand above")
        .dir(workspace.root())
        .args(["--auto-servernum", "--server-args", SCREEN])
        .args(["dbus-run-session", "--"])
        .arg(cargo)
        .args(arguments);
    in_test_environment(session)?
        .env("GDK_BACKEND", "x11")
        .without_env("WAYLAND_DISPLAY")
        .run()
}

fn in_test_environment(tool: Tool) -> Result<Tool, Error> {
    Ok(tool
        .in_test_environment()
        .env("CONCH_MODEL_FILE", Model::in_data_folder()?.path())
        .env("LIBGL_ALWAYS_SOFTWARE", "1")
        // The accessibility bus is started on demand and delays every window by seconds where that fails.
        .env("NO_AT_BRIDGE", "1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_is_found_by_its_name() {
        for stage in Stage::ALL {
            assert_eq!(Stage::named(stage.name()), Some(stage));
        }
        assert_eq!(Stage::named("nonsense"), None);
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
