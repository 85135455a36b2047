//! Every view and state of Conch's window, set up in the real window.
//!
//! A [`Scene`] is a name, the data that it needs and a function that does what a user would do to get
//! there. [`all`] lists them all, for two callers: `cargo xtask screenshots`, which renders them for the
//! documentation, and the accessibility test, which checks them with axe-core. What a scene shows does
//! not depend on the machine: the data is fixed, the providers are local stand-ins, and no key is needed.

mod axe;
mod error;
mod fixture;
mod page;
mod picture;
mod runner;
mod scene;
mod scenes;
mod servers;

pub use axe::{Axe, Violation};
pub use error::Error;
pub use fixture::Fixture;
pub use page::Page;
pub use picture::compress;
pub use runner::SceneRunner;
pub use scene::{Scene, Size, Theme};
pub use scenes::all;
