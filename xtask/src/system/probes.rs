//! Other Linux distributions, macOS and Windows: checks the prerequisites and prints exactly what to install.
//!
//! Every platform's list is plain data, checked by ordinary commands, so that all of them compile and are tested
//! everywhere.

use std::env;

use crate::error::Error;
use crate::system::os_release::OsRelease;
use crate::terminal::{heading, say};
use crate::tool::Tool;

/// One prerequisite, the command whose success shows that it is installed, and how to install it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Probe {
    what: &'static str,
    command: Vec<String>,
    install: String,
}

impl Probe {
    fn new(what: &'static str, command: &[&str], install: &str) -> Self {
        Self {
            what,
            command: command.iter().map(|&word| word.to_owned()).collect(),
            install: install.to_owned(),
        }
    }
}

/// What a Linux outside the Debian family needs: what it is, its probe, and its package in Fedora
/// and in Arch. A probe of one word is a pkg-config module.
const LINUX: &[(&str, &[&str], &str, &str)] = &[
    (
        "a C and C++ compiler",
        &["c++", "--version"],
        "gcc-c++",
        "base-devel",
    ),
    ("make", &["make", "--version"], "make", "base-devel"),
    ("cmake", &["cmake", "--version"], "cmake", "cmake"),
    (
        "pkg-config",
        &["pkg-config", "--version"],
        "pkgconf-pkg-config",
        "pkgconf",
    ),
    ("libclang", &["clang", "--version"], "clang-devel", "clang"),
    (
        "WebKitGTK 4.1",
        &["webkit2gtk-4.1"],
        "webkit2gtk4.1-devel",
        "webkit2gtk-4.1",
    ),
    (
        "libayatana-appindicator",
        &["ayatana-appindicator3-0.1"],
        "libayatana-appindicator-gtk3-devel",
        "libayatana-appindicator",
    ),
    ("librsvg", &["librsvg-2.0"], "librsvg2-devel", "librsvg"),
    (
        "WebKitWebDriver",
        &["WebKitWebDriver", "--version"],
        "webkit2gtk-driver",
        "webkit2gtk-4.1",
    ),
    (
        "Xvfb",
        &["sh", "-c", "command -v Xvfb"],
        "xorg-x11-server-Xvfb",
        "xorg-server-xvfb",
    ),
    ("xclip", &["sh", "-c", "command -v xclip"], "xclip", "xclip"),
    ("xdotool", &["xdotool", "version"], "xdotool", "xdotool"),
    (
        "dbus-run-session",
        &["dbus-run-session", "--version"],
        "dbus-daemon",
        "dbus",
    ),
    (
        "Python 3 with sqlite3",
        &["python3", "-c", "import sqlite3, zipfile"],
        "python3",
        "python",
    ),
    (
        "pip",
        &["python3", "-m", "pip", "--version"],
        "python3-pip",
        "python-pip",
    ),
];

/// Returns the list of a Linux outside the Debian family.
pub(super) fn linux(os: &OsRelease) -> Vec<Probe> {
    LINUX
        .iter()
        .map(|&(what, command, fedora, arch)| {
            let install = if os.is_arch_family() {
                format!("pacman -S {arch}")
            } else {
                format!(
                    "{} has no package list here; in Fedora it is `dnf install {fedora}`",
                    os.name()
                )
            };
            match command {
                [module] => Probe::new(what, &["pkg-config", "--exists", module], &install),
                _ => Probe::new(what, command, &install),
            }
        })
        .collect()
}

/// Returns the list of macOS, where the web view is part of the system.
pub(super) fn macos() -> Vec<Probe> {
    vec![
        Probe::new(
            "the Xcode command line tools",
            &["xcode-select", "-p"],
            "xcode-select --install",
        ),
        Probe::new("cmake", &["cmake", "--version"], "brew install cmake"),
        Probe::new(
            "Python 3 with sqlite3",
            &["python3", "-c", "import sqlite3, zipfile"],
            "brew install python",
        ),
        Probe::new(
            "pip",
            &["python3", "-m", "pip", "--version"],
            "python3 -m ensurepip",
        ),
    ]
}

/// Returns the list of Windows.
pub(super) fn windows() -> Vec<Probe> {
    let programs =
        env::var("ProgramFiles(x86)").unwrap_or_else(|_| r"C:\Program Files (x86)".to_owned());
    let vswhere = format!(r"{programs}\Microsoft Visual Studio\Installer\vswhere.exe");
    // vswhere succeeds with empty output when nothing matches; findstr fails on that.
    let build_tools = format!(
        "\"{vswhere}\" -products * -requires Microsoft.VisualStudio.Component.VC.Tools.x86.x64 \
         -property installationPath | findstr ."
    );
    let webview = r"HKLM\SOFTWARE\WOW6432Node\Microsoft\EdgeUpdate\Clients\{F3017226-FE2A-4295-8BDF-00C3A9A7E4C5}";
    let mut probes = vec![
        Probe::new(
            "the MSVC build tools",
            &["cmd", "/C", &build_tools],
            "winget install Microsoft.VisualStudio.2022.BuildTools, with the workload \"Desktop development with C++\"",
        ),
        Probe::new(
            "WebView2",
            &["reg", "query", webview, "/v", "pv"],
            "winget install Microsoft.EdgeWebView2Runtime",
        ),
        Probe::new(
            "cmake",
            &["cmake", "--version"],
            "winget install Kitware.CMake",
        ),
        Probe::new(
            "Python 3 with sqlite3",
            &["python", "-c", "import sqlite3, zipfile"],
            "winget install Python.Python.3.12",
        ),
        Probe::new(
            "pip",
            &["python", "-m", "pip", "--version"],
            "python -m ensurepip",
        ),
    ];
    if env::var_os("LIBCLANG_PATH").is_none() {
        probes.push(Probe::new(
            "LLVM (libclang)",
            &["clang", "--version"],
            "winget install LLVM.LLVM, or set LIBCLANG_PATH to its bin folder",
        ));
    }
    probes
}

/// Runs every probe and prints each missing prerequisite with how to install it.
///
/// # Errors
/// When anything is missing.
pub(super) fn check(probes: &[Probe]) -> Result<(), Error> {
    let missing = missing(probes, |command| {
        command
            .split_first()
            .is_some_and(|(program, arguments)| Tool::new(program, "").args(arguments).succeeds())
    });
    if missing.is_empty() {
        return Ok(());
    }
    heading("this machine lacks something that Conch needs");
    for probe in &missing {
        say(format!("  {}: {}", probe.what, probe.install));
    }
    let names: Vec<&str> = missing.iter().map(|probe| probe.what).collect();
    Err(Error::Missing {
        what: format!("missing: {}", names.join(", ")),
        remedy: "install what is listed above and run this again".to_owned(),
    })
}

fn missing(probes: &[Probe], works: impl Fn(&[String]) -> bool) -> Vec<&Probe> {
    probes
        .iter()
        .filter(|probe| !works(&probe.command))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pkg_config_module_is_asked_for_by_name() {
        let probes = linux(&OsRelease::default());
        let webkit = probes
            .iter()
            .find(|probe| probe.what == "WebKitGTK 4.1")
            .unwrap();
        assert_eq!(webkit.command, ["pkg-config", "--exists", "webkit2gtk-4.1"]);
        assert!(
            webkit.install.contains("dnf install webkit2gtk4.1-devel"),
            "{}",
            webkit.install
        );
    }

    #[test]
    fn only_what_fails_is_missing() {
        let probes = macos();
        let found = missing(&probes, |command| command[0] != "cmake");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].install, "brew install cmake");
    }

    #[test]
    fn what_is_missing_stops_with_its_name() {
        let probe = Probe::new(
            "a thing",
            &["no-such-program-of-conch"],
            "install the thing",
        );
        let line = check(&[probe]).unwrap_err().to_string();
        assert_eq!(
            line,
            "missing: a thing; install what is listed above and run this again"
        );
    }

    #[test]
    fn every_probe_has_a_command_and_a_way_to_install() {
        for probe in linux(&OsRelease::default())
            .into_iter()
            .chain(macos())
            .chain(windows())
        {
            assert!(
                !probe.command.is_empty() && !probe.install.is_empty(),
                "{}",
                probe.what
            );
        }
    }
}
