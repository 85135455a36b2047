//! Conch's window, or one that holds only the other side, and the script in its page that measures how long the
//! page's main thread was blocked.
//!
//! The other side sets HTML, which Conch's page refuses from any script. So it runs in a hello-world window of the
//! same webview, with Conch's styles.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use conch_fault_server::FaultServer;
use conch_window::{Display, Launch, Window};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::row::{Bench, Side, now};

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(5);

/// Environment of both sides: the webview paints without compositing, as in Conch on machines without a GPU, and no
/// accessibility bus is started on demand.
pub(crate) const COMMON_ENVIRONMENT: [(&str, &str); 3] = [
    ("WEBKIT_DISABLE_COMPOSITING_MODE", "1"),
    ("WEBKIT_DISABLE_MEMORY_PRESSURE_MONITOR", "1"),
    ("NO_AT_BRIDGE", "1"),
];

/// What all windows share.
pub(crate) struct PageLauncher {
    display: Display,
    conch: PathBuf,
    hello: PathBuf,
    script: String,
}

/// What was measured in the page since it is being watched.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StallStats {
    /// The longest interval between two ticks of a zero-delay timer, in ms.
    pub(crate) longest: f64,
    /// The longest interval between two frames, in ms.
    pub(crate) longest_frame: f64,
}

/// The page of a window whose provider is the fault server.
pub(crate) struct Page {
    pub(crate) window: Window,
}

impl PageLauncher {
    pub(crate) fn prepare(bench: &Bench<'_>) -> anyhow::Result<Self> {
        if !cfg!(target_os = "linux") {
            bail!("windows can be driven on Linux only");
        }
        Ok(Self {
            display: Display::find()?,
            conch: bench.artifacts.binary("conch")?,
            hello: bench.artifacts.binary("hello-window")?,
            script: bench.artifacts.page_script()?,
        })
    }

    /// Opens a window on a new data folder.
    pub(crate) async fn open(
        &self,
        side: Side,
        server: &FaultServer,
        folder: &Path,
    ) -> anyhow::Result<Page> {
        let mut environment = self.display.environment().to_vec();
        let its_own = [
            ("OPENAI_API_KEY", "a-key"),
            ("OPENAI_BASE_URL", &server.base_url()),
            ("CONCH_DATA_DIR", &folder.display().to_string()),
        ];
        for (name, value) in COMMON_ENVIRONMENT.into_iter().chain(its_own) {
            environment.push((name.to_owned(), value.to_owned()));
        }
        let launch = Launch {
            binary: match side {
                Side::Ours => self.conch.clone(),
                Side::Theirs => self.hello.clone(),
            },
            environment,
        };
        let window = Window::open(&launch).await?;
        let usable = "document.querySelector('#chat-input')?.disabled === false";
        window
            .wait_until(usable, "the page can be typed in")
            .await?;
        let script = format!("{}; window.conchBench = conchBench;", self.script);
        window.run(&script).await?;
        Ok(Page { window })
    }
}

impl Page {
    /// Starts watching the page.
    pub(crate) async fn watch(&self) -> anyhow::Result<()> {
        self.window.run("conchBench.watch();").await?;
        Ok(())
    }

    /// Returns what was measured since then.
    pub(crate) async fn stall_stats(&self) -> anyhow::Result<StallStats> {
        let seen = self.window.run("return conchBench.seen();").await?;
        Ok(serde_json::from_value(seen)?)
    }

    /// Types a message and sends it.
    pub(crate) async fn send(&self, text: &str) -> anyhow::Result<()> {
        self.window.type_text("#chat-input", text).await?;
        self.window.click("#send-button").await?;
        Ok(())
    }

    /// Calls a function of the other side, and waits until it is done.
    pub(crate) async fn run_baseline(
        &self,
        call: &str,
        arguments: Vec<Value>,
    ) -> anyhow::Result<()> {
        let script = format!("conchBench.{call}(...arguments);");
        self.window.client().execute(&script, arguments).await?;
        self.wait_until("document.body.dataset.bench === 'done'")
            .await
    }

    /// Waits longer than a window's own timeout, and polls rarely, because polling costs the page time, too.
    pub(crate) async fn wait_until(&self, expression: &str) -> anyhow::Result<()> {
        let began = now();
        let mut pause = Duration::from_millis(10);
        let script = format!("return Boolean({expression});");
        while self.window.run(&script).await? != json!(true) {
            if began.elapsed() > ANSWER_TIMEOUT {
                bail!("waited in vain until {expression}");
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(250));
        }
        Ok(())
    }
}
