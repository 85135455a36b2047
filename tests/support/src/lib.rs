//! What the tests, the campaign and the bench share. Everything here needs the core and no window; what drives the
//! window is in `tests/window`.

pub mod application;
pub mod peers;
pub mod report;
pub mod seed;
