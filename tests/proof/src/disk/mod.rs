//! Disks that fail, and disks that lose their power: a [`shim`] under SQLite, and a kind for each.

pub(crate) mod faults;
pub(crate) mod lasting;
pub(crate) mod power;
mod shim;
mod trial;
