//! The real application in a real window, driven as a user drives it. Each test has its own data
//! folder, provider stand-in and driver. No test sleeps for a fixed time: it waits for a condition.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]
#![cfg(target_os = "linux")]

mod accessibility;
mod attachments;
mod closing;
mod composers;
mod crash;
mod damage;
mod deleting;
mod embedded;
mod failures;
mod hostile;
mod keyboard;
mod links;
mod lock;
mod long;
mod map;
mod native_input;
mod notifications;
mod peers;
mod process;
mod queue;
mod reading;
mod settings;
mod shortcuts;
mod starting;
mod stop;
mod tree;
mod typing;
mod versions;
mod web_process;
mod windows;

use std::path::Path;

use conch_fault_server::FaultServer;
use conch_window::{Display, Error, Launch, Window};
use serde_json::{Value, json};
use tempfile::TempDir;

struct Scene {
    window: Window,
    server: FaultServer,
    folder: TempDir,
    display: Display,
}

impl Scene {
    async fn open() -> Self {
        Self::open_with(&[]).await
    }

    /// Opens a window with these additional environment variables.
    async fn open_with(more: &[(String, String)]) -> Self {
        Self::open_on(tempfile::tempdir().unwrap(), more).await
    }

    /// Opens a window on an existing data folder.
    async fn open_on(folder: TempDir, more: &[(String, String)]) -> Self {
        Self::open_at(Display::find().unwrap(), folder, more).await
    }

    /// Opens a window on this display.
    async fn open_at(display: Display, folder: TempDir, more: &[(String, String)]) -> Self {
        let binary = env!("CARGO_BIN_EXE_conch").as_ref();
        Self::launch(binary, display, folder, more).await
    }

    /// Opens the window of a wrapper program that executes the application.
    async fn open_program(program: &Path, more: &[(String, String)]) -> Self {
        let (display, folder) = (Display::find().unwrap(), tempfile::tempdir().unwrap());
        Self::launch(program, display, folder, more).await
    }

    async fn launch(
        binary: &Path,
        display: Display,
        folder: TempDir,
        more: &[(String, String)],
    ) -> Self {
        let server = FaultServer::start().await;
        let mut environment = environment(&display, folder.path());
        environment.extend(provider(&server));
        environment.extend_from_slice(more);
        let launch = Launch {
            binary: binary.to_owned(),
            environment,
        };
        Self {
            window: Window::open(&launch).await.unwrap(),
            server,
            folder,
            display,
        }
    }

    /// Opens a window with no provider in its environment, and with no keychain.
    async fn open_unconfigured() -> Self {
        Self::open_only_with(&[]).await
    }

    /// Opens a window with only the providers of these environment variables, and with no keychain.
    async fn open_only_with(providers: &[(String, String)]) -> Self {
        let (server, folder) = (FaultServer::start().await, tempfile::tempdir().unwrap());
        let display = Display::find().unwrap();
        let mut environment = environment(&display, folder.path());
        environment.extend_from_slice(providers);
        // Tests must not use the developer's own keychain; without a bus there is none.
        let nowhere = format!("unix:path={}/no-bus", folder.path().display());
        environment.push(("DBUS_SESSION_BUS_ADDRESS".into(), nowhere));
        let window = launch(environment).await;
        Self {
            window,
            server,
            folder,
            display,
        }
    }

    /// Kills the application and opens it again on the same data folder.
    async fn kill_and_reopen(self) -> Self {
        self.window.kill().await.unwrap();
        let window = open(&self.display, self.folder.path(), Some(&self.server)).await;
        Self { window, ..self }
    }

    /// Types a message and clicks Send.
    async fn send(&self, text: &str) {
        self.window.type_text("#chat-input", text).await.unwrap();
        self.window.click("#send-button").await.unwrap();
    }

    async fn wait_until(&self, expression: &str, what: &str) {
        self.window.wait_until(expression, what).await.unwrap();
    }

    /// Waits until the shown transcript's last answer has this status and text.
    async fn wait_for_answer(&self, status: &str, text: &str) {
        let answer = format!(
            "(() => {{ const m = [...document.querySelectorAll('.message[data-role=assistant]')].at(-1);
               return m && m.dataset.status === {} && m.querySelector('.text').textContent.trim() === {}; }})()",
            json!(status),
            json!(text.trim())
        );
        self.wait_until(&answer, &format!("the answer is {status}: {text:?}"))
            .await;
    }

    async fn is_disabled(&self) -> bool {
        self.run("return document.querySelector('#chat-input').disabled;")
            .await
            == json!(true)
    }

    async fn run(&self, script: &str) -> Value {
        self.window.run(script).await.unwrap()
    }

    /// Calls a command of the core that must succeed.
    async fn invoke(&self, command: &str, arguments: Value) -> Value {
        self.window
            .invoke(command, arguments)
            .await
            .unwrap()
            .unwrap()
    }

    /// Returns the id of the shown conversation.
    async fn conversation(&self) -> Value {
        self.run("return document.querySelector('.conversation:has([aria-current=page])').dataset.conversationId;")
            .await
    }

    async fn lock(&self) -> Value {
        self.invoke(
            "is_locked",
            json!({"conversationId": self.conversation().await}),
        )
        .await
    }
}

/// Waits for a condition outside the page, with a timeout.
async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let waited = conch_window::until(what, async || Ok::<_, Error>(condition().await));
    waited.await.unwrap();
}

fn environment(display: &Display, data_folder: &Path) -> Vec<(String, String)> {
    let mut environment = display.environment().to_vec();
    environment.push(("CONCH_DATA_DIR".into(), data_folder.display().to_string()));
    environment
}

async fn open(display: &Display, data_folder: &Path, server: Option<&FaultServer>) -> Window {
    let mut environment = environment(display, data_folder);
    if let Some(server) = server {
        environment.extend(provider(server));
    }
    launch(environment).await
}

/// Returns the environment variables that configure the stand-in as a provider.
fn provider(server: &FaultServer) -> [(String, String); 2] {
    [
        ("OPENAI_BASE_URL".to_owned(), server.base_url()),
        ("OPENAI_API_KEY".to_owned(), "test-key".to_owned()),
    ]
}

async fn launch(environment: Vec<(String, String)>) -> Window {
    let launch = Launch {
        binary: env!("CARGO_BIN_EXE_conch").into(),
        environment,
    };
    Window::open(&launch).await.unwrap()
}
