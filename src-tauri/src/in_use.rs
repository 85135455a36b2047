//! Removes a folder in which other processes may still be writing.

use std::io::Result;
use std::path::Path;
use std::time::Duration;

/// Number of attempts: some 2 s in all.
const ATTEMPTS: u32 = 200;

const INTERVAL: Duration = Duration::from_millis(10);

/// Removes a folder with everything in it. The processes of a web view end after the application, and what they write
/// into the folder while it is being removed keeps it from being empty: it is removed again then.
///
/// # Errors
/// When the folder is still there after 2 s.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let removed = std::fs::remove_dir_all(folder);
        if !folder.exists() {
            return Ok(());
        }
        if attempts == ATTEMPTS {
            return removed;
        }
        std::thread::sleep(INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_folder_that_is_written_to_is_removed() {
        let folder = tempfile::tempdir().unwrap().keep();
        let writes = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Until the folder is gone, or the writer ends, like a process of a web view.
                for number in 0..2_000 {
                    let below = folder.join(format!("{number}"));
                    if std::fs::create_dir(&below).is_err() {
                        break;
                    }
                    writes.store(true, Ordering::Relaxed);
                    let _ = std::fs::write(below.join("file"), "written meanwhile");
                }
            });
            while !writes.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            remove(&folder).unwrap();
        });
        assert!(!folder.exists());
    }
}
