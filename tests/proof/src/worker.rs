//! Child processes of the campaign: this executable again, with a worker's name as first argument.

use std::process::{Command, Stdio};

use anyhow::Context;

/// A function that must run in a separate process.
pub(crate) struct Worker {
    /// The first argument.
    pub(crate) name: &'static str,
    /// Takes the other arguments.
    pub(crate) work: fn(&[String]) -> anyhow::Result<()>,
}

/// The workers of all kinds.
const WORKERS: &[Worker] = &[
    crate::processes::WORKER,
    crate::kill::WORKER,
    crate::steps::WORKER,
];

/// Returns the worker of this name.
pub(crate) fn named(name: &str) -> Option<&'static Worker> {
    WORKERS.iter().find(|worker| worker.name == name)
}

impl Worker {
    /// Returns the command that starts it, with no stdin and with stdout piped.
    pub(crate) fn command(&self) -> anyhow::Result<Command> {
        let own = std::env::current_exe().context("this program's own path")?;
        let mut command = Command::new(own);
        command
            .arg(self.name)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        Ok(command)
    }
}
