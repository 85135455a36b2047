//! Debian and Ubuntu: which packages are missing, and how to install them.
//!
//! The names are those of Debian 12 and Ubuntu 24.04, which agree on all of them.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::terminal::{heading, say};
use crate::tool::Tool;

/// A package, and a command whose success shows that the machine has the same thing from elsewhere (pyenv, a
/// vendor's cmake, …), so that no second one is installed.
struct Need {
    package: &'static str,
    elsewhere: &'static [&'static str],
}

const fn package(package: &'static str) -> Need {
    Need {
        package,
        elsewhere: &[],
    }
}

const NEEDS: &[Need] = &[
    package("build-essential"),
    package("ca-certificates"),
    Need {
        package: "cmake",
        elsewhere: &["cmake", "--version"],
    },
    package("dbus"),
    package("dbus-x11"),
    // A machine without any font draws boxes, in the window and in screenshots.
    package("fonts-dejavu-core"),
    // The keychain for the tests of keys, which use a real one.
    Need {
        package: "gnome-keyring",
        elsewhere: &[
            "sh",
            "-c",
            "command -v kwalletd5 || command -v kwalletd6 || command -v keepassxc",
        ],
    },
    package("libayatana-appindicator3-dev"),
    package("libclang-dev"),
    package("librsvg2-dev"),
    package("libwebkit2gtk-4.1-dev"),
    Need {
        package: "pkg-config",
        elsewhere: &["pkg-config", "--version"],
    },
    Need {
        package: "python3",
        elsewhere: &["python3", "-c", "import sqlite3, zipfile"],
    },
    Need {
        package: "python3-pip",
        elsewhere: &["python3", "-m", "pip", "--version"],
    },
    package("webkit2gtk-driver"),
    // The tests press real keys, and paste what another application copied.
    package("xclip"),
    package("xdotool"),
    package("xvfb"),
];

const REMEDY: &str = "Conch needs Debian 12, Ubuntu 24.04 or newer, and the network; \
                      see the lines above, put apt right and run this again";

/// System packages that are not on this machine.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct MissingPackages(Vec<&'static str>);

impl MissingPackages {
    /// Returns whether there is nothing to install.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the names, separated by spaces.
    pub(crate) fn names(&self) -> String {
        self.0.join(" ")
    }

    /// Installs them with apt-get, through sudo unless run as root.
    ///
    /// # Errors
    /// When the user is neither root nor has sudo, or when apt-get fails.
    pub(crate) fn install(&self) -> Result<(), Error> {
        let right = self.right_to_install()?;
        heading(format!("installing {} system package(s)", self.0.len()));
        // A broken third-party source must not stop an install that does not need it.
        if apt_get(right).arg("update").run().is_err() {
            say("apt-get update failed; going on with the package lists at hand");
        }
        apt_get(right)
            .args(["install", "--yes", "--no-install-recommends"])
            .args(&self.0)
            .run_quoting_stderr()
    }

    fn right_to_install(&self) -> Result<Right, Error> {
        let user = Tool::new("id", "install coreutils").arg("-u").capture()?;
        if user.trim() == "0" {
            Ok(Right::Root)
        } else if Tool::new("sudo", "").arg("--version").succeeds() {
            Ok(Right::Sudo)
        } else {
            Err(Error::Missing {
                what: "system packages are missing, and this account is neither root nor has sudo"
                    .to_owned(),
                remedy: format!("run as root: apt-get install {}", self.names()),
            })
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Right {
    Root,
    Sudo,
}

fn apt_get(right: Right) -> Tool {
    // `env` because sudo drops variables; without this one, packages may stop to ask questions.
    let words = [
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "-o",
        "DPkg::Lock::Timeout=300",
    ];
    match right {
        Right::Root => Tool::new(words[0], REMEDY).args(&words[1..]),
        Right::Sudo => Tool::new("sudo", REMEDY).args(words),
    }
}

/// Queries dpkg, and the commands that may come from elsewhere.
///
/// # Errors
/// When dpkg-query cannot be started.
pub(super) fn missing_packages() -> Result<MissingPackages, Error> {
    let answer = Tool::new("dpkg-query", "it is part of dpkg")
        .args([
            "--show",
            "--showformat",
            "${db:Status-Abbrev}\t${Package}\n",
        ])
        .args(NEEDS.iter().map(|need| need.package))
        .answer()?;
    Ok(missing(NEEDS, &installed(&answer), |command| {
        Tool::new(command[0], "").args(&command[1..]).succeeds()
    }))
}

fn missing(
    needs: &[Need],
    installed: &BTreeSet<String>,
    works: impl Fn(&[&str]) -> bool,
) -> MissingPackages {
    let names = needs
        .iter()
        .filter(|need| !installed.contains(need.package))
        .filter(|need| need.elsewhere.is_empty() || !works(need.elsewhere))
        .map(|need| need.package)
        .collect();
    MissingPackages(names)
}

/// Parses dpkg's status, whose second letter is the package's present state; `i` is fully installed.
fn installed(answer: &str) -> BTreeSet<String> {
    answer
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter(|(status, _)| status.chars().nth(1) == Some('i'))
        .map(|(_, name)| name.trim().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fully_installed_packages_count() {
        let answer = "ii \tcmake\nrc \txvfb\niU \tdbus\nhi \tlibclang-dev\nun \tpkg-config\n";
        let names: Vec<String> = installed(answer).into_iter().collect();
        assert_eq!(names, ["cmake", "libclang-dev"]);
    }

    #[test]
    fn a_package_is_missing_unless_dpkg_or_a_command_shows_it() {
        let needs = [
            package("xvfb"),
            package("no-such-package-of-conch"),
            Need {
                package: "cmake",
                elsewhere: &["cmake", "--version"],
            },
            Need {
                package: "python3-pip",
                elsewhere: &["python3", "-m", "pip", "--version"],
            },
        ];
        let dpkg = BTreeSet::from(["xvfb".to_owned()]);
        let plan = missing(&needs, &dpkg, |command| command[0] == "cmake");
        assert_eq!(plan.0, ["no-such-package-of-conch", "python3-pip"]);
        assert_eq!(plan.names(), "no-such-package-of-conch python3-pip");
        assert!(!plan.is_empty());
    }

    #[test]
    fn nothing_is_missing_on_a_machine_that_has_all() {
        let dpkg = NEEDS.iter().map(|need| need.package.to_owned()).collect();
        assert!(missing(NEEDS, &dpkg, |_| false).is_empty());
    }

    #[test]
    fn the_list_is_sorted_and_without_doubles() {
        let names: Vec<&str> = NEEDS.iter().map(|need| need.package).collect();
        let sorted: Vec<&str> = BTreeSet::from_iter(names.clone()).into_iter().collect();
        assert_eq!(names, sorted);
    }
}
