//! Real keys and the system's own clipboard, through the X server: WebDriver's keys take another path,
//! and a synthetic paste event does not exercise the platform's clipboard.

use std::process::Stdio;

use conch_window::Display;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use crate::Scene;

impl Scene {
    /// Opens a window on its own display, with the keyboard focus.
    pub(crate) async fn open_on_own_display() -> Self {
        let display = Display::start_virtual(1280, 800).unwrap();
        let scene = Self::open_at(display, tempfile::tempdir().unwrap(), &[]).await;
        scene.take_keys().await;
        scene
    }

    /// Gives the window the X input focus. There is no window manager to do it.
    pub(crate) async fn take_keys(&self) {
        let search = ["search", "--sync", "--onlyvisible", "--class", "conch"];
        self.xdotool(&[&search[..], &["windowfocus", "--sync"]].concat())
            .await;
        self.wait_until("document.hasFocus()", "the window has the focus")
            .await;
    }

    /// Types letter by letter, 4 ms apart, as fast as a skilled typist; a line break is Enter.
    pub(crate) async fn type_keys(&self, text: &str) {
        let mut keys = Vec::new();
        for (index, line) in text.split('\n').enumerate() {
            if index > 0 {
                keys.extend(["key", "Return"]);
            }
            keys.extend(["type", "--delay", "4", "--args", "1", line]);
        }
        self.xdotool(&keys).await;
    }

    /// Starts typing while the test continues.
    pub(crate) fn begin_to_type(&self, text: &str) -> Child {
        let mut typing = self.tool("xdotool");
        typing.args(["type", "--delay", "12", "--", text]);
        typing.spawn().unwrap()
    }

    /// Presses keys by their X names, such as `ctrl+v`, one after another.
    pub(crate) async fn press_keys(&self, keys: &[&str]) {
        self.xdotool(&[&["key", "--delay", "4", "--"], keys].concat())
            .await;
    }

    /// Copies data of this type, as another application would.
    pub(crate) async fn copy(&self, kind: &str, bytes: &[u8]) {
        let mut copying = self.tool("xclip");
        copying.args(["-selection", "clipboard", "-t", kind, "-i"]);
        let mut copying = copying.stdin(Stdio::piped()).spawn().unwrap();
        let mut input = copying.stdin.take().unwrap();
        input.write_all(bytes).await.unwrap();
        drop(input);
        // xclip forks into the background to serve the selection.
        assert!(copying.wait().await.unwrap().success());
    }

    async fn xdotool(&self, arguments: &[&str]) {
        let done = self.tool("xdotool").args(arguments).status().await;
        assert!(done.unwrap().success(), "xdotool {arguments:?}");
    }

    fn tool(&self, program: &str) -> Command {
        let mut tool = Command::new(program);
        tool.envs(self.display.environment().iter().cloned())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        tool
    }
}
