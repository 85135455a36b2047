//! The processes of the campaign's own: this executable again, with a worker's name first.

use std::process::{Command, Stdio};

use anyhow::Context;

/// Something that must happen in a process of its own.
pub(crate) struct Worker {
    /// The first argument.
    pub(crate) name: &'static str,
    /// Gets the other arguments.
    pub(crate) work: fn(&[String]) -> anyhow::Result<()>,
}

/// The workers of all kinds.
const WORKERS: &[Worker] = &[
    crate::processes::WORKER,
    crate::kill::WORKER,
    crate::steps::WORKER,
];

/// The worker of this name.
pub(crate) fn named(name: &str) -> Option<&'static Worker> {
    WORKERS.iter().find(|worker| worker.name == name)
}

impl Worker {
    /// A command that starts it: it reads nothing, and what it says is read.
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
