//! SIGKILL of the web process that renders the window, mid-answer, as the system does when memory is low.
//!
//! The real application answers in its real window, while a draft of the next message is typed. `WebDriver` drops a
//! session whose page has crashed, so what the window shows afterwards is compared, pixel by pixel, with an
//! undisturbed window: the answer so far, and the draft.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use conch_core::clock::{Clock, SystemClock};
use conch_core::model::MessageStatus;
use conch_core::store::Store;
use conch_fault_server::{FaultServer, Script, Step};
use conch_window::{Desktop, Display, Launch, Picture, TopLevel, Window, descendants, until};
use serde_json::json;
use tokio::process::Command;

use crate::campaign::{Finding, Run, now, runtime};
use crate::report::grouped;

/// How often a window is reloaded without asking the user, within a minute.
const KILLS_IN_A_WINDOW: usize = 3;

/// The parts of an answer: one before each kill, and one after the last.
const PARTS: usize = KILLS_IN_A_WINDOW + 1;

/// The draft.
const DRAFT: &str =
    "what is typed while the answer runs, and was not sent by the time at which the page died";

/// Maximum number of pixels by which a blinking caret and a spinner may differ. A part of the answer is more, and so
/// is the draft.
const MAX_NOISE_PIXELS: usize = 500;

/// Kills as often as the scale says.
pub(crate) fn prove(run: &Run) -> anyhow::Result<Finding> {
    let kills = run.choose(100, KILLS_IN_A_WINDOW);
    run.expect(kills as u64);
    let binary = std::env::var_os("CONCH_PROVE_BINARY").map(PathBuf::from);
    let binary = binary.context("there is no application: run `cargo xtask prove`")?;
    runtime()?.block_on(async {
        let pictures = pictures_of_an_answer(&binary).await?;
        let (mut violations, mut times) = (Vec::new(), Vec::new());
        let mut done = 0;
        while done < kills {
            let now = KILLS_IN_A_WINDOW.min(kills - done);
            let scene = Scene::open(&binary).await?;
            match scene.survive(now, &pictures, &mut times).await {
                Ok(()) => {}
                Err(error) => violations.push(format!("from kill {}: {error:#}", done + 1)),
            }
            done += now;
            run.advance(now as u64);
        }
        times.sort_unstable();
        let ms = |time: Option<&Duration>| time.map_or(0, Duration::as_millis);
        Ok(Finding {
            amount: format!("{} kills", grouped(kills as u64)),
            violations,
            figures: format!(
                "from the kill to the window with its answer and its draft: p50 {} ms, longest {} ms",
                ms(times.get(times.len() / 2)),
                ms(times.last())
            ),
        })
    })
}

/// Captures what a window shows after each part of the answer, when nothing happens to it.
async fn pictures_of_an_answer(binary: &Path) -> anyhow::Result<Vec<Picture>> {
    let scene = Scene::open(binary).await?;
    let mut pictures = vec![scene.picture_at_rest().await?];
    for part in 2..=PARTS {
        scene.server.gate(&gate(part - 1)).open();
        scene.wait_for_part(part).await?;
        pictures.push(scene.picture_at_rest().await?);
    }
    scene.server.gate(&gate(PARTS)).open();
    scene.window.close().await?;
    Ok(pictures)
}

fn gate(part: usize) -> String {
    format!("after part {part}")
}

/// Returns a part of the answer, long enough to be visible.
fn text(part: usize) -> String {
    let said = format!("This is what the answer says in its part {part}. ");
    said.repeat(4) + "\n\n"
}

struct Scene {
    window: Window,
    server: FaultServer,
    display: Display,
    folder: tempfile::TempDir,
}

impl Scene {
    /// Opens a window with the first part of an answer, and with a draft of the next message.
    async fn open(binary: &Path) -> anyhow::Result<Self> {
        let (server, folder) = (FaultServer::start().await, tempfile::tempdir()?);
        let display = Display::start_virtual(1280, 800)?.with_own_bus()?;
        let mut environment = display.environment().to_vec();
        for (name, value) in [
            ("CONCH_DATA_DIR", folder.path().display().to_string()),
            ("OPENAI_BASE_URL", server.base_url()),
            ("OPENAI_API_KEY", "test-key".to_owned()),
        ] {
            environment.push((name.to_owned(), value));
        }
        let parts = (1..=PARTS).flat_map(|part| [Step::Delta(text(part)), Step::Wait(gate(part))]);
        let steps = [Step::Head].into_iter().chain(parts);
        server.push(Script::new(
            steps.chain([Step::Finish("stop".to_owned()), Step::Done]),
        ));
        let window = Window::open(&Launch {
            binary: binary.to_owned(),
            environment,
        })
        .await?;
        let scene = Self {
            window,
            server,
            display,
            folder,
        };
        scene.window.type_text("#chat-input", "Count").await?;
        scene.window.click("#send-button").await?;
        scene.wait_for_part(1).await?;
        scene.window.type_text("#next-input", DRAFT).await?;
        scene.wait_for_draft().await?;
        Ok(scene)
    }

    /// Waits until the core has stored the draft.
    async fn wait_for_draft(&self) -> anyhow::Result<()> {
        let script = "return document.querySelector('.conversation:has([aria-current=page])').dataset.conversationId;";
        let id = self.window.run(script).await?;
        until("the draft is kept", async || {
            let arguments = json!({"conversationId": id});
            let view = self.window.invoke("get_conversation", arguments).await?;
            anyhow::Ok(view.is_ok_and(|view| view["draft"] == json!(DRAFT)))
        })
        .await
    }

    async fn wait_for_part(&self, part: usize) -> anyhow::Result<()> {
        let shown = format!(
            "document.querySelector('.message[data-role=assistant] .text')?.textContent.includes('in its part {part}.')"
        );
        let what = format!("part {part} of the answer is shown");
        Ok(self.window.wait_until(&shown, &what).await?)
    }

    fn top_level(&self, desktop: &Desktop) -> anyhow::Result<TopLevel> {
        let application = self.window.application().context("it runs")?;
        Ok(desktop.top_visible_window(application)?)
    }

    /// Captures the window once nothing but the caret and the spinner moves.
    async fn picture_at_rest(&self) -> anyhow::Result<Picture> {
        let desktop = Desktop::of(&self.display)?;
        let window = self.top_level(&desktop)?;
        let rest = Duration::from_millis(500);
        Ok(desktop
            .picture_at_rest(&window, rest, MAX_NOISE_PIXELS)
            .await?)
    }

    /// Kills so many times, and continues the answer after each; then the answer must be complete in the database.
    async fn survive(
        self,
        kills: usize,
        pictures: &[Picture],
        times: &mut Vec<Duration>,
    ) -> anyhow::Result<()> {
        let desktop = Desktop::of(&self.display)?;
        let window = self.top_level(&desktop)?;
        for part in 1..=kills {
            let killed = self.web_process().context("no process draws the window")?;
            let started = now();
            let mut kill = Command::new("kill");
            let done = kill.args(["-9", &killed.to_string()]).status().await?;
            ensure!(done.success(), "it could not be killed");
            // What is shown from here on was never in the killed process.
            self.server.gate(&gate(part)).open();
            let expected = pictures.get(part).context("there is a picture")?;
            let what = format!("part {} is shown after kill {part}", part + 1);
            until(&what, async || {
                let picture = desktop.picture(&window)?;
                anyhow::Ok(picture.difference(expected) < MAX_NOISE_PIXELS)
            })
            .await?;
            ensure!(self.web_process() != Some(killed), "it was not killed");
            times.push(started.elapsed());
        }
        for part in kills + 1..=PARTS {
            self.server.gate(&gate(part)).open();
        }
        self.wait_for_end().await
    }

    /// Waits until the answer is complete, and checks the draft.
    async fn wait_for_end(&self) -> anyhow::Result<()> {
        let whole: String = (1..=PARTS).map(text).collect();
        let clock = SystemClock::default();
        let path = self.folder.path().join("conch.db");
        let store = Store::open(&path, false, clock.now()).await?;
        let listed = store.list_conversations(None, 1, clock.now()).await?;
        let id = &listed.first().context("there is a conversation")?.id;
        until("the answer has ended", async || {
            let view = store.get_conversation(id, None, clock.now()).await?;
            let view = view.context("it is there")?;
            let answer = view.messages.last().context("it has an answer")?;
            if answer.status != MessageStatus::Complete {
                return Ok(false);
            }
            ensure!(
                answer.content().trim() == whole.trim(),
                "the answer is not whole"
            );
            ensure!(view.draft == DRAFT, "the draft is {:?}", view.draft);
            Ok(true)
        })
        .await?;
        store.close().await;
        Ok(())
    }

    fn web_process(&self) -> Option<u32> {
        let children = descendants(self.window.application()?);
        let draws = |name: &str| name == "WebKitWebProces";
        let found = children.into_iter().find(|child| draws(&child.name));
        found.map(|child| child.id)
    }
}
