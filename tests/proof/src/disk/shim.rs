//! A disk between SQLite and the operating system, which the proof can make fail or record.
//!
//! It is SQLite's default VFS with a few functions replaced: a file in a folder on which a [`Disk`] is mounted gets a
//! method table in which writes, truncations and syncs consult that disk first. The product's own code for opening
//! its database thus runs on it unchanged. Everything else goes straight to the operating system, as do files in all
//! other folders.
//!
//! SQLite keeps its list of VFSs for the lifetime of the process, so what it calls must live as long: the registry
//! here is the only static state of the campaign.

#![expect(unsafe_code, reason = "SQLite's VFS is a table of C functions")]

use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, ensure};
use libsqlite3_sys::{
    SQLITE_IOERR, SQLITE_OK, sqlite3_file, sqlite3_io_methods, sqlite3_vfs, sqlite3_vfs_find,
    sqlite3_vfs_register,
};

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It succeeds.
    Do,
    /// It fails with this extended result code of SQLite.
    Fail(c_int),
    /// So many bytes of a write are written, then it fails with this code.
    Partly(usize, c_int),
}

/// Decides on the calls to the files of one folder. A file is named without its folder.
pub(super) trait Disk: Send + Sync {
    /// A write of `bytes` at an offset.
    fn write(&self, file: &str, offset: u64, bytes: &[u8]) -> Verdict;
    /// The file is truncated, or extended with zeros, to a size.
    fn truncate(&self, file: &str, size: u64) -> Verdict;
    /// A sync of what was written.
    fn sync(&self, file: &str) -> Verdict;
    /// A removal; `durably` if the folder is synced too.
    fn delete(&self, file: &str, durably: bool) -> Verdict;
}

/// A disk mounted on a folder, until this is dropped.
#[must_use]
pub(super) struct Mounted {
    folder: PathBuf,
}

impl Mounted {
    /// Mounts `disk` on `folder`. Files that are already open are not affected.
    pub(super) fn under(folder: &Path, disk: Arc<dyn Disk>) -> anyhow::Result<Self> {
        let folder = folder.canonicalize()?;
        let shim = LazyLock::force(&SHIM).as_ref();
        shim.context("SQLite has no default VFS")?;
        lock(&DISKS).insert(folder.clone(), disk);
        Ok(Self { folder })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        lock(&DISKS).remove(&self.folder);
    }
}

/// The disks, by folder.
static DISKS: LazyLock<Mutex<HashMap<PathBuf, Arc<dyn Disk>>>> = LazyLock::new(Mutex::default);

/// The open files on them, by the address of SQLite's file struct.
static FILES: LazyLock<Mutex<HashMap<usize, OpenFile>>> = LazyLock::new(Mutex::default);

/// The default VFS behind the shim, once registered.
static SHIM: LazyLock<Option<DefaultVfs>> = LazyLock::new(|| register().ok());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone, Copy)]
struct DefaultVfs(*mut sqlite3_vfs);

// SAFETY: a VFS is registered for the whole process, and SQLite itself calls it from any thread.
unsafe impl Send for DefaultVfs {}
// SAFETY: as above.
unsafe impl Sync for DefaultVfs {}

#[derive(Clone)]
struct OpenFile {
    disk: Arc<dyn Disk>,
    name: Arc<str>,
    /// The methods of the default VFS.
    methods: &'static sqlite3_io_methods,
}

fn register() -> anyhow::Result<DefaultVfs> {
    // SAFETY: a null name requests the default VFS; the returned pointer is valid as long as the process.
    let default = unsafe { sqlite3_vfs_find(std::ptr::null()) };
    ensure!(!default.is_null(), "SQLite has no VFS");
    // SAFETY: it is not null, and a plain struct of numbers and pointers.
    let mut shim = unsafe { *default };
    shim.zName = c"conch-proof".as_ptr();
    shim.pNext = std::ptr::null_mut();
    shim.xOpen = Some(open);
    shim.xDelete = Some(delete);
    let shim = Box::leak(Box::new(shim));
    // SAFETY: the struct is leaked, so it lives as long as the process.
    let registered = unsafe { sqlite3_vfs_register(shim, 1) };
    ensure!(registered == SQLITE_OK, "SQLite refused the VFS");
    Ok(DefaultVfs(default))
}

fn default_vfs() -> Option<*mut sqlite3_vfs> {
    SHIM.map(|DefaultVfs(vfs)| vfs)
}

/// Returns the disk under a file, and the file's name on it.
unsafe fn disk_of(path: *const c_char) -> Option<(Arc<dyn Disk>, Arc<str>)> {
    if path.is_null() {
        return None;
    }
    // SAFETY: SQLite passes a null-terminated name.
    let path = Path::new(unsafe { CStr::from_ptr(path) }.to_str().ok()?);
    let disk = lock(&DISKS).get(path.parent()?).cloned()?;
    Some((disk, path.file_name()?.to_str()?.into()))
}

unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    path: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    let Some(default) = default_vfs() else {
        return SQLITE_IOERR;
    };
    // SAFETY: the default VFS gets SQLite's own arguments, and a file struct of the size it declares.
    let opened = unsafe {
        match (*default).xOpen {
            Some(open) => open(default, path, file, flags, flags_out),
            None => SQLITE_IOERR,
        }
    };
    // SAFETY: `path` is SQLite's, `file` was initialized by the open above.
    unsafe {
        if opened == SQLITE_OK
            && let Some((disk, name)) = disk_of(path)
            && let Some(methods) = (*file).pMethods.as_ref()
        {
            let mut patched = *methods;
            patched.xClose = Some(close);
            patched.xWrite = Some(write);
            patched.xTruncate = Some(truncate);
            patched.xSync = Some(sync);
            (*file).pMethods = Box::leak(Box::new(patched));
            let open_file = OpenFile {
                disk,
                name,
                methods,
            };
            lock(&FILES).insert(file as usize, open_file);
        }
    }
    opened
}

unsafe extern "C" fn delete(_: *mut sqlite3_vfs, path: *const c_char, durably: c_int) -> c_int {
    let Some(default) = default_vfs() else {
        return SQLITE_IOERR;
    };
    // SAFETY: `path` is SQLite's, and the default VFS gets SQLite's own arguments.
    unsafe {
        if let Some((disk, name)) = disk_of(path)
            && let Verdict::Fail(code) | Verdict::Partly(_, code) = disk.delete(&name, durably != 0)
        {
            return code;
        }
        match (*default).xDelete {
            Some(delete) => delete(default, path, durably),
            None => SQLITE_IOERR,
        }
    }
}

fn open_file(file: *mut sqlite3_file) -> Option<OpenFile> {
    lock(&FILES).get(&(file as usize)).cloned()
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    let closing = lock(&FILES).remove(&(file as usize));
    // SAFETY: the default VFS closes the file that it opened.
    unsafe {
        match closing.and_then(|closing| closing.methods.xClose) {
            Some(close) => close(file),
            None => SQLITE_IOERR,
        }
    }
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    bytes: *const c_void,
    length: c_int,
    offset: i64,
) -> c_int {
    let Some(open) = open_file(file) else {
        return SQLITE_IOERR;
    };
    let length_in_bytes = usize::try_from(length).unwrap_or_default();
    // SAFETY: SQLite passes a buffer of this length.
    let content = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), length_in_bytes) };
    let offset_in_bytes = u64::try_from(offset).unwrap_or_default();
    let verdict = open.disk.write(&open.name, offset_in_bytes, content);
    let (length, code) = match verdict {
        Verdict::Do => (length, SQLITE_OK),
        Verdict::Partly(written, code) => (c_int::try_from(written).unwrap_or(0).min(length), code),
        Verdict::Fail(code) => return code,
    };
    // SAFETY: `length` does not exceed the buffer.
    let written = unsafe {
        match open.methods.xWrite {
            Some(write) => write(file, bytes, length, offset),
            None => SQLITE_IOERR,
        }
    };
    if code == SQLITE_OK { written } else { code }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: i64) -> c_int {
    let Some(open) = open_file(file) else {
        return SQLITE_IOERR;
    };
    let size_in_bytes = u64::try_from(size).unwrap_or_default();
    if let Verdict::Fail(code) | Verdict::Partly(_, code) =
        open.disk.truncate(&open.name, size_in_bytes)
    {
        return code;
    }
    // SAFETY: the default VFS gets the file that it opened.
    unsafe {
        match open.methods.xTruncate {
            Some(truncate) => truncate(file, size),
            None => SQLITE_IOERR,
        }
    }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    let Some(open) = open_file(file) else {
        return SQLITE_IOERR;
    };
    if let Verdict::Fail(code) | Verdict::Partly(_, code) = open.disk.sync(&open.name) {
        return code;
    }
    // SAFETY: the default VFS gets the file that it opened.
    unsafe {
        match open.methods.xSync {
            Some(sync) => sync(file, flags),
            None => SQLITE_IOERR,
        }
    }
}
