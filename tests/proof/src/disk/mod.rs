//! Disks that fail, and disks that lose power: a [`shim`] under SQLite, and one kind of proof for
//! each.

pub(crate) mod faults;
pub(crate) mod lasting;
pub(crate) mod power;
mod shim;
mod trial;
pub(crate) mod update;
