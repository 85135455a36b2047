//! Every view and state of Conch's window, set up in the real window.
//!
//! A [`Scene`] is a name, the data that it plays on and a function that does what a user would do to come
//! there. [`all`] lists them all, and two look at them: `cargo xtask screenshots`, which
//! draws them for the documentation, and the accessibility test, which has axe-core judge them. What a
//! scene shows does not depend on the machine: the data is fixed, the providers are stand-ins on this
//! machine, and no key is needed.

mod axe;
mod error;
mod fixture;
mod page;
mod picture;
mod runner;
mod scene;
mod scenes;

pub use axe::{Axe, Violation};
pub use error::Error;
pub use fixture::Fixture;
pub use page::Page;
pub use picture::compress;
pub use runner::SceneRunner;
pub use scene::{Scene, Size, Theme};
pub use scenes::all;
