//! An X server without a screen, for the windows of the tests.
//!
//! The tests never use the developer's own display: a window that pops up under the cursor takes
//! the focus, and a window manager changes what is tested.

use std::io::{self, BufRead, BufReader};
use std::process::{ChildStdout, ExitStatus};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use crate::error::Error;
use crate::tool::{Running, Tool};

/// Xvfb picks a free display and writes its number to descriptor 3. The shell then waits for the end of its input,
/// which comes when xtask closes the pipe, also by being killed, and ends the server. Ctrl-C reaches the whole
/// process group, so the shell must survive it to do that.
const SERVE: &str = r#"
trap '' INT
Xvfb -displayfd 3 -screen 0 1280x800x24 -nolisten tcp -noreset 3>&1 2>&1 &
server=$!
exec >&-
cat >/dev/null
kill "$server" 2>/dev/null
wait "$server"
"#;

const REMEDY: &str = "see whether `Xvfb :99` starts by hand";

/// The interval at which a program and its X server are polled.
const LOOK: Duration = Duration::from_millis(100);

/// A running X server, which is ended on drop.
#[derive(Debug)]
pub(crate) struct Display {
    server: Running,
    name: String,
    end: Receiver<()>,
}

impl Display {
    /// Starts an X server on a free display.
    ///
    /// # Errors
    /// When Xvfb is missing or does not come up.
    pub(crate) fn start() -> Result<Self, Error> {
        let tool = Tool::new("sh", REMEDY).args(["-c", SERVE, "Xvfb"]);
        let mut server = tool.piped()?;
        let mut output = server.child.stdout.take().map(BufReader::new);
        let mut said = String::new();
        while let Some(line) = output.as_mut().and_then(next_line) {
            // The number is on a separate line, between warnings about displays that are taken.
            if let Ok(number) = line.parse::<u32>() {
                return Ok(Self {
                    server,
                    name: format!(":{number}"),
                    end: watch(output),
                });
            }
            said = line;
        }
        Err(Error::Missing {
            what: format!("Xvfb did not start: {said}"),
            remedy: REMEDY.to_owned(),
        })
    }

    /// Returns the value of `DISPLAY`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs a program to its end, and kills it when the X server ends first.
    ///
    /// # Errors
    /// When the program does not end with exit code 0, or outlives the X server.
    pub(crate) fn run(&self, tool: Tool) -> Result<(), Error> {
        let mut running = tool.pass_through()?;
        loop {
            if running.try_wait()?.is_some() {
                return running.end();
            }
            if self.has_ended() {
                drop(running.child.kill());
                let _: ExitStatus = running.wait()?;
                return Err(Error::DisplayEnded);
            }
            thread::sleep(LOOK);
        }
    }

    fn has_ended(&self) -> bool {
        self.end.try_recv() == Err(TryRecvError::Disconnected)
    }
}

fn next_line(output: &mut BufReader<ChildStdout>) -> Option<String> {
    let mut line = String::new();
    match output.read_line(&mut line) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(line.trim().to_owned()),
    }
}

/// Drains the server's output. Only the server holds the other end, so the pipe closes when it ends, and the
/// returned channel with it.
fn watch(output: Option<BufReader<ChildStdout>>) -> Receiver<()> {
    let (on_end, end) = channel();
    thread::spawn(move || {
        if let Some(mut output) = output {
            drop(io::copy(&mut output, &mut io::sink()));
        }
        drop(on_end);
    });
    end
}

impl Drop for Display {
    fn drop(&mut self) {
        drop(self.server.child.stdin.take());
        drop(self.server.child.wait());
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn answers(display: &str) -> bool {
        let number = display.trim_start_matches(':');
        UnixStream::connect(format!("/tmp/.X11-unix/X{number}")).is_ok()
    }

    #[test]
    fn two_displays_differ_and_end_with_their_values() {
        let first = Display::start().unwrap();
        let second = Display::start().unwrap();
        assert_ne!(first.name(), second.name());
        assert!(answers(first.name()) && !first.has_ended());
        let name = first.name().to_owned();
        drop(first);
        assert!(!answers(&name), "the server must end with its value");
        assert!(answers(second.name()), "and no other server with it");
    }

    #[test]
    fn a_program_does_not_outlive_its_display() {
        let display = Display::start().unwrap();
        let shell = display.server.child.id();
        let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        let server = children.split_whitespace().next().unwrap();
        // A program that would wait for ever kills its own X server.
        let script = format!("kill {server}; exec tail -f /dev/null");
        let error = display
            .run(Tool::new("sh", "").args(["-c", &script]))
            .unwrap_err();
        assert!(matches!(error, Error::DisplayEnded), "{error}");
    }

    #[test]
    fn the_end_of_a_program_is_its_own() {
        let display = Display::start().unwrap();
        display.run(Tool::new("true", "")).unwrap();
        let failed = display.run(Tool::new("false", "try again")).unwrap_err();
        assert_eq!(
            failed.to_string(),
            "`false` ended with exit code 1; try again"
        );
    }
}
