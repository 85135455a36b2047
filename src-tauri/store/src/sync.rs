//! Synchronization primitives of [`events`](crate::events). `tests/proof` compiles that module a second time, with a
//! scheduler's primitives in place of this module, and tries random schedules.

pub(crate) use std::sync::{Mutex, MutexGuard};
