//! The core of Conch, independent of any window: the store, the generation lock, the turn, the providers.
//! [`App`] is the entry point; the desktop shell calls it and shows its events.
//!
//! Tauri is not in this crate's dependency graph, and CI checks that.

mod app;
pub mod attachments;
mod bounds;
pub mod error;
mod indexing;
pub mod keeper;
pub mod live;
pub mod lock;
pub mod provider;
pub mod recovery;
mod sync;
mod tokens;
pub mod turns;

pub use conch_model as model;
pub use conch_model::clock;
pub(crate) use conch_provider::{child, network};
pub use conch_provider::{keys, web};
pub use conch_store as store;
pub(crate) use conch_store::folder;
pub use conch_store::{events, start};

pub use app::{
    App, Attachments, Config, ConfiguredProviders, Conversations, Drafts, Queues, SavedSettings,
    composer,
};
pub use conch_model::ErrorCode;
pub use conch_provider::network::Proxies;
pub use conch_store::folder::make as make_private_folder;
pub use error::{Error, Result};
