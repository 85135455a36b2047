//! The desktop shell: the windows of [`conch_core::App`].
//!
//! It owns what needs Tauri (windows, commands, events to the page, notifications) and no logic that holds without
//! a window. The window opens before the core has started, so that the page can show what a start waits for, or why
//! it failed; without a display, one line on standard error does.

mod api;
mod clipboard;
mod closing;
mod commands;
mod error;
mod events;
mod follow;
mod host;
#[cfg(debug_assertions)]
mod live_page;
mod log;
mod notifications;
mod opener;
mod process;
mod render;
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
use crate::process::ProviderVariables;

pub use api::ipc;
pub use error::IpcError;
pub use follow::Followers;
pub use host::Host;
pub use process::InheritedLimits;

/// Runs the application until its last window is closed. Must be called before any other thread exists; `inherited`
/// holds the umask and limits from before hardening.
pub fn run(inherited: InheritedLimits) -> ExitCode {
    let provider_variables = ProviderVariables::from_environment();
    log::start();
    let config = match window::display_missing() {
        None => config(&provider_variables),
        Some(reason) => return report_failure(reason),
    };
    window::tune_webview();
    let data_folder = config.data_folder.clone();
    #[cfg_attr(
        not(debug_assertions),
        expect(unused_mut, reason = "the page is the embedded one")
    )]
    let mut context = tauri::generate_context!();
    #[cfg(debug_assertions)]
    let live_page = live_page::LivePage::from_environment();
    #[cfg(debug_assertions)]
    if let Some(page) = &live_page {
        page.replace_in(&mut context);
    }
    let built = builder(Builder::default())
        .plugin(window::single_instance(&config))
        .plugin(window::window_state(&data_folder))
        .plugin(notifications::plugin())
        .manage(inherited)
        .manage(Notifications::default())
        .setup(move |app| {
            window::init(app.handle(), host::webview_folder(&data_folder));
            let handle = app.handle().clone();
            let host = Host::start_then(config, Arc::new(SystemClock::default()), move |core| {
                on_core_ready(handle.clone(), core)
            });
            app.manage(host);
            #[cfg(unix)]
            tauri::async_runtime::spawn(signals::exit_on_signal(app.handle().clone()));
            window::open(app.handle())?;
            #[cfg(debug_assertions)]
            if let Some(page) = live_page {
                page.reload_on_change(app.handle().clone());
            }
            Ok(())
        })
        .build(context);
    let app = match built {
        Ok(app) => app,
        #[cfg(unix)]
        Err(error) if window::lost_to_exiting_instance(&error) => {
            return start_again(&error, &inherited, &provider_variables);
        }
        Err(error) => return report_failure(&error.to_string()),
    };
    // From here on only the providers hold the keys.
    drop(provider_variables);
    app.run(|handle, event| {
        if let RunEvent::Exit = event {
            window::release_single_instance(handle);
            quit(handle);
            window::remove_temporary_folder(handle);
        }
    });
    ExitCode::SUCCESS
}

/// Adds the commands and the state that they rely on, except the [`Host`], which the caller manages
/// before a window opens. Generic over the runtime, so that tests run the real handlers on a mock.
pub fn builder<R: Runtime>(builder: Builder<R>) -> Builder<R> {
    let ipc = ipc::<R>();
    builder
        .invoke_handler(host::wait_until_started(ipc.invoke_handler()))
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

fn config(provider_variables: &ProviderVariables) -> Config {
    let program = std::env::current_exe().unwrap_or_else(|_| "conch".into());
    Config::from_environment(
        |name| provider_variables.variable(name),
        dirs::data_dir(),
        program,
    )
}

/// Restarts the executable in this process: a failed build leaves a GUI toolkit behind that can be initialized only
/// once. Tried once, or two instances that end each other would restart for ever.
#[cfg(unix)]
fn start_again(
    reason: &tauri::Error,
    inherited: &InheritedLimits,
    provider_variables: &ProviderVariables,
) -> ExitCode {
    use std::os::unix::process::CommandExt;

    const STARTED_AGAIN: &str = "CONCH_STARTED_AGAIN";
    if std::env::var_os(STARTED_AGAIN).is_some() {
        return report_failure(&format!("{reason}. Start Conch again"));
    }
    let failed = std::env::current_exe().map(|program| {
        inherited.restore();
        std::process::Command::new(program)
            .args(std::env::args_os().skip(1))
            .env(STARTED_AGAIN, "1")
            .envs(provider_variables.all())
            .exec()
    });
    let (Ok(error) | Err(error)) = failed;
    report_failure(&format!(
        "{reason}, and Conch could not be restarted: {error}"
    ))
}

/// Forwards the events of a started core to the windows, starts its notifications, and applies the zoom setting.
async fn on_core_ready(handle: tauri::AppHandle, core: Arc<App>) {
    tauri::async_runtime::spawn(events::forward(handle.clone(), core.subscribe()));
    let notifications = handle.state::<Notifications>();
    notifications.start(handle.clone(), Arc::clone(&core));
    match core.settings.get().await {
        Ok(settings) => window::zoom_all(&handle, settings.zoom),
        Err(error) => tracing::warn!(%error, "the zoom setting could not be read"),
    }
}

fn quit<R: Runtime>(handle: &tauri::AppHandle<R>) {
    let host = handle.state::<Host>().inner().clone();
    tauri::async_runtime::block_on(async move { host.quit().await });
}

fn report_failure(reason: &str) -> ExitCode {
    // There is no window to show it in.
    log::say(reason);
    ExitCode::FAILURE
}
