//! The processes of an application, from `/proc` (`man 5 proc`).

use std::fs;

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its process id.
    pub id: u32,
    /// The first 15 bytes of its program's name.
    pub name: String,
}

/// Returns all descendants of a process.
pub fn descendants(root: u32) -> Vec<Process> {
    let mut found = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for id in children(parent) {
            parents.push(id);
            let name = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
            found.push(Process {
                id,
                name: name.trim_end().to_owned(),
            });
        }
    }
    found
}

/// Returns the children of all of a process's threads.
fn children(parent: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{parent}/task"));
    let threads = threads.into_iter().flatten().flatten();
    // Each thread may have ended meanwhile.
    let lists =
        threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let ids = lists.flat_map(|list| {
        let ids = list.split_whitespace().map(str::parse);
        ids.collect::<Result<Vec<u32>, _>>().unwrap_or_default()
    });
    ids.collect()
}
