//! Pasted files that were copied in another program. A page has only their address, so the core reads them,
//! and only while the system clipboard names them.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use conch_attachments::FILE_LIMIT;
use reqwest::Url;

use super::{AttachmentError, plain_name};

/// A copied file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Copied {
    pub(crate) name: String,
    path: PathBuf,
}

impl Copied {
    /// Returns the file at `uri`, a `file:` URL on this machine.
    ///
    /// # Errors
    /// [`AttachmentError::NotCopied`] when the `clipboard` does not name it.
    pub(crate) fn find(uri: &str, clipboard: &[String]) -> Result<Self, AttachmentError> {
        let path = path_of(uri).ok_or(AttachmentError::NotCopied)?;
        // The page may spell the URL differently from the clipboard: compare paths.
        let mut copied = clipboard.iter().filter_map(|copied| path_of(copied));
        if !copied.any(|copied| copied == path) {
            return Err(AttachmentError::NotCopied);
        }
        let name = path.file_name().unwrap_or(path.as_os_str());
        Ok(Self {
            name: plain_name(&name.to_string_lossy()),
            path,
        })
    }

    /// Reads the content, of a file over the limit only enough to show that it is too large.
    ///
    /// # Errors
    /// When it is not a regular file, or cannot be read.
    pub(crate) async fn read(&self) -> Result<Vec<u8>, AttachmentError> {
        let path = self.path.clone();
        // Blocking: a network folder may be slow.
        let read = tokio::task::spawn_blocking(move || read(&path)).await;
        let read = read.map_err(io::Error::other).flatten();
        read.map_err(|error| match error.kind() {
            io::ErrorKind::IsADirectory => AttachmentError::NoFile {
                name: self.name.clone(),
            },
            _ => AttachmentError::Unopened {
                name: self.name.clone(),
                reason: error.to_string(),
            },
        })
    }
}

fn path_of(uri: &str) -> Option<PathBuf> {
    let url = Url::parse(uri).ok()?;
    // Only a `file:` URL on this host has a local path.
    (url.scheme() == "file")
        .then(|| url.to_file_path().ok())
        .flatten()
}

/// Opens regular files only: a pipe without a writer would block forever, and a device has no end.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let is_file = |metadata: std::fs::Metadata| {
        let error = io::Error::from(io::ErrorKind::IsADirectory);
        metadata.is_file().then_some(()).ok_or(error)
    };
    is_file(std::fs::metadata(path)?)?;
    let file = File::open(path)?;
    is_file(file.metadata()?)?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(FILE_LIMIT).unwrap_or(u64::MAX);
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(path: &Path) -> String {
        Url::from_file_path(path).unwrap().into()
    }

    #[test]
    fn only_a_file_that_the_clipboard_names_is_found() {
        let clipboard = [
            "file:///home/u/My%20notes.txt".to_owned(),
            "https://x/".to_owned(),
        ];
        let find = |uri| Copied::find(uri, &clipboard).map(|copied| copied.name);
        assert_eq!(
            find("file:///home/u/My%20notes.txt").unwrap(),
            "My notes.txt"
        );
        assert_eq!(
            find("file://localhost/home/u/My notes.txt").unwrap(),
            "My notes.txt"
        );
        for other in [
            "file:///home/u/.ssh/id_ed25519",
            "file:///home/u/My%20notes.txt/../.ssh/id_ed25519",
            "file:///home/u/",
            "file://elsewhere/home/u/My%20notes.txt",
            "/home/u/My notes.txt",
            "https://x/",
            "",
        ] {
            assert_eq!(find(other), Err(AttachmentError::NotCopied), "{other}");
        }
        assert!(Copied::find("file:///x", &[]).is_err());
    }

    #[tokio::test]
    async fn only_a_regular_file_is_read_and_no_more_of_it_than_shows_that_it_is_too_large() {
        let folder = tempfile::tempdir().unwrap();
        let read = async |path: &Path| {
            let uri = uri(path);
            let copied = Copied::find(&uri, std::slice::from_ref(&uri)).unwrap();
            copied.read().await
        };
        let (small, large) = (folder.path().join("a.txt"), folder.path().join("b.bin"));
        std::fs::write(&small, "text").unwrap();
        File::create(&large).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(read(&small).await.unwrap(), b"text");
        assert_eq!(read(&large).await.unwrap().len(), FILE_LIMIT + 1);

        let no_file = |refused| matches!(refused, Err(AttachmentError::NoFile { .. }));
        assert!(no_file(read(folder.path()).await));
        #[cfg(unix)]
        assert!(no_file(read(Path::new("/dev/zero")).await), "it never ends");
        let gone = read(&folder.path().join("gone")).await;
        assert!(matches!(gone, Err(AttachmentError::Unopened { .. })));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_pipe_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let uri = uri(&pipe);
        let copied = Copied::find(&uri, std::slice::from_ref(&uri)).unwrap();
        let refused = copied.read().await;
        assert!(matches!(refused, Err(AttachmentError::NoFile { .. })));
    }
}
