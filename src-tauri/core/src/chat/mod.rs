//! Chatting: the turn, from the press of Send to the stored answer.
//!
//! [`turn`] decides (pure), [`driver`] performs, [`live`] publishes and stops, [`page`] renders for pages,
//! [`aside`] holds ended answers that cannot be stored. The transactions are in [`store`](crate::store), the
//! entry points in [`App`](crate::App).

mod activity;
pub(crate) mod aside;
mod attached;
mod context;
pub(crate) mod driver;
pub(crate) mod live;
mod notice;
mod page;
mod request;
mod timeouts;
pub(crate) mod turn;

pub(crate) use context::text_tokens;
pub use live::{Phase, TranscriptEvent};
pub use notice::Notice;
pub use page::{PageEvent, PageRenderer};
