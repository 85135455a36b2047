//! The core as commands reach it: starting, running, or failed to start.
//!
//! The core starts in the background, so that the window opens first. Commands that need it wait in one place,
//! [`wait_until_started`], until it runs or has failed.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use conch_core::clock::Clock;
use conch_core::recovery::{Recovery, Replacement};
use conch_core::start::{Notice, ProgressReporter, Stage};
use conch_core::{App, Config, ErrorCode};
use serde::Serialize;
use specta::Type;
use tauri::async_runtime::{JoinHandle, spawn};
use tauri::ipc::Invoke;
use tauri::{Manager, Runtime};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::error::IpcError;

/// Commands that do not need a running core.
const WITHOUT_CORE: [&str; 7] = [
    "open_data_folder",
    "save_readable",
    "start_status",
    "start_with_backup",
    "start_with_empty",
    "start_with_saved",
    "ways_on",
];

/// A callback that runs on a started core before it serves commands.
type Ready = dyn Fn(Arc<App>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

/// The core: starting, running, failed or ended.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

struct Inner {
    config: Config,
    clock: Arc<dyn Clock>,
    ready: Box<Ready>,
    state: watch::Sender<State>,
    starting: Mutex<Option<Start>>,
    /// Held while the database is replaced: a double click replaces it once.
    replacement_lock: tokio::sync::Mutex<()>,
}

/// A start in progress.
struct Start {
    opening: AbortHandle,
    /// Completes when the start does, whatever its outcome.
    supervisor: JoinHandle<()>,
}

#[derive(Clone)]
enum State {
    Starting(ProgressReporter),
    Running(Arc<App>, Arc<Mutex<Vec<Notice>>>),
    Failed(IpcError),
    Ended,
}

/// The progress of the start.
#[derive(Debug, Clone, Serialize, Type)]
#[serde(tag = "type", rename_all = "camelCase")]
pub(crate) enum StartStatus {
    /// The start is in progress.
    Starting { stage: Stage },
    /// The core serves commands.
    Running {
        /// What the user has to know about the start; each notice is returned once.
        notices: Vec<Notice>,
    },
    /// The start failed; every command returns the reason.
    Failed,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

impl Host {
    /// Starts the core in the background. A failure is kept and returned by every command, so that the page can
    /// show it.
    pub fn start(config: Config, clock: Arc<dyn Clock>) -> Self {
        Self::start_then(config, clock, |_| async {})
    }

    /// Like [`Host::start`], but awaits `ready` with the core before it serves commands.
    pub fn start_then<F>(
        config: Config,
        clock: Arc<dyn Clock>,
        ready: impl Fn(Arc<App>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let host = Self(Arc::new(Inner {
            config,
            clock,
            ready: Box::new(move |app| Box::pin(ready(app))),
            state: watch::Sender::new(State::Ended),
            starting: Mutex::default(),
            replacement_lock: tokio::sync::Mutex::default(),
        }));
        host.begin();
        host
    }

    fn begin(&self) {
        let (inner, reporter) = (Arc::clone(&self.0), ProgressReporter::default());
        inner.state.send_replace(State::Starting(reporter.clone()));
        let opening = spawn(async move {
            let opened =
                App::open_with_progress(inner.config.clone(), Arc::clone(&inner.clock), &reporter)
                    .await;
            match opened {
                Ok(app) => {
                    (inner.ready)(Arc::clone(&app)).await;
                    let notices = Arc::new(Mutex::new(reporter.progress().notices));
                    if !inner.end_start(State::Running(Arc::clone(&app), notices)) {
                        app.quit().await;
                    }
                }
                Err(error) => drop(inner.end_start(State::Failed(error.into()))),
            }
        });
        let (inner, abort) = (Arc::clone(&self.0), opening.inner().abort_handle());
        let supervisor = spawn(async move {
            if let Err(error) = opening.await {
                let failed = State::Failed(IpcError::new(
                    ErrorCode::Internal,
                    "Internal error while Conch was starting. Restart Conch",
                ));
                if inner.end_start(failed) {
                    tracing::error!(%error, "the start did not complete");
                }
            }
        });
        *self.starting() = Some(Start {
            opening: abort,
            supervisor,
        });
    }

    fn starting(&self) -> MutexGuard<'_, Option<Start>> {
        self.0
            .starting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> State {
        self.0.state.borrow().clone()
    }

    /// Returns the running core.
    ///
    /// # Errors
    /// When it failed to start, is still starting, or is shutting down.
    pub fn app(&self) -> Result<Arc<App>, IpcError> {
        match self.state() {
            State::Running(app, _) => Ok(app),
            State::Failed(error) => Err(error),
            State::Starting(_) => Err(IpcError::new(
                ErrorCode::Internal,
                "Conch is still starting. Try again in a moment",
            )),
            State::Ended => Err(conch_core::Error::ShuttingDown.into()),
        }
    }

    fn is_starting(&self) -> bool {
        matches!(*self.0.state.borrow(), State::Starting(_))
    }

    /// Waits until the core runs or has failed to start.
    pub async fn started(&self) {
        let mut state = self.0.state.subscribe();
        let started = state.wait_for(|state| !matches!(state, State::Starting(_)));
        let _ = started.await;
    }

    /// Returns the progress of the start as soon as its stage differs from `seen`.
    pub(crate) async fn status(&self, seen: Option<Stage>) -> StartStatus {
        let mut states = self.0.state.subscribe();
        loop {
            let reporter = match &*states.borrow_and_update() {
                State::Starting(reporter) => reporter.clone(),
                State::Running(_, notices) => {
                    let mut notices = notices.lock().unwrap_or_else(PoisonError::into_inner);
                    return StartStatus::Running {
                        notices: std::mem::take(&mut notices),
                    };
                }
                State::Failed(_) | State::Ended => return StartStatus::Failed,
            };
            let mut progress = reporter.subscribe();
            let stage = progress.borrow_and_update().stage;
            if Some(stage) != seen {
                return StartStatus::Starting { stage };
            }
            tokio::select! {
                _ = states.changed() => {}
                _ = progress.changed() => {}
            }
        }
    }

    /// Returns the recovery of the data folder, for when it cannot be opened.
    pub(crate) fn recovery(&self) -> Recovery {
        let folder = self.0.config.data_folder.clone();
        Recovery::new(folder, Arc::clone(&self.0.clock))
    }

    /// Replaces the database that cannot be opened or was found damaged, and starts with the replacement.
    pub(crate) async fn start_with(&self, replacement: Replacement) -> Result<(), IpcError> {
        let _one = self.0.replacement_lock.lock().await;
        match self.state() {
            State::Running(app, _) if !app.is_damaged() => return Ok(()),
            State::Running(app, _) => app.quit().await,
            State::Failed(_) => {}
            State::Starting(_) | State::Ended => return self.app().map(drop),
        }
        let replaced = self.recovery().replace(&replacement).await;
        if let Err(error) = replaced {
            let error = IpcError::from(error);
            // The core that was running has been shut down.
            if matches!(self.state(), State::Running(..)) {
                self.0.state.send_replace(State::Failed(error.clone()));
            }
            return Err(error);
        }
        self.begin();
        self.started().await;
        self.app().map(drop)
    }

    /// Shuts down the core, or aborts its start.
    pub async fn quit(&self) {
        match self.0.state.send_replace(State::Ended) {
            State::Running(app, _) => app.quit().await,
            State::Starting(_) => {
                let starting = self.starting().take();
                if let Some(start) = starting {
                    start.opening.abort();
                    let _ = start.supervisor.await;
                }
            }
            State::Failed(_) | State::Ended => {}
        }
    }
}

impl Inner {
    /// Ends the start with `state`. Returns false when the start was aborted before.
    fn end_start(&self, state: State) -> bool {
        self.state.send_if_modified(|now| {
            let is_starting = matches!(now, State::Starting(_));
            if is_starting {
                *now = state;
            }
            is_starting
        })
    }
}

/// Wraps the command handler: commands that need the core wait until it runs or has failed. After the start they
/// pass straight through.
pub(crate) fn wait_until_started<R: Runtime>(
    handler: impl Fn(Invoke<R>) -> bool + Send + Sync + 'static,
) -> impl Fn(Invoke<R>) -> bool + Send + Sync + 'static {
    let handler = Arc::new(handler);
    move |invoke| {
        let host = invoke.message.webview_ref().try_state::<Host>();
        let is_free = WITHOUT_CORE.contains(&invoke.message.command());
        let Some(host) = host.filter(|host| !is_free && host.is_starting()) else {
            return handler(invoke);
        };
        let (host, handler) = (host.inner().clone(), Arc::clone(&handler));
        spawn(async move {
            host.started().await;
            let (resolver, command) =
                (invoke.resolver.clone(), invoke.message.command().to_owned());
            if !handler(invoke) {
                resolver.reject(format!("Command {command} not found"));
            }
        });
        true
    }
}

/// Returns the web views' data directory, or `None` when the data folder cannot be written.
pub(crate) fn webview_folder(data_folder: &Path) -> Option<std::path::PathBuf> {
    let folder = data_folder.join("webview");
    conch_core::make_private_folder(&folder).ok()?;
    Some(folder)
}
