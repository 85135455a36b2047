//! The embedded model's process: started on first use, supervised, restarted after it has ended.
//!
//! It is a child process so that a model that exhausts memory does not take the window with it. It exits when
//! its standard input closes, so it never outlives this process, however that ends. The protocol between
//! them: the bearer token on its first line of input, one line of JSON on its output when it is ready.
//!
//! The model is a file: the one that is installed with Conch, or the user's own. After another file was chosen, the
//! process of the one before finishes its answers.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex as StdMutex, PoisonError};
use std::time::{Duration, SystemTime};

use conch_gguf::{Fault, ModelFile};
use secrecy::SecretString;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin};
use tokio::sync::Mutex;

use super::endpoint::Provider;
use super::failure::{Failure, FailureKind, ModelFault};
use crate::child;

/// Timeout of the start. Loading takes a tenth of a second; longer with a cold disk or a busy machine.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// The engine's executable, and where its model may be.
#[derive(Debug, Clone)]
pub struct EngineCommand {
    /// The executable, which takes `engine --model PATH`.
    pub program: PathBuf,
    /// Candidates for the model file where the user chose none; the first that exists is used.
    pub model_files: Vec<PathBuf>,
}

/// The embedded model, running or not.
#[derive(Debug)]
pub struct EmbeddedModel {
    command: EngineCommand,
    processes: Mutex<Processes>,
    /// The file that was read last, and what it is.
    known: StdMutex<Option<(Stamp, ModelFile)>>,
}

/// What changes with a file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    path: PathBuf,
    bytes: u64,
    changed: Option<SystemTime>,
}

#[derive(Debug, Default)]
struct Processes {
    /// Takes new requests.
    current: Option<Box<Running>>,
    /// Those of other files, until their answers are complete.
    finishing: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    /// Held open: its end of file makes the engine exit.
    input: ChildStdin,
    file: PathBuf,
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
    Failed { code: String, message: String },
}

impl EmbeddedModel {
    /// Creates the handle, without starting the model.
    pub fn new(command: EngineCommand) -> Self {
        Self {
            command,
            processes: Mutex::default(),
            known: StdMutex::default(),
        }
    }

    /// Returns what the model's file is; `chosen` is the user's own.
    ///
    /// # Errors
    /// When it is absent, or no model that answers.
    pub async fn file(&self, chosen: Option<&Path>) -> Result<ModelFile, Failure> {
        let path = self.path(chosen)?;
        let stamp = tokio::fs::metadata(&path).await.ok().map(|file| Stamp {
            path: path.clone(),
            bytes: file.len(),
            changed: file.modified().ok(),
        });
        if let Some(known) = self.known(stamp.as_ref()) {
            return Ok(known);
        }
        let file = inspect(path).await.map_err(|fault| {
            let kind = FailureKind::ModelFile(ModelFault::of(&fault));
            Failure::new(kind, fault.to_string())
        })?;
        if let Some(stamp) = stamp {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            *known = Some((stamp, file.clone()));
        }
        Ok(file)
    }

    fn known(&self, stamp: Option<&Stamp>) -> Option<ModelFile> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, file) = known.as_ref()?;
        // Other parts of a model may have gone meanwhile: that shows when it is loaded.
        (Some(of) == stamp).then(|| file.clone())
    }

    fn path(&self, chosen: Option<&Path>) -> Result<PathBuf, Failure> {
        if let Some(chosen) = chosen {
            return Ok(chosen.to_owned());
        }
        let mut files = self.command.model_files.iter();
        files.find(|file| file.is_file()).cloned().ok_or_else(|| {
            let place = self.command.model_files.first();
            Failure::new(
                FailureKind::ModelFile(ModelFault::Missing),
                format!(
                    "The built-in model is missing: {} does not exist. Run `cargo xtask setup`, choose a model file in the settings, or choose another model",
                    place.map(|file| file.display().to_string()).unwrap_or_default()
                ),
            )
        })
    }

    /// Returns the model's name: the file's, without the quantisation.
    pub fn name(&self, chosen: Option<&Path>) -> String {
        let usual = || self.command.model_files.first().map(PathBuf::as_path);
        chosen
            .or_else(usual)
            .map_or_else(|| "embedded".to_owned(), conch_gguf::name_of)
    }

    /// Returns the model's address, and starts it if it is not running.
    pub async fn reach(&self, chosen: Option<&Path>) -> Result<RunningModel, Failure> {
        let mut processes = self.processes.lock().await;
        processes.finishing.retain_mut(Running::is_alive);
        let path = self.path(chosen)?;
        if let Some(mut running) = processes.current.take()
            && running.is_alive()
        {
            if running.file == path {
                let reached = running.reached.clone();
                processes.current = Some(running);
                return Ok(reached);
            }
            running.finish().await;
            processes.finishing.push(*running);
        }
        // Checked here, too, because the engine loads all of its code first.
        self.file(chosen).await?;
        let running = self.start(path).await?;
        let reached = running.reached.clone();
        processes.current = Some(Box::new(running));
        Ok(reached)
    }

    async fn start(&self, file: PathBuf) -> Result<Running, Failure> {
        let token = uuid::Uuid::new_v4().simple().to_string();
        let mut child = child::command(&self.command.program)
            .arg("engine")
            .arg("--model")
            .arg(&file)
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
            Ok(Hello::Failed { code, message }) => {
                let kind = ModelFault::from_name(&code)
                    .map_or(FailureKind::EmbeddedModel, FailureKind::ModelFile);
                return Err(Failure::new(kind, message));
            }
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
            input,
            file,
            reached: RunningModel { provider, model },
        })
    }
}

impl Running {
    fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Lets it exit when its answers are complete.
    async fn finish(&mut self) {
        let asked = self.input.write_all(b"finish\n").await;
        if asked.is_err() || self.input.flush().await.is_err() {
            tracing::debug!("the model's process has ended already");
        }
    }
}

/// Reads a model file's header, which may be on a slow drive.
async fn inspect(path: PathBuf) -> Result<ModelFile, Fault> {
    let reading = tokio::task::spawn_blocking({
        let path = path.clone();
        move || conch_gguf::inspect(&path)
    });
    reading.await.unwrap_or_else(|error| {
        Err(Fault::Missing {
            path,
            reason: std::io::Error::other(error),
        })
    })
}

fn failed(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::EmbeddedModel, message)
}

#[cfg(test)]
mod tests {
    use conch_gguf::testing::{Sample, Value};

    use super::*;

    fn model(program: &str, files: &[PathBuf]) -> EmbeddedModel {
        EmbeddedModel::new(EngineCommand {
            program: program.into(),
            model_files: files.to_vec(),
        })
    }

    /// Writes a whole model file.
    fn file(folder: &tempfile::TempDir, name: &str, sample: &Sample) -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, sample.bytes()).unwrap();
        path
    }

    #[tokio::test]
    async fn a_missing_model_says_where_it_should_be() {
        let failure = model("true", &["/nowhere/SmolLM2.Q4_1.gguf".into()])
            .reach(None)
            .await
            .unwrap_err();

        assert_eq!(failure.kind.name(), "model_missing");
        assert!(failure.message.contains("/nowhere/SmolLM2.Q4_1.gguf"));
    }

    #[tokio::test]
    async fn an_own_file_that_is_no_model_says_why_before_anything_starts() {
        let folder = tempfile::tempdir().unwrap();
        let embedding = file(&folder, "e.gguf", &Sample::of("bert"));
        for (path, code) in [
            (folder.path().join("absent.gguf"), "model_missing"),
            (embedding, "model_not_for_chat"),
        ] {
            let failure = model("/nowhere/conch", &[])
                .reach(Some(&path))
                .await
                .unwrap_err();
            assert_eq!(failure.kind.name(), code, "{failure:?}");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn an_engine_that_ends_at_once_is_a_failure_and_not_a_hang() {
        let folder = tempfile::tempdir().unwrap();
        let failure = model("true", &[file(&folder, "m.gguf", &Sample::default())])
            .reach(None)
            .await
            .unwrap_err();

        assert_eq!(failure.kind, FailureKind::EmbeddedModel);
    }

    #[tokio::test]
    async fn a_file_that_changes_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(&folder, "m.gguf", &Sample::default());
        let model = model("true", &[]);
        assert!(!model.file(Some(&path)).await.unwrap().has_chat_template);
        let chat = Sample::default().with("tokenizer.chat_template", Value::Text("{{ x }}"));
        file(&folder, "m.gguf", &chat);
        assert!(model.file(Some(&path)).await.unwrap().has_chat_template);
    }

    #[test]
    fn the_name_leaves_the_quantisation_out() {
        let model = model("x", &["/m/SmolLM2-135M-Instruct.Q4_1.gguf".into()]);
        assert_eq!(model.name(None), "SmolLM2-135M-Instruct");
        let own = Path::new("/m/Qwen3-0.6B-Q8_0.gguf");
        assert_eq!(model.name(Some(own)), "Qwen3-0.6B");
    }
}
