//! The locks of what several tasks share: the standard library's.
//!
//! `tests/proof` compiles [`events`](crate::events) and [`chat::live`](crate::chat) a second time with a
//! scheduler's locks in this module's place, and tries random schedules.

pub(crate) use std::sync::{Mutex, MutexGuard};
