//! A display where there is none: Xvfb, and a private session bus.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::Error;

/// A display for windows. The processes started for it end with it.
#[derive(Debug)]
pub struct Display {
    environment: Vec<(String, String)>,
    servers: Vec<Child>,
}

impl Display {
    /// Returns the current display, or a virtual one of 1280 × 800.
    ///
    /// # Errors
    /// When none can be started.
    pub fn find() -> Result<Self, Error> {
        if !is_set("DISPLAY") && !is_set("WAYLAND_DISPLAY") {
            return Self::start_virtual(1280, 800);
        }
        Self::none().with_bus()
    }

    /// Starts a virtual display of this size in pixels, whether or not there is another.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_virtual(width: u32, height: u32) -> Result<Self, Error> {
        let mut display = Self::none();
        let screen = format!("{width}x{height}x24");
        let arguments = [
            "-displayfd",
            "1",
            "-screen",
            "0",
            &screen,
            "-nolisten",
            "tcp",
            // A server that resets when its last window closes refuses the next client for a moment.
            "-noreset",
        ];
        let number = display.start("Xvfb", &arguments)?;
        display.set("DISPLAY", format!(":{number}"));
        display.with_bus()
    }

    fn none() -> Self {
        // Makes WebKit paint as in a window that no driver opened.
        let painting = ("WEBKIT_DISABLE_COMPOSITING_MODE", "1");
        Self {
            environment: vec![(painting.0.to_owned(), painting.1.to_owned())],
            servers: Vec::new(),
        }
    }

    /// Adds a private session bus, where there is none.
    fn with_bus(self) -> Result<Self, Error> {
        if is_set("DBUS_SESSION_BUS_ADDRESS") {
            return Ok(self);
        }
        self.with_own_bus()
    }

    /// Adds a private session bus, whether or not there is another.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn with_own_bus(mut self) -> Result<Self, Error> {
        let session = ["--session", "--nofork", "--print-address=1"];
        let address = self.start("dbus-daemon", &session)?;
        self.environment
            .retain(|(name, _)| name != "DBUS_SESSION_BUS_ADDRESS");
        self.set("DBUS_SESSION_BUS_ADDRESS", address);
        Ok(self)
    }

    /// Whether the display is virtual.
    pub fn is_virtual(&self) -> bool {
        self.environment.iter().any(|(name, _)| name == "DISPLAY")
    }

    /// Returns the environment variables for a process that opens a window here.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    fn set(&mut self, name: &str, value: String) {
        self.environment.push((name.to_owned(), value));
    }

    /// Starts a server and returns the first line that it prints once it is ready.
    fn start(&mut self, program: &'static str, arguments: &[&str]) -> Result<String, Error> {
        let mut server = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| Error::Start { program, source })?;
        let output = server.stdout.take();
        self.servers.push(server);
        let mut line = String::new();
        if let Some(output) = output {
            BufReader::new(output).read_line(&mut line)?;
        }
        match line.trim() {
            "" => Err(Error::NoDisplay),
            line => Ok(line.to_owned()),
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        for server in self.servers.iter_mut().rev() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}
