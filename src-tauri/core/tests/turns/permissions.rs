//! Only its owner can access the data folder, whatever the umask.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use conch_fault_server::Script;

use crate::{Fixture, accepted, open, settled};

/// The environment variable with the folder for the session that a child of this test runs.
const FOLDER: &str = "CONCH_TEST_SESSION_IN";

const NAME: &str = "permissions::a_session_leaves_nothing_open_to_others";

/// The umask applies to the whole process, so each has its own process.
#[test]
fn a_session_leaves_nothing_open_to_others() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return tokio::runtime::Runtime::new()
            .unwrap()
            .block_on(session(Path::new(&folder)));
    }
    for umask in ["000", "022", "077"] {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("above").join("data");
        let program = std::env::current_exe().unwrap();
        let child = Command::new("sh")
            .args(["-c", &format!("umask {umask}; exec \"$0\" --exact {NAME}")])
            .arg(program)
            .env(FOLDER, &folder)
            .output()
            .unwrap();
        assert!(
            child.status.success(),
            "{}",
            String::from_utf8_lossy(&child.stdout)
        );
        assert!(folder.join("conch.db").exists(), "there was a session");
        let mut open = Vec::new();
        walk(&place.path().join("above"), &mut open);
        assert!(open.is_empty(), "umask {umask}: {open:?}");
    }
}

/// A typical session: an older version's folder, an answer, a backup, a crash.
async fn session(folder: &Path) {
    let fixture = Fixture::new().await;
    let app = open(folder, &fixture.server).await;
    fixture.server.push(Script::answer("Hello."));
    let conversation = app.conversations.create(None, None).await.unwrap();
    accepted(crate::send(&app, &conversation.id, "hello").await);
    settled(&app, &conversation.id).await;
    check_while_open(folder);
    app.quit().await;
    for (name, mode) in [
        ("conch.db", 0o666),
        ("window.json", 0o644),
        ("keys.json", 0o644),
    ] {
        let path = folder.join(name);
        if !path.exists() {
            fs::write(&path, "{}").unwrap();
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::create_dir_all(folder.join("webview").join("storage")).unwrap();
    fs::write(folder.join("webview").join("storage").join("x"), "").unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    let app = open(folder, &fixture.server).await;
    app.quit().await;
}

/// While the application runs there are more files.
fn check_while_open(folder: &Path) {
    let mut open = Vec::new();
    walk(folder, &mut open);
    assert!(open.is_empty(), "{open:?}");
}

fn walk(path: &Path, open: &mut Vec<String>) {
    let found = fs::symlink_metadata(path).unwrap();
    let mode = found.permissions().mode() & 0o777;
    let right = if found.is_dir() { 0o700 } else { 0o600 };
    if mode != right {
        open.push(format!("{} is {mode:o}", path.display()));
    }
    if found.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            walk(&entry.unwrap().path(), open);
        }
    }
}
