//! The core of Conch, independent of any window: the store, the generation lock, the turn, the providers.
//! [`App`] is the entry point; the desktop shell calls it and shows its events.
//!
//! Tauri is not in this crate's dependency graph, and CI checks that.

mod app;
mod attaching;
pub mod attachments;
mod bounds;
pub mod chat;
mod child;
pub mod clock;
mod config;
mod configure;
mod daily;
mod deleting;
pub mod error;
pub mod events;
mod folder;
mod indexing;
pub mod keeper;
pub mod keys;
pub mod lock;
pub mod model;
mod network;
mod opening;
pub mod provider;
mod reading;
pub mod recovery;
pub mod start;
pub mod store;
mod sync;
mod versions;
pub mod web;

pub use app::App;
pub use config::Config;
pub use error::{Error, Result};
pub use folder::make as make_private_folder;
pub use model::ErrorCode;
pub use network::Proxies;
