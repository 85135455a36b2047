//! One window in which a scene is set up, and the user's actions in it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use conch_fault_server::{FaultServer, Script};
use conch_window::{Desktop, Display, Picture, Window};
use serde_json::{Value, json};

use crate::servers::Servers;
use crate::{Error, Size, Theme};

/// A window with a scene. Its processes end when it is dropped.
#[derive(Debug)]
pub struct Page<'a> {
    window: Window,
    display: &'a Display,
    servers: &'a Servers,
    base_model: PathBuf,
    run_number: u32,
}

impl<'a> Page<'a> {
    pub(crate) fn new(
        window: Window,
        display: &'a Display,
        servers: &'a Servers,
        base_model: PathBuf,
        run_number: u32,
    ) -> Self {
        Self {
            window,
            display,
            servers,
            base_model,
            run_number,
        }
    }

    /// The scene's window.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// Returns what the window shows once it is stable.
    pub async fn picture(&self) -> Result<Picture, Error> {
        let desktop = Desktop::of(self.display)?;
        let window = desktop.top_visible_window(self.window.application().unwrap_or_default())?;
        let rest = Duration::from_millis(200);
        Ok(desktop.picture_at_rest(&window, rest, 1).await?)
    }

    /// Sets the window's inner size.
    pub async fn resize(&self, size: Size) -> Result<(), Error> {
        let Size { width, height } = size;
        let client = self.window.client();
        client.set_window_size(width, height).await?;
        let has_size = format!("innerWidth === {width} && innerHeight === {height}");
        self.wait_until(&has_size, "the window has its size").await
    }

    /// Sets the theme and pauses animations, so that the window looks the same at any moment.
    pub async fn freeze(&self, theme: Theme) -> Result<(), Error> {
        const FREEZE: &str = r"
            const root = document.documentElement;
            const frame = () => new Promise(requestAnimationFrame);
            if (!window.stilled) {
              window.stilled = new CSSStyleSheet();
              window.stilled.insertRule('* { caret-color: transparent !important; transition: none !important; }');
              document.adoptedStyleSheets = [window.stilled];
            }
            // In the other colours first, so that all is painted anew: a caret that is there would stay.
            root.style.colorScheme = THEME === 'dark' ? 'light' : 'dark';
            return frame().then(frame).then(() => {
              root.style.colorScheme = THEME;
              for (const animation of document.getAnimations()) { animation.pause(); animation.currentTime = 0; }
              return frame().then(frame);
            });";
        let freeze = FREEZE.replace("THEME", &json!(theme.name()).to_string());
        self.run(&freeze).await.map(drop)
    }

    /// Returns the beginning of the HTML of each toast, dialog and popover that the window cuts off.
    ///
    /// # Errors
    /// When the window does not answer.
    pub async fn cut_off(&self) -> Result<Vec<String>, Error> {
        const CUT_OFF: &str =
            "return [...document.querySelectorAll('.toast, dialog[open], :popover-open')]
              .filter((element) => {
                const { left, top, right, bottom } = element.getBoundingClientRect();
                return left < 0 || top < 0 || right > innerWidth || bottom > innerHeight;
              })
              .map((element) => element.outerHTML.slice(0, 200));";
        Ok(serde_json::from_value(self.window.run(CUT_OFF).await?)?)
    }

    /// Shuts the application down cleanly.
    pub async fn close(self) -> Result<(), Error> {
        Ok(self.window.close().await?)
    }

    /// The stand-in that gives most answers.
    pub(crate) fn cluster(&self) -> &FaultServer {
        &self.servers.cluster
    }

    /// The stand-in that generates one answer at a time.
    pub(crate) fn local(&self) -> &FaultServer {
        &self.servers.local
    }

    /// The servers that behave badly, among others.
    pub(crate) fn servers(&self) -> &Servers {
        self.servers
    }

    /// A model file without a chat template.
    pub(crate) fn base_model(&self) -> &Path {
        &self.base_model
    }

    /// Returns the name of a gate that no earlier scene has opened.
    pub(crate) fn gate(&self, name: &str) -> String {
        format!("{name}-{}", self.run_number)
    }

    /// An answer that stops after this text for as long as the scene lasts.
    pub(crate) fn unfinished(&self, text: &str) -> Script {
        Script::gated(&self.gate("never"), text, "")
    }

    pub(crate) async fn run(&self, script: &str) -> Result<Value, Error> {
        Ok(self.window.run(script).await?)
    }

    pub(crate) async fn wait_until(&self, expression: &str, what: &str) -> Result<(), Error> {
        Ok(self.window.wait_until(expression, what).await?)
    }

    /// Waits for an element.
    pub(crate) async fn wait_for(&self, css: &str) -> Result<(), Error> {
        let there = format!("document.querySelector({})", json!(css));
        self.wait_until(&there, css).await
    }

    /// Waits until the window has loaded its initial data.
    pub(crate) async fn wait_for_start(&self) -> Result<(), Error> {
        let begun =
            "document.querySelector('#fatal') || document.querySelector('#model-picker')?.value";
        self.wait_until(begun, "the window has begun").await
    }

    /// Scrolls an element into view, which WebDriver does not do within a scrolled region, and clicks it.
    pub(crate) async fn press(&self, css: &str) -> Result<(), Error> {
        self.wait_for(css).await?;
        let script = format!(
            "document.querySelector({}).scrollIntoView({{block: 'nearest'}});",
            json!(css)
        );
        self.run(&script).await?;
        Ok(self.window.click(css).await?)
    }

    /// Replaces a field's content by typing.
    pub(crate) async fn fill(&self, css: &str, text: &str) -> Result<(), Error> {
        self.wait_for(css).await?;
        let script = format!(
            "const field = document.querySelector({}); field.focus(); field.select();",
            json!(css)
        );
        self.run(&script).await?;
        Ok(self.window.type_text(css, text).await?)
    }

    /// Sets the text of a field that can have several lines; typed, a line break would send.
    pub(crate) async fn paste(&self, css: &str, text: &str) -> Result<(), Error> {
        let script = format!(
            "const field = document.querySelector({}); field.focus(); field.value = {};
             field.dispatchEvent(new Event('input', {{ bubbles: true }}));",
            json!(css),
            json!(text)
        );
        self.run(&script).await.map(drop)
    }

    /// Opens a conversation from the list.
    pub(crate) async fn open(&self, title: &str) -> Result<(), Error> {
        let row = format!(".conversation .open[title={}]", json!(title));
        self.press(&row).await?;
        self.wait_for(&format!(
            ".conversation .open[title={}][aria-current=page]",
            json!(title)
        ))
        .await?;
        self.wait_until(
            "document.querySelectorAll('.message').length > 0 && !document.querySelector('.code.open')",
            "its messages are shown",
        )
        .await
    }

    /// Starts a chat, and clears the draft of an earlier scene.
    pub(crate) async fn new_chat(&self) -> Result<(), Error> {
        self.press("#new-conversation").await?;
        self.wait_for(".empty h2").await?;
        self.paste("#chat-input", "").await?;
        self.wait_for(".suggestions").await
    }

    /// Sends a message; its answer is the stand-in's next one.
    pub(crate) async fn send(&self, text: &str) -> Result<(), Error> {
        self.fill("#chat-input", text).await?;
        self.press("#send-button").await
    }

    /// Waits until the last answer has this status.
    pub(crate) async fn wait_for_status(&self, status: &str) -> Result<(), Error> {
        self.wait_for(&format!(
            ".message:last-child[data-role=assistant][data-status={status}]"
        ))
        .await
    }

    /// Waits until the last answer contains this text.
    pub(crate) async fn wait_for_text(&self, text: &str) -> Result<(), Error> {
        let holds = format!(
            "document.querySelector('.message:last-child[data-role=assistant]')?.textContent.includes({})",
            json!(text)
        );
        self.wait_until(&holds, "the answer is so far").await
    }

    /// Keeps a toast on the page, as a pointer that hovers over it does.
    pub(crate) async fn hold_toast(&self) -> Result<(), Error> {
        self.wait_for(".toast").await?;
        let hold = "document.querySelector('.toast').dispatchEvent(new MouseEvent('mouseenter'));";
        self.run(hold).await.map(drop)
    }

    /// Chooses the model of the shown conversation.
    pub(crate) async fn choose_model(&self, id: &str) -> Result<(), Error> {
        self.press("#model-picker").await?;
        self.press(&format!(".option[data-model-id={}]", json!(id)))
            .await?;
        self.wait_for("#model-picker:not([aria-expanded=true])")
            .await
    }

    /// Moves the focus from a field to the body, as a click beside it does.
    pub(crate) async fn leave_field(&self) -> Result<(), Error> {
        self.run("document.activeElement.blur();").await.map(drop)
    }

    /// Scrolls to the end of an element.
    pub(crate) async fn scroll_to(&self, css: &str) -> Result<(), Error> {
        self.wait_for(css).await?;
        let script = format!(
            "document.querySelector({}).scrollIntoView({{ block: 'end' }});",
            json!(css)
        );
        self.run(&script).await.map(drop)
    }

    pub(crate) async fn open_settings(&self, section: &str) -> Result<(), Error> {
        self.press("#open-settings").await?;
        self.press(&format!(".sections [data-section={section}]"))
            .await?;
        self.wait_for(&format!(".section[data-section={section}] h2"))
            .await
    }

    /// Moves the pointer to an empty spot.
    pub(crate) async fn leave_pointer(&self) -> Result<(), Error> {
        use fantoccini::actions::{InputSource, MouseActions, PointerAction};
        let to = |x| PointerAction::MoveTo {
            duration: None,
            x,
            y: 1.0,
        };
        // WebDriver does not know that its own clicks move the pointer, and skips a move to where it believes
        // the pointer already is.
        let mouse = MouseActions::new("mouse".to_owned())
            .then(to(2.0))
            .then(to(1.0));
        Ok(self.window.client().perform_actions(mouse).await?)
    }
}
