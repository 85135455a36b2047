//! Recovery from a crash of a window's web process: the page is reloaded, which starts a new process, and continues
//! from the core's state. After repeated crashes it is not reloaded; a dialog then says so and offers a button.
//!
//! WebKitGTK leaves this to the application. On macOS Tauri does it, and `WebView2` shows its own page.

use std::collections::VecDeque;
use std::time::Duration;

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
