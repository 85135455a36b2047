//! Drives Conch's real window, as a user's hands and eyes would, through WebKitWebDriver.
//!
//! It owns the processes that a window needs (a virtual display, the driver, the application) and ends
//! them all, and offers a handful of actions. The assertions are left to the tests and to the first
//! conversation.

mod desktop;
mod display;
#[path = "../../../xtask/src/environment.rs"]
mod environment;
mod error;
mod picture;
mod polling;
mod processes;
mod window;

pub use desktop::{Desktop, TopLevel};
pub use display::Display;
pub use environment::is_inherited;
pub use error::Error;
pub use picture::Picture;
pub use polling::until;
pub use processes::{Process, descendants};
pub use window::{Launch, Window, has_ended};
