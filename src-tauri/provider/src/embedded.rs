//! The embedded model's process: started on first use, supervised, restarted after it has ended.
//!
//! It is a child process so that a model that exhausts memory does not take the window with it. It exits when
//! its standard input closes, so it never outlives this process, however that ends. The protocol between
//! them: the bearer token on its first line of input, one line of JSON on its output when it is ready.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin};
use tokio::sync::Mutex;

use super::endpoint::Provider;
use super::failure::{Failure, FailureKind};
use crate::child;

/// Timeout of the start. Loading takes a tenth of a second; longer with a cold disk or a busy machine.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// The engine's executable, and where its model may be.
#[derive(Debug, Clone)]
pub struct EngineCommand {
    /// The executable, which takes `engine --model PATH`.
    pub program: PathBuf,
    /// Candidates for the model file; the first that exists is used.
    pub model_files: Vec<PathBuf>,
}

/// The embedded model, running or not.
#[derive(Debug)]
pub struct EmbeddedModel {
    command: EngineCommand,
    process: Mutex<Process>,
}

#[derive(Debug)]
enum Process {
    Stopped,
    Running(Box<Running>),
}

#[derive(Debug)]
struct Running {
    child: Child,
    /// Held open: its end of file makes the engine exit.
    _input: ChildStdin,
    reached: RunningModel,
}

/// The address of the running model, and its name there.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "field names say it")]
pub struct RunningModel {
    pub provider: Provider,
    pub model: String,
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Hello {
    Ready { port: u16, model: String },
    Failed { message: String },
}

impl EmbeddedModel {
    /// Creates the handle, without starting the model.
    pub fn new(command: EngineCommand) -> Self {
        Self {
            command,
            process: Mutex::new(Process::Stopped),
        }
    }

    /// Returns the model file.
    ///
    /// # Errors
    /// When none of the candidates exists.
    pub fn model_file(&self) -> Result<&PathBuf, Failure> {
        self.command
            .model_files
            .iter()
            .find(|file| file.is_file())
            .ok_or_else(|| {
                let place = self.command.model_files.first();
                failed(format!(
                    "The built-in model is missing: {} does not exist. Run `cargo xtask setup`, or choose another model",
                    place.map(|file| file.display().to_string()).unwrap_or_default()
                ))
            })
    }

    /// Returns the model's name: the file's, without the quantisation.
    pub fn name(&self) -> String {
        let file = self.command.model_files.first();
        let stem = file.and_then(|file| file.file_stem()?.to_str());
        let stem = stem.unwrap_or("embedded");
        stem.split('.').next().unwrap_or(stem).to_owned()
    }

    /// Returns the model's address, and starts it if it is not running.
    pub async fn reach(&self) -> Result<RunningModel, Failure> {
        let mut process = self.process.lock().await;
        if let Process::Running(running) = &mut *process
            && matches!(running.child.try_wait(), Ok(None))
        {
            return Ok(running.reached.clone());
        }
        *process = Process::Stopped;
        let running = self.start().await?;
        let reached = running.reached.clone();
        *process = Process::Running(Box::new(running));
        Ok(reached)
    }

    async fn start(&self) -> Result<Running, Failure> {
        let token = uuid::Uuid::new_v4().simple().to_string();
        let mut child = child::command(&self.command.program)
            .arg("engine")
            .arg("--model")
            .arg(self.model_file()?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(format!("The built-in model could not start: {error}")))?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("The built-in model could not start: no pipes"));
        };
        let hello = async {
            input.write_all(format!("{token}\n").as_bytes()).await?;
            input.flush().await?;
            let mut line = String::new();
            BufReader::new(output).read_line(&mut line).await?;
            std::io::Result::Ok(line)
        };
        let line = tokio::time::timeout(START_TIMEOUT, hello)
            .await
            .map_err(|_| failed("The built-in model did not start within a minute. Try again"))?
            .map_err(|error| failed(format!("The built-in model could not start: {error}")))?;
        let (port, model) = match serde_json::from_str(&line) {
            Ok(Hello::Ready { port, model }) => (port, model),
            Ok(Hello::Failed { message }) => return Err(failed(message)),
            Err(_) => {
                return Err(failed(
                    "The built-in model exited while it was starting. The machine may be out of memory",
                ));
            }
        };
        let address = format!("http://127.0.0.1:{port}/v1");
        let provider = Provider {
            id: "embedded".to_owned(),
            name: "the built-in model".to_owned(),
            // It generates one answer at a time.
            max_parallel: 1,
            ..Provider::openai(address, Some(SecretString::from(token)))
        };
        Ok(Running {
            child,
            _input: input,
            reached: RunningModel { provider, model },
        })
    }
}

fn failed(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::EmbeddedModel, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(program: &str, files: &[PathBuf]) -> EmbeddedModel {
        EmbeddedModel::new(EngineCommand {
            program: program.into(),
            model_files: files.to_vec(),
        })
    }

    #[tokio::test]
    async fn a_missing_model_says_where_it_should_be() {
        let failure = model("true", &["/nowhere/SmolLM2.Q4_1.gguf".into()])
            .reach()
            .await
            .unwrap_err();

        assert_eq!(failure.kind, FailureKind::EmbeddedModel);
        assert!(failure.message.contains("/nowhere/SmolLM2.Q4_1.gguf"));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn an_engine_that_ends_at_once_is_a_failure_and_not_a_hang() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let failure = model("true", &[file.path().to_owned()])
            .reach()
            .await
            .unwrap_err();

        assert_eq!(failure.kind, FailureKind::EmbeddedModel);
    }

    #[test]
    fn the_name_leaves_the_quantisation_out() {
        let model = model("x", &["/m/SmolLM2-135M-Instruct.Q4_1.gguf".into()]);
        assert_eq!(model.name(), "SmolLM2-135M-Instruct");
    }
}
