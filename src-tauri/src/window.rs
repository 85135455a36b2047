//! The window: where it opens, what it may show, and that there is one application at a time.

use std::path::Path;

use conch_core::Config;
use tauri::plugin::TauriPlugin;
use tauri::webview::NewWindowResponse;
use tauri::{AppHandle, Manager, Runtime, Url, WebviewUrl, WebviewWindowBuilder};
use tauri_plugin_window_state::StateFlags;

const LABEL: &str = "main";

/// Why no window can open here, where that can be known before one is tried.
pub(crate) fn display_missing() -> Option<&'static str> {
    let given = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let needed = cfg!(all(unix, not(target_os = "macos")));
    (needed && !given("DISPLAY") && !given("WAYLAND_DISPLAY")).then_some(
        "there is no display to open a window on: set DISPLAY or WAYLAND_DISPLAY, or run `cargo xtask run`, which brings its own",
    )
}

/// With NVIDIA's own driver WebKitGTK shows an empty window unless its DMA-BUF renderer is off
/// (tauri-apps/tauri#9304). Everywhere else it stays on: without it, a screenshot by WebDriver hangs
/// until the page changes. Whoever set the variable knows better.
pub(crate) fn avoid_blank_windows() {
    const RENDERER: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";
    let nvidia = Path::new("/proc/driver/nvidia/version").exists();
    if nvidia && std::env::var_os(RENDERER).is_none() {
        #[expect(
            unsafe_code,
            reason = "called first in main, before any other thread exists"
        )]
        unsafe {
            std::env::set_var(RENDERER, "1");
        }
    }
}

/// A second start on the same data folder brings the first one's window up and ends.
pub(crate) fn single_instance<R: Runtime>(config: &Config) -> TauriPlugin<R> {
    let folder = config.data_folder.to_string_lossy();
    tauri_plugin_single_instance::Builder::new()
        .callback(|handle, _, _| bring_up(handle))
        // The name is the folder's, so that applications with other folders run beside this one.
        .dbus_id(format!(
            "app.conch.desktop.folder{:016x}",
            fingerprint(&folder)
        ))
        .build()
}

/// FNV-1a, <http://www.isthe.com/chongo/tech/comp/fnv/>: the same in every build, unlike the standard
/// library's hash.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Remembers size and place in the data folder.
pub(crate) fn remember_place<R: Runtime>(data_folder: &Path) -> TauriPlugin<R> {
    tauri_plugin_window_state::Builder::new()
        .with_state_flags(StateFlags::SIZE | StateFlags::POSITION | StateFlags::MAXIMIZED)
        .with_filename(data_folder.join("window.json").to_string_lossy())
        .build()
}

/// Opens the window; what the web view keeps goes into `folder`.
pub(crate) fn open<R: Runtime>(handle: &AppHandle<R>, folder: &Path) -> tauri::Result<()> {
    WebviewWindowBuilder::new(handle, LABEL, WebviewUrl::default())
        .title("Conch")
        .inner_size(1100.0, 760.0)
        .min_inner_size(420.0, 420.0)
        .on_navigation(is_own_page)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .data_directory(folder.join("webview"))
        .build()?;
    Ok(())
}

/// Brings the window up, from wherever it is.
pub(crate) fn bring_up<R: Runtime>(handle: &AppHandle<R>) {
    let Some(window) = handle.get_webview_window(LABEL) else {
        return;
    };
    for step in [window.show(), window.unminimize(), window.set_focus()] {
        if let Err(error) = step {
            tracing::warn!(%error, "the window did not come up");
        }
    }
}

/// The page goes nowhere but to itself.
fn is_own_page(url: &Url) -> bool {
    let own_host = url.host_str() == Some("tauri.localhost");
    url.scheme() == "tauri" || (matches!(url.scheme(), "http" | "https") && own_host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_goes_nowhere_but_to_itself() {
        let may = |url: &str| is_own_page(&url.parse().unwrap());
        assert!(may("tauri://localhost/index.html"));
        assert!(may("http://tauri.localhost/"));
        for elsewhere in [
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
