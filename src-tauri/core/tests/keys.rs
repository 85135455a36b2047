//! Keys in a real keychain: with a Secret Service on a private bus, with a bus without one, and with no bus.
//!
//! The environment determines the session bus, and the connection lasts as long as the process. So each
//! run of the application is a process: this test binary again, with the fixture's environment. The bus
//! starts gnome-keyring at the first call, as on a desktop; gnome-keyring ends with the bus.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use conch_core::keys::{KeyError, Keys};
use conch_core::model::{KeyName, KeyPlace};
use secrecy::ExposeSecret;
use tempfile::TempDir;

const KEY: &str = "sk-of-a-test-0123456789";
const STEP: &str = "CONCH_KEYS_STEP";
const FOLDER: &str = "CONCH_KEYS_FOLDER";

#[test]
fn the_system_keychain_keeps_a_key_from_run_to_run() {
    let (Some(dbus), Some(keyring)) = (found("dbus-daemon"), found("gnome-keyring-daemon")) else {
        return skipped("the_system_keychain_keeps_a_key_from_run_to_run");
    };
    let fixture = Fixture::new();
    fixture.offer(&keyring, "--unlock");
    let bus = Bus::start(&dbus, &fixture);
    fixture.run(Some(&bus), "missing");
    fixture.run(Some(&bus), "store");
    fixture.run(Some(&bus), "load");
    fixture.run(Some(&bus), "forget");
    fixture.run(Some(&bus), "missing");
    assert_eq!(
        fs::read_dir(fixture.folder.path().join("conch"))
            .unwrap()
            .count(),
        0,
        "no key was kept in a file"
    );
}

#[test]
fn a_locked_keychain_says_so_and_keeps_its_keys() {
    let (Some(dbus), Some(keyring)) = (found("dbus-daemon"), found("gnome-keyring-daemon")) else {
        return skipped("a_locked_keychain_says_so_and_keeps_its_keys");
    };
    let fixture = Fixture::new();
    for (unlock, step) in [("--unlock", "store"), ("", "locked"), ("--unlock", "load")] {
        fixture.offer(&keyring, unlock);
        fixture.run(Some(&Bus::start(&dbus, &fixture)), step);
    }
}

#[test]
fn a_bus_without_a_keychain_is_reported_at_once() {
    let Some(dbus) = found("dbus-daemon") else {
        return skipped("a_bus_without_a_keychain_is_reported_at_once");
    };
    let fixture = Fixture::new();
    let bus = Bus::start(&dbus, &fixture);
    fixture.run(Some(&bus), "unavailable");
}

#[test]
fn a_system_without_a_bus_is_reported_at_once() {
    Fixture::new().run(None, "unavailable");
}

/// One run of the application. Not a standalone test: the tests above start it.
#[tokio::test]
#[ignore = "the other tests start it, with the environment of a scene"]
async fn one_run() {
    let Some(step) = std::env::var_os(STEP) else {
        return;
    };
    let place = KeyPlace::Keychain;
    let keys = Keys::new(Path::new(&std::env::var_os(FOLDER).unwrap()));
    let name = KeyName::new("openai", "https://api.example.com/v1").unwrap();
    match step.to_str().unwrap() {
        "store" => {
            keys.store(&name, "overwritten".into(), place)
                .await
                .unwrap();
            keys.store(&name, KEY.into(), place).await.unwrap();
        }
        "load" => {
            let key = keys.load(&name, place).await.unwrap().unwrap();
            assert_eq!(key.expose_secret(), KEY);
            let elsewhere = KeyName::new("openai", "https://api.example.com:444/v1").unwrap();
            assert!(keys.load(&elsewhere, place).await.unwrap().is_none());
        }
        "forget" => {
            keys.forget(&name, place).await.unwrap();
            keys.forget(&name, place).await.unwrap();
        }
        "missing" => assert!(keys.load(&name, place).await.unwrap().is_none()),
        "locked" => {
            // No prompt can ask for the password: this bus has no prompter.
            let error = keys.load(&name, place).await.unwrap_err();
            assert!(
                matches!(error, KeyError::KeychainRefused { .. }),
                "{error:?}"
            );
        }
        "unavailable" => {
            // Not a timeout: a system without a keychain fails immediately.
            let unavailable = |error: KeyError| {
                assert!(
                    matches!(error, KeyError::KeychainUnavailable { .. }),
                    "{error:?}"
                );
                assert!(error.to_string().contains("Secret Service"), "{error}");
            };
            unavailable(keys.store(&name, KEY.into(), place).await.unwrap_err());
            unavailable(keys.load(&name, place).await.unwrap_err());
            unavailable(keys.forget(&name, place).await.unwrap_err());
            keys.store(&name, KEY.into(), KeyPlace::Session)
                .await
                .unwrap();
            assert!(keys.load(&name, KeyPlace::Session).await.unwrap().is_some());
        }
        other => panic!("no such step: {other}"),
    }
}

/// A temporary home folder.
struct Fixture {
    folder: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for part in ["home", "data", "runtime", "services", "conch"] {
            let private = fs::Permissions::from_mode(0o700);
            fs::create_dir(folder.path().join(part)).unwrap();
            fs::set_permissions(folder.path().join(part), private).unwrap();
        }
        Self { folder }
    }

    /// Lets the bus start gnome-keyring, with a password.
    fn offer(&self, keyring: &Path, unlock: &str) {
        let folder = self.folder.path().display();
        fs::write(self.folder.path().join("password"), "password").unwrap();
        let script = format!(
            "exec '{}' {unlock} --foreground --components=secrets --control-directory='{folder}/runtime' < '{folder}/password'\n",
            keyring.display(),
        );
        fs::write(self.folder.path().join("start"), script).unwrap();
        let service = format!(
            "[D-BUS Service]\nName=org.freedesktop.secrets\nExec=/bin/sh '{folder}/start'\n"
        );
        let file = "services/org.freedesktop.secrets.service";
        fs::write(self.folder.path().join(file), service).unwrap();
    }

    /// Sets the fixture's home, and removes the bus of the user who runs the tests.
    fn at_home(&self, mut command: Command) -> Command {
        let folder = self.folder.path();
        command
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("GNOME_KEYRING_CONTROL")
            .env("HOME", folder.join("home"))
            .env("XDG_DATA_HOME", folder.join("data"))
            .env("XDG_RUNTIME_DIR", folder.join("runtime"));
        command
    }

    fn run(&self, bus: Option<&Bus>, step: &str) {
        let mut command = self.at_home(Command::new(std::env::current_exe().unwrap()));
        command
            .args(["--exact", "one_run", "--ignored", "--nocapture"])
            .env(STEP, step)
            .env(FOLDER, self.folder.path().join("conch"));
        if let Some(bus) = bus {
            command.env("DBUS_SESSION_BUS_ADDRESS", &bus.address);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{step}: {said}{}{}",
            String::from_utf8_lossy(&output.stderr),
            fs::read_to_string(self.folder.path().join("bus.log")).unwrap_or_default(),
        );
    }
}

/// A private session bus, with the services in the fixture's folder.
struct Bus {
    daemon: Child,
    said: BufReader<ChildStdout>,
    address: String,
}

impl Bus {
    fn start(dbus: &Path, fixture: &Fixture) -> Self {
        let folder = fixture.folder.path();
        let config = format!(
            "<busconfig><type>session</type><listen>unix:dir={0}</listen><servicedir>{0}/services</servicedir>\
             <policy context=\"default\"><allow send_destination=\"*\"/><allow eavesdrop=\"false\"/>\
             <allow own=\"*\"/></policy></busconfig>",
            folder.display()
        );
        fs::write(folder.join("bus.conf"), config).unwrap();
        let mut daemon = fixture
            .at_home(Command::new(dbus))
            .arg(format!(
                "--config-file={}",
                folder.join("bus.conf").display()
            ))
            .args(["--nofork", "--nopidfile", "--print-address"])
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.join("bus.log")).unwrap())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(daemon.stdout.take().unwrap());
        let mut address = String::new();
        said.read_line(&mut address).unwrap();
        Self {
            daemon,
            said,
            address: address.trim().to_owned(),
        }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
        // A process started by the bus holds this pipe too, and ends when it loses the bus.
        let _ = self.said.read_to_end(&mut Vec::new());
    }
}

fn found(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Bypasses the test harness, which would capture the line.
fn skipped(test: &str) {
    let line = format!("{test} was skipped: it needs dbus-daemon and gnome-keyring-daemon\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
