//! The project's own commands: `cargo xtask dev | fmt | run | test | prove | fuzz | peers-test | bench | screenshots |
//! build | setup | queries`.
//!
//! Owns everything between a fresh clone and a running or tested application, so that a person and a CI machine
//! type the same one command. It depends on very little, because it is the first crate that a new machine compiles;
//! what needs the application's code lives in separate crates that xtask starts.

mod application;
mod bench;
mod cargo_test;
mod cargo_tool;
mod command_line;
mod deny;
mod dev;
mod direction;
#[expect(unreachable_pub, reason = "it is compiled into tests/window, too")]
mod environment;
mod fuzz;
mod model;
mod page;
mod peers;
mod prove;
mod python;
mod queries;
mod screenshots;
mod setup;
mod stages;
mod system;
mod terminal;
mod workspace;

use std::process::ExitCode;

use command_line::{Command, USAGE};
use workspace::Workspace;

const USAGE_EXIT_CODE: u8 = 2;

fn main() -> ExitCode {
    match perform() {
        Ok(code) => code,
        Err(error) if error.is::<lexopt::Error>() => {
            terminal::failure(format!("{error}\n\n{USAGE}"));
            ExitCode::from(USAGE_EXIT_CODE)
        }
        Err(error) => {
            terminal::failure(format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn perform() -> anyhow::Result<ExitCode> {
    let command = Command::parse(lexopt::Parser::from_env())?;
    let workspace = Workspace::find()?;
    match command {
        Command::Dev(arguments) => return dev::run(&workspace, &arguments),
        Command::Run(arguments) => return application::run(&workspace, &arguments),
        Command::Fmt => stages::format(&workspace)?,
        Command::Build => drop(application::build(&workspace)?),
        Command::Test(only) => stages::run(&workspace, only)?,
        Command::Prove(amount, kinds) => {
            setup::run(&workspace)?;
            prove::run(&workspace, amount, &kinds)?;
        }
        Command::Fuzz(options) => fuzz::run(&workspace, &options)?,
        Command::PeersTest(parts) => peers::run(&workspace, &parts)?,
        Command::Bench(arguments) => bench::run(&workspace, &arguments)?,
        Command::Screenshots(arguments) => screenshots::run(&workspace, &arguments)?,
        Command::Setup => setup::run(&workspace)?,
        Command::Queries(mode) => queries::run(&workspace, mode)?,
        Command::Help => terminal::answer(USAGE),
    }
    Ok(ExitCode::SUCCESS)
}
