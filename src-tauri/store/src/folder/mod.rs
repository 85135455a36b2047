//! The data folder: exists, is on a drive that can hold a database, and is accessible only to its owner.
//!
//! The permissions of files that other programs create in it (the web view, SQLite's files, older versions of
//! Conch) are restricted when Conch starts. The folder itself is restricted first, so that nothing in it is
//! accessible meanwhile.

pub mod drive;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Maximum number of files and folders visited; a web view's cache has several thousand.
const MAX_ENTRIES: usize = 200_000;

/// Creates a folder and its missing parents with access for the user only. Restricts an existing one too,
/// unless it belongs to another user or is shared (`/tmp`).
///
/// # Errors
/// When it cannot be created.
pub fn make(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    restrict(folder);
    Ok(())
}

/// Creates the data folder. If it is a symbolic link to a folder, restricts the target.
///
/// # Errors
/// When it cannot be created.
pub fn make_data_folder(folder: &Path) -> io::Result<()> {
    make(folder)?;
    restrict(&folder.canonicalize()?);
    Ok(())
}

/// Returns options for creating a file that is never readable by other users.
pub fn private() -> OpenOptions {
    #[cfg(unix)]
    {
        let mut options = OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
    }
    #[cfg(not(unix))]
    OpenOptions::new()
}

/// Syncs a folder, to make renames in it durable. Not supported by every file system.
pub(crate) fn sync(folder: &Path) {
    if cfg!(unix) {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
}

/// Prefixes of the names that Conch creates in its data folder. Anything else belongs to the user: the folder
/// may have existed before.
const OWN: &[&str] = &[
    "aside",
    "backups",
    "conch.db",
    "instances",
    "keys.json",
    "looked-at",
    "models",
    "saved",
    "start.lock",
    "webview",
    "window.json",
];

/// Returns the entries that Conch created directly in its data folder.
fn own(data_folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(data_folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            OWN.iter().any(|own| name.starts_with(own))
        })
        .map(|entry| entry.path())
}

/// Restricts the files directly in the data folder: few, including the database.
pub fn restrict_files(data_folder: &Path) {
    for path in own(data_folder) {
        restrict(&path);
    }
}

/// Restricts everything that Conch created in its data folder, recursively. Follows no symbolic links and does
/// not cross into other file systems.
pub fn restrict_all(data_folder: &Path) {
    let device = data_folder
        .canonicalize()
        .ok()
        .and_then(|it| device_of(&it));
    let mut left = MAX_ENTRIES;
    let mut paths: Vec<PathBuf> = own(data_folder).collect();
    while let Some(path) = paths.pop() {
        let Some(fewer) = left.checked_sub(1) else {
            tracing::warn!(
                "the data folder contains too many files; some permissions were not checked"
            );
            return;
        };
        left = fewer;
        restrict(&path);
        let is_folder = fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir());
        if is_folder && device_of(&path) == device {
            let entries = fs::read_dir(&path).into_iter().flatten().flatten();
            paths.extend(entries.map(|entry| entry.path()));
        }
    }
}

#[cfg(unix)]
fn device_of(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;

    fs::symlink_metadata(path).ok().map(|found| found.dev())
}

#[cfg(not(unix))]
fn device_of(_: &Path) -> Option<u64> {
    None
}

/// Removes all permissions of other users from a file or folder.
#[cfg(unix)]
fn restrict(path: &Path) {
    use std::os::unix::fs::PermissionsExt;

    const STICKY: u32 = 0o1000;
    let Ok(found) = fs::symlink_metadata(path) else {
        return;
    };
    let mode = found.permissions().mode();
    let kept = if found.is_dir() { 0o700 } else { 0o600 };
    let closed = mode & kept;
    let is_open = mode & 0o777 != closed;
    let is_ours = (found.is_dir() && mode & STICKY == 0) || found.is_file();
    if !is_open || !is_ours {
        return;
    }
    match fs::set_permissions(path, fs::Permissions::from_mode(closed)) {
        Ok(()) => tracing::info!(
            "{} was accessible to other users (mode {mode:o}); this was corrected",
            path.display()
        ),
        Err(error) => tracing::warn!(
            "{} is accessible to other users (mode {mode:o}), and its permissions cannot be changed: {error}",
            path.display()
        ),
    }
}

/// On other systems the user's data folder inherits its permissions from its parent.
#[cfg(not(unix))]
fn restrict(_: &Path) {}

/// Returns the free space for the user on a folder's drive, in bytes; `None` if unknown.
#[cfg(unix)]
pub(crate) fn free_room(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
pub(crate) fn free_room(_: &Path) -> Option<u64> {
    None
}

/// Returns an unused file name in `folder`: `name`, or `name` with a number.
pub(crate) fn vacant(folder: &Path, name: &str) -> PathBuf {
    let numbered = |number: u32| match number {
        1 => folder.join(name),
        _ => folder.join(format!("{name}-{number}")),
    };
    let mut number = 1;
    while numbered(number).symlink_metadata().is_ok() {
        number += 1;
    }
    numbered(number)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_new_folder_and_what_an_older_conch_made_are_the_users_alone() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("above").join("data");
        make(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&place.path().join("above")), 0o700);

        set(&folder, 0o755);
        let deep = folder.join("webview").join("cache");
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("entry"), "").unwrap();
        fs::write(folder.join("conch.db"), "").unwrap();
        set(&deep, 0o777);
        set(&deep.join("entry"), 0o666);
        set(&folder.join("conch.db"), 0o644);
        make(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700, "one that was there is closed");
        restrict_files(&folder);
        assert_eq!(mode(&folder.join("conch.db")), 0o600);
        restrict_all(&folder);
        assert_eq!(mode(&deep), 0o700);
        assert_eq!(mode(&deep.join("entry")), 0o600);
    }

    #[test]
    fn what_a_link_leads_to_and_a_place_for_all_are_left_alone() {
        let (place, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let theirs = elsewhere.path().join("theirs");
        fs::write(&theirs, "").unwrap();
        set(&theirs, 0o644);
        set(elsewhere.path(), 0o755);
        let webview = place.path().join("webview");
        fs::create_dir(&webview).unwrap();
        symlink(&theirs, webview.join("a file")).unwrap();
        symlink(elsewhere.path(), webview.join("a folder")).unwrap();
        symlink(elsewhere.path(), place.path().join("backups")).unwrap();
        let program = place.path().join("program");
        fs::write(&program, "").unwrap();
        set(&program, 0o755);
        restrict_files(place.path());
        restrict_all(place.path());
        assert_eq!((mode(&theirs), mode(elsewhere.path())), (0o644, 0o755));
        assert_eq!(mode(&program), 0o755, "it is the user's own");

        set(place.path(), 0o1777);
        make(place.path()).unwrap();
        assert_eq!(mode(place.path()), 0o1777);
    }

    #[test]
    fn a_data_folder_that_is_a_link_is_closed_where_it_leads() {
        let (place, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (data, link) = (elsewhere.path().join("data"), place.path().join("conch"));
        fs::create_dir(&data).unwrap();
        set(&data, 0o755);
        symlink(&data, &link).unwrap();
        make_data_folder(&link).unwrap();
        assert_eq!(mode(&data), 0o700);
        let deep = data.join("webview").join("cache");
        fs::create_dir_all(&deep).unwrap();
        set(&deep, 0o755);
        restrict_all(&link);
        assert_eq!(mode(&deep), 0o700);
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(vacant(place.path(), "a"), place.path().join("a"));
        fs::write(place.path().join("a"), "").unwrap();
        fs::write(place.path().join("a-2"), "").unwrap();
        assert_eq!(vacant(place.path(), "a"), place.path().join("a-3"));
    }
}
