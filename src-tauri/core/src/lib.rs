//! The core of Conch, independent of any window: the store, the generation lock, the turn, the providers.
//! [`App`] is the entry point; the desktop shell calls it and shows its events.
//!
//! Tauri is not in this crate's dependency graph, and CI checks that.

mod app;
pub mod attachments;
mod bounds;
mod child;
pub mod clock;
pub mod error;
pub mod events;
mod folder;
mod indexing;
pub mod keeper;
pub mod keys;
pub mod live;
pub mod lock;
pub mod model;
mod network;
pub mod provider;
pub mod recovery;
pub mod start;
pub mod store;
mod sync;
mod tokens;
pub mod turns;
pub mod web;

pub use app::{
    App, Attachments, Config, ConfiguredProviders, Conversations, Drafts, SavedSettings,
};
pub use error::{Error, Result};
pub use folder::make as make_private_folder;
pub use model::ErrorCode;
pub use network::Proxies;
