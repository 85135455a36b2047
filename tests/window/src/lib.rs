//! Drives Conch's real window, as a user's hands and eyes would, through WebKitWebDriver.
//!
//! It owns the processes around a window (a display where there is none, the driver, the application)
//! and ends them all, and a handful of verbs. What should be seen is the business of the tests and of
//! the first conversation.

mod display;
mod error;
mod window;

pub use display::Display;
pub use error::Error;
pub use window::{Launch, NOT_INHERITED, Window};
