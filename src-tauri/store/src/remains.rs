//! Examines the database's files before SQLite opens them: SQLite deletes a WAL whose database is empty, and
//! truncates a database whose journal says that it was empty.
//!
//! Nothing is deleted here. What Conch cannot use is moved aside, where other tools can read it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use conch_model::Timestamp;

use super::damage::{WAL_SUFFIX, with_suffix};
use crate::folder;

/// Suffixes of SQLite's files next to a database.
pub(crate) const COMPANIONS: [&str; 3] = [WAL_SUFFIX, JOURNAL, "-shm"];

/// Suffix of SQLite's rollback journal.
pub(super) const JOURNAL: &str = "-journal";

/// Maximum page size of a database, in bytes, <https://sqlite.org/limits.html>.
const LARGEST_PAGE: u64 = 65_536;

/// Magic number of a journal, <https://sqlite.org/fileformat2.html#the_rollback_journal>.
const JOURNAL_MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// The state of the main file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Main {
    /// Missing or empty.
    Absent,
    /// A page of zeros: SQLite's first write extended the file, and the power failed before the sector with its
    /// content was on the disk. Or a drive lost the content.
    Zeros,
    /// Starts with a database header.
    Database,
    /// Starts with something else.
    Foreign,
}

/// Examines the main file.
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

/// Returns true if the WAL contains anything.
pub(super) fn has_log(database: &Path) -> io::Result<bool> {
    says_something(&with_suffix(database, WAL_SUFFIX))
}

/// Returns true if there is a journal of a database that had pages: a missing database did exist.
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

/// Returns true if a file contains a nonzero byte.
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

/// Returns the page size according to the header of the WAL,
/// <https://sqlite.org/fileformat2.html#wal_file_format>.
pub(super) fn page_size_in_log(database: &Path) -> io::Result<u64> {
    let mut header = [0; 12];
    File::open(with_suffix(database, WAL_SUFFIX))?.read_exact(&mut header)?;
    let [.., a, b, c, d] = header;
    let size = u64::from(u32::from_be_bytes([a, b, c, d]));
    let is_size = size.is_power_of_two() && (512..=LARGEST_PAGE).contains(&size);
    Ok(if is_size { size } else { 4096 })
}

/// Creates a folder, named by the time, for files that are moved aside.
pub(crate) fn aside(data_folder: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let parent = data_folder.join("aside");
    folder::make(&parent)?;
    let folder = folder::vacant(&parent, &now.to_name());
    folder::make(&folder)?;
    Ok(folder)
}

/// Moves a file into a folder, if it exists.
pub(crate) fn put(path: &Path, folder: &Path) -> io::Result<()> {
    let Some(name) = path.file_name() else {
        return Ok(());
    };
    match fs::rename(path, folder.join(name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Moves aside a database that was never written, with its companion files. Returns the folder.
pub(super) fn move_aside(database: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let folder = aside(database.parent().unwrap_or(Path::new("")), now)?;
    for suffix in COMPANIONS {
        put(&with_suffix(database, suffix), &folder)?;
    }
    put(database, &folder)?;
    Ok(folder)
}

/// Returns true if there are nonempty files next to a database that SQLite would use as its own.
pub(super) fn has_companions(database: &Path) -> bool {
    COMPANIONS.iter().any(|suffix| {
        fs::metadata(with_suffix(database, suffix)).is_ok_and(|found| found.len() > 0)
    })
}
