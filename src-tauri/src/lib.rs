//! The desktop shell: a window around [`conch_core::App`].
//!
//! It owns what needs Tauri (windows, commands, events to the page, notifications) and nothing that
//! is true without a window. The window is there before the core has started, so that the page can
//! say what a start waits for, or why it failed; where there is no display, one line on standard error says it.

mod api;
mod clipboard;
mod closing;
mod commands;
mod error;
mod events;
mod follow;
mod host;
mod log;
mod notifications;
mod opening;
mod process;
#[cfg(unix)]
mod signals;
mod web_process;
mod window;

use std::process::ExitCode;
use std::sync::Arc;

use conch_core::clock::SystemClock;
use conch_core::{App, Config};
use tauri::{Builder, Manager, RunEvent, Runtime};

use crate::notifications::Notifications;
use crate::process::Taken;

pub use api::ipc;
pub use error::IpcError;
pub use follow::Followers;
pub use host::Host;
pub use process::Given;

/// Runs the application until its last window is closed. Must be called before any other thread exists;
/// `given` is what the process was given and keeps no more.
pub fn run(given: Given) -> ExitCode {
    let taken = Taken::from_environment();
    log::start();
    let config = match window::display_missing() {
        None => config(&taken),
        Some(reason) => return refuse(reason),
    };
    window::tune_webview();
    let data_folder = config.data_folder.clone();
    let built = builder(Builder::default())
        .plugin(window::single_instance(&config))
        .plugin(window::remember_place(&data_folder))
        .plugin(notifications::plugin())
        .manage(given)
        .manage(Notifications::default())
        .setup(move |app| {
            window::begin(app.handle(), host::webview_folder(&data_folder));
            let handle = app.handle().clone();
            let host = Host::start_then(config, Arc::new(SystemClock::default()), move |core| {
                welcome(handle.clone(), core)
            });
            app.manage(host);
            #[cfg(unix)]
            tauri::async_runtime::spawn(signals::exit_when_told(app.handle().clone()));
            window::open(app.handle())?;
            Ok(())
        })
        .build(tauri::generate_context!());
    let app = match built {
        Ok(app) => app,
        #[cfg(unix)]
        Err(error) if window::lost_to_one_that_ended(&error) => {
            return start_again(&error, &given, &taken);
        }
        Err(error) => return refuse(&error.to_string()),
    };
    // What is left of the keys is where the providers are.
    drop(taken);
    app.run(|handle, event| {
        if let RunEvent::Exit = event {
            window::give_up_place(handle);
            quit(handle);
            window::end(handle);
        }
    });
    ExitCode::SUCCESS
}

/// Adds the commands and the state that they rely on, except the [`Host`], which the caller manages
/// before a window opens. Generic over the runtime, so that tests run the real handlers on a mock.
pub fn builder<R: Runtime>(builder: Builder<R>) -> Builder<R> {
    let ipc = ipc::<R>();
    builder
        .invoke_handler(host::once_started(ipc.invoke_handler()))
        .manage(Followers::default())
        .plugin(
            tauri::plugin::Builder::<R, ()>::new("typed-events")
                .setup(move |app, _| {
                    ipc.mount_events(app);
                    Ok(())
                })
                .build(),
        )
}

fn config(taken: &Taken) -> Config {
    let program = std::env::current_exe().unwrap_or_else(|_| "conch".into());
    Config::from_environment(|name| taken.variable(name), dirs::data_dir(), program)
}

/// Starts the executable anew in this process: a failed build leaves a toolkit behind that begins only
/// once. It is tried once, or two that end each other would go on for ever.
#[cfg(unix)]
fn start_again(reason: &tauri::Error, given: &Given, taken: &Taken) -> ExitCode {
    use std::os::unix::process::CommandExt;

    const STARTED_AGAIN: &str = "CONCH_STARTED_AGAIN";
    if std::env::var_os(STARTED_AGAIN).is_some() {
        return refuse(&format!("{reason}. Start Conch once more"));
    }
    let failed = std::env::current_exe().map(|program| {
        given.restore();
        std::process::Command::new(program)
            .args(std::env::args_os().skip(1))
            .env(STARTED_AGAIN, "1")
            .envs(taken.all())
            .exec()
    });
    let (Ok(error) | Err(error)) = failed;
    refuse(&format!("{reason}, and it could not start again: {error}"))
}

/// Has the windows told what happens in a core that has started, and drawn as large as it says.
async fn welcome(handle: tauri::AppHandle, core: Arc<App>) {
    tauri::async_runtime::spawn(events::forward(handle.clone(), core.subscribe()));
    let notifications = handle.state::<Notifications>();
    notifications.start(handle.clone(), Arc::clone(&core));
    match core.settings().await {
        Ok(settings) => window::zoom_all(&handle, settings.zoom),
        Err(error) => tracing::warn!(%error, "the zoom is not known"),
    }
}

fn quit<R: Runtime>(handle: &tauri::AppHandle<R>) {
    let host = handle.state::<Host>().inner().clone();
    tauri::async_runtime::block_on(async move { host.quit().await });
}

fn refuse(reason: &str) -> ExitCode {
    // There is no window to say it in.
    log::say(reason);
    ExitCode::FAILURE
}
