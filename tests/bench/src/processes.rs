//! Resource use of a process and its descendants, as the kernel reports it (`man 5 proc`).

use std::fs;

use anyhow::Context;

/// Clock ticks per second in `/proc/*/stat`; Linux reports 100 regardless of its internal rate.
pub(crate) const TICKS: f64 = 100.0;

/// Returns the fields of `/proc/PID/stat` after the name, which may contain any character.
pub(crate) fn after_name(stat: &str) -> anyhow::Result<impl Iterator<Item = &str>> {
    let (_, fields) = stat.rsplit_once(')').context("a process without a name")?;
    Ok(fields.split_whitespace())
}

/// Returns the proportional set size (PSS) of a process and all its descendants, in MiB.
pub(crate) fn memory_of_tree(root: u32) -> anyhow::Result<f64> {
    let mut kilobytes = 0.0;
    for process in tree(root)? {
        let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
        let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
        let pss = pss.and_then(|rest| rest.split_whitespace().next());
        kilobytes += pss.context("no PSS")?.parse::<f64>()?;
    }
    Ok(kilobytes / 1024.0)
}

/// Returns the CPU time that a process and all its descendants have used so far, in seconds.
pub(crate) fn cpu_of_tree(root: u32) -> anyhow::Result<f64> {
    let mut ticks = 0.0;
    for process in tree(root)? {
        let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
        // Its own user and system time, then those of its children that have ended.
        for time in after_name(&stat)?.skip(11).take(4) {
            ticks += time.parse::<f64>()?;
        }
    }
    Ok(ticks / TICKS)
}

fn tree(root: u32) -> anyhow::Result<Vec<u32>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Ok(process) = entry?.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        // It may have ended in the meantime.
        let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) else {
            continue;
        };
        let parent = after_name(&stat)?.nth(1).context("no parent")?;
        parents.push((process, parent.parse::<u32>()?));
    }
    let mut tree = vec![root];
    let mut next = 0;
    while let Some(&process) = tree.get(next) {
        let children = parents.iter().filter(|(_, parent)| *parent == process);
        tree.extend(children.map(|(child, _)| *child));
        next += 1;
    }
    Ok(tree)
}
