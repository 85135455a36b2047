//! The windows: where they open, what they may show, and the single-instance rule.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, PoisonError};

use conch_core::Config;
use conch_core::model::ConversationId;
use tauri::plugin::TauriPlugin;
use tauri::webview::NewWindowResponse;
use tauri::{
    AppHandle, Manager, Runtime, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent,
};
use tauri_plugin_window_state::StateFlags;
use tempfile::TempDir;

use crate::{closing, web_process};

const LABEL: &str = "main";

/// The most windows that may be open: each has its own web process.
const MAX_WINDOWS: usize = 16;

/// Why a window did not open.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// [`MAX_WINDOWS`] are open.
    #[error("{MAX_WINDOWS} windows of Conch are already open. Close one first")]
    TooMany,
    /// The window system refused.
    #[error("The window could not be opened: {0}")]
    Refused(#[from] tauri::Error),
}

/// The default zoom, in percent.
const UNZOOMED: u16 = 100;

/// Returns why no window can open here, where that is known without trying.
pub(crate) fn display_missing() -> Option<&'static str> {
    let given = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let needed = cfg!(all(unix, not(target_os = "macos")));
    (needed && !given("DISPLAY") && !given("WAYLAND_DISPLAY")).then_some(
        "there is no display to open a window on. Set DISPLAY or WAYLAND_DISPLAY, or run `cargo xtask run`, which provides one",
    )
}

/// Sets WebKitGTK's environment variables for this application and for what it does not detect about the machine's
/// graphics. Variables that are already set stay. Must be called before any other thread exists.
pub(crate) fn tune_webview() {
    // With NVIDIA's proprietary driver a window stays empty unless the DMA-BUF renderer is off
    // (tauri-apps/tauri#9304).
    if Path::new("/proc/driver/nvidia/version").exists() {
        set_if_unset("WEBKIT_DISABLE_DMABUF_RENDERER");
    }
    // No graphics processor, as in a virtual machine: compositing with a software renderer takes longer than
    // everything else together, on the same cores. A WebDriver needs compositing: without it, a screenshot waits
    // until the page changes.
    let is_driven = std::env::var_os("TAURI_WEBVIEW_AUTOMATION").is_some();
    if cfg!(target_os = "linux") && !has_graphics_processor() && !is_driven {
        set_if_unset("WEBKIT_DISABLE_COMPOSITING_MODE");
    }
    // The monitor reads the page's `smaps` on the page's thread every 30 s, a stall of 20 to 40 ms with a long
    // answer on it. It would free little: a page holds a bounded part of a conversation.
    if cfg!(target_os = "linux") {
        set_if_unset("WEBKIT_DISABLE_MEMORY_PRESSURE_MONITOR");
    }
}

fn has_graphics_processor() -> bool {
    let is_renderer = |name: &OsStr| name.as_encoded_bytes().starts_with(b"renderD");
    let mut devices = std::fs::read_dir("/dev/dri")
        .into_iter()
        .flatten()
        .flatten();
    // WSL exposes the host's graphics processor as `/dev/dxg`.
    devices.any(|device| is_renderer(&device.file_name())) || Path::new("/dev/dxg").exists()
}

fn set_if_unset(variable: &str) {
    if std::env::var_os(variable).is_some() {
        return;
    }
    #[expect(
        unsafe_code,
        reason = "called first in main, before any other thread exists"
    )]
    unsafe {
        std::env::set_var(variable, "1");
    }
}

/// A second instance on the same data folder brings the first one's window to the front and exits.
pub(crate) fn single_instance<R: Runtime>(config: &Config) -> TauriPlugin<R> {
    let folder = config.data_folder.to_string_lossy();
    tauri_plugin_single_instance::Builder::new()
        .callback(|handle, _, _| drop(bring_up(handle)))
        // The name is derived from the folder, so that instances with other folders can run concurrently.
        .dbus_id(format!(
            "app.conch.desktop.folder{:016x}",
            fingerprint(&folder)
        ))
        .build()
}

/// Returns true when a start failed because the instance that it called was just exiting. A retry finds the name
/// free.
pub(crate) fn lost_to_exiting_instance(error: &tauri::Error) -> bool {
    matches!(error, tauri::Error::PluginInitialization(plugin, _) if plugin == "single-instance")
}

/// Lets the next instance open its own window. One that is quitting could accept the call but show nothing.
pub(crate) fn release_single_instance<R: Runtime>(handle: &AppHandle<R>) {
    tauri_plugin_single_instance::destroy(handle);
}

/// FNV-1a, <http://www.isthe.com/chongo/tech/comp/fnv/>: the same in every build, unlike the standard
/// library's hash.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Returns the plugin that stores window size and position in the data folder.
pub(crate) fn window_state<R: Runtime>(data_folder: &Path) -> TauriPlugin<R> {
    tauri_plugin_window_state::Builder::new()
        .with_state_flags(StateFlags::SIZE | StateFlags::POSITION | StateFlags::MAXIMIZED)
        .with_filename(data_folder.join("window.json").to_string_lossy())
        .build()
}

/// The defaults of every new window.
struct WindowDefaults {
    /// The web views' data directory; `None` for incognito web views.
    folder: Option<PathBuf>,
    /// Owns that directory when it is a temporary one for this run.
    temporary: Mutex<Option<TempDir>>,
    /// In percent.
    zoom: AtomicU16,
}

/// Sets the window defaults: the web views' data goes into `folder`. Without one it goes into a temporary directory
/// of this run that other users can neither guess nor enter: an incognito web view cannot be driven by a WebDriver.
pub(crate) fn init<R: Runtime>(handle: &AppHandle<R>, folder: Option<PathBuf>) {
    let temporary = match folder {
        Some(_) => None,
        None => tempfile::tempdir()
            .inspect_err(|error| tracing::warn!(%error, "no folder could be created for the web view; it runs incognito"))
            .ok(),
    };
    let of_this_run = || temporary.as_ref().map(|folder| folder.path().to_owned());
    handle.manage(WindowDefaults {
        folder: folder.or_else(of_this_run),
        temporary: Mutex::new(temporary),
        zoom: UNZOOMED.into(),
    });
}

/// Removes the temporary directory of this run, after the web views' processes have ended: what they still write
/// would create it again.
pub(crate) fn remove_temporary_folder<R: Runtime>(handle: &AppHandle<R>) {
    if let Some(defaults) = handle.try_state::<WindowDefaults>() {
        let temporary = defaults.temporary.lock();
        if let Some(folder) = temporary.unwrap_or_else(PoisonError::into_inner).take() {
            web_process::end_all();
            if let Err(error) = folder.close() {
                tracing::warn!(%error, "a temporary folder could not be removed");
            }
        }
    }
}

/// Opens the first window.
pub(crate) fn open<R: Runtime>(handle: &AppHandle<R>) -> tauri::Result<()> {
    build(handle, LABEL, WebviewUrl::default())
}

/// Reloads the pages of all windows.
pub(crate) fn reload_all<R: Runtime>(handle: &AppHandle<R>) {
    for window in handle.webview_windows().values() {
        if let Err(error) = window.reload() {
            tracing::warn!(%error, "a window could not be reloaded");
        }
    }
}

/// Sets the zoom of all windows, and of those that open later, to `percent`.
pub(crate) fn zoom_all<R: Runtime>(handle: &AppHandle<R>, percent: u16) {
    let Some(defaults) = handle.try_state::<WindowDefaults>() else {
        return;
    };
    if defaults.zoom.swap(percent, Ordering::Relaxed) != percent {
        for window in handle.webview_windows().values() {
            zoom(window, percent);
        }
    }
}

fn zoom<R: Runtime>(window: &WebviewWindow<R>, percent: u16) {
    if let Err(error) = window.set_zoom(f64::from(percent) / 100.0) {
        tracing::warn!(%error, percent, "the zoom of a window could not be set");
    }
}

/// Opens another window. Its URL names the conversation that it shows first, as does the URL of every window that
/// shows one.
pub(crate) fn open_another<R: Runtime>(
    other: &WebviewWindow<R>,
    conversation_id: Option<&ConversationId>,
) -> Result<(), OpenError> {
    let handle = other.app_handle();
    if handle.webview_windows().len() >= MAX_WINDOWS {
        return Err(OpenError::TooMany);
    }
    // Numbers are reused, because a window's size and position are stored under its label.
    let mut number = 2_u32;
    while handle.get_webview_window(&numbered(number)).is_some() {
        number += 1;
    }
    let label = numbered(number);
    let mut url = other.url()?;
    url.set_fragment(conversation_id.map(ConversationId::as_str));
    Ok(build(handle, &label, WebviewUrl::CustomProtocol(url))?)
}

fn numbered(number: u32) -> String {
    format!("window-{number}")
}

fn build<R: Runtime>(handle: &AppHandle<R>, label: &str, url: WebviewUrl) -> tauri::Result<()> {
    let defaults = handle.state::<WindowDefaults>();
    let mut builder = WebviewWindowBuilder::new(handle, label, url)
        .title("Conch")
        .inner_size(1100.0, 760.0)
        .min_inner_size(420.0, 420.0)
        // Dropped files are handled by the page.
        .disable_drag_drop_handler()
        .on_navigation(is_own_page)
        .on_new_window(|_, _| NewWindowResponse::Deny);
    builder = match &defaults.folder {
        Some(folder) => builder.data_directory(folder.clone()),
        None => builder.incognito(true),
    };
    let window = builder.build()?;
    web_process::watch(&window)?;
    window.on_window_event({
        let window = window.as_ref().window();
        move |event| {
            if let WindowEvent::CloseRequested { api, .. } = event {
                closing::on_close_requested(&window, api);
            }
        }
    });
    let percent = defaults.zoom.load(Ordering::Relaxed);
    if percent != UNZOOMED {
        zoom(&window, percent);
    }
    Ok(())
}

/// Brings a window to the front, even a hidden or minimized one: the first, or another when that was closed.
pub(crate) fn bring_up<R: Runtime>(handle: &AppHandle<R>) -> Option<WebviewWindow<R>> {
    let any = || handle.webview_windows().into_values().next();
    let window = handle.get_webview_window(LABEL).or_else(any)?;
    for step in [window.show(), window.unminimize(), window.set_focus()] {
        if let Err(error) = step {
            tracing::warn!(%error, "the window could not be brought to the front");
        }
    }
    Some(window)
}

/// Allows navigation only to the page itself, at its one address on this system.
fn is_own_page(url: &Url) -> bool {
    if cfg!(any(windows, target_os = "android")) {
        matches!(url.scheme(), "http" | "https") && url.host_str() == Some("tauri.localhost")
    } else {
        url.scheme() == "tauri" && url.host_str() == Some("localhost")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_goes_nowhere_but_to_itself() {
        let may = |url: &str| is_own_page(&url.parse().unwrap());
        // `tauri.localhost` is the page only on Windows and Android; elsewhere it is a server on this machine.
        let on_windows = cfg!(any(windows, target_os = "android"));
        assert_eq!(may("tauri://localhost/index.html#c"), !on_windows);
        assert_eq!(may("http://tauri.localhost/"), on_windows);
        assert_eq!(may("https://tauri.localhost/"), on_windows);
        for elsewhere in [
            "tauri://elsewhere/index.html",
            "https://example.com/",
            "http://tauri.localhost.example.com/",
            "file:///etc/passwd",
            "data:text/html,x",
            "javascript:alert(1)",
        ] {
            assert!(!may(elsewhere), "{elsewhere}");
        }
    }
}
