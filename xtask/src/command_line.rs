//! Parses the command line.

use std::ffi::OsString;

use lexopt::prelude::*;
use lexopt::{Error, Parser};

use crate::fuzz::FuzzOptions;
use crate::peers::Part;
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
  peers-test [--types] [--servers]  try Conch with the types of the official packages, and with servers of others
  bench [--json] [ROW]   measure Conch beside what it is compared with; all rows renew docs/PERFORMANCE.md
  screenshots [--only NAME]  draw every view and state of the window into docs/screenshots
  setup                  install what this machine lacks: system packages, npm packages, the model
  queries [--check]      renew (or check) .sqlx after a change of a query or a migration
  help                   this text";

/// A command with its options.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Setup,
    Build,
    Dev(Vec<OsString>),
    Fmt,
    Run(Vec<OsString>),
    Test(Option<Stage>),
    Prove(Amount, Vec<OsString>),
    Fuzz(FuzzOptions),
    PeersTest(Vec<Part>),
    Bench(Vec<OsString>),
    Screenshots(Vec<OsString>),
    Queries(Mode),
    Help,
}

impl Command {
    /// Parses the arguments after the program's name.
    ///
    /// # Errors
    /// When they are not a valid command.
    pub(crate) fn parse(mut arguments: Parser) -> Result<Self, Error> {
        let name = match arguments.next()? {
            Some(Value(name)) => name.string()?,
            Some(Long("help") | Short('h')) => return Ok(Self::Help),
            Some(other) => return Err(other.unexpected()),
            None => return Err("no command given".into()),
        };
        let mut command = match name.as_str() {
            "setup" => Self::Setup,
            "build" => Self::Build,
            "dev" => Self::Dev(Vec::new()),
            "fmt" => Self::Fmt,
            "run" => Self::Run(Vec::new()),
            "test" => Self::Test(None),
            "prove" => Self::Prove(Amount::Full, Vec::new()),
            "fuzz" => Self::Fuzz(FuzzOptions::default()),
            "peers-test" => Self::PeersTest(Vec::new()),
            // These parse their own.
            "bench" => Self::Bench(arguments.raw_args()?.collect()),
            "screenshots" => Self::Screenshots(arguments.raw_args()?.collect()),
            "queries" => Self::Queries(Mode::Renew),
            "help" => return Ok(Self::Help),
            other => return Err(format!("there is no command `{other}`").into()),
        };
        while let Some(argument) = arguments.next()? {
            match (&mut command, argument) {
                (Self::Dev(rest) | Self::Run(rest) | Self::Prove(_, rest), Value(value)) => {
                    rest.push(value);
                }
                (Self::Test(only), Long("only")) => *only = Some(arguments.value()?.parse()?),
                (Self::Prove(amount, _), Long("quick")) => *amount = Amount::Quick,
                (Self::Fuzz(options), Long("minutes")) => {
                    options.minutes = arguments.value()?.parse()?;
                }
                (Self::Fuzz(options), Long("sanitizer")) => {
                    options.sanitizer = arguments.value()?.string()?;
                }
                (Self::Fuzz(options), Value(target)) => options.targets.push(target.string()?),
                (Self::PeersTest(parts), Long("types")) => parts.push(Part::Types),
                (Self::PeersTest(parts), Long("servers")) => parts.push(Part::Servers),
                (Self::Queries(mode), Long("check")) => *mode = Mode::Check,
                (_, argument) => return Err(argument.unexpected()),
            }
        }
        Ok(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, Error> {
        Command::parse(Parser::from_args(line.split_whitespace()))
    }

    #[test]
    fn options_and_arguments_are_understood() {
        let quick = Command::Prove(Amount::Quick, vec!["model".into()]);
        let fuzz = FuzzOptions {
            minutes: 60.try_into().unwrap(),
            sanitizer: "address".to_owned(),
            targets: vec!["gguf".to_owned(), "code".to_owned()],
        };
        for (line, command) in [
            ("build", Command::Build),
            ("run -- --a b", Command::Run(vec!["--a".into(), "b".into()])),
            ("test", Command::Test(None)),
            ("peers-test", Command::PeersTest(Vec::new())),
            (
                "peers-test --types --servers",
                Command::PeersTest(vec![Part::Types, Part::Servers]),
            ),
            ("test --only clippy", Command::Test(Some(Stage::Clippy))),
            ("prove --quick model", quick),
            (
                "fuzz gguf --minutes 60 --sanitizer address code",
                Command::Fuzz(fuzz),
            ),
            (
                "bench --json lock",
                Command::Bench(vec!["--json".into(), "lock".into()]),
            ),
            ("queries --check", Command::Queries(Mode::Check)),
            ("--help", Command::Help),
        ] {
            assert_eq!(parse(line).unwrap(), command, "{line}");
        }
    }

    #[test]
    fn everything_else_is_an_error_that_names_it() {
        for (line, names) in [
            ("", "no command given"),
            ("dance", "`dance`"),
            ("test --only dance", "no stage `dance`"),
            ("test fmt", "\"fmt\""),
            ("run --fast", "'--fast'"),
            ("fuzz --minutes 0", "\"0\""),
        ] {
            let error = parse(line).unwrap_err().to_string();
            assert!(error.contains(names), "{error}");
        }
    }

    #[test]
    fn the_usage_names_every_stage() {
        for stage in Stage::ALL {
            assert!(USAGE.contains(stage.name()), "{}", stage.name());
        }
    }
}
