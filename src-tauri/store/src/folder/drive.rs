//! Determines which drive the data folder is on, and whether that drive can hold a database.
//!
//! SQLite's write-ahead log needs memory shared by all its processes, <https://sqlite.org/wal.html>: on a drive
//! that two computers write to, they would corrupt the file. So there only one Conch may have the folder open,
//! which a file lock enforces if the drive forwards locks to its server; if it does not, none may.
//!
//! Read from the kernel's mount table, because a system call on the drive itself would hang if its server is
//! gone.

use std::path::{Path, PathBuf};

/// The suitability of a drive for a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drive {
    /// Only this computer writes to it.
    Local,
    /// Other computers may write to it, and file locks reach them.
    Shared,
    /// Other computers may write to it, and file locks do not reach them.
    Unsafe,
}

/// Returns the drive of a folder.
pub fn of(folder: &Path) -> Drive {
    let Ok(mounts) = std::fs::read_to_string("/proc/self/mountinfo") else {
        return Drive::Local;
    };
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    judge(&mounts, &folder)
}

/// Network file systems that forward locks to the server, with the mount options that turn this off.
const LOCKING: &[(&str, &[&str])] = &[
    ("nfs", NFS_LOCAL),
    ("nfs4", NFS_LOCAL),
    ("cifs", &["nobrl"]),
    ("smb3", &["nobrl"]),
    ("ceph", &[]),
    ("fuse.glusterfs", &[]),
    ("fuse.ceph", &[]),
];

const NFS_LOCAL: &[&str] = &["nolock", "local_lock=all", "local_lock=flock"];

/// Network file systems that do not.
const NOT_LOCKING: &[&str] = &[
    "afs",
    "coda",
    "davfs",
    "fuse.davfs",
    "fuse.davfs2",
    "fuse.gvfsd-fuse",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.smbnetfs",
    "fuse.sshfs",
    "fuse.curlftpfs",
    "ncpfs",
    "smbfs",
];

/// Evaluates the lines of `mountinfo`, see `proc_pid_mountinfo(5)`.
fn judge(mounts: &str, folder: &Path) -> Drive {
    // Of two mounts on the same mount point, the later one hides the other.
    let found = mounts
        .lines()
        .filter_map(Mount::read)
        .filter(|mount| folder.starts_with(&mount.place))
        .max_by_key(|mount| mount.place.as_os_str().len());
    let Some(mount) = found else {
        return Drive::Local;
    };
    if NOT_LOCKING.contains(&mount.kind) {
        return Drive::Unsafe;
    }
    let Some((_, local)) = LOCKING.iter().find(|(kind, _)| *kind == mount.kind) else {
        return Drive::Local;
    };
    if mount
        .options
        .split(',')
        .any(|option| local.contains(&option))
    {
        Drive::Unsafe
    } else {
        Drive::Shared
    }
}

struct Mount<'a> {
    place: PathBuf,
    kind: &'a str,
    /// The options of the file system, not of the mount.
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (at, what) = line.split_once(" - ")?;
        let mut what = what.split(' ');
        Some(Self {
            place: unescaped(at.split(' ').nth(4)?),
            kind: what.next()?,
            options: what.nth(1)?,
        })
    }
}

/// Unescapes a path: the kernel writes a space as `\040`, and so on.
fn unescaped(text: &str) -> PathBuf {
    let mut parts = text.split('\\');
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part
            .get(..3)
            .and_then(|code| u8::from_str_radix(code, 8).ok());
        if let Some(code) = code {
            whole.push(char::from(code));
            whole.push_str(part.get(3..).unwrap_or_default());
        } else {
            whole.push('\\');
            whole.push_str(part);
        }
    }
    whole.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:40 / /home rw shared:2 - nfs4 server:/home rw,vers=4.2,local_lock=none
24 23 0:41 / /home/u/disk rw - ext4 /dev/sdb1 rw
25 23 0:42 / /home/u/far\\040away rw - fuse.sshfs u@server:/ rw,user_id=0
26 22 0:43 / /old rw - nfs server:/old rw,vers=3,local_lock=all
27 22 0:44 / /share rw - cifs //server/share rw,nobrl
28 22 0:45 / /secret rw - fuse.gocryptfs /x rw
29 22 0:46 / /vm rw - 9p host rw,trans=virtio
30 22 0:47 / /twice rw - nfs4 server:/t rw
31 30 0:48 / /twice rw - tmpfs tmpfs rw
a line that is none
";

    #[test]
    fn the_nearest_mount_says_what_the_drive_is() {
        let drive = |folder: &str| judge(MOUNTS, Path::new(folder));
        assert_eq!(drive("/var/lib/conch"), Drive::Local);
        assert_eq!(drive("/home/u/.local/share/conch"), Drive::Shared);
        assert_eq!(drive("/homely"), Drive::Local, "names are whole");
        assert_eq!(drive("/home/u/disk/conch"), Drive::Local);
        assert_eq!(drive("/home/u/far away/conch"), Drive::Unsafe);
        assert_eq!(drive("/old/conch"), Drive::Unsafe);
        assert_eq!(drive("/share/conch"), Drive::Unsafe);
        assert_eq!(drive("/secret/conch"), Drive::Local, "no network in it");
        assert_eq!(drive("/vm/conch"), Drive::Local, "one computer's host");
        assert_eq!(
            drive("/twice/conch"),
            Drive::Local,
            "the later mount counts"
        );
        assert_eq!(judge("", Path::new("/x")), Drive::Local);
    }
}
