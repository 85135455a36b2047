//! Keys in a file of the data folder, for users who consented: plain text that only its owner may read.
//!
//! It is replaced atomically by a rename, so that a crash leaves the old keys or the new ones. It is deleted
//! with its last key.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use conch_model::KeyName;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::KeyError;
use super::backend::KeyBackend;

/// The key file.
#[derive(Debug)]
pub(super) struct KeyFile {
    path: PathBuf,
}

/// The file's content; the keys are indexed by the text of their names.
#[derive(Default, Serialize, Deserialize)]
struct Content {
    keys: BTreeMap<String, Key>,
}

struct Key(SecretString);

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|key| Self(key.into()))
    }
}

impl KeyFile {
    pub(super) fn new(data_folder: &Path) -> Self {
        Self {
            path: data_folder.join("keys.json"),
        }
    }

    fn content(&self) -> Result<Content, KeyError> {
        let unreadable = |source| KeyError::FileUnreadable {
            path: self.path.clone(),
            source,
        };
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Content::default()),
            Err(error) => return Err(unreadable(error)),
        };
        self.restrict_to_owner(&file).map_err(unreadable)?;
        let mut text = Zeroizing::new(Vec::new());
        file.read_to_end(&mut text).map_err(unreadable)?;
        // The messages of serde_json may quote the input: report only the position.
        serde_json::from_slice(&text).map_err(|error| KeyError::FileDamaged {
            path: self.path.clone(),
            line: error.line(),
            column: error.column(),
        })
    }

    /// Restricts the file to its owner, in case its permissions were widened.
    #[cfg(unix)]
    fn restrict_to_owner(&self, file: &File) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt;

        let mode = file.metadata()?.permissions().mode() & 0o777;
        if mode & !0o700 == 0 {
            return Ok(());
        }
        let path = self.path.display();
        match file.set_permissions(fs::Permissions::from_mode(0o600)) {
            Ok(()) => tracing::warn!(
                "other users could read the key file {path} (mode {mode:o}); now only its owner can"
            ),
            // Refusing to read it would protect nothing: the keys were exposed already.
            Err(error) => tracing::warn!(
                "other users can read the key file {path} (mode {mode:o}), and its permissions cannot be changed: {error}"
            ),
        }
        Ok(())
    }

    #[cfg(not(unix))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "the same call everywhere"
    )]
    fn restrict_to_owner(&self, _file: &File) -> io::Result<()> {
        Ok(())
    }

    fn replace(&self, content: &Content) -> Result<(), KeyError> {
        self.try_replace(content)
            .map_err(|source| KeyError::FileUnwritable {
                path: self.path.clone(),
                source,
            })
    }

    fn try_replace(&self, content: &Content) -> io::Result<()> {
        let sibling = self.path.with_extension("json.new");
        // A temporary file left by a crash may hold keys that were deleted since.
        remove(&sibling)?;
        if content.keys.is_empty() {
            remove(&self.path)?;
        } else {
            let written = write_new(&sibling, content);
            if let Err(error) = written.and_then(|()| fs::rename(&sibling, &self.path)) {
                let _ = remove(&sibling);
                return Err(error);
            }
        }
        self.sync_folder();
        Ok(())
    }

    /// Syncs the folder, which makes the rename durable. Not every file system supports that, and the rename
    /// is done, so a failure is ignored.
    fn sync_folder(&self) {
        if let Some(folder) = self.path.parent().filter(|_| cfg!(unix)) {
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
    }
}

impl KeyBackend for KeyFile {
    fn read(&mut self, name: &KeyName) -> Result<Option<SecretString>, KeyError> {
        let mut content = self.content()?;
        Ok(content.keys.remove(&name.to_string()).map(|key| key.0))
    }

    fn write(&mut self, name: &KeyName, key: &SecretString) -> Result<(), KeyError> {
        let mut content = self.content()?;
        content.keys.insert(name.to_string(), Key(key.clone()));
        self.replace(&content)
    }

    fn delete(&mut self, name: &KeyName) -> Result<(), KeyError> {
        let mut content = self.content()?;
        match content.keys.remove(&name.to_string()) {
            Some(_) => self.replace(&content),
            None => Ok(()),
        }
    }
}

/// Writes the whole content to a newly created file that only its owner can ever open.
fn write_new(path: &Path, content: &Content) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let text = Zeroizing::new(serde_json::to_vec_pretty(content)?);
    let mut file = options.open(path)?;
    file.write_all(&text)?;
    file.sync_all()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const KEY: &str = "sk-0123456789";

    fn scene() -> (TempDir, KeyFile) {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path());
        (folder, file)
    }

    fn name(provider_id: &str) -> KeyName {
        KeyName::new(provider_id, "https://example.com").unwrap()
    }

    fn read(file: &mut KeyFile, provider_id: &str) -> Option<String> {
        let key = file.read(&name(provider_id)).unwrap()?;
        Some(key.expose_secret().to_owned())
    }

    fn files(folder: &TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder.path()).unwrap();
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
        entries.map(|e| name(e).into_string().unwrap()).collect()
    }

    #[test]
    fn keys_are_kept_side_by_side_and_the_file_goes_with_the_last() {
        let (folder, mut file) = scene();
        file.delete(&name("a")).unwrap();
        assert_eq!(read(&mut file, "a"), None);
        assert!(files(&folder).is_empty(), "nothing to keep, no file");

        file.write(&name("a"), &KEY.into()).unwrap();
        file.write(&name("b"), &"\"other\"\n".into()).unwrap();
        file.write(&name("a"), &"newer".into()).unwrap();
        assert_eq!(read(&mut file, "a").as_deref(), Some("newer"));
        assert_eq!(read(&mut file, "b").as_deref(), Some("\"other\"\n"));
        assert_eq!(files(&folder), ["keys.json"]);

        file.delete(&name("a")).unwrap();
        assert_eq!(read(&mut file, "a"), None);
        assert!(read(&mut file, "b").is_some());
        file.delete(&name("b")).unwrap();
        assert!(files(&folder).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_restricted_to_its_owner_again_when_it_is_read() {
        use std::os::unix::fs::PermissionsExt;

        let (_folder, mut file) = scene();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        file.write(&name("a"), &KEY.into()).unwrap();
        assert_eq!(mode(&file.path), 0o600);

        fs::set_permissions(&file.path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(read(&mut file, "a").as_deref(), Some(KEY));
        assert_eq!(mode(&file.path), 0o600, "reading closed it");
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_is_closed_to_others_from_the_start() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        write_new(&path, &Content::default()).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let again = write_new(&path, &Content::default()).unwrap_err();
        assert_eq!(
            again.kind(),
            io::ErrorKind::AlreadyExists,
            "a file of somebody else's making is not written to"
        );
    }

    #[test]
    fn what_a_crash_left_behind_goes_with_the_next_change() {
        let (folder, mut file) = scene();
        fs::write(folder.path().join("keys.json.new"), "half").unwrap();
        file.write(&name("a"), &KEY.into()).unwrap();
        assert_eq!(files(&folder), ["keys.json"]);
    }

    #[test]
    fn a_damaged_file_is_reported_without_its_keys_and_left_as_it_is() {
        let (_folder, mut file) = scene();
        for damaged in [
            "",
            "{",
            r#"{"keys":"sk-0123456789"}"#,
            r#"["sk-0123456789"]"#,
            r#"{"keys":{"a":["sk-0123456789"]}}"#,
            r#"{"keys":{"a":"sk-0123456789"}} sk-0123456789"#,
        ] {
            fs::write(&file.path, damaged).unwrap();
            let errors = [
                file.read(&name("a")).unwrap_err(),
                file.write(&name("a"), &KEY.into()).unwrap_err(),
                file.delete(&name("a")).unwrap_err(),
            ];
            for error in errors {
                assert!(matches!(error, KeyError::FileDamaged { .. }), "{error:?}");
                assert!(error.to_string().contains("keys.json"));
                assert!(!format!("{error} {error:?}").contains("0123"), "{error:?}");
            }
            assert_eq!(fs::read_to_string(&file.path).unwrap(), damaged);
        }
    }

    #[test]
    fn a_file_that_cannot_be_written_or_read_is_named() {
        let (folder, _) = scene();
        let mut nowhere = KeyFile::new(&folder.path().join("missing"));
        assert_eq!(read(&mut nowhere, "a"), None);
        let error = nowhere.write(&name("a"), &KEY.into()).unwrap_err();
        assert!(matches!(error, KeyError::FileUnwritable { .. }), "{error}");
        assert!(error.to_string().contains("missing"), "{error}");

        let (_folder, mut file) = scene();
        fs::create_dir(&file.path).unwrap();
        let error = file.read(&name("a")).unwrap_err();
        assert!(matches!(error, KeyError::FileUnreadable { .. }), "{error}");
    }
}
