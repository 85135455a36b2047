//! One external program, started in one way, with one clear line when it fails.
//!
//! Every step goes through [`Tool`], so that every failure reports what was tried, the program's last line and what
//! to do about it.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::environment;
use crate::error::Error;
use crate::terminal;

const ABOVE: &str = "its messages stand above";

/// A program with its arguments, and what to do when it fails.
#[derive(Debug)]
pub(crate) struct Tool {
    command: Command,
    remedy: String,
}

impl Tool {
    /// Names a program; `remedy` completes the line of an error, for example `install cmake`.
    pub(crate) fn new(program: impl AsRef<OsStr>, remedy: impl Into<String>) -> Self {
        Self {
            command: Command::new(program),
            remedy: remedy.into(),
        }
    }

    /// Returns the cargo that runs this xtask, in the given folder.
    pub(crate) fn cargo(folder: &Path) -> Self {
        let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Self::new(program, ABOVE).dir(folder)
    }

    /// Returns the npm on the search path, in the given folder.
    pub(crate) fn npm(folder: &Path, remedy: impl Into<String>) -> Self {
        let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
        Self::new(program, remedy).dir(folder)
    }

    /// Returns the machine's Python 3.
    pub(crate) fn python(remedy: impl Into<String>) -> Self {
        // The Windows installer names the program python, other systems python3.
        let program = if cfg!(windows) { "python" } else { "python3" };
        Self::new(program, remedy)
    }

    /// Adds one argument.
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Limits its environment to what tests inherit.
    pub(crate) fn in_test_environment(mut self) -> Self {
        self.command.env_clear().envs(environment::inherited());
        self
    }

    /// Removes an environment variable.
    pub(crate) fn without_env(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Sets the working folder.
    pub(crate) fn dir(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Runs with inherited standard streams.
    ///
    /// # Errors
    /// When it does not start or does not end with exit code 0.
    pub(crate) fn run(self) -> Result<(), Error> {
        self.pass_through()?.end()
    }

    /// Runs with inherited standard streams and returns the exit status, whatever it is.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn status(self) -> Result<ExitStatus, Error> {
        self.pass_through()?.wait()
    }

    /// Starts with inherited standard streams.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn pass_through(mut self) -> Result<Running, Error> {
        let child = self.command.spawn();
        self.running(child)
    }

    /// Runs with inherited standard streams and quotes the last line of stderr in the error.
    ///
    /// # Errors
    /// When it does not start or does not end with exit code 0.
    pub(crate) fn run_quoting_stderr(self) -> Result<(), Error> {
        let mut lines = Vec::new();
        let running = self.listen(|line| {
            terminal::pass_on(line);
            lines.push(line.to_owned());
        })?;
        running.end_saying(last_message(&lines))
    }

    /// Runs, passes each line of stderr to `on_line`, and returns the program when its stderr is closed.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn listen(mut self, mut on_line: impl FnMut(&str)) -> Result<Running, Error> {
        self.command.stderr(Stdio::piped());
        let child = self.command.spawn();
        let mut running = self.running(child)?;
        if let Some(stderr) = running.child.stderr.take() {
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                on_line(String::from_utf8_lossy(&line).trim_end());
            }
        }
        Ok(running)
    }

    /// Runs quietly and returns what it wrote to stdout.
    ///
    /// # Errors
    /// When it does not start or does not end with exit code 0; its last line of stderr is part of
    /// the error.
    pub(crate) fn capture(mut self) -> Result<String, Error> {
        let output = self.command.stdin(Stdio::null()).output();
        let output = output.map_err(|source| self.start_error(source))?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(stdout);
        }
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let lines: Vec<String> = stdout
            .lines()
            .chain(stderr.lines())
            .map(str::to_owned)
            .collect();
        Err(self.failed(output.status, last_message(&lines)))
    }

    /// Runs quietly and returns what it wrote to stdout, also when it did not end with exit code 0.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn answer(mut self) -> Result<String, Error> {
        let output = self.command.stdin(Stdio::null()).output();
        let output = output.map_err(|source| self.start_error(source))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs quietly and returns whether it ended with exit code 0.
    pub(crate) fn succeeds(self) -> bool {
        self.capture().is_ok()
    }

    /// Returns the command line as a person would type it.
    pub(crate) fn line(&self) -> String {
        let program = Path::new(self.command.get_program());
        let program = program.file_stem().unwrap_or(program.as_os_str());
        std::iter::once(program)
            .chain(self.command.get_args())
            .map(|word| short(&word.to_string_lossy()))
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn running(self, child: std::io::Result<Child>) -> Result<Running, Error> {
        match child {
            Ok(child) => Ok(Running { child, tool: self }),
            Err(source) => Err(self.start_error(source)),
        }
    }

    fn start_error(&self, source: std::io::Error) -> Error {
        Error::Start {
            command: self.line(),
            source,
            remedy: self.remedy.clone(),
        }
    }

    fn failed(&self, status: ExitStatus, said: Option<String>) -> Error {
        Error::Failed {
            command: self.line(),
            how: status.code().map_or_else(
                || format!("was ended by {status}"),
                |code| format!("ended with exit code {code}"),
            ),
            said: said.map_or_else(String::new, |line| format!(": {line}")),
            remedy: self.remedy.clone(),
        }
    }
}

/// A program that was started.
#[derive(Debug)]
pub(crate) struct Running {
    /// The process.
    pub(crate) child: Child,
    tool: Tool,
}

impl Running {
    /// Waits until the process exits.
    ///
    /// # Errors
    /// When the process cannot be waited for.
    pub(crate) fn wait(&mut self) -> Result<ExitStatus, Error> {
        let status = self.child.wait();
        status.map_err(|source| self.tool.start_error(source))
    }

    /// Returns the exit status, or `None` while it runs.
    ///
    /// # Errors
    /// When the process cannot be waited for.
    pub(crate) fn try_wait(&mut self) -> Result<Option<ExitStatus>, Error> {
        let status = self.child.try_wait();
        status.map_err(|source| self.tool.start_error(source))
    }

    /// Ends the process and waits for it: by SIGTERM where there are signals, so that it can store its state.
    pub(crate) fn stop(&mut self) {
        let id = self.child.id().to_string();
        let kill = || Tool::new("kill", "").args(["-TERM", &id]);
        if !cfg!(unix) || !kill().succeeds() {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }

    /// Waits until the process exits and expects exit code 0.
    ///
    /// # Errors
    /// When it ends otherwise.
    pub(crate) fn end(self) -> Result<(), Error> {
        self.end_saying(None)
    }

    fn end_saying(mut self, said: Option<String>) -> Result<(), Error> {
        let status = self.wait()?;
        if status.success() {
            Ok(())
        } else {
            Err(self.tool.failed(status, said))
        }
    }
}

/// Returns the last meaningful line; npm ends with the path of its log instead.
fn last_message(lines: &[String]) -> Option<String> {
    lines
        .iter()
        .rev()
        .map(|line| line.trim())
        .find(|line| {
            !line.is_empty()
                && *line != "npm error"
                && !line.contains("A complete log of this run")
                && !line.contains("-debug-0.log")
        })
        .map(str::to_owned)
}

/// Quotes an argument with spaces and shortens a script to its first line.
fn short(word: &str) -> String {
    match word.trim_start().split_once('\n') {
        Some((first, _)) => format!("'{first} …'"),
        None if word.contains(' ') => format!("'{word}'"),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_last_word_skips_blank_lines_and_log_places() {
        let said = "npm error code EUSAGE\nnpm error\nnpm error A complete log of this run can be found in: x\n\n";
        assert_eq!(
            last_message(&lines(said)).as_deref(),
            Some("npm error code EUSAGE")
        );
        assert_eq!(last_message(&[]), None);
    }

    #[test]
    fn a_missing_program_names_the_remedy() {
        let error = Tool::new("no-such-program-of-conch", "install it")
            .arg("two words")
            .capture()
            .unwrap_err();
        let line = error.to_string();
        assert!(
            line.starts_with("cannot start `no-such-program-of-conch 'two words'`: "),
            "{line}"
        );
        assert!(line.ends_with("; install it"), "{line}");
    }

    #[test]
    fn a_failed_program_is_one_line_with_its_last_word() {
        let error = Tool::cargo(Path::new("."))
            .arg("no-such-command-of-conch")
            .capture()
            .unwrap_err();
        let line = error.to_string();
        assert!(line.contains("ended with exit code 101: "), "{line}");
        assert_eq!(line.lines().count(), 1, "{line}");
    }
}
