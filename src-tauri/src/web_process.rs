//! The processes of the web views.
//!
//! Recovery from a crash of a window's web process: the page is reloaded, which starts a new process, and continues
//! from the core's state. After repeated crashes it is not reloaded; a dialog then says so and offers a button.
//!
//! WebKitGTK leaves this to the application. On macOS Tauri does it, and `WebView2` shows its own page.

use std::collections::VecDeque;
use std::time::Duration;

use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};

/// How often [`end_all`] looks whether the processes have ended: for some 2 s.
const CHECKS: u32 = 200;

const CHECK_INTERVAL: Duration = Duration::from_millis(10);

/// Ends the processes of all web views of this application, and returns when they have ended, after 2 s at the
/// latest. On its own WebKit's network process ends only after the application, and writes until then.
pub(crate) fn end_all() {
    let this = Pid::from_u32(std::process::id());
    let mut system = match System::new() {
        Ok(system) => system,
        Err(error) => return tracing::warn!(%error, "the processes could not be listed"),
    };
    for _ in 0..CHECKS {
        system.refresh_processes_specifics(
            ProcessesToUpdate::All,
            true,
            ProcessRefreshKind::nothing().without_tasks(),
        );
        let all = system.processes().values();
        let running: Vec<&Process> = all
            .filter(|process| is_of_web_view(process, this))
            .collect();
        if running.is_empty() {
            return;
        }
        for process in running {
            process.kill();
        }
        std::thread::sleep(CHECK_INTERVAL);
    }
    tracing::warn!("the web views' processes did not end");
}

/// Returns whether a process is a running child of `application` that belongs to WebKitGTK or `WebView2`. Other
/// children are programs that the user opened, such as a browser.
fn is_of_web_view(process: &Process, application: Pid) -> bool {
    let name = process.name().to_string_lossy();
    process.parent() == Some(application)
        && (name.starts_with("WebKit") || name.starts_with("msedgewebview2"))
        && !matches!(
            process.status(),
            ProcessStatus::Zombie | ProcessStatus::Dead
        )
}

/// The most automatic reloads within [`RELOAD_PERIOD`].
const MAX_RELOADS: usize = 3;

/// The sliding window over which reloads are counted.
const RELOAD_PERIOD: Duration = Duration::from_mins(1);

/// The times of a page's automatic reloads, on the monotonic clock.
#[derive(Debug, Default)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "used on Linux"))]
struct ReloadLimiter(VecDeque<Duration>);

#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "used on Linux"))]
impl ReloadLimiter {
    /// Returns whether the page may be reloaded now, and counts that reload.
    fn try_acquire(&mut self, now: Duration) -> bool {
        while self
            .0
            .front()
            .is_some_and(|then| now.saturating_sub(*then) >= RELOAD_PERIOD)
        {
            self.0.pop_front();
        }
        if self.0.len() == MAX_RELOADS {
            return false;
        }
        self.0.push_back(now);
        true
    }

    /// Clears the count: the user chose to try again.
    fn forget(&mut self) {
        self.0.clear();
    }
}

/// Reloads the window's page when its web process crashes.
#[cfg(target_os = "linux")]
pub(crate) use linux::watch;

#[cfg(not(target_os = "linux"))]
pub(crate) fn watch<R: tauri::Runtime>(_: &tauri::WebviewWindow<R>) -> tauri::Result<()> {
    Ok(())
}

#[cfg(target_os = "linux")]
mod linux {
    use std::cell::RefCell;
    use std::rc::Rc;

    use conch_core::clock::{Clock, SystemClock};
    use gtk::prelude::*;
    use gtk::{ButtonsType, DialogFlags, MessageDialog, MessageType, ResponseType, Window};
    use tauri::{Runtime, WebviewWindow};
    use webkit2gtk::{WebView, WebViewExt};

    use super::ReloadLimiter;

    pub(crate) fn watch<R: Runtime>(window: &WebviewWindow<R>) -> tauri::Result<()> {
        window.with_webview(|webview| {
            let clock = SystemClock::default();
            let reloads = Rc::new(RefCell::new(ReloadLimiter::default()));
            webview
                .inner()
                .connect_web_process_terminated(move |view, reason| {
                    tracing::error!(?reason, "the web process of a window ended");
                    if reloads.borrow_mut().try_acquire(clock.monotonic()) {
                        view.reload();
                    } else {
                        offer_another(view, Rc::clone(&reloads));
                    }
                });
        })
    }

    /// Shows a dialog that the page keeps crashing, and reloads it when the user chooses to. A native dialog: what
    /// crashes the page would also crash one that the web view draws.
    fn offer_another(view: &WebView, reloads: Rc<RefCell<ReloadLimiter>>) {
        let window = view
            .toplevel()
            .and_then(|window| window.downcast::<Window>().ok());
        let dialog = MessageDialog::new(
            window.as_ref(),
            DialogFlags::DESTROY_WITH_PARENT,
            MessageType::Error,
            ButtonsType::None,
            "The window's content keeps crashing",
        );
        dialog.set_title("Conch");
        dialog.set_secondary_text(Some(
            "Your conversations are safe, and running answers continue. The computer may be low on memory. Close other applications, then try again.",
        ));
        dialog.add_button("Try Again", ResponseType::Accept);
        dialog.set_default_response(ResponseType::Accept);
        let view = view.clone();
        dialog.connect_response(move |dialog, response| {
            #[expect(unsafe_code, reason = "nothing uses the dialog any more")]
            unsafe {
                dialog.destroy();
            }
            if response == ResponseType::Accept {
                reloads.borrow_mut().forget();
                view.reload();
            }
        });
        dialog.show_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn only_the_web_views_processes_are_ended() {
        use std::io::Read;
        use std::process::{Child, Command, Stdio};

        /// Starts a process of that name, which waits until its input ends.
        fn start(name: &str) -> Child {
            let script = format!("printf {name} >/proc/$$/comm && printf . && read -r _");
            let mut command = Command::new("sh");
            command.args(["-c", &script]);
            let mut child = command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut named = [0];
            child
                .stdout
                .as_mut()
                .unwrap()
                .read_exact(&mut named)
                .unwrap();
            child
        }

        let (mut network, mut browser) = (start("WebKitNetworkPr"), start("firefox"));
        end_all();
        let ended = network.try_wait().unwrap();
        let other = browser.try_wait().unwrap();
        browser.kill().unwrap();
        browser.wait().unwrap();
        assert!(ended.is_some_and(|status| !status.success()), "{ended:?}");
        assert_eq!(other, None);
    }

    #[test]
    fn a_page_is_loaded_again_three_times_a_minute_and_then_when_the_user_asks() {
        let mut reloads = ReloadLimiter::default();
        let mut may = |seconds| reloads.try_acquire(Duration::from_secs(seconds));
        assert!(may(0) && may(1) && may(2));
        assert!(!may(3) && !may(59), "what is refused does not count");
        assert!(may(60), "a minute after the first");
        assert!(!may(60));
        assert!(may(61) && may(62) && !may(63));
        reloads.forget();
        assert!(reloads.try_acquire(Duration::from_secs(64)));
    }
}
