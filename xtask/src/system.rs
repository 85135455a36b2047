//! What the machine itself must have: compilers, the web view and its driver, Python.
//!
//! On Debian and Ubuntu xtask installs what is missing. Elsewhere package names and the right to install are the
//! user's, and README.md lists them.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use xshell::{Shell, cmd};

use crate::terminal::{heading, say};

/// The packages, which have the same names in Debian 12 and Ubuntu 24.04, each with a shell command whose success
/// shows that the machine has the same thing from elsewhere (pyenv, a vendor's cmake, …).
const PACKAGES: &[(&str, &str)] = &[
    ("build-essential", "false"),
    ("ca-certificates", "false"),
    ("cmake", "cmake --version"),
    ("dbus", "false"),
    ("dbus-x11", "false"),
    // A machine without any font draws boxes, in the window and in screenshots.
    ("fonts-dejavu-core", "false"),
    // The keychain for the tests of keys, which use a real one.
    (
        "gnome-keyring",
        "command -v kwalletd5 || command -v kwalletd6 || command -v keepassxc",
    ),
    ("libayatana-appindicator3-dev", "false"),
    ("libclang-dev", "false"),
    ("librsvg2-dev", "false"),
    ("libwebkit2gtk-4.1-dev", "false"),
    ("pkg-config", "pkg-config --version"),
    ("python3", "python3 -c 'import sqlite3'"),
    ("python3-pip", "python3 -m pip --version"),
    ("webkit2gtk-driver", "false"),
    // For xvfb-run.
    ("xauth", "false"),
    // The tests press real keys, and paste what another application copied.
    ("xclip", "false"),
    ("xdotool", "false"),
    ("xvfb", "false"),
];

/// Returns the packages that this machine lacks; none outside Debian's family, where nothing is checked.
///
/// # Errors
/// When dpkg-query cannot be started.
pub(crate) fn missing_packages(shell: &Shell) -> anyhow::Result<Vec<&'static str>> {
    if !Path::new("/etc/debian_version").exists() {
        say(
            "this is neither Debian nor Ubuntu: README.md, \"Other systems\", lists what to install",
        );
        return Ok(Vec::new());
    }
    let names = PACKAGES.iter().map(|(package, _)| package);
    // It fails when it does not know one of them.
    let format = "${db:Status-Abbrev} ${Package}\n";
    let known = cmd!(shell, "dpkg-query --show --showformat {format} {names...}")
        .ignore_status()
        .ignore_stderr()
        .quiet()
        .read()?;
    Ok(missing(&installed(&known), |command| {
        let probe = cmd!(shell, "sh -c {command}").ignore_stderr().quiet();
        probe.ignore_stdout().run().is_ok()
    }))
}

/// Parses dpkg's status, whose second letter is the package's present state; `i` is fully installed.
fn installed(answer: &str) -> BTreeSet<&str> {
    answer
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(status, _)| status.chars().nth(1) == Some('i'))
        .map(|(_, package)| package.trim())
        .collect()
}

fn missing(installed: &BTreeSet<&str>, works: impl Fn(&str) -> bool) -> Vec<&'static str> {
    PACKAGES
        .iter()
        .filter(|(package, elsewhere)| !installed.contains(package) && !works(elsewhere))
        .map(|&(package, _)| package)
        .collect()
}

/// Installs packages with apt-get, through sudo unless run as root.
///
/// # Errors
/// When the user is neither root nor has sudo, or when apt-get fails.
pub(crate) fn install(shell: &Shell, packages: &[&str]) -> anyhow::Result<()> {
    heading(format!("installing {} system package(s)", packages.len()));
    let sudo = (cmd!(shell, "id -u").quiet().read()? != "0").then_some("sudo");
    // After sudo, which drops variables; without this one, packages may stop to ask questions.
    let apt_get = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"];
    // A broken third-party source must not stop an install that does not need it.
    if cmd!(shell, "env {sudo...} {apt_get...} update")
        .run()
        .is_err()
    {
        say("apt-get update failed; going on with the package lists at hand");
    }
    let install = [
        "-o",
        "DPkg::Lock::Timeout=300",
        "install",
        "--yes",
        "--no-install-recommends",
    ];
    let done = cmd!(
        shell,
        "env {sudo...} {apt_get...} {install...} {packages...}"
    )
    .run();
    done.with_context(|| {
        format!(
            "Conch needs Debian 12, Ubuntu 24.04 or newer, and the network; put apt right, or run as root: apt-get install {}",
            packages.join(" ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fully_installed_packages_count() {
        let answer = "ii  cmake\nrc  xvfb\niU  dbus\nhi  libclang-dev\nun  pkg-config\n";
        assert_eq!(installed(answer), BTreeSet::from(["cmake", "libclang-dev"]));
    }

    #[test]
    fn a_package_is_missing_unless_dpkg_or_a_command_shows_it() {
        let mut have: BTreeSet<_> = PACKAGES.iter().map(|(package, _)| *package).collect();
        assert!(missing(&have, |_| false).is_empty());
        for package in ["cmake", "python3-pip", "xvfb"] {
            have.remove(package);
        }
        let found = missing(&have, |command| command == "cmake --version");
        assert_eq!(found, ["python3-pip", "xvfb"]);
    }
}
