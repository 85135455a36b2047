//! Replaces the core's module of that name: a process is dead if its id says so.

use std::path::Path;

use crate::model::InstanceId;

/// Id prefix of a process that died holding its lock.
pub(crate) const DEAD: &str = "dead";

pub(crate) fn is_dead(_instances: &Path, id: &InstanceId) -> bool {
    id.to_string().starts_with(DEAD)
}
