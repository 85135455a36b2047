//! What lies where the database belongs, before SQLite looks at it: SQLite deletes a log whose database is
//! empty, and cuts a database whose journal says that it was.
//!
//! Nothing is taken away here. What Conch cannot use is moved aside, where it can be read with other tools.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::damage::{WAL_SUFFIX, with_suffix};
use crate::clock::Timestamp;
use crate::folder;

/// What SQLite keeps beside a database.
pub(crate) const COMPANIONS: [&str; 3] = [WAL_SUFFIX, JOURNAL, "-shm"];

/// What SQLite rolls back with, beside the database.
pub(super) const JOURNAL: &str = "-journal";

/// The largest page of a database, in bytes, <https://sqlite.org/limits.html>.
const LARGEST_PAGE: u64 = 65_536;

/// How a journal begins, <https://sqlite.org/fileformat2.html#the_rollback_journal>.
const JOURNAL_MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// What the main file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Main {
    /// There is none, or nothing in it.
    Absent,
    /// A page of nothing but zeros: SQLite's first write made the file that long, and the power failed
    /// before the one sector that says something was on the disk. Or a drive lost what was there.
    Zeros,
    /// It begins like a database.
    Database,
    /// It begins otherwise.
    Foreign,
}

/// Looks at the main file.
pub(super) fn main_file(path: &Path) -> io::Result<Main> {
    let mut page = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(LARGEST_PAGE + 1).read_to_end(&mut page)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Main::Absent),
        Err(error) => return Err(error),
    };
    let fits = u64::try_from(page.len()).is_ok_and(|length| length <= LARGEST_PAGE);
    Ok(if page.is_empty() {
        Main::Absent
    } else if page.starts_with(b"SQLite format 3\0") {
        Main::Database
    } else if fits && page.iter().all(|byte| *byte == 0) {
        Main::Zeros
    } else {
        Main::Foreign
    })
}

/// True when the write-ahead log holds anything.
pub(super) fn has_log(database: &Path) -> io::Result<bool> {
    says_something(&with_suffix(database, WAL_SUFFIX))
}

/// True when there is a journal of a database that had pages: what is missing was there once.
pub(super) fn has_journal(database: &Path) -> io::Result<bool> {
    let mut header = Vec::new();
    match File::open(with_suffix(database, "-journal")) {
        Ok(file) => file.take(20).read_to_end(&mut header)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let pages = header.get(16..20);
    Ok(header.starts_with(&JOURNAL_MAGIC) && pages.is_some_and(|pages| pages != [0; 4]))
}

/// True when a file holds a byte that is not zero.
fn says_something(path: &Path) -> io::Result<bool> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let mut part = vec![0; 65_536];
    loop {
        match file.read(&mut part)? {
            0 => return Ok(false),
            length => {
                let read = part.get(..length).unwrap_or_default();
                if read.iter().any(|byte| *byte != 0) {
                    return Ok(true);
                }
            }
        }
    }
}

/// The size of a page by the header of the write-ahead log,
/// <https://sqlite.org/fileformat2.html#wal_file_format>.
pub(super) fn page_size_in_log(database: &Path) -> io::Result<u64> {
    let mut header = [0; 12];
    File::open(with_suffix(database, WAL_SUFFIX))?.read_exact(&mut header)?;
    let [.., a, b, c, d] = header;
    let size = u64::from(u32::from_be_bytes([a, b, c, d]));
    let is_size = size.is_power_of_two() && (512..=LARGEST_PAGE).contains(&size);
    Ok(if is_size { size } else { 4096 })
}

/// A new folder, named by the time, for what is moved aside.
pub(crate) fn aside(data_folder: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let parent = data_folder.join("aside");
    folder::make(&parent)?;
    let folder = folder::vacant(&parent, &now.to_name());
    folder::make(&folder)?;
    Ok(folder)
}

/// Moves a file into a folder, if it is there.
pub(crate) fn put(path: &Path, folder: &Path) -> io::Result<()> {
    let Some(name) = path.file_name() else {
        return Ok(());
    };
    match fs::rename(path, folder.join(name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Moves a database that was never written, and what lies beside it, aside. Returns where it is now.
pub(super) fn put_aside(database: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let folder = aside(database.parent().unwrap_or(Path::new("")), now)?;
    for suffix in COMPANIONS {
        put(&with_suffix(database, suffix), &folder)?;
    }
    put(database, &folder)?;
    Ok(folder)
}

/// True when anything lies beside a database that SQLite would take for its own.
pub(super) fn has_companions(database: &Path) -> bool {
    COMPANIONS.iter().any(|suffix| {
        fs::metadata(with_suffix(database, suffix)).is_ok_and(|found| found.len() > 0)
    })
}
