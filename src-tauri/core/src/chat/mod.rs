//! Chatting: the turn, from the press of Send to the stored answer.
//!
//! [`turn`] decides (pure), [`driver`] performs. The answers that run are in
//! [`live`](crate::live), the transactions in [`store`](crate::store), the entry points in [`App`](crate::App).

mod activity;
mod admission;
mod attached;
mod context;
pub(crate) mod driver;
mod timeouts;
pub(crate) mod turn;
