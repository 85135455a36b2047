//! Everything in Conch that is true without a window: the store, the generation lock, the turn, the
//! providers. [`App`] is the door; the desktop shell calls it and shows what it tells.
//!
//! Tauri is not in this crate's dependency graph, and CI proves it.

mod app;
mod attaching;
pub mod attachments;
mod bounds;
pub mod chat;
mod child;
pub mod clock;
mod config;
mod configure;
pub mod error;
pub mod events;
pub mod ids;
pub mod keys;
pub mod lock;
pub mod provider;
mod reading;
pub mod settings;
pub mod store;
mod sync;
pub mod web;

pub use app::App;
pub use config::Config;
pub use error::{Error, ErrorCode, Result};
