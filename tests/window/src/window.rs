//! One window: a driver process, the application that it starts, and the user's actions.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::polling::TIMEOUT;
use crate::{Error, environment, until};

/// The timeout of a driver command, above the driver's own limit for a script (30 s). The driver has none
/// for an application that never opens a window.
const DRIVER_TIMEOUT: Duration = Duration::from_mins(1);

/// The application to open.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The application's path.
    pub binary: PathBuf,
    /// Its environment, in addition to the inherited one, which has no key, address or data folder.
    pub environment: Vec<(String, String)>,
}

/// An open window. It ends, with its processes, when it is dropped.
#[derive(Debug)]
pub struct Window {
    client: Client,
    driver: Child,
    application: Option<u32>,
}

/// What a page shows: its text, the text of its fields, and which element has the focus.
const SHOWN: &str = "const fields = [...document.querySelectorAll('textarea, input')].map(({ id, value }) => [id, value]);
    return `${document.body.innerText} ${JSON.stringify(fields)} in ${document.activeElement.id}`;";

impl Window {
    /// Opens the application's window under its own driver.
    ///
    /// # Errors
    /// When the driver is missing or no window opens.
    pub async fn open(launch: &Launch) -> Result<Self, Error> {
        let window = Self::open_early(launch).await?;
        window.wait_for_page().await?;
        Ok(window)
    }

    /// Opens the window without waiting until the application has started behind it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_early(launch: &Launch) -> Result<Self, Error> {
        let port = free_port().await?;
        let mut command = Command::new("WebKitWebDriver");
        command
            .args(["--host=127.0.0.1", &format!("--port={port}")])
            .env_clear()
            .envs(environment::inherited())
            .envs(launch.environment.iter().cloned())
            // Without it the session never starts.
            .env("TAURI_WEBVIEW_AUTOMATION", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        let driver = command.spawn().map_err(|source| Error::Start {
            program: "WebKitWebDriver",
            source,
        })?;
        let listens =
            async || Ok::<_, Error>(TcpStream::connect(("127.0.0.1", port)).await.is_ok());
        until("the driver listens", listens).await?;
        let options = json!({"binary": launch.binary});
        let capabilities = [("webkitgtk:browserOptions".to_owned(), options)];
        let address = format!("http://127.0.0.1:{port}");
        let mut builder =
            ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
        builder.capabilities(capabilities.into_iter().collect());
        let session = with_timeout("the window opens", builder.connect(&address)).await;
        let application = driver.id().and_then(child_of);
        let client = match session {
            Ok(client) => client,
            Err(error) => {
                kill_now(application);
                return Err(error);
            }
        };
        Ok(Self {
            client,
            driver,
            application,
        })
    }

    /// Reloads the page, as F5 would.
    pub async fn reload(&self) -> Result<(), Error> {
        with_timeout("the page is loaded anew", self.client.refresh()).await?;
        self.wait_for_page().await
    }

    /// Waits until the page is assembled; it draws the sidebar last.
    async fn wait_for_page(&self) -> Result<(), Error> {
        let page = "document.querySelector('#new-conversation, #fatal') !== null";
        self.wait_until(page, "the page is there").await
    }

    /// The WebDriver client, for actions without a method here.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Runs a script in the page and returns its value.
    pub async fn run(&self, script: &str) -> Result<Value, Error> {
        with_timeout("a script ends", self.client.execute(script, Vec::new())).await
    }

    /// Calls a command of the core as the page does; returns its value or its error.
    pub async fn invoke(
        &self,
        command: &str,
        arguments: Value,
    ) -> Result<Result<Value, Value>, Error> {
        const CALL: &str = "const [command, args, done] = arguments;
            window.__TAURI_INTERNALS__.invoke(command, args)
              .then((value) => done({ value }), (error) => done({ error }));";
        let call = self
            .client
            .execute_async(CALL, vec![json!(command), arguments]);
        let outcome = with_timeout("a command is answered", call).await?;
        Ok(match outcome.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(outcome["value"].clone()),
        })
    }

    /// Waits until a JavaScript expression is true in the page.
    ///
    /// # Errors
    /// When it is still false after half a minute.
    pub async fn wait_until(&self, expression: &str, what: &str) -> Result<(), Error> {
        let script = format!("return Boolean({expression});");
        let waited = until(what, async || match self.run(&script).await {
            Ok(value) => Ok(value == json!(true)),
            // A page that is reloading has no document yet.
            Err(Error::Command(CmdError::Standard(_))) => Ok(false),
            Err(error) => Err(error),
        });
        match waited.await {
            Err(Error::TimedOut { what }) => {
                let page = self.run(SHOWN).await?;
                let page = page.as_str().unwrap_or_default();
                Err(Error::TimedOut {
                    what: format!("{what}; the page says: {page}"),
                })
            }
            waited => waited,
        }
    }

    /// Returns the element for a CSS selector, as soon as there is one.
    pub async fn find(&self, css: &str) -> Result<Element, Error> {
        let found = self.client.wait().at_most(TIMEOUT);
        Ok(found.for_element(Locator::Css(css)).await?)
    }

    /// Clicks an element.
    pub async fn click(&self, css: &str) -> Result<(), Error> {
        with_timeout("a click is done", self.find(css).await?.click()).await
    }

    /// Types into an element.
    pub async fn type_text(&self, css: &str, text: &str) -> Result<(), Error> {
        with_timeout("text is typed", self.find(css).await?.send_keys(text)).await
    }

    /// Waits until the page's pending changes are painted.
    pub async fn wait_for_frame(&self) -> Result<(), Error> {
        let frames =
            "const frame = () => new Promise(requestAnimationFrame); return frame().then(frame);";
        self.run(frames).await.map(drop)
    }

    /// The application's process id.
    pub fn application(&self) -> Option<u32> {
        self.application
    }

    /// Kills the application with SIGKILL, as a crash or the system would, and ends the driver.
    pub async fn kill(self) -> Result<(), Error> {
        self.end("-9").await
    }

    /// Ends the application with SIGTERM, as a logout does, waits until it has closed its database, and
    /// ends the driver. Ending the WebDriver session instead would crash the application: WebKit's driver
    /// kills the process that it started.
    pub async fn close(self) -> Result<(), Error> {
        self.end("-15").await
    }

    async fn end(mut self, signal: &str) -> Result<(), Error> {
        if let Some(application) = self.application.take() {
            let done = Command::new("kill")
                .args([signal, &application.to_string()])
                .status();
            done.await.map_err(|source| Error::Start {
                program: "kill",
                source,
            })?;
            let ended = until("the application ends", async || {
                Ok::<_, Error>(has_ended(application))
            });
            if let Err(error) = ended.await {
                kill_now(Some(application));
                return Err(error);
            }
        }
        self.driver.kill().await?;
        Ok(())
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // Killing the driver leaves the application running.
        kill_now(self.application);
    }
}

fn kill_now(application: Option<u32>) {
    if let Some(application) = application {
        let _ = std::process::Command::new("kill")
            .args(["-9", &application.to_string()])
            .stderr(Stdio::null())
            .status();
    }
}

/// Waits for the driver, with a timeout.
async fn with_timeout<T, E: Into<Error>>(
    what: &str,
    doing: impl Future<Output = Result<T, E>>,
) -> Result<T, Error> {
    match timeout(DRIVER_TIMEOUT, doing).await {
        Ok(done) => done.map_err(Into::into),
        Err(_) => Err(Error::NoAnswer {
            what: what.to_owned(),
        }),
    }
}

/// Returns true when a process is gone or a zombie. The kernel frees its memory first, its files and
/// connections later, so a missing `exe` would be too early.
pub fn has_ended(process: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{process}/stat")) else {
        return true;
    };
    // The name, in parentheses, may contain any character; the state follows it (proc_pid_stat(5)).
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| rest.starts_with('Z'))
}

/// Returns a port for the driver, which cannot report the one it got. It is below the ephemeral range
/// (32768 on Linux, 49152 elsewhere), or a server that starts in the meantime could get it.
async fn free_port() -> Result<u16, Error> {
    loop {
        let port = fastrand::u16(20_000..32_768);
        match TcpListener::bind(("127.0.0.1", port)).await {
            Ok(_) => return Ok(port),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Returns the process that `parent` started.
fn child_of(parent: u32) -> Option<u32> {
    let children = format!("/proc/{parent}/task/{parent}/children");
    let children = std::fs::read_to_string(children).ok()?;
    children.split_whitespace().next()?.parse().ok()
}
