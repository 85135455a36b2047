//! The parent process: its token on our standard input, the handshake line on our standard output, when it wants no
//! more answers, and its death.
//!
//! A closed pipe is the only sign of the parent's death that every system gives: the operating system closes the
//! other end even when the parent was killed.

use std::io::{self, BufRead, Read, Write};
use std::process;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use serde::Serialize;
use tokio::sync::oneshot;

use crate::failure::Failure;

/// Bytes. Tokens are a few dozen; the limit keeps a parent that writes no line end from filling memory.
const MAX_TOKEN_BYTES: u64 = 4096;
/// The line that ends the process as soon as no request is under way.
const FINISH: &[u8] = b"finish\n";

/// The watched parent.
pub(crate) struct Parent {
    first_line: Receiver<FirstLine>,
    finish: oneshot::Receiver<()>,
}

impl Parent {
    /// Starts a thread that reads standard input; the end of the input ends this process.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn watch() -> Result<Self, Failure> {
        let (sender, first_line) = mpsc::channel();
        let (finishing, finish) = oneshot::channel();
        thread::Builder::new()
            .name("parent".into())
            .spawn(move || {
                let mut input = io::stdin().lock();
                let line = read_first_line(&mut input);
                if line != FirstLine::End {
                    // Start-up has failed if the receiver of the token was dropped.
                    drop(sender.send(line));
                    let mut second = Vec::new();
                    let read = (&mut input)
                        .take(MAX_TOKEN_BYTES)
                        .read_until(b'\n', &mut second);
                    if read.is_ok() && second == FINISH {
                        let _ = finishing.send(());
                    }
                    drop(io::copy(&mut input, &mut io::sink()));
                }
                end_at_once();
            })
            .map_err(Failure::Thread)?;
        Ok(Self { first_line, finish })
    }

    /// Waits for the bearer token, and returns it with a signal that the parent wants no more answers.
    ///
    /// # Errors
    /// [`Failure::NoToken`] when the first line cannot be one.
    pub(crate) fn token(self) -> Result<(String, oneshot::Receiver<()>), Failure> {
        match self.first_line.recv() {
            Ok(FirstLine::Token(token)) => Ok((token, self.finish)),
            _ => Err(Failure::NoToken),
        }
    }
}

/// Ends the process. An orderly exit would run llama.cpp's destructors concurrently with its computation, and
/// crash; waiting for the computation may take seconds. No parent is left to read an exit code.
fn end_at_once() -> ! {
    #[cfg(unix)]
    {
        use rustix::process::{Signal, getpid, kill_process};
        let _ = kill_process(getpid(), Signal::KILL);
    }
    process::exit(0)
}

#[derive(Debug, PartialEq, Eq)]
enum FirstLine {
    Token(String),
    NoToken,
    /// The input ended before a line.
    End,
}

fn read_first_line(input: &mut impl BufRead) -> FirstLine {
    let mut line = Vec::new();
    let read = input.take(MAX_TOKEN_BYTES).read_until(b'\n', &mut line);
    if read.is_err() || line.is_empty() {
        return FirstLine::End;
    }
    // Without a line end it is part of something longer, or of a parent that died while writing.
    let Some(line) = line.strip_suffix(b"\n") else {
        return FirstLine::NoToken;
    };
    match str::from_utf8(line.trim_ascii_end()) {
        Ok(token) if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            FirstLine::Token(token.to_owned())
        }
        _ => FirstLine::NoToken,
    }
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Announcement<'a> {
    Ready { port: u16, model: &'a str },
    Failed { code: &'a str, message: String },
}

/// Announces to the parent the port of the server and the name of the model.
pub(crate) fn announce_ready(port: u16, model: &str) {
    announce(&Announcement::Ready { port, model });
}

/// Announces to the parent why the engine cannot serve.
pub(crate) fn announce_failure(failure: &Failure) {
    announce(&Announcement::Failed {
        code: failure.code(),
        message: failure.to_string(),
    });
}

fn announce(announcement: &Announcement<'_>) {
    let mut output = io::stdout().lock();
    let line = serde_json::to_string(announcement).unwrap_or_default();
    // A parent that has closed the pipe is about to end, which the watching thread detects.
    drop(writeln!(output, "{line}").and_then(|()| output.flush()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_line(mut input: &[u8]) -> FirstLine {
        read_first_line(&mut input)
    }

    #[test]
    fn the_first_line_is_the_token() {
        let token = FirstLine::Token("secret".into());
        assert_eq!(first_line(b"secret\n"), token);
        assert_eq!(first_line(b"secret\r\nmore\n"), token);
    }

    #[test]
    fn an_end_before_the_line_is_the_parents_end() {
        assert_eq!(first_line(b""), FirstLine::End);
    }

    #[test]
    fn what_cannot_be_a_token_is_refused() {
        let endless = vec![b'x'; 10_000];
        for line in [&b"\n"[..], b"half", b"two words\n", b"\xff\xfe\n", &endless] {
            assert_eq!(first_line(line), FirstLine::NoToken);
        }
    }

    #[test]
    fn announcements_are_one_line_of_json() {
        let ready = Announcement::Ready {
            port: 1,
            model: "m",
        };
        assert_eq!(
            serde_json::to_string(&ready).unwrap(),
            r#"{"event":"ready","port":1,"model":"m"}"#
        );
        let failed = Announcement::Failed {
            code: "internal",
            message: "two\nlines".into(),
        };
        assert_eq!(
            serde_json::to_string(&failed).unwrap(),
            r#"{"event":"failed","code":"internal","message":"two\nlines"}"#
        );
    }
}
