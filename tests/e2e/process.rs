//! What the application's processes expose to others, and how they handle signals and resource limits.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use conch_fault_server::Script;
use conch_window::{descendants, has_ended};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

use crate::{Scene, until};

/// The key that no process may expose.
pub(crate) const CANARY: &str = "sk-canary-of-the-environment";

/// Returns a process's environment as the system exposes it; `None` where only root may read it.
pub(crate) fn environment_of(process: u32) -> Option<String> {
    let environment = fs::read(format!("/proc/{process}/environ")).ok()?;
    Some(String::from_utf8_lossy(&environment).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_process_shows_a_key_of_the_environment() {
    let given = [
        ("OPENAI_API_KEY", CANARY),
        ("GEMINI_API_KEY", CANARY),
        // Nothing listens there.
        ("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:9"),
    ];
    let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let scene = Scene::open_with(&given).await;
    scene.server.push(Script::answer("Hello."));
    scene.send("hello").await;
    scene.wait_for_answer("complete", "Hello.").await;
    let asked = &scene.server.completions()[0];
    let bearer = format!("Bearer {CANARY}");
    assert_eq!(asked.headers["authorization"], bearer, "it is used");

    let application = scene.application();
    let hides = |process: u32| environment_of(process).is_none_or(|all| !all.contains(CANARY));
    assert!(hides(application), "the application itself");
    let children = descendants(application);
    for name in ["WebKitWebProces", "WebKitNetworkPr"] {
        assert!(children.iter().any(|child| child.name == name), "{name}");
    }
    for child in children {
        let shown = environment_of(child.id).unwrap_or_default();
        assert!(shown.contains("PATH="), "{} can be looked into", child.name);
        assert!(hides(child.id), "{}", child.name);
    }
}

/// A logout sends two signals, a closed terminal one.
#[tokio::test(flavor = "multi_thread")]
async fn a_closed_terminal_and_a_logout_end_the_application_well() {
    for signals in [&["-HUP"][..], &["-TERM", "-HUP"]] {
        let scene = Scene::open().await;
        scene
            .server
            .push(Script::gated("never", "not saved yet", "lost"));
        scene.send("hello").await;
        scene.wait_for_answer("generating", "not saved yet").await;
        let application = scene.application();
        for signal in signals {
            crate::crash::signal(signal, application).await;
        }
        until("the application ends", async || has_ended(application)).await;
        let left = fs::read_dir(scene.folder.path().join("instances")).unwrap();
        assert_eq!(left.count(), 0, "{signals:?} is no crash");
        let scene = scene.kill_and_reopen().await;
        scene.wait_for_answer("interrupted", "not saved yet").await;
    }
}

/// Standard error that is full, closed, or never read; and a umask that grants everything.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_written_harms_nothing_and_no_file_is_open_to_others() {
    for stderr in [
        "2>/dev/full",
        "2> >(true)",
        "2> >(exec tail --pid=$$ -f /dev/null)",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("conch");
        let script = format!(
            "#!/bin/bash\numask 000\nexec {} {stderr}\n",
            env!("CARGO_BIN_EXE_conch")
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        let log = [("CONCH_LOG".to_owned(), "trace".to_owned())];
        let scene = Scene::open_program(&program, &log).await;
        scene.server.push(Script::answer(&"word ".repeat(2000)));
        scene.send("hello").await;
        scene
            .wait_for_answer("complete", &"word ".repeat(2000))
            .await;
        let data = scene.folder.path().to_owned();
        assert_private(&data);
        let application = scene.application();
        scene.window.close().await.unwrap();
        assert!(has_ended(application), "{stderr}");
        assert_private(&data);
    }
}

/// Fails at the first file or folder below that others may read, write or enter.
fn assert_private(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // It may have been deleted meanwhile.
        let Ok(metadata) = fs::symlink_metadata(&path) else {
            continue;
        };
        let mode = metadata.permissions().mode() & 0o777;
        assert!(
            metadata.is_symlink() || mode.trailing_zeros() >= 6,
            "{} has {mode:o}",
            path.display()
        );
        if metadata.is_dir() {
            assert_private(&path);
        }
    }
}

#[tokio::test]
async fn without_a_display_a_line_that_cannot_be_written_is_no_crash() {
    for stderr in ["2>/dev/full", "2>&-", "2> >(true)"] {
        let mut shell = Command::new("bash");
        shell
            .args([
                "-c",
                &format!("exec \"$0\" {stderr}"),
                env!("CARGO_BIN_EXE_conch"),
            ])
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY");
        assert_eq!(shell.status().await.unwrap().code(), Some(1), "{stderr}");
    }
}

/// Starts the PDF reader, which waits for its file: as the application starts it, and with core dumps
/// enabled by the user.
fn reader() -> Child {
    Command::new("bash")
        .args([
            "-c",
            "ulimit -c unlimited 2>/dev/null; exec \"$0\" read-pdf",
            env!("CARGO_BIN_EXE_conch"),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Returns the kernel's limits of a process once it has set its own.
async fn limits(process: u32) -> String {
    let mut limits = String::new();
    until("the reader bounds itself", async || {
        limits = fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
        let bounded = |line: &str| line.starts_with("Max cpu time") && line.contains(" 60 ");
        limits.lines().any(bounded)
    })
    .await;
    limits
}

#[tokio::test]
async fn the_pdf_reader_ends_when_its_output_is_closed() {
    let mut reader = reader();
    let id = reader.id().unwrap();
    limits(id).await;
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    assert!(status.contains("Umask:\t0077"), "{status}");
    // As when the application is killed. The file stays open, so the reader does not end at its end of file.
    let file = reader.stdin.take();
    drop(reader.stdout.take());
    let ended: ExitStatus = reader.wait().await.unwrap();
    assert!(!ended.success());
    drop(file);
}

#[tokio::test]
async fn a_process_that_crashes_leaves_no_core() {
    let mut reader = reader();
    let id = reader.id().unwrap();
    let limits = limits(id).await;
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let core: Vec<_> = core.unwrap().split_whitespace().collect();
    // A hard limit below one byte is set by the machine.
    assert!(
        ["0", "1"].contains(&core[4]),
        "no program is given one either: {core:?}"
    );
    crate::crash::signal("-ABRT", id).await;
    let ended = reader.wait().await.unwrap();
    assert_eq!(ended.signal(), Some(6), "{ended}");
    assert!(!ended.core_dumped());
    let mut said = String::new();
    let mut output = reader.stdout.take().unwrap();
    output.read_to_string(&mut said).await.unwrap();
    assert_eq!(said, "");
}

/// Checks the environment variables that tests and their windows inherit.
#[test]
fn a_developers_key_reaches_no_test() {
    for name in conch_core::provider::environment_variables() {
        assert!(!conch_window::is_inherited(name.as_ref()), "{name}");
    }
}
