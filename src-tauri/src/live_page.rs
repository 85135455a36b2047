//! The page of a development build, read from a folder at run time and reloaded when a file of it changes.
//!
//! It keeps the address and the content security policy of the embedded page. Release builds do not contain this
//! module.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tauri::utils::assets::{AssetKey, AssetsIter, CspHash};
use tauri::{AppHandle, Assets, Context, Manager, Runtime};

/// Names the folder; `cargo xtask dev` sets it.
const VARIABLE: &str = "CONCH_PAGE_FOLDER";

/// How often the folder is checked.
const INTERVAL: Duration = Duration::from_millis(200);

/// A folder that holds the built page.
#[derive(Debug, Clone)]
pub(crate) struct LivePage(PathBuf);

impl LivePage {
    /// Returns the folder of the environment, if it is set.
    pub(crate) fn from_environment() -> Option<Self> {
        let folder: OsString = std::env::var_os(VARIABLE)?;
        Some(Self(folder.into()))
    }

    /// Replaces the embedded page.
    pub(crate) fn replace_in<R: Runtime>(&self, context: &mut Context<R>) {
        context.set_assets(Box::new(self.clone()));
    }

    /// Reloads every window whenever a file changes, as long as the process runs.
    pub(crate) fn reload_on_change<R: Runtime>(self, handle: AppHandle<R>) {
        std::thread::spawn(move || {
            let mut shown = newest_file(&self.0);
            loop {
                std::thread::sleep(INTERVAL);
                let newest = newest_file(&self.0);
                if newest == shown {
                    continue;
                }
                shown = newest;
                for window in handle.webview_windows().values() {
                    if let Err(error) = window.reload() {
                        tracing::warn!(%error, "a window was not reloaded");
                    }
                }
            }
        });
    }
}

impl<R: Runtime> Assets<R> for LivePage {
    fn get(&self, key: &AssetKey) -> Option<Cow<'_, [u8]>> {
        let path = self.0.join(key.as_ref().trim_start_matches('/'));
        std::fs::read(path).ok().map(Cow::Owned)
    }

    fn iter(&self) -> Box<AssetsIter<'_>> {
        Box::new(std::iter::empty())
    }

    fn csp_hashes(&self, _: &AssetKey) -> Box<dyn Iterator<Item = CspHash<'_>> + '_> {
        Box::new(std::iter::empty())
    }
}

/// Returns the time of the latest change in a folder; `None` when it cannot be read.
fn newest_file(folder: &Path) -> Option<SystemTime> {
    std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| entry.ok()?.metadata().ok()?.modified().ok())
        .max()
}

#[cfg(test)]
mod tests {
    use tauri::test::MockRuntime;

    use super::*;

    #[test]
    fn files_are_read_at_each_request() {
        let folder = tempfile::tempdir().unwrap();
        let page = LivePage(folder.path().to_owned());
        let key = AssetKey::from("/main.css");
        let get = || Assets::<MockRuntime>::get(&page, &key).map(Cow::into_owned);
        assert_eq!(get(), None);
        for text in ["one", "two"] {
            std::fs::write(folder.path().join("main.css"), text).unwrap();
            assert_eq!(get().as_deref(), Some(text.as_bytes()));
        }
    }
}
