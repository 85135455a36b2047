//! Parses the command line.

use std::ffi::OsString;

use crate::error::Error;
use crate::fuzz::FuzzOptions;
use crate::prove::Amount;
use crate::queries::Mode;
use crate::stages::Stage;

/// The usage text, which also ends the error of every invalid command line.
pub(crate) const USAGE: &str = "\
usage: cargo xtask <command>

  dev [-- ARGUMENTS]     set up, open a debug window, and keep it up to date while the sources change
  fmt                    format the Rust code and the page
  run [-- ARGUMENTS]     set up, build, and open the window; without a display, hold a first conversation
  build                  set up and build target/release/conch
  test [--only STAGE]    set up and check everything, or one of: fmt ui clippy docs direction deny queries tests prove
  prove [--quick] [KIND]  try to break the generation lock; the full campaign renews docs/RELIABILITY.md
  fuzz [--minutes N] [--sanitizer NAME] [TARGET]  look for input that breaks what reads it, 10 minutes for each target
  bench [--json] [ROW]   measure Conch beside what it is compared with; all rows renew docs/PERFORMANCE.md
  screenshots [--only NAME]  draw every view and state of the window into docs/screenshots
  setup                  install what this machine lacks: system packages, npm packages, the model
  queries [--check]      renew (or check) .sqlx after a change of a query or a migration
  help                   this text";

/// A command with its options.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Install what is missing.
    Setup,
    /// Build the release binary.
    Build,
    /// Develop: open a window with these arguments and keep it up to date.
    Dev(Vec<OsString>),
    /// Format all sources.
    Fmt,
    /// Build and open the window with these arguments.
    Run(Vec<OsString>),
    /// Check everything, or one stage.
    Test(Option<Stage>),
    /// Run the campaign, or these kinds of it.
    Prove(Amount, Vec<OsString>),
    /// Fuzz, with these options.
    Fuzz(FuzzOptions),
    /// Measure, with these arguments for the bench.
    Bench(Vec<OsString>),
    /// Draw the scenes, with these arguments for the program that does.
    Screenshots(Vec<OsString>),
    /// Renew or check `.sqlx`.
    Queries(Mode),
    /// Print the usage.
    Help,
}

impl Command {
    /// Parses the arguments after the program's name.
    ///
    /// # Errors
    /// [`Error::Usage`] when they are not a valid command.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Error> {
        let mut arguments = arguments.into_iter();
        let name = arguments
            .next()
            .ok_or_else(|| Error::Usage("no command given".to_owned()))?;
        let rest: Vec<OsString> = arguments.collect();
        let words: Vec<_> = rest.iter().map(|word| word.to_string_lossy()).collect();
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        match (name.to_string_lossy().as_ref(), words.as_slice()) {
            ("setup", []) => Ok(Self::Setup),
            ("build", []) => Ok(Self::Build),
            ("dev", []) => Ok(Self::Dev(Vec::new())),
            ("dev", ["--", ..]) => Ok(Self::Dev(rest[1..].to_vec())),
            ("fmt", []) => Ok(Self::Fmt),
            ("run", []) => Ok(Self::Run(Vec::new())),
            ("run", ["--", ..]) => Ok(Self::Run(rest[1..].to_vec())),
            ("test", []) => Ok(Self::Test(None)),
            ("test", ["--only", stage]) => match Stage::named(stage) {
                Some(stage) => Ok(Self::Test(Some(stage))),
                None => Err(Error::Usage(format!("there is no stage `{stage}`"))),
            },
            ("prove", ["--quick", ..]) => Ok(Self::Prove(Amount::Quick, rest[1..].to_vec())),
            ("prove", _) => Ok(Self::Prove(Amount::Full, rest)),
            ("fuzz", words) => Ok(Self::Fuzz(FuzzOptions::parse(words)?)),
            ("bench", _) => Ok(Self::Bench(rest)),
            ("screenshots", _) => Ok(Self::Screenshots(rest)),
            ("queries", []) => Ok(Self::Queries(Mode::Renew)),
            ("queries", ["--check"]) => Ok(Self::Queries(Mode::Check)),
            ("help" | "--help" | "-h", _) => Ok(Self::Help),
            (name @ ("setup" | "build" | "dev" | "fmt" | "run" | "test" | "queries"), words) => {
                Err(Error::Usage(format!(
                    "`{name}` does not take `{}`",
                    words.join(" ")
                )))
            }
            (name, _) => Err(Error::Usage(format!("there is no command `{name}`"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, Error> {
        Command::parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn every_command_is_understood() {
        assert_eq!(parse("setup").unwrap(), Command::Setup);
        assert_eq!(parse("build").unwrap(), Command::Build);
        assert_eq!(parse("fmt").unwrap(), Command::Fmt);
        assert_eq!(
            parse("dev -- --a").unwrap(),
            Command::Dev(vec!["--a".into()])
        );
        assert_eq!(parse("run").unwrap(), Command::Run(vec![]));
        assert_eq!(
            parse("run -- --a b").unwrap(),
            Command::Run(vec!["--a".into(), "b".into()])
        );
        assert_eq!(parse("test").unwrap(), Command::Test(None));
        assert_eq!(
            parse("test --only clippy").unwrap(),
            Command::Test(Some(Stage::Clippy))
        );
        assert_eq!(
            parse("prove model").unwrap(),
            Command::Prove(Amount::Full, vec!["model".into()])
        );
        assert_eq!(
            parse("prove --quick").unwrap(),
            Command::Prove(Amount::Quick, vec![])
        );
        assert!(matches!(
            parse("fuzz --minutes 60 gguf"),
            Ok(Command::Fuzz(_))
        ));
        assert_eq!(
            parse("bench --json lock").unwrap(),
            Command::Bench(vec!["--json".into(), "lock".into()])
        );
        assert_eq!(
            parse("screenshots --only settings").unwrap(),
            Command::Screenshots(vec!["--only".into(), "settings".into()])
        );
        assert_eq!(parse("queries").unwrap(), Command::Queries(Mode::Renew));
        assert_eq!(
            parse("queries --check").unwrap(),
            Command::Queries(Mode::Check)
        );
        assert_eq!(parse("--help").unwrap(), Command::Help);
    }

    #[test]
    fn everything_else_is_a_usage_error_that_names_it() {
        for (line, says) in [
            ("", "no command given"),
            ("dance", "there is no command `dance`"),
            ("test --only dance", "there is no stage `dance`"),
            ("test fmt", "`test` does not take `fmt`"),
            ("run --fast", "`run` does not take `--fast`"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(matches!(error, Error::Usage(_)), "{line}");
            assert_eq!(error.to_string(), says);
        }
    }

    #[test]
    fn the_usage_names_every_stage() {
        for stage in Stage::ALL {
            assert!(USAGE.contains(stage.name()), "{}", stage.name());
        }
    }
}
