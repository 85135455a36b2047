//! The windows as the window system knows them, for what WebDriver does not expose: visibility, the system's
//! own dialogs, and requests to close a window.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use x11rb::CURRENT_TIME;
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConnectionExt as _, EventMask, ImageFormat, InputFocus,
    KEY_PRESS_EVENT, KEY_RELEASE_EVENT, MapState, Window as Id,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

use crate::{Display, Error, Picture};

/// A window that changes for longer than this never becomes stable.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The interval at which a window is captured.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The windows of an X server.
#[derive(Debug)]
pub struct Desktop {
    connection: RustConnection,
    root: Id,
}

/// A top-level window of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopLevel {
    id: Id,
    /// The title.
    pub title: String,
    /// Whether it is mapped and viewable.
    pub visible: bool,
}

impl Desktop {
    /// Connects to this display.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub fn of(display: &Display) -> Result<Self, Error> {
        let given = display.environment().iter();
        let name = given.clone().find(|(name, _)| name == "DISPLAY");
        let name = name.map(|(_, value)| value.as_str());
        let (connection, screen) = x11rb::connect(name).map_err(failed)?;
        let root = connection.setup().roots[screen].root;
        Ok(Self { connection, root })
    }

    /// Returns a process's windows that have a title, in stacking order from the bottom.
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn windows_of(&self, process: u32) -> Result<Vec<TopLevel>, Error> {
        let tree = self.connection.query_tree(self.root).map_err(failed)?;
        let tree = tree.reply().map_err(failed)?;
        let of_process = |&id: &Id| self.window_of(id, process).transpose();
        tree.children.iter().filter_map(of_process).collect()
    }

    fn window_of(&self, id: Id, process: u32) -> Result<Option<TopLevel>, Error> {
        let owner = self.property(id, "_NET_WM_PID", AtomEnum::CARDINAL.into())?;
        let title = self.property(id, "_NET_WM_NAME", self.atom("UTF8_STRING")?)?;
        if owner != process.to_ne_bytes() || title.is_empty() {
            return Ok(None);
        }
        let attributes = self.connection.get_window_attributes(id).map_err(failed)?;
        // The window may have been destroyed meanwhile.
        Ok(attributes.reply().ok().map(|attributes| TopLevel {
            id,
            title: String::from_utf8_lossy(&title).into_owned(),
            visible: attributes.map_state == MapState::VIEWABLE,
        }))
    }

    fn property(&self, id: Id, name: &str, kind: u32) -> Result<Vec<u8>, Error> {
        let name = self.atom(name)?;
        let asked = self.connection.get_property(false, id, name, kind, 0, 1024);
        // A destroyed window has no properties.
        let answer = asked.map_err(failed)?.reply().ok();
        Ok(answer.map(|answer| answer.value).unwrap_or_default())
    }

    fn atom(&self, name: &str) -> Result<u32, Error> {
        let atom = self.connection.intern_atom(false, name.as_bytes());
        Ok(atom.map_err(failed)?.reply().map_err(failed)?.atom)
    }

    /// Sends `WM_DELETE_WINDOW`, as the close button and the window manager's shortcut do.
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn close(&self, window: &TopLevel) -> Result<(), Error> {
        let wish = [self.atom("WM_DELETE_WINDOW")?, CURRENT_TIME, 0, 0, 0];
        let message = ClientMessageEvent::new(32, window.id, self.atom("WM_PROTOCOLS")?, wish);
        self.connection
            .send_event(false, window.id, EventMask::NO_EVENT, message)
            .map_err(failed)?;
        self.done()
    }

    /// Focuses a window and presses a key in it.
    ///
    /// # Errors
    /// When the keyboard has no such key.
    pub fn press(&self, window: &TopLevel, keysym: u32) -> Result<(), Error> {
        let setup = self.connection.setup();
        let (first, last) = (setup.min_keycode, setup.max_keycode);
        let asked = self
            .connection
            .get_keyboard_mapping(first, last - first + 1);
        let keys = asked.map_err(failed)?.reply().map_err(failed)?;
        let mut codes = keys.keysyms.chunks(usize::from(keys.keysyms_per_keycode));
        let code = codes.position(|keysyms| keysyms.contains(&keysym));
        let code = code.and_then(|code| first.checked_add(u8::try_from(code).ok()?));
        let code = code.ok_or_else(|| Error::Desktop(format!("there is no key {keysym:#x}")))?;
        self.connection
            .set_input_focus(InputFocus::PARENT, window.id, CURRENT_TIME)
            .map_err(failed)?;
        for event in [KEY_PRESS_EVENT, KEY_RELEASE_EVENT] {
            self.connection
                .xtest_fake_input(event, code, CURRENT_TIME, self.root, 0, 0, 0)
                .map_err(failed)?;
        }
        self.done()
    }

    /// Returns the topmost visible window of a process.
    ///
    /// # Errors
    /// When it has none.
    pub fn top_visible_window(&self, process: u32) -> Result<TopLevel, Error> {
        let windows = self.windows_of(process)?;
        let seen = windows.into_iter().rfind(|window| window.visible);
        seen.ok_or_else(|| Error::Desktop(format!("process {process} shows no window")))
    }

    /// Returns what a window shows now, whichever process draws it.
    ///
    /// # Errors
    /// When the window is not entirely on the screen.
    pub fn picture(&self, window: &TopLevel) -> Result<Picture, Error> {
        let size = self.connection.get_geometry(window.id).map_err(failed)?;
        let size = size.reply().map_err(failed)?;
        let asked = self.connection.get_image(
            ImageFormat::Z_PIXMAP,
            window.id,
            0,
            0,
            size.width,
            size.height,
            u32::MAX,
        );
        let dots = asked.map_err(failed)?.reply().map_err(failed)?.data;
        Ok(Picture::new(size.width.into(), size.height.into(), dots))
    }

    /// Returns what a window shows once fewer than `few` pixels of it have changed for this long.
    ///
    /// # Errors
    /// When it keeps changing.
    pub async fn picture_at_rest(
        &self,
        window: &TopLevel,
        rest: Duration,
        few: usize,
    ) -> Result<Picture, Error> {
        let started = Instant::now();
        let mut since = started;
        let mut first = self.picture(window)?;
        while since.elapsed() < rest {
            if started.elapsed() > TIMEOUT {
                return Err(Error::Desktop("the window does not rest".to_owned()));
            }
            sleep(POLL_INTERVAL).await;
            let next = self.picture(window)?;
            if next.difference(&first) >= few {
                (first, since) = (next, Instant::now());
            }
        }
        Ok(first)
    }

    /// Waits until the server has processed the requests: it may drop those of a client that disconnects.
    fn done(&self) -> Result<(), Error> {
        let asked = self.connection.get_input_focus().map_err(failed)?;
        asked.reply().map(drop).map_err(failed)
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Desktop(error.to_string())
}
